// Builds record batches of magic 2, byte for byte as Kafka's own encoder does: the base timestamp
// is the first record's, varints are minimal, record attributes are 0. It serves whoever has
// records and needs a batch: coordinators, gateway, compaction, command line, tests. Brokers do
// not build what producers send; that stays as it came.
import { assert } from '../base/assert.ts'
import { FormatError } from '../base/errors.ts'
import { Writer } from '../base/writer.ts'
import { CODECS } from '../ports/compression.ts'
import type { Codec } from '../ports/compression.ts'
import type { RecordHeader } from './cursor.ts'
import * as header from './header.ts'
import { recordsSection } from './section.ts'
import type { RecordTools } from './section.ts'

/** One record to write. Null and empty are different things. */
export interface NewRecord {
  /** Milliseconds since 1970, or -1 for none. */
  readonly timestampMs: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers?: readonly RecordHeader[]
  /** Distance to the base offset, rising from record to record; the record's index if absent. */
  readonly offsetDelta?: number
}

/** What the batch's header says. Absent fields are as in an uncompressed batch from a producer. */
export interface BatchOptions {
  /** 0 if absent, as producers send. */
  readonly baseOffset?: number
  /** -1 if absent, as producers send. */
  readonly leaderEpoch?: number
  readonly codec?: Codec
  /** Marks the batch LogAppendTime with this time; CreateTime if absent. */
  readonly logAppendTimeMs?: number
  readonly producerId?: number
  readonly producerEpoch?: number
  readonly baseSequence?: number
  readonly transactional?: boolean
  readonly control?: boolean
  /** Kept from a batch whose last records are gone; the last record's delta if absent. */
  readonly lastOffsetDelta?: number
}

/** The batch of `records`, in memory of its own. */
export function buildBatch(
  records: readonly NewRecord[],
  options: BatchOptions,
  tools: RecordTools,
): Uint8Array {
  assert(
    records.length > 0 || options.lastOffsetDelta !== undefined,
    'A batch without records needs its last offset delta',
  )
  const codec = options.codec ?? 'none'
  const base = records[0]?.timestampMs ?? header.NONE
  const out = new Writer(header.HEADER_BYTES + sizeHint(records))
  out.reserve(header.HEADER_BYTES)
  let maxTimestamp = header.NONE
  let lastDelta = -1
  for (const [index, record] of records.entries()) {
    const offsetDelta = record.offsetDelta ?? index
    assert(offsetDelta > lastDelta, 'Records of a batch are not in the order of their offsets')
    lastDelta = offsetDelta
    if (record.timestampMs > maxTimestamp) maxTimestamp = record.timestampMs
    putRecord(out, record, record.timestampMs - base, offsetDelta)
  }
  const lastOffsetDelta = options.lastOffsetDelta ?? lastDelta
  assert(lastOffsetDelta >= lastDelta, 'A batch ends before its last record')
  const plain = out.bytes()
  const bytes = codec === 'none' ? out.copy() : compressed(plain, codec, tools)
  putHeader(bytes, {
    ...options,
    attributes: attributesOf(options, codec),
    lastOffsetDelta,
    baseTimestamp: base,
    maxTimestamp: options.logAppendTimeMs ?? maxTimestamp,
    recordCount: records.length,
  })
  seal(bytes, tools)
  return bytes
}

/**
 * The whole batch `bytes` with its records in another codec ('none' for plain), everything else
 * kept: what `compression.type` other than `producer` asks for. The same bytes when they are in
 * that codec already, or when the batch is a plain control batch, which is never compressed.
 * Throws FormatError when the records do not decompress to at most `decompressedMax` bytes.
 */
export function recompress(
  bytes: Uint8Array,
  to: Codec,
  tools: RecordTools,
  decompressedMax: number,
): Uint8Array {
  const section = recordsSection(bytes, 0, { compression: tools.compression, decompressedMax })
  if (header.batchLength(bytes, 0) !== bytes.length) {
    throw new FormatError('Bytes to recompress are more than one batch')
  }
  const codec = header.codec(bytes, 0)
  if (codec === to || (codec === 'none' && header.isControl(bytes, 0))) return bytes
  const records = section.bytes.subarray(section.from, section.end)
  const packed = to === 'none' ? records : tools.compression.compress(to, records)
  const made = new Uint8Array(header.HEADER_BYTES + packed.length)
  made.set(bytes.subarray(0, header.HEADER_BYTES))
  made.set(packed, header.HEADER_BYTES)
  const attributes = header.attributes(bytes, 0) & ~header.Attribute.codecMask
  const view = new DataView(made.buffer)
  view.setInt32(header.Field.length, made.length - header.PREFIX_BYTES)
  view.setInt16(header.Field.attributes, attributes | CODECS.indexOf(to))
  seal(made, tools)
  return made
}

