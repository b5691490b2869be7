// Steps from batch to batch through consecutive blocks, as if they were one run of bytes. Only the
// headers are looked at; a header that straddles two blocks is put together.
import { must } from '../../base/assert.ts'
import { OperatingError } from '../../base/errors.ts'
import { offset, type Offset } from '../../base/units.ts'
import {
  BATCH_HEADER_BYTES,
  baseOffsetOf,
  batchBytesOf,
  lastOffsetDeltaOf,
} from '../../log/segment/batch-view.ts'
import { BLOCK_BYTES } from '../manifest/block-table.ts'

/** Blocks of a segment, one after the other, and a batch among them. */
export class BatchWalk {
  readonly #blocks: readonly Uint8Array[]
  /** Position in the segment's data of the first byte of the first block, and behind the last. */
  readonly #from: number
  readonly #to: number
  readonly #header = new Uint8Array(BATCH_HEADER_BYTES)
  /** The batch it stands at. */
  position = 0
  length = 0
  baseOffset: Offset = offset(0)
  /** Exclusive end of the batch's offsets. */
  endOffset: Offset = offset(0)

  constructor(blocks: readonly Uint8Array[], firstBlock: number) {
    this.#blocks = blocks
    this.#from = firstBlock * BLOCK_BYTES
    this.#to = this.#from + blocks.reduce((sum, { length }) => sum + length, 0)
  }

  /** Stands at the batch that begins at `position`; false when not all of it is in the blocks. */
  seek(position: number): boolean {
    if (position + BATCH_HEADER_BYTES > this.#to) return false
    const at = position - this.#from
    const block = must(this.#blocks[Math.floor(at / BLOCK_BYTES)], 'A block')
    let inBlock = at % BLOCK_BYTES
    let bytes = block
    if (inBlock + BATCH_HEADER_BYTES > block.length) {
      const here = block.subarray(inBlock)
      const next = must(this.#blocks[Math.floor(at / BLOCK_BYTES) + 1], 'A next block')
      this.#header.set(here)
      this.#header.set(next.subarray(0, BATCH_HEADER_BYTES - here.length), here.length)
      bytes = this.#header
      inBlock = 0
    }
    const length = batchBytesOf(bytes, inBlock)
    if (length < BATCH_HEADER_BYTES) {
      throw new OperatingError('corrupt', `An archived batch at byte ${position} has no length`)
    }
    if (position + length > this.#to) return false
    this.position = position
    this.length = length
    this.baseOffset = baseOffsetOf(bytes, inBlock)
    this.endOffset = offset(this.baseOffset + lastOffsetDeltaOf(bytes, inBlock) + 1)
    return true
  }

  /** Stands at the next batch; false when not all of it is in the blocks. */
  next(): boolean {
    return this.seek(this.position + this.length)
  }

  /** Views of the bytes `[from, to)` of the data. */
  views(from: number, to: number): Uint8Array[] {
    const parts: Uint8Array[] = []
    for (let at = from; at < to;) {
      const i = Math.floor((at - this.#from) / BLOCK_BYTES)
      const block = must(this.#blocks[i], 'A block')
      const start = (at - this.#from) % BLOCK_BYTES
      const end = Math.min(block.length, start + to - at)
      parts.push(block.subarray(start, end))
      at += end - start
    }
    return parts
  }
}
