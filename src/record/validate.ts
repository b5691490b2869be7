// Whether one batch from a producer may be appended, by the rules of Apache Kafka 4.3's broker
// (ProduceRequest.validateRecords, UnifiedLog.analyzeAndValidateRecords, LogValidator), stricter
// where Kafka trusts: offset deltas and record lengths are checked for plain batches too. The
// answer is written into an object that the caller reuses, so an accepted batch costs no
// allocation but the view its checksum needs. It changes no byte of the batch and knows nothing
// of sequences, epochs and offsets that were appended before.
import { assert } from '../base/assert.ts'
import { ErrorCode } from '../base/error-codes.ts'
import { FormatError } from '../base/errors.ts'
import { CODECS } from '../ports/compression.ts'
import type { Codec } from '../ports/compression.ts'
import { RecordCursor } from './cursor.ts'
import * as header from './header.ts'
import type { TimestampType } from './header.ts'
import type { RecordTools, Section } from './section.ts'
import { Walk, walkRecords } from './walk.ts'

/** What the topic and the moment allow. */
export interface BatchRules {
  /** `max.message.bytes`: most bytes of a batch as it arrives, header included. */
  readonly maxBytes: number
  /** Most bytes of a batch's records once decompressed. */
  readonly decompressedMax: number
  /** Whether `cleanup.policy` contains compact: then every record needs a key. */
  readonly compacted: boolean
  /** `message.timestamp.type`. With `append` the records' own timestamps are not judged. */
  readonly timestampType: TimestampType
  /** `message.timestamp.before.max.ms`; Infinity for no bound. */
  readonly beforeMaxMs: number
  /** `message.timestamp.after.max.ms`; Infinity for no bound. */
  readonly afterMaxMs: number
  /** The broker's wall time in ms. */
  readonly nowMs: number
  /** Version of the Produce request: zstd needs 7 or later (KIP-110). */
  readonly produceVersion: number
}

/** How many indexes of bad records an answer names at most. */
export const BAD_INDEXES_MAX = 100

const NO_INDEXES: readonly number[] = []

/** The answer to one `validateBatch`; reused from batch to batch. */
export class BatchVerdict {
  /** 0, or the code with which the batch is refused; then only message and indexes count. */
  code = 0
  /** Why, for the client; null when accepted. */
  message: string | null = null
  /** Indexes of the records to blame, at most BAD_INDEXES_MAX; empty when it is the batch. */
  badIndexes: readonly number[] = NO_INDEXES
  /** Last offset minus base offset: the batch takes this and one more offsets. */
  lastOffsetDelta = 0
  codec: Codec = 'none'
  /** True maximum of the records' timestamps, -1 when they have none. */
  maxTimestamp = -1
  /** Offset delta of the first record that has it. */
  maxTimestampDelta = 0
  /** Whether the header says another maximum, so that it must be corrected before appending. */
  maxTimestampDiffers = false
  /** Id of the idempotent producer, or -1 with `producerEpoch` and `baseSequence` meaningless. */
  producerId = -1
  producerEpoch = -1
  baseSequence = -1
  transactional = false
  /** Scratch of the walk. */
  readonly walk: Walk = new Walk()
}

/**
 * Judges the one batch that `bytes` must be: magic 2, base offset 0, within the size limit, CRC
 * right, counts consistent, neither control batch nor timed by a broker, every record well formed
 * after bounded decompression, keys and timestamps as the rules ask. Returns whether it may be
 * appended; `verdict` says all else.
 */
export function validateBatch(
  bytes: Uint8Array,
  rules: BatchRules,
  tools: RecordTools,
  verdict: BatchVerdict,
): boolean {
  return (
    checkFrame(bytes, rules, verdict) &&
    checkChecksum(bytes, tools, verdict) &&
    checkHeader(bytes, verdict) &&
    checkRecords(bytes, rules, tools, verdict)
  )
}

function refuse(
  verdict: BatchVerdict,
  code: ErrorCode,
  message: string,
  badIndexes: readonly number[] = NO_INDEXES,
): false {
  assert(code !== ErrorCode.NONE, 'A batch is refused without an error')
  verdict.code = code
  verdict.message = message
  verdict.badIndexes = badIndexes
  return false
}

/** Bytes up to and including the magic, which all formats have in the same places. */
const TO_MAGIC_BYTES = header.Field.magic + 1
/** Smallest value of the length field in any format. */
const LENGTH_MIN = 14

