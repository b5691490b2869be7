// One simulated process that leads partitions: a real log store, leaders, tier, retention and
// scrubber on a disk and a bucket of virtual time, wired as the broker wires them. It may be
// paused, deposed without knowing, killed or closed. What it tells is heard; what it drops from its
// disk is looked at before it is gone.
import { must } from '../../../src/base/assert.ts'
import { leaderEpoch, offset, type Offset } from '../../../src/base/units.ts'
import { Supervisor } from '../../../src/flow/supervisor.ts'
import { partitionDirectory } from '../../../src/log/log-host.ts'
import { decodeLogStart } from '../../../src/log/log-start.ts'
import { LogStore } from '../../../src/log/log-store.ts'
import type { LogStoreOptions } from '../../../src/log/log-store-options.ts'
import { PartitionReader } from '../../../src/log/partition-reader.ts'
import { RetentionSweeper, type SweptPartition } from '../../../src/log/retention/sweeper.ts'
import { decodeFooter } from '../../../src/log/segment/segment-format.ts'
import type { Disk } from '../../../src/ports/disk.ts'
import { Leader } from '../../../src/replication/leader.ts'
import { Scrubber } from '../../../src/tier/audit/scrubber.ts'
import {
  checkOwner,
  claimBucket,
  readOwner,
  type BucketOwner,
} from '../../../src/tier/bucket/claim.ts'
import { MemoryBlocks } from '../../../src/tier/cache/memory-blocks.ts'
import { CacheMetrics } from '../../../src/tier/cache/cache-metrics.ts'
import { Tier, type TieredPartition } from '../../../src/tier/tier.ts'
import { SimClock } from '../../sim/clock.ts'
import { simCrypto } from '../../sim/crypto.ts'
import type { SimDisk } from '../../sim/disk.ts'
import type { ObjectStore } from '../../../src/ports/object-store.ts'
import type { SimObjectStore } from '../../sim/object-store.ts'
import { crypto as real } from '../../log/batches.ts'
import { RULES, tools } from '../../record/support.ts'
import { SpoiledMemory } from '../support.ts'
import { Gate } from './gate.ts'
import { Instruments } from './instruments.ts'
import type { ChaosPartition, Leading, Led } from './parts.ts'
import type { World } from './world.ts'

const KIB = 1024
const MIB = 1024 * KIB

/** Small sizes, so that every limit is met soon. */
const SMALL: LogStoreOptions = {
  cacheBytes: 1024 * KIB,
  readCacheBytes: 256 * KIB,
  indexCacheBytes: 64 * KIB,
  journal: { fileBytes: 64 * KIB, filesTarget: 1, filesMax: 3 },
  diskReserveBytes: 0,
}

const RULED = { ...RULES, compression: 'producer' as const, beforeMaxMs: 1e15, afterMaxMs: 1e15 }

/** A process over the world's bucket. */
export class ChaosBroker implements Leading {
  readonly world: World
  readonly id: number
  readonly disk: SimDisk
  readonly clock: SimClock
  readonly gate: Gate
  readonly tier: Tier
  readonly instruments = new Instruments()
  readonly led = new Map<ChaosPartition, Led>()
  readonly #connection: SimObjectStore
  readonly #supervisor: Supervisor
  #store: LogStore | null = null
  #sweeper: RetentionSweeper | null = null
  #scrubber: Scrubber | null = null
  #life: BucketOwner | null = null
  #pauses = 0
  /** Which life of the partitions it belongs to. */
  era = 0
  state: 'opening' | 'up' | 'closing' | 'dead' = 'opening'

