// The OffsetCommit API (key 8): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../schema.ts'

/** A decoded OffsetCommitRequest. */
export interface OffsetCommitRequest {
  readonly groupId: string
  readonly generationIdOrMemberEpoch: number
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly retentionTimeMs: number
  readonly topics: readonly OffsetCommitRequestTopic[]
}

/** Part of OffsetCommitRequest. */
export interface OffsetCommitRequestTopic {
  readonly name: string
  readonly topicId: string
  readonly partitions: readonly OffsetCommitRequestPartition[]
}

/** Part of OffsetCommitRequest. */
export interface OffsetCommitRequestPartition {
  readonly partitionIndex: number
  readonly committedOffset: number
  readonly committedLeaderEpoch: number
  readonly committedMetadata: string | null
}

const offsetCommitRequestPartitionFields: readonly Field[] = [
  ['partitionIndex', 'int32'],
  ['committedOffset', 'int64'],
  ['committedLeaderEpoch', 'int32', { from: 6, default: -1 }],
  ['committedMetadata', 'string', { nullFrom: 0 }],
]
const offsetCommitRequestTopicFields: readonly Field[] = [
  ['name', 'string', { to: 9 }],
  ['topicId', 'uuid', { from: 10 }],
  ['partitions', '[]struct', { fields: offsetCommitRequestPartitionFields }],
]

/** OffsetCommitRequest, versions 2 to 10, flexible from 8. */
export const offsetCommitRequest: Schema<OffsetCommitRequest> = {
  name: 'OffsetCommitRequest',
  key: 8,
  min: 2,
  max: 10,
  flexibleFrom: 8,
  fields: [
    ['groupId', 'string'],
    ['generationIdOrMemberEpoch', 'int32', { default: -1 }],
    ['memberId', 'string'],
    ['groupInstanceId', 'string', { from: 7, nullFrom: 7, default: null }],
    ['retentionTimeMs', 'int64', { to: 4, default: -1 }],
    ['topics', '[]struct', { fields: offsetCommitRequestTopicFields }],
  ],
}

/** A decoded OffsetCommitResponse. */
export interface OffsetCommitResponse {
  readonly throttleTimeMs: number
  readonly topics: readonly OffsetCommitResponseTopic[]
}

/** Part of OffsetCommitResponse. */
export interface OffsetCommitResponseTopic {
  readonly name: string
  readonly topicId: string
  readonly partitions: readonly OffsetCommitResponsePartition[]
}

/** Part of OffsetCommitResponse. */
export interface OffsetCommitResponsePartition {
  readonly partitionIndex: number
  readonly errorCode: number
}

const offsetCommitResponsePartitionFields: readonly Field[] = [
  ['partitionIndex', 'int32'],
  ['errorCode', 'int16'],
]
const offsetCommitResponseTopicFields: readonly Field[] = [
  ['name', 'string', { to: 9 }],
  ['topicId', 'uuid', { from: 10 }],
  ['partitions', '[]struct', { fields: offsetCommitResponsePartitionFields }],
]

/** OffsetCommitResponse, versions 2 to 10, flexible from 8. */
export const offsetCommitResponse: Schema<OffsetCommitResponse> = {
  name: 'OffsetCommitResponse',
  key: 8,
  min: 2,
  max: 10,
  flexibleFrom: 8,
  fields: [
    ['throttleTimeMs', 'int32', { from: 3 }],
    ['topics', '[]struct', { fields: offsetCommitResponseTopicFields }],
  ],
}
