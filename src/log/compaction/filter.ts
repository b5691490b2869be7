// What is left of one batch when only the newest record of each key stays, by the rules of Apache
// Kafka 4.x (Cleaner, MemoryRecords.filterTo, KIP-534). Offsets, timestamps, order, producer and
// sequence never change; what loses nothing stays the same bytes. Pure: it knows neither files nor
// where batches go.
//
// A tombstone stays until the delete horizon of its batch. The horizon is set when the batch is
// first cleaned: attribute bit 6, and the base timestamp then holds it instead of a record's time.
import { assert } from '../../base/assert.ts'
import { Writer } from '../../base/writer.ts'
import { RecordCursor } from '../../record/cursor.ts'
import * as header from '../../record/header.ts'
import { recordsSection } from '../../record/section.ts'
import type { RecordTools, Section } from '../../record/section.ts'

/** Bytes that one batch's records may take once decompressed. */
export const DECOMPRESSED_MAX: number = 256 * 1024 * 1024

/** What a record is judged by. */
export interface KeepRules {
  /** Newest offset of each key below `mapEnd`; -1 for a key that has none. */
  readonly newest: { get(key: Uint8Array): number }
  /** Exclusive end of what the map knows: nothing at or above it is touched. */
  readonly mapEnd: number
  /** Tombstones whose horizon is at or below this time go; ms since 1970. */
  readonly nowMs: number
  /** The horizon of tombstones that are cleaned for the first time; ms since 1970. */
  readonly horizonMs: number
  /** Whether the batch must stay, if need be without records. */
  mustStay(bytes: Uint8Array, at: number): boolean
}

/** What became of one batch. */
export interface FilteredBatch {
  /** The bytes to keep, those of the batch itself when nothing changed; null when it goes. */
  readonly bytes: Uint8Array | null
  /** Records that are gone. */
  readonly removed: number
}

/** Judges the whole batch `bytes[at, at + length)`, whose CRC was checked. Views are borrowed. */
export function filterBatch(
  bytes: Uint8Array,
  at: number,
  length: number,
  rules: KeepRules,
  tools: RecordTools,
): FilteredBatch {
  const whole = { bytes: bytes.subarray(at, at + length), removed: 0 }
  // Nothing takes part in transactions yet, and whoever decides them needs all of it.
  if (header.isControl(bytes, at) || header.isTransactional(bytes, at)) return whole
  const base = header.baseOffset(bytes, at)
  if (base >= rules.mapEnd) return whole
  const count = header.recordCount(bytes, at)
  const source = { compression: tools.compression, decompressedMax: DECOMPRESSED_MAX }
  const section = recordsSection(bytes, at, source)
  const cursor = new RecordCursor(section)
  const horizonMs = horizonOf(bytes, at)
  const tombstonesGo = horizonMs !== null && horizonMs <= rules.nowMs
  const keep = new Uint8Array(count)
  let kept = 0
  let hasTombstones = false
  while (cursor.next()) {
    const offset = base + cursor.offsetDelta
    const isTombstone = cursor.valueLength < 0
    if (offset < rules.mapEnd) {
      const key = cursor.key()
      if (key === null) continue
      if (offset < rules.newest.get(key) || (isTombstone && tombstonesGo)) continue
    }
    hasTombstones ||= isTombstone
    keep[cursor.index] = 1
    kept++
  }
  const removed = count - kept
  const setsHorizon = hasTombstones && horizonMs === null
  if (kept === 0) {
    if (!rules.mustStay(bytes, at)) return { bytes: null, removed }
    return count === 0 ? whole : { bytes: emptied(bytes, at, tools), removed }
  }
  if (removed === 0 && !setsHorizon) return whole
  const newHorizonMs = setsHorizon ? rules.horizonMs : horizonMs
  return { bytes: rebuilt(bytes, at, { section, keep, horizonMs: newHorizonMs }, tools), removed }
}

/** The delete horizon of a batch in ms since 1970; null when none is set. */
export function horizonOf(bytes: Uint8Array, at: number): number | null {
  const isSet = (header.attributes(bytes, at) & header.Attribute.deleteHorizon) !== 0
  return isSet ? header.baseTimestamp(bytes, at) : null
}

