// What the logs of partitions share: the disk, the write cache, the journal, and the few things the
// store does for them. An interface, so that a partition's log knows no more of the store than
// this.
import type { Offset } from '../base/units.ts'
import type { Clock } from '../ports/clock.ts'
import type { Crypto } from '../ports/crypto.ts'
import type { BatchCursor } from './cache/batch-cursor.ts'
import type { Journal } from './journal/journal.ts'
import type { IndexCache } from './segment/sealed-segment.ts'
import type { SegmentHost } from './cache/segment-bytes.ts'
import type { LogStarts } from './log-start.ts'

/** When an append counts as held by this replica. */
export type AckAfter = 'fsync' | 'write' | 'memory'

/** How a topic is compacted, by Kafka's settings of these names. Times in milliseconds. */
export interface CompactionSettings {
  /** `delete.retention.ms`: how long a tombstone stays once it was cleaned. */
  readonly deleteRetentionMs: number
  /** `min.compaction.lag.ms`: records younger than this stay as they are. */
  readonly lagMinMs: number
  /** `max.compaction.lag.ms`: records older than this are compacted whatever the ratio. */
  readonly lagMaxMs: number
  /** `min.cleanable.dirty.ratio`: share of the log above which it is worth a round, 0 to 1. */
  readonly dirtyRatioMin: number
}

/** How a topic is archived. Times in milliseconds, sizes in bytes; -1 is unlimited. */
export interface ArchiveSettings {
  /** `local.retention.ms`: what is archived and older is not kept here. */
  readonly localRetentionMs: number
  /** `local.retention.bytes`: of what is archived no more is kept here. */
  readonly localRetentionBytes: number
  /** `tier.upload.max.lag.ms`: how far the archive may lag behind a partition that is quiet. */
  readonly lagMaxMs: number
}

/** The settings of one partition's log. Times in milliseconds, sizes in bytes; -1 is unlimited. */
export interface LogSettings {
  readonly ackAfter: AckAfter
  readonly segmentBytes: number
  readonly segmentMs: number
  readonly retentionBytes: number
  readonly retentionMs: number
  /** Whether old segments are deleted at all: cleanup.policy contains delete. */
  readonly deletes: boolean
  /** Null unless cleanup.policy contains compact. */
  readonly compaction: CompactionSettings | null
  /** Null unless sealed segments go to the object store. */
  readonly archive: ArchiveSettings | null
  /**
   * `tier.stores`: names of the stores that are to have the archive; empty leaves it where it is.
   */
  readonly stores: readonly string[]
  /** `tier.ack.stores`: how many of them must have a segment before it may go from this disk. */
  readonly ackStores: number
  /** For `memory`: write to the segment after this long, or this many bytes. */
  readonly flushMs: number
  readonly flushBytes: number
  readonly producerExpirationMs: number
}

/** Which partition a log belongs to. */
export interface PartitionIdentity {
  /** UUID text. */
  readonly topicId: string
  readonly index: number
}

/** Directory of a partition, relative to the data directory. Names never appear in paths. */
export const partitionDirectory = (identity: PartitionIdentity): string =>
  `topics/${identity.topicId}/${identity.index}`

/** An offset as file name: 20 digits. */
export const offsetName = (base: number): string => String(base).padStart(20, '0')

/** A log with something to stage at the end of the turn. */
export interface DirtyLog {
  /** Whether it is in the store's list; kept by the store. */
  dirty: boolean
  readonly settings: LogSettings
  /** Exclusive end of what was staged, or needs no journal. */
  readonly stagedEnd: Offset
  /** Tells the journal what was appended since the last call. */
  stage(journal: Journal): void
  /** This replica now holds everything below `end` at the level its topic asks for. */
  held(end: Offset): void
  /** Only the leader's journal has it, without waiting for a sync: what acks=1 waits for. */
  written(end: Offset): void
  /** What was staged waits for room in the journal, maybe for long. */
  delayed(): void
  /** Puts what only memory holds into the segment file; for `memory` topics. */
  flush(): Promise<void>
  readonly unflushedBytes: number
}

/** What a partition's log may ask of the store. */
export interface LogHost extends SegmentHost {
  readonly clock: Clock
  readonly crypto: Crypto
  readonly journal: Journal
  readonly cursor: BatchCursor
  /** Indexes of sealed segments in memory. */
  readonly indexes: IndexCache
  /** Forgets what was read of a segment that is going away. */
  forgetReads(readKey: string): void
  /** The partition has something to stage at the end of this turn. */
  markDirty(log: DirtyLog): void
  /** Watches over work that nobody waits for. */
  background(name: string, work: Promise<void>): void
  /** Makes durable where a log starts that no segment boundary shows. */
  saveLogStart(identity: PartitionIdentity, starts: LogStarts): Promise<void>
}
