// A Fetch response as a list of parts: the bytes written here, and between them the records as
// they lie in the cache or the page that was read, never copied. All that is written here goes
// into one array whose size is measured before. Frame length and header are included. A partition
// without records gets records of length 0, never null: clients are known to fail on null.
import { assert } from '../../base/assert.ts'
import type {
  AbortedTransaction,
  EpochEndOffset,
  LeaderIdAndEpoch,
  NodeEndpoint,
  PartitionData,
  SnapshotId,
} from '../messages/01-fetch.ts'
import {
  endpointTagsBytes,
  lengthBytes,
  putEndpointTags,
  putInt16,
  putInt32,
  putInt64,
  putLength,
  putString,
  putUvarint,
  putUuid,
  stringBytes,
} from './bytes.ts'
import type { ResponseHead } from './produce-response.ts'

const FIRST_LOG_START = 5
const FIRST_SESSION = 7
const FIRST_PREFERRED = 11
const FIRST_FLEXIBLE = 12
const FIRST_TOPIC_ID = 13
const FIRST_ENDPOINTS = 16

type Told = 'divergingEpoch' | 'currentLeader' | 'snapshotId' | 'records'

/** The answer for one partition. Fields that a version lacks are left out. */
export interface FetchedPartition extends Omit<PartitionData, Told> {
  /** From version 12 on; null to say nothing. */
  readonly divergingEpoch: EpochEndOffset | null
  /** From version 12 on; null to say nothing. */
  readonly currentLeader: LeaderIdAndEpoch | null
  /** From version 12 on; null to say nothing. */
  readonly snapshotId: SnapshotId | null
  /** Whole batches in order; they become parts of the response as they are. */
  readonly parts: readonly Uint8Array[]
  /** Sum of the parts' lengths. */
  readonly bytes: number
}

/** The answer for one topic: by name up to version 12, by id from 13 on. */
export interface FetchedTopic {
  readonly topic: string
  readonly topicId: string
  readonly partitions: readonly FetchedPartition[]
}

/** The answer to a Fetch request. */
export interface Fetched {
  readonly throttleTimeMs: number
  readonly errorCode: number
  readonly sessionId: number
  readonly topics: readonly FetchedTopic[]
  /** Addresses of the leaders named above, from version 16 on. */
  readonly nodeEndpoints: readonly NodeEndpoint[]
}

/** A frame in parts, to be sent one after the other. */
export interface FrameParts {
  readonly parts: readonly Uint8Array[]
  /** Sum of the parts' lengths. */
  readonly bytes: number
}

const isDiverging = (told: EpochEndOffset | null): told is EpochEndOffset =>
  told !== null && (told.epoch !== -1 || told.endOffset !== -1)

const isLeader = (told: LeaderIdAndEpoch | null): told is LeaderIdAndEpoch =>
  told !== null && (told.leaderId !== -1 || told.leaderEpoch !== -1)

const isSnapshot = (told: SnapshotId | null): told is SnapshotId =>
  told !== null && (told.endOffset !== -1 || told.epoch !== -1)

/** Bytes of a partition's tagged fields: each has a tag and a size of one byte. */
function tagsBytes({ divergingEpoch, currentLeader, snapshotId }: FetchedPartition): number {
  const diverging = isDiverging(divergingEpoch) ? 15 : 0
  const leader = isLeader(currentLeader) ? 11 : 0
  return 1 + diverging + leader + (isSnapshot(snapshotId) ? 15 : 0)
}

function partitionBytes(version: number, partition: FetchedPartition): number {
  const flexible = version >= FIRST_FLEXIBLE
  const { abortedTransactions, bytes } = partition
  let size = 22 + lengthBytes(bytes, flexible)
  if (version >= FIRST_LOG_START) size += 8
  if (version >= FIRST_PREFERRED) size += 4
  size += lengthBytes(abortedTransactions?.length ?? 0, flexible)
  if (abortedTransactions !== null) size += abortedTransactions.length * (flexible ? 17 : 16)
  return flexible ? size + tagsBytes(partition) : size
}

/** Bytes of the frame without its records. */
function frameBytes(version: number, fetched: Fetched): number {
  const flexible = version >= FIRST_FLEXIBLE
  let size = 12 + (version >= FIRST_SESSION ? 6 : 0) + (flexible ? 1 : 0)
  size += lengthBytes(fetched.topics.length, flexible)
  for (const { topic, partitions } of fetched.topics) {
    size += version >= FIRST_TOPIC_ID ? 16 : stringBytes(topic, flexible)
    size += lengthBytes(partitions.length, flexible)
    for (const partition of partitions) size += partitionBytes(version, partition)
    if (flexible) size++
  }
  if (!flexible) return size
  return size + (version >= FIRST_ENDPOINTS ? endpointTagsBytes(fetched.nodeEndpoints) : 1)
}

