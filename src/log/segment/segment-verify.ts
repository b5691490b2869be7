// Checks every byte of a sealed segment and lists what is wrong, for the dump command and the
// scrubber. Batches by their CRCs and continuity; their prefixes, positions and times by rebuilding
// the index and comparing it; counts by the footer; sections, table and footer by their CRCs. It
// decides nothing and repairs nothing. A finding is its outcome, so a FormatError ends here.
import { equalBytes } from '../../base/bytes.ts'
import { FormatError } from '../../base/errors.ts'
import { Reader } from '../../base/reader.ts'
import { leaderEpoch } from '../../base/units.ts'
import type { Crypto } from '../../ports/crypto.ts'
import type { DiskFile } from '../../ports/disk.ts'
import { AbortedList } from '../state/aborted.ts'
import { BatchFault, batchFaultName } from './batch-check.ts'
import { scanFile, type ScanResult } from './batch-scan.ts'
import { Lineage } from '../state/lineage.ts'
import { decodeProducers } from '../state/producer-snapshot.ts'
import { FOOTER_READ_BYTES, readFooter, readRange } from './sealed-segment.ts'
import { SegmentBuilder } from './segment-builder.ts'
import {
  FOOTER_BYTES,
  SectionKind,
  checkSection,
  type SectionPlace,
  type SegmentFooter,
} from './segment-format.ts'
import { decodeHashes, hashFile, hashRoot } from './segment-hash.ts'
import { INDEX_ENTRY_BYTES, SparseIndex } from './sparse-index.ts'

/** One thing that is wrong with a segment file. */
export interface SegmentFinding {
  readonly part: 'footer' | 'trailer' | 'section' | 'data' | 'index' | 'counts' | 'hashes'
  /** Bytes `[from, to)` of the file that are affected. */
  readonly from: number
  readonly to: number
  readonly text: string
}

/** A segment is checked with all its producers, however many a partition may now remember. */
const ANY_PRODUCERS = { producersMax: Number.MAX_SAFE_INTEGER, expirationMs: 1 }

/**
 * Everything that is wrong with a sealed segment file; empty when every byte is as it was sealed.
 */
export async function verifySegment(crypto: Crypto, file: DiskFile): Promise<SegmentFinding[]> {
  const size = await file.size()
  const footer = await attempt(() => readFooter(crypto, file))
  if (footer instanceof FormatError) {
    return [
      {
        part: 'footer',
        from: Math.max(size - FOOTER_READ_BYTES, 0),
        to: size,
        text: footer.message,
      },
    ]
  }
  const findings: SegmentFinding[] = []
  const trailer = await readRange(file, footer.dataLength, size - footer.dataLength - FOOTER_BYTES)
  if (crypto.crc32c(trailer) !== footer.trailerCrc) {
    const to = size - FOOTER_BYTES
    findings.push({ part: 'trailer', from: footer.dataLength, to, text: 'trailer fails its CRC' })
  }
  let index: SparseIndex | null = null
  for (const place of footer.sections) {
    const at = place.position - footer.dataLength
    const bytes = trailer.subarray(at, at + place.length)
    const decoded = await attempt(() => decodeSection(crypto, footer, place, bytes))
    if (decoded instanceof FormatError) {
      const { position: from, length } = place
      findings.push({ part: 'section', from, to: from + length, text: decoded.message })
    } else if (decoded instanceof SparseIndex) index = decoded
  }
  findings.push(...(await verifyData(crypto, file, footer, index)))
  findings.push(...(await verifyHashes(crypto, file, footer, trailer)))
  return findings
}

/** The data against footer and index. */
async function verifyData(
  crypto: Crypto,
  file: DiskFile,
  footer: SegmentFooter,
  index: SparseIndex | null,
): Promise<SegmentFinding[]> {
  const builder = new SegmentBuilder(footer.baseOffset, crypto, footer.indexInterval)
  const range = {
    from: 0,
    to: footer.dataLength,
    nextOffset: footer.baseOffset,
    epoch: leaderEpoch(-1),
    gaps: footer.compacted,
  }
  const result = await scanFile(crypto, file, range, (bytes, at, length) => {
    builder.append(bytes, at, length)
  })
  builder.settle()
  const findings = dataFindings(result, footer, index)
  // Behind a gap every position and count differs, which would say nothing more.
  if (findings.length > 0) return findings
  findings.push(...countFindings(builder, footer))
  if (index === null) {
    findings.push({
      part: 'index',
      from: 0,
      to: footer.dataLength,
      text: 'there is no sound index',
    })
  } else findings.push(...indexFindings(builder.index, index, footer.dataLength))
  return findings
}

