// The OffsetFetch API (key 9): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../schema.ts'

/** A decoded OffsetFetchRequest. */
export interface OffsetFetchRequest {
  readonly groupId: string
  readonly topics: readonly OffsetFetchRequestTopic[] | null
  readonly groups: readonly OffsetFetchRequestGroup[]
  readonly requireStable: boolean
}

/** Part of OffsetFetchRequest. */
export interface OffsetFetchRequestTopic {
  readonly name: string
  readonly partitionIndexes: readonly number[]
}

/** Part of OffsetFetchRequest. */
export interface OffsetFetchRequestGroup {
  readonly groupId: string
  readonly memberId: string | null
  readonly memberEpoch: number
  readonly topics: readonly OffsetFetchRequestTopics[] | null
}

/** Part of OffsetFetchRequest. */
export interface OffsetFetchRequestTopics {
  readonly name: string
  readonly topicId: string
  readonly partitionIndexes: readonly number[]
}

const offsetFetchRequestTopicFields: readonly Field[] = [
  ['name', 'string', { to: 7 }],
  ['partitionIndexes', '[]int32', { to: 7 }],
]
const offsetFetchRequestTopicsFields: readonly Field[] = [
  ['name', 'string', { from: 8, to: 9 }],
  ['topicId', 'uuid', { from: 10 }],
  ['partitionIndexes', '[]int32', { from: 8 }],
]
const offsetFetchRequestGroupFields: readonly Field[] = [
  ['groupId', 'string', { from: 8 }],
  ['memberId', 'string', { from: 9, nullFrom: 9, default: null }],
  ['memberEpoch', 'int32', { from: 9, default: -1 }],
  ['topics', '[]struct', { from: 8, nullFrom: 8, fields: offsetFetchRequestTopicsFields }],
]

/** OffsetFetchRequest, versions 1 to 10, flexible from 6. */
export const offsetFetchRequest: Schema<OffsetFetchRequest> = {
  name: 'OffsetFetchRequest',
  key: 9,
  min: 1,
  max: 10,
  flexibleFrom: 6,
  fields: [
    ['groupId', 'string', { to: 7 }],
    [
      'topics',
      '[]struct',
      { to: 7, nullFrom: 2, nullTo: 7, fields: offsetFetchRequestTopicFields },
    ],
    ['groups', '[]struct', { from: 8, fields: offsetFetchRequestGroupFields }],
    ['requireStable', 'bool', { from: 7 }],
  ],
}

/** A decoded OffsetFetchResponse. */
export interface OffsetFetchResponse {
  readonly throttleTimeMs: number
  readonly topics: readonly OffsetFetchResponseTopic[]
  readonly errorCode: number
  readonly groups: readonly OffsetFetchResponseGroup[]
}

/** Part of OffsetFetchResponse. */
export interface OffsetFetchResponseTopic {
  readonly name: string
  readonly partitions: readonly OffsetFetchResponsePartition[]
}

/** Part of OffsetFetchResponse. */
export interface OffsetFetchResponsePartition {
  readonly partitionIndex: number
  readonly committedOffset: number
  readonly committedLeaderEpoch: number
  readonly metadata: string | null
  readonly errorCode: number
}

/** Part of OffsetFetchResponse. */
export interface OffsetFetchResponseGroup {
  readonly groupId: string
  readonly topics: readonly OffsetFetchResponseTopics[]
  readonly errorCode: number
}

/** Part of OffsetFetchResponse. */
export interface OffsetFetchResponseTopics {
  readonly name: string
  readonly topicId: string
  readonly partitions: readonly OffsetFetchResponsePartitions[]
}

/** Part of OffsetFetchResponse. */
export interface OffsetFetchResponsePartitions {
  readonly partitionIndex: number
  readonly committedOffset: number
  readonly committedLeaderEpoch: number
  readonly metadata: string | null
  readonly errorCode: number
}

const offsetFetchResponsePartitionFields: readonly Field[] = [
  ['partitionIndex', 'int32', { to: 7 }],
  ['committedOffset', 'int64', { to: 7 }],
  ['committedLeaderEpoch', 'int32', { from: 5, to: 7, default: -1 }],
  ['metadata', 'string', { to: 7, nullFrom: 0, nullTo: 7 }],
  ['errorCode', 'int16', { to: 7 }],
]
const offsetFetchResponseTopicFields: readonly Field[] = [
  ['name', 'string', { to: 7 }],
  ['partitions', '[]struct', { to: 7, fields: offsetFetchResponsePartitionFields }],
]
const offsetFetchResponsePartitionsFields: readonly Field[] = [
  ['partitionIndex', 'int32', { from: 8 }],
  ['committedOffset', 'int64', { from: 8 }],
  ['committedLeaderEpoch', 'int32', { from: 8, default: -1 }],
  ['metadata', 'string', { from: 8, nullFrom: 8 }],
  ['errorCode', 'int16', { from: 8 }],
]
const offsetFetchResponseTopicsFields: readonly Field[] = [
  ['name', 'string', { from: 8, to: 9 }],
  ['topicId', 'uuid', { from: 10 }],
  ['partitions', '[]struct', { from: 8, fields: offsetFetchResponsePartitionsFields }],
]
const offsetFetchResponseGroupFields: readonly Field[] = [
  ['groupId', 'string', { from: 8 }],
  ['topics', '[]struct', { from: 8, fields: offsetFetchResponseTopicsFields }],
  ['errorCode', 'int16', { from: 8 }],
]

/** OffsetFetchResponse, versions 1 to 10, flexible from 6. */
export const offsetFetchResponse: Schema<OffsetFetchResponse> = {
  name: 'OffsetFetchResponse',
  key: 9,
  min: 1,
  max: 10,
  flexibleFrom: 6,
  fields: [
    ['throttleTimeMs', 'int32', { from: 3 }],
    ['topics', '[]struct', { to: 7, fields: offsetFetchResponseTopicFields }],
    ['errorCode', 'int16', { from: 2, to: 7 }],
    ['groups', '[]struct', { from: 8, fields: offsetFetchResponseGroupFields }],
  ],
}
