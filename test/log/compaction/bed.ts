// A store of compacted logs on a simulated disk under virtual time, whose batches hold true
// records; a model that knows which of them must be there; and a compactor, or one round by hand.
import { must } from '../../../src/base/assert.ts'
import { Cleaner, viewOf } from '../../../src/log/compaction/cleaner.ts'
import type { CleanOptions, CleanStats } from '../../../src/log/compaction/cleaner.ts'
import { Compactor } from '../../../src/log/compaction/compactor.ts'
import type { CompactorOptions } from '../../../src/log/compaction/compactor.ts'
import { CompactionJob } from '../../../src/log/compaction/job.ts'
import { planCompaction } from '../../../src/log/compaction/plan.ts'
import type { CompactionPlan } from '../../../src/log/compaction/plan.ts'
import type { CompactionSettings, LogSettings } from '../../../src/log/log-host.ts'
import type { PartitionLog } from '../../../src/log/partition-log.ts'
import type { BatchOptions, NewRecord } from '../../../src/record/builder.ts'
import type { BatchRecord } from '../../../src/record/reader.ts'
import * as header from '../../../src/record/header.ts'
import { createCompression } from '../../../src/platform/compression.ts'
import type { Scheduler } from '../../sim/clock.ts'
import type { SimDisk } from '../../sim/disk.ts'
import { build, readAll, utf8 } from '../../record/support.ts'
import { crypto } from '../batches.ts'
import { Harness, Model, partition, settings, TINY } from '../store-harness.ts'

/** What these tests clean with. */
export const cleanerTools = { crypto, compression: createCompression() }

/** Settings of compaction with one difference each. */
export const rules = (change: Partial<CompactionSettings> = {}): CompactionSettings => ({
  deleteRetentionMs: 1_000,
  lagMinMs: 0,
  lagMaxMs: Number.MAX_SAFE_INTEGER,
  dirtyRatioMin: 0,
  ...change,
})

/** Settings of a compacted log. */
export const compacted = (
  change: Partial<LogSettings> = {},
  how: Partial<CompactionSettings> = {},
): LogSettings => settings({ deletes: false, compaction: rules(how), ...change })

const text = new TextDecoder()

/** A record as these tests look at it. */
export interface Seen {
  readonly offset: number
  readonly key: string | null
  readonly value: string | null
  readonly timestampMs: number
}

const seen = (record: BatchRecord): Seen => ({
  offset: record.offset,
  key: record.key === null ? null : text.decode(record.key),
  value: record.value === null ? null : text.decode(record.value),
  timestampMs: record.timestampMs,
})

/** The batches in `bytes`, each in memory of its own. */
export function split(bytes: Uint8Array): Uint8Array[] {
  const batches: Uint8Array[] = []
  for (let at = 0; at < bytes.length;) {
    const length = header.batchLength(bytes, at)
    batches.push(Uint8Array.from(bytes.subarray(at, at + length)))
    at += length
  }
  return batches
}

/** All records in `bytes`. */
export const recordsOf = (bytes: Uint8Array): Seen[] =>
  split(bytes).flatMap((batch) => readAll(batch).map(seen))

/** One compacted partition. */
export class CompactedBed {
  readonly harness: Harness
  /** Everything that was ever appended. */
  readonly all: Seen[]

  private constructor(harness: Harness, all: Seen[] = []) {
    this.harness = harness
    this.all = all
  }

  static async fresh(given: LogSettings = compacted()): Promise<CompactedBed> {
    const harness = await Harness.fresh({ settings: [given] })
    return new CompactedBed(harness)
  }

  /** A store on `disk`, with what an earlier bed has appended. */
  static async on(
    at: { readonly scheduler: Scheduler; readonly disk: SimDisk },
    given: LogSettings,
    all: Seen[],
    clean = false,
  ): Promise<CompactedBed> {
    const harness = await Harness.open(at, [new Model(0, given)], TINY, clean)
    return new CompactedBed(harness, all)
  }

  get log(): PartitionLog {
    return this.harness.at(0)
  }

  get disk(): SimDisk {
    return this.harness.disk as SimDisk
  }

  /** Appends one batch; keys and values as text, null for none. Returns its base offset. */
  append(
    pairs: readonly (readonly [string | null, string | null])[],
    options: BatchOptions & { readonly timestampMs?: number } = {},
  ): number {
    const { timestampMs = this.harness.clock.wallMs(), ...rest } = options
    const records = pairs.map(([key, value]): NewRecord => ({
      timestampMs,
      key: key === null ? null : utf8(key),
      value: value === null ? null : utf8(value),
    }))
    const base = this.log.append(build(records, rest), this.harness.clock.wallMs())
    if (base < 0) throw new Error('The cache is full')
    for (const [i, [key, value]] of pairs.entries()) {
      const time = rest.logAppendTimeMs ?? timestampMs
      this.all.push({ offset: base + i, key, value, timestampMs: time })
    }
    return base
  }

