// Steps through the records of a plain records section one by one and tells where their parts
// lie. One object serves all records: nothing is allocated or copied per record, so compaction,
// look-ups and readers share it. Unlike the walk over produced batches it takes offset deltas with
// gaps, as compaction leaves them. It knows nothing of base offsets and timestamps.
import { FormatError } from '../base/errors.ts'
import type { Section } from './section.ts'
import { varintAt, varintSize, varlongAt } from './walk.ts'

/** A position in a records section; fields describe the record that `next` stepped to. */
export class RecordCursor {
  /** The section's bytes; every `…At` below is a position in them. */
  readonly bytes: Uint8Array
  /** Index of the record in its batch; -1 before the first `next`. */
  index = -1
  /** Where the record begins, its length included, and where it ends. */
  recordAt = 0
  recordEnd: number
  attributes = 0
  timestampDelta = 0
  offsetDelta = -1
  keyAt = 0
  /** Bytes of the key; -1 when it is null. */
  keyLength = -1
  valueAt = 0
  /** Bytes of the value; -1 when it is null. */
  valueLength = -1
  headerCount = 0
  /** Where the first header begins. */
  headersAt = 0
  readonly #end: number
  readonly #count: number
  #at: number

  constructor(section: Section) {
    this.bytes = section.bytes
    this.#at = section.from
    this.recordEnd = section.from
    this.#end = section.end
    this.#count = section.count
  }

  /** Steps to the next record; false behind the last. Throws FormatError when it is malformed. */
  next(): boolean {
    if (this.index + 1 >= this.#count) {
      if (this.recordEnd !== this.#end) throw new FormatError('A batch has more than its records')
      return false
    }
    this.index++
    this.#at = this.recordEnd
    this.recordAt = this.#at
    const length = this.#length(this.#end)
    if (length < 1) throw new FormatError('A record is shorter than its fields')
    if (length > this.#end - this.#at) throw new FormatError('A record is longer than its batch')
    const stop = this.#at + length
    this.recordEnd = stop
    this.attributes = ((this.bytes[this.#at++] as number) << 24) >> 24
    this.timestampDelta = this.#varlong(stop)
    const offsetDelta = this.#length(stop)
    if (offsetDelta <= this.offsetDelta) throw new FormatError('A record is out of order')
    this.offsetDelta = offsetDelta
    this.keyLength = this.#length(stop)
    this.keyAt = this.#skip(this.keyLength, stop)
    this.valueLength = this.#length(stop)
    this.valueAt = this.#skip(this.valueLength, stop)
    this.headerCount = this.#length(stop)
    if (this.headerCount < 0 || this.headerCount > (stop - this.#at) / 2) {
      throw new FormatError('A record has a wrong header count')
    }
    this.headersAt = this.#at
    for (let i = 0; i < this.headerCount; i++) this.#skipHeader(stop)
    if (this.#at !== stop) throw new FormatError('A record is longer than its fields')
    return true
  }

  /** The key: a borrowed view, or null. */
  key(): Uint8Array | null {
    if (this.keyLength < 0) return null
    return this.bytes.subarray(this.keyAt, this.keyAt + this.keyLength)
  }

  /** The value: a borrowed view, or null. */
  value(): Uint8Array | null {
    if (this.valueLength < 0) return null
    return this.bytes.subarray(this.valueAt, this.valueAt + this.valueLength)
  }

  /** The headers in their order, with borrowed views. */
  headers(): RecordHeader[] {
    const headers: RecordHeader[] = []
    this.#at = this.headersAt
    for (let i = 0; i < this.headerCount; i++) {
      const keyLength = this.#length(this.recordEnd)
      const keyAt = this.#skip(keyLength, this.recordEnd)
      const valueLength = this.#length(this.recordEnd)
      const valueAt = this.#skip(valueLength, this.recordEnd)
      headers.push({
        key: this.bytes.subarray(keyAt, keyAt + keyLength),
        value: valueLength < 0 ? null : this.bytes.subarray(valueAt, valueAt + valueLength),
      })
    }
    return headers
  }

  #skipHeader(stop: number): void {
    const keyLength = this.#length(stop)
    if (keyLength < 0) throw new FormatError('A header key has a negative length')
    this.#skip(keyLength, stop)
    this.#skip(this.#length(stop), stop)
  }

  #length(stop: number): number {
    const size = varintSize(this.bytes, this.#at, stop, 5)
    if (size < 0) throw new FormatError('A record has a malformed number')
    const value = varintAt(this.bytes, this.#at, size)
    this.#at += size
    return value
  }

  #varlong(stop: number): number {
    const size = varintSize(this.bytes, this.#at, stop, 10)
    if (size < 0) throw new FormatError('A record has a malformed number')
    const value = varlongAt(this.bytes, this.#at, size)
    if (!Number.isSafeInteger(value)) throw new FormatError('A timestamp lies outside ±2^53')
    this.#at += size
    return value
  }

  /** Steps over a field of `length` bytes (-1: null) and returns where it began. */
  #skip(length: number, stop: number): number {
    const at = this.#at
    if (length < -1) throw new FormatError('A record has a negative length')
    if (length > stop - at) throw new FormatError('A record is shorter than its fields')
    if (length > 0) this.#at = at + length
    return at
  }
}

/** A record header. The key is UTF-8; both are bytes so that they stay what they were. */
export interface RecordHeader {
  readonly key: Uint8Array
  readonly value: Uint8Array | null
}