  constructor(world: World, disk: SimDisk) {
    const { shape, scheduler, bucket, prng, flaw } = world
    this.world = world
    this.id = ++world.brokers
    world.running.add(this)
    this.disk = disk
    this.clock = new SimClock(scheduler)
    this.#connection = bucket.connect()
    this.gate = new Gate(flaw.store?.(this.#connection, scheduler) ?? this.#connection)
    this.#supervisor = new Supervisor((task, error) => {
      if (this.state !== 'dead') world.violate('no surprise', `${task} failed: ${String(error)}`)
    })
    const crypto = simCrypto(prng.fork(), real)
    const cache = shape.cached
      ? new MemoryBlocks({
          bytesMax: 64 * KIB,
          metrics: new CacheMetrics(this.instruments),
          name: 'memory',
        })
      : null
    this.tier = new Tier(
      {
        stores: [{ name: 'main', store: this.gate }],
        disk: this.#watched(),
        clock: this.clock,
        crypto: flaw.crypto?.(crypto) ?? crypto,
        telemetry: this.instruments,
        cache,
        readMemory: new SpoiledMemory(MIB),
        claim: async (store) => {
          const { life = null, generation = 0 } = this.#life ?? {}
          this.#life = await claimBucket(store, crypto, { clusterId: 'chaos', life, generation })
        },
        confirm: async (store) => {
          const { life = null, generation = 0 } = this.#life ?? {}
          const owner = await readOwner(store)
          if (owner === null) world.violate('no surprise', 'cluster.json is gone')
          else checkOwner('chaos', owner, { clusterId: 'chaos', life, generation })
        },
        isBusy: () => false,
        generation: () => this.#life?.generation ?? null,
        background: (name, work) => this.#supervisor.watch(name, work),
      },
      {
        checkMs: shape.checkMs,
        graceMs: flaw.graceMs ?? shape.graceMs,
        uploadsMax: shape.uploadsMax,
        readBytesMax: shape.readBytesMax,
      },
    )
  }

  /** The store of objects, with all that stands before it. */
  get objects(): ObjectStore {
    return must(this.tier.stores[0], 'A store').store
  }

  get store(): LogStore {
    return must(this.#store, 'A process that is up has its logs')
  }

  /** Opens the logs, leads every partition and starts what runs beside. */
  async open(clean: boolean): Promise<void> {
    const { world, clock, instruments: telemetry } = this
    const crypto = simCrypto(world.prng.fork(), real)
    this.#store = await LogStore.open(
      { disk: this.#watched(), clock, crypto, telemetry },
      SMALL,
      {
        clean,
        settingsOf: ({ topicId, index }) => world.partition(topicId, index)?.settings ?? null,
        topicName: () => 'chaos',
      },
      (error) => world.violate('no surprise', `the log store failed: ${String(error)}`),
    )
    for (const partition of world.partitions) {
      await this.#lead(partition)
    }
    this.tier.start(() => this.#tiered())
    const background = (name: string, work: Promise<void>): void =>
      this.store.background(name, work)
    const { shape } = world
    this.#sweeper = new RetentionSweeper(
      { clock, telemetry, background, partitions: () => this.#swept() },
      { checkMs: shape.sweepMs },
    )
    this.#sweeper.start()
    this.#scrubber = new Scrubber(
      {
        clock,
        telemetry,
        background: (name, work) => this.#supervisor.watch(name, work),
        isKnown: (error) => this.tier.complaints.isTold(error),
        archives: () =>
          Array.from(
            this.#tiered(),
            ({ tier }) => world.flaw.scrubbed?.(tier, this.objects) ?? tier,
          ),
      },
      { intervalMs: shape.scrubMs, bytesPerSecond: shape.scrubBytes },
    )
    this.#scrubber.start()
    this.state = 'up'
  }

  async #lead(partition: ChaosPartition): Promise<void> {
    const { store } = this
    const { identity, settings, epoch } = partition
    const log = await store.open({ topicId: identity.topicId, index: identity.partition }, settings)
    const leader = new Leader(
      {
        store,
        log,
        reader: new PartitionReader(log, store.diskReader, store.cursor),
        tools,
        replicaId: 1,
      },
      { id: identity.topicId, name: 'chaos', index: identity.partition },
      RULED,
      leaderEpoch(epoch),
    )
    const owner = { ...identity, topicName: 'chaos', epoch: leaderEpoch(epoch) }
    const { flaw } = this.world
    leader.tier = await this.tier.open(owner, flaw.log?.(log, partition.truth) ?? log)
    this.led.set(partition, { partition, leader, frozen: Infinity })
  }

  *#tiered(): Generator<TieredPartition> {
    for (const led of this.led.values()) {
      const { leader } = led
      const { tier } = leader
      if (tier === null || leader.log.closed) continue
      yield { tier, limit: () => this.#limit(led) }
    }
  }

