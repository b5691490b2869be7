// Reads of what is archived, as the leader of a partition answers them: the same outcomes as for
// what is on disk, so that nobody who fetches notices the seam.
import { ErrorCode } from '../base/error-codes.ts'
import type { Offset } from '../base/units.ts'
import type { PartitionLog } from '../log/partition-log.ts'
import type { PartitionTier } from '../tier/partition-tier.ts'
import type { ColdLimits } from '../tier/read/cold-reader.ts'
import type { Isolation, ReadOutcome, TimestampHit } from './partition.ts'

/** How much an archived read may return, and to whom. */
export interface ArchivedLimits extends ColdLimits {
  readonly isolation: Isolation
}

/** Whole archived batches from the one that holds `from` on. Throws what the archive throws. */
export async function readArchived(
  tier: PartitionTier,
  from: Offset,
  limits: ArchivedLimits,
): Promise<ReadOutcome> {
  const read = await tier.read(from, limits)
  // What is not here and not there is missing: the reader must not take it for the end.
  if (read.nextOffset === from && limits.maxBytes > 0 && limits.atLeastOne) {
    return failedRead(ErrorCode.KAFKA_STORAGE_ERROR, from)
  }
  const aborted = limits.isolation === 1 ? await tier.aborted(from, read.nextOffset) : null
  return { ...read, code: 0, aborted, release: () => read.release() }
}

/**
 * The first hit of a search of the archive and then of the disk. What leaves the disk meanwhile
 * would be looked for neither there nor here, so the search begins anew when anything does.
 */
export async function findAcross(
  log: Pick<PartitionLog, 'localStart'>,
  archived: () => Promise<TimestampHit | null> | null,
  local: () => Promise<TimestampHit | null>,
): Promise<TimestampHit | null> {
  for (;;) {
    const { localStart } = log
    const there = await archived()
    if (there !== null) return there
    if (log.localStart > localStart) continue
    const here = await local()
    if (log.localStart === localStart) return here
  }
}

/** A read that gives nothing but an error code. */
export const failedRead = (code: number, from: Offset): ReadOutcome => ({
  code,
  parts: [],
  bytes: 0,
  nextOffset: from,
  aborted: null,
  release: () => undefined,
})

/** The later of two records by time; of two at the same time the first, which has less offset. */
export function newerOf(
  first: TimestampHit | null,
  second: TimestampHit | null,
): TimestampHit | null {
  if (first === null || second === null) return first ?? second
  return second.timestampMs > first.timestampMs ? second : first
}
