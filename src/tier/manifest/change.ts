// Changes of a manifest: each takes one and gives the next, and touches nothing. What has grown too
// large for the head is spilled into pages; pages that have become too many are joined into larger
// ones, so that the head stays small however long the history is.
import { assert, must } from '../../base/assert.ts'
import { KiB, type Offset } from '../../base/units.ts'
import type { EpochStart } from '../../log/state/lineage.ts'
import { entryBytesMax, type SegmentEntry } from './entry.ts'
import { archiveEnd, type Manifest } from './manifest.ts'
import type { PageRef } from './page.ts'

/** Entries above these stay in the head no longer. */
const ENTRY_BYTES_HIGH: number = 128 * KiB
const ENTRIES_HIGH = 1_000
/** What is left of them in the head when they are spilled. */
const ENTRY_BYTES_LOW: number = 32 * KiB
const ENTRIES_LOW = 250
/** Pages above this many are joined. */
const PAGES_MAX = 1_000
/** How many neighbours are joined into one. */
const JOINED = 8
/** Epochs that a manifest remembers; the oldest are forgotten. */
const LINEAGE_MAX = 4_096

/** Adds segments that continue the archive. */
export function withSegments(manifest: Manifest, added: readonly SegmentEntry[]): Manifest {
  const empty = manifest.pages.length === 0 && manifest.entries.length === 0
  let end = empty ? (added[0]?.base ?? manifest.logStart) : archiveEnd(manifest)
  for (const entry of added) {
    assert(entry.base === end, 'An archived segment continues the archive')
    end = entry.end
  }
  return { ...manifest, entries: [...manifest.entries, ...added] }
}

/** Replaces the newer entries of `[base, end)` by one that holds the same offsets. */
export function withMerged(manifest: Manifest, merged: SegmentEntry): Manifest {
  const { entries } = manifest
  const from = entries.findIndex((entry) => entry.base === merged.base)
  const to = entries.findIndex((entry) => entry.end === merged.end)
  assert(from >= 0, 'A merged segment begins where one did')
  assert(to >= from, 'A merged segment ends where one did')
  return { ...manifest, entries: [...entries.slice(0, from), merged, ...entries.slice(to + 1)] }
}

/** Takes over what is known of epochs at and above the archive's start. */
export function withLineage(manifest: Manifest, known: readonly EpochStart[]): Manifest {
  return { ...manifest, lineage: lineageOf(manifest.lineage, known).slice(-LINEAGE_MAX) }
}

/**
 * The epochs of a history of which `archived` tells the older part and `known` the newer. What is
 * known says of its first epoch only where it begins to know of it: the archive may know better.
 */
export function lineageOf(
  archived: readonly EpochStart[],
  known: readonly EpochStart[],
): EpochStart[] {
  const first = known[0]
  if (first === undefined) return [...archived]
  const older = archived.filter((one) => one.epoch <= first.epoch && one.start <= first.start)
  return [...older, ...known.slice(older.at(-1)?.epoch === first.epoch ? 1 : 0)]
}

/** A manifest after retention, and what it names no longer. */
export interface Trimmed {
  readonly manifest: Manifest
  readonly pages: readonly PageRef[]
  readonly entries: readonly SegmentEntry[]
}

/**
 * Moves the log start up to `to`, never down, and lets go of what lies wholly below where it then
 * is. Segments of the pages that are let go are told by those pages alone.
 */
export function trimmed(manifest: Manifest, to: Offset): Trimmed {
  const logStart = to > manifest.logStart ? to : manifest.logStart
  const gone = <T extends { readonly end: Offset }>(list: readonly T[]): number => {
    const kept = list.findIndex((one) => one.end > logStart)
    return kept < 0 ? list.length : kept
  }
  const pages = gone(manifest.pages)
  const entries = pages < manifest.pages.length ? 0 : gone(manifest.entries)
  if (logStart === manifest.logStart && pages + entries === 0) {
    return { manifest, pages: [], entries: [] }
  }
  return {
    manifest: {
      ...manifest,
      logStart,
      pages: manifest.pages.slice(pages),
      entries: manifest.entries.slice(entries),
    },
    pages: manifest.pages.slice(0, pages),
    entries: manifest.entries.slice(0, entries),
  }
}

/** How many of the oldest entries have to go to a page; 0 when all have room. */
export function entriesToSpill(manifest: Manifest): number {
  const { entries } = manifest
  const sizes = entries.map(entryBytesMax)
  let bytes = sizes.reduce((sum, size) => sum + size, 0)
  if (bytes <= ENTRY_BYTES_HIGH && entries.length <= ENTRIES_HIGH) return 0
  let count = 0
  while (
    count < entries.length - 1 &&
    (bytes > ENTRY_BYTES_LOW || entries.length - count > ENTRIES_LOW)
  ) {
    bytes -= must(sizes[count], 'A size for every entry')
    count++
  }
  return count
}

/** The manifest once its first `count` entries are in `page`. */
export function withSpilled(manifest: Manifest, count: number, page: PageRef): Manifest {
  assert(count > 0, 'A page takes some entries')
  assert(page.base === manifest.entries[0]?.base, 'A page begins with the oldest entry')
  assert(page.end === manifest.entries[count - 1]?.end, 'A page ends with the last one spilled')
  return {
    ...manifest,
    pages: [...manifest.pages, page],
    entries: manifest.entries.slice(count),
  }
}

/**
 * Neighbouring pages `[from, to)` to be joined into one; null when there are few enough. Those of
 * the smallest sizes first and among them the oldest, so that a page is rewritten once for every
 * eightfold growth of the history.
 */
export function pagesToJoin(
  manifest: Manifest,
  pagesMax: number = PAGES_MAX,
): { readonly from: number; readonly to: number } | null {
  const { pages } = manifest
  assert(pagesMax >= JOINED, 'There are enough pages to be joined')
  if (pages.length <= pagesMax) return null
  let best = 0
  let least = Infinity
  for (let from = 0; from + JOINED <= pages.length; from++) {
    let bytes = 0
    for (let i = from; i < from + JOINED; i++) bytes += must(pages[i], 'A page').pageBytes
    if (bytes < least * 0.9) {
      least = bytes
      best = from
    }
  }
  return { from: best, to: best + JOINED }
}

/** The manifest once its pages `[from, to)` are joined in `page`. */
export function withJoined(
  manifest: Manifest,
  { from, to }: { readonly from: number; readonly to: number },
  page: PageRef,
): Manifest {
  assert(page.base === manifest.pages[from]?.base, 'A joined page begins with the first')
  assert(page.end === manifest.pages[to - 1]?.end, 'A joined page ends with the last')
  const pages = [...manifest.pages.slice(0, from), page, ...manifest.pages.slice(to)]
  return { ...manifest, pages }
}
