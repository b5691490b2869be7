// Finds archived records by time, as timestamp-search.ts of the log does it on disk: the first
// segment, and in it the first block, whose largest time so far reaches the wanted one; from there
// batch by batch. That is one request more than a read by offset needs, and often none.
import { offset, type Offset } from '../../base/units.ts'
import { DECOMPRESSED_MAX, scan, type FoundRecord } from '../../log/timestamp-search.ts'
import * as header from '../../record/header.ts'
import { findTimestampInBatch } from '../../record/reader.ts'
import type { RecordTools } from '../../record/section.ts'
import type { Manifest } from '../manifest/manifest.ts'
import type { ColdReader } from './cold-reader.ts'
import { locateTime } from './locate.ts'

/** The first archived record of `[from, to)` at or after `timestampMs`; null when there is none. */
export async function findArchivedTime(
  reader: ColdReader,
  manifest: Manifest,
  tools: RecordTools,
  timestampMs: number,
  range: { readonly from: Offset; readonly to: Offset },
): Promise<FoundRecord | null> {
  const source = { compression: tools.compression, decompressedMax: DECOMPRESSED_MAX }
  for (let at = range.from; at < range.to;) {
    const entry = await locateTime(manifest, timestampMs, at, reader.loadPage)
    if (entry === null || entry.base >= range.to) return null
    const block = entry.blocks.firstReaching(timestampMs - entry.minTimestamp)
    if (block >= 0) {
      const first = entry.objectBase + entry.blocks.deltaAt(block)
      const start = offset(Math.max(first, entry.base, at))
      const end = offset(Math.min(entry.end, range.to))
      const found = await scan(reader, start, end, (bytes, position) => {
        if (header.maxTimestamp(bytes, position) < timestampMs) return null
        return findTimestampInBatch(bytes, position, timestampMs, source, range.from)
      })
      if (found !== null) return found
    }
    at = entry.end
  }
  return null
}

/** Largest timestamp of an archived record at or behind `from`, about; -1 when there is none. */
export function newestArchivedMs(manifest: Manifest, from: Offset): number {
  let newest = -1
  for (const one of [...manifest.pages, ...manifest.entries]) {
    if (one.end > from && one.maxTimestamp > newest) newest = one.maxTimestamp
  }
  return newest
}
