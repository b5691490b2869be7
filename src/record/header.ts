// The header of a record batch, format version ("magic") 2: 61 bytes, big-endian, KIP-98. Readers
// take (bytes, at) with `at` the batch's first byte, allocate nothing and check nothing beyond
// their own field, so the caller first makes sure that HEADER_BYTES are there. Writers change only
// what a broker may change: base offset and leader epoch lie outside the checksum, timestamp type
// and max timestamp inside it. This file knows nothing of the records behind the header.
import { assert } from '../base/assert.ts'
import { crc32cCombine, crc32cRange } from '../base/crc32c.ts'
import { FormatError } from '../base/errors.ts'
import type { LeaderEpoch, Offset } from '../base/units.ts'
import { CODECS } from '../ports/compression.ts'
import type { Codec } from '../ports/compression.ts'

/** Bytes before the part that the length field counts: base offset and the length itself. */
export const PREFIX_BYTES = 12
/** Bytes of the whole header: where the records section, possibly compressed, begins. */
export const HEADER_BYTES = 61
/** The only magic that is written, and the only one accepted from producers. */
export const MAGIC = 2

/** Where each field begins, counted from the batch's first byte. */
export const Field = {
  baseOffset: 0,
  length: 8,
  leaderEpoch: 12,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  baseTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  baseSequence: 53,
  recordCount: 57,
} as const

/** Bits of the attributes field. Bits 0 to 2 are the codec, 7 to 15 are unused. */
export const Attribute = {
  codecMask: 0x07,
  logAppendTime: 0x08,
  transactional: 0x10,
  control: 0x20,
  /** The base timestamp is the time from which tombstones may be deleted (KIP-534). */
  deleteHorizon: 0x40,
} as const

/** "No producer", "no sequence" and "no timestamp", as they stand on the wire. */
export const NONE = -1

/** The signed 32-bit integer at `at`. */
export function int32At(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] as number) << 24) |
    ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number)
  )
}

/** The signed 16-bit integer at `at`. */
export function int16At(bytes: Uint8Array, at: number): number {
  return (((bytes[at] as number) << 24) >> 16) | (bytes[at + 1] as number)
}

/** Whether the int64 at `at` lies within ±2^53, exclusive, and so can be read as a number. */
export function isSafeInt64At(bytes: Uint8Array, at: number): boolean {
  const high = int32At(bytes, at)
  if (high === -0x200000) return int32At(bytes, at + 4) !== 0
  return high > -0x200000 && high < 0x200000
}

/** The int64 at `at`; throws FormatError when it lies outside ±2^53. */
export function int64At(bytes: Uint8Array, at: number): number {
  if (!isSafeInt64At(bytes, at)) throw new FormatError('An int64 lies outside ±2^53')
  return int32At(bytes, at) * 4294967296 + (int32At(bytes, at + 4) >>> 0)
}

function putInt32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
}

function putInt64(bytes: Uint8Array, at: number, value: number): void {
  putInt32(bytes, at, Math.floor(value / 4294967296))
  putInt32(bytes, at + 4, value >>> 0)
}

/** Total bytes of the batch, its 12-byte prefix included. May be negative or absurd: check it. */
export function batchLength(bytes: Uint8Array, at: number): number {
  return int32At(bytes, at + Field.length) + PREFIX_BYTES
}

/** Offset of the batch's first record; 0 in a batch from a producer. */
export function baseOffset(bytes: Uint8Array, at: number): Offset {
  return int64At(bytes, at + Field.baseOffset) as Offset
}

/** Offset of the batch's last record, also when compaction has removed that record. */
export function lastOffset(bytes: Uint8Array, at: number): Offset {
  return (baseOffset(bytes, at) + lastOffsetDelta(bytes, at)) as Offset
}

/** The exclusive end of the batch: the base offset of the one behind it. */
export function nextOffset(bytes: Uint8Array, at: number): Offset {
  return (baseOffset(bytes, at) + lastOffsetDelta(bytes, at) + 1) as Offset
}

/** Epoch of the leader that appended the batch; anything in a batch from a producer. */
export function leaderEpoch(bytes: Uint8Array, at: number): LeaderEpoch {
  return int32At(bytes, at + Field.leaderEpoch) as LeaderEpoch
}

/** Format version, signed. It stands at the same place in magic 0 and 1. */
export function magic(bytes: Uint8Array, at: number): number {
  return ((bytes[at + Field.magic] as number) << 24) >> 24
}

/** The stored CRC-32C of the bytes from the attributes to the batch's end, unsigned. */
export function crc(bytes: Uint8Array, at: number): number {
  return int32At(bytes, at + Field.crc) >>> 0
}

/** The attributes, 16 bits signed; see `Attribute`. */
export function attributes(bytes: Uint8Array, at: number): number {
  return int16At(bytes, at + Field.attributes)
}