function dataFindings(
  result: ScanResult,
  footer: SegmentFooter,
  index: SparseIndex | null,
): SegmentFinding[] {
  // Of two batches that do not fit together the first may be the wrong one: its interval counts
  // too.
  const suspect = (from: number, fault: number): number => {
    if (fault !== BatchFault.epoch && fault !== BatchFault.offset) return from
    const i = index?.floorPosition(from - 1) ?? -1
    return index === null || i < 0 ? 0 : index.positionAt(i)
  }
  const findings = result.gaps.map((gap): SegmentFinding => {
    const { to, fromOffset, toOffset, fault } = gap
    const text = `${batchFaultName(fault)}: offsets ${fromOffset} to ${toOffset} are damaged`
    return { part: 'data', from: suspect(gap.from, fault), to, text }
  })
  if (result.end !== footer.dataLength && result.gaps.at(-1)?.to !== footer.dataLength) {
    const fault = result.fault ?? BatchFault.short
    const text = `${batchFaultName(fault)}: no batch from offset ${result.nextOffset} on`
    const from = suspect(result.end, fault)
    findings.push({ part: 'data', from, to: footer.dataLength, text })
  }
  return findings
}

function countFindings(builder: SegmentBuilder, footer: SegmentFooter): SegmentFinding[] {
  const fields = ['batchCount', 'recordCount', 'minTimestamp', 'maxTimestamp'] as const
  const wrong: string[] = fields.filter((field) => builder[field] !== footer[field])
  // The batches of the newest epoch may be gone.
  const epochs = footer.compacted
    ? builder.maxEpoch <= footer.maxEpoch
    : builder.maxEpoch === footer.maxEpoch
  if (!epochs) wrong.push('maxEpoch')
  const ends = footer.compacted
    ? builder.endOffset <= footer.endOffset
    : builder.endOffset === footer.endOffset
  if (!ends) wrong.push('endOffset')
  return wrong.map((field) => {
    const text = `footer and batches disagree about ${field}`
    return { part: 'counts', from: 0, to: footer.dataLength, text }
  })
}

/** Intervals whose stored entry is not the one that the data gives. */
function indexFindings(
  rebuilt: SparseIndex,
  stored: SparseIndex,
  dataLength: number,
): SegmentFinding[] {
  const findings: SegmentFinding[] = []
  const expected = rebuilt.entryBytes()
  const found = stored.entryBytes()
  for (let i = 0; i < Math.max(rebuilt.length, stored.length); i++) {
    const at = i * INDEX_ENTRY_BYTES
    const same = equalBytes(
      expected.subarray(at, at + INDEX_ENTRY_BYTES),
      found.subarray(at, at + INDEX_ENTRY_BYTES),
    )
    if (same) continue
    const from = i < rebuilt.length ? rebuilt.positionAt(i) : dataLength
    const to = i < rebuilt.length ? rebuilt.endOf(i, dataLength) : dataLength
    const text = 'batch prefixes, positions or times are not as they were indexed'
    findings.push({ part: 'index', from, to, text })
  }
  return findings
}

/** Block hashes, where the segment has them. */
async function verifyHashes(
  crypto: Crypto,
  file: DiskFile,
  footer: SegmentFooter,
  trailer: Uint8Array,
): Promise<SegmentFinding[]> {
  const place = footer.sections.find((section) => section.kind === SectionKind.hashes)
  if (place === undefined) return []
  const at = place.position - footer.dataLength
  const bytes = trailer.subarray(at, at + place.length)
  const stored = await attempt(() => decodeHashes(new Reader(bytes), footer.dataLength))
  if (stored instanceof FormatError) return []
  const actual = await hashFile(crypto, file, footer.dataLength)
  const same = actual.blocks.every((block, i) =>
    equalBytes(block, stored.blocks[i] ?? new Uint8Array(0)),
  )
  const root = hashRoot(crypto, stored.blocks, footer.dataLength)
  if (same && equalBytes(root, stored.root)) return []
  return [{ part: 'hashes', from: 0, to: footer.dataLength, text: 'a block fails its SHA-256' }]
}

/** The index when it is that section, else null. Throws FormatError on damage. */
function decodeSection(
  crypto: Crypto,
  footer: SegmentFooter,
  place: SectionPlace,
  bytes: Uint8Array,
): SparseIndex | null {
  checkSection(crypto, place, bytes)
  const from = new Reader(bytes)
  if (place.kind === SectionKind.index) {
    return SparseIndex.decode(footer.baseOffset, bytes, footer.dataLength)
  }
  if (place.kind === SectionKind.aborted) new AbortedList().decode(from)
  else if (place.kind === SectionKind.lineage) Lineage.decode(from)
  else if (place.kind === SectionKind.producers) decodeProducers(from, ANY_PRODUCERS)
  else if (place.kind === SectionKind.hashes) decodeHashes(from, footer.dataLength)
  else return null
  if (from.left > 0 && place.kind !== SectionKind.hashes) {
    throw new FormatError('A segment section has bytes left over')
  }
  return null
}

/** What `run` gives, or the FormatError it throws. */
async function attempt<T>(run: () => T | Promise<T>): Promise<T | FormatError> {
  try {
    return await run()
  } catch (error) {
    if (error instanceof FormatError) return error
    throw error
  }
}
