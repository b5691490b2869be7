// Walks the batches of a sealed segment in the order of the file, each verified as recovery would:
// header, continuity and CRC. It reads in large pieces into memory of its own, so that compaction
// pushes nothing out of what readers share. A batch that is not what was sealed ends the walk with
// `corrupt`; nothing is skipped, because what compaction does not see it would remove.
import { assert } from '../../base/assert.ts'
import { OperatingError } from '../../base/errors.ts'
import { KiB, alignDown, alignUp, leaderEpoch, offset } from '../../base/units.ts'
import type { Crypto } from '../../ports/crypto.ts'
import { DIRECT_ALIGNMENT, pageAlignedMemory } from '../../ports/disk.ts'
import type { Segment } from '../segment.ts'
import { BATCH_BYTES_MAX, BatchFault, batchFaultName, checkBatch } from '../segment/batch-check.ts'
import type { Continuity } from '../segment/batch-check.ts'
import {
  BATCH_HEADER_BYTES,
  baseOffsetOf,
  batchBytesOf,
  lastOffsetDeltaOf,
  leaderEpochOf,
} from '../segment/batch-view.ts'

/** Bytes read at once, and looked at before anybody else has a turn. */
export const WINDOW_BYTES: number = 64 * KiB

/** Memory for reading, shared by walks that come one after the other. */
export class WalkMemory {
  #bytes: Uint8Array | null = null

  /** At least `size` bytes, page-aligned; what it gave before is not used any more. */
  take(size: number): Uint8Array {
    if (this.#bytes === null || this.#bytes.length < size) {
      this.#bytes = pageAlignedMemory(alignUp(Math.max(size, WINDOW_BYTES), 64 * KiB))
    }
    return this.#bytes
  }
}

/** A place in a segment; the fields describe the batch that `next` stepped to. */
export class SegmentWalk {
  /** Borrowed until the next `next`. */
  bytes: Uint8Array = new Uint8Array(0)
  at = 0
  length = 0
  /** Bytes read from the file so far. */
  bytesRead = 0
  readonly #segment: Segment
  readonly #crypto: Crypto
  readonly #memory: WalkMemory
  readonly #expect: Continuity
  /** Position in the file of the batch behind this one, and of the window's first byte. */
  #next = 0
  #from = 0
  #filled = 0
  #size = WINDOW_BYTES

  constructor(segment: Segment, crypto: Crypto, memory: WalkMemory) {
    const { sealed, base } = segment
    assert(sealed !== null, 'Only a sealed segment is walked')
    this.#segment = segment
    this.#crypto = crypto
    this.#memory = memory
    this.#expect = {
      nextOffset: base,
      epoch: leaderEpoch(-1),
      gaps: sealed.footer.compacted,
      offsetLimit: sealed.footer.endOffset,
    }
  }

  /** Steps to the next batch; false behind the last. Throws `corrupt` when it is damaged. */
  async next(): Promise<boolean> {
    const { dataLength } = this.#segment
    if (this.#next >= dataLength) {
      if (this.#next !== dataLength) throw this.#corrupt(BatchFault.short)
      return false
    }
    const length = this.#check()
    const outcome = length === BatchFault.short ? await this.#read() : length
    if (outcome < 0) throw this.#corrupt(outcome)
    const at = this.#next - this.#from
    this.bytes = this.#memory.take(0)
    this.at = at
    this.length = outcome
    const expect = this.#expect
    expect.nextOffset = offset(baseOffsetOf(this.bytes, at) + lastOffsetDeltaOf(this.bytes, at) + 1)
    expect.epoch = leaderEpochOf(this.bytes, at)
    if (expect.nextOffset > expect.offsetLimit) throw this.#corrupt(BatchFault.offset)
    this.#next += outcome
    return true
  }

  /** Exclusive end of the offsets that were walked over. */
  get nextOffset(): number {
    return this.#expect.nextOffset
  }

  #check(): number {
    const at = this.#next - this.#from
    if (at >= this.#filled) return BatchFault.short
    const bytes = this.#memory.take(0)
    return checkBatch(this.#crypto, bytes, at, this.#filled, this.#expect, BATCH_BYTES_MAX)
  }

  /** Reads from the next batch on, a large one whole; returns what `checkBatch` says of it. */
  async #read(): Promise<number> {
    for (;;) {
      const size = this.#size
      const from = alignDown(this.#next, DIRECT_ALIGNMENT)
      const bytes = this.#memory.take(size)
      const left = alignUp(this.#segment.dataLength - from, DIRECT_ALIGNMENT)
      const got = await this.#segment.bytes.read(from, bytes.subarray(0, Math.min(size, left)))
      this.bytesRead += got
      this.#from = from
      this.#filled = Math.min(got, this.#segment.dataLength - from)
      const outcome = this.#check()
      if (outcome !== BatchFault.short) return outcome
      const at = this.#next - from
      if (this.#filled - at < BATCH_HEADER_BYTES) return outcome
      const needed = alignUp(at + batchBytesOf(bytes, at), DIRECT_ALIGNMENT)
      if (needed <= size || needed > left) return outcome
      // The batches of one segment are much alike: the next one is read whole at once.
      this.#size = needed
    }
  }

  #corrupt(fault: number): OperatingError {
    const { path } = this.#segment
    const what = `the batch at ${this.#next} is damaged (${batchFaultName(fault)})`
    return new OperatingError('corrupt', `Cannot compact ${path}: ${what}`)
  }
}
