// What compaction tells of itself: counters, gauges, and one line in the log for each partition
// that was compacted or could not be.
import type { Clock } from '../../ports/clock.ts'
import type { Counter, Telemetry } from '../../ports/telemetry.ts'
import type { CompactionJob } from './job.ts'

/** Metrics of one compactor. */
export class CompactionMetrics {
  readonly #telemetry: Telemetry
  readonly #clock: Clock
  readonly #rounds: Counter
  readonly #partitions: Counter
  readonly #read: Counter
  readonly #written: Counter
  readonly #removed: Counter
  #dirtyRatioMax = 0
  #endedMs: number

  constructor(telemetry: Telemetry, clock: Clock, gauges: { uncleanable(): number }) {
    this.#telemetry = telemetry
    this.#clock = clock
    this.#endedMs = clock.monotonicMs()
    const counter = (name: string, help: string): Counter => telemetry.counter(name, help)
    this.#rounds = counter(
      'stratalog_compaction_rounds_total',
      'Times that compaction has looked at every partition.',
    )
    this.#partitions = counter(
      'stratalog_compaction_partitions_total',
      'Times that a partition was compacted.',
    )
    this.#read = counter(
      'stratalog_compaction_read_bytes_total',
      'Bytes of segments that compaction has read.',
    )
    this.#written = counter(
      'stratalog_compaction_written_bytes_total',
      'Bytes of segments that compaction has written.',
    )
    this.#removed = counter(
      'stratalog_compaction_records_removed_total',
      'Records that compaction has removed.',
    )
    const gauge = (name: string, help: string, read: () => number): void =>
      telemetry.gauge(name, help, read)
    gauge(
      'stratalog_compaction_dirty_ratio_max',
      'Largest share of a partition that is not compacted, in the last round.',
      () => this.#dirtyRatioMax,
    )
    gauge(
      'stratalog_compaction_uncleanable_partitions',
      'Partitions that could not be compacted.',
      () => gauges.uncleanable(),
    )
    gauge(
      'stratalog_compaction_last_round_seconds',
      'Seconds since compaction has last been through all partitions.',
      () => (this.#clock.monotonicMs() - this.#endedMs) / 1000,
    )
  }

  /** A round is through; `dirtyRatioMax` is what it found. */
  roundEnded(dirtyRatioMax: number): void {
    this.#rounds.value++
    this.#dirtyRatioMax = dirtyRatioMax
    this.#endedMs = this.#clock.monotonicMs()
  }

  /** Counts what a job has done since it was last counted. */
  moved(job: CompactionJob): void {
    const { bytesRead, bytesWritten, recordsRemoved } = job.takeCounts()
    this.#read.value += bytesRead
    this.#written.value += bytesWritten
    this.#removed.value += recordsRemoved
  }

  /** A partition was compacted. */
  compacted(job: CompactionJob): void {
    this.#partitions.value++
    const { cleanedTo, recordsRemoved, bytesBefore, bytesAfter } = job.stats
    this.#telemetry.log('info', 'partition compacted', {
      ...this.#place(job),
      cleanedTo,
      recordsRemoved,
      bytesBefore,
      bytesAfter,
    })
  }

  /** A partition could not be compacted. */
  failed(job: CompactionJob, error: unknown): void {
    const fields = { ...this.#place(job), error: String(error) }
    this.#telemetry.log('error', 'partition cannot be compacted', fields)
  }

  #place({ log }: CompactionJob): { readonly topicId: string; readonly partition: number } {
    return { topicId: log.identity.topicId, partition: log.identity.index }
  }
}
