// Sparse index of one segment: an entry for the first batch at or after every 64 KiB of data, with
// its offset, its position, the largest timestamp from the segment's start to the end of that
// interval, and a CRC-32C over the 21-byte prefixes of the interval's batches, which their own CRCs
// leave out. An entry's 20 bytes are the same in memory and on disk, for active and for sealed
// segments, so sealing and loading are copies. Lookups are binary searches; no I/O here.
import { assert } from '../../base/assert.ts'
import { FormatError } from '../../base/errors.ts'
import { offset, type Offset } from '../../base/units.ts'

/** Bytes of data that one entry stands for, at least. */
export const INDEX_INTERVAL_BYTES = 65536
/** Bytes of one entry, in memory and on disk. */
export const INDEX_ENTRY_BYTES = 20
/**
 * The largest distance of an offset from its segment's base, and the largest position, plus one.
 */
export const SEGMENT_SPAN_MAX: number = 2 ** 32
/** Stands for "no timestamp yet": what Kafka writes for it. */
export const NO_TIMESTAMP = -1

const OFFSET = 0
const POSITION = 4
const TIMESTAMP = 8
const CRC = 16

/** Entries of one segment. Growing; `decode` gives one that is exactly as large as its entries. */
export class SparseIndex {
  readonly baseOffset: Offset
  #bytes: Uint8Array
  #view: DataView
  #count: number

  constructor(baseOffset: Offset, bytes: Uint8Array = new Uint8Array(16 * INDEX_ENTRY_BYTES)) {
    this.baseOffset = baseOffset
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#count = 0
  }

  /** How many entries there are. */
  get length(): number {
    return this.#count
  }

  /** Bytes of memory that the entries take, growth reserve included. */
  get memoryBytes(): number {
    return this.#bytes.length
  }