  #limit({ leader, frozen }: Led): Offset {
    const { highWatermark, lastStable, logEnd } = leader.offsets
    if (this.world.flaw.isLimitless === true) return logEnd
    return offset(Math.min(highWatermark, lastStable, frozen))
  }

  *#swept(): Generator<SweptPartition> {
    const { flaw } = this.world
    for (const led of this.led.values()) {
      const { leader, partition } = led
      const { log, tier } = leader
      if (log.closed || tier === null) continue
      yield {
        log,
        limit: () => offset(Math.min(leader.offsets.highWatermark, led.frozen)),
        archive: flaw.archive?.(tier, led) ?? tier,
        advance: (to) => {
          if (partition.leader === this) this.world.checkExpired(led, to)
          return leader.deleteRecords(to)
        },
      }
    }
  }

  /** Stops the process as SIGSTOP does, for `forMs`. */
  pause(forMs: number): void {
    const pause = ++this.#pauses
    this.clock.stall()
    this.gate.shut()
    this.world.scheduler.schedule(forMs, () => {
      if (pause === this.#pauses) this.resume()
    })
  }

  /** Lets it go on. */
  resume(): void {
    this.#pauses++
    if (this.state === 'dead') return
    this.gate.open()
    this.clock.wake()
  }

  /** The process dies, or its machine does. */
  kill(how: 'process' | 'power'): void {
    this.#noteStarts()
    this.state = 'dead'
    this.world.running.delete(this)
    this.clock.kill()
    this.#connection.kill()
    if (how === 'power') this.disk.crash()
    else this.disk.kill()
  }

  /** Ends as a broker does that is told to. */
  async close(): Promise<void> {
    this.resume()
    this.state = 'closing'
    await this.#sweeper?.close()
    const scrubber = this.#scrubber?.close()
    await Promise.all([this.tier.close(), scrubber])
    this.#noteStarts()
    await this.#store?.close()
    this.state = 'dead'
    this.world.running.delete(this)
    this.clock.kill()
  }

  #noteStarts(): void {
    for (const { partition, leader } of this.led.values()) {
      const { truth } = partition
      if (partition.era !== this.era) continue
      truth.durableStart = Math.max(truth.durableStart, leader.log.logStart)
    }
  }

  /** Where a partition's log starts here, durably; 0 where that is not known. */
  startOf(partition: ChaosPartition): number {
    const led = this.led.get(partition)
    return led === undefined ? 0 : led.leader.log.logStart
  }

  /** The disk, every removal of a segment watched. */
  #watched(): Disk {
    const { disk } = this
    return {
      open: (path, options) => disk.open(path, options),
      rename: (from, to) => disk.rename(from, to),
      makeDirectory: (path) => disk.makeDirectory(path),
      list: (path) => disk.list(path),
      syncDirectory: (path) => disk.syncDirectory(path),
      freeBytes: () => disk.freeBytes(),
      lock: (path) => disk.lock(path),
      remove: (path) => {
        const match = /^topics\/([^/]+)\/(\d+)\/(\d{20})\.seg$/.exec(path)
        if (match !== null && disk.has(path)) {
          const partition = this.world.partition(match[1] ?? '', Number(match[2]))
          if (partition !== null) this.#dropped(partition, path, Number(match[3]))
        }
        return disk.remove(path)
      },
    }
  }

  /** Where the log starts by what is on the disk, whether or not it is open. */
  #savedStart(partition: ChaosPartition): number {
    const { topicId, partition: index } = partition.identity
    const path = `${partitionDirectory({ topicId, index })}/log-start`
    if (!this.disk.has(path)) return 0
    return decodeLogStart(this.disk.peek(path))?.log ?? 0
  }

  #dropped(partition: ChaosPartition, path: string, base: number): void {
    const bytes = this.disk.peek(path)
    const { watch } = partition
    const start = Math.max(this.#savedStart(partition), watch.manifest?.logStart ?? 0)
    let end: number
    try {
      end = decodeFooter(real, bytes, bytes.length).endOffset
    } catch {
      // Not sealed: only an opening removes it, and what it lets go of is judged by what is left.
      return
    }
    this.world.counts.drops++
    if (!watch.covers(Math.max(base, start), end)) {
      const named = `${watch.base} to ${watch.end}`
      this.world.violate('INV-61', `offsets ${base} to ${end} were dropped, the head has ${named}`)
    }
  }
}
