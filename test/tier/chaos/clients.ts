// The clients of a partition: producers whose acknowledged batches become the truth, readers who go
// on for a few fetches through the seam between archive and disk, and look-ups by time. What they
// are told is compared with the truth; a failure is forgiven while the store is in trouble, a wrong
// answer never.
import { offset } from '../../../src/base/units.ts'
import { build } from '../../record/support.ts'
import { joined } from '../../log/batches.ts'
import type { ChaosBroker } from './broker.ts'
import type { Led } from './parts.ts'
import type { World } from './world.ts'

const OUT_OF_RANGE = 1

/** Sends one batch to a process; what it tells only counts while it leads by right. */
export function produce(world: World, broker: ChaosBroker, led: Led, ghost = false): void {
  const { prng, counts } = world
  const { partition, leader } = led
  const { store } = broker
  if (store.pressed || store.full || store.failure !== null) return
  const nowMs = broker.clock.wallMs()
  const records = Array.from({ length: 1 + prng.below(3) }, () => ({
    timestampMs: nowMs - prng.below(400),
    key: null,
    value: prng.bytes(prng.chance(0.1) ? prng.below(700) : prng.below(60)),
  }))
  const batch = build(records)
  const { code, baseOffset, endOffset } = leader.append(batch, 13)
  if (code !== 0) return
  if (ghost || partition.leader !== broker) return
  const { truth } = partition
  const times = records.map(({ timestampMs }) => timestampMs)
  counts.batches++
  truth.append({ base: baseOffset, end: endOffset, bytes: Uint8Array.from(batch), times })
  leader.acknowledged(endOffset, Infinity, (outcome) => {
    const counted = outcome === 0 && partition.leader === broker
    if (counted) truth.acked = Math.max(truth.acked, endOffset)
  })
}

/** Reads `fetches` times in a row from `from`; resolves to where it came, -1 when it failed. */
export async function consume(
  world: World,
  broker: ChaosBroker,
  led: Led,
  from: number,
  fetches: number,
): Promise<number> {
  const { partition, leader } = led
  const { truth } = partition
  const { counts } = world
  let at = from
  for (let i = 0; i < fetches && at < leader.offsets.highWatermark; i++) {
    const maxBytes = 1 + world.prng.below(4_000)
    const isCold = at < leader.log.localStart
    const read = await leader.read(offset(at), { maxBytes, atLeastOne: true, isolation: 0 })
    const bytes = joined(read.parts)
    const { nextOffset, code } = read
    read.release()
    // What it was told meanwhile is of another life.
    if (partition.leader !== broker) return at
    if (code !== 0) {
      if (code === OUT_OF_RANGE && at >= leader.log.logStart) {
        world.violate('INV-68', `${at} is out of range, the log starts at ${leader.log.logStart}`)
      }
      counts.failedReads++
      return -1
    }
    counts.reads++
    if (isCold) counts.coldReads++
    let end = at
    const wrong = truth.compare(bytes, at, (reached) => {
      end = reached
    })
    if (wrong !== null) world.violate('INV-68', `read from ${at}: ${wrong}`)
    else if (end !== nextOffset) world.violate('INV-68', `${nextOffset} is told, ${end} is given`)
    else if (nextOffset <= at) world.violate('INV-68', `a read from ${at} does not move on`)
    if (nextOffset <= at) return -1
    at = nextOffset
  }
  return at
}

/** Asks for the first record at or after `timeMs`; false when it could not be answered. */
export async function lookUp(
  world: World,
  broker: ChaosBroker,
  led: Led,
  timeMs: number,
): Promise<boolean> {
  const { partition, leader } = led
  const { truth } = partition
  const before = { start: leader.log.logStart, end: leader.offsets.highWatermark }
  let found: number
  try {
    found = (await leader.findTimestamp(timeMs, 0))?.offset ?? -1
  } catch {
    world.counts.failedReads++
    return false
  }
  if (partition.leader !== broker) return true
  world.counts.lookups++
  const after = { start: leader.log.logStart, end: leader.offsets.highWatermark }
  // Where the log starts and ends may have moved meanwhile: either answer is right.
  const answers = [before, after].map(({ start, end }) => truth.find(timeMs, start, end))
  if (!answers.includes(found) && before.start === after.start) {
    world.violate('INV-68', `time ${timeMs} is at ${answers.join(' or ')}, ${found} was told`)
  }
  return true
}
