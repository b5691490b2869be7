// The partitions of `__consumer_offsets` as the group coordinator needs them: appends that resolve
// once they are acknowledged, whole reads, and trimming of what was rewritten.
import { ErrorCode, errorName } from '../base/error-codes.ts'
import { OperatingError } from '../base/errors.ts'
import { MiB, offset } from '../base/units.ts'
import type { OffsetsLog } from '../group/options.ts'
import type { Clock } from '../ports/clock.ts'
import type { Leader } from '../replication/leader.ts'
import type { Partitions } from './partitions.ts'
import { OFFSETS_TOPIC } from './topic-creator.ts'

/** The log of group state, on the partitions of this broker. */
export const offsetsLog = (
  partitions: Partitions,
  clock: Clock,
  timeoutMs: () => number,
): OffsetsLog => ({
  append: async (index, batch) => {
    const leader = await leaderOf(partitions, index)
    const { code, baseOffset, endOffset } = leader.appendOwn(batch)
    if (code !== 0) throw refusal(code)
    await new Promise<void>((resolve, reject) => {
      leader.acknowledged(endOffset, clock.monotonicMs() + timeoutMs(), (late) => {
        if (late === 0) resolve()
        else reject(refusal(late))
      })
    })
    return { offset: baseOffset }
  },
  read: (index, from) => readAll(partitions, index, from),
  trim: async (index, before) => {
    const leader = await leaderOf(partitions, index)
    await leader.deleteRecords(offset(before))
  },
})

async function leaderOf(partitions: Partitions, index: number): Promise<Leader> {
  const topic = partitions.byName(OFFSETS_TOPIC)
  const leader = topic === null ? undefined : await partitions.lead(topic, index)
  if (leader !== undefined) return leader
  throw new OperatingError('fenced', `Partition ${index} of ${OFFSETS_TOPIC} is not led here`)
}

const refusal = (code: number): OperatingError =>
  new OperatingError(
    code === ErrorCode.NOT_LEADER_OR_FOLLOWER ? 'fenced' : 'retry',
    `Cannot append to ${OFFSETS_TOPIC}: ${errorName(code)}`,
  )

async function* readAll(
  partitions: Partitions,
  index: number,
  from: number,
): AsyncGenerator<Uint8Array> {
  const leader = await leaderOf(partitions, index)
  const { highWatermark: end, logEnd } = leader.offsets
  if (end < logEnd) {
    // An append that its caller gave up may still become part of the log: whoever read only what is
    // committed now would know less than whoever reads it after the next start.
    throw new OperatingError('retry', `Cannot read ${OFFSETS_TOPIC}-${index} before it is settled`)
  }
  let at = offset(Math.max(from, leader.offsets.logStart))
  while (at < end) {
    const read = await leader.read(at, { maxBytes: MiB, atLeastOne: true, isolation: 0 })
    try {
      if (read.code !== 0) throw refusal(read.code)
      if (read.bytes === 0) return
      yield join(read.parts, read.bytes)
      at = read.nextOffset
    } finally {
      read.release()
    }
  }
}

function join(parts: readonly Uint8Array[], size: number): Uint8Array {
  const bytes = new Uint8Array(size)
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}
