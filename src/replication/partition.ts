// What the broker's request handlers see of one partition that this broker leads: its offsets, an
// append that is acknowledged once the write quorum holds it, reads that are bounded by the high
// watermark, and look-ups. How bytes reach the disk and the quorum is behind it.
import type { LeaderEpoch, Offset } from '../base/units.ts'

/** The offsets that clients see. Invariants: logStart ≤ lastStable ≤ highWatermark ≤ logEnd. */
export interface PartitionOffsets {
  /** First offset that can be read. */
  readonly logStart: Offset
  /** End (exclusive) of what read_committed readers may see. */
  readonly lastStable: Offset
  /** End (exclusive) of what the write quorum holds, and of what readers may see. */
  readonly highWatermark: Offset
  /** End (exclusive) of what the leader has appended. */
  readonly logEnd: Offset
}

/** The immediate outcome of an append; a value, because one bad partition fails no other. */
export interface AppendOutcome {
  /** 0, or the Kafka error code with which the batch was refused; then nothing was appended. */
  readonly code: number
  /** First offset given to the batch (of the original, for a duplicate); -1 when refused. */
  readonly baseOffset: Offset
  /** Exclusive end of the batch; the append is acknowledged once the high watermark reaches it. */
  readonly endOffset: Offset
  /** Broker time for LogAppendTime topics, else -1. */
  readonly logAppendTimeMs: number
  /** For Kafka's record_errors: why, and which record; null where there is nothing to say. */
  readonly message: string | null
  readonly badRecordIndexes: readonly number[]
}

/** Isolation of a reader, numbered as on the wire. */
export type Isolation = 0 /* read_uncommitted */ | 1 /* read_committed */

/** An aborted transaction that overlaps a read. */
export interface AbortedTransaction {
  readonly producerId: number
  readonly firstOffset: Offset
}

/** Bytes of whole batches, ready to be sent. */
export interface ReadOutcome {
  /** 0, 1 OFFSET_OUT_OF_RANGE, or 56 KAFKA_STORAGE_ERROR. */
  readonly code: number
  /**
   * Whole batches in order; the first one contains the offset asked for. Borrowed until `release`.
   */
  readonly parts: readonly Uint8Array[]
  /** Sum of the parts' lengths. */
  readonly bytes: number
  /** Exclusive end of the last batch returned; the offset asked for when nothing was. */
  readonly nextOffset: Offset
  /** For read_committed: aborted transactions that overlap what was returned; else null. */
  readonly aborted: readonly AbortedTransaction[] | null
  /** Gives the memory back; called exactly once, when the parts were sent or dropped. */
  release(): void
}

/** A record found by time. */
export interface TimestampHit {
  readonly offset: Offset
  readonly timestampMs: number
  readonly leaderEpoch: LeaderEpoch
}

/** A partition led by this broker. */
export interface Partition {
  readonly topicId: string
  readonly topic: string
  readonly index: number
  readonly leaderEpoch: LeaderEpoch
  readonly offsets: PartitionOffsets
  /** Bytes of all its segments on local disk, and of what is not yet in one. */
  readonly sizeBytes: number

  /**
   * Validates, de-duplicates, assigns offsets and appends one record batch that came from a
   * client by a Produce request of version `produceVersion`. Synchronous: appends take effect in
   * call order. `batch` is stamped in place and copied before it returns. The outcome is reused by
   * the next append to this partition.
   */
  append(batch: Uint8Array, produceVersion: number): AppendOutcome
  /**
   * Calls `done` once the high watermark has reached `end` (code 0), the deadline has passed
   * (7 REQUEST_TIMED_OUT), or the partition was lost (6). May call at once.
   */
  acknowledged(end: Offset, deadlineMs: number, done: (code: number) => void): void
  /** Calls `done` once the leader alone has journaled up to `end`: what acks=1 waits for. */
  appended(end: Offset, done: (code: number) => void): void

  /**
   * Reads whole batches from the one that contains `from`, up to the bound of `isolation`, at most
   * `maxBytes` but at least one batch if `atLeastOne`. Synchronous when the bytes are in the write
   * cache; else a promise.
   */
  read(
    from: Offset,
    limits: {
      readonly maxBytes: number
      readonly atLeastOne: boolean
      readonly isolation: Isolation
    },
  ): ReadOutcome | Promise<ReadOutcome>
  /**
   * Bytes readable from `from` without touching the disk's data; for min_bytes. Approximate below
   * the write cache.
   */
  readableBytes(from: Offset, isolation: Isolation): number
  /**
   * Calls `wake` once, when more becomes readable, the log start moves or leadership is lost.
   * Returns the cancel.
   */
  watch(wake: () => void): () => void

  /**
   * First record with a timestamp at or after `timestampMs`, below the isolation's bound; null if
   * none.
   */
  findTimestamp(timestampMs: number, isolation: Isolation): Promise<TimestampHit | null>
  /** The first record that has the largest timestamp; null when the log is empty. */
  findMaxTimestamp(): Promise<TimestampHit | null>
  /** Largest epoch at or below `epoch` and the exclusive end of its records; null when unknown. */
  endOfEpoch(epoch: LeaderEpoch): { readonly epoch: LeaderEpoch; readonly end: Offset } | null
  /**
   * Moves the log start up to `to` (durable before it resolves); 1 when `to` lies above the high
   * watermark.
   */
  deleteRecords(to: Offset): Promise<{ readonly code: number; readonly logStart: Offset }>
}