function recordsBytes(fetched: Fetched): number {
  let total = 0
  for (const { partitions } of fetched.topics) for (const { bytes } of partitions) total += bytes
  return total
}

/**
 * The whole frame of a response, versions 4 to 18. The records among its parts are those given,
 * to be kept until the frame is sent.
 */
export function encodeFetchResponse(head: ResponseHead, fetched: Fetched): FrameParts {
  const { version } = head
  const flexible = version >= FIRST_FLEXIBLE
  const size = frameBytes(version, fetched)
  const total = size + recordsBytes(fetched)
  assert(total - 4 <= 0x7fffffff, 'A Fetch response is longer than a frame can be')
  const bytes = new Uint8Array(size)
  const parts: Uint8Array[] = []
  let cut = 0
  let at = putInt32(bytes, 0, total - 4)
  at = putInt32(bytes, at, head.correlationId)
  if (flexible) bytes[at++] = 0
  at = putInt32(bytes, at, fetched.throttleTimeMs)
  if (version >= FIRST_SESSION) {
    at = putInt16(bytes, at, fetched.errorCode)
    at = putInt32(bytes, at, fetched.sessionId)
  }
  at = putLength(bytes, at, fetched.topics.length, flexible)
  for (const { topic, topicId, partitions } of fetched.topics) {
    if (version >= FIRST_TOPIC_ID) at = putUuid(bytes, at, topicId)
    else at = putString(bytes, at, topic, flexible)
    at = putLength(bytes, at, partitions.length, flexible)
    for (const partition of partitions) {
      at = putPartition(bytes, at, version, partition)
      if (partition.bytes > 0) {
        parts.push(bytes.subarray(cut, at))
        for (const part of partition.parts) parts.push(part)
        cut = at
      }
      if (flexible) at = putTags(bytes, at, partition)
    }
    if (flexible) bytes[at++] = 0
  }
  if (flexible) {
    at = putEndpointTags(bytes, at, version >= FIRST_ENDPOINTS ? fetched.nodeEndpoints : [])
  }
  assert(at === size, 'A Fetch response is not as long as was measured')
  if (at > cut) parts.push(bytes.subarray(cut, at))
  return { parts, bytes: total }
}

/** Writes a partition up to where its records begin. */
function putPartition(
  bytes: Uint8Array,
  from: number,
  version: number,
  partition: FetchedPartition,
): number {
  const flexible = version >= FIRST_FLEXIBLE
  let at = putInt32(bytes, from, partition.partitionIndex)
  at = putInt16(bytes, at, partition.errorCode)
  at = putInt64(bytes, at, partition.highWatermark)
  at = putInt64(bytes, at, partition.lastStableOffset)
  if (version >= FIRST_LOG_START) at = putInt64(bytes, at, partition.logStartOffset)
  at = putAborted(bytes, at, partition.abortedTransactions, flexible)
  if (version >= FIRST_PREFERRED) at = putInt32(bytes, at, partition.preferredReadReplica)
  return putLength(bytes, at, partition.bytes, flexible)
}

function putAborted(
  bytes: Uint8Array,
  from: number,
  aborted: readonly AbortedTransaction[] | null,
  flexible: boolean,
): number {
  if (aborted === null) return putLength(bytes, from, -1, flexible)
  let at = putLength(bytes, from, aborted.length, flexible)
  for (const { producerId, firstOffset } of aborted) {
    at = putInt64(bytes, at, producerId)
    at = putInt64(bytes, at, firstOffset)
    if (flexible) bytes[at++] = 0
  }
  return at
}

/** Writes a partition's tagged fields: tag, size, struct, and that it has no tags itself. */
function putTags(bytes: Uint8Array, from: number, partition: FetchedPartition): number {
  const { divergingEpoch, currentLeader, snapshotId } = partition
  const countAt = from
  let count = 0
  let at = putUvarint(bytes, from, 0)
  if (isDiverging(divergingEpoch)) {
    count++
    at = putInt16(bytes, at, (0 << 8) | 13)
    at = putInt32(bytes, at, divergingEpoch.epoch)
    at = putInt64(bytes, at, divergingEpoch.endOffset)
    bytes[at++] = 0
  }
  if (isLeader(currentLeader)) {
    count++
    at = putInt16(bytes, at, (1 << 8) | 9)
    at = putInt32(bytes, at, currentLeader.leaderId)
    at = putInt32(bytes, at, currentLeader.leaderEpoch)
    bytes[at++] = 0
  }
  if (isSnapshot(snapshotId)) {
    count++
    at = putInt16(bytes, at, (2 << 8) | 13)
    at = putInt64(bytes, at, snapshotId.endOffset)
    at = putInt32(bytes, at, snapshotId.epoch)
    bytes[at++] = 0
  }
  bytes[countAt] = count
  return at
}
