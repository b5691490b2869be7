// The DeleteRecords API (key 21): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../schema.ts'

/** A decoded DeleteRecordsRequest. */
export interface DeleteRecordsRequest {
  readonly topics: readonly DeleteRecordsTopic[]
  readonly timeoutMs: number
}

/** Part of DeleteRecordsRequest. */
export interface DeleteRecordsTopic {
  readonly name: string
  readonly partitions: readonly DeleteRecordsPartition[]
}

/** Part of DeleteRecordsRequest. */
export interface DeleteRecordsPartition {
  readonly partitionIndex: number
  readonly offset: number
}

const deleteRecordsPartitionFields: readonly Field[] = [
  ['partitionIndex', 'int32'],
  ['offset', 'int64'],
]
const deleteRecordsTopicFields: readonly Field[] = [
  ['name', 'string'],
  ['partitions', '[]struct', { fields: deleteRecordsPartitionFields }],
]

/** DeleteRecordsRequest, versions 0 to 2, flexible from 2. */
export const deleteRecordsRequest: Schema<DeleteRecordsRequest> = {
  name: 'DeleteRecordsRequest',
  key: 21,
  min: 0,
  max: 2,
  flexibleFrom: 2,
  fields: [
    ['topics', '[]struct', { fields: deleteRecordsTopicFields }],
    ['timeoutMs', 'int32'],
  ],
}

/** A decoded DeleteRecordsResponse. */
export interface DeleteRecordsResponse {
  readonly throttleTimeMs: number
  readonly topics: readonly DeleteRecordsTopicResult[]
}

/** Part of DeleteRecordsResponse. */
export interface DeleteRecordsTopicResult {
  readonly name: string
  readonly partitions: readonly DeleteRecordsPartitionResult[]
}

/** Part of DeleteRecordsResponse. */
export interface DeleteRecordsPartitionResult {
  readonly partitionIndex: number
  readonly lowWatermark: number
  readonly errorCode: number
}

const deleteRecordsPartitionResultFields: readonly Field[] = [
  ['partitionIndex', 'int32'],
  ['lowWatermark', 'int64'],
  ['errorCode', 'int16'],
]
const deleteRecordsTopicResultFields: readonly Field[] = [
  ['name', 'string'],
  ['partitions', '[]struct', { fields: deleteRecordsPartitionResultFields }],
]

/** DeleteRecordsResponse, versions 0 to 2, flexible from 2. */
export const deleteRecordsResponse: Schema<DeleteRecordsResponse> = {
  name: 'DeleteRecordsResponse',
  key: 21,
  min: 0,
  max: 2,
  flexibleFrom: 2,
  fields: [
    ['throttleTimeMs', 'int32'],
    ['topics', '[]struct', { fields: deleteRecordsTopicResultFields }],
  ],
}