/** What can be said before the checksum was verified. */
function checkFrame(bytes: Uint8Array, rules: BatchRules, verdict: BatchVerdict): boolean {
  if (bytes.length < TO_MAGIC_BYTES) {
    return refuse(verdict, ErrorCode.INVALID_RECORD, 'Partition entry holds no record batch')
  }
  const length = header.batchLength(bytes, 0)
  if (length < LENGTH_MIN + header.PREFIX_BYTES) {
    return refuse(verdict, ErrorCode.CORRUPT_MESSAGE, 'Batch length is too small')
  }
  const magic = header.magic(bytes, 0)
  if (magic < 0 || magic > header.MAGIC) {
    return refuse(verdict, ErrorCode.CORRUPT_MESSAGE, 'Batch magic is unknown')
  }
  if (length > bytes.length) {
    return refuse(verdict, ErrorCode.INVALID_RECORD, 'Record batch is cut off')
  }
  if (magic !== header.MAGIC) {
    return refuse(verdict, ErrorCode.INVALID_RECORD, 'Record batch must have magic 2')
  }
  if (length < header.HEADER_BYTES) {
    return refuse(verdict, ErrorCode.CORRUPT_MESSAGE, 'Batch is shorter than its header')
  }
  const codec = CODECS[header.codecNumber(bytes, 0)]
  if (codec === undefined) {
    return refuse(verdict, ErrorCode.UNSUPPORTED_COMPRESSION_TYPE, 'Codec is unknown')
  }
  if (codec === 'zstd' && rules.produceVersion < 7) {
    return refuse(
      verdict,
      ErrorCode.UNSUPPORTED_COMPRESSION_TYPE,
      'Produce requests below version 7 may not use zstd',
    )
  }
  if (length < bytes.length) {
    return refuse(
      verdict,
      ErrorCode.INVALID_RECORD,
      'Partition entry must hold exactly one record batch',
    )
  }
  if (header.int32At(bytes, 0) !== 0 || header.int32At(bytes, 4) !== 0) {
    return refuse(verdict, ErrorCode.INVALID_RECORD, 'Base offset of a produced batch must be 0')
  }
  if (length > rules.maxBytes) {
    return refuse(verdict, ErrorCode.MESSAGE_TOO_LARGE, 'Batch exceeds max.message.bytes')
  }
  verdict.codec = codec
  return true
}

function checkChecksum(bytes: Uint8Array, tools: RecordTools, verdict: BatchVerdict): boolean {
  const covered = bytes.subarray(header.Field.attributes)
  if (tools.crypto.crc32c(covered) === header.crc(bytes, 0)) return true
  return refuse(verdict, ErrorCode.CORRUPT_MESSAGE, 'Batch checksum does not match its bytes')
}

/** Counts, attributes and producer fields. */
function checkHeader(bytes: Uint8Array, verdict: BatchVerdict): boolean {
  const lastOffsetDelta = header.lastOffsetDelta(bytes, 0)
  const count = header.recordCount(bytes, 0)
  if (count <= 0 || lastOffsetDelta !== count - 1) {
    return refuse(verdict, ErrorCode.INVALID_RECORD, 'Record count does not match offset range')
  }
  const attributes = header.attributes(bytes, 0)
  if (attributes & header.Attribute.control) {
    return refuse(verdict, ErrorCode.INVALID_RECORD, 'Clients may not write control records')
  }
  if (attributes & header.Attribute.deleteHorizon) {
    return refuse(verdict, ErrorCode.INVALID_RECORD, 'Clients may not set a delete horizon')
  }
  if (attributes & header.Attribute.logAppendTime) {
    return refuse(verdict, ErrorCode.INVALID_TIMESTAMP, 'Clients may not set LogAppendTime')
  }
  if (!header.isSafeInt64At(bytes, header.Field.producerId)) {
    return refuse(verdict, ErrorCode.INVALID_RECORD, 'Producer id is out of range')
  }
  if (!header.isSafeInt64At(bytes, header.Field.baseTimestamp)) {
    return refuse(verdict, ErrorCode.INVALID_TIMESTAMP, 'Base timestamp is out of range')
  }
  verdict.lastOffsetDelta = lastOffsetDelta
  verdict.producerId = header.producerId(bytes, 0)
  verdict.producerEpoch = header.producerEpoch(bytes, 0)
  verdict.baseSequence = header.baseSequence(bytes, 0)
  verdict.transactional = (attributes & header.Attribute.transactional) !== 0
  if (verdict.producerId < 0) {
    if (!verdict.transactional) return true
    return refuse(verdict, ErrorCode.INVALID_RECORD, 'Transactional batch has no producer id')
  }
  if (verdict.baseSequence < 0 || verdict.producerEpoch < 0) {
    return refuse(verdict, ErrorCode.INVALID_RECORD, 'Producer epoch or sequence is negative')
  }
  return true
}

