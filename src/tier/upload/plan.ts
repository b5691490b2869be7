// Which local segments go to the bucket next: sealed, below what is committed, in order, without a
// gap to what is archived already. Pure: decided from what the log and the manifest say.
import { must } from '../../base/assert.ts'
import type { Offset } from '../../base/units.ts'
import { offset } from '../../base/units.ts'

/** What a plan needs to know of a local segment. */
export interface LocalSegment {
  readonly base: Offset
  readonly end: Offset
  readonly dataLength: number
  /** Not null once it takes no more batches and its trailer is durable. */
  readonly sealed: object | null
}

/** What a plan needs to know of log and archive. */
export interface UploadMoment {
  readonly logStart: Offset
  /** Exclusive end of what is archived; null when nothing is. */
  readonly archivedEnd: Offset | null
  /** Exclusive end of what may be archived: below high watermark and last stable offset. */
  readonly limit: Offset
  /** Most segments of one plan. */
  readonly countMax: number
}

/** What to upload. */
export interface UploadPlan {
  /** Places in the list of segments: `[from, to)`. */
  readonly from: number
  readonly to: number
  /** First offset to be read from the first of them. */
  readonly base: Offset
  /** Offsets `[from, to)` that neither the archive nor this disk has; null when there are none. */
  readonly hole: { readonly from: Offset; readonly to: Offset } | null
}

/** Plans the next uploads of a partition. */
export function planUpload(segments: readonly LocalSegment[], moment: UploadMoment): UploadPlan {
  const { logStart, archivedEnd, limit, countMax } = moment
  const next = archivedEnd === null ? logStart : offset(Math.max(archivedEnd, logStart))
  const first = segments.findIndex(({ end }) => end > next)
  const nothing = { from: 0, to: 0, base: next, hole: null }
  if (first < 0) return nothing
  const { base: firstBase, sealed } = must(segments[first], 'A segment of the list')
  if (firstBase > next) return { ...nothing, hole: { from: next, to: firstBase } }
  // Later ones may be sealed before it: it takes its time if it is large.
  if (sealed === null) return nothing
  let to = first
  for (; to < segments.length && to - first < countMax; to++) {
    const segment = must(segments[to], 'A segment of the list')
    if (segment.sealed === null || segment.end > limit) break
  }
  return to > first ? { from: first, to, base: next, hole: null } : nothing
}
