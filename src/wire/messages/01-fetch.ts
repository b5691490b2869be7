// The Fetch API (key 1): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../schema.ts'
import { NO_LIMIT } from '../schema.ts'

/** A decoded FetchRequest. */
export interface FetchRequest {
  readonly clusterId: string | null
  readonly replicaId: number
  readonly replicaState: ReplicaState
  readonly maxWaitMs: number
  readonly minBytes: number
  readonly maxBytes: number
  readonly isolationLevel: number
  readonly sessionId: number
  readonly sessionEpoch: number
  readonly topics: readonly FetchTopic[]
  readonly forgottenTopicsData: readonly ForgottenTopic[]
  readonly rackId: string
}

/** Part of FetchRequest. */
export interface ReplicaState {
  readonly replicaId: number
  readonly replicaEpoch: number
}

/** Part of FetchRequest. */
export interface FetchTopic {
  readonly topic: string
  readonly topicId: string
  readonly partitions: readonly FetchPartition[]
}

/** Part of FetchRequest. */
export interface FetchPartition {
  readonly partition: number
  readonly currentLeaderEpoch: number
  readonly fetchOffset: number
  readonly lastFetchedEpoch: number
  readonly logStartOffset: number
  readonly partitionMaxBytes: number
  readonly replicaDirectoryId: string
  readonly highWatermark: number
}

/** Part of FetchRequest. */
export interface ForgottenTopic {
  readonly topic: string
  readonly topicId: string
  readonly partitions: readonly number[]
}

const replicaStateFields: readonly Field[] = [
  ['replicaId', 'int32', { from: 15, default: -1 }],
  ['replicaEpoch', 'int64', { from: 15, default: -1 }],
]
const fetchPartitionFields: readonly Field[] = [
  ['partition', 'int32'],
  ['currentLeaderEpoch', 'int32', { from: 9, default: -1 }],
  ['fetchOffset', 'int64'],
  ['lastFetchedEpoch', 'int32', { from: 12, default: -1 }],
  ['logStartOffset', 'int64', { from: 5, default: -1 }],
  ['partitionMaxBytes', 'int32'],
  ['replicaDirectoryId', 'uuid', { from: 17, tag: 0 }],
  ['highWatermark', 'int64max', { from: 18, tag: 1, default: NO_LIMIT }],
]
const fetchTopicFields: readonly Field[] = [
  ['topic', 'string', { to: 12 }],
  ['topicId', 'uuid', { from: 13 }],
  ['partitions', '[]struct', { fields: fetchPartitionFields }],
]
const forgottenTopicFields: readonly Field[] = [
  ['topic', 'string', { from: 7, to: 12 }],
  ['topicId', 'uuid', { from: 13 }],
  ['partitions', '[]int32', { from: 7 }],
]

/** FetchRequest, versions 4 to 18, flexible from 12. */
export const fetchRequest: Schema<FetchRequest> = {
  name: 'FetchRequest',
  key: 1,
  min: 4,
  max: 18,
  flexibleFrom: 12,
  fields: [
    ['clusterId', 'string', { from: 12, nullFrom: 12, tag: 0, default: null }],
    ['replicaId', 'int32', { to: 14, default: -1 }],
    ['replicaState', 'struct', { from: 15, tag: 1, fields: replicaStateFields }],
    ['maxWaitMs', 'int32'],
    ['minBytes', 'int32'],
    ['maxBytes', 'int32', { default: 2147483647 }],
    ['isolationLevel', 'int8'],
    ['sessionId', 'int32', { from: 7 }],
    ['sessionEpoch', 'int32', { from: 7, default: -1 }],
    ['topics', '[]struct', { fields: fetchTopicFields }],
    ['forgottenTopicsData', '[]struct', { from: 7, fields: forgottenTopicFields }],
    ['rackId', 'string', { from: 11 }],
  ],
}

/** A decoded FetchResponse. */
export interface FetchResponse {
  readonly throttleTimeMs: number
  readonly errorCode: number
  readonly sessionId: number
  readonly responses: readonly FetchableTopicResponse[]
  readonly nodeEndpoints: readonly NodeEndpoint[]
}

