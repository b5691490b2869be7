// Committing, fetching and deleting offsets through the group coordinator. A commit changes state
// at once and is answered once it is durable; a fetch is answered once everything it saw is
// durable, so that a committed offset never goes back. A failed look-up is an error with offset
// -1, never offset 0 [O10].
import { ErrorCode } from '../base/error-codes.ts'
import type { MemberIdentity } from './classic/types.ts'
import type { GroupCoordinator } from './coordinator.ts'
import { checkOffsetDelete, isSubscribed } from './offsets.ts'
import type { CommittedOffset, GroupOffsets, TopicPartition } from './offsets.ts'
import type { GroupRecord } from './records.ts'
import type { GroupEntry } from './shard.ts'

/** One partition of a commit. */
export interface CommitItem extends TopicPartition {
  /** null when the topic's id is not known. */
  readonly topicId: string | null
  readonly offset: number
  readonly leaderEpoch: number
  readonly metadata: string | null
}

/** A commit by a member, or by anybody while the group is empty. */
export interface CommitRequest {
  readonly groupId: string
  readonly who: MemberIdentity
  /** -1 outside a generation. */
  readonly generation: number
  /** Retention that old clients ask for; -1 for the broker's. */
  readonly retentionMs: number
  /** What a generation of an unknown group gets: GROUP_ID_NOT_FOUND from version 9 [O1]. */
  readonly unknownGroupCode: number
  readonly items: readonly CommitItem[]
}

/** One partition's answer to a fetch. */
export interface FetchedOffset {
  readonly partition: number
  readonly code: number
  /** -1 when there is none or with an error. */
  readonly offset: number
  readonly leaderEpoch: number
  readonly metadata: string
}

/** One topic of a fetch; `topicId` is what the topic has now, null when unknown. */
export interface FetchTopic {
  readonly topic: string
  readonly topicId: string | null
  readonly partitions: readonly number[]
}

/** One topic's answer to a fetch. */
export interface FetchedTopic {
  readonly topic: string
  readonly partitions: readonly FetchedOffset[]
}

/** Answer to a fetch. */
export interface FetchReply {
  /** For the group as a whole; then `topics` is empty. */
  readonly code: number
  readonly topics: readonly FetchedTopic[]
}

/** Answer to deleting offsets. */
export interface DeleteReply {
  /** For the group as a whole; then `codes` is empty. */
  readonly code: number
  /** One code for each partition, in the order of the request. */
  readonly codes: readonly number[]
}

/** One code for each item, in order; answered once the commit is durable. */
export function commitOffsets(
  coordinator: GroupCoordinator,
  request: CommitRequest,
): Promise<readonly number[]> | readonly number[] {
  const { groupId, who, generation, items } = request
  const all = (code: number): readonly number[] => items.map(() => code)
  const partition = coordinator.locate(groupId)
  if (typeof partition === 'number') return all(partition)
  if (partition.isFull) return all(ErrorCode.COORDINATOR_NOT_AVAILABLE)
  let entry: GroupEntry | null | undefined = partition.shard.get(groupId)
  if (entry === undefined) {
    if (generation >= 0) return all(request.unknownGroupCode)
    if (groupId.length > coordinator.limits.groupIdLengthMax) return all(ErrorCode.INVALID_GROUP_ID)
    entry = partition.obtain(groupId)
  }
  if (entry === null) return all(ErrorCode.COORDINATOR_NOT_AVAILABLE)
  const at = partition.now()
  const code = entry.group.checkCommit(who, generation, at, false)
  if (code !== ErrorCode.NONE) return all(code)
  const { metadataBytesMax } = coordinator.limits
  const expireMs = request.retentionMs < 0 ? -1 : at.wallMs + request.retentionMs
  const records: GroupRecord[] = []
  const codes = items.map((item) => {
    const metadata = item.metadata ?? ''
    if (isLonger(metadata, metadataBytesMax)) return ErrorCode.OFFSET_METADATA_TOO_LARGE
    const { topic, topicId, offset, leaderEpoch } = item
    const committed = { offset, leaderEpoch, metadata, commitMs: at.wallMs, expireMs, topicId }
    records.push({ kind: 'offset', groupId, topic, partition: item.partition, committed })
    return ErrorCode.NONE
  })
  for (const record of records) partition.shard.apply(record)
  partition.write(records)
  partition.settle(entry)
  if (records.length === 0) return codes
  coordinator.counters.commits.value += records.length
  return new Promise((resolve) => {
    partition.whenDurable((lost) => resolve(lost === ErrorCode.NONE ? codes : all(lost)))
  })
}

