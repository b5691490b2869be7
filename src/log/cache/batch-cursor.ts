// Steps from batch to batch through the cached bytes of a segment, reading only headers. A header
// may straddle two chunks; then it is copied to a scratch buffer first. It trusts what it reads:
// cached bytes were validated when they arrived. One cursor is reused by all reads of a broker.
import { assert } from '../../base/assert.ts'
import type { Chunk } from './arena.ts'
import {
  BATCH_HEADER_BYTES,
  baseOffsetOf,
  batchBytesOf,
  lastOffsetDeltaOf,
} from '../segment/batch-view.ts'
import type { SegmentBytes } from './segment-bytes.ts'

/** Position, size and offsets of one batch after another. */
export class BatchCursor {
  #bytes: SegmentBytes | null = null
  #chunk: Chunk | null = null
  readonly #scratch = new Uint8Array(BATCH_HEADER_BYTES)
  /** Position of the batch in its segment; the segment's length when there is none. */
  position = 0
  /** Bytes of the batch; 0 when there is none. */
  length = 0
  baseOffset = 0
  /** Exclusive end of the batch's offsets. */
  endOffset = 0

  /** Goes to the batch that begins at `position`; false when that is the end of the segment. */
  seek(bytes: SegmentBytes, position: number): boolean {
    this.#bytes = bytes
    this.#chunk = null
    this.position = position
    return this.#load()
  }

  /** Goes to the next batch; false at the end of the segment. */
  next(): boolean {
    this.position += this.length
    return this.#load()
  }

  /** Forgets the segment, so that a closed one is not kept alive. */
  clear(): void {
    this.#bytes = null
    this.#chunk = null
  }

  #load(): boolean {
    const bytes = this.#bytes
    assert(bytes !== null, 'A cursor is used after seek')
    if (this.position >= bytes.length) {
      assert(this.position === bytes.length, 'Batches end where the segment ends')
      this.length = 0
      return false
    }
    let chunk = this.#chunk
    if (chunk === null || this.position >= chunk.position + chunk.fill) {
      chunk = bytes.chunkAt(this.position)
      this.#chunk = chunk
    }
    const at = this.position - chunk.position
    if (at + BATCH_HEADER_BYTES <= chunk.fill) this.#read(chunk.bytes, at)
    else {
      bytes.copy(this.position, this.#scratch)
      this.#read(this.#scratch, 0)
    }
    return true
  }

  #read(bytes: Uint8Array, at: number): void {
    this.baseOffset = baseOffsetOf(bytes, at)
    this.length = batchBytesOf(bytes, at)
    this.endOffset = this.baseOffset + lastOffsetDeltaOf(bytes, at) + 1
    assert(this.length >= BATCH_HEADER_BYTES, 'A cached batch is whole')
  }
}
