// Primitives at given places of a byte string, for code that has measured what it writes and
// needs neither growth nor a view object per message. A place beyond the end is a bug of the
// caller, whose measure and write must agree; they are asserted to.
import { OperatingError } from '../../base/errors.ts'
import type { NodeEndpoint } from '../messages/00-produce.ts'
import { STRING_BYTES_MAX } from '../read-plan.ts'
import { utf8Length } from '../write-plan.ts'

const utf8 = new TextEncoder()

/** Writes an int16 at `at` and returns the place behind it; so do all that follow. */
export function putInt16(bytes: Uint8Array, at: number, value: number): number {
  bytes[at] = value >> 8
  bytes[at + 1] = value
  return at + 2
}

/** Writes an int32. */
export function putInt32(bytes: Uint8Array, at: number, value: number): number {
  bytes[at] = value >> 24
  bytes[at + 1] = value >> 16
  bytes[at + 2] = value >> 8
  bytes[at + 3] = value
  return at + 4
}

/** Writes a safe integer as int64. */
export function putInt64(bytes: Uint8Array, at: number, value: number): number {
  putInt32(bytes, at, Math.floor(value / 4294967296))
  return putInt32(bytes, at + 4, value >>> 0)
}

/** Writes an unsigned varint of at most 31 bits. */
export function putUvarint(bytes: Uint8Array, at: number, value: number): number {
  let rest = value
  let to = at
  while (rest > 0x7f) {
    bytes[to++] = (rest & 0x7f) | 0x80
    rest >>>= 7
  }
  bytes[to++] = rest
  return to
}

/** Bytes of an unsigned varint. */
export function uvarintBytes(value: number): number {
  if (value < 0x80) return 1
  if (value < 0x4000) return 2
  if (value < 0x200000) return 3
  return value < 0x10000000 ? 4 : 5
}

/** Copies `from[start, end)`. */
export function putRange(
  bytes: Uint8Array,
  at: number,
  from: Uint8Array,
  range: { readonly start: number; readonly end: number },
): number {
  // Names are short: a loop beats a view and a copy.
  for (let i = range.start, to = at; i < range.end; i++, to++) bytes[to] = from[i] as number
  return at + range.end - range.start
}

/** Bytes of a nullable string with its length, compact or not. Refuses one over 32767 bytes. */
export function stringBytes(text: string | null, compact: boolean): number {
  if (text === null) return compact ? 1 : 2
  const length = utf8Length(text)
  if (length > STRING_BYTES_MAX) {
    throw new OperatingError('refused', `Cannot encode a string of ${length} bytes: over 32767`)
  }
  return length + (compact ? uvarintBytes(length + 1) : 2)
}

/** Writes a nullable string with its length, compact or not. */
export function putString(
  bytes: Uint8Array,
  at: number,
  text: string | null,
  compact: boolean,
): number {
  if (text === null) return compact ? putUvarint(bytes, at, 0) : putInt16(bytes, at, -1)
  const length = utf8Length(text)
  const to = compact ? putUvarint(bytes, at, length + 1) : putInt16(bytes, at, length)
  if (length !== text.length) {
    utf8.encodeInto(text, bytes.subarray(to, to + length))
    return to + length
  }
  for (let i = 0; i < length; i++) bytes[to + i] = text.charCodeAt(i)
  return to + length
}

const hexOfByte: readonly string[] = Array.from({ length: 256 }, (_, byte) =>
  byte.toString(16).padStart(2, '0'),
)

/** The 16 bytes at `at` as canonical UUID text. */
export function uuidAt(bytes: Uint8Array, at: number): string {
  let text = ''
  for (let i = 0; i < 16; i++) {
    if (i === 4 || i === 6 || i === 8 || i === 10) text += '-'
    text += hexOfByte[bytes[at + i] as number] as string
  }
  return text
}

const digit = (code: number): number => (code <= 0x39 ? code - 0x30 : (code | 0x20) - 0x57)

/** Writes canonical UUID text as 16 bytes. */
export function putUuid(bytes: Uint8Array, at: number, text: string): number {
  let to = at
  for (let i = 0; i < 36; i += 2) {
    if (i === 8 || i === 13 || i === 18 || i === 23) i++
    bytes[to++] = (digit(text.charCodeAt(i)) << 4) | digit(text.charCodeAt(i + 1))
  }
  return to
}

/** A length without its data: compact (n + 1 as a varint) or int32. */
export const lengthBytes = (length: number, compact: boolean): number =>
  compact ? uvarintBytes(length + 1) : 4

/** Writes a length: compact (n + 1 as a varint) or int32. */
export const putLength = (
  bytes: Uint8Array,
  at: number,
  length: number,
  compact: boolean,
): number => (compact ? putUvarint(bytes, at, length + 1) : putInt32(bytes, at, length))

/** Bytes of a tagged list of endpoints (KIP-951), without tag and size. */
function endpointsValueBytes(endpoints: readonly NodeEndpoint[]): number {
  let size = uvarintBytes(endpoints.length + 1)
  for (const { host, rack } of endpoints)
    size += 9 + stringBytes(host, true) + stringBytes(rack, true)
  return size
}

/** Bytes of a body's tagged fields where `endpoints` under tag 0 is all there can be. */
export function endpointTagsBytes(endpoints: readonly NodeEndpoint[]): number {
  if (endpoints.length === 0) return 1
  const size = endpointsValueBytes(endpoints)
  return 2 + uvarintBytes(size) + size
}

/** Writes a body's tagged fields: `endpoints` under tag 0, or nothing if there are none. */
export function putEndpointTags(
  bytes: Uint8Array,
  at: number,
  endpoints: readonly NodeEndpoint[],
): number {
  if (endpoints.length === 0) return putUvarint(bytes, at, 0)
  let to = putUvarint(bytes, at, 1)
  to = putUvarint(bytes, to, 0)
  to = putUvarint(bytes, to, endpointsValueBytes(endpoints))
  to = putUvarint(bytes, to, endpoints.length + 1)
  for (const { nodeId, host, port, rack } of endpoints) {
    to = putInt32(bytes, to, nodeId)
    to = putString(bytes, to, host, true)
    to = putInt32(bytes, to, port)
    to = putString(bytes, to, rack, true)
    to = putUvarint(bytes, to, 0)
  }
  return to
}