  /** Offset of the first batch of interval `i`. */
  offsetAt(i: number): Offset {
    return offset(this.baseOffset + this.#view.getUint32(this.#at(i) + OFFSET))
  }

  /** Position of the first byte of interval `i`. */
  positionAt(i: number): number {
    return this.#view.getUint32(this.#at(i) + POSITION)
  }

  /** Largest timestamp in intervals 0 to `i` inclusive, in milliseconds; -1 for none. */
  maxTimestampAt(i: number): number {
    const at = this.#at(i) + TIMESTAMP
    return this.#view.getInt32(at) * 4294967296 + this.#view.getUint32(at + 4)
  }

  /** CRC-32C over the 21-byte prefixes of the batches of interval `i`, one after the other. */
  prefixCrcAt(i: number): number {
    return this.#view.getUint32(this.#at(i) + CRC)
  }

  /**
   * Opens an interval at the batch that begins at `at.position`; it inherits the timestamp so far.
   */
  add(at: { readonly offset: Offset; readonly position: number }): void {
    const delta = at.offset - this.baseOffset
    assert(delta >= 0, 'An index entry lies at or after its segment base')
    assert(delta < SEGMENT_SPAN_MAX, 'An index offset fits 32 bits')
    assert(at.position < SEGMENT_SPAN_MAX, 'An index position fits 32 bits')
    const last = this.#count - 1
    const timestamp = last < 0 ? NO_TIMESTAMP : this.maxTimestampAt(last)
    if (last >= 0) {
      assert(at.position > this.positionAt(last), 'Index positions rise')
      assert(at.offset > this.offsetAt(last), 'Index offsets rise')
    }
    if ((this.#count + 1) * INDEX_ENTRY_BYTES > this.#bytes.length) this.#grow()
    this.#count++
    const entry = this.#at(this.#count - 1)
    this.#view.setUint32(entry + OFFSET, delta)
    this.#view.setUint32(entry + POSITION, at.position)
    this.#setTimestamp(entry, timestamp)
    this.#view.setUint32(entry + CRC, 0)
  }

  /** Raises the newest entry's timestamp to `timestampMs` if that is larger. */
  raise(timestampMs: number): void {
    const entry = this.#at(this.#count - 1)
    if (timestampMs > this.maxTimestampAt(this.#count - 1)) this.#setTimestamp(entry, timestampMs)
  }

  /** Sets the newest entry's prefix CRC. */
  sealLast(prefixCrc: number): void {
    this.#view.setUint32(this.#at(this.#count - 1) + CRC, prefixCrc)
  }

  /** The last interval that begins at or below `target`; 0 when all begin above, -1 when empty. */
  floor(target: Offset): number {
    const delta = target - this.baseOffset
    let low = 0
    let high = this.#count
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#view.getUint32(middle * INDEX_ENTRY_BYTES + OFFSET) <= delta) low = middle + 1
      else high = middle
    }
    return this.#count === 0 ? -1 : Math.max(low - 1, 0)
  }

  /** The last interval that begins at or before byte `position`; 0 when none, -1 when empty. */
  floorPosition(position: number): number {
    let low = 0
    let high = this.#count
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#view.getUint32(middle * INDEX_ENTRY_BYTES + POSITION) <= position) low = middle + 1
      else high = middle
    }
    return this.#count === 0 ? -1 : Math.max(low - 1, 0)
  }

  /**
   * The first interval that has a record with a timestamp at or after `timestampMs`; -1 if none.
   */
  firstReaching(timestampMs: number): number {
    let low = 0
    let high = this.#count
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.maxTimestampAt(middle) < timestampMs) low = middle + 1
      else high = middle
    }
    return low === this.#count ? -1 : low
  }

  /** Exclusive end of interval `i` in bytes, where the data ends at `dataLength`. */
  endOf(i: number, dataLength: number): number {
    return i + 1 < this.#count ? this.positionAt(i + 1) : dataLength
  }

  /** Keeps the first `count` entries. */
  truncate(count: number): void {
    assert(count >= 0, 'An index keeps no negative count')
    assert(count <= this.#count, 'An index keeps no more entries than it has')
    this.#count = count
  }

  /**
   * The entries from `first` on in their disk form: a borrowed view, valid until the next change.
   */
  entryBytes(first = 0): Uint8Array {
    return this.#bytes.subarray(first * INDEX_ENTRY_BYTES, this.#count * INDEX_ENTRY_BYTES)
  }

  /**
   * Drops the entries from `first` on and adds those in `bytes`, which are copied. Throws
   * FormatError unless offsets and positions rise, timestamps do not fall, and all lie in the data.
   */
  splice(first: number, bytes: Uint8Array, dataLength: number): void {
    if (bytes.length % INDEX_ENTRY_BYTES !== 0) throw new FormatError('An index is cut short')
    if (first > this.#count) throw new FormatError('An index skips entries')
    const count = first + bytes.length / INDEX_ENTRY_BYTES
    const all = new Uint8Array(count * INDEX_ENTRY_BYTES)
    all.set(this.#bytes.subarray(0, first * INDEX_ENTRY_BYTES))
    all.set(bytes, first * INDEX_ENTRY_BYTES)
    const view = new DataView(all.buffer)
    for (let i = first; i < count; i++) checkEntry(view, i, dataLength)
    this.#bytes = all
    this.#view = view
    this.#count = count
  }

  /** The index whose disk form is `bytes`, which are copied. Throws FormatError like `splice`. */
  static decode(baseOffset: Offset, bytes: Uint8Array, dataLength: number): SparseIndex {
    const index = new SparseIndex(baseOffset, new Uint8Array(0))
    index.splice(0, bytes, dataLength)
    return index
  }

  #at(i: number): number {
    assert(i >= 0, 'An index has no negative entry')
    assert(i < this.#count, 'An index entry exists')
    return i * INDEX_ENTRY_BYTES
  }

  #setTimestamp(entry: number, timestampMs: number): void {
    this.#view.setInt32(entry + TIMESTAMP, Math.floor(timestampMs / 4294967296))
    this.#view.setUint32(entry + TIMESTAMP + 4, timestampMs >>> 0)
  }

  /** Grows by an eighth: 10,000 active segments should not hold half-empty buffers. */
  #grow(): void {
    const entries = this.#count + Math.max(16, this.#count >>> 3)
    const bytes = new Uint8Array(entries * INDEX_ENTRY_BYTES)
    bytes.set(this.#bytes)
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer)
  }
}

/** Throws FormatError unless entry `i` follows on the one before it. */
function checkEntry(view: DataView, i: number, dataLength: number): void {
  const at = i * INDEX_ENTRY_BYTES
  const position = view.getUint32(at + POSITION)
  if (position >= dataLength) throw new FormatError('An index points behind the data')
  if (i === 0) {
    if (position !== 0) throw new FormatError('An index does not begin with the data')
    return
  }
  const before = at - INDEX_ENTRY_BYTES
  const rises =
    view.getUint32(at + OFFSET) > view.getUint32(before + OFFSET) &&
    position > view.getUint32(before + POSITION) &&
    view.getBigInt64(at + TIMESTAMP) >= view.getBigInt64(before + TIMESTAMP)
  if (!rises) throw new FormatError('An index is out of order')
}
