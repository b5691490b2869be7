// Compacts the partitions of a broker again and again, the dirtiest first, in short slices between
// what clients ask for. What is due is decided in plan.ts, what stays in filter.ts; how one round
// over a partition goes is the cleaner's. A partition that cannot be compacted is left as it is and
// told of: tried again later when the disk was full, not before a restart when it is damaged.
//
//   resting ──▶ look at all partitions ──▶ (clean one)* ──▶ resting
import { FormatError, OperatingError } from '../../base/errors.ts'
import { KiB } from '../../base/units.ts'
import type { Offset } from '../../base/units.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Telemetry } from '../../ports/telemetry.ts'
import type { PartitionLog } from '../partition-log.ts'
import { Rounds } from '../retention/rounds.ts'
import { newestRecordMs } from '../retention/sweeper.ts'
import { TrustedTime } from '../retention/trusted-time.ts'
import type { CleanerTools } from './cleaner.ts'
import { Cleaner, viewOf } from './cleaner.ts'
import { CompactionJob } from './job.ts'
import { CompactionMetrics } from './metrics.ts'
import type { CompactionPlan } from './plan.ts'
import { mustRoll, planCompaction } from './plan.ts'

/** A partition that may be compacted. */
export interface CompactedPartition {
  readonly log: PartitionLog
  /** Exclusive end of what may be compacted at this moment: its high watermark. */
  limit(): Offset
}

/** What a compactor acts through. */
export interface CompactorDeps {
  readonly clock: Clock
  readonly telemetry: Telemetry
  readonly tools: CleanerTools
  /** The partitions of this broker; asked once a round. */
  partitions(): Iterable<CompactedPartition>
  /** The disk has no room for a new file. */
  isFull(): boolean
  /** Watches over a slice: LogStore.background. */
  background(name: string, work: Promise<void>): void
}

/** How much a compactor may use; asked anew when it is needed. */
export interface CompactorOptions {
  /** Rest between two rounds, in ms. */
  readonly backoffMs: number
  /** Memory of the map of keys, in bytes. */
  readonly mapBytesMax: number
  /** Share of the map that may be filled. */
  readonly mapLoadFactor: number
  /** Bytes read and written in a second, at most. */
  readonly bytesPerSecondMax: number
}

/** Most partitions that one slice looks at, and bytes that it reads and writes, about. */
const PARTITIONS_PER_SLICE = 256
const BYTES_PER_SLICE = 256 * KiB

/** Rest between two slices. */
const PAUSE_MS = 5

/** A partition for which there was no room is tried again after this long. */
const RETRY_MS = 60_000

interface Candidate {
  readonly partition: CompactedPartition
  readonly plan: CompactionPlan
}

/** Compacts what is due, until it is closed. */
export class Compactor {
  readonly #deps: CompactorDeps
  readonly #options: CompactorOptions
  readonly #rounds: Rounds
  readonly #time = new TrustedTime()
  readonly #metrics: CompactionMetrics
  #nowMs = 0
  #round: readonly CompactedPartition[] | null = null
  #next = 0
  #candidates: Candidate[] = []
  #job: CompactionJob | null = null
  #dirtyRatioMax = 0
  /** Until when a partition is left alone, in monotonic ms. */
  readonly #uncleanable = new Map<PartitionLog, number>()

