// The tier of one broker: the shared parts, and the round that looks again and again at every
// partition with something to archive. Partitions, and the stores of one, are worked on side by
// side, one step each, and what fails is left alone for a while, longer each time. Trouble with a
// store never reaches producers: they go on, local bytes stay, and the log says once what is wrong.
import { OperatingError, asError } from '../base/errors.ts'
import { MiB, type Offset } from '../base/units.ts'
import { Pace } from '../flow/pace.ts'
import { Semaphore } from '../flow/semaphore.ts'
import type { PartitionLog } from '../log/partition-log.ts'
import type { Cancel, Clock } from '../ports/clock.ts'
import type { Crypto } from '../ports/crypto.ts'
import type { Disk } from '../ports/disk.ts'
import type { ObjectMemory, ObjectStore } from '../ports/object-store.ts'
import type { Counter, Telemetry } from '../ports/telemetry.ts'
import type { BlockCache } from './cache/blocks.ts'
import { Complaints } from './complaints.ts'
import { PartitionTier, type Chore } from './partition-tier.ts'
import { Blocks } from './read/blocks.ts'
import { PageCache } from './read/pages.ts'
import { ReadMemory } from './read/read-memory.ts'
import { StoreMetrics } from './store/store-metrics.ts'
import type { MirrorMetrics, TierParts } from './tier-parts.ts'
import { ClaimedStore, type NamedStore } from './tier-store.ts'
import { Troubles } from './troubles.ts'
import { PartMemory } from './upload/part-memory.ts'
import type { ArchiveOwner } from './upload/partition-archive.ts'

/** What a tier acts through. */
export interface TierDeps {
  /** One or more; a topic that names none is archived in the first. */
  readonly stores: readonly NamedStore[]
  readonly disk: Disk
  readonly clock: Clock
  readonly crypto: Crypto
  readonly telemetry: Telemetry
  readonly cache: BlockCache | null
  /** What is read comes to lie in; made here, if absent. */
  readonly readMemory?: ObjectMemory
  /**
   * Makes a bucket ours before anything is written to it; called again after a failure. Throws
   * `refused` with a sentence when it is not.
   */
  claim(store: ObjectStore, name: string): Promise<void>
  /** Throws `refused` with a sentence when a bucket that was claimed is not ours any more. */
  confirm(store: ObjectStore): Promise<void>
  /** How often the cluster has been restored; null before that is known. */
  generation(): number | null
  /** Whether producers wait for this broker: what can wait goes slower then. */
  isBusy(): boolean
  /** Watches over work that nobody waits for. */
  background(name: string, work: Promise<void>): void
}

/** The limits of a tier. Milliseconds and bytes. */
export interface TierOptions {
  /** From one look at all partitions to the next. */
  readonly checkMs: number
  /** How long an object stays that no manifest names any more. */
  readonly graceMs: number
  /** Objects that are uploaded at the same time. */
  readonly uploadsMax: number
  /** Memory for what is on its way from the store, and again for what was read ahead. */
  readonly readBytesMax: number
}

/** A partition that is archived, as its leader shows it. */
export interface TieredPartition {
  readonly tier: PartitionTier
  /** Exclusive end of what may be archived: below high watermark and last stable offset. */
  limit(): Offset
}

/** Memory of uploads that is kept for the next ones: as much as is on its way at the same time. */
const UPLOAD_MEMORY_KEPT: number = 64 * MiB
/** Memory of reads that is kept for the next ones, of what may be on its way. */
const READ_KEPT = 0.6
const PAGES_BYTES_MAX: number = 16 * MiB
const READERS_WAITING_MAX = 10_000
const UPLOADS_WAITING_MAX = 100_000

/** Archives and reads the archives of the partitions of one broker. */
export class Tier {
  readonly #deps: TierDeps
  readonly #options: TierOptions
  readonly #parts: TierParts
  readonly #stores: readonly ClaimedStore[]
  readonly #troubles: Troubles
  /** What is wrong, for whoever else works on the buckets as well. */
  readonly complaints: Complaints
  readonly #working = new Map<Chore, Promise<void>>()
  readonly #uploadedSegments: Counter
  readonly #uploadedBytes: Counter
  #partitions: () => Iterable<TieredPartition> = () => []
  #cancel: Cancel = () => undefined
  #closed = false

