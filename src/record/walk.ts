// A walk over the records section of one uncompressed batch that a producer sent. It runs for every
// record produced, so it allocates nothing, copies nothing and keeps to 32-bit arithmetic on its
// fast paths. Every length is checked against its record's end before it is followed, and every
// record's end against the section's. It decides whether the section is well formed and what its
// smallest and largest timestamps are; what a topic allows is `validate.ts`'s business. Lengths and
// offset deltas of 2^27 and more are refused as malformed: no batch that fits a request has them.
//
// A record is: varint length, int8 attributes, varlong timestamp delta, varint offset delta,
// varint key length (-1: null) and key, varint value length (-1: null) and value, varint header
// count, and per header a varint key length and key, a varint value length (-1: null) and value.
import { assert } from '../base/assert.ts'

/** The smallest body a record can have: six fields of one byte. */
const BODY_BYTES_MIN = 6

const LONG = 'A record is longer than its batch'
const SHORT = 'A record is shorter than its fields'
const NUMBER = 'A record has a malformed number'
const NEGATIVE = 'A record has a negative length'

/** Why a section is malformed. */
export type WalkFault =
  | null
  | 'A record is longer than its batch'
  | 'A record is shorter than its fields'
  | 'A record is longer than its fields'
  | 'A record has a malformed number'
  | 'A record has a negative length'
  | 'A record is out of order'
  | 'A batch has more bytes than its records'

/** What one walk found; reused from walk to walk. Timestamps are deltas to the base timestamp. */
export class Walk {
  /** Timestamp delta of the record walked last. */
  delta = 0
  /** Whether that record's key is null. */
  keyIsNull = false
  /** Null when the section is well formed. The other fields mean nothing when it is not. */
  fault: WalkFault = null
  /** Index of the record at fault; the record count for trailing bytes. */
  faultIndex = -1
  /** Smallest timestamp delta in ms; 0 without records. */
  minDelta = 0
  /** Largest timestamp delta in ms; 0 without records. */
  maxDelta = 0
  /** Index of the first record that has the largest delta; -1 without records. */
  maxIndex = -1
  /** Index of the first record whose key is null; -1 when all have keys. */
  nullKeyIndex = -1
}

/**
 * Walks `count` records in `bytes[from, end)` and notes in `walk` what it finds. Offset deltas must
 * be 0, 1, 2, …; the last record must end at `end`. Returns whether the section is well formed.
 *
 * The loop takes a record only when it has the usual shape: numbers of one or two bytes and no
 * headers. It gives every other record to `walkRecord`, which alone tells unusual from malformed.
 * It is long because it is inlined by hand: calls in it, or checks it can do without, double its
 * time, and it runs for every record that is produced.
 */
