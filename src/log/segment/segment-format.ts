// The end of a sealed segment. Batches stand from byte 0 on; behind them sections, a table of the
// sections, and a footer of fixed size as the very last bytes, so that one read of the file's end
// tells everything needed to use it. Sections are contiguous and every byte is under a CRC: of its
// section, of table and footer together, and of the whole trailer.
//
//   data · section… · table { kind u16 · 0 u16 · crc u32 · position u64 · length u64 }… · footer
//   footer, 128 bytes: version u16 · flags u16 · sections u32 · data length u64 · batches u64
//   · records u64 · base i64 · end i64 · min timestamp i64 · max timestamp i64 · max epoch i32
//   · index interval u32 · trailer length u32 · trailer crc u32 · zeros · crc u32 · magic 8 bytes
//   The first of the zeros are, in a compacted segment, cleaned to i64.
//
// Unknown kinds are kept by position and skipped; an unknown version is refused. Pure.
import { assert } from '../../base/assert.ts'
import { FormatError } from '../../base/errors.ts'
import { Reader } from '../../base/reader.ts'
import { leaderEpoch, offset, type Offset } from '../../base/units.ts'
import { Writer } from '../../base/writer.ts'
import type { Crypto } from '../../ports/crypto.ts'
import type { SegmentState } from './segment-builder.ts'

/** Bytes of the footer: the last ones of every sealed segment. */
export const FOOTER_BYTES = 128
/** The last eight bytes of a sealed segment: "STRATSEG". */
export const SEGMENT_MAGIC = 0x5354524154534547n
/** Version of the format that this code writes, and the only one it reads. */
export const SEGMENT_VERSION = 1

/** Bytes of a section's line in the table. */
export const SECTION_ROW_BYTES = 24
const SECTIONS_MAX = 64
const CRC_AT = FOOTER_BYTES - 12
const FLAG_COMPACTED = 1

/** Kinds of sections. Numbers are for ever. */
export const SectionKind = {
  /** SparseIndex entries of 20 bytes. */
  index: 1,
  /** AbortedList. */
  aborted: 2,
  /** Producer snapshot at the segment's end. */
  producers: 3,
  /** Lineage of the segment's offsets. */
  lineage: 4,
  /** SHA-256 of every 1 MiB block of the data, and their root. */
  hashes: 5,
} as const

/** A section's number; others than the known ones are legal and skipped. */
export type SectionKind = (typeof SectionKind)[keyof typeof SectionKind]

/** Where a section stands in the file and what its bytes must add up to. */
export interface SectionPlace {
  readonly kind: number
  readonly position: number
  readonly length: number
  readonly crc: number
}

/** What a footer and its table say. */
export interface SegmentFooter extends SegmentState {
  /** True when compaction removed records, so that offsets may skip. */
  readonly compacted: boolean
  /**
   * Of a compacted segment: no key of a record below this offset comes again in a record below it,
   * in this segment or behind. 0 when the segment is not compacted.
   */
  readonly cleanedTo: Offset
  /** Data bytes that one index entry stands for. */
  readonly indexInterval: number
  /** Bytes behind the data, footer included. */
  readonly trailerLength: number
  /** CRC-32C of everything between data and footer. */
  readonly trailerCrc: number
  readonly sections: readonly SectionPlace[]
}

/** A section to be written. */
export interface Section {
  readonly kind: number
  readonly bytes: Uint8Array
}

/** What a trailer is made of. */
export interface TrailerParts {
  readonly state: SegmentState
  readonly compacted: boolean
  readonly cleanedTo: Offset
  readonly indexInterval: number
  readonly sections: readonly Section[]
}

/** The bytes that seal a segment: to be written right behind its `dataLength` bytes of batches. */
export function encodeTrailer(crypto: Crypto, parts: TrailerParts): Uint8Array {
  const { state, sections } = parts
  assert(sections.length <= SECTIONS_MAX, 'A segment has few sections')
  const size = sections.reduce((sum, section) => sum + section.bytes.length + SECTION_ROW_BYTES, 0)
  const to = new Writer(size + FOOTER_BYTES)
  for (const section of sections) to.raw(section.bytes)
  const table = to.at
  let position = state.dataLength
  for (const section of sections) {
    to.uint16(section.kind)
    to.uint16(0)
    to.uint32(crypto.crc32c(section.bytes))
    to.int64(position)
    to.int64(section.bytes.length)
    position += section.bytes.length
  }
  const trailerCrc = crypto.crc32c(to.bytes())
  const footer = to.at
  writeFooter(to, parts, trailerCrc)
  assert(to.at === size + FOOTER_BYTES, 'A trailer is as long as announced')
  const crc = crypto.crc32c(to.bytes().subarray(table, footer + CRC_AT))
  to.patchUint32(footer + CRC_AT, crc)
  return to.bytes()
}

