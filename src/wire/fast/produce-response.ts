// A Produce response written straight into bytes whose size is known before: measure, then write.
// The frame's length, the header and the body go in one pass. A topic is named by the same bytes
// that named it in the request, whose version the response shares. One acknowledged partition,
// which is nearly every response there is, has a way of its own without any list.
import { assert } from '../../base/assert.ts'
import type {
  LeaderIdAndEpoch,
  NodeEndpoint,
  PartitionProduceResponse,
} from '../messages/00-produce.ts'
import {
  endpointTagsBytes,
  lengthBytes,
  putEndpointTags,
  putInt16,
  putInt32,
  putInt64,
  putLength,
  putRange,
  putString,
  putUvarint,
  stringBytes,
  uvarintBytes,
} from './bytes.ts'

const FIRST_LOG_START = 5
const FIRST_RECORD_ERRORS = 8
const FIRST_FLEXIBLE = 9
const FIRST_LEADER = 10
const FIRST_TOPIC_ID = 13

/** Which request a response answers. */
export interface ResponseHead {
  readonly version: number
  readonly correlationId: number
}

/** The outcome of one partition. Fields that a version lacks are left out. */
export interface ProducedPartition extends Omit<PartitionProduceResponse, 'currentLeader'> {
  /** Where to turn instead (KIP-951), from version 10 on; null to say nothing. */
  readonly currentLeader: LeaderIdAndEpoch | null
}

/** A topic's name as it came: source[start, end) is its name or, from version 13 on, its id. */
export interface TopicKey {
  readonly source: Uint8Array
  readonly start: number
  readonly end: number
}

/** The outcome of one topic. */
export interface ProducedTopic extends TopicKey {
  readonly partitions: readonly ProducedPartition[]
}

/** The outcome of a Produce request. */
export interface Produced {
  readonly topics: readonly ProducedTopic[]
  readonly throttleTimeMs: number
  /** Addresses of the leaders named above, from version 10 on. */
  readonly nodeEndpoints: readonly NodeEndpoint[]
}

/** One partition that was appended without error. Mutable: a connection may keep one of them. */
export interface ProduceAck extends TopicKey {
  source: Uint8Array
  start: number
  end: number
  version: number
  correlationId: number
  partition: number
  baseOffset: number
  logAppendTimeMs: number
  logStartOffset: number
  throttleTimeMs: number
}

const keyBytes = (version: number, length: number): number => {
  if (version >= FIRST_TOPIC_ID) return 16
  return length + (version >= FIRST_FLEXIBLE ? uvarintBytes(length + 1) : 2)
}

function putKey(bytes: Uint8Array, at: number, version: number, key: TopicKey): number {
  const length = key.end - key.start
  if (version >= FIRST_TOPIC_ID) {
    assert(length === 16, 'A topic id does not have 16 bytes')
    return putRange(bytes, at, key.source, key)
  }
  const flexible = version >= FIRST_FLEXIBLE
  const to = flexible ? putUvarint(bytes, at, length + 1) : putInt16(bytes, at, length)
  return putRange(bytes, to, key.source, key)
}

/** Bytes of a partition without errors, messages or a leader. */
function plainPartitionBytes(version: number): number {
  if (version >= FIRST_FLEXIBLE) return 33
  if (version >= FIRST_RECORD_ERRORS) return 36
  return version >= FIRST_LOG_START ? 30 : 22
}

/** Bytes of the frame that `writeProduceAck` writes for a topic name of `length` bytes. */
export function produceAckBytes(version: number, length: number): number {
  // Length, correlation id and throttle time are 12; a count of topics and one of partitions.
  const rest = version >= FIRST_FLEXIBLE ? 12 + 2 + 3 : 12 + 8
  return rest + keyBytes(version, length) + plainPartitionBytes(version)
}

/**
 * Writes the whole frame of a response with one acknowledged partition at `at`; returns the place
 * behind it. There must be room for `produceAckBytes`.
 */
export function writeProduceAck(bytes: Uint8Array, at: number, ack: ProduceAck): number {
  const { version } = ack
  const size = produceAckBytes(version, ack.end - ack.start)
  assert(at + size <= bytes.length, 'A Produce response has no room')
  const flexible = version >= FIRST_FLEXIBLE
  let to = putInt32(bytes, at, size - 4)
  to = putInt32(bytes, to, ack.correlationId)
  if (flexible) bytes[to++] = 0
  to = putLength(bytes, to, 1, flexible)
  to = putKey(bytes, to, version, ack)
  to = putLength(bytes, to, 1, flexible)
  to = putInt32(bytes, to, ack.partition)
  to = putInt16(bytes, to, 0)
  to = putInt64(bytes, to, ack.baseOffset)
  to = putInt64(bytes, to, ack.logAppendTimeMs)
  if (version >= FIRST_LOG_START) to = putInt64(bytes, to, ack.logStartOffset)
  if (version >= FIRST_RECORD_ERRORS) {
    to = putLength(bytes, to, 0, flexible)
    to = putString(bytes, to, null, flexible)
  }
  if (flexible) to = putInt16(bytes, to, 0) // no tags of the partition, none of the topic
  to = putInt32(bytes, to, ack.throttleTimeMs)
  if (flexible) bytes[to++] = 0
  assert(to === at + size, 'A Produce response is not as long as was measured')
  return to
}