/** Codec number of the records section, 0 to 7; 5 to 7 name no codec. */
export function codecNumber(bytes: Uint8Array, at: number): number {
  return attributes(bytes, at) & Attribute.codecMask
}

/** Codec of the records section; throws FormatError when the number names none. */
export function codec(bytes: Uint8Array, at: number): Codec {
  const name = CODECS[codecNumber(bytes, at)]
  if (name === undefined) throw new FormatError('A batch names a codec that does not exist')
  return name
}

/** What the timestamps of a batch say: when the producer made the record, or the broker took it. */
export type TimestampType = 'create' | 'append'

/** The batch's timestamp type. With `append` every record has the max timestamp. */
export function timestampType(bytes: Uint8Array, at: number): TimestampType {
  return attributes(bytes, at) & Attribute.logAppendTime ? 'append' : 'create'
}

/** Whether the batch belongs to a transaction. */
export function isTransactional(bytes: Uint8Array, at: number): boolean {
  return (attributes(bytes, at) & Attribute.transactional) !== 0
}

/** Whether the batch holds control records (transaction markers), not data. */
export function isControl(bytes: Uint8Array, at: number): boolean {
  return (attributes(bytes, at) & Attribute.control) !== 0
}

/** Last offset minus base offset. Compaction keeps it, so it may exceed the records left. */
export function lastOffsetDelta(bytes: Uint8Array, at: number): number {
  return int32At(bytes, at + Field.lastOffsetDelta)
}

/** What the records' timestamp deltas count from: ms since 1970, -1 for none. */
export function baseTimestamp(bytes: Uint8Array, at: number): number {
  return int64At(bytes, at + Field.baseTimestamp)
}

/** The largest timestamp of the records, or the append time: ms since 1970, -1 for none. */
export function maxTimestamp(bytes: Uint8Array, at: number): number {
  return int64At(bytes, at + Field.maxTimestamp)
}

/** Id of the idempotent producer, or -1. */
export function producerId(bytes: Uint8Array, at: number): number {
  return int64At(bytes, at + Field.producerId)
}

/** Epoch of the producer, or -1. */
export function producerEpoch(bytes: Uint8Array, at: number): number {
  return int16At(bytes, at + Field.producerEpoch)
}

/** Sequence of the batch's first record, or -1. */
export function baseSequence(bytes: Uint8Array, at: number): number {
  return int32At(bytes, at + Field.baseSequence)
}

/** How many records the batch holds; 0 for one that compaction emptied but kept. */
export function recordCount(bytes: Uint8Array, at: number): number {
  return int32At(bytes, at + Field.recordCount)
}

/** What the leader gives to a batch when it appends it. */
export interface Stamp {
  readonly baseOffset: Offset
  readonly leaderEpoch: LeaderEpoch
}

/** Writes base offset and leader epoch in place; the checksum does not cover them. */
export function stamp(bytes: Uint8Array, at: number, given: Stamp): void {
  assert(given.baseOffset >= 0, 'A batch is stamped with a negative offset')
  assert(given.leaderEpoch >= 0, 'A batch is stamped with a negative epoch')
  putInt64(bytes, at + Field.baseOffset, given.baseOffset)
  putInt32(bytes, at + Field.leaderEpoch, given.leaderEpoch)
}

/**
 * Marks the batch as timed by the broker: attribute bit 3, and `nowMs` as its max timestamp. The
 * checksum is mended, not recomputed: see `setMaxTimestamp`.
 */
export function setLogAppendTime(bytes: Uint8Array, at: number, nowMs: number): void {
  retime(bytes, at, attributes(bytes, at) | Attribute.logAppendTime, nowMs)
}

/**
 * Corrects the max timestamp of a CreateTime batch. The checksum is mended from the header's 40
 * bytes without reading the records: bytes that rotted since they were verified stay detectable.
 */
export function setMaxTimestamp(bytes: Uint8Array, at: number, maxTimestampMs: number): void {
  retime(bytes, at, attributes(bytes, at) & ~Attribute.logAppendTime, maxTimestampMs)
}

function retime(bytes: Uint8Array, at: number, attributeBits: number, timeMs: number): void {
  assert(Number.isSafeInteger(timeMs), 'A batch is timed with something that is no integer')
  const length = batchLength(bytes, at)
  assert(length >= HEADER_BYTES, 'A batch is timed that has no whole header')
  const from = at + Field.attributes
  const end = at + HEADER_BYTES
  const before = crc32cRange(bytes, from, end)
  bytes[from] = attributeBits >> 8
  bytes[from + 1] = attributeBits
  putInt64(bytes, at + Field.maxTimestamp, timeMs)
  const change = before ^ crc32cRange(bytes, from, end)
  const mended = crc32cCombine(change, crc(bytes, at), length - HEADER_BYTES)
  putInt32(bytes, at + Field.crc, mended)
}
