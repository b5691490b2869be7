// What to compact, by the rules of Apache Kafka's LogCleanerManager: how far a partition is clean,
// how far it may be cleaned now, whether that is worth a round, and which segments go together
// into one new file. Pure: from what is known of segments to a plan. The active segment, what the
// quorum does not hold and what is too young stay as they are.
import { assert, must } from '../../base/assert.ts'
import type { Offset } from '../../base/units.ts'
import { offset } from '../../base/units.ts'
import type { CompactionSettings } from '../log-host.ts'

/** What compaction looks at in a segment; ascending and gapless, the last one is active. */
export interface CompactionSegment {
  readonly base: Offset
  /** Exclusive. */
  readonly end: Offset
  /** Bytes of batches. */
  readonly dataLength: number
  readonly maxTimestamp: number
  /** Null while it is not sealed. */
  readonly footer: {
    readonly compacted: boolean
    readonly cleanedTo: Offset
    readonly minTimestamp: number
  } | null
}

/** Where a partition stands. */
export interface CompactionMoment {
  /** Milliseconds since 1970 by a clock that is trusted. */
  readonly nowMs: number
  /** Exclusive end of what may be cleaned: the high watermark. */
  readonly limit: Offset
}

/** What a partition has to clean. */
export interface CompactionPlan {
  /** Everything below is clean; inside a segment where a round reached no further. */
  readonly firstDirty: Offset
  /** Exclusive end of what may be cleaned now, on a segment bound. */
  readonly end: Offset
  /** Share of dirty bytes in all that lie below `end`. */
  readonly dirtyRatio: number
  /** Something dirty is older than `max.compaction.lag.ms`. */
  readonly overdue: boolean
  /** Whether a round is worth its work now. */
  readonly due: boolean
}

/** The most offsets that one segment stands for: more than fit the 32 bits of its index. */
const SEGMENT_OFFSETS_MAX = 0x7fffffff

/** The first offset that no finished round has looked at. */
export function firstDirtyOf(segments: readonly CompactionSegment[]): Offset {
  for (const { base, end, footer } of segments) {
    if (footer === null || !footer.compacted) return base
    if (footer.cleanedTo < end) return offset(Math.max(base, footer.cleanedTo))
  }
  return must(segments.at(-1), 'A partition has an active segment').end
}

/** Decides for one partition. */
export function planCompaction(
  segments: readonly CompactionSegment[],
  settings: CompactionSettings,
  moment: CompactionMoment,
): CompactionPlan {
  assert(segments.length > 0, 'A partition has an active segment')
  const firstDirty = firstDirtyOf(segments)
  const { lagMinMs, lagMaxMs, dirtyRatioMin } = settings
  let end = must(segments[0], 'A first segment').base
  let cleanBytes = 0
  let dirtyBytes = 0
  let oldestMs = Infinity
  for (const segment of segments.slice(0, -1)) {
    const { footer } = segment
    if (footer === null || segment.end > moment.limit) break
    const isDirty = segment.end > firstDirty
    if (isDirty && lagMinMs > 0 && segment.maxTimestamp > moment.nowMs - lagMinMs) break
    if (isDirty) {
      dirtyBytes += segment.dataLength
      if (footer.minTimestamp > 0) oldestMs = Math.min(oldestMs, footer.minTimestamp)
    } else cleanBytes += segment.dataLength
    end = segment.end
  }
  const bytes = cleanBytes + dirtyBytes
  const dirtyRatio = bytes === 0 ? 0 : dirtyBytes / bytes
  const overdue = dirtyBytes > 0 && oldestMs < moment.nowMs - lagMaxMs
  const due = end > firstDirty && dirtyBytes > 0 && (overdue || dirtyRatio > dirtyRatioMin)
  return { firstDirty, end, dirtyRatio, overdue, due }
}

/**
 * Whether the active segment, whose first record came at `firstMs` (-1: it has none), must end so
 * that its records can be compacted in time.
 */
export const mustRoll = (firstMs: number, settings: CompactionSettings, nowMs: number): boolean =>
  firstMs >= 0 && nowMs - firstMs >= settings.lagMaxMs

/** How much may go into one file. */
export interface GroupLimits {
  /** Bytes of batches: `segment.bytes`. */
  readonly bytesMax: number
}

/**
 * Neighbours among `segments` that become one file each, oldest first. A segment that is too large
 * by itself stands alone.
 */
export function groupSegments<T extends CompactionSegment>(
  segments: readonly T[],
  limits: GroupLimits,
): T[][] {
  const groups: T[][] = []
  let bytes = 0
  let base = 0
  for (const segment of segments) {
    const group = groups.at(-1)
    const fits =
      bytes + segment.dataLength <= limits.bytesMax && segment.end - base <= SEGMENT_OFFSETS_MAX
    if (group !== undefined && fits) {
      group.push(segment)
      bytes += segment.dataLength
    } else {
      groups.push([segment])
      bytes = segment.dataLength
      base = segment.base
    }
  }
  return groups
}
