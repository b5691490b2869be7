// A partition with a real log on a simulated disk, led here, and the simulated buckets that its
// archive is in: what tests of a partition's tier begin with.
import { expect } from 'vitest'
import { must } from '../../src/base/assert.ts'
import { Prng } from '../../src/base/prng.ts'
import { KiB, MiB, leaderEpoch, offset } from '../../src/base/units.ts'
import { Semaphore } from '../../src/flow/semaphore.ts'
import type { LogSettings } from '../../src/log/log-host.ts'
import { PartitionTier } from '../../src/tier/partition-tier.ts'
import { Blocks } from '../../src/tier/read/blocks.ts'
import { PageCache } from '../../src/tier/read/pages.ts'
import { PartMemory } from '../../src/tier/upload/part-memory.ts'
import { ownStore } from '../../src/tier/tier-store.ts'
import type { Uploaded } from '../../src/tier/upload/uploader.ts'
import { crypto, joined, makeBatch, makeMarker, type BatchShape } from '../log/batches.ts'
import { Harness, type Model, TINY, partition, settings } from '../log/store-harness.ts'
import { SimBucket, type SimBucketOptions } from '../sim/object-store.ts'
import { AllCache } from './read/archive.ts'
import { SpoiledMemory, seeded, uncounted } from './support.ts'

const ARCHIVE = { localRetentionMs: -1, localRetentionBytes: 0, lagMaxMs: 1e9 }

/** Settings of an archived log of small segments, with one difference each. */
export const archived = (change: Partial<LogSettings> = {}): LogSettings =>
  settings({ archive: ARCHIVE, segmentBytes: 64 * KiB, ...change })

/** How long objects stay that no manifest names, in ms. */
export const GRACE_MS = 1_000

/** What a bed is asked for. */
export interface BedOptions {
  /** Names of its stores; one that is called `main` if absent. */
  readonly stores?: readonly string[]
  readonly settings?: Partial<LogSettings>
  readonly seed?: number
  /** How its buckets are. */
  readonly bucket?: SimBucketOptions
}

const beds: Bed[] = []

/** Ends every bed of a test: nothing more happens in them. */
export function endBeds(): void {
  for (const bed of beds.splice(0)) bed.harness.clock.kill()
}

/** A log, its buckets, and the archive that its leader keeps. */
export class Bed {
  readonly harness: Harness
  readonly buckets: ReadonlyMap<string, SimBucket>
  tier: PartitionTier
  /** How often it was started again. */
  readonly #starts: number

  private constructor(
    given: Harness,
    buckets: ReadonlyMap<string, SimBucket>,
    tier: PartitionTier,
    starts: number,
  ) {
    this.#starts = starts
    this.harness = given
    this.buckets = buckets
    this.tier = tier
    beds.push(this)
  }

  static async fresh(options: BedOptions = {}): Promise<Bed> {
    const made = await Harness.fresh({ settings: [archived(options.settings)] })
    made.startEpoch(0)
    const names = options.stores ?? ['main']
    const buckets = new Map(
      names.map((name, i) => {
        const prng = new Prng((options.seed ?? 1) + i)
        const traits = { url: `sim://${name}` }
        return [name, new SimBucket(made.scheduler, prng, { ...options.bucket, traits })] as const
      }),
    )
    return new Bed(made, buckets, await openTier(made, buckets, 1, 0), 0)
  }

  /** The same after a clean stop, led in `epoch`; nothing is heard of the stores yet. */
  async restarted(epoch = 1): Promise<Bed> {
    const { scheduler, disk, models } = this.harness
    await this.harness.close()
    this.harness.clock.kill()
    const starts = this.#starts + 1
    const next = await Harness.open({ scheduler, disk }, models, TINY, true)
    return new Bed(next, this.buckets, await openTier(next, this.buckets, epoch, starts), starts)
  }

