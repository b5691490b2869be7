// What a group coordinator is built with: its bounds, its delays and the ports it acts through.
// The values come from the settings; this file has none.
import type { Clock } from '../ports/clock.ts'
import type { Crypto } from '../ports/crypto.ts'
import type { Telemetry } from '../ports/telemetry.ts'
import type { RecordTools } from '../record/section.ts'
import type { ClassicLimits } from './classic/types.ts'

/** The partitions of `__consumer_offsets` as the coordinator needs them. */
export interface OffsetsLog {
  /**
   * Appends one batch, which is the log's to keep; resolves with its first offset once it is as
   * durable as an acknowledged record. Batches of one partition are appended in call order. Rejects
   * with an OperatingError, in bounded time: `fenced` or `closed` when this broker leads no more.
   * After a rejection it is unknown whether the batch is in the log.
   */
  append(partition: number, batch: Uint8Array): Promise<{ readonly offset: number }>
  /**
   * Whole batches (one or several per chunk) from offset `from`, or the log's start if that is
   * later, up to the end that the log had when it was called. Chunks are borrowed until the next.
   */
  read(partition: number, from: number): AsyncIterable<Uint8Array>
  /** Lets the log forget what lies before offset `before`. */
  trim(partition: number, before: number): Promise<void>
}

/** Bounds and delays of the whole coordinator. */
export interface GroupLimits extends ClassicLimits {
  /** Partitions of `__consumer_offsets`; never changes once the topic exists. */
  readonly offsetsPartitions: number
  /** Longest group id in UTF-16 units; at most 10,922, so that it fits a stored text. */
  readonly groupIdLengthMax: number
  /** Groups on this broker; one more gets COORDINATOR_NOT_AVAILABLE. */
  readonly groupsMax: number
  /** Bytes of a commit's metadata as UTF-8; more gets OFFSET_METADATA_TOO_LARGE. */
  readonly metadataBytesMax: number
  /** Session timeouts that a member may ask for, inclusive. */
  readonly sessionTimeoutMinMs: number
  readonly sessionTimeoutMaxMs: number
  /** Unused offsets are forgotten after this long. */
  readonly offsetsRetentionMs: number
  /** How often unused offsets and empty groups are looked for. */
  readonly expiryIntervalMs: number
  /** Bytes of one batch appended to `__consumer_offsets`; also of the largest record. */
  readonly batchBytesMax: number
  /** Records of one partition that wait for the log; further ones are refused. */
  readonly queuedRecordsMax: number
  /** A partition's log is rewritten when it has this many records that live state does not need. */
  readonly rewriteRecordsMin: number
  /** Wait before state that was lost to a failed append is loaded again. */
  readonly reloadDelayMs: number
  /** A timer this late means that the coordinator slept, not that its members were silent. */
  readonly lateTimerMs: number
}

/** The ports of a coordinator. */
export interface GroupPorts {
  readonly clock: Clock
  readonly crypto: Pick<Crypto, 'crc32c' | 'uuid'>
  readonly compression: RecordTools['compression']
  readonly telemetry: Telemetry
  readonly log: OffsetsLog
}
