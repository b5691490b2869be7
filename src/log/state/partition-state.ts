// What a partition remembers besides bytes: its producers with their open transactions, and the
// lineage of leader epochs. It follows the batches of the log and nothing else, so that the leader,
// a replica and recovery come to the same state. It refuses nothing: what is in the log is decided.
import type { Offset } from '../../base/units.ts'
import { offset } from '../../base/units.ts'
import type { AbortedList } from './aborted.ts'
import {
  ATTRIBUTE_CONTROL,
  ATTRIBUTE_TRANSACTIONAL,
  attributesOf,
  baseOffsetOf,
  baseSequenceOf,
  lastOffsetDeltaOf,
  leaderEpochOf,
  markerOf,
  maxTimestampOf,
  producerEpochOf,
  producerIdOf,
} from '../segment/batch-view.ts'
import { Lineage } from './lineage.ts'
import type { ProducerBatch } from './producers.ts'
import { Producers } from './producers.ts'

/** Producers remembered per partition; the longest idle go first. */
export const PRODUCERS_MAX = 10_000

/** State derived from one partition's batches. */
export class PartitionState {
  producers: Producers
  lineage: Lineage
  readonly #batch: ProducerBatch = {
    producerId: -1,
    producerEpoch: -1,
    baseSequence: -1,
    lastOffsetDelta: 0,
    transactional: false,
    maxTimestamp: -1,
  }

  constructor(expirationMs: number) {
    this.producers = new Producers({ producersMax: PRODUCERS_MAX, expirationMs })
    this.lineage = new Lineage()
  }

  /** Follows the stored batch `bytes[at, at + length)`, noting an aborted transaction it ends. */
  follow(bytes: Uint8Array, at: number, length: number, nowMs: number, aborted: AbortedList): void {
    const base = baseOffsetOf(bytes, at)
    const epoch = leaderEpochOf(bytes, at)
    const latest = this.lineage.latestEpoch
    if (latest === null || epoch > latest) this.lineage.append(epoch, base)
    const producerId = producerIdOf(bytes, at)
    if (producerId < 0) return
    const attributes = attributesOf(bytes, at)
    if ((attributes & ATTRIBUTE_CONTROL) !== 0) {
      const marker = markerOf(bytes, at, at + length)
      if (marker === null) return
      const span = this.producers.complete(
        { ...marker, producerId, producerEpoch: producerEpochOf(bytes, at) },
        base,
        maxTimestampOf(bytes, at),
        nowMs,
      )
      if (span !== null) aborted.push(span)
      return
    }
    const batch = this.#batch
    batch.producerId = producerId
    batch.producerEpoch = producerEpochOf(bytes, at)
    batch.baseSequence = baseSequenceOf(bytes, at)
    batch.lastOffsetDelta = lastOffsetDeltaOf(bytes, at)
    batch.transactional = (attributes & ATTRIBUTE_TRANSACTIONAL) !== 0
    batch.maxTimestamp = maxTimestampOf(bytes, at)
    this.producers.update(batch, base, nowMs)
  }

  /** Forgets what only explains offsets below `start`. */
  truncateFront(start: Offset): void {
    this.lineage.truncateFromStart(start)
  }

  /** End (exclusive) of what is decided, given the high watermark. */
  lastStable(highWatermark: Offset): Offset {
    const unstable = this.producers.firstUnstable(highWatermark)
    return unstable === null ? highWatermark : offset(Math.min(unstable, highWatermark))
  }
}
