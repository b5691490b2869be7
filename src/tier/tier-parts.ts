// What the archives of all partitions of a broker share: the stores, the lanes that bound how much
// is on its way, and the memory for what was read.
import type { Pace } from '../flow/pace.ts'
import type { Semaphore } from '../flow/semaphore.ts'
import type { Clock } from '../ports/clock.ts'
import type { Crypto } from '../ports/crypto.ts'
import type { Disk } from '../ports/disk.ts'
import type { Counter } from '../ports/telemetry.ts'
import type { ObjectStore } from '../ports/object-store.ts'
import type { Blocks } from './read/blocks.ts'
import type { PartMemory } from './upload/part-memory.ts'
import type { PageCache } from './read/pages.ts'
import type { StoreHealth } from './store/failover.ts'

/** One of the stores of a broker. */
export interface TierStore {
  /** As topics name it. */
  readonly name: string
  readonly health: StoreHealth
  /** Whether the bucket is known to be ours. */
  readonly claimed: boolean
  /** Whether the bucket is still ours, by asking it. */
  confirm(): Promise<boolean>
  /** The store as it is used for one topic. */
  storeOf(topicId: string): ObjectStore
}

/** What is counted of mirrors. */
export interface MirrorMetrics {
  readonly segments: Counter
  readonly bytes: Counter
  readonly repaired: Counter
}

/** What one partition in one store works with. */
export interface SiteParts {
  readonly crypto: Crypto
  readonly clock: Clock
  readonly pages: PageCache
  /** How long an object stays that no manifest names any more, in ms. */
  readonly graceMs: number
  /** How often the cluster has been restored; null before that is known. */
  generation(): number | null
}

/** What goes from one store to another works with. */
export interface MirrorParts extends SiteParts {
  /** Bounds the objects that are uploaded at the same time. */
  readonly slots: Semaphore
  /** Holds up what can wait while producers do; absent where nobody produces. */
  readonly pace?: Pace
  /** For segments on their way to a store. */
  readonly memory: PartMemory
  /** Counts what goes from one store to another. */
  readonly mirrored: MirrorMetrics
  /** Says what has happened to an archive. */
  log(level: 'info' | 'warn', event: string, fields: Readonly<Record<string, unknown>>): void
}

/** Shared parts of a broker's tier. */
export interface TierParts extends MirrorParts {
  readonly disk: Disk
  readonly blocks: Blocks
  /** The stores of the broker; a topic that names none begins in the first. */
  readonly stores: readonly TierStore[]
}