/** The offsets of a group: of the topics asked for, or of all that it has for null [O5, O6]. */
export function fetchOffsets(
  coordinator: GroupCoordinator,
  groupId: string,
  topics: readonly FetchTopic[] | null,
  requireStable: boolean,
): Promise<FetchReply> | FetchReply {
  const partition = coordinator.locate(groupId)
  if (typeof partition === 'number') return { code: partition, topics: [] }
  const offsets = partition.shard.get(groupId)?.offsets
  const found = (topics ?? allTopics(offsets)).map((asked) => ({
    topic: asked.topic,
    partitions: asked.partitions.map((index) => fetchOne(offsets, asked, index, requireStable)),
  }))
  return new Promise((resolve) => {
    partition.whenDurable((code) => {
      resolve(code === ErrorCode.NONE ? { code, topics: found } : { code, topics: [] })
    })
  })
}

/** Deletes offsets of topics that no member reads [G22]; answered once that is durable. */
export function deleteOffsets(
  coordinator: GroupCoordinator,
  groupId: string,
  partitions: readonly TopicPartition[],
): Promise<DeleteReply> | DeleteReply {
  if (groupId === '') return { code: ErrorCode.INVALID_GROUP_ID, codes: [] }
  const partition = coordinator.locate(groupId)
  if (typeof partition === 'number') return { code: partition, codes: [] }
  const entry = partition.shard.get(groupId)
  if (entry === undefined) return { code: ErrorCode.GROUP_ID_NOT_FOUND, codes: [] }
  const code = checkOffsetDelete(entry.group)
  if (code !== ErrorCode.NONE) return { code, codes: [] }
  if (partition.isFull) return { code: ErrorCode.COORDINATOR_NOT_AVAILABLE, codes: [] }
  const records: GroupRecord[] = []
  const codes = partitions.map(({ topic, partition: index }) => {
    if (isSubscribed(entry.group, topic)) return ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC
    if (entry.offsets.get(topic, index) !== undefined) {
      records.push({ kind: 'offset', groupId, topic, partition: index, committed: null })
    }
    return ErrorCode.NONE
  })
  for (const record of records) partition.shard.apply(record)
  partition.write(records)
  partition.settle(entry)
  return new Promise((resolve) => {
    partition.whenDurable((lost) => resolve({ code: lost, codes: lost === 0 ? codes : [] }))
  })
}

function fetchOne(
  offsets: GroupOffsets | undefined,
  asked: FetchTopic,
  partition: number,
  requireStable: boolean,
): FetchedOffset {
  const none = { partition, code: ErrorCode.NONE, offset: -1, leaderEpoch: -1, metadata: '' }
  if (offsets === undefined) return none
  if (requireStable && offsets.isStaged(asked.topic, partition)) {
    return { ...none, code: ErrorCode.UNSTABLE_OFFSET_COMMIT }
  }
  const committed = offsets.get(asked.topic, partition)
  if (committed === undefined || isOfOtherTopic(committed, asked.topicId)) return none
  const { offset, leaderEpoch, metadata } = committed
  return { partition, code: ErrorCode.NONE, offset, leaderEpoch, metadata }
}

/** An offset of a topic that was deleted, and another of its name made since, is of no use. */
const isOfOtherTopic = (committed: CommittedOffset, topicId: string | null): boolean =>
  committed.topicId !== null && topicId !== null && committed.topicId !== topicId

const allTopics = (offsets: GroupOffsets | undefined): readonly FetchTopic[] =>
  offsets === undefined
    ? []
    : Array.from(offsets.topics(), ([topic, partitions]) => ({
        topic,
        topicId: null,
        partitions: [...partitions.keys()],
      }))

const utf8 = new TextEncoder()

function isLonger(text: string, bytesMax: number): boolean {
  if (text.length * 3 <= bytesMax) return false
  return text.length > bytesMax || utf8.encode(text).length > bytesMax
}