export function walkRecords(
  bytes: Uint8Array,
  from: number,
  end: number,
  count: number,
  walk: Walk,
): boolean {
  assert(from >= 0 && from <= end, 'Records begin outside the bytes')
  assert(end <= bytes.length, 'Records end outside the bytes')
  let at = from
  let minDelta = 0
  let maxDelta = 0
  let maxIndex = -1
  let nullKeyIndex = -1
  for (let index = 0; index < count; index++) {
    const recordAt = at
    usual: {
      // Length. With six bytes behind it, all up to the first byte of the key length are there.
      if (end - at < 2 + BODY_BYTES_MIN) break usual
      let raw = bytes[at++] as number
      if (raw > 0x7f) {
        const second = bytes[at++] as number
        if (second > 0x7f) break usual
        raw = (raw & 0x7f) | (second << 7)
      }
      const stop = at + unzigzag(raw)
      if (stop > end || stop - at < BODY_BYTES_MIN) break usual
      // Timestamp delta, behind one byte of attributes that nothing uses.
      raw = bytes[at + 1] as number
      at += 2
      if (raw > 0x7f) {
        const second = bytes[at++] as number
        if (second > 0x7f) break usual
        raw = (raw & 0x7f) | (second << 7)
      }
      const delta = unzigzag(raw)
      // Offset delta.
      raw = bytes[at++] as number
      if (raw > 0x7f) {
        const second = bytes[at++] as number
        if (second > 0x7f) break usual
        raw = (raw & 0x7f) | (second << 7)
      }
      if (raw !== index << 1 || at + 2 >= stop) break usual
      // Key.
      raw = bytes[at++] as number
      if (raw > 0x7f) {
        const second = bytes[at++] as number
        if (second > 0x7f) break usual
        raw = (raw & 0x7f) | (second << 7)
      }
      const keyIsNull = raw === 1
      if ((raw & 1) === 0) at += raw >>> 1
      else if (!keyIsNull) break usual
      // Value.
      if (at + 1 >= stop) break usual
      raw = bytes[at++] as number
      if (raw > 0x7f) {
        const second = bytes[at++] as number
        if (second > 0x7f) break usual
        raw = (raw & 0x7f) | (second << 7)
      }
      if ((raw & 1) === 0) at += raw >>> 1
      else if (raw !== 1) break usual
      // No headers: the one byte 0 at the record's end.
      if (at !== stop - 1 || bytes[at] !== 0) break usual
      at = stop
      if (keyIsNull && nullKeyIndex < 0) nullKeyIndex = index
      if (index > 0) {
        if (delta > maxDelta) {
          maxDelta = delta
          maxIndex = index
        } else if (delta < minDelta) minDelta = delta
        continue
      }
      minDelta = delta
      maxDelta = delta
      maxIndex = 0
      continue
    }
    at = walkRecord(bytes, recordAt, end, index, walk)
    if (at < 0) return false
    const delta = walk.delta
    if (walk.keyIsNull && nullKeyIndex < 0) nullKeyIndex = index
    if (index === 0 || delta > maxDelta) {
      maxDelta = delta
      maxIndex = index
    }
    if (index === 0 || delta < minDelta) minDelta = delta
  }
  if (at !== end) {
    fail(walk, 'A batch has more bytes than its records', count)
    return false
  }
  walk.fault = null
  walk.minDelta = minDelta
  walk.maxDelta = maxDelta
  walk.maxIndex = maxIndex
  walk.nullKeyIndex = nullKeyIndex
  return true
}

/**
 * Walks the record that begins at `from`, in full. Notes its timestamp delta and whether its key is
 * null; returns where it ends, or -1 after noting the fault.
 */
function walkRecord(
  bytes: Uint8Array,
  from: number,
  end: number,
  index: number,
  walk: Walk,
): number {
  let at = from
  let field = packedAt(bytes, at, end)
  if (field < 0) return fail(walk, LONG, index)
  at += field & 7
  const stop = at + unzigzag(field >> 3)
  if (stop > end) return fail(walk, LONG, index)
  if (stop - at < BODY_BYTES_MIN) return fail(walk, SHORT, index)

  at++ // attributes of the record, which nothing uses
  const size = varintSize(bytes, at, stop, 10)
  if (size < 0) return fail(walk, NUMBER, index)
  walk.delta = size < 5 ? varintAt(bytes, at, size) : varlongAt(bytes, at, size)
  if (!Number.isSafeInteger(walk.delta)) return fail(walk, NUMBER, index)
  at += size

  field = packedAt(bytes, at, stop)
  if (field < 0) return fail(walk, NUMBER, index)
  at += field & 7
  if (unzigzag(field >> 3) !== index) return fail(walk, 'A record is out of order', index)

  for (let keyThenValue = 0; keyThenValue < 2; keyThenValue++) {
    field = packedAt(bytes, at, stop)
    if (field < 0) return fail(walk, at >= stop ? SHORT : NUMBER, index)
    at += field & 7
    const length = unzigzag(field >> 3)
    if (length < -1) return fail(walk, NEGATIVE, index)
    if (length > 0) at += length
    if (keyThenValue === 0) walk.keyIsNull = length < 0
  }
  if (at >= stop) return fail(walk, SHORT, index)
  at = skipHeaders(bytes, at, stop)
  if (at < 0) return fail(walk, headerFaults[-at - 1] ?? SHORT, index)
  if (at !== stop) return fail(walk, 'A record is longer than its fields', index)
  return stop
}

/** The integer that a zigzag code of 28 bits stands for. */
function unzigzag(raw: number): number {
  return (raw >>> 1) ^ -(raw & 1)
}

/**
 * The unsigned varint at `at` as `value << 3 | size`, so that one small integer carries both; -1
 * when it does not end before `stop` or takes more than four bytes (28 bits).
 */
