// Deletes what has outlived its settings, on every partition of a broker, in bounded slices; and
// forgets idle producers on the way. What goes is decided in plan.ts, by the time of
// trusted-time.ts; how a partition lets go of it, and who has to hear of it, is the partition's.
import { must } from '../../base/assert.ts'
import type { Offset } from '../../base/units.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Counter, Telemetry } from '../../ports/telemetry.ts'
import type { PartitionLog } from '../partition-log.ts'
import { planRetention } from './plan.ts'
import type { RetentionPlan, RetentionReason } from './plan.ts'
import { Rounds } from './rounds.ts'
import { TrustedTime } from './trusted-time.ts'

/** A partition that retention looks after. */
export interface SweptPartition {
  readonly log: PartitionLog
  /** Exclusive end of what may go at this moment: its high watermark. */
  limit(): Offset
  /** Null for a partition that has all its records here. */
  readonly archive: SweptArchive | null
  /**
   * Moves the log start up to `to`, durably, drops what lies below it and tells those who wait
   * for the partition.
   */
  advance(to: Offset): Promise<unknown>
}

/** What retention has to know of a partition's archive. */
export interface SweptArchive {
  /** Exclusive end of what is archived for sure; null when that is not known. */
  readonly archivedEnd: Offset | null
  /** Where the log is to start by its total retention at `nowMs`; where it does, when unknown. */
  expiredTo(nowMs: number): Promise<Offset>
}

/** What a sweeper acts through. */
export interface SweeperDeps {
  readonly clock: Clock
  readonly telemetry: Telemetry
  /** The partitions of this broker; asked once a round. */
  partitions(): Iterable<SweptPartition>
  /** Watches over a slice: LogStore.background. */
  background(name: string, work: Promise<void>): void
}

/** Most partitions that one slice looks at, and segments that it removes. */
const PARTITIONS_PER_SLICE = 256
const SEGMENTS_PER_SLICE = 32

/** How far ahead of the wall clock a record may be and still count as new. */
const FUTURE_MAX_MS = 3_600_000

/** Rest between two slices, for the disk more than for the processor. */
const PAUSE_MS = 20

const REASONS: readonly RetentionReason[] = ['start', 'size', 'time']

/** Deletes old segments of all partitions, again and again. */
export class RetentionSweeper {
  readonly #deps: SweeperDeps
  readonly #rounds: Rounds
  readonly #time = new TrustedTime()
  #nowMs = 0
  #round: readonly SweptPartition[] = []
  #next = 0
  readonly #deletedSegments: Readonly<Record<RetentionReason, Counter>>
  readonly #deletedBytes: Readonly<Record<RetentionReason, Counter>>
  readonly #expiredProducers: Counter
  readonly #roundsDone: Counter

