// What a partition's archive consists of, as a value: pages of older segments, entries of the newer
// ones, in order and without a gap, and who wrote it last. Its bytes are the `head` object, the
// only one of a partition that is ever replaced. Changes are in change.ts, the bytes in head.ts.
import { offset, type LeaderEpoch, type Offset } from '../../base/units.ts'
import type { EpochStart } from '../../log/state/lineage.ts'
import type { ArchiveIdentity } from '../keys.ts'
import { keptBytesMin, type SegmentEntry } from './entry.ts'
import type { PageRef } from './page.ts'

/** A partition's archive. */
export interface Manifest extends ArchiveIdentity {
  /** Name of the topic when it was archived: for people and for restoring. */
  readonly topicName: string
  /**
   * Whether another store has the archive, and this one follows it. Exactly one store of a
   * partition has a manifest that is no copy; only there anything new is named.
   */
  readonly isCopy: boolean
  /**
   * How often the cluster had been restored when this was written. What an earlier life has left
   * in a store that it was not restored from is of another history.
   */
  readonly generation: number
  /** Epoch of the leader that wrote this last. Older leaders must not replace it. */
  readonly writerEpoch: LeaderEpoch
  /** 32 hex digits, drawn anew for every replacement: tells a lost answer from a rival's write. */
  readonly nonce: string
  /** Rises by one with each replacement. */
  readonly sequence: number
  /** First offset that is kept. Segments wholly below are not named any more. */
  readonly logStart: Offset
  /** Older segments, ascending. */
  readonly pages: readonly PageRef[]
  /** Newer segments, ascending; the first begins where the last page ends. */
  readonly entries: readonly SegmentEntry[]
  /** Which epoch wrote which offsets, ascending, as far as that is known. */
  readonly lineage: readonly EpochStart[]
}

/** First offset that any object has; the log start when there is none. */
export const archiveBase = (manifest: Manifest): Offset =>
  manifest.pages[0]?.base ?? manifest.entries[0]?.base ?? manifest.logStart

/** Exclusive end of what is archived; the log start when nothing is. */
export const archiveEnd = (manifest: Manifest): Offset =>
  manifest.entries.at(-1)?.end ?? manifest.pages.at(-1)?.end ?? manifest.logStart

/** Sums over all segments that a manifest names. */
export interface ArchiveSize {
  readonly segments: number
  /** Bytes of batches, each offset counted once. */
  readonly dataBytes: number
  /** Bytes of the segments' objects. */
  readonly objectBytes: number
  readonly records: number
}

/** How much a manifest names. */
export function archiveSize({ pages, entries }: Manifest): ArchiveSize {
  let segments = entries.length
  let dataBytes = 0
  let objectBytes = 0
  let records = 0
  for (const page of pages) {
    segments += page.count
    dataBytes += page.dataBytes
    objectBytes += page.objectBytes
    records += page.recordCount
  }
  for (const entry of entries) {
    dataBytes += keptBytesMin(entry)
    objectBytes += entry.objectBytes
    records += entry.recordCount
  }
  return { segments, dataBytes, objectBytes, records }
}

/** The manifest of a partition that has archived nothing; sequence 0 is never written. */
export const emptyManifest = (
  identity: ArchiveIdentity,
  topicName: string,
  logStart: Offset = offset(0),
): Omit<Manifest, 'writerEpoch' | 'nonce'> => ({
  topicId: identity.topicId,
  partition: identity.partition,
  topicName,
  isCopy: false,
  generation: 0,
  sequence: 0,
  logStart,
  pages: [],
  entries: [],
  lineage: [],
})
