// The mirror of Reader: a growing buffer of big-endian primitives. A caller that knows the size
// gives it and pays for no growth; `bytes()` hands out a borrowed view of what was written.
import { assert } from './assert.ts'

const utf8 = new TextEncoder()

/** Writes primitives to a buffer that doubles when full. Positions may be patched afterwards. */
export class Writer {
  #bytes: Uint8Array
  #view: DataView
  at = 0

  constructor(capacity = 256) {
    this.#bytes = new Uint8Array(capacity)
    this.#view = new DataView(this.#bytes.buffer)
  }

  /** What was written so far: a borrowed view, valid until the next write or `reset`. */
  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.at)
  }

  /** A copy of what was written, for a caller that keeps it. */
  copy(): Uint8Array {
    return Uint8Array.from(this.bytes())
  }

  /** Forgets what was written and keeps the buffer. */
  reset(): void {
    this.at = 0
  }

  /** Makes room for `count` bytes and returns where they begin. */
  reserve(count: number): number {
    assert(count >= 0, 'Writer reserves a negative count')
    const at = this.at
    if (at + count > this.#bytes.length) this.#grow(at + count)
    this.at = at + count
    return at
  }

  #grow(least: number): void {
    const bytes = new Uint8Array(Math.max(least, this.#bytes.length * 2))
    bytes.set(this.#bytes.subarray(0, this.at))
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer)
  }

  int8(value: number): void {
    const at = this.reserve(1)
    this.#view.setInt8(at, value)
  }

  uint8(value: number): void {
    const at = this.reserve(1)
    this.#view.setUint8(at, value)
  }

  bool(value: boolean): void {
    this.int8(value ? 1 : 0)
  }

  int16(value: number): void {
    const at = this.reserve(2)
    this.#view.setInt16(at, value)
  }

  uint16(value: number): void {
    const at = this.reserve(2)
    this.#view.setUint16(at, value)
  }

  int32(value: number): void {
    const at = this.reserve(4)
    this.#view.setInt32(at, value)
  }

  uint32(value: number): void {
    const at = this.reserve(4)
    this.#view.setUint32(at, value)
  }

  /** Overwrites an int32 written earlier at `at`: for lengths known only afterwards. */
  patchInt32(at: number, value: number): void {
    assert(at + 4 <= this.at, 'Writer patches beyond what was written')
    this.#view.setInt32(at, value)
  }

  /** Overwrites a uint32 written earlier at `at`. */
  patchUint32(at: number, value: number): void {
    assert(at + 4 <= this.at, 'Writer patches beyond what was written')
    this.#view.setUint32(at, value)
  }

  float64(value: number): void {
    const at = this.reserve(8)
    this.#view.setFloat64(at, value)
  }

  /** A safe integer as int64. */
  int64(value: number): void {
    const at = this.reserve(8)
    this.#view.setInt32(at, Math.floor(value / 4294967296))
    this.#view.setUint32(at + 4, value >>> 0)
  }

  bigInt64(value: bigint): void {
    const at = this.reserve(8)
    this.#view.setBigInt64(at, value)
  }

  /** Unsigned LEB128 of at most 32 bits. */
  uvarint(value: number): void {
    assert(value <= 0xffffffff, 'A uvarint has at most 32 bits')
    this.uvarlong(value)
  }

  /** Unsigned LEB128 of a safe integer that is not negative. */
  uvarlong(value: number): void {
    let rest = value
    while (rest > 0x7f) {
      this.uint8((rest % 128) | 0x80)
      rest = Math.floor(rest / 128)
    }
    this.uint8(rest)
  }

  /** Zigzag varint of an int32. */
  varint(value: number): void {
    this.uvarint(((value << 1) ^ (value >> 31)) >>> 0)
  }

  /** Zigzag varint of a safe integer. */
  varlong(value: number): void {
    // The sign is kept apart from the magnitude: together they would need 54 bits.
    const negative = value < 0
    const magnitude = negative ? -value - 1 : value
    const low = (magnitude % 64) * 2 + (negative ? 1 : 0)
    const rest = Math.floor(magnitude / 64)
    this.uint8(rest > 0 ? low | 0x80 : low)
    if (rest > 0) this.uvarlong(rest)
  }

  raw(bytes: Uint8Array): void {
    const at = this.reserve(bytes.length)
    this.#bytes.set(bytes, at)
  }

  /** UTF-8 bytes of `text` without a length; returns how many they were. */
  text(text: string): number {
    const room = this.reserve(text.length * 3)
    const { written } = utf8.encodeInto(text, this.#bytes.subarray(room, this.at))
    this.at = room + written
    return written
  }

  /** The canonical UUID text as 16 raw bytes. */
  uuid(text: string): void {
    const at = this.reserve(16)
    const hex = text.replaceAll('-', '')
    assert(hex.length === 32, 'Writer takes a UUID of 32 hex digits')
    for (let i = 0; i < 16; i++)
      this.#bytes[at + i] = Number.parseInt(hex.slice(i * 2, i * 2 + 2), 16)
  }
}
