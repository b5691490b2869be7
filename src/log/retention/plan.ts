// Which segments of one partition have outlived its settings. Pure: from what is known of the
// segments to how many of the oldest go. A segment goes whole or stays whole, so the log start
// moves on segment bounds; open transactions do not hold it back, as in Kafka. It does not know
// what time it is: whoever asks says which time may be acted upon.
import { assert, must } from '../../base/assert.ts'
import type { Offset } from '../../base/units.ts'
import type { LogSettings } from '../log-host.ts'

/** What retention looks at in a segment; ascending and gapless, the last one is active. */
export interface RetentionSegment {
  readonly base: Offset
  /** Exclusive. */
  readonly end: Offset
  /** Bytes of batches. */
  readonly dataLength: number
  /** Largest timestamp of a record in ms; -1 when no record has one. */
  readonly maxTimestamp: number
}

/** Why a segment goes. */
export type RetentionReason = 'start' | 'size' | 'time'

/** What to do to a partition. */
export interface RetentionPlan {
  /** How many segments go, from the oldest on. All of them only if the active one is rolled. */
  readonly count: number
  /** The new log start: everything below goes. The present one when nothing does. */
  readonly dropBelow: Offset
  /** The active segment goes too, so it has to be ended first. */
  readonly roll: boolean
  /** How many go for which reason, oldest first: start, then size, then time. */
  readonly reasons: Readonly<Record<RetentionReason, number>>
}

/** Where a partition stands. */
export interface RetentionMoment {
  /** Milliseconds since 1970 by a clock that is trusted. */
  readonly nowMs: number
  readonly logStart: Offset
  /** Exclusive end of what may go: the high watermark. */
  readonly limit: Offset
  /** Most segments that go now. */
  readonly countMax: number
}

/**
 * Decides for one partition. Segments that lie below the log start go in any case; with
 * `deletes`, the oldest go as long as the rest still holds `retentionBytes` or more, and as long
 * as all their records are older than `retentionMs`.
 */
export function planRetention(
  segments: readonly RetentionSegment[],
  settings: Pick<LogSettings, 'deletes' | 'retentionBytes' | 'retentionMs'>,
  moment: RetentionMoment,
): RetentionPlan {
  assert(segments.length > 0, 'A partition has an active segment')
  const { logStart, limit } = moment
  const most = Math.min(segments.length, moment.countMax)
  let count = 0
  const reasons = { start: 0, size: 0, time: 0 }
  const drop = (reason: RetentionReason): void => {
    count++
    reasons[reason]++
  }
  while (count < most && count + 1 < segments.length) {
    if (must(segments[count + 1], 'A next segment').base > logStart) break
    drop('start')
  }
  if (settings.deletes) {
    const mayGo = (segment: RetentionSegment): boolean =>
      segment.end > segment.base && segment.end <= limit
    let excess = excessBytes(segments, count, settings.retentionBytes)
    for (let next = segments[count]; count < most && next !== undefined; next = segments[count]) {
      if (excess < next.dataLength || !mayGo(next)) break
      excess -= next.dataLength
      drop('size')
    }
    const times = new SegmentTimes(segments)
    for (let next = segments[count]; count < most && next !== undefined; next = segments[count]) {
      if (!isOld(times.at(count), settings.retentionMs, moment.nowMs) || !mayGo(next)) break
      drop('time')
    }
  }
  const roll = count === segments.length
  const first = segments[count]?.base ?? must(segments.at(-1), 'An active segment').end
  const dropBelow = count > 0 && first > logStart ? first : logStart
  assert(count === 0 || dropBelow >= first, 'Dropped segments lie below the log start')
  return { count, dropBelow, roll, reasons }
}

/** Bytes above `retentionBytes` in segments from `from` on; -1 when there is no such limit. */
function excessBytes(
  segments: readonly RetentionSegment[],
  from: number,
  retentionBytes: number,
): number {
  if (retentionBytes < 0) return -1
  let bytes = 0
  for (let i = from; i < segments.length; i++) {
    bytes += must(segments[i], 'A segment of the list').dataLength
  }
  return bytes - retentionBytes
}

const isOld = (timestampMs: number, retentionMs: number, nowMs: number): boolean =>
  retentionMs >= 0 && timestampMs >= 0 && nowMs - timestampMs > retentionMs

/**
 * The time by which a segment is judged. One without timestamps is as old as the next that has
 * some, because it was written before; without any it has no age and stays.
 */
class SegmentTimes {
  readonly #segments: readonly RetentionSegment[]
  #foundAt = -1

  constructor(segments: readonly RetentionSegment[]) {
    this.#segments = segments
  }

  /** Milliseconds, or -1. To be asked with a rising `index`. */
  at(index: number): number {
    let at = Math.max(index, this.#foundAt)
    while (at < this.#segments.length && this.#timestamp(at) < 0) at++
    this.#foundAt = at
    return this.#timestamp(at)
  }

  #timestamp(index: number): number {
    return this.#segments[index]?.maxTimestamp ?? -1
  }
}
