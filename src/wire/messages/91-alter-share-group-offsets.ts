// The AlterShareGroupOffsets API (key 91): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../schema.ts'

/** A decoded AlterShareGroupOffsetsRequest. */
export interface AlterShareGroupOffsetsRequest {
  readonly groupId: string
  readonly topics: readonly AlterShareGroupOffsetsRequestTopic[]
}

/** Part of AlterShareGroupOffsetsRequest. */
export interface AlterShareGroupOffsetsRequestTopic {
  readonly topicName: string
  readonly partitions: readonly AlterShareGroupOffsetsRequestPartition[]
}

/** Part of AlterShareGroupOffsetsRequest. */
export interface AlterShareGroupOffsetsRequestPartition {
  readonly partitionIndex: number
  readonly startOffset: number
}

const alterShareGroupOffsetsRequestPartitionFields: readonly Field[] = [
  ['partitionIndex', 'int32'],
  ['startOffset', 'int64'],
]
const alterShareGroupOffsetsRequestTopicFields: readonly Field[] = [
  ['topicName', 'string'],
  ['partitions', '[]struct', { fields: alterShareGroupOffsetsRequestPartitionFields }],
]

/** AlterShareGroupOffsetsRequest, version 0, flexible from 0. */
export const alterShareGroupOffsetsRequest: Schema<AlterShareGroupOffsetsRequest> = {
  name: 'AlterShareGroupOffsetsRequest',
  key: 91,
  min: 0,
  max: 0,
  flexibleFrom: 0,
  fields: [
    ['groupId', 'string'],
    ['topics', '[]struct', { fields: alterShareGroupOffsetsRequestTopicFields }],
  ],
}

/** A decoded AlterShareGroupOffsetsResponse. */
export interface AlterShareGroupOffsetsResponse {
  readonly throttleTimeMs: number
  readonly errorCode: number
  readonly errorMessage: string | null
  readonly responses: readonly AlterShareGroupOffsetsResponseTopic[]
}

/** Part of AlterShareGroupOffsetsResponse. */
export interface AlterShareGroupOffsetsResponseTopic {
  readonly topicName: string
  readonly topicId: string
  readonly partitions: readonly AlterShareGroupOffsetsResponsePartition[]
}

/** Part of AlterShareGroupOffsetsResponse. */
export interface AlterShareGroupOffsetsResponsePartition {
  readonly partitionIndex: number
  readonly errorCode: number
  readonly errorMessage: string | null
}

const alterShareGroupOffsetsResponsePartitionFields: readonly Field[] = [
  ['partitionIndex', 'int32'],
  ['errorCode', 'int16'],
  ['errorMessage', 'string', { nullFrom: 0, default: null }],
]
const alterShareGroupOffsetsResponseTopicFields: readonly Field[] = [
  ['topicName', 'string'],
  ['topicId', 'uuid'],
  ['partitions', '[]struct', { fields: alterShareGroupOffsetsResponsePartitionFields }],
]

/** AlterShareGroupOffsetsResponse, version 0, flexible from 0. */
export const alterShareGroupOffsetsResponse: Schema<AlterShareGroupOffsetsResponse> = {
  name: 'AlterShareGroupOffsetsResponse',
  key: 91,
  min: 0,
  max: 0,
  flexibleFrom: 0,
  fields: [
    ['throttleTimeMs', 'int32'],
    ['errorCode', 'int16'],
    ['errorMessage', 'string', { nullFrom: 0, default: null }],
    ['responses', '[]struct', { fields: alterShareGroupOffsetsResponseTopicFields }],
  ],
}