  constructor(deps: TierDeps, options: TierOptions) {
    this.#deps = deps
    this.#options = options
    const { disk, clock, crypto, cache, telemetry } = deps
    const { readBytesMax } = options
    const random = (): number => crypto.random()
    const metrics = new StoreMetrics(telemetry)
    this.complaints = new Complaints(telemetry)
    const { complaints } = this
    this.#troubles = new Troubles({ clock, telemetry, complaints, random })
    const { background } = deps
    const claim = (store: ObjectStore, name: string): Promise<void> => deps.claim(store, name)
    const confirm = (store: ObjectStore): Promise<void> => deps.confirm(store)
    const storeDeps = { clock, telemetry, metrics, troubles: this.#troubles, random }
    this.#stores = deps.stores.map(
      (one) => new ClaimedStore({ ...storeDeps, claim, confirm, background }, one),
    )
    const lane = new Semaphore({
      unitsMax: readBytesMax,
      waitersMax: READERS_WAITING_MAX,
    })
    const pace = new Pace({ clock, isBusy: () => deps.isBusy() })
    this.#parts = {
      disk,
      clock,
      crypto,
      pages: new PageCache(crypto, PAGES_BYTES_MAX),
      pace,
      blocks: new Blocks(
        {
          crypto,
          memory: deps.readMemory ?? new ReadMemory(READ_KEPT * readBytesMax),
          cache,
          lane,
          pace,
        },
        { aheadBytesMax: readBytesMax },
      ),
      slots: new Semaphore({ unitsMax: options.uploadsMax, waitersMax: UPLOADS_WAITING_MAX }),
      memory: new PartMemory(UPLOAD_MEMORY_KEPT),
      graceMs: options.graceMs,
      stores: this.#stores,
      generation: () => deps.generation(),
      mirrored: mirrorMetrics(telemetry),
      log: (level, event, fields) => telemetry.log(level, event, fields),
    }
    this.#uploadedSegments = telemetry.counter(
      'stratalog_tier_uploaded_segments_total',
      'Segments that were archived.',
    )
    this.#uploadedBytes = telemetry.counter(
      'stratalog_tier_uploaded_bytes_total',
      'Bytes of batches that were archived.',
    )
    const { blocks } = this.#parts
    telemetry.gauge(
      'stratalog_tier_read_ahead_bytes',
      'Bytes of archived segments that were read ahead and wait, or are on their way to.',
      () => blocks.aheadBytes,
    )
    telemetry.gauge(
      'stratalog_tier_troubled_partitions',
      'Partitions that could not be archived when it was last tried.',
      () => this.#troubledPartitions(),
    )
    telemetry.gauge(
      'stratalog_tier_mirror_lag_segments',
      'Segments that a store is to have and has not yet, by store.',
      () => this.#mirrorLags(),
    )
  }

  /** The stores, the first one for what belongs to no topic. */
  get stores(): readonly ClaimedStore[] {
    return this.#stores
  }

  /** The archive of a partition. */
  open(owner: ArchiveOwner, log: PartitionLog): Promise<PartitionTier> {
    return PartitionTier.open(this.#parts, owner, log)
  }

  /** Begins to archive what `partitions` gives, which is asked at every look. */
  start(partitions: () => Iterable<TieredPartition>): void {
    this.#partitions = partitions
    this.#look()
  }

  /** Why a partition is not archived at present; null when nothing is wrong. */
  troubleOf(tier: PartitionTier): string | null {
    const troubles = [...this.#stores, ...tier.chores()].map((one) => this.#troubles.messageOf(one))
    return troubles.find((message) => message !== null) ?? null
  }

  /** Begins nothing more and waits for what runs. */
  async close(): Promise<void> {
    this.#closed = true
    this.#cancel()
    this.#troubles.close()
    await Promise.all(this.#stores.map((store) => store.close()))
    await this.#deps.cache?.close()
    await Promise.allSettled(this.#working.values())
  }

  #look(): void {
    if (this.#closed) return
    const { clock } = this.#deps
    for (const store of this.#stores) store.claim()
    if (this.#stores.some(({ claimed }) => claimed)) this.#lookAtAll(clock.wallMs())
    if (this.#working.size === 0) this.#parts.memory.clear()
    this.#cancel = clock.after(this.#options.checkMs, () => this.#look())
  }

  #lookAtAll(wallMs: number): void {
    this.#troubles.endGone()
    for (const partition of this.#partitions()) {
      const { tier } = partition
      rollQuiet(tier.log, wallMs)
      const limit = partition.limit()
      for (const chore of tier.chores()) {
        if (this.#working.has(chore) || this.#troubles.isResting(chore)) continue
        if (chore.hasWork(limit)) this.#work(chore, partition)
      }
    }
  }

  #work(chore: Chore, partition: TieredPartition): void {
    const work = this.#steps(chore, partition)
      .catch((error: unknown) => this.#ended(chore, asError(error)))
      .finally(() => this.#working.delete(chore))
    this.#working.set(chore, work)
    this.#deps.background('archive', work)
  }

  async #steps(chore: Chore, { limit }: TieredPartition): Promise<void> {
    const { tier } = chore
    // Nothing in the bucket would tell of a new life before the first manifest of a partition.
    if (chore.isUnwritten && !(await chore.at.confirm())) return
    do {
      const before = tier.manifest
      const { segments, bytes } = await chore.step(limit())
      if (chore.isOriginal) {
        this.#uploadedSegments.value += segments
        this.#uploadedBytes.value += bytes
      }
      this.#troubles.end(chore)
      // What a step has not changed the next one would not either: it is for the next look.
      if (segments === 0 && tier.manifest === before) return
    } while (!this.#closed && !tier.log.closed && chore.hasWork(limit()))
  }

  /** A newer leader is one of this cluster, or of one that was restored from the bucket. */
  async #ended(chore: Chore, error: Error): Promise<void> {
    const isFenced = error instanceof OperatingError && error.kind === 'fenced'
    const isOurs = !isFenced || (await chore.at.confirm().catch(() => true))
    if (isOurs) this.#failed(chore, error)
  }

  #failed(chore: Chore, error: Error): void {
    if (this.#closed || chore.isGone) return
    this.#troubles.add(chore, error, choreFields(chore))
  }

  #troubledPartitions(): number {
    const troubled = new Set<unknown>(this.#troubles.of())
    let count = 0
    for (const { tier } of this.#partitions()) {
      if (tier.chores().some((chore) => troubled.has(chore))) count++
    }
    return count
  }

  *#mirrorLags(): Generator<readonly [{ readonly store: string }, number]> {
    const lags = new Map<string, number>()
    for (const { tier } of this.#partitions()) {
      for (const [store, lag] of tier.lags()) lags.set(store, (lags.get(store) ?? 0) + lag)
    }
    for (const [store, lag] of lags) yield [{ store }, lag]
  }
}

const choreFields = ({ tier: { owner }, at }: Chore): Record<string, unknown> => ({
  topic: owner.topicName,
  partition: owner.partition,
  store: at.name,
})

function mirrorMetrics(telemetry: Telemetry): MirrorMetrics {
  return {
    segments: telemetry.counter(
      'stratalog_tier_mirrored_segments_total',
      'Archived segments that were copied from one store to another.',
    ),
    bytes: telemetry.counter(
      'stratalog_tier_mirrored_bytes_total',
      'Bytes of segments that were copied from one store to another.',
    ),
    repaired: telemetry.counter(
      'stratalog_tier_repaired_objects_total',
      'Damaged or missing objects that were put again from another store.',
    ),
  }
}

/** Ends the active segment when the bucket would else lag behind by more than the topic allows. */
function rollQuiet(log: PartitionLog, wallMs: number): void {
  const { archive } = log.settings
  const { firstAppendMs } = log.active
  if (archive === null || log.closed || firstAppendMs < 0) return
  if (log.active.bytes.length > 0 && wallMs - firstAppendMs >= archive.lagMaxMs) log.roll()
}
