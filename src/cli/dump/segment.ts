// `<base>.seg`: the batches of a segment in order, and of a sealed one its sections and footer. The
// file is read twice: a scan finds the damaged ranges, then the batches between them are printed.
// Of a sealed segment everything that its trailer promises is verified too. What is no batch at the
// end of a growing segment is a torn write or damage: one file alone cannot tell, so it is listed.
import { FormatError } from '../../base/errors.ts'
import { Reader } from '../../base/reader.ts'
import { leaderEpoch, offset } from '../../base/units.ts'
import { AbortedList } from '../../log/state/aborted.ts'
import { batchFaultName } from '../../log/segment/batch-check.ts'
import { scanFile, type ScanResult } from '../../log/segment/batch-scan.ts'
import { Lineage } from '../../log/state/lineage.ts'
import { decodeProducers } from '../../log/state/producer-snapshot.ts'
import { readFooter } from '../../log/segment/sealed-segment.ts'
import { SectionKind, looksSealed } from '../../log/segment/segment-format.ts'
import type { SectionPlace, SegmentFooter } from '../../log/segment/segment-format.ts'
import { verifySegment } from '../../log/segment/segment-verify.ts'
import type { Crypto } from '../../ports/crypto.ts'
import { HEADER_BYTES, baseOffset, batchLength, magic } from '../../record/header.ts'
import type { DumpOptions, DumpRow, FileDecoder } from '../services.ts'
import {
  abortedRows,
  batchRow,
  damageRow,
  indexRows,
  lineageRows,
  producerRows,
  timeOf,
} from './rows.ts'
import { FileWindow, attempt, isDamage } from './window.ts'

const NAME = /^(\d{20})\.seg$/
const TAIL_BYTES = 128
/** Index sections above this are not loaded to be printed. */
const SECTION_BYTES_MAX = 64 * 1024 * 1024
const ANY_PRODUCERS = { producersMax: Number.MAX_SAFE_INTEGER, expirationMs: 1 }

const kindNames = new Map<number, string>(
  Object.entries(SectionKind).map(([name, kind]) => [kind, name]),
)

/** Reads segments, growing and sealed ones. */
export const segmentDecoder = (crypto: Crypto): FileDecoder => ({
  name: 'segment',
  matches: (name, head) =>
    name.endsWith('.seg') || (head.length >= HEADER_BYTES && magic(head, 0) === 2),
  dump: (path, options) => dumpSegment(crypto, path, options),
})

async function* dumpSegment(
  crypto: Crypto,
  path: string,
  options: DumpOptions,
): AsyncGenerator<DumpRow> {
  const window = await FileWindow.open(path)
  try {
    const claims = looksSealed(await window.view(window.size - TAIL_BYTES, TAIL_BYTES))
    const read = claims ? await attempt(() => readFooter(crypto, window.file)) : null
    const footer = read === null || isDamage(read) ? null : read
    const base = footer?.baseOffset ?? (await baseOf(window, path))
    const range = {
      from: 0,
      to: footer?.dataLength ?? window.size,
      nextOffset: offset(base),
      epoch: leaderEpoch(-1),
      gaps: footer?.compacted === true,
    }
    yield { what: 'segment', bytes: window.size, sealed: claims, baseOffset: base }
    const scan = await scanFile(crypto, window.file, range, () => undefined)
    yield* batchRows(window, scan, range.to)
    if (footer !== null) yield* trailerRows(window, footer, options)
    if (claims) {
      for (const finding of await verifySegment(crypto, window.file)) {
        if (finding.part === 'data') continue // listed among the batches
        yield damageRow(finding.from, finding.to, `${finding.part}: ${finding.text}`)
      }
    }
  } finally {
    await window.close()
  }
}