function checkRecords(
  bytes: Uint8Array,
  rules: BatchRules,
  tools: RecordTools,
  verdict: BatchVerdict,
): boolean {
  let plain = bytes
  let from: number = header.HEADER_BYTES
  if (verdict.codec !== 'none') {
    const decompressed = decompress(bytes, verdict.codec, rules, tools)
    if (decompressed === null) {
      return refuse(
        verdict,
        ErrorCode.INVALID_RECORD,
        'Records do not decompress within the limit for their codec',
      )
    }
    plain = decompressed
    from = 0
  }
  const walk = verdict.walk
  const count = verdict.lastOffsetDelta + 1
  if (!walkRecords(plain, from, plain.length, count, walk)) {
    const indexes = walk.faultIndex < count ? [walk.faultIndex] : NO_INDEXES
    return refuse(verdict, ErrorCode.INVALID_RECORD, walk.fault ?? 'Records are malformed', indexes)
  }
  const base = header.baseTimestamp(bytes, 0)
  const max = base + walk.maxDelta
  if (!Number.isSafeInteger(max) || !Number.isSafeInteger(base + walk.minDelta)) {
    return refuse(verdict, ErrorCode.INVALID_TIMESTAMP, 'Timestamp of a record is out of range')
  }
  const keyless = rules.compacted && walk.nullKeyIndex >= 0
  if (keyless || !timesFit(base + walk.minDelta, max, rules)) {
    const section = { bytes: plain, from, end: plain.length, count }
    if (!checkEach(section, base, rules, verdict)) return false
  }
  verdict.maxTimestamp = Math.max(max, header.NONE)
  verdict.maxTimestampDelta = walk.maxIndex
  verdict.maxTimestampDiffers =
    !header.isSafeInt64At(bytes, header.Field.maxTimestamp) ||
    header.maxTimestamp(bytes, 0) !== verdict.maxTimestamp
  verdict.code = ErrorCode.NONE
  verdict.message = null
  verdict.badIndexes = NO_INDEXES
  return true
}

/** Whether all timestamps of a batch lie within the bounds because the smallest and largest do. */
function timesFit(min: number, max: number, rules: BatchRules): boolean {
  if (rules.timestampType === 'append') return true
  return rules.nowMs - min <= rules.beforeMaxMs && max - rules.nowMs <= rules.afterMaxMs
}

/** The second look at every record, taken only when some record may break a rule. */
function checkEach(
  section: Section,
  base: number,
  rules: BatchRules,
  verdict: BatchVerdict,
): boolean {
  const cursor = new RecordCursor(section)
  const indexes: number[] = []
  let badTime = false
  while (cursor.next() && indexes.length < BAD_INDEXES_MAX) {
    const time = base + cursor.timestampDelta
    const keyless = rules.compacted && cursor.keyLength < 0
    const mistimed = !keyless && time !== header.NONE && !timesFit(time, time, rules)
    if (mistimed) badTime = true
    if (keyless || mistimed) indexes.push(cursor.index)
  }
  if (indexes.length === 0) return true
  if (badTime) {
    return refuse(
      verdict,
      ErrorCode.INVALID_TIMESTAMP,
      'Timestamp of a record is out of the range that the topic allows',
      indexes,
    )
  }
  return refuse(
    verdict,
    ErrorCode.INVALID_RECORD,
    'Compacted topic cannot accept a record without key',
    indexes,
  )
}

/** The plain records, or null: this is the wall where a producer's bytes fail, and only they do. */
function decompress(
  bytes: Uint8Array,
  codec: Codec,
  rules: BatchRules,
  tools: RecordTools,
): Uint8Array | null {
  try {
    const view = bytes.subarray(header.HEADER_BYTES)
    return tools.compression.decompress(codec, view, rules.decompressedMax)
  } catch (error) {
    if (error instanceof FormatError) return null
    throw error
  }
}
