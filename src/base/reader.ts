// A cursor over bytes from outside. Every length is checked against what is left before it is
// used, so that a lying length costs a FormatError and never an allocation. Big-endian, as Kafka's
// wire is. One DataView per reader; strings are decoded as UTF-8. It knows nothing of messages.
import { FormatError } from './errors.ts'

// A leading U+FEFF is data here, not a mark to drop: what was written must read back the same.
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })

/**
 * Reads primitives from `bytes[at, end)`. Every method throws FormatError when the bytes run out.
 */
export class Reader {
  readonly bytes: Uint8Array
  readonly view: DataView
  at: number
  readonly end: number
  /** List elements that may still be read: one may take a byte here and a hundred in memory. */
  elementsLeft: number = Infinity

  constructor(bytes: Uint8Array, at = 0, end: number = bytes.length) {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.at = at
    this.end = end
  }

  /** Bytes not yet read. */
  get left(): number {
    return this.end - this.at
  }

  /** Steps over `count` bytes and returns where they began. */
  take(count: number): number {
    const at = this.at
    if (count < 0 || count > this.end - at) throw new FormatError('Bytes end inside a field')
    this.at = at + count
    return at
  }

  /** Counts list elements before they are read. Throws FormatError when they are too many. */
  spend(elements: number): void {
    this.elementsLeft -= elements
    if (this.elementsLeft < 0) throw new FormatError('A message has too many list elements')
  }

  int8(): number {
    return this.view.getInt8(this.take(1))
  }

  uint8(): number {
    return this.view.getUint8(this.take(1))
  }

  bool(): boolean {
    return this.view.getInt8(this.take(1)) !== 0
  }

  int16(): number {
    return this.view.getInt16(this.take(2))
  }

  uint16(): number {
    return this.view.getUint16(this.take(2))
  }

  int32(): number {
    return this.view.getInt32(this.take(4))
  }

  uint32(): number {
    return this.view.getUint32(this.take(4))
  }

  float64(): number {
    return this.view.getFloat64(this.take(8))
  }

  /** An int64 that must lie within ±2^53: an offset, a time, a size. */
  int64(): number {
    const at = this.take(8)
    const value = this.view.getInt32(at) * 4294967296 + this.view.getUint32(at + 4)
    if (!Number.isSafeInteger(value)) throw new FormatError('An int64 lies outside ±2^53')
    return value
  }

  /** An int64 that is an opaque id: every bit pattern is legal. */
  bigInt64(): bigint {
    return this.view.getBigInt64(this.take(8))
  }

  /** Unsigned LEB128 of at most 32 bits. */
  uvarint(): number {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.uint8()
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) {
        if (value > 0xffffffff) throw new FormatError('A varint is longer than 32 bits')
        return value
      }
    }
    throw new FormatError('A varint is longer than 32 bits')
  }

  /** Unsigned LEB128 below 2^53: an offset, a size. */
  uvarlong(): number {
    let value = 0
    for (let shift = 0; shift < 56; shift += 7) {
      const byte = this.uint8()
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) {
        if (!Number.isSafeInteger(value)) throw new FormatError('A varint is longer than 53 bits')
        return value
      }
    }
    throw new FormatError('A varint is longer than 53 bits')
  }

  /** Zigzag varint of at most 32 bits. */
  varint(): number {
    const raw = this.uvarint()
    return (raw >>> 1) ^ -(raw & 1)
  }

  /** Zigzag varint of at most 64 bits whose value must lie within ±2^53. */
  varlong(): number {
    // The sign is kept apart from the magnitude: together they would need 54 bits.
    let byte = this.uint8()
    const negative = byte % 2 === 1
    let magnitude = (byte & 0x7f) >>> 1
    let scale = 64
    for (let i = 1; byte >= 0x80; i++) {
      if (i === 10) throw new FormatError('A varlong is longer than 64 bits')
      byte = this.uint8()
      magnitude += (byte & 0x7f) * scale
      scale *= 128
    }
    const value = negative ? -magnitude - 1 : magnitude
    if (!Number.isSafeInteger(value)) throw new FormatError('A varlong lies outside ±2^53')
    return value
  }

  /** A borrowed view of the next `count` bytes. */
  raw(count: number): Uint8Array {
    const at = this.take(count)
    return this.bytes.subarray(at, at + count)
  }

  /** The next `count` bytes as UTF-8 text. */
  text(count: number): string {
    const at = this.take(count)
    if (count < 32) {
      let ascii = ''
      for (let i = at; i < at + count; i++) {
        const byte = this.bytes[i] as number
        if (byte > 0x7f) return utf8.decode(this.bytes.subarray(at, at + count))
        ascii += String.fromCharCode(byte)
      }
      return ascii
    }
    return utf8.decode(this.bytes.subarray(at, at + count))
  }

  /** 16 raw bytes as the canonical UUID text `8-4-4-4-12`. */
  uuid(): string {
    const at = this.take(16)
    let hex = ''
    for (let i = at; i < at + 16; i++)
      hex += (this.bytes[i] as number).toString(16).padStart(2, '0')
    const groups = [
      hex.slice(0, 8),
      hex.slice(8, 12),
      hex.slice(12, 16),
      hex.slice(16, 20),
      hex.slice(20),
    ]
    return groups.join('-')
  }
}
