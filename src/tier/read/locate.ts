// Finds the archived segment that holds an offset, or the first one that may hold a time. The newer
// ones are in the manifest itself; for the older one page has to be there, which is asked for by
// the caller's loader. No other object is touched.
import { must } from '../../base/assert.ts'
import { offset, type Offset } from '../../base/units.ts'
import { pageKey, parseKey } from '../keys.ts'
import { entryKey, floorEntry, type SegmentEntry } from '../manifest/entry.ts'
import { archiveBase, type Manifest } from '../manifest/manifest.ts'
import type { Page, PageRef } from '../manifest/page.ts'

/** Gives a page of the manifest at hand. */
export type LoadPage = (ref: PageRef) => Promise<Page>

/** The segment that holds `at`; null when the archive does not have it. */
export async function locateOffset(
  manifest: Manifest,
  at: Offset,
  loadPage: LoadPage,
): Promise<SegmentEntry | null> {
  const inHead = floorEntry(manifest.entries, at)
  if (inHead >= 0) {
    const entry = must(manifest.entries[inHead], 'An entry')
    return at < entry.end ? entry : null
  }
  const inPages = floorEntry(manifest.pages, at)
  const ref = manifest.pages[inPages]
  if (ref === undefined || at >= ref.end) return null
  const page = await loadPage(ref)
  const i = page.floor(at)
  return i < 0 ? null : page.at(i)
}

/**
 * The first segment at or behind `from` that has a batch with a timestamp of `timestampMs` or
 * later; null when there is none.
 */
export async function locateTime(
  manifest: Manifest,
  timestampMs: number,
  from: Offset,
  loadPage: LoadPage,
): Promise<SegmentEntry | null> {
  for (const ref of manifest.pages) {
    if (ref.end <= from || ref.maxTimestamp < timestampMs) continue
    const page = await loadPage(ref)
    // The page's directory knows the largest time so far; what lies below `from` may have set it.
    for (let i = Math.max(page.firstReaching(timestampMs), 0); i < page.length; i++) {
      const entry = page.at(i)
      if (entry.end > from && entry.maxTimestamp >= timestampMs) return entry
    }
  }
  return (
    manifest.entries.find((entry) => entry.end > from && entry.maxTimestamp >= timestampMs) ?? null
  )
}

/** Whether `manifest` names the page or the segment object `key`; anything else it does. */
export async function isNamed(
  manifest: Manifest,
  key: string,
  loadPage: LoadPage,
): Promise<boolean> {
  const parsed = parseKey(key)
  if (parsed?.kind === 'page') {
    return manifest.pages.some((ref) => pageKey(manifest, ref) === key)
  }
  if (parsed?.kind !== 'segment') return true
  return (await locateKey(manifest, key, loadPage)) !== null
}

/** The first segment that is read from the object `key`; null when the archive names it not. */
export async function locateKey(
  manifest: Manifest,
  key: string,
  loadPage: LoadPage,
): Promise<SegmentEntry | null> {
  const parsed = parseKey(key)
  if (parsed?.kind !== 'segment') return null
  // Entries that are read from one object may begin behind its base, and the archive as well.
  for (let at = offset(Math.max(parsed.name.base, archiveBase(manifest))); ;) {
    const entry = await locateOffset(manifest, at, loadPage)
    if (entry === null || entry.objectBase > parsed.name.base) return null
    if (entryKey(manifest, entry) === key) return entry
    at = offset(Math.max(entry.end, at + 1))
  }
}
