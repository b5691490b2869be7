// The DescribeShareGroupOffsets API (key 90): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../schema.ts'

/** A decoded DescribeShareGroupOffsetsRequest. */
export interface DescribeShareGroupOffsetsRequest {
  readonly groups: readonly DescribeShareGroupOffsetsRequestGroup[]
}

/** Part of DescribeShareGroupOffsetsRequest. */
export interface DescribeShareGroupOffsetsRequestGroup {
  readonly groupId: string
  readonly topics: readonly DescribeShareGroupOffsetsRequestTopic[] | null
}

/** Part of DescribeShareGroupOffsetsRequest. */
export interface DescribeShareGroupOffsetsRequestTopic {
  readonly topicName: string
  readonly partitions: readonly number[]
}

const describeShareGroupOffsetsRequestTopicFields: readonly Field[] = [
  ['topicName', 'string'],
  ['partitions', '[]int32'],
]
const describeShareGroupOffsetsRequestGroupFields: readonly Field[] = [
  ['groupId', 'string'],
  ['topics', '[]struct', { nullFrom: 0, fields: describeShareGroupOffsetsRequestTopicFields }],
]

/** DescribeShareGroupOffsetsRequest, versions 0 to 1, flexible from 0. */
export const describeShareGroupOffsetsRequest: Schema<DescribeShareGroupOffsetsRequest> = {
  name: 'DescribeShareGroupOffsetsRequest',
  key: 90,
  min: 0,
  max: 1,
  flexibleFrom: 0,
  fields: [['groups', '[]struct', { fields: describeShareGroupOffsetsRequestGroupFields }]],
}

/** A decoded DescribeShareGroupOffsetsResponse. */
export interface DescribeShareGroupOffsetsResponse {
  readonly throttleTimeMs: number
  readonly groups: readonly DescribeShareGroupOffsetsResponseGroup[]
}

/** Part of DescribeShareGroupOffsetsResponse. */
export interface DescribeShareGroupOffsetsResponseGroup {
  readonly groupId: string
  readonly topics: readonly DescribeShareGroupOffsetsResponseTopic[]
  readonly errorCode: number
  readonly errorMessage: string | null
}

/** Part of DescribeShareGroupOffsetsResponse. */
export interface DescribeShareGroupOffsetsResponseTopic {
  readonly topicName: string
  readonly topicId: string
  readonly partitions: readonly DescribeShareGroupOffsetsResponsePartition[]
}

/** Part of DescribeShareGroupOffsetsResponse. */
export interface DescribeShareGroupOffsetsResponsePartition {
  readonly partitionIndex: number
  readonly startOffset: number
  readonly leaderEpoch: number
  readonly lag: number
  readonly errorCode: number
  readonly errorMessage: string | null
}

const describeShareGroupOffsetsResponsePartitionFields: readonly Field[] = [
  ['partitionIndex', 'int32'],
  ['startOffset', 'int64'],
  ['leaderEpoch', 'int32'],
  ['lag', 'int64', { from: 1, default: -1 }],
  ['errorCode', 'int16'],
  ['errorMessage', 'string', { nullFrom: 0, default: null }],
]
const describeShareGroupOffsetsResponseTopicFields: readonly Field[] = [
  ['topicName', 'string'],
  ['topicId', 'uuid'],
  ['partitions', '[]struct', { fields: describeShareGroupOffsetsResponsePartitionFields }],
]
const describeShareGroupOffsetsResponseGroupFields: readonly Field[] = [
  ['groupId', 'string'],
  ['topics', '[]struct', { fields: describeShareGroupOffsetsResponseTopicFields }],
  ['errorCode', 'int16'],
  ['errorMessage', 'string', { nullFrom: 0, default: null }],
]

/** DescribeShareGroupOffsetsResponse, versions 0 to 1, flexible from 0. */
export const describeShareGroupOffsetsResponse: Schema<DescribeShareGroupOffsetsResponse> = {
  name: 'DescribeShareGroupOffsetsResponse',
  key: 90,
  min: 0,
  max: 1,
  flexibleFrom: 0,
  fields: [
    ['throttleTimeMs', 'int32'],
    ['groups', '[]struct', { fields: describeShareGroupOffsetsResponseGroupFields }],
  ],
}
