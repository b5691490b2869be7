// How a life ends: no more faults, no more rivals. Everything must be archived, every record be
// readable by offset and by time, every object be named, and nothing be held in memory.
import { must } from '../../../src/base/assert.ts'
import type { Prng } from '../../../src/base/prng.ts'
import { partitionPrefix } from '../../../src/tier/keys.ts'
import type { ChaosBroker } from './broker.ts'
import type { Led } from './parts.ts'
import { consume, lookUp } from './clients.ts'
import type { World } from './world.ts'

/** Longest that archiving may take once the store is well: above every backoff and deadline. */
const ARCHIVED_MS = 300_000
const STEP_MS = 1_000
/** What was on its way when faults stopped has arrived by then. */
const LATE_MS = 7_000

/** Brings the world to rest and looks at everything. */
export async function comeToRest(world: World, broker: ChaosBroker, prng: Prng): Promise<void> {
  const { scheduler, shape } = world
  const led = [...broker.led.values()]
  world.calm = true
  for (const { leader } of led) leader.log.roll()
  const untilMs = scheduler.nowMs + ARCHIVED_MS
  while (!led.every((one) => isArchived(one))) {
    await scheduler.advance(STEP_MS)
    world.check()
    if (scheduler.nowMs < untilMs) continue
    const stuck = must(
      led.find((one) => !isArchived(one)),
      'One is stuck',
    )
    const { leader, partition } = stuck
    const why = broker.tier.troubleOf(must(leader.tier, 'A tier')) ?? 'no trouble is told'
    const { highWatermark } = leader.offsets
    world.violate('comes to rest', `${partition.watch.end} of ${highWatermark} archived: ${why}`)
    world.check()
  }
  await scheduler.advance(shape.slowMs + LATE_MS)
  const rounds = 'stratalog_tier_scrub_rounds_total'
  // Two looks of which the second is a grace after the first, whatever one takes.
  for (let looks = 0; looks < 3; looks++) {
    const before = broker.instruments.count(rounds)
    await scheduler.advance(shape.graceMs)
    const lastMs = scheduler.nowMs + ARCHIVED_MS
    while (broker.instruments.count(rounds) < before + 2 && scheduler.nowMs < lastMs) {
      await scheduler.advance(STEP_MS)
    }
  }
  world.check()
  for (const one of led) await lookAt(world, broker, one, prng)
  // What was read ahead for readers who do not come back is bounded, and never less than nothing.
  const ahead = broker.instruments.read('stratalog_tier_read_ahead_bytes') ?? -1
  if (ahead < 0 || ahead > shape.readBytesMax) {
    world.violate('memory', `${ahead} bytes are held ahead, ${shape.readBytesMax} may be`)
  }
}

/** Whether all that was rolled is archived and nothing is left to be done. */
function isArchived({ leader, partition }: Led): boolean {
  const { tier, log, offsets } = leader
  const { watch } = partition
  const end = log.active.base
  return (
    offsets.highWatermark === log.nextOffset &&
    tier !== null &&
    (end <= watch.end || end <= log.logStart) &&
    !tier.hasWork(offsets.highWatermark)
  )
}

async function lookAt(world: World, broker: ChaosBroker, led: Led, prng: Prng): Promise<void> {
  const { partition, leader } = led
  const { watch, truth, identity } = partition
  const { scheduler } = world
  const { log } = leader
  const { manifest } = watch
  const there = world.bucket.keys(partitionPrefix(identity))
  const named = new Set(watch.keys())
  // What retention has just let go of waits for its grace.
  const recentMs = scheduler.nowMs - 2 * world.shape.graceMs - LATE_MS
  const orphans = there.filter((key) => !named.has(key) && watch.lastNamedMs(key) < recentMs)
  if (orphans.length > 0) world.violate('INV-67', `orphans are left: ${orphans.join(' ')}`)
  for (const key of named) {
    if (world.bucket.peek(key) === null) world.violate('INV-60', `${key} is not there`)
  }
  if (manifest !== null && manifest.logStart > log.logStart) {
    const text = `the archive starts at ${manifest.logStart}, the log at ${log.logStart}`
    world.violate('INV-64', text)
  }
  const end = leader.offsets.highWatermark
  if (truth.end !== end) world.violate('INV-64', `the log ends at ${end}, not at ${truth.end}`)
  let from: number
  let reached: number
  do {
    // Retention goes on: what it takes while it is read is read again from where the log starts.
    from = log.logStart
    reached = await scheduler.settle(consume(world, broker, led, from, Infinity))
  } while (reached !== end && log.logStart > from)
  if (reached !== end) world.violate('INV-68', `a read of all ends at ${reached}, not at ${end}`)
  for (let i = 0; i < 3; i++) {
    const batch = truth.batches[prng.below(Math.max(1, truth.batches.length))]
    const timeMs = (batch?.times[0] ?? 0) - prng.below(3)
    const told = await scheduler.settle(lookUp(world, broker, led, timeMs))
    if (!told) world.violate('INV-68', `time ${timeMs} is not found`)
  }
  world.check()
}
