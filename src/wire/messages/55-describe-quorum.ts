// The DescribeQuorum API (key 55): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../schema.ts'

/** A decoded DescribeQuorumRequest. */
export interface DescribeQuorumRequest {
  readonly topics: readonly DescribeQuorumRequestTopicData[]
}

/** Part of DescribeQuorumRequest. */
export interface DescribeQuorumRequestTopicData {
  readonly topicName: string
  readonly partitions: readonly DescribeQuorumRequestPartitionData[]
}

/** Part of DescribeQuorumRequest. */
export interface DescribeQuorumRequestPartitionData {
  readonly partitionIndex: number
}

const describeQuorumRequestPartitionDataFields: readonly Field[] = [['partitionIndex', 'int32']]
const describeQuorumRequestTopicDataFields: readonly Field[] = [
  ['topicName', 'string'],
  ['partitions', '[]struct', { fields: describeQuorumRequestPartitionDataFields }],
]

/** DescribeQuorumRequest, versions 0 to 2, flexible from 0. */
export const describeQuorumRequest: Schema<DescribeQuorumRequest> = {
  name: 'DescribeQuorumRequest',
  key: 55,
  min: 0,
  max: 2,
  flexibleFrom: 0,
  fields: [['topics', '[]struct', { fields: describeQuorumRequestTopicDataFields }]],
}

/** A decoded DescribeQuorumResponse. */
export interface DescribeQuorumResponse {
  readonly errorCode: number
  readonly errorMessage: string | null
  readonly topics: readonly DescribeQuorumResponseTopicData[]
  readonly nodes: readonly Node[]
}

/** Part of DescribeQuorumResponse. */
export interface DescribeQuorumResponseTopicData {
  readonly topicName: string
  readonly partitions: readonly DescribeQuorumResponsePartitionData[]
}

/** Part of DescribeQuorumResponse. */
export interface DescribeQuorumResponsePartitionData {
  readonly partitionIndex: number
  readonly errorCode: number
  readonly errorMessage: string | null
  readonly leaderId: number
  readonly leaderEpoch: number
  readonly highWatermark: number
  readonly currentVoters: readonly ReplicaState[]
  readonly observers: readonly ReplicaState[]
}

/** Part of DescribeQuorumResponse. */
export interface ReplicaState {
  readonly replicaId: number
  readonly replicaDirectoryId: string
  readonly logEndOffset: number
  readonly lastFetchTimestamp: number
  readonly lastCaughtUpTimestamp: number
}

/** Part of DescribeQuorumResponse. */
export interface Node {
  readonly nodeId: number
  readonly listeners: readonly Listener[]
}

/** Part of DescribeQuorumResponse. */
export interface Listener {
  readonly name: string
  readonly host: string
  readonly port: number
}

const replicaStateFields: readonly Field[] = [
  ['replicaId', 'int32'],
  ['replicaDirectoryId', 'uuid', { from: 2 }],
  ['logEndOffset', 'int64'],
  ['lastFetchTimestamp', 'int64', { from: 1, default: -1 }],
  ['lastCaughtUpTimestamp', 'int64', { from: 1, default: -1 }],
]
const describeQuorumResponsePartitionDataFields: readonly Field[] = [
  ['partitionIndex', 'int32'],
  ['errorCode', 'int16'],
  ['errorMessage', 'string', { from: 2, nullFrom: 2 }],
  ['leaderId', 'int32'],
  ['leaderEpoch', 'int32'],
  ['highWatermark', 'int64'],
  ['currentVoters', '[]struct', { fields: replicaStateFields }],
  ['observers', '[]struct', { fields: replicaStateFields }],
]
const describeQuorumResponseTopicDataFields: readonly Field[] = [
  ['topicName', 'string'],
  ['partitions', '[]struct', { fields: describeQuorumResponsePartitionDataFields }],
]
const listenerFields: readonly Field[] = [
  ['name', 'string', { from: 2 }],
  ['host', 'string', { from: 2 }],
  ['port', 'uint16', { from: 2 }],
]
const nodeFields: readonly Field[] = [
  ['nodeId', 'int32', { from: 2 }],
  ['listeners', '[]struct', { from: 2, fields: listenerFields }],
]

/** DescribeQuorumResponse, versions 0 to 2, flexible from 0. */
export const describeQuorumResponse: Schema<DescribeQuorumResponse> = {
  name: 'DescribeQuorumResponse',
  key: 55,
  min: 0,
  max: 2,
  flexibleFrom: 0,
  fields: [
    ['errorCode', 'int16'],
    ['errorMessage', 'string', { from: 2, nullFrom: 2 }],
    ['topics', '[]struct', { fields: describeQuorumResponseTopicDataFields }],
    ['nodes', '[]struct', { from: 2, fields: nodeFields }],
  ],
}