  /** Ends the active segment and waits until it is sealed. */
  async roll(): Promise<void> {
    this.log.roll()
    await this.harness.run(this.log.persist())
  }

  plan(nowMs: number = this.harness.clock.wallMs()): CompactionPlan {
    const how = must(this.log.settings.compaction, 'a compacted log')
    const limit = this.log.nextOffset
    return planCompaction(this.log.segments.map(viewOf), how, { nowMs, limit })
  }

  /** A round that nobody steps yet. */
  job(change: Partial<CleanOptions> = {}): CompactionJob {
    const nowMs = this.harness.clock.wallMs()
    const options = {
      mapBytesMax: 1 << 20,
      mapLoadFactor: 0.9,
      nowMs,
      wallMs: nowMs,
      ...change,
    }
    return new CompactionJob(
      this.log,
      new Cleaner(this.log, this.plan(nowMs), cleanerTools, options),
    )
  }

  /** One whole round; throws what it does. */
  async compact(change: Partial<CleanOptions> = {}): Promise<CleanStats> {
    const job = this.job(change)
    try {
      await this.harness.run(all(job))
    } finally {
      await this.harness.run(job.abort())
    }
    return job.stats
  }

  compactor(change: Partial<CompactorOptions> = {}): Compactor {
    const { clock, telemetry, store } = this.harness
    return new Compactor(
      {
        clock,
        telemetry,
        tools: cleanerTools,
        partitions: () => [...store.logs()].map((log) => ({ log, limit: () => log.nextOffset })),
        isFull: () => store.full,
        background: (name, work) => store.background(name, work),
      },
      {
        backoffMs: 1_000,
        mapBytesMax: 1 << 20,
        mapLoadFactor: 0.9,
        bytesPerSecondMax: Number.MAX_VALUE,
        ...change,
      },
    )
  }

  /** Everything that can be read, from `from` on. */
  async bytes(from: number = this.log.logStart, maxBytes?: number): Promise<Uint8Array> {
    return this.harness.readAll(0, from, maxBytes)
  }

  async records(from: number = this.log.logStart): Promise<Seen[]> {
    return recordsOf(await this.bytes(from))
  }

  /** Names in the partition's directory. */
  files(): Promise<readonly string[]> {
    const { topicId, index } = partition(0)
    return this.harness.run(this.harness.disk.list(`topics/${topicId}/${index}`))
  }

  /**
   * Throws unless what can be read is a legal outcome of compaction below `cleanEnd`: records that
   * were appended, in their order; the last value of each key; nothing that has been deleted by a
   * tombstone which is gone; and everything from `cleanEnd` on.
   */
  async check(cleanEnd: number = this.log.active.base): Promise<void> {
    checkOutcome(this.all, await this.records(), { start: this.log.logStart, cleanEnd })
  }
}

/** Throws unless `read` is what compaction below `cleanEnd` may leave of `appended`. */
export function checkOutcome(
  appended: readonly Seen[],
  read: readonly Seen[],
  at: { readonly start: number; readonly cleanEnd: number },
): void {
  const byOffset = new Map(appended.map((record) => [record.offset, record]))
  let last = -1
  for (const record of read) {
    if (record.offset <= last) throw new Error(`Offset ${record.offset} is out of order`)
    last = record.offset
    const known = byOffset.get(record.offset)
    if (JSON.stringify(known) !== JSON.stringify(record)) {
      throw new Error(`${JSON.stringify(record)} was appended as ${JSON.stringify(known)}`)
    }
  }
  const there = new Set(read.map((record) => record.offset))
  const newest = new Map<string | null, Seen>()
  for (const record of appended) if (record.offset >= at.start) newest.set(record.key, record)
  for (const record of read) {
    const last = newest.get(record.key)
    // A tombstone goes after all that it has deleted.
    if (record.key !== null && last !== undefined && !there.has(last.offset)) {
      throw new Error(`Offset ${record.offset} of key ${record.key} outlives its tombstone`)
    }
  }
  for (const record of appended) {
    if (record.offset < at.start) continue
    const isTail = record.offset >= at.cleanEnd
    const isLast = record.key !== null && newest.get(record.key) === record && record.value !== null
    if ((isTail || isLast) && !there.has(record.offset)) {
      throw new Error(`Offset ${record.offset} of key ${String(record.key)} is missing`)
    }
  }
}

/** Steps through a job. */
export async function all(job: CompactionJob): Promise<void> {
  while (await job.step());
}
