// The world of one life: virtual time, one bucket, its partitions with the truth about each, and
// all processes that ever touched them. Every change of the bucket is looked at when it happens.
// The first broken promise ends the life; what happened is folded into one number, which a repeat
// of the seed must give again.
import { must } from '../../../src/base/assert.ts'
import { Prng } from '../../../src/base/prng.ts'
import { parseKey } from '../../../src/tier/keys.ts'
import { archiveEnd, type Manifest } from '../../../src/tier/manifest/manifest.ts'
import type { BucketChange } from '../../sim/bucket.ts'
import { Scheduler } from '../../sim/clock.ts'
import { SimBucket } from '../../sim/object-store.ts'
import type { ChaosCounts } from './counts.ts'
import type { Flaw } from './flaw.ts'
import type { ChaosPartition, Leading, Led } from './parts.ts'
import { drawShape, fitted, type Shape } from './shape.ts'
import { Truth } from './truth.ts'
import { ArchiveWatch } from './watch.ts'

/** A life that broke a promise. */
export class Violation extends Error {
  override name = 'Violation'
}

const TOPICS = ['0f5e8b1c-93aa-4c0d-8a51-1b2c3d4e5f60', 'a17c2d3e-4f50-4617-8293-a4b5c6d7e8f9']

/** Everything that one seed brings about. */
export class World {
  readonly prng: Prng
  readonly shape: Shape
  readonly flaw: Flaw
  readonly scheduler: Scheduler
  readonly bucket: SimBucket
  readonly partitions: readonly ChaosPartition[]
  /** Every process that still runs. */
  readonly running = new Set<Leading>()
  readonly counts: ChaosCounts
  readonly violations: string[] = []
  brokers = 0
  /** A restore is under way: the next newer epoch in a head ends the life before. */
  restoring = false
  /** Nothing fails any more. */
  calm = false
  /** Restores so far, the one under way included. */
  era = 0
  /** Folds what happened and when. */
  hash = 0
  readonly told: string[] = []

  constructor(seed: number, flaw: Flaw, counts: ChaosCounts) {
    const prng = new Prng(seed)
    this.prng = prng
    this.flaw = flaw
    this.counts = counts
    const drawn = drawShape(prng.fork())
    this.shape = fitted({ ...drawn, ...flaw.shape?.(drawn) })
    this.scheduler = new Scheduler({ shuffle: prng.fork(), eventsMax: 400_000 })
    const { kind, checked, rewriteMs, listLagMs, shortPages, slowMs } = this.shape
    this.bucket = new SimBucket(this.scheduler, prng.fork(), {
      traits: { kind, rewriteMs },
      checked,
      listLagMs,
      shortPages,
      slowMs: [500, slowMs],
    })
    this.bucket.state.watcher = (change) => this.#changed(change)
    this.partitions = Array.from({ length: this.shape.partitions }, (_, i) => this.#make(i))
  }

  #make(i: number): ChaosPartition {
    const topicId = must(TOPICS[i % 2], 'A topic')
    const identity = { topicId, partition: i < 2 ? 0 : i }
    const truth = new Truth()
    const made: ChaosPartition = {
      identity,
      settings: this.shape.log,
      truth,
      watch: new ArchiveWatch({
        identity,
        truth,
        state: this.bucket.state,
        graceMs: this.shape.graceMs,
        violate: (promise, text) => this.violate(promise, `${text} (partition ${i})`),
        durableStart: () => this.durableStart(made),
        replaced: (manifest, before) => this.#replaced(made, manifest, before),
      }),
      leader: null,
      epoch: 1,
      era: 0,
    }
    return made
  }

  partition(topicId: string, index: number): ChaosPartition | null {
    const found = this.partitions.find(
      ({ identity }) => identity.topicId === topicId && identity.partition === index,
    )
    return found ?? null
  }

  /** Notes a broken promise; the life ends with the next look. */
  violate(promise: string, text: string): void {
    if (this.violations.length < 5) {
      this.violations.push(`${promise}: ${text} at ${this.scheduler.nowMs.toFixed(0)} ms`)
    }
  }

