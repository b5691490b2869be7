// Where the fields of a Kafka v2 record batch header stand, read straight from bytes: no DataView,
// no object, no allocation, because these run for every batch of a recovery scan. Private to this
// folder. It trusts nothing but the caller's promise that 61 bytes are there, and knows nothing of
// records, except for the one record of a transaction marker.
import type { LeaderEpoch, Offset } from '../../base/units.ts'

/** Bytes of a batch header: everything before the first record. */
export const BATCH_HEADER_BYTES = 61
/** Bytes at the front that a batch's own CRC leaves out: base offset, length, epoch, magic, CRC. */
export const BATCH_PREFIX_BYTES = 21
/** Bytes of the base offset and the length itself, which the length field does not count. */
export const BATCH_OVERHEAD_BYTES = 12

/** Attribute bits of a batch, as on the wire. */
export const ATTRIBUTE_TRANSACTIONAL = 0x10
export const ATTRIBUTE_CONTROL = 0x20

/** Signed big-endian int16 at `at`. */
export function int16At(bytes: Uint8Array, at: number): number {
  return (((bytes[at] as number) << 24) >> 16) | (bytes[at + 1] as number)
}

/** Signed big-endian int32 at `at`. */
export function int32At(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] as number) << 24) |
    ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number)
  )
}

/** Signed big-endian int64 at `at`, rounded to a double when it lies outside ±2^53. */
export function int64At(bytes: Uint8Array, at: number): number {
  return int32At(bytes, at) * 4294967296 + (int32At(bytes, at + 4) >>> 0)
}

/** First offset of the batch at `at`. */
export const baseOffsetOf = (bytes: Uint8Array, at: number): Offset => int64At(bytes, at) as Offset
/** Whole length of the batch in bytes as its header claims; below 61 it is nonsense. */
export const batchBytesOf = (bytes: Uint8Array, at: number): number =>
  int32At(bytes, at + 8) + BATCH_OVERHEAD_BYTES
/** Epoch of the leader that appended the batch. */
export const leaderEpochOf = (bytes: Uint8Array, at: number): LeaderEpoch =>
  int32At(bytes, at + 12) as LeaderEpoch
/** Format version of the batch: 2 for every batch that is stored. */
export const magicOf = (bytes: Uint8Array, at: number): number => bytes[at + 16] as number
/** The stored CRC-32C of everything from byte 21 on, unsigned. */
export const crcOf = (bytes: Uint8Array, at: number): number => int32At(bytes, at + 17) >>> 0
/** Codec, timestamp type, transactional and control bits. */
export const attributesOf = (bytes: Uint8Array, at: number): number => int16At(bytes, at + 21)
/** Last offset minus first offset: survives compaction, unlike the count. */
export const lastOffsetDeltaOf = (bytes: Uint8Array, at: number): number => int32At(bytes, at + 23)
/** Timestamp of the first record in milliseconds; -1 for none. */
export const baseTimestampOf = (bytes: Uint8Array, at: number): number => int64At(bytes, at + 27)
/** Largest timestamp of any record in milliseconds; -1 for none. */
export const maxTimestampOf = (bytes: Uint8Array, at: number): number => int64At(bytes, at + 35)
/** Producer id; -1 when the producer is not idempotent. */
export const producerIdOf = (bytes: Uint8Array, at: number): number => int64At(bytes, at + 43)
/** Epoch of the producer. */
export const producerEpochOf = (bytes: Uint8Array, at: number): number => int16At(bytes, at + 51)
/** Sequence number of the first record; -1 for none. */
export const baseSequenceOf = (bytes: Uint8Array, at: number): number => int32At(bytes, at + 53)
/** Records in the batch. */
export const recordCountOf = (bytes: Uint8Array, at: number): number => int32At(bytes, at + 57)

/** What a transaction marker says (EndTxnMarker.json, ControlRecordType). */
export interface MarkerValue {
  readonly commit: boolean
  readonly coordinatorEpoch: number
}

/**
 * The transaction marker in the control batch `bytes[at, end)`; null for control records of other
 * types and for a control batch that compaction emptied. The caller has checked the batch's CRC.
 */
export function markerOf(bytes: Uint8Array, at: number, end: number): MarkerValue | null {
  if (recordCountOf(bytes, at) < 1) return null
  // length, attributes, timestamp delta, offset delta: four varints around one plain byte.
  let cursor = skipVarint(bytes, at + BATCH_HEADER_BYTES, end) + 1
  cursor = skipVarint(bytes, cursor, end)
  cursor = skipVarint(bytes, cursor, end)
  // Key: 4 bytes (zigzag 8). Value: int16 version, int32 epoch, perhaps more in later versions.
  if (cursor + 6 > end || bytes[cursor] !== 8) return null
  const type = int16At(bytes, cursor + 3)
  if (type !== 0 && type !== 1) return null
  const value = skipVarint(bytes, cursor + 5, end)
  if (value + 6 > end) return null
  return { commit: type === 1, coordinatorEpoch: int32At(bytes, value + 2) }
}

/** Position after the varint at `at`; `end` when it does not stop before. */
function skipVarint(bytes: Uint8Array, at: number, end: number): number {
  let cursor = at
  while (cursor < end && (bytes[cursor] as number) >= 0x80) cursor++
  return Math.min(cursor + 1, end)
}