  /** Opens the archive anew: nothing is heard of the stores yet. */
  async reopen(epoch: number): Promise<void> {
    this.tier = await openTier(this.harness, this.buckets, epoch, this.#starts)
  }

  /** The first bucket, or that of a name. */
  bucket(name = must(this.buckets.keys().next().value, 'A bucket')): SimBucket {
    return must(this.buckets.get(name), 'A bucket of that name')
  }

  /** Gives the log other settings. */
  configure(change: Partial<LogSettings>): void {
    this.harness.at(0).configure(archived(change))
  }

  /** Appends `count` batches of 2 records and ends the segment. */
  async segment(count = 3): Promise<void> {
    for (let i = 0; i < count; i++) this.harness.append(0, { size: 5_000, count: 2 })
    await this.roll()
  }

  async roll(): Promise<void> {
    const log = this.harness.at(0)
    log.roll()
    await this.run(log.persist())
  }

  /** Appends a batch as it is; returns its base offset. */
  append(shape: Partial<BatchShape>): number {
    const { nextOffset } = this.harness.at(0)
    const base = this.harness.at(0).append(makeBatch({ base: nextOffset, ...shape }), 1_000)
    expect(base).toBe(nextOffset)
    return base
  }

  abort(producerId: number): number {
    const log = this.harness.at(0)
    const marker = { producerId, producerEpoch: 0, commit: false, coordinatorEpoch: 0 }
    return log.append(makeMarker({ base: log.nextOffset, ...marker }), 1_000)
  }

  run<T>(work: Promise<T>): Promise<T> {
    return this.harness.run(work)
  }

  step(limit: number = this.harness.at(0).nextOffset): Promise<Uploaded> {
    return this.run(this.tier.step(offset(limit)))
  }

  /** Does every chore that has something to do, once; failures are returned by store. */
  async round(): Promise<ReadonlyMap<string, unknown>> {
    const failures = new Map<string, unknown>()
    const limit = this.harness.at(0).nextOffset
    for (const chore of this.tier.chores()) {
      if (!chore.hasWork(limit)) continue
      const { name: store } = chore.at
      await this.run(chore.step(limit)).catch((error: unknown) => failures.set(store, error))
    }
    return failures
  }

  /** Rounds until nothing is to be done, with time for what waits for a grace. */
  async quiesce(): Promise<void> {
    for (let quiet = 0, turns = 0; quiet < 3; turns++) {
      expect(turns).toBeLessThan(200)
      const limit = this.harness.at(0).nextOffset
      const busy = this.tier.chores().some((chore) => chore.hasWork(limit))
      quiet = busy ? 0 : quiet + 1
      for (const error of (await this.round()).values()) throw error
      await this.pass(GRACE_MS)
    }
  }

  /** Lets time pass. */
  pass(ms: number): Promise<void> {
    return this.run(
      new Promise((resolve) => {
        this.harness.clock.after(ms, resolve)
      }),
    )
  }

  /** Everything archived from `from` on. */
  async readAll(from = 0): Promise<Uint8Array> {
    const parts: Uint8Array[] = []
    for (let at = offset(from); ;) {
      const limits = { end: offset(1e9), maxBytes: 20_000, atLeastOne: true }
      const read = await this.run(this.tier.read(at, limits))
      if (read.bytes === 0) return joined(parts)
      parts.push(joined(read.parts))
      read.release()
      at = read.nextOffset
    }
  }

  /** The batches of `[from, to)` as they were appended. */
  appended(from: number, to: number): Uint8Array {
    const { batches } = this.harness.models[0] as Model
    return joined(
      batches.filter((one) => one.end > from && one.end <= to).map(({ bytes }) => bytes),
    )
  }
}

async function openTier(
  at: Harness,
  buckets: ReadonlyMap<string, SimBucket>,
  epoch: number,
  starts: number,
): Promise<PartitionTier> {
  const lane = new Semaphore({ unitsMax: 64 * MiB, waitersMax: 100 })
  const parts = {
    disk: at.disk,
    clock: at.clock,
    // Nobody draws what another has drawn.
    crypto: seeded(epoch * 1_000 + starts),
    pages: new PageCache(crypto, MiB),
    blocks: new Blocks(
      { crypto, memory: new SpoiledMemory(16 * MiB), cache: new AllCache(), lane },
      { aheadBytesMax: 64 * MiB },
    ),
    slots: new Semaphore({ unitsMax: 4, waitersMax: 100 }),
    memory: new PartMemory(0),
    graceMs: GRACE_MS,
    stores: Array.from(buckets, ([name, bucket]) => ownStore(name, bucket.connect())),
    generation: () => 0,
    log: () => undefined,
    mirrored: uncounted(),
  }
  const { topicId, index } = partition(0)
  const owner = { topicId, partition: index, topicName: 'orders', epoch: leaderEpoch(epoch) }
  return at.run(PartitionTier.open(parts, owner, at.at(0)))
}