  /** Throws when a promise was broken. */
  check(): void {
    if (this.violations.length > 0) throw new Violation(this.violations.join('; '))
  }

  /** Notes an act of the life. */
  note(what: string): void {
    this.#fold(what)
    if (this.told.length < 5_000) this.told.push(`${this.scheduler.nowMs.toFixed(0)} ${what}`)
  }

  #fold(what: string): void {
    let hash = this.hash ^ Math.round(this.scheduler.nowMs * 1000)
    for (let i = 0; i < what.length; i++) hash = Math.imul(hash ^ what.charCodeAt(i), 0x01000193)
    this.hash = hash >>> 0
  }

  /** The highest log start that is durable with any process of this life of the partition. */
  durableStart(partition: ChaosPartition): number {
    let start = partition.truth.durableStart
    for (const broker of this.running) {
      if (broker.era === partition.era) start = Math.max(start, broker.startOf(partition))
    }
    return start
  }

  #changed(change: BucketChange): void {
    this.counts.events++
    const { key, after } = change
    this.#fold(`${key} ${after?.bytes.length ?? 'gone'}`)
    const parsed = parseKey(key)
    if (parsed === null) return
    const { topicId, partition: index } = parsed.identity
    const partition = this.partition(topicId, index)
    if (partition === null) return this.violate('layout', `${key} is of no partition`)
    partition.watch.changed(change)
    const { corrupts } = this.shape
    if (parsed.kind === 'segment' && after !== null && !this.calm && this.prng.chance(corrupts)) {
      this.counts.corrupted++
      this.bucket.state.flip(key)
    }
    this.covered(partition)
  }

  #replaced(partition: ChaosPartition, now: Manifest, before: Manifest | null): void {
    const { truth } = partition
    if (before !== null && now.writerEpoch > before.writerEpoch) this.counts.fences++
    if (!this.restoring || now.writerEpoch <= partition.epoch) return
    // The life before ends here: what the bucket has is what is left of it.
    truth.restart(archiveEnd(now), now.logStart)
    partition.leader = null
    partition.era = this.era
  }

  /** INV-64: archive and disk together have everything from the log start on. */
  covered(partition: ChaosPartition): void {
    const { leader: broker, watch, truth } = partition
    const led = broker?.led.get(partition)
    if (broker === null || led === undefined || broker.state !== 'up') return
    const { log, offsets } = led.leader
    const start = Math.max(log.logStart, watch.manifest?.logStart ?? 0)
    if (!watch.covers(start, log.localStart)) {
      const has = `${watch.base} to ${watch.end}`
      this.violate(
        'INV-64',
        `${start} to ${log.localStart} are not here, and the archive has ${has}`,
      )
    }
    if (offsets.highWatermark < truth.acked) {
      this.violate('INV-64', `acknowledged to ${truth.acked}, kept to ${offsets.highWatermark}`)
    }
    if (log.logStart < truth.start) {
      this.violate('INV-64', `the log starts at ${log.logStart}, promised was ${truth.start}`)
    }
  }

  /** INV-65: retention takes no more than its settings allow, every offset counted once. */
  checkExpired({ partition, leader }: Led, to: number): void {
    const { truth, settings } = partition
    const { retentionBytes, retentionMs } = settings
    const wallMs = must(partition.leader, 'A leader').clock.wallMs()
    this.counts.expired++
    for (let i = truth.at(leader.log.logStart); i < truth.at(to); i++) {
      const batch = must(truth.batches[i], 'A batch')
      const rest = truth.bytesFrom(batch.end)
      if (retentionBytes >= 0 && rest >= retentionBytes) continue
      const newest = Math.max(...batch.times)
      if (retentionMs >= 0 && wallMs - newest > retentionMs) continue
      const text = `${batch.base} to ${batch.end} go though ${rest} bytes follow`
      return this.violate('INV-65', `${text} and they are ${wallMs - newest} ms old`)
    }
  }
}
