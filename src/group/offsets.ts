// The committed offsets of one group: where it will go on reading each partition. A commit is a
// value that replaces the one before it; order is the order in the log, so replay ends where the
// live coordinator stood [O9]. Expiry and deletion are decided here and written as tombstones by
// the driver. Transactional commits (staged until their marker lands) are not kept here yet:
// `isStaged` is their place, and everything is stable while it answers false [O6].
import { ErrorCode } from '../base/error-codes.ts'
import { CONSUMER_PROTOCOL_TYPE } from './classic/subscription.ts'
import type { GroupState } from './classic/types.ts'

/** A position that a group committed. */
export interface CommittedOffset {
  readonly offset: number
  /** Leader epoch of the last record consumed; -1 when unknown. */
  readonly leaderEpoch: number
  /** What the client wants to keep with it; never null. */
  readonly metadata: string
  /** Wall time of the commit. */
  readonly commitMs: number
  /** Wall time from which it is gone, for clients that asked for a retention; -1 for none. */
  readonly expireMs: number
  /** Id of the topic it belongs to; null when unknown. */
  readonly topicId: string | null
}

/** One partition of a topic. */
export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

/** The offsets of one group. */
export class GroupOffsets {
  readonly #topics = new Map<string, Map<number, CommittedOffset>>()
  #size = 0

  /** How many partitions have an offset. */
  get size(): number {
    return this.#size
  }

  /** The offset of a partition; undefined when there is none [O5]. */
  get(topic: string, partition: number): CommittedOffset | undefined {
    return this.#topics.get(topic)?.get(partition)
  }

  /** Every topic with its partitions. */
  topics(): IterableIterator<[string, ReadonlyMap<number, CommittedOffset>]> {
    return this.#topics.entries()
  }

  /** The partitions of a topic that have an offset; a list of its own. */
  partitionsOf(topic: string): readonly number[] {
    return [...(this.#topics.get(topic)?.keys() ?? [])]
  }

  set(topic: string, partition: number, committed: CommittedOffset): void {
    let partitions = this.#topics.get(topic)
    if (partitions === undefined) {
      partitions = new Map()
      this.#topics.set(topic, partitions)
    }
    if (!partitions.has(partition)) this.#size++
    partitions.set(partition, committed)
  }

  /** Forgets a partition; false when there was nothing. */
  delete(topic: string, partition: number): boolean {
    const partitions = this.#topics.get(topic)
    if (partitions === undefined || !partitions.delete(partition)) return false
    if (partitions.size === 0) this.#topics.delete(topic)
    this.#size--
    return true
  }

  /** Whether a transaction has staged a commit that is not decided yet. */
  isStaged(_topic: string, _partition: number): boolean {
    return false
  }

  /** The partitions whose offsets have expired at wall time `nowMs` [O8]. */
  expired(group: OffsetOwner, nowMs: number, retentionMs: number): TopicPartition[] {
    const gone: TopicPartition[] = []
    for (const [topic, partitions] of this.#topics) {
      if (isSubscribed(group, topic)) continue
      for (const [partition, committed] of partitions) {
        if (this.isStaged(topic, partition)) continue
        if (isExpired(group, committed, nowMs, retentionMs)) gone.push({ topic, partition })
      }
    }
    return gone
  }
}

/** What the rules below need to know of a group. */
export interface OffsetOwner {
  readonly state: GroupState
  /** null for a simple group. */
  readonly protocolType: string | null
  /** Topics its members read; null when the coordinator cannot know. */
  readonly topics: ReadonlySet<string> | null
  /** Wall time of the last change of state; -1 when unknown. */
  readonly stateTimestampMs: number
}

/** The code for deleting a whole group [G22]. */
export function checkDelete(group: OffsetOwner): number {
  if (group.state === 'Dead') return ErrorCode.GROUP_ID_NOT_FOUND
  return group.state === 'Empty' ? ErrorCode.NONE : ErrorCode.NON_EMPTY_GROUP
}

/** The code for deleting single offsets of a group; `isSubscribed` decides for each topic [G22]. */
export function checkOffsetDelete(group: OffsetOwner): number {
  if (group.state === 'Dead') return ErrorCode.GROUP_ID_NOT_FOUND
  if (group.state === 'Empty') return ErrorCode.NONE
  const isConsumer = group.protocolType === CONSUMER_PROTOCOL_TYPE
  return isConsumer ? ErrorCode.NONE : ErrorCode.NON_EMPTY_GROUP
}

/** Whether a member reads `topic`; true when a consumer group's subscriptions are unreadable. */
export function isSubscribed(group: OffsetOwner, topic: string): boolean {
  if (group.topics !== null) return group.topics.has(topic)
  return group.protocolType === CONSUMER_PROTOCOL_TYPE && group.state !== 'Empty'
}

/**
 * Wall time from which an offset that nobody uses ages: the commit for simple groups and for
 * topics that a stable group reads no more, the moment it became empty for the others; null
 * while offsets may not expire.
 */
function agesFrom(group: OffsetOwner, committed: CommittedOffset): number | null {
  if (group.protocolType === null) return committed.commitMs
  if (group.state === 'Empty') {
    // A commit after the last member left is as fresh as itself (an administrator's reset).
    return Math.max(group.stateTimestampMs, committed.commitMs)
  }
  return group.state === 'Stable' && group.topics !== null ? committed.commitMs : null
}

function isExpired(
  group: OffsetOwner,
  committed: CommittedOffset,
  nowMs: number,
  retentionMs: number,
): boolean {
  const fromMs = agesFrom(group, committed)
  if (fromMs === null) return false
  if (committed.expireMs >= 0) return nowMs >= committed.expireMs
  return nowMs - fromMs >= retentionMs
}
