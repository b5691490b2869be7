// What is known of a segment while it grows: its sparse index, counts, time span and epoch, kept up
// to date batch by batch. The same code runs on append, on recovery and when a sealed segment is
// verified, so all three agree on every field of the footer. It acts on nothing and allocates
// nothing per batch; it takes batches that have been checked and does not check them again.
import { assert } from '../../base/assert.ts'
import { FormatError } from '../../base/errors.ts'
import { leaderEpoch, offset, type LeaderEpoch, type Offset } from '../../base/units.ts'
import type { Crypto } from '../../ports/crypto.ts'
import {
  BATCH_PREFIX_BYTES,
  baseOffsetOf,
  baseTimestampOf,
  lastOffsetDeltaOf,
  leaderEpochOf,
  maxTimestampOf,
  recordCountOf,
} from './batch-view.ts'
import { INDEX_INTERVAL_BYTES, NO_TIMESTAMP, SparseIndex } from './sparse-index.ts'

/** Counts and bounds of a segment's data. */
export interface SegmentState {
  /** First offset the segment stands for: its name. */
  readonly baseOffset: Offset
  /** Exclusive end of its offsets. */
  readonly endOffset: Offset
  /** Bytes of batches from position 0 on. */
  readonly dataLength: number
  readonly batchCount: number
  readonly recordCount: number
  /** Smallest and largest timestamp of a batch in milliseconds; both -1 when there is none. */
  readonly minTimestamp: number
  readonly maxTimestamp: number
  /** Epoch of the newest batch; -1 when there is none. */
  readonly maxEpoch: LeaderEpoch
}

/** Prefixes gathered before one call of the CRC: 1,344 bytes. */
const PENDING_PREFIXES = 64

/** Bounds a timestamp from the wire to ±2^53, which its 8 bytes may exceed. */
const boundedTimestamp = (value: number): number =>
  Math.max(Math.min(value, Number.MAX_SAFE_INTEGER), Number.MIN_SAFE_INTEGER)

/** A growing segment's index and state. One writer. */
export class SegmentBuilder implements SegmentState {
  readonly baseOffset: Offset
  readonly index: SparseIndex
  /** Bytes of data that one index entry stands for. */
  readonly indexInterval: number
  endOffset: Offset
  dataLength = 0
  batchCount = 0
  recordCount = 0
  minTimestamp: number = NO_TIMESTAMP
  maxTimestamp: number = NO_TIMESTAMP
  maxEpoch: LeaderEpoch = leaderEpoch(-1)
  readonly #crypto: Crypto
  readonly #prefixes = new Uint8Array(PENDING_PREFIXES * BATCH_PREFIX_BYTES)
  #pending = 0
  #intervalCrc = 0
  #intervalStart = 0

  constructor(baseOffset: Offset, crypto: Crypto, intervalBytes: number = INDEX_INTERVAL_BYTES) {
    this.baseOffset = baseOffset
    this.endOffset = baseOffset
    this.index = new SparseIndex(baseOffset)
    this.#crypto = crypto
    this.indexInterval = intervalBytes
  }

  /**
   * Takes the batch `bytes[at, at + length)`, checked by the caller, as the next of the segment.
   */
  append(bytes: Uint8Array, at: number, length: number): void {
    const base = baseOffsetOf(bytes, at)
    assert(base >= this.endOffset, 'A batch continues its segment')
    assert(length >= BATCH_PREFIX_BYTES, 'A batch has a header')
    const first = this.batchCount === 0
    if (first || this.dataLength - this.#intervalStart >= this.indexInterval) {
      if (!first) this.settle()
      // The first entry stands for the segment's base even if compaction removed that offset.
      this.index.add({ offset: first ? this.baseOffset : base, position: this.dataLength })
      this.#intervalStart = this.dataLength
      this.#intervalCrc = 0
    }
    this.#notePrefix(bytes, at)
    const maxTimestamp = boundedTimestamp(maxTimestampOf(bytes, at))
    const minTimestamp = boundedTimestamp(baseTimestampOf(bytes, at))
    if (first || minTimestamp < this.minTimestamp) this.minTimestamp = minTimestamp
    if (first || maxTimestamp > this.maxTimestamp) this.maxTimestamp = maxTimestamp
    this.index.raise(maxTimestamp)
    this.endOffset = offset(base + lastOffsetDeltaOf(bytes, at) + 1)
    this.maxEpoch = leaderEpochOf(bytes, at)
    this.batchCount++
    this.recordCount += recordCountOf(bytes, at)
    this.dataLength += length
  }

  /** Makes the newest entry's prefix CRC true: before the index is encoded or compared. */
  settle(): void {
    if (this.#pending > 0) this.#flush()
    if (this.index.length > 0) this.index.sealLast(this.#intervalCrc)
  }

  /**
   * Goes on from a state and an index that were stored; those from `first` on replace what is
   * there. Throws FormatError when the two do not go together.
   */
  restore(
    state: SegmentState,
    entries: { readonly first: number; readonly bytes: Uint8Array },
  ): void {
    assert(state.baseOffset === this.baseOffset, 'A stored state belongs to its segment')
    this.index.splice(entries.first, entries.bytes, state.dataLength)
    const last = this.index.length - 1
    if (last >= 0 && this.index.offsetAt(last) >= state.endOffset) {
      throw new FormatError('An index goes beyond its segment')
    }
    const isEmpty = last < 0
    if ((state.batchCount === 0) !== isEmpty || (state.dataLength === 0) !== isEmpty) {
      throw new FormatError('An index and what it is of do not go together')
    }
    this.endOffset = state.endOffset
    this.dataLength = state.dataLength
    this.batchCount = state.batchCount
    this.recordCount = state.recordCount
    this.minTimestamp = state.minTimestamp
    this.maxTimestamp = state.maxTimestamp
    this.maxEpoch = state.maxEpoch
    this.#pending = 0
    this.#intervalStart = last < 0 ? 0 : this.index.positionAt(last)
    this.#intervalCrc = last < 0 ? 0 : this.index.prefixCrcAt(last)
  }

  #notePrefix(bytes: Uint8Array, at: number): void {
    const to = this.#pending * BATCH_PREFIX_BYTES
    for (let i = 0; i < BATCH_PREFIX_BYTES; i++) this.#prefixes[to + i] = bytes[at + i] as number
    this.#pending++
    if (this.#pending === PENDING_PREFIXES) this.#flush()
  }

  #flush(): void {
    const view = this.#prefixes.subarray(0, this.#pending * BATCH_PREFIX_BYTES)
    this.#intervalCrc = this.#crypto.crc32c(view, this.#intervalCrc)
    this.#pending = 0
  }
}