/** Part of FetchResponse. */
export interface FetchableTopicResponse {
  readonly topic: string
  readonly topicId: string
  readonly partitions: readonly PartitionData[]
}

/** Part of FetchResponse. */
export interface PartitionData {
  readonly partitionIndex: number
  readonly errorCode: number
  readonly highWatermark: number
  readonly lastStableOffset: number
  readonly logStartOffset: number
  readonly divergingEpoch: EpochEndOffset
  readonly currentLeader: LeaderIdAndEpoch
  readonly snapshotId: SnapshotId
  readonly abortedTransactions: readonly AbortedTransaction[] | null
  readonly preferredReadReplica: number
  readonly records: Uint8Array | null
}

/** Part of FetchResponse. */
export interface EpochEndOffset {
  readonly epoch: number
  readonly endOffset: number
}

/** Part of FetchResponse. */
export interface LeaderIdAndEpoch {
  readonly leaderId: number
  readonly leaderEpoch: number
}

/** Part of FetchResponse. */
export interface SnapshotId {
  readonly endOffset: number
  readonly epoch: number
}

/** Part of FetchResponse. */
export interface AbortedTransaction {
  readonly producerId: number
  readonly firstOffset: number
}

/** Part of FetchResponse. */
export interface NodeEndpoint {
  readonly nodeId: number
  readonly host: string
  readonly port: number
  readonly rack: string | null
}

const epochEndOffsetFields: readonly Field[] = [
  ['epoch', 'int32', { from: 12, default: -1 }],
  ['endOffset', 'int64', { from: 12, default: -1 }],
]
const leaderIdAndEpochFields: readonly Field[] = [
  ['leaderId', 'int32', { from: 12, default: -1 }],
  ['leaderEpoch', 'int32', { from: 12, default: -1 }],
]
const snapshotIdFields: readonly Field[] = [
  ['endOffset', 'int64', { default: -1 }],
  ['epoch', 'int32', { default: -1 }],
]
const abortedTransactionFields: readonly Field[] = [
  ['producerId', 'int64'],
  ['firstOffset', 'int64'],
]
const partitionDataFields: readonly Field[] = [
  ['partitionIndex', 'int32'],
  ['errorCode', 'int16'],
  ['highWatermark', 'int64'],
  ['lastStableOffset', 'int64', { default: -1 }],
  ['logStartOffset', 'int64', { from: 5, default: -1 }],
  ['divergingEpoch', 'struct', { from: 12, tag: 0, fields: epochEndOffsetFields }],
  ['currentLeader', 'struct', { from: 12, tag: 1, fields: leaderIdAndEpochFields }],
  ['snapshotId', 'struct', { from: 12, tag: 2, fields: snapshotIdFields }],
  ['abortedTransactions', '[]struct', { nullFrom: 4, fields: abortedTransactionFields }],
  ['preferredReadReplica', 'int32', { from: 11, default: -1 }],
  ['records', 'records', { nullFrom: 0 }],
]
const fetchableTopicResponseFields: readonly Field[] = [
  ['topic', 'string', { to: 12 }],
  ['topicId', 'uuid', { from: 13 }],
  ['partitions', '[]struct', { fields: partitionDataFields }],
]
const nodeEndpointFields: readonly Field[] = [
  ['nodeId', 'int32', { from: 16 }],
  ['host', 'string', { from: 16 }],
  ['port', 'int32', { from: 16 }],
  ['rack', 'string', { from: 16, nullFrom: 16, default: null }],
]

/** FetchResponse, versions 4 to 18, flexible from 12. */
export const fetchResponse: Schema<FetchResponse> = {
  name: 'FetchResponse',
  key: 1,
  min: 4,
  max: 18,
  flexibleFrom: 12,
  fields: [
    ['throttleTimeMs', 'int32'],
    ['errorCode', 'int16', { from: 7 }],
    ['sessionId', 'int32', { from: 7 }],
    ['responses', '[]struct', { fields: fetchableTopicResponseFields }],
    ['nodeEndpoints', '[]struct', { from: 16, tag: 0, fields: nodeEndpointFields }],
  ],
}
