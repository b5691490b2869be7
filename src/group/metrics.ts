// What the group coordinator counts. Groups by state are gauges, read when they are asked for.
import type { Counter, Telemetry } from '../ports/telemetry.ts'

/** The counters, touched without a look-up. */
export interface GroupCounters {
  /** Partitions for which an offset was committed. */
  readonly commits: Counter
  /** Groups written to the log: assignments, new ids of static members, groups become empty. */
  readonly stores: Counter
  /** Groups too large for one record. */
  readonly refusedStores: Counter
  /** Offsets and groups forgotten because nobody used them. */
  readonly expired: Counter
  /** Timers that fired so late that the sessions were extended. */
  readonly lateTimers: Counter
}

/** The counters of one coordinator. */
export const groupCounters = (telemetry: Telemetry): GroupCounters => ({
  commits: telemetry.counter(
    'stratalog_group_offset_commits_total',
    'Partitions for which a group committed an offset',
  ),
  stores: telemetry.counter(
    'stratalog_group_stores_total',
    'Groups written to __consumer_offsets: assignments, static members, groups become empty',
  ),
  refusedStores: telemetry.counter(
    'stratalog_group_refused_stores_total',
    'Groups that were too large for one record of __consumer_offsets',
  ),
  expired: telemetry.counter(
    'stratalog_group_expired_total',
    'Offsets and groups forgotten because nobody used them',
  ),
  lateTimers: telemetry.counter(
    'stratalog_group_late_timers_total',
    'Timers that fired so late that sessions were extended',
  ),
})