/** Where the segment begins, by its name, else by its first batch. */
async function baseOf(window: FileWindow, path: string): Promise<number> {
  const named = NAME.exec(path.slice(path.lastIndexOf('/') + 1))
  if (named?.[1] !== undefined) return Number(named[1])
  const head = await window.view(0, HEADER_BYTES)
  if (head.length < HEADER_BYTES) return 0
  const first = await attempt(() => baseOffset(head, 0))
  return isDamage(first) ? 0 : Math.max(first, 0)
}

/** The valid batches, and between and behind them what is none. */
async function* batchRows(
  window: FileWindow,
  scan: ScanResult,
  limit: number,
): AsyncGenerator<DumpRow> {
  const gaps = [...scan.gaps]
  let at = 0
  while (at < scan.end) {
    const gap = gaps[0]
    if (gap?.from === at) {
      const offsets = `offsets ${gap.fromOffset} to ${gap.toOffset} are damaged`
      yield damageRow(at, gap.to, `${batchFaultName(gap.fault)}: ${offsets}`)
      gaps.shift()
      at = gap.to
      continue
    }
    const header = await window.view(at, HEADER_BYTES)
    yield batchRow(header, 0, at)
    at += batchLength(header, 0)
  }
  for (const gap of gaps) {
    const text = `${batchFaultName(gap.fault)}: no batch from offset ${gap.fromOffset} on`
    yield damageRow(gap.from, gap.to, text)
  }
  if (scan.fault !== null && gaps.length === 0) {
    const text = `${batchFaultName(scan.fault)}: no batch from offset ${scan.nextOffset} on`
    yield damageRow(scan.end, limit, `${text}; a torn write, or damage`)
  } else if (gaps.length === 0 && scan.end < limit) {
    yield { what: 'zeros', from: scan.end, to: limit }
  }
}

async function* trailerRows(
  window: FileWindow,
  footer: SegmentFooter,
  options: DumpOptions,
): AsyncGenerator<DumpRow> {
  for (const place of footer.sections) {
    const { position, length, kind } = place
    yield { what: 'section', kind: kindNames.get(kind) ?? kind, at: position, bytes: length }
    if (!options.verbose || length > SECTION_BYTES_MAX) continue
    const bytes = await window.view(position, length)
    const rows = await attempt(() => [...sectionRows(place, bytes, footer)])
    if (!isDamage(rows)) yield* rows // damage is listed by the verification
  }
  const { minTimestamp, maxTimestamp, sections, trailerCrc, ...rest } = footer
  yield {
    what: 'footer',
    at: window.size - TAIL_BYTES,
    ...rest,
    minTimestamp: timeOf(minTimestamp),
    maxTimestamp: timeOf(maxTimestamp),
    trailerCrc: trailerCrc.toString(16).padStart(8, '0'),
    sections: sections.length,
  }
}

/** What a section holds, as far as it can be shown. Throws FormatError where it is damaged. */
function* sectionRows(
  place: SectionPlace,
  bytes: Uint8Array,
  footer: SegmentFooter,
): Generator<DumpRow> {
  if (bytes.length < place.length) throw new FormatError('A segment section is cut short')
  const from = new Reader(bytes)
  if (place.kind === SectionKind.index) yield* indexRows(bytes, footer.baseOffset)
  else if (place.kind === SectionKind.lineage) yield* lineageRows(Lineage.decode(from))
  else if (place.kind === SectionKind.producers) {
    yield* producerRows(decodeProducers(from, ANY_PRODUCERS))
  } else if (place.kind === SectionKind.aborted) {
    const aborted = new AbortedList()
    aborted.decode(from)
    yield* abortedRows(aborted)
  } else if (place.kind === SectionKind.hashes) {
    const hex = (length: number): string =>
      [...from.raw(length)].map((byte) => byte.toString(16).padStart(2, '0')).join('')
    yield { what: 'root', sha256: hex(32) }
    for (let block = 0; from.left >= 32; block++) yield { what: 'block', block, sha256: hex(32) }
  }
}
