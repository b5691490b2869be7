// The tier of one broker: the shared parts, and the round that looks again and again at every
// partition with something to archive. Partitions are worked on side by side, one step each, and a
// partition whose step fails is left alone for a while, longer each time. Trouble with the store
// never reaches producers: they go on, local bytes stay, and the log says once what is wrong.
//
//   unclaimed ──claim──▶ ours ──restored elsewhere, or given to another cluster──▶ unclaimed
import { OperatingError, asError, type OperatingErrorKind } from '../base/errors.ts'
import { MiB, type Offset } from '../base/units.ts'
import { backoffMs } from '../flow/backoff.ts'
import { Semaphore } from '../flow/semaphore.ts'
import type { PartitionLog } from '../log/partition-log.ts'
import type { Cancel, Clock } from '../ports/clock.ts'
import type { Crypto } from '../ports/crypto.ts'
import type { Disk } from '../ports/disk.ts'
import type { ObjectStore } from '../ports/object-store.ts'
import type { Counter, Telemetry } from '../ports/telemetry.ts'
import { Complaints } from './complaints.ts'
import { PartitionTier } from './partition-tier.ts'
import type { BlockCache } from './cache/blocks.ts'
import { Blocks } from './read/blocks.ts'
import { layered, type LayeredStore } from './store/layers.ts'
import type { MeteredStore } from './store/metered.ts'
import { PageCache } from './read/pages.ts'
import type { TierParts } from './tier-parts.ts'
import { PartMemory } from './upload/part-memory.ts'
import type { ArchiveOwner } from './upload/partition-archive.ts'

/** What a tier acts through. */
export interface TierDeps {
  readonly store: ObjectStore
  readonly disk: Disk
  readonly clock: Clock
  readonly crypto: Crypto
  readonly telemetry: Telemetry
  readonly cache: BlockCache | null
  /**
   * Makes the bucket ours before anything is written to it; called again after a failure. Throws
   * `refused` with a sentence when it is not.
   */
  claim(store: ObjectStore): Promise<void>
  /** Throws `refused` with a sentence when the bucket that was claimed is not ours any more. */
  confirm(store: ObjectStore): Promise<void>
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

/** Memory of uploads that is kept for the next ones. */
const UPLOAD_MEMORY_KEPT: number = 32 * MiB
const PAGES_BYTES_MAX: number = 16 * MiB
const READERS_WAITING_MAX = 10_000
const UPLOADS_WAITING_MAX = 100_000
const BACKOFF = { firstMs: 1_000, waitMsMax: 60_000 }

/** A partition that has failed lately. */
interface Trouble {
  readonly failures: number
  readonly untilMs: number
  readonly message: string
}

/** Archives and reads the archives of the partitions of one broker. */
export class Tier {
  readonly #deps: TierDeps
  readonly #options: TierOptions
  readonly #parts: TierParts
  readonly #layers: LayeredStore
  readonly #working = new Map<PartitionTier, Promise<void>>()
  readonly #troubles = new Map<PartitionTier, Trouble>()
  readonly #uploadedSegments: Counter
  readonly #uploadedBytes: Counter
  readonly #failures: Counter
  /** What is wrong, for whoever else works on the bucket as well. */
  readonly complaints: Complaints
  #partitions: () => Iterable<TieredPartition> = () => []
  /** The bucket is ours. */
  #claimed = false
  #claiming: Promise<void> | null = null
  #claimTrouble: Trouble | null = null
  #cancel: Cancel = () => undefined
  #closed = false

