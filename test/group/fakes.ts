// The ports of a group coordinator for tests: a clock that only moves when told, a log in memory
// that can hold, refuse or lose acknowledgements, and telemetry that is kept.
import { crc32c } from '../../src/base/crc32c.ts'
import { OperatingError } from '../../src/base/errors.ts'
import type { OperatingErrorKind } from '../../src/base/errors.ts'
import { GroupCoordinator } from '../../src/group/coordinator.ts'
import type { GroupLimits, OffsetsLog } from '../../src/group/options.ts'
import type { Cancel, Clock } from '../../src/ports/clock.ts'
import type { Counter, Labels, Telemetry } from '../../src/ports/telemetry.ts'
import { recordCount } from '../../src/record/header.ts'

export const LIMITS: GroupLimits = {
  membersMax: 2000,
  pendingJoinsMax: 2000,
  initialDelayMs: 0,
  newMemberJoinTimeoutMs: 300_000,
  offsetsPartitions: 4,
  groupIdLengthMax: 1000,
  groupsMax: 10_000,
  metadataBytesMax: 4096,
  sessionTimeoutMinMs: 6000,
  sessionTimeoutMaxMs: 1_800_000,
  offsetsRetentionMs: 7 * 86_400_000,
  expiryIntervalMs: 600_000,
  batchBytesMax: 1_048_576,
  queuedRecordsMax: 100_000,
  rewriteRecordsMin: 1_000_000,
  reloadDelayMs: 1000,
  lateTimerMs: 1000,
}

interface Timer {
  readonly dueMs: number
  readonly run: () => void
}

export class ManualClock implements Clock {
  nowMs = 5000
  readonly timers = new Set<Timer>()
  #turns: (() => void)[] = []

  wallMs(): number {
    return 1_700_000_000_000 + this.nowMs
  }

  monotonicMs(): number {
    return this.nowMs
  }

  after(delayMs: number, run: () => void): Cancel {
    const timer = { dueMs: this.nowMs + delayMs, run }
    this.timers.add(timer)
    return () => void this.timers.delete(timer)
  }

  turn(run: () => void): void {
    this.#turns.push(run)
  }

  /** Lets everything happen that needs no time to pass. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < 3;) {
      const turns = this.#turns.splice(0)
      for (const run of turns) run()
      await new Promise((resolve) => setImmediate(resolve))
      quiet = turns.length > 0 || this.#turns.length > 0 ? 0 : quiet + 1
    }
  }

  async pass(ms: number): Promise<void> {
    const end = this.nowMs + ms
    await this.settle()
    for (;;) {
      let next: Timer | undefined
      for (const timer of this.timers) {
        if (timer.dueMs <= end && (next === undefined || timer.dueMs < next.dueMs)) next = timer
      }
      if (next === undefined) break
      this.nowMs = Math.max(this.nowMs, next.dueMs)
      this.timers.delete(next)
      next.run()
      await this.settle()
    }
    this.nowMs = end
  }
}

interface StoredBatch {
  readonly offset: number
  readonly bytes: Uint8Array
}

export class MemoryLog implements OffsetsLog {
  readonly batches = new Map<number, StoredBatch[]>()
  readonly #ends = new Map<number, number>()
  appends = 0
  /** While true, acknowledgements wait for `release`. */
  holds = false
  /** While true, readers wait for `release`. */
  holdsReads = false
  failure: OperatingErrorKind | null = null
  /** Whether a failing append writes all the same. */
  failsAfterWriting = false
  #held: (() => void)[] = []

  append(partition: number, batch: Uint8Array): Promise<{ readonly offset: number }> {
    this.appends++
    const failure = this.failure
    if (failure !== null && !this.failsAfterWriting) {
      return Promise.reject(new OperatingError(failure, 'Cannot append: a test said so'))
    }
    const offset = this.#ends.get(partition) ?? 0
    const batches = this.batches.get(partition) ?? []
    this.batches.set(partition, batches)
    batches.push({ offset, bytes: batch })
    this.#ends.set(partition, offset + recordCount(batch, 0))
    if (failure !== null) {
      return Promise.reject(new OperatingError(failure, 'Cannot append: a test said so'))
    }
    if (!this.holds) return Promise.resolve({ offset })
    return new Promise((resolve) => this.#held.push(() => resolve({ offset })))
  }

  async *read(partition: number, from: number): AsyncGenerator<Uint8Array, void, undefined> {
    if (this.holdsReads) await new Promise<void>((resolve) => this.#held.push(resolve))
    const batches = [...(this.batches.get(partition) ?? [])]
    for (const { offset, bytes } of batches) if (offset >= from) yield bytes
  }

  trim(partition: number, before: number): Promise<void> {
    const batches = this.batches.get(partition) ?? []
    this.batches.set(
      partition,
      batches.filter(({ offset }) => offset >= before),
    )
    return Promise.resolve()
  }

  release(): void {
    this.holds = false
    this.holdsReads = false
    for (const run of this.#held.splice(0)) run()
  }

  /** Acknowledges what waits now and holds what comes. */
  releaseOnce(): void {
    for (const run of this.#held.splice(0)) run()
  }

  records(partition: number): number {
    let count = 0
    for (const { bytes } of this.batches.get(partition) ?? []) count += recordCount(bytes, 0)
    return count
  }
}

export class KeptTelemetry implements Telemetry {
  readonly counters = new Map<string, Counter>()
  readonly gauges = new Map<string, () => number | Iterable<readonly [Labels, number]>>()
  readonly events: string[] = []

  counter(name: string): Counter {
    const counter = this.counters.get(name) ?? { value: 0 }
    this.counters.set(name, counter)
    return counter
  }

  histogram(): { observe(): void } {
    return { observe: () => undefined }
  }

  gauge(
    name: string,
    _help: string,
    read: () => number | Iterable<readonly [Labels, number]>,
  ): void {
    this.gauges.set(name, read)
  }

  log(_level: string, event: string): void {
    this.events.push(event)
  }
}

/** A broker's coordinator over a log that may be shared with another's. */
export class Broker {
  readonly clock: ManualClock
  readonly log: MemoryLog
  readonly telemetry = new KeptTelemetry()
  readonly coordinator: GroupCoordinator
  #uuids = 0

  constructor(
    limits: Partial<GroupLimits> = {},
    shared: { clock?: ManualClock; log?: MemoryLog; name?: string } = {},
  ) {
    this.clock = shared.clock ?? new ManualClock()
    this.log = shared.log ?? new MemoryLog()
    const name = shared.name ?? 'u'
    this.coordinator = new GroupCoordinator(
      { ...LIMITS, ...limits },
      {
        clock: this.clock,
        log: this.log,
        telemetry: this.telemetry,
        crypto: { crc32c, uuid: () => `${name}${++this.#uuids}` },
        compression: {
          compress: (_codec, bytes) => bytes,
          decompress: (_codec, bytes) => bytes,
        },
      },
    )
  }

  /** Leads every partition and waits until all are loaded. */
  async lead(): Promise<this> {
    const { offsetsPartitions } = this.coordinator.limits
    for (let i = 0; i < offsetsPartitions; i++) this.coordinator.lead(i)
    await this.clock.settle()
    return this
  }

  /** All live state, in an order that does not depend on how it came about. */
  state(): string[] {
    const records = this.coordinator.partitions().flatMap(({ shard }) => [...shard.records()])
    return records.map((record) => JSON.stringify(record)).sort()
  }
}
