// What the life, its world and its mistakes speak of together: a partition with the truth about it,
// whoever leads it, and what such a process has to tell the world. Shapes only, so that none of the
// three has to know another.
import type { LogSettings } from '../../../src/log/log-host.ts'
import type { Clock } from '../../../src/ports/clock.ts'
import type { Leader } from '../../../src/replication/leader.ts'
import type { ArchiveIdentity } from '../../../src/tier/keys.ts'
import type { Truth } from './truth.ts'
import type { ArchiveWatch } from './watch.ts'

/** One partition, as the world knows it. */
export interface ChaosPartition {
  readonly identity: ArchiveIdentity
  readonly settings: LogSettings
  readonly truth: Truth
  readonly watch: ArchiveWatch
  /** Whoever leads it by right; null while nobody does. */
  leader: Leading | null
  epoch: number
  /** Counts restores: what was before is another life's. */
  era: number
}

/** A partition that a process leads, or believes to lead. */
export interface Led {
  readonly partition: ChaosPartition
  readonly leader: Leader
  /** What it may archive below since it was deposed; Infinity while it leads. */
  frozen: number
}

/** A process that leads, as the world sees it. */
export interface Leading {
  readonly led: ReadonlyMap<ChaosPartition, Led>
  readonly clock: Clock
  readonly state: 'opening' | 'up' | 'closing' | 'dead'
  /** Which life of the partitions it belongs to. */
  readonly era: number
  /** Where a partition's log starts here; 0 where that is not known. */
  startOf(partition: ChaosPartition): number
}