  constructor(deps: TierDeps, options: TierOptions) {
    this.#deps = deps
    this.#options = options
    const { disk, clock, crypto, cache, telemetry } = deps
    const random = (): number => crypto.random()
    this.complaints = new Complaints(telemetry)
    this.#layers = layered(deps.store, { clock, telemetry, random })
    const lane = new Semaphore({
      unitsMax: options.readBytesMax,
      waitersMax: READERS_WAITING_MAX,
    })
    this.#parts = {
      disk,
      clock,
      crypto,
      pages: new PageCache(crypto, PAGES_BYTES_MAX),
      blocks: new Blocks({ crypto, cache, lane }, { aheadBytesMax: options.readBytesMax }),
      slots: new Semaphore({ unitsMax: options.uploadsMax, waitersMax: UPLOADS_WAITING_MAX }),
      memory: new PartMemory(UPLOAD_MEMORY_KEPT),
      graceMs: options.graceMs,
      storeOf: (topicId) => this.#layers.storeOf(topicId),
    }
    this.#uploadedSegments = telemetry.counter(
      'stratalog_tier_uploaded_segments_total',
      'Segments that were archived.',
    )
    this.#uploadedBytes = telemetry.counter(
      'stratalog_tier_uploaded_bytes_total',
      'Bytes of batches that were archived.',
    )
    this.#failures = telemetry.counter(
      'stratalog_tier_failures_total',
      'Steps of archiving that failed and are tried again.',
    )
    telemetry.gauge(
      'stratalog_tier_troubled_partitions',
      'Partitions that could not be archived when it was last tried.',
      () => this.#troubles.size,
    )
  }

  /** The store, for what belongs to no topic. */
  get store(): ObjectStore {
    return this.#layers.store
  }

  /** Every request that was really made, by topic. */
  get meter(): MeteredStore {
    return this.#layers.meter
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

  /** Whether the bucket is known to be ours. */
  get claimed(): boolean {
    return this.#claimed
  }

  /**
   * Whether the bucket is still ours; to be asked before anything that another life of the cluster
   * would suffer from. If it is not, nothing more is archived and the log has said why; it is
   * claimed again with growing pauses. Throws what the store says when that cannot be told.
   */
  async confirm(): Promise<boolean> {
    if (!this.#claimed) return false
    try {
      await this.#deps.confirm(this.store)
    } catch (error) {
      if (!isOperating(error, 'refused')) throw error
      this.#claimed = false
      this.#claimTrouble = this.#trouble(this, this.#claimTrouble, asError(error), {})
    }
    return this.#claimed
  }

  /** Why a partition is not archived at present; null when nothing is wrong. */
  troubleOf(tier: PartitionTier): string | null {
    return this.#claimTrouble?.message ?? this.#troubles.get(tier)?.message ?? null
  }

  /** Begins nothing more and waits for what runs. */
  async close(): Promise<void> {
    this.#closed = true
    this.#cancel()
    await this.store.close()
    await this.#deps.cache?.close()
    await Promise.allSettled([...this.#working.values(), this.#claiming])
  }

  #look(): void {
    if (this.#closed) return
    const { clock } = this.#deps
    if (this.#claimed) this.#lookAtAll(clock.monotonicMs(), clock.wallMs())
    else if ((this.#claimTrouble?.untilMs ?? 0) <= clock.monotonicMs()) this.#claim()
    this.#cancel = clock.after(this.#options.checkMs, () => this.#look())
  }

  /** Makes sure of the bucket before anything is written to it. */
  #claim(): void {
    if (this.#claiming !== null) return
    this.#claiming = this.#deps.claim(this.store).then(
      () => {
        this.#claiming = null
        this.#claimed = true
        this.#claimTrouble = null
        this.complaints.over(this)
      },
      (error: unknown) => {
        this.#claiming = null
        if (this.#closed) return
        this.#claimTrouble = this.#trouble(this, this.#claimTrouble, asError(error), {})
      },
    )
    this.#deps.background('claim the object store', this.#claiming)
  }

  #lookAtAll(nowMs: number, wallMs: number): void {
    for (const tier of this.#troubles.keys()) if (tier.log.closed) this.#isWell(tier)
    for (const partition of this.#partitions()) {
      const { tier } = partition
      if (this.#working.has(tier)) continue
      if ((this.#troubles.get(tier)?.untilMs ?? 0) > nowMs) continue
      rollQuiet(tier.log, wallMs)
      if (tier.hasWork(partition.limit())) this.#work(partition)
    }
  }

  #work(partition: TieredPartition): void {
    const { tier } = partition
    const work = this.#steps(partition)
      .catch((error: unknown) => this.#ended(tier, asError(error)))
      .finally(() => this.#working.delete(tier))
    this.#working.set(tier, work)
    this.#deps.background('archive', work)
  }

  async #steps({ tier, limit }: TieredPartition): Promise<void> {
    // Nothing in the bucket would tell of a new life before the first manifest of a partition.
    if ((tier.manifest?.sequence ?? 0) === 0 && !(await this.confirm())) return
    do {
      const before = tier.manifest
      const { segments, bytes } = await tier.step(limit())
      this.#uploadedSegments.value += segments
      this.#uploadedBytes.value += bytes
      this.#isWell(tier)
      // What a step has not changed the next one would not either: it is for the next look.
      if (segments === 0 && tier.manifest === before) return
    } while (!this.#closed && !tier.log.closed && tier.hasWork(limit()))
  }

  /** A newer leader is one of this cluster, or of one that was restored from the bucket. */
  async #ended(tier: PartitionTier, error: Error): Promise<void> {
    const isOurs = !isOperating(error, 'fenced') || (await this.confirm().catch(() => true))
    if (isOurs) this.#failed(tier, error)
  }

  #failed(tier: PartitionTier, error: Error): void {
    if (this.#closed || tier.log.closed) return
    const before = this.#troubles.get(tier) ?? null
    this.#troubles.set(tier, this.#trouble(tier, before, error, ownerFields(tier)))
  }

  #isWell(tier: PartitionTier): void {
    this.#troubles.delete(tier)
    this.complaints.over(tier)
  }

  /** Counts a failure, says what is wrong, and how long to leave it alone. */
  #trouble(
    who: unknown,
    before: Trouble | null,
    error: Error,
    fields: Record<string, unknown>,
  ): Trouble {
    const { clock, crypto } = this.#deps
    this.#failures.value++
    const failures = (before?.failures ?? 0) + 1
    const waitMs = BACKOFF.firstMs + backoffMs(failures, BACKOFF, () => crypto.random())
    this.complaints.of(who, error, fields)
    return { failures, untilMs: clock.monotonicMs() + waitMs, message: error.message }
  }
}

const isOperating = (error: unknown, kind: OperatingErrorKind): boolean =>
  error instanceof OperatingError && error.kind === kind

const ownerFields = ({ archive: { owner } }: PartitionTier): Record<string, unknown> => ({
  topic: owner.topicName,
  partition: owner.partition,
})

/** Ends the active segment when the bucket would else lag behind by more than the topic allows. */
function rollQuiet(log: PartitionLog, wallMs: number): void {
  const { archive } = log.settings
  const { firstAppendMs } = log.active
  if (archive === null || log.closed || firstAppendMs < 0) return
  if (log.active.bytes.length > 0 && wallMs - firstAppendMs >= archive.lagMaxMs) log.roll()
}
