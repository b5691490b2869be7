// A LogStore on a simulated disk under virtual time, with a model beside it that remembers every
// batch given to it, so that tests can compare what is read, and what recovery finds, with what was
// appended and what was acknowledged.
import { Prng } from '../../src/base/prng.ts'
import { leaderEpoch, offset } from '../../src/base/units.ts'
import type { Offset } from '../../src/base/units.ts'
import type { AckAfter, LogSettings, PartitionIdentity } from '../../src/log/log-host.ts'
import { LogStore } from '../../src/log/log-store.ts'
import type { LogStoreOptions } from '../../src/log/log-store-options.ts'
import type { PartitionLog } from '../../src/log/partition-log.ts'
import { PartitionReader } from '../../src/log/partition-reader.ts'
import type { LogRead } from '../../src/log/cache/log-read.ts'
import type { Disk } from '../../src/ports/disk.ts'
import type { Telemetry } from '../../src/ports/telemetry.ts'
import { Scheduler, SimClock } from '../sim/clock.ts'
import { SimDisk } from '../sim/disk.ts'
import type { SimDiskOptions } from '../sim/disk.ts'
import { simCrypto } from '../sim/crypto.ts'
import { crypto as real, joined, makeBatch } from './batches.ts'

/** Telemetry that keeps nothing but what was logged. */
export class QuietTelemetry implements Telemetry {
  readonly events: string[] = []
  counter(): { value: number } {
    return { value: 0 }
  }
  histogram(): { observe: () => void } {
    return { observe: () => undefined }
  }
  gauge(): void {}
  readonly fields: unknown[] = []
  log(level: string, event: string, fields?: unknown): void {
    this.events.push(`${level} ${event}`)
    this.fields.push(fields)
  }
}

const KIB = 1024

/** Small sizes, so that every limit is met soon. */
export const TINY: LogStoreOptions = {
  cacheBytes: 1024 * KIB,
  readCacheBytes: 4096 * KIB,
  indexCacheBytes: 64 * KIB,
  journal: { fileBytes: 64 * KIB, filesTarget: 2, filesMax: 4 },
  diskReserveBytes: 0,
}

/** Settings of a log with one difference each. */
export const settings = (change: Partial<LogSettings> = {}): LogSettings => ({
  ackAfter: 'fsync',
  segmentBytes: 256 * KIB,
  segmentMs: 3_600_000,
  retentionBytes: -1,
  retentionMs: -1,
  deletes: true,
  archive: null,
  compaction: null,
  flushMs: 100,
  flushBytes: 64 * KIB,
  producerExpirationMs: 86_400_000,
  ...change,
})

/** Partition `index` of the one topic of these tests. */
export const partition = (index: number): PartitionIdentity => ({
  topicId: '00000000-0000-4000-8000-0000000000aa',
  index,
})

/** One batch as it was appended. */
export interface Appended {
  readonly base: number
  readonly end: number
  readonly bytes: Uint8Array
  readonly producerId: number
  readonly sequence: number
}

/** What a test knows of one partition. */
export class Model {
  readonly index: number
  settings: LogSettings
  batches: Appended[] = []
  /** Exclusive end of what was acknowledged at the level of the settings. */
  acked = 0
  written = 0
  end = 0
  epoch = 0
  /** Turns that had to wait for room. */
  delays = 0
  /** The log start that was promised, and the highest that was asked for. */
  logStart = 0
  logStartAsked = 0
  /** The same of the local start: what lies below is archived. */
  localStart = 0
  localStartAsked = 0
  sequences = new Map<number, number>()

  constructor(index: number, given: LogSettings) {
    this.index = index
    this.settings = given
  }

  /** A copy that later appends do not change. */
  copy(): Model {
    const copy = new Model(this.index, this.settings)
    Object.assign(copy, this)
    copy.batches = [...this.batches]
    copy.sequences = new Map(this.sequences)
    return copy
  }

  /** Forgets what a crash took: everything from `end` on. */
  cutTo(end: number): void {
    this.batches = this.batches.filter((batch) => batch.end <= end)
    this.end = end
    this.acked = Math.min(this.acked, end)
    this.written = Math.min(this.written, end)
    this.sequences.clear()
    for (const batch of this.batches) {
      if (batch.producerId >= 0) this.sequences.set(batch.producerId, batch.sequence)
    }
  }
}

