// What total retention takes from an archived partition: the oldest segments, archived or not, by
// age and by size. Every offset counts once: what is archived by its object, what is not by its
// local segment, and never both. A bounded number of segments is looked at in one go.
import { must } from '../../base/assert.ts'
import type { Offset } from '../../base/units.ts'
import { keptBytesMin, type SegmentEntry } from '../manifest/entry.ts'
import { archiveEnd, archiveSize, type Manifest } from '../manifest/manifest.ts'
import type { LoadPage } from '../read/locate.ts'

/** The settings that total retention goes by; -1 is no limit. */
export interface ExpirySettings {
  readonly retentionMs: number
  readonly retentionBytes: number
}

/** A segment as retention sees it. */
export interface ExpirySegment {
  readonly base: Offset
  readonly end: Offset
  readonly dataLength: number
  readonly maxTimestamp: number
}

/** Most segments above the log start that one look goes through. */
const SEGMENTS_MAX = 256

/**
 * Where the log is to start by its settings: at the base of the first segment that stays. `local`
 * are the segments on disk, the active one last; those that are archived are not counted again.
 * A segment without timestamps is as old as the next that has some.
 */
export async function expiredTo(
  manifest: Manifest,
  local: readonly ExpirySegment[],
  settings: ExpirySettings,
  nowMs: number,
  logStart: Offset,
  loadPage: LoadPage,
): Promise<Offset> {
  const end = archiveEnd(manifest)
  const unarchived = local
    .filter((segment) => segment.end > end)
    // What a leader before this one has archived of it counts there; how much is left is not known.
    .map((segment) => (segment.base < end ? lengthOf(segment, 0) : segment))
  const isOld = ({ maxTimestamp }: ExpirySegment): boolean =>
    settings.retentionMs >= 0 && nowMs - maxTimestamp > settings.retentionMs
  let bytes = archiveSize(manifest).dataBytes
  for (const segment of unarchived) bytes += segment.dataLength
  let start = logStart
  let looked = 0
  for await (const segment of oldestFirst(manifest, unarchived, logStart, loadPage)) {
    if (segment.end <= logStart) {
      bytes -= segment.dataLength
      continue
    }
    if (looked++ === SEGMENTS_MAX) break
    const isExcess =
      settings.retentionBytes >= 0 && bytes - settings.retentionBytes >= segment.dataLength
    const isDated = segment.maxTimestamp >= 0
    if (isDated && !isOld(segment) && !isExcess) break
    bytes -= segment.dataLength
    if (isDated || isExcess) start = segment.end
  }
  return start
}

/** Every segment but the active one, archived ones first; pages below `from` are one each. */
async function* oldestFirst(
  manifest: Manifest,
  unarchived: readonly ExpirySegment[],
  from: Offset,
  loadPage: LoadPage,
): AsyncGenerator<ExpirySegment> {
  for (const ref of manifest.pages) {
    if (ref.end <= from) {
      yield lengthOf(ref, ref.dataBytes)
      continue
    }
    const page = await loadPage(ref)
    for (let i = 0; i < page.length; i++) yield entryLength(page.at(i))
  }
  for (const entry of manifest.entries) yield entryLength(entry)
  for (let i = 0; i + 1 < unarchived.length; i++) yield must(unarchived[i], 'A local segment')
}

const lengthOf = (
  { base, end, maxTimestamp }: Omit<ExpirySegment, 'dataLength'>,
  dataLength: number,
): ExpirySegment => ({ base, end, maxTimestamp, dataLength })

const entryLength = (entry: SegmentEntry): ExpirySegment => lengthOf(entry, keptBytesMin(entry))