function packedAt(bytes: Uint8Array, at: number, stop: number): number {
  if (at >= stop) return -1
  const first = bytes[at] as number
  if (first < 0x80) return (first << 3) | 1
  if (at + 1 >= stop) return -1
  const second = bytes[at + 1] as number
  if (second < 0x80) return ((first & 0x7f) << 3) | (second << 10) | 2
  return packedLongAt(bytes, at, stop)
}

function packedLongAt(bytes: Uint8Array, at: number, stop: number): number {
  const size = varintSize(bytes, at, stop, 4)
  if (size < 0) return -1
  let raw = (bytes[at] as number) & 0x7f
  for (let i = 1; i < size; i++) raw |= ((bytes[at + i] as number) & 0x7f) << (7 * i)
  return (raw << 3) | size
}

function fail(walk: Walk, fault: WalkFault, index: number): number {
  walk.fault = fault
  walk.faultIndex = index
  return -1
}

/** What `skipHeaders` answers as -1, -2 and -3. */
const headerFaults: readonly WalkFault[] = [
  'A record is shorter than its fields',
  'A record has a malformed number',
  'A record has a negative length',
]

/** Steps over headers that begin with their count at `from`; the position behind, or a fault. */
function skipHeaders(bytes: Uint8Array, from: number, stop: number): number {
  let at = from
  const countSize = varintSize(bytes, at, stop, 5)
  if (countSize < 0) return -2
  const count = varintAt(bytes, at, countSize)
  if (count < 0) return -3
  at += countSize
  // A header takes two bytes or more: a count that lies is found before it is counted to.
  if (count > (stop - at) / 2) return -1
  for (let header = 0; header < count; header++) {
    if (at >= stop) return -1
    const keySize = varintSize(bytes, at, stop, 5)
    if (keySize < 0) return -2
    const keyLength = varintAt(bytes, at, keySize)
    if (keyLength < 0) return -3
    at += keySize + keyLength
    if (at >= stop) return -1
    const valueSize = varintSize(bytes, at, stop, 5)
    if (valueSize < 0) return -2
    const valueLength = varintAt(bytes, at, valueSize)
    if (valueLength < -1) return -3
    at += valueSize + (valueLength > 0 ? valueLength : 0)
  }
  return at > stop ? -1 : at
}

/**
 * How many bytes the varint at `at` takes; -1 when it does not end before `end` or within `most`
 * bytes (5 for 32 bits, 10 for 64), or has bits beyond its width.
 */
export function varintSize(bytes: Uint8Array, at: number, end: number, most: number): number {
  const room = end - at < most ? end - at : most
  for (let i = 0; i < room; i++) {
    const byte = bytes[at + i] as number
    if (byte < 0x80) {
      if (i === 4 && most === 5 && byte > 0x0f) return -1
      if (i === 9 && byte > 1) return -1
      return i + 1
    }
  }
  return -1
}

/** The zigzag varint of 32 bits that takes `size` bytes at `at`, as `varintSize` found. */
export function varintAt(bytes: Uint8Array, at: number, size: number): number {
  let raw = (bytes[at] as number) & 0x7f
  if (size > 1) raw |= ((bytes[at + 1] as number) & 0x7f) << 7
  if (size > 2) raw |= ((bytes[at + 2] as number) & 0x7f) << 14
  if (size > 3) raw |= ((bytes[at + 3] as number) & 0x7f) << 21
  if (size > 4) raw |= (bytes[at + 4] as number) << 28
  return (raw >>> 1) ^ -(raw & 1)
}

/**
 * The zigzag varint of 64 bits that takes `size` bytes at `at`, as `varintSize` found. One outside
 * ±2^53 comes out as a number that `Number.isSafeInteger` refuses.
 */
export function varlongAt(bytes: Uint8Array, at: number, size: number): number {
  const first = bytes[at] as number
  // The magnitude without the sign bit: six bits of the first byte, seven of every other.
  let magnitude = (first & 0x7f) >>> 1
  let scale = 64
  for (let i = 1; i < size; i++) {
    magnitude += ((bytes[at + i] as number) & 0x7f) * scale
    scale *= 128
  }
  return first & 1 ? -magnitude - 1 : magnitude
}