/** Randomness of all runs in one simulated world: no two draw the same. */
const entropy = new WeakMap<Scheduler, Prng>()

function entropyOf(scheduler: Scheduler): Prng {
  const known = entropy.get(scheduler) ?? new Prng(1)
  entropy.set(scheduler, known)
  return known
}

/** A store, its disk and its clock. */
export class Harness {
  readonly scheduler: Scheduler
  readonly clock: SimClock
  readonly disk: Disk
  readonly telemetry = new QuietTelemetry()
  readonly models: Model[]
  readonly failures: Error[] = []
  store: LogStore
  readonly #readers = new Map<PartitionLog, PartitionReader>()

  private constructor(parts: {
    readonly scheduler: Scheduler
    readonly clock: SimClock
    readonly disk: Disk
    readonly models: Model[]
    readonly store: LogStore
    readonly telemetry: QuietTelemetry
    readonly failures: Error[]
  }) {
    this.scheduler = parts.scheduler
    this.clock = parts.clock
    this.disk = parts.disk
    this.models = parts.models
    this.store = parts.store
    this.telemetry = parts.telemetry
    this.failures = parts.failures
  }

  /** Opens a store on `disk` for the partitions of `models`; those in `left` stay closed. */
  static async open(
    at: { readonly scheduler: Scheduler; readonly disk: Disk },
    models: Model[],
    options: LogStoreOptions = TINY,
    clean = false,
    left: readonly number[] = [],
  ): Promise<Harness> {
    const { scheduler, disk } = at
    const clock = new SimClock(scheduler)
    const telemetry = new QuietTelemetry()
    const failures: Error[] = []
    const opening = LogStore.open(
      { disk, clock, crypto: simCrypto(entropyOf(at.scheduler), real), telemetry },
      options,
      {
        clean,
        settingsOf: (identity) =>
          models.find((model) => model.index === identity.index)?.settings ?? null,
        topicName: () => 'orders',
      },
      (error) => failures.push(error),
    )
    const store = await scheduler.settle(opening)
    const harness = new Harness({ scheduler, clock, disk, models, store, telemetry, failures })
    for (const model of models) if (!left.includes(model.index)) await harness.log(model)
    return harness
  }

  /** A new store on a new simulated disk. */
  static async fresh(
    shape: {
      readonly settings?: readonly Partial<LogSettings>[]
      readonly options?: Partial<LogStoreOptions>
      readonly disk?: SimDiskOptions
      readonly seed?: number
    } = {},
  ): Promise<Harness & { readonly disk: SimDisk }> {
    const scheduler = new Scheduler()
    const disk = new SimDisk(scheduler, new Prng(shape.seed ?? 1), shape.disk ?? {})
    const models = (shape.settings ?? [{}]).map((given, i) => new Model(i, settings(given)))
    const options = { ...TINY, ...shape.options }
    const harness = await Harness.open({ scheduler, disk }, models, options)
    return harness as Harness & { readonly disk: SimDisk }
  }

  /** Runs virtual time until `promise` settles. */
  run<T>(promise: Promise<T>): Promise<T> {
    return this.scheduler.settle(promise)
  }

  /** The log of a model's partition, opened if need be, telling the model of acknowledgements. */
  async log(model: Model): Promise<PartitionLog> {
    const log = await this.run(this.store.open(partition(model.index), model.settings))
    log.listener = {
      held: (end) => {
        model.acked = Math.max(model.acked, end)
      },
      written: (end) => {
        model.written = Math.max(model.written, end)
      },
      delayed: () => {
        model.delays++
      },
    }
    return log
  }

  /** The open log of partition `index`. */
  at(index: number): PartitionLog {
    const log = this.store.get(partition(index))
    if (log === undefined) throw new Error('The partition is not open')
    return log
  }