  /**
   * Starts no work before `start`, which should come when the logs that were there before this
   * process are open: their newest record is what the first look at the clock is judged by.
   */
  constructor(deps: SweeperDeps, options: { readonly checkMs: number }) {
    this.#deps = deps
    const { telemetry, clock } = deps
    this.#rounds = new Rounds(
      clock,
      {
        name: 'retention',
        everyMs: options.checkMs,
        pauseMs: PAUSE_MS,
        background: (name, work) => deps.background(name, work),
      },
      () => this.#slice(),
    )
    const byReason = (name: string, help: string): Record<RetentionReason, Counter> => {
      const of = (reason: RetentionReason): Counter => telemetry.counter(name, help, { reason })
      return { start: of('start'), size: of('size'), time: of('time') }
    }
    this.#deletedSegments = byReason(
      'stratalog_retention_segments_deleted_total',
      'Segments deleted by retention, by reason.',
    )
    this.#deletedBytes = byReason(
      'stratalog_retention_bytes_deleted_total',
      'Bytes of batches deleted by retention, by reason.',
    )
    this.#expiredProducers = telemetry.counter(
      'stratalog_producers_expired_total',
      'Idle producers whose state was forgotten.',
    )
    this.#roundsDone = telemetry.counter(
      'stratalog_retention_rounds_total',
      'Times that retention has looked at every partition.',
    )
    telemetry.gauge(
      'stratalog_retention_clock_lag_seconds',
      'How far the wall clock is ahead of the time that retention believes.',
      () => this.#time.lagMs / 1000,
    )
  }

  /** Looks at the clock now, and at the partitions `checkMs` from now. */
  start(): void {
    this.#begin()
    this.#round = []
    this.#rounds.start()
  }

  /** Deletes no more; resolves when what is being deleted is gone. */
  close(): Promise<void> {
    return this.#rounds.close()
  }

  #begin(): void {
    this.#round = [...this.#deps.partitions()]
    this.#next = 0
    const { clock } = this.#deps
    const wallMs = clock.wallMs()
    const newestMs = newestRecordMs(this.#round, wallMs)
    this.#nowMs = this.#time.look({ wallMs, monotonicMs: clock.monotonicMs(), newestMs })
  }

  async #slice(): Promise<boolean> {
    if (this.#round.length === 0) this.#begin()
    let room = SEGMENTS_PER_SLICE
    const until = Math.min(this.#next + PARTITIONS_PER_SLICE, this.#round.length)
    while (this.#next < until) {
      const partition = must(this.#round[this.#next], 'A partition of the round')
      const count = partition.log.closed ? 0 : await this.#sweep(partition, room)
      room -= count
      // The partition may have more to give: it is looked at again.
      if (room === 0) return true
      this.#next++
    }
    if (this.#next < this.#round.length) return true
    this.#round = []
    this.#roundsDone.value++
    return false
  }

  /** Drops at most `countMax` segments; returns how many. */
  async #sweep(partition: SweptPartition, countMax: number): Promise<number> {
    const { log } = partition
    this.#expiredProducers.value += log.state.producers.expire(this.#nowMs)
    if (partition.archive !== null)
      return this.#sweepArchived(partition, partition.archive, countMax)
    const plan = planRetention(log.segments, log.settings, {
      nowMs: this.#nowMs,
      logStart: log.logStart,
      limit: partition.limit(),
      countMax,
    })
    if (plan.count === 0) return 0
    this.#count(log, plan)
    if (plan.roll) log.roll()
    // Segments below a log start that has already moved are left over from an earlier end.
    const work =
      plan.dropBelow > log.logStart
        ? partition.advance(plan.dropBelow)
        : log.dropSegmentsBelow(plan.dropBelow)
    await work.catch((error: unknown) => {
      // Its topic was deleted meanwhile, files and all.
      if (!log.closed) throw error
    })
    return plan.count
  }

  /**
   * Of a tiered partition the log start moves by what archive and disk hold together; from the disk
   * goes what the archive has for sure.
   */
  async #sweepArchived(
    partition: SweptPartition,
    archive: SweptArchive,
    countMax: number,
  ): Promise<number> {
    const { log } = partition
    const settle = (error: unknown): void => {
      if (!log.closed) throw error
    }
    const expired = await archive.expiredTo(this.#nowMs)
    // What is here and not archived yet may be old, and not committed all the same.
    const limit = partition.limit()
    const start = expired < limit ? expired : limit
    if (start > log.logStart) await partition.advance(start).catch(settle)
    const { archivedEnd } = archive
    const local = log.settings.archive
    // The newest sealed segment stays: it tells a start after a crash of producers and epochs.
    const newest = log.segments.at(-2)
    if (archivedEnd === null || local === null || newest === undefined) return 0
    const { localRetentionBytes: retentionBytes, localRetentionMs: retentionMs } = local
    const settings = { deletes: true, retentionBytes, retentionMs }
    const plan = planRetention(log.segments, settings, {
      nowMs: this.#nowMs,
      logStart: log.localStart,
      limit: archivedEnd < newest.base ? archivedEnd : newest.base,
      countMax,
    })
    if (plan.count === 0) return 0
    this.#count(log, plan)
    await log.dropArchivedBelow(plan.dropBelow).catch(settle)
    return plan.count
  }

  #count(log: PartitionLog, plan: RetentionPlan): void {
    let at = 0
    let bytes = 0
    for (const reason of REASONS) {
      const count = plan.reasons[reason]
      let sum = 0
      for (const end = at + count; at < end; at++) sum += log.segments[at]?.dataLength ?? 0
      this.#deletedSegments[reason].value += count
      this.#deletedBytes[reason].value += sum
      bytes += sum
    }
    this.#deps.telemetry.log('info', 'segments deleted by retention', {
      topicId: log.identity.topicId,
      partition: log.identity.index,
      logStart: plan.dropBelow,
      segments: plan.count,
      bytes,
      ...plan.reasons,
    })
  }
}

/** Newest timestamp of a record in any of the logs, ms since 1970; -1 when none has one. */
export function newestRecordMs(
  partitions: Iterable<{ readonly log: PartitionLog }>,
  wallMs: number,
): number {
  let newestMs = -1
  for (const { log } of partitions) {
    const newest = newestOf(log)
    // A record from the future proves that its producer's clock is wrong, and nothing else.
    if (newest <= wallMs + FUTURE_MAX_MS) newestMs = Math.max(newestMs, newest)
  }
  return newestMs
}

/** Newest timestamp of a log, by its last two segments: the active one may be empty. */
function newestOf(log: PartitionLog): number {
  const { segments } = log
  return Math.max(segments.at(-1)?.maxTimestamp ?? -1, segments.at(-2)?.maxTimestamp ?? -1)
}