const hasLeader = (version: number, leader: LeaderIdAndEpoch | null): leader is LeaderIdAndEpoch =>
  version >= FIRST_LEADER &&
  leader !== null &&
  (leader.leaderId !== -1 || leader.leaderEpoch !== -1)

function partitionBytes(version: number, partition: ProducedPartition): number {
  let size = plainPartitionBytes(version)
  if (version < FIRST_RECORD_ERRORS) return size
  const flexible = version >= FIRST_FLEXIBLE
  const { recordErrors, errorMessage } = partition
  if (recordErrors.length > 0) {
    size += lengthBytes(recordErrors.length, flexible) - lengthBytes(0, flexible)
    for (const { batchIndexErrorMessage } of recordErrors) {
      size += 4 + stringBytes(batchIndexErrorMessage, flexible) + (flexible ? 1 : 0)
    }
  }
  if (errorMessage !== null) size += stringBytes(errorMessage, flexible) - (flexible ? 1 : 2)
  if (hasLeader(version, partition.currentLeader)) size += 11
  return size
}

/** Bytes of the frame that `writeProduceResponse` writes. Throws what `stringBytes` throws. */
export function produceResponseBytes(version: number, produced: Produced): number {
  const flexible = version >= FIRST_FLEXIBLE
  let size = 12 + lengthBytes(produced.topics.length, flexible) + (flexible ? 1 : 0)
  for (const { start, end, partitions } of produced.topics) {
    size += keyBytes(version, end - start) + lengthBytes(partitions.length, flexible)
    for (const partition of partitions) size += partitionBytes(version, partition)
    if (flexible) size++
  }
  if (!flexible) return size
  return size + (version >= FIRST_LEADER ? endpointTagsBytes(produced.nodeEndpoints) : 1)
}

/**
 * Writes the whole frame of a response at `at`; returns the place behind it. There must be room
 * for `produceResponseBytes`.
 */
export function writeProduceResponse(
  bytes: Uint8Array,
  at: number,
  head: ResponseHead,
  produced: Produced,
): number {
  const { version } = head
  const size = produceResponseBytes(version, produced)
  assert(at + size <= bytes.length, 'A Produce response has no room')
  const flexible = version >= FIRST_FLEXIBLE
  let to = putInt32(bytes, at, size - 4)
  to = putInt32(bytes, to, head.correlationId)
  if (flexible) bytes[to++] = 0
  to = putLength(bytes, to, produced.topics.length, flexible)
  for (const topic of produced.topics) {
    to = putKey(bytes, to, version, topic)
    to = putLength(bytes, to, topic.partitions.length, flexible)
    for (const partition of topic.partitions) to = putPartition(bytes, to, version, partition)
    if (flexible) bytes[to++] = 0
  }
  to = putInt32(bytes, to, produced.throttleTimeMs)
  if (flexible) {
    to = putEndpointTags(bytes, to, version >= FIRST_LEADER ? produced.nodeEndpoints : [])
  }
  assert(to === at + size, 'A Produce response is not as long as was measured')
  return to
}

function putPartition(
  bytes: Uint8Array,
  at: number,
  version: number,
  partition: ProducedPartition,
): number {
  const flexible = version >= FIRST_FLEXIBLE
  let to = putInt32(bytes, at, partition.index)
  to = putInt16(bytes, to, partition.errorCode)
  to = putInt64(bytes, to, partition.baseOffset)
  to = putInt64(bytes, to, partition.logAppendTimeMs)
  if (version >= FIRST_LOG_START) to = putInt64(bytes, to, partition.logStartOffset)
  if (version >= FIRST_RECORD_ERRORS) {
    to = putLength(bytes, to, partition.recordErrors.length, flexible)
    for (const { batchIndex, batchIndexErrorMessage } of partition.recordErrors) {
      to = putInt32(bytes, to, batchIndex)
      to = putString(bytes, to, batchIndexErrorMessage, flexible)
      if (flexible) bytes[to++] = 0
    }
    to = putString(bytes, to, partition.errorMessage, flexible)
  }
  if (!flexible) return to
  if (!hasLeader(version, partition.currentLeader)) return putUvarint(bytes, to, 0)
  // One tagged field: tag 0, 9 bytes, of which the last says that the struct has no tags itself.
  bytes[to++] = 1
  bytes[to++] = 0
  bytes[to++] = 9
  to = putInt32(bytes, to, partition.currentLeader.leaderId)
  to = putInt32(bytes, to, partition.currentLeader.leaderEpoch)
  return putUvarint(bytes, to, 0)
}
