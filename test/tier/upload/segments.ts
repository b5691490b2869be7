// Sealed segments in memory for the tests of uploads and reads: large enough for several blocks,
// with batches of any size, each with true headers and CRCs.
import { MiB, leaderEpoch, offset } from '../../../src/base/units.ts'
import { sealTrailer, type CompactedRange } from '../../../src/log/segment/sealed-segment.ts'
import type { AbortedSpan } from '../../../src/log/state/aborted.ts'
import { crypto, filler, joined, makeBatch } from '../../log/batches.ts'
import { emptyParts } from '../../log/segments.ts'

/** A batch to make: bytes behind its header, offsets it has, offsets left out before it. */
export interface BatchPlan {
  readonly size: number
  readonly count?: number
  readonly gap?: number
  readonly time?: number
}

/** A segment as a file. */
export interface SegmentFile {
  readonly bytes: Uint8Array
  readonly data: Uint8Array
  readonly batches: readonly Uint8Array[]
  readonly base: number
  readonly end: number
}

const NOISE = filler(4 * MiB, 99)

/** Bytes that look like nothing, and are others from batch to batch. */
function noise(size: number, seed: number): Uint8Array {
  const from = (seed * 7_919) % (NOISE.length - size)
  return NOISE.subarray(from, from + size)
}

/** The file of a sealed segment from `base` on; gaps or a later end make it a compacted one. */
export function sealedFile(
  base: number,
  plans: readonly BatchPlan[],
  shape: { readonly end?: number; readonly interval?: number } = {},
): SegmentFile {
  let next = base
  const batches = plans.map(({ size, count = 1, gap = 0, time }) => {
    next += gap
    const payload = noise(size, next)
    const batch = makeBatch({ base: next, count, payload, epoch: 3, time: time ?? 10_000 + next })
    next += count
    return batch
  })
  const hasGaps = plans.some(({ gap = 0 }) => gap > 0)
  return sealedFileOf(base, batches, hasGaps ? { end: next, ...shape } : shape)
}

/** The file of a sealed segment of `batches`; with an `end` it is a compacted one. */
export function sealedFileOf(
  base: number,
  batches: readonly Uint8Array[],
  shape: {
    readonly end?: number
    readonly interval?: number
    readonly aborted?: readonly AbortedSpan[]
    /** First offset of a transaction that is open at the end. */
    readonly open?: number
  } = {},
): SegmentFile {
  const parts = emptyParts(base, shape.interval)
  parts.lineage.append(leaderEpoch(3), offset(base))
  for (const batch of batches) parts.builder.append(batch, 0, batch.length)
  for (const span of shape.aborted ?? []) parts.aborted.push(span)
  if (shape.open !== undefined) {
    const identity = { producerId: 1, producerEpoch: 0, baseSequence: 0, lastOffsetDelta: 0 }
    const open = { ...identity, transactional: true, maxTimestamp: 1 }
    parts.producers.update(open, offset(shape.open), 5_000)
  }
  const end = shape.end ?? parts.builder.endOffset
  const compacted: CompactedRange = {
    endOffset: offset(end),
    cleanedTo: offset(end),
    maxEpoch: leaderEpoch(3),
  }
  const data = joined(batches)
  const trailer = sealTrailer(crypto, shape.end === undefined ? parts : { ...parts, compacted })
  return { bytes: joined([data, trailer]), data, batches, base, end }
}