function writeFooter(to: Writer, parts: TrailerParts, trailerCrc: number): void {
  const { state } = parts
  const start = to.at
  to.uint16(SEGMENT_VERSION)
  to.uint16(parts.compacted ? FLAG_COMPACTED : 0)
  to.uint32(parts.sections.length)
  to.int64(state.dataLength)
  to.int64(state.batchCount)
  to.int64(state.recordCount)
  to.int64(state.baseOffset)
  to.int64(state.endOffset)
  to.int64(state.minTimestamp)
  to.int64(state.maxTimestamp)
  to.int32(state.maxEpoch)
  to.uint32(parts.indexInterval)
  to.uint32(start + FOOTER_BYTES)
  to.uint32(trailerCrc)
  to.int64(parts.cleanedTo)
  while (to.at < start + CRC_AT) to.uint32(0)
  to.uint32(0)
  to.bigInt64(SEGMENT_MAGIC)
}

/** True when the last bytes of a file carry the magic of a sealed segment: no more than a hint. */
export function looksSealed(tailView: Uint8Array): boolean {
  if (tailView.length < FOOTER_BYTES) return false
  return new Reader(tailView, tailView.length - 8).bigInt64() === SEGMENT_MAGIC
}

/**
 * Reads footer and table from the last bytes of a file of `fileSize` bytes; 4 KiB hold the largest
 * table. Throws FormatError when they are not those of a sealed segment of exactly that size.
 */
export function decodeFooter(
  crypto: Crypto,
  tailView: Uint8Array,
  fileSize: number,
): SegmentFooter {
  if (!looksSealed(tailView)) throw new FormatError('A file does not end like a sealed segment')
  const start = tailView.length - FOOTER_BYTES
  const from = new Reader(tailView, start)
  if (from.uint16() !== SEGMENT_VERSION) throw new FormatError('A segment has an unknown version')
  const flags = from.uint16()
  const count = from.uint32()
  const tableAt = start - count * SECTION_ROW_BYTES
  if (count > SECTIONS_MAX || tableAt < 0) throw new FormatError('A segment table does not fit')
  const crc = new Reader(tailView, start + CRC_AT).uint32()
  if (crypto.crc32c(tailView.subarray(tableAt, start + CRC_AT)) !== crc) {
    throw new FormatError('A segment footer fails its CRC')
  }
  const footer = {
    dataLength: from.int64(),
    batchCount: from.int64(),
    recordCount: from.int64(),
    baseOffset: offset(from.int64()),
    endOffset: offset(from.int64()),
    minTimestamp: from.int64(),
    maxTimestamp: from.int64(),
    maxEpoch: leaderEpoch(from.int32()),
    indexInterval: from.uint32(),
    trailerLength: from.uint32(),
    trailerCrc: from.uint32(),
    cleanedTo: offset(from.int64()),
    compacted: (flags & FLAG_COMPACTED) !== 0,
  }
  checkFooter(footer, flags, fileSize)
  const table = new Reader(tailView, tableAt, start)
  const sections = readTable(table, count, footer.dataLength, fileSize - FOOTER_BYTES)
  return { ...footer, sections }
}

function checkFooter(footer: Omit<SegmentFooter, 'sections'>, flags: number, size: number): void {
  const { baseOffset, endOffset, dataLength, trailerLength } = footer
  if ((flags & ~FLAG_COMPACTED) !== 0) throw new FormatError('A segment has unknown flags')
  if (dataLength < 0 || dataLength + trailerLength !== size) {
    throw new FormatError('A segment is not as long as its footer says')
  }
  if (baseOffset < 0 || endOffset < baseOffset) {
    throw new FormatError('A segment has impossible offsets')
  }
  const { compacted, cleanedTo } = footer
  if (compacted ? cleanedTo < baseOffset || cleanedTo > endOffset : cleanedTo !== 0) {
    throw new FormatError('A segment is compacted to an impossible offset')
  }
  if (footer.batchCount < 0 || footer.recordCount < 0 || footer.indexInterval === 0) {
    throw new FormatError('A segment has impossible counts')
  }
}

function readTable(table: Reader, count: number, dataLength: number, end: number): SectionPlace[] {
  const sections: SectionPlace[] = []
  let next = dataLength
  for (let i = 0; i < count; i++) {
    const kind = table.uint16()
    if (table.uint16() !== 0) throw new FormatError('A segment table has stray bits')
    const crc = table.uint32()
    const position = table.int64()
    const length = table.int64()
    if (position !== next || length < 0)
      throw new FormatError('Segment sections are not contiguous')
    sections.push({ kind, position, length, crc })
    next += length
  }
  if (next !== end - count * SECTION_ROW_BYTES) {
    throw new FormatError('Segment sections do not end where their table begins')
  }
  return sections
}

/** The place of the section of that kind; null when the segment has none. */
export function sectionOf(footer: SegmentFooter, kind: SectionKind): SectionPlace | null {
  return footer.sections.find((section) => section.kind === kind) ?? null
}

/** Throws FormatError unless `bytes` are what was written as that section. */
export function checkSection(crypto: Crypto, place: SectionPlace, bytes: Uint8Array): void {
  if (bytes.length !== place.length) throw new FormatError('A segment section is cut short')
  if (crypto.crc32c(bytes) !== place.crc) throw new FormatError('A segment section fails its CRC')
}
