// Where the batches of an archived segment lie and what its bytes must hash to, for every block of
// 1 MiB of its data. One row a block, of fixed size, the same in memory and in the manifest, so
// that a look-up is a binary search in bytes that nobody has to decode, and a reader can verify any
// block of an object by what the manifest says alone.
//
//   row, 29 bytes: first 16 bytes of the block's SHA-256 · position in the block of the first batch
//   that begins there u24 (0xffffff: none does) · its offset, counted from the segment's base, u32
//   (of a block in which none begins: as in the row before) · largest timestamp of a batch that
//   begins in this block or before it, counted from the segment's smallest, u48
import { assert } from '../../base/assert.ts'
import { equalBytes } from '../../base/bytes.ts'
import { FormatError } from '../../base/errors.ts'
import { HASH_BLOCK_BYTES } from '../../log/segment/segment-hash.ts'

/** Bytes of data that one row stands for; the last block may be shorter. */
export const BLOCK_BYTES: number = HASH_BLOCK_BYTES
/** Bytes of a block's hash that are kept. */
export const BLOCK_HASH_BYTES = 16
/** Bytes of one row. */
export const BLOCK_ROW_BYTES = 29

const POSITION = 16
const DELTA = 19
const TIME = 23
const NO_BATCH = 0xffffff
const TIME_MAX = 2 ** 48 - 1

/** Rows of one segment: a view of bytes that belong to the manifest. */
export class BlockTable {
  /** The rows as they are stored. */
  readonly bytes: Uint8Array
  readonly #view: DataView

  /** Throws FormatError unless `bytes` are whole rows. */
  constructor(bytes: Uint8Array) {
    if (bytes.length % BLOCK_ROW_BYTES !== 0) throw new FormatError('A block table is cut short')
    this.bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  /** How many blocks there are. */
  get length(): number {
    return this.bytes.length / BLOCK_ROW_BYTES
  }

  /**
   * Throws FormatError unless its rows may be those of `dataLength` bytes of batches: readers go by
   * them before they see a byte of the data.
   */
  check(dataLength: number): void {
    let delta = 0
    let time = 0
    for (let i = 0; i < this.length; i++) {
      const start = this.startAt(i)
      const isOutside = start >= Math.min((i + 1) * BLOCK_BYTES, dataLength)
      if (isOutside || (i === 0 && start !== 0)) {
        throw new FormatError('A block table has a batch outside of its block')
      }
      if (this.deltaAt(i) < delta || this.timeAt(i) < time) {
        throw new FormatError('A block table has rows out of order')
      }
      delta = this.deltaAt(i)
      time = this.timeAt(i)
    }
  }

  /** First bytes of the SHA-256 of block `i`: a borrowed view. */
  hashAt(i: number): Uint8Array {
    const at = this.#at(i)
    return this.bytes.subarray(at, at + BLOCK_HASH_BYTES)
  }

  /** Whether `sha256` is that of block `i`, as far as its bytes are kept. */
  isHash(i: number, sha256: Uint8Array): boolean {
    return equalBytes(this.hashAt(i), sha256.subarray(0, BLOCK_HASH_BYTES))
  }

  /** Position in the data of the first batch that begins in block `i`; -1 when none does. */
  startAt(i: number): number {
    const at = this.#at(i)
    const inBlock = this.#view.getUint16(at + POSITION) * 256 + this.#view.getUint8(at + 18)
    return inBlock === NO_BATCH ? -1 : i * BLOCK_BYTES + inBlock
  }

  /** Offset of that batch, counted from the segment's base. */
  deltaAt(i: number): number {
    return this.#view.getUint32(this.#at(i) + DELTA)
  }

  /**
   * Largest timestamp in blocks 0 to `i`, counted from the segment's smallest, in ms; Infinity when
   * it is too large to tell.
   */
  timeAt(i: number): number {
    const at = this.#at(i) + TIME
    const delta = this.#view.getUint16(at) * 4294967296 + this.#view.getUint32(at + 2)
    return delta === TIME_MAX ? Infinity : delta
  }

  /** The last block in which a batch begins at or below `delta`; block 0 when none does. */
  floor(delta: number): number {
    let low = 0
    let high = this.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.deltaAt(middle) <= delta) low = middle + 1
      else high = middle
    }
    let i = Math.max(low - 1, 0)
    while (i > 0 && this.startAt(i) < 0) i--
    return i
  }

  /** The first block with a batch that reaches `time` (as in `timeAt`); -1 when none does. */
  firstReaching(time: number): number {
    let low = 0
    let high = this.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.timeAt(middle) < time) low = middle + 1
      else high = middle
    }
    return low === this.length ? -1 : low
  }

  /** Position of the first batch that begins behind block `i`; `dataLength` when none does. */
  startBehind(i: number, dataLength: number): number {
    for (let next = i + 1; next < this.length; next++) {
      const start = this.startAt(next)
      if (start >= 0) return start
    }
    return dataLength
  }

  #at(i: number): number {
    assert(i >= 0, 'A block table has no negative row')
    assert(i < this.length, 'A block table has that row')
    return i * BLOCK_ROW_BYTES
  }
}

/** Makes the table of a segment whose batches are told in order, and whose hashes come as known. */
export class BlockTableBuilder {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #minTimestamp: number
  #next = 0
  #delta = 0
  #time = 0

  constructor(dataLength: number, minTimestamp: number) {
    const count = Math.ceil(dataLength / BLOCK_BYTES)
    this.#bytes = new Uint8Array(count * BLOCK_ROW_BYTES)
    this.#view = new DataView(this.#bytes.buffer)
    this.#minTimestamp = minTimestamp
  }

  /** Notes a batch at `position` of the data; positions rise. */
  batch(position: number, delta: number, maxTimestamp: number): void {
    const block = Math.floor(position / BLOCK_BYTES)
    assert(block >= this.#next - 1, 'Batches are told in order')
    if (block >= this.#next) {
      this.#close(block)
      this.#setStart(block, position - block * BLOCK_BYTES)
      this.#delta = delta
      this.#view.setUint32(block * BLOCK_ROW_BYTES + DELTA, delta)
      this.#next = block + 1
    }
    const time = maxTimestamp - this.#minTimestamp
    if (time > this.#time) this.#time = Math.min(time, TIME_MAX)
    this.#setTime(block)
  }

  /** Sets the hash of block `i`, of which the first bytes are kept. */
  hash(i: number, sha256: Uint8Array): void {
    this.#bytes.set(sha256.subarray(0, BLOCK_HASH_BYTES), i * BLOCK_ROW_BYTES)
  }

  /** The table, once every batch and every hash is told. */
  finish(): BlockTable {
    this.#close(this.#bytes.length / BLOCK_ROW_BYTES)
    return new BlockTable(this.#bytes)
  }

  /** Fills in blocks before `block` in which no batch begins. */
  #close(block: number): void {
    for (; this.#next < block; this.#next++) {
      this.#setStart(this.#next, NO_BATCH)
      this.#view.setUint32(this.#next * BLOCK_ROW_BYTES + DELTA, this.#delta)
      this.#setTime(this.#next)
    }
  }

  #setStart(block: number, inBlock: number): void {
    const at = block * BLOCK_ROW_BYTES + POSITION
    this.#view.setUint16(at, inBlock >>> 8)
    this.#view.setUint8(at + 2, inBlock & 0xff)
  }

  #setTime(block: number): void {
    const at = block * BLOCK_ROW_BYTES + TIME
    this.#view.setUint16(at, Math.floor(this.#time / 4294967296))
    this.#view.setUint32(at + 2, this.#time >>> 0)
  }
}
