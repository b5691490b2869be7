// A Fetch request decoded by straight-line code: what the table codec gives, field by field and
// in the same order, and refused where it refuses. Fetch sessions make most requests nearly empty;
// without a session (and from Java's first request) there may be a thousand partitions.
import { assert } from '../../base/assert.ts'
import { FormatError } from '../../base/errors.ts'
import type { Reader } from '../../base/reader.ts'
import type {
  FetchPartition,
  FetchRequest,
  FetchTopic,
  ForgottenTopic,
  ReplicaState,
} from '../messages/01-fetch.ts'
import { readInt64Max, skipTags, STRING_BYTES_MAX } from '../read-plan.ts'
import { NO_LIMIT, ZERO_UUID } from '../schema.ts'
import { uuidAt } from './bytes.ts'

const FIRST_LOG_START = 5
const FIRST_SESSION = 7
const FIRST_EPOCH = 9
const FIRST_RACK = 11
const FIRST_FLEXIBLE = 12
const FIRST_TOPIC_ID = 13
const FIRST_REPLICA_STATE = 15
const FIRST_DIRECTORY = 17
const FIRST_HIGH_WATERMARK = 18

const NO_REPLICA: ReplicaState = Object.freeze({ replicaId: -1, replicaEpoch: -1 })
const NO_FORGOTTEN: readonly ForgottenTopic[] = Object.freeze([])

/** Reads the body of a Fetch request, versions 4 to 18. Throws FormatError. */
export function decodeFetchRequest(version: number, reader: Reader): FetchRequest {
  assert(version >= 4, 'Fetch is read in a version below its range')
  assert(version <= 18, 'Fetch is read in a version above its range')
  const flexible = version >= FIRST_FLEXIBLE
  const replicaId = version < FIRST_REPLICA_STATE ? reader.int32() : -1
  const maxWaitMs = reader.int32()
  const minBytes = reader.int32()
  const maxBytes = reader.int32()
  const isolationLevel = reader.int8()
  const sessionId = version >= FIRST_SESSION ? reader.int32() : 0
  const sessionEpoch = version >= FIRST_SESSION ? reader.int32() : -1
  const topics = readTopics(version, reader)
  const forgottenTopicsData =
    version >= FIRST_SESSION ? readForgotten(version, reader) : NO_FORGOTTEN
  const rackId = version >= FIRST_RACK ? readString(reader, flexible) : ''
  let clusterId: string | null = null
  let replicaState = NO_REPLICA
  for (let tags = flexible ? reader.uvarint() : 0; tags > 0; tags--) {
    const tag = reader.uvarint()
    const end = tagEnd(reader)
    if (tag === 0) clusterId = readNullableString(reader)
    else if (tag === 1 && version >= FIRST_REPLICA_STATE) replicaState = readReplicaState(reader)
    else reader.at = end
    closeTag(reader, end)
  }
  return {
    clusterId,
    replicaId,
    replicaState,
    maxWaitMs,
    minBytes,
    maxBytes,
    isolationLevel,
    sessionId,
    sessionEpoch,
    topics,
    forgottenTopicsData,
    rackId,
  }
}

function readTopics(version: number, reader: Reader): FetchTopic[] {
  const flexible = version >= FIRST_FLEXIBLE
  const named = version < FIRST_TOPIC_ID
  const topics: FetchTopic[] = []
  for (let left = readCount(reader, flexible, topicLeast(version)); left > 0; left--) {
    const topic = named ? readString(reader, flexible) : ''
    const topicId = named ? ZERO_UUID : uuidAt(reader.bytes, reader.take(16))
    const partitions = readPartitions(version, reader)
    if (flexible) skipTags(reader)
    topics.push({ topic, topicId, partitions })
  }
  return topics
}

function topicLeast(version: number): number {
  if (version >= FIRST_TOPIC_ID) return 18
  return version >= FIRST_FLEXIBLE ? 3 : 6
}