function compressed(plain: Uint8Array, codec: Codec, tools: RecordTools): Uint8Array {
  const packed = tools.compression.compress(codec, plain.subarray(header.HEADER_BYTES))
  const bytes = new Uint8Array(header.HEADER_BYTES + packed.length)
  bytes.set(packed, header.HEADER_BYTES)
  return bytes
}

function attributesOf(options: BatchOptions, codec: Codec): number {
  let bits = CODECS.indexOf(codec)
  if (options.logAppendTimeMs !== undefined) bits |= header.Attribute.logAppendTime
  if (options.transactional === true) bits |= header.Attribute.transactional
  if (options.control === true) bits |= header.Attribute.control
  return bits
}

interface HeaderFields extends BatchOptions {
  readonly attributes: number
  readonly lastOffsetDelta: number
  readonly baseTimestamp: number
  readonly maxTimestamp: number
  readonly recordCount: number
}

/** Writes the header over the first 61 of all the batch's bytes, without the checksum. */
function putHeader(bytes: Uint8Array, fields: HeaderFields): void {
  const out = new Writer(header.HEADER_BYTES)
  out.int64(fields.baseOffset ?? 0)
  out.int32(bytes.length - header.PREFIX_BYTES)
  out.int32(fields.leaderEpoch ?? header.NONE)
  out.int8(header.MAGIC)
  out.uint32(0)
  out.int16(fields.attributes)
  out.int32(fields.lastOffsetDelta)
  out.int64(fields.baseTimestamp)
  out.int64(fields.maxTimestamp)
  out.int64(fields.producerId ?? header.NONE)
  out.int16(fields.producerEpoch ?? header.NONE)
  out.int32(fields.baseSequence ?? header.NONE)
  out.int32(fields.recordCount)
  assert(out.at === header.HEADER_BYTES, 'A batch header has another size')
  bytes.set(out.bytes())
}

/** Writes the checksum of a complete batch. */
function seal(bytes: Uint8Array, tools: RecordTools): void {
  const crc = tools.crypto.crc32c(bytes.subarray(header.Field.attributes))
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(header.Field.crc, crc)
}

function putRecord(
  out: Writer,
  record: NewRecord,
  timestampDelta: number,
  offsetDelta: number,
): void {
  const headers = record.headers ?? []
  let size = 1 + varlongBytes(timestampDelta) + varlongBytes(offsetDelta)
  size += fieldBytes(record.key) + fieldBytes(record.value) + varlongBytes(headers.length)
  for (const { key, value } of headers) size += fieldBytes(key) + fieldBytes(value)
  out.varint(size)
  const from = out.at
  out.int8(0)
  out.varlong(timestampDelta)
  out.varint(offsetDelta)
  putField(out, record.key)
  putField(out, record.value)
  out.varint(headers.length)
  for (const { key, value } of headers) {
    putField(out, key)
    putField(out, value)
  }
  assert(out.at - from === size, 'A record has another size than computed')
}

function putField(out: Writer, field: Uint8Array | null): void {
  out.varint(field === null ? -1 : field.length)
  if (field !== null) out.raw(field)
}

function fieldBytes(field: Uint8Array | null): number {
  return field === null ? 1 : varlongBytes(field.length) + field.length
}

/** Bytes of the zigzag varint of a safe integer. */
function varlongBytes(value: number): number {
  let rest = value < 0 ? -value * 2 - 1 : value * 2
  let size = 1
  for (; rest >= 128; size++) rest = Math.floor(rest / 128)
  return size
}

function sizeHint(records: readonly NewRecord[]): number {
  let size = 0
  for (const { key, value } of records) size += 24 + (key?.length ?? 0) + (value?.length ?? 0)
  return size
}
