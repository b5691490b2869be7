// What the archives of all partitions of a broker share: the store, the lanes that bound how much
// is on its way, and the memory for what was read.
import type { Semaphore } from '../flow/semaphore.ts'
import type { Clock } from '../ports/clock.ts'
import type { Crypto } from '../ports/crypto.ts'
import type { Disk } from '../ports/disk.ts'
import type { ObjectStore } from '../ports/object-store.ts'
import type { Blocks } from './read/blocks.ts'
import type { PartMemory } from './upload/part-memory.ts'
import type { PageCache } from './read/pages.ts'

/** Shared parts of a broker's tier. */
export interface TierParts {
  readonly disk: Disk
  readonly crypto: Crypto
  readonly clock: Clock
  readonly pages: PageCache
  readonly blocks: Blocks
  /** Bounds the objects that are uploaded at the same time. */
  readonly slots: Semaphore
  /** For segments on their way to the store. */
  readonly memory: PartMemory
  /** How long an object stays that no manifest names any more, in ms. */
  readonly graceMs: number
  /** The store as it is used for one topic. */
  storeOf(topicId: string): ObjectStore
}