function partitionLeast(version: number): number {
  if (version >= FIRST_FLEXIBLE) return 33
  if (version >= FIRST_EPOCH) return 28
  return version >= FIRST_LOG_START ? 24 : 16
}

function readPartitions(version: number, reader: Reader): FetchPartition[] {
  const flexible = version >= FIRST_FLEXIBLE
  const partitions: FetchPartition[] = []
  for (let left = readCount(reader, flexible, partitionLeast(version)); left > 0; left--) {
    const partition = reader.int32()
    const currentLeaderEpoch = version >= FIRST_EPOCH ? reader.int32() : -1
    const fetchOffset = reader.int64()
    const lastFetchedEpoch = flexible ? reader.int32() : -1
    const logStartOffset = version >= FIRST_LOG_START ? reader.int64() : -1
    const partitionMaxBytes = reader.int32()
    let replicaDirectoryId = ZERO_UUID
    let highWatermark = NO_LIMIT
    for (let tags = flexible ? reader.uvarint() : 0; tags > 0; tags--) {
      const tag = reader.uvarint()
      const end = tagEnd(reader)
      if (tag === 0 && version >= FIRST_DIRECTORY) {
        replicaDirectoryId = uuidAt(reader.bytes, reader.take(16))
      } else if (tag === 1 && version >= FIRST_HIGH_WATERMARK) {
        highWatermark = readInt64Max(reader)
      } else {
        reader.at = end
      }
      closeTag(reader, end)
    }
    partitions.push({
      partition,
      currentLeaderEpoch,
      fetchOffset,
      lastFetchedEpoch,
      logStartOffset,
      partitionMaxBytes,
      replicaDirectoryId,
      highWatermark,
    })
  }
  return partitions
}

function readForgotten(version: number, reader: Reader): ForgottenTopic[] {
  const flexible = version >= FIRST_FLEXIBLE
  const named = version < FIRST_TOPIC_ID
  const forgotten: ForgottenTopic[] = []
  for (let left = readCount(reader, flexible, topicLeast(version)); left > 0; left--) {
    const topic = named ? readString(reader, flexible) : ''
    const topicId = named ? ZERO_UUID : uuidAt(reader.bytes, reader.take(16))
    const partitions: number[] = []
    for (let count = readCount(reader, flexible, 4); count > 0; count--) {
      partitions.push(reader.int32())
    }
    if (flexible) skipTags(reader)
    forgotten.push({ topic, topicId, partitions })
  }
  return forgotten
}

function readReplicaState(reader: Reader): ReplicaState {
  const state = { replicaId: reader.int32(), replicaEpoch: reader.int64() }
  skipTags(reader)
  return state
}

function readCount(reader: Reader, flexible: boolean, least: number): number {
  const count = flexible ? reader.uvarint() - 1 : reader.int32()
  if (count < 0) throw new FormatError('A list that must not be null is null')
  if (count * least > reader.left) throw new FormatError('A list is longer than the message')
  reader.spend(count)
  return count
}

function readString(reader: Reader, flexible: boolean): string {
  const length = flexible ? reader.uvarint() - 1 : reader.int16()
  if (length < 0) throw new FormatError('A string that must not be null is null')
  if (length > STRING_BYTES_MAX) throw new FormatError('A string is longer than 32767 bytes')
  return reader.text(length)
}

function readNullableString(reader: Reader): string | null {
  const length = reader.uvarint() - 1
  if (length > STRING_BYTES_MAX) throw new FormatError('A string is longer than 32767 bytes')
  return length < 0 ? null : reader.text(length)
}

function tagEnd(reader: Reader): number {
  const size = reader.uvarint()
  if (size > reader.left) throw new FormatError('A tagged field is longer than the message')
  return reader.at + size
}

function closeTag(reader: Reader, end: number): void {
  if (reader.at !== end) throw new FormatError('A tagged field does not fill its size')
}