/** The batch without records and codec: what keeps its producer's sequence and its offsets. */
function emptied(bytes: Uint8Array, at: number, tools: RecordTools): Uint8Array {
  const made = Uint8Array.from(bytes.subarray(at, at + header.HEADER_BYTES))
  const drop = header.Attribute.codecMask | header.Attribute.deleteHorizon
  const view = new DataView(made.buffer)
  view.setInt16(header.Field.attributes, header.attributes(bytes, at) & ~drop)
  putInt64(view, header.Field.baseTimestamp, header.NONE)
  view.setInt32(header.Field.recordCount, 0)
  return sealed(made, tools)
}

/** What of a batch stays: the records that `keep` marks by their index, and a horizon or none. */
interface Kept {
  /** Its records, plain. */
  readonly section: Section
  readonly keep: Uint8Array
  readonly horizonMs: number | null
}

/** The batch with the records that stay. */
function rebuilt(bytes: Uint8Array, at: number, kept: Kept, tools: RecordTools): Uint8Array {
  const { section, keep, horizonMs } = kept
  const cursor = new RecordCursor(section)
  const oldBase = header.baseTimestamp(bytes, at)
  const isAppend = header.timestampType(bytes, at) === 'append'
  const appendMs = isAppend ? header.maxTimestamp(bytes, at) : null
  const out = new Writer(header.HEADER_BYTES + section.end - section.from)
  out.reserve(header.HEADER_BYTES)
  let base = horizonMs
  let maxTimestamp: number = header.NONE
  let count = 0
  while (cursor.next()) {
    if (keep[cursor.index] !== 1) continue
    const timestamp = appendMs ?? oldBase + cursor.timestampDelta
    base ??= timestamp
    if (timestamp > maxTimestamp) maxTimestamp = timestamp
    putRecord(out, cursor, timestamp - base)
    count++
  }
  assert(count > 0, 'A batch is rebuilt for the records that stay')
  const plain = out.bytes()
  const codec = header.codec(bytes, at)
  const records = plain.subarray(header.HEADER_BYTES)
  const packed = codec === 'none' ? records : tools.compression.compress(codec, records)
  const made = new Uint8Array(header.HEADER_BYTES + packed.length)
  made.set(bytes.subarray(at, at + header.HEADER_BYTES))
  made.set(packed, header.HEADER_BYTES)
  const view = new DataView(made.buffer)
  const bits = horizonMs === null ? 0 : header.Attribute.deleteHorizon
  view.setInt32(header.Field.length, made.length - header.PREFIX_BYTES)
  view.setInt16(header.Field.attributes, header.attributes(bytes, at) | bits)
  putInt64(view, header.Field.baseTimestamp, base ?? header.NONE)
  putInt64(view, header.Field.maxTimestamp, appendMs ?? maxTimestamp)
  view.setInt32(header.Field.recordCount, count)
  return sealed(made, tools)
}

/** The record at the cursor with another timestamp delta; all that follows it stays as it is. */
function putRecord(out: Writer, cursor: RecordCursor, timestampDelta: number): void {
  const { bytes, recordEnd } = cursor
  const attributesAt = skipVarint(bytes, cursor.recordAt)
  const restAt = skipVarint(bytes, attributesAt + 1)
  const size = 1 + varlongBytes(timestampDelta) + recordEnd - restAt
  out.varint(size)
  out.int8(cursor.attributes)
  out.varlong(timestampDelta)
  out.raw(bytes.subarray(restAt, recordEnd))
}

/** Where the varint at `at` ends, which is whole: the cursor has been over it. */
function skipVarint(bytes: Uint8Array, at: number): number {
  let end = at
  while ((bytes[end] as number) >= 0x80) end++
  return end + 1
}

/** Bytes of the zigzag varint of a safe integer. */
function varlongBytes(value: number): number {
  let rest = value < 0 ? -value * 2 - 1 : value * 2
  let size = 1
  for (; rest >= 128; size++) rest = Math.floor(rest / 128)
  return size
}

function putInt64(view: DataView, at: number, value: number): void {
  view.setInt32(at, Math.floor(value / 4294967296))
  view.setUint32(at + 4, value >>> 0)
}

/** Writes length and checksum of a complete batch. */
function sealed(made: Uint8Array, tools: RecordTools): Uint8Array {
  const view = new DataView(made.buffer, made.byteOffset)
  view.setInt32(header.Field.length, made.length - header.PREFIX_BYTES)
  view.setUint32(header.Field.crc, tools.crypto.crc32c(made.subarray(header.Field.attributes)))
  return made
}
