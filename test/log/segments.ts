// Whole segments for these tests, built the way the log builds them.
import { leaderEpoch, offset } from '../../src/base/units.ts'
import { AbortedList } from '../../src/log/state/aborted.ts'
import { Lineage } from '../../src/log/state/lineage.ts'
import { Producers } from '../../src/log/state/producers.ts'
import { sealTrailer } from '../../src/log/segment/sealed-segment.ts'
import { SegmentBuilder } from '../../src/log/segment/segment-builder.ts'
import type { SegmentHashes } from '../../src/log/segment/segment-hash.ts'
import type { TailParts } from '../../src/log/segment/tail-block.ts'
import { crypto, joined, makeBatch, makeMarker } from './batches.ts'

export const LIMITS = { producersMax: 1_000, expirationMs: 86_400_000 }

export interface Built extends TailParts {
  readonly data: Uint8Array
  readonly batches: readonly Uint8Array[]
}

/** Fresh, empty parts of a segment. */
export function emptyParts(base: number, interval?: number): TailParts {
  return {
    builder: new SegmentBuilder(offset(base), crypto, interval),
    aborted: new AbortedList(),
    lineage: new Lineage(),
    producers: new Producers(LIMITS),
  }
}

/**
 * Adds transactional batches of two records from `from` on: each a transaction of its own producer,
 * every third of them aborted, the epoch rising with every tenth.
 */
export function grow(
  parts: TailParts,
  from: number,
  count: number,
  size: number,
): { batches: Uint8Array[]; end: number } {
  const batches: Uint8Array[] = []
  let base = from
  for (let i = 0; i < count; i++) {
    const epoch = Math.floor(base / 30)
    const producerId = base % 5
    const shape = { base, epoch, producerId, producerEpoch: 0, time: 10_000 + ((base * 7) % 100) }
    parts.lineage.append(leaderEpoch(epoch), offset(base))
    const known = parts.producers.describe().find((one) => one.producerId === producerId)
    const sequence = (known?.lastSequence ?? -1) + 1
    const data = makeBatch({ ...shape, attributes: 0x10, count: 2, sequence, size: size + (i % 7) })
    const identity = {
      producerId,
      producerEpoch: 0,
      baseSequence: sequence,
      lastOffsetDelta: 1,
      transactional: true,
      maxTimestamp: shape.time,
    }
    parts.producers.update(identity, offset(base), 5_000)
    const commit = i % 3 !== 0
    const end = { producerId, producerEpoch: 0, commit, coordinatorEpoch: 1 }
    const marker = makeMarker({ ...shape, ...end, base: base + 2 })
    const span = parts.producers.complete(end, offset(base + 2), shape.time, 5_000)
    if (span !== null) parts.aborted.push(span)
    for (const batch of [data, marker]) {
      parts.builder.append(batch, 0, batch.length)
      batches.push(batch)
    }
    base += 3
  }
  return { batches, end: base }
}

/** A whole segment's parts and bytes, before sealing. */
export function buildSegment(shape: {
  readonly base: number
  readonly count: number
  readonly size: number
  readonly interval?: number
}): Built {
  const parts = emptyParts(shape.base, shape.interval)
  const { batches } = grow(parts, shape.base, shape.count, shape.size)
  return { ...parts, batches, data: joined(batches) }
}

/** The sealed file of `built`. */
export function sealedBytes(built: Built, hashes?: SegmentHashes): Uint8Array {
  const parts = hashes === undefined ? built : { ...built, hashes }
  return joined([built.data, sealTrailer(crypto, parts)])
}
