// The DescribeTopicPartitions API (key 75): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../schema.ts'

/** A decoded DescribeTopicPartitionsRequest. */
export interface DescribeTopicPartitionsRequest {
  readonly topics: readonly TopicRequest[]
  readonly responsePartitionLimit: number
  readonly cursor: DescribeTopicPartitionsRequestCursor | null
}

/** Part of DescribeTopicPartitionsRequest. */
export interface TopicRequest {
  readonly name: string
}

/** Part of DescribeTopicPartitionsRequest. */
export interface DescribeTopicPartitionsRequestCursor {
  readonly topicName: string
  readonly partitionIndex: number
}

const topicRequestFields: readonly Field[] = [['name', 'string']]
const describeTopicPartitionsRequestCursorFields: readonly Field[] = [
  ['topicName', 'string'],
  ['partitionIndex', 'int32'],
]

/** DescribeTopicPartitionsRequest, version 0, flexible from 0. */
export const describeTopicPartitionsRequest: Schema<DescribeTopicPartitionsRequest> = {
  name: 'DescribeTopicPartitionsRequest',
  key: 75,
  min: 0,
  max: 0,
  flexibleFrom: 0,
  fields: [
    ['topics', '[]struct', { fields: topicRequestFields }],
    ['responsePartitionLimit', 'int32', { default: 2000 }],
    [
      'cursor',
      'struct',
      { nullFrom: 0, default: null, fields: describeTopicPartitionsRequestCursorFields },
    ],
  ],
}

/** A decoded DescribeTopicPartitionsResponse. */
export interface DescribeTopicPartitionsResponse {
  readonly throttleTimeMs: number
  readonly topics: readonly DescribeTopicPartitionsResponseTopic[]
  readonly nextCursor: DescribeTopicPartitionsResponseCursor | null
}

/** Part of DescribeTopicPartitionsResponse. */
export interface DescribeTopicPartitionsResponseTopic {
  readonly errorCode: number
  readonly name: string | null
  readonly topicId: string
  readonly isInternal: boolean
  readonly partitions: readonly DescribeTopicPartitionsResponsePartition[]
  readonly topicAuthorizedOperations: number
}

/** Part of DescribeTopicPartitionsResponse. */
export interface DescribeTopicPartitionsResponsePartition {
  readonly errorCode: number
  readonly partitionIndex: number
  readonly leaderId: number
  readonly leaderEpoch: number
  readonly replicaNodes: readonly number[]
  readonly isrNodes: readonly number[]
  readonly eligibleLeaderReplicas: readonly number[] | null
  readonly lastKnownElr: readonly number[] | null
  readonly offlineReplicas: readonly number[]
}

/** Part of DescribeTopicPartitionsResponse. */
export interface DescribeTopicPartitionsResponseCursor {
  readonly topicName: string
  readonly partitionIndex: number
}

const describeTopicPartitionsResponsePartitionFields: readonly Field[] = [
  ['errorCode', 'int16'],
  ['partitionIndex', 'int32'],
  ['leaderId', 'int32'],
  ['leaderEpoch', 'int32', { default: -1 }],
  ['replicaNodes', '[]int32'],
  ['isrNodes', '[]int32'],
  ['eligibleLeaderReplicas', '[]int32', { nullFrom: 0, default: null }],
  ['lastKnownElr', '[]int32', { nullFrom: 0, default: null }],
  ['offlineReplicas', '[]int32'],
]
const describeTopicPartitionsResponseTopicFields: readonly Field[] = [
  ['errorCode', 'int16'],
  ['name', 'string', { nullFrom: 0 }],
  ['topicId', 'uuid'],
  ['isInternal', 'bool'],
  ['partitions', '[]struct', { fields: describeTopicPartitionsResponsePartitionFields }],
  ['topicAuthorizedOperations', 'int32', { default: -2147483648 }],
]
const describeTopicPartitionsResponseCursorFields: readonly Field[] = [
  ['topicName', 'string'],
  ['partitionIndex', 'int32'],
]

/** DescribeTopicPartitionsResponse, version 0, flexible from 0. */
export const describeTopicPartitionsResponse: Schema<DescribeTopicPartitionsResponse> = {
  name: 'DescribeTopicPartitionsResponse',
  key: 75,
  min: 0,
  max: 0,
  flexibleFrom: 0,
  fields: [
    ['throttleTimeMs', 'int32'],
    ['topics', '[]struct', { fields: describeTopicPartitionsResponseTopicFields }],
    [
      'nextCursor',
      'struct',
      { nullFrom: 0, default: null, fields: describeTopicPartitionsResponseCursorFields },
    ],
  ],
}