  constructor(deps: CompactorDeps, options: CompactorOptions) {
    this.#deps = deps
    this.#options = options
    this.#metrics = new CompactionMetrics(deps.telemetry, deps.clock, {
      uncleanable: () => this.#uncleanable.size,
    })
    this.#rounds = new Rounds(
      deps.clock,
      {
        name: 'compaction',
        get everyMs(): number {
          return Math.max(1, options.backoffMs)
        },
        pauseMs: PAUSE_MS,
        background: (name, work) => deps.background(name, work),
      },
      () => this.#slice(),
    )
  }

  /** Looks at the clock now, and at the partitions after the first rest. */
  start(): void {
    this.#look([...this.#deps.partitions()])
    this.#rounds.start()
  }

  /** Compacts no more; resolves when nothing of an unfinished round is left. */
  async close(): Promise<void> {
    await this.#rounds.close()
    await this.#job?.abort()
    this.#job = null
  }

  #look(partitions: readonly CompactedPartition[]): void {
    const { clock } = this.#deps
    const wallMs = clock.wallMs()
    const newestMs = newestRecordMs(partitions, wallMs)
    this.#nowMs = this.#time.look({ wallMs, monotonicMs: clock.monotonicMs(), newestMs })
  }

  /** A bounded piece of work; false when the round is through, else the rest before the next. */
  async #slice(): Promise<false | number> {
    if (this.#job !== null) return this.#clean(this.#job)
    if (this.#round === null) this.#begin()
    if (this.#survey()) return PAUSE_MS
    const next = this.#deps.isFull() ? undefined : this.#candidates.shift()
    if (next === undefined) {
      this.#end()
      return false
    }
    this.#job = this.#jobFor(next.partition)
    return this.#job === null ? 0 : this.#clean(this.#job)
  }

  #begin(): void {
    this.#round = [...this.#deps.partitions()]
    this.#next = 0
    this.#dirtyRatioMax = 0
    this.#candidates = []
    this.#look(this.#round)
    const nowMs = this.#deps.clock.monotonicMs()
    for (const [log, untilMs] of this.#uncleanable) {
      if (log.closed || untilMs <= nowMs) this.#uncleanable.delete(log)
    }
  }

  #end(): void {
    this.#metrics.roundEnded(this.#dirtyRatioMax)
    this.#round = null
    this.#candidates = []
  }

  /** Plans for a slice of the partitions; true when there are more. */
  #survey(): boolean {
    const round = this.#round ?? []
    if (this.#next >= round.length) return false
    const until = Math.min(this.#next + PARTITIONS_PER_SLICE, round.length)
    for (; this.#next < until; this.#next++) {
      const partition = round[this.#next]
      const plan = partition === undefined ? null : this.#planFor(partition)
      if (partition === undefined || plan === null) continue
      this.#dirtyRatioMax = Math.max(this.#dirtyRatioMax, plan.dirtyRatio)
      if (plan.due) this.#candidates.push({ partition, plan })
    }
    if (this.#next < round.length) return true
    this.#candidates.sort(byUrgency)
    return false
  }

  /** Null for a partition that is not compacted, or not now. */
  #planFor({ log, limit }: CompactedPartition): CompactionPlan | null {
    const settings = log.settings.compaction
    if (settings === null || log.closed || this.#uncleanable.has(log)) return null
    const { active } = log
    if (!this.#deps.isFull() && mustRoll(active.firstAppendMs, settings, this.#nowMs)) log.roll()
    const moment = { nowMs: this.#nowMs, limit: limit() }
    return planCompaction(log.segments.map(viewOf), settings, moment)
  }

  /** The job of a partition as it is now, which may need none any more. */
  #jobFor(partition: CompactedPartition): CompactionJob | null {
    const { log } = partition
    const plan = this.#planFor(partition)
    if (plan === null || !plan.due || log.compacting !== null) return null
    const { mapBytesMax, mapLoadFactor } = this.#options
    const wallMs = this.#deps.clock.wallMs()
    const options = { mapBytesMax, mapLoadFactor, nowMs: this.#nowMs, wallMs }
    return new CompactionJob(log, new Cleaner(log, plan, this.#deps.tools, options))
  }

  /** Steps through a job for a slice; returns the rest before the next. */
  async #clean(job: CompactionJob): Promise<number> {
    const from = job.bytesMoved
    try {
      while (job.bytesMoved - from < BYTES_PER_SLICE) {
        if (this.#deps.isFull()) {
          throw new OperatingError('full', 'Cannot compact: the disk is too full')
        }
        if (await job.step()) continue
        this.#finished(job)
        break
      }
    } catch (error) {
      await job.abort()
      this.#failed(job, error)
    }
    const bytes = job.bytesMoved - from
    this.#metrics.moved(job)
    return Math.max(PAUSE_MS, (bytes / this.#options.bytesPerSecondMax) * 1000)
  }

  #finished(job: CompactionJob): void {
    this.#job = null
    if (!job.aborted) this.#metrics.compacted(job)
  }

  /** What the world did to a job ends it and no more; a bug goes on to whoever watches. */
  #failed(job: CompactionJob, error: unknown): void {
    this.#job = null
    const { log } = job
    const isWorld = error instanceof OperatingError || error instanceof FormatError
    if (!isWorld) throw error
    const kind = error instanceof OperatingError ? error.kind : 'corrupt'
    // The topic was deleted, or retention has taken what was being read.
    if (log.closed || kind === 'closed') return
    const nowMs = this.#deps.clock.monotonicMs()
    this.#uncleanable.set(log, kind === 'full' || kind === 'retry' ? nowMs + RETRY_MS : Infinity)
    this.#metrics.failed(job, error)
  }
}

/** Overdue before others, then the dirtiest. */
const byUrgency = (a: Candidate, b: Candidate): number =>
  Number(b.plan.overdue) - Number(a.plan.overdue) || b.plan.dirtyRatio - a.plan.dirtyRatio
