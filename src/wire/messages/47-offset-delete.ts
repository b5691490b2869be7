// The OffsetDelete API (key 47): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../schema.ts'

/** A decoded OffsetDeleteRequest. */
export interface OffsetDeleteRequest {
  readonly groupId: string
  readonly topics: readonly OffsetDeleteRequestTopic[]
}

/** Part of OffsetDeleteRequest. */
export interface OffsetDeleteRequestTopic {
  readonly name: string
  readonly partitions: readonly OffsetDeleteRequestPartition[]
}

/** Part of OffsetDeleteRequest. */
export interface OffsetDeleteRequestPartition {
  readonly partitionIndex: number
}

const offsetDeleteRequestPartitionFields: readonly Field[] = [['partitionIndex', 'int32']]
const offsetDeleteRequestTopicFields: readonly Field[] = [
  ['name', 'string'],
  ['partitions', '[]struct', { fields: offsetDeleteRequestPartitionFields }],
]

/** OffsetDeleteRequest, version 0. */
export const offsetDeleteRequest: Schema<OffsetDeleteRequest> = {
  name: 'OffsetDeleteRequest',
  key: 47,
  min: 0,
  max: 0,
  flexibleFrom: null,
  fields: [
    ['groupId', 'string'],
    ['topics', '[]struct', { fields: offsetDeleteRequestTopicFields }],
  ],
}

/** A decoded OffsetDeleteResponse. */
export interface OffsetDeleteResponse {
  readonly errorCode: number
  readonly throttleTimeMs: number
  readonly topics: readonly OffsetDeleteResponseTopic[]
}

/** Part of OffsetDeleteResponse. */
export interface OffsetDeleteResponseTopic {
  readonly name: string
  readonly partitions: readonly OffsetDeleteResponsePartition[]
}

/** Part of OffsetDeleteResponse. */
export interface OffsetDeleteResponsePartition {
  readonly partitionIndex: number
  readonly errorCode: number
}

const offsetDeleteResponsePartitionFields: readonly Field[] = [
  ['partitionIndex', 'int32'],
  ['errorCode', 'int16'],
]
const offsetDeleteResponseTopicFields: readonly Field[] = [
  ['name', 'string'],
  ['partitions', '[]struct', { fields: offsetDeleteResponsePartitionFields }],
]

/** OffsetDeleteResponse, version 0. */
export const offsetDeleteResponse: Schema<OffsetDeleteResponse> = {
  name: 'OffsetDeleteResponse',
  key: 47,
  min: 0,
  max: 0,
  flexibleFrom: null,
  fields: [
    ['errorCode', 'int16'],
    ['throttleTimeMs', 'int32'],
    ['topics', '[]struct', { fields: offsetDeleteResponseTopicFields }],
  ],
}