  /** Appends a batch of `count` records and `size` payload bytes; false when the cache is full. */
  append(
    index: number,
    shape: { size?: number; count?: number; producerId?: number; time?: number } = {},
  ): boolean {
    const model = this.models[index]
    if (model === undefined) throw new Error('No such partition')
    const count = shape.count ?? 1
    const producerId = shape.producerId ?? -1
    const sequence = producerId < 0 ? -1 : (model.sequences.get(producerId) ?? -1) + 1
    const batch = makeBatch({
      base: model.end,
      epoch: model.epoch,
      count,
      size: shape.size ?? 100,
      producerId,
      producerEpoch: producerId < 0 ? -1 : 0,
      sequence,
      time: shape.time ?? 1_000 + model.end,
    })
    const log = this.at(index)
    const base = log.append(batch, this.clock.wallMs())
    if (base < 0) return false
    if (base !== model.end) throw new Error(`Appended at ${base} instead of ${model.end}`)
    const last = sequence + count - 1
    if (producerId >= 0) model.sequences.set(producerId, last)
    const bytes = Uint8Array.from(batch)
    model.batches.push({ base, end: base + count, bytes, producerId, sequence: last })
    model.end += count
    return true
  }

  /** Opens the next epoch of a partition. */
  startEpoch(index: number): void {
    const model = this.models[index]
    if (model === undefined) throw new Error('No such partition')
    const latest = this.at(index).state.lineage.latestEpoch ?? 0
    model.epoch = Math.max(model.epoch, latest) + 1
    this.at(index).startEpoch(leaderEpoch(model.epoch))
  }

  reader(log: PartitionLog): PartitionReader {
    let reader = this.#readers.get(log)
    if (reader === undefined) {
      reader = new PartitionReader(log, this.store.diskReader, this.store.cursor)
      this.#readers.set(log, reader)
    }
    return reader
  }

  /** One read, copied. */
  async read(
    index: number,
    from: number,
    limits: { end?: number; maxBytes?: number; atLeastOne?: boolean } = {},
  ): Promise<{ bytes: Uint8Array; nextOffset: Offset; synchronous: boolean }> {
    const log = this.at(index)
    const got = this.reader(log).read(offset(from), {
      end: offset(limits.end ?? log.nextOffset),
      maxBytes: limits.maxBytes ?? 1 << 20,
      atLeastOne: limits.atLeastOne ?? true,
    })
    const synchronous = !(got instanceof Promise)
    const read: LogRead = got instanceof Promise ? await this.run(got) : got
    const bytes = joined(read.parts)
    read.release()
    if (bytes.length !== read.bytes) throw new Error('A read miscounts its bytes')
    return { bytes, nextOffset: read.nextOffset, synchronous }
  }

  /** Everything from `from` to the end, read in steps of `maxBytes`. */
  async readAll(index: number, from: number, maxBytes = 1 << 20): Promise<Uint8Array> {
    const parts: Uint8Array[] = []
    let at = from
    while (at < this.at(index).nextOffset) {
      const read = await this.read(index, at, { maxBytes })
      if (read.nextOffset <= at) throw new Error(`A read from ${at} does not move on`)
      parts.push(read.bytes)
      at = read.nextOffset
    }
    return joined(parts)
  }

  /** Compares everything that is readable with the model; throws at the first difference. */
  async verify(index: number, maxBytes?: number): Promise<void> {
    const model = this.models[index]
    if (model === undefined) throw new Error('No such partition')
    const log = this.at(index)
    const from = log.localStart
    if (log.nextOffset !== model.end) {
      throw new Error(`Partition ${index} ends at ${log.nextOffset} instead of ${model.end}`)
    }
    const expected = joined(model.batches.filter((b) => b.end > from).map((b) => b.bytes))
    const got = await this.readAll(index, from, maxBytes)
    if (Buffer.compare(expected, got) !== 0) {
      throw new Error(`Partition ${index} reads back other bytes than were appended`)
    }
  }

  /** Lets the store come to rest: everything acknowledged that will be. */
  async settle(): Promise<void> {
    await this.scheduler.advance(50)
  }

  /** Closes cleanly. */
  close(): Promise<void> {
    return this.run(this.store.close())
  }
}

/** The modes in which a replica counts. */
export const MODES: readonly AckAfter[] = ['fsync', 'write', 'memory']
