// What a planted mistake is: the conditions under which it would do harm, and where it is put
// around the production code. The mistakes themselves are in `flaws.ts`; lives that are to be sound
// carry none.
import type { PartitionLog } from '../../../src/log/partition-log.ts'
import type { SweptArchive } from '../../../src/log/retention/sweeper.ts'
import type { Crypto } from '../../../src/ports/crypto.ts'
import type { ObjectStore } from '../../../src/ports/object-store.ts'
import type { ScrubbedArchive } from '../../../src/tier/audit/scrubber.ts'
import type { PartitionTier } from '../../../src/tier/partition-tier.ts'
import type { Scheduler } from '../../sim/clock.ts'
import type { Led } from './parts.ts'
import type { Shape } from './shape.ts'
import type { Truth } from './truth.ts'

/** A mistake. */
export interface Flaw {
  readonly name: string
  /** Conditions under which it shows. */
  readonly shape?: (drawn: Shape) => Partial<Shape>
  readonly graceMs?: number
  /** Whether what may be archived is bounded by what is committed. */
  readonly isLimitless?: boolean
  /** Whether a restore leaves partitions alone of which the bucket has nothing. */
  readonly skipsEmpty?: boolean
  /** How long a log start is known before it is made durable. */
  readonly deletesLateMs?: number
  crypto?(crypto: Crypto): Crypto
  store?(store: ObjectStore, scheduler: Scheduler): ObjectStore
  log?(log: PartitionLog, truth: Truth): PartitionLog
  archive?(tier: PartitionTier, led: Led): SweptArchive
  scrubbed?(tier: PartitionTier, store: ObjectStore): ScrubbedArchive
  /** Changes a class for the time of a life; gives what changes it back. */
  plant?(): () => void
}

/** No mistake. */
export const NONE: Flaw = { name: 'none' }
