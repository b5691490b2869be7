// The ListOffsets API (key 2): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../schema.ts'

/** A decoded ListOffsetsRequest. */
export interface ListOffsetsRequest {
  readonly replicaId: number
  readonly isolationLevel: number
  readonly topics: readonly ListOffsetsTopic[]
  readonly timeoutMs: number
}

/** Part of ListOffsetsRequest. */
export interface ListOffsetsTopic {
  readonly name: string
  readonly partitions: readonly ListOffsetsPartition[]
}

/** Part of ListOffsetsRequest. */
export interface ListOffsetsPartition {
  readonly partitionIndex: number
  readonly currentLeaderEpoch: number
  readonly timestamp: number
}

const listOffsetsPartitionFields: readonly Field[] = [
  ['partitionIndex', 'int32'],
  ['currentLeaderEpoch', 'int32', { from: 4, default: -1 }],
  ['timestamp', 'int64'],
]
const listOffsetsTopicFields: readonly Field[] = [
  ['name', 'string'],
  ['partitions', '[]struct', { fields: listOffsetsPartitionFields }],
]

/** ListOffsetsRequest, versions 1 to 11, flexible from 6. */
export const listOffsetsRequest: Schema<ListOffsetsRequest> = {
  name: 'ListOffsetsRequest',
  key: 2,
  min: 1,
  max: 11,
  flexibleFrom: 6,
  fields: [
    ['replicaId', 'int32'],
    ['isolationLevel', 'int8', { from: 2 }],
    ['topics', '[]struct', { fields: listOffsetsTopicFields }],
    ['timeoutMs', 'int32', { from: 10 }],
  ],
}

/** A decoded ListOffsetsResponse. */
export interface ListOffsetsResponse {
  readonly throttleTimeMs: number
  readonly topics: readonly ListOffsetsTopicResponse[]
}

/** Part of ListOffsetsResponse. */
export interface ListOffsetsTopicResponse {
  readonly name: string
  readonly partitions: readonly ListOffsetsPartitionResponse[]
}

/** Part of ListOffsetsResponse. */
export interface ListOffsetsPartitionResponse {
  readonly partitionIndex: number
  readonly errorCode: number
  readonly timestamp: number
  readonly offset: number
  readonly leaderEpoch: number
}

const listOffsetsPartitionResponseFields: readonly Field[] = [
  ['partitionIndex', 'int32'],
  ['errorCode', 'int16'],
  ['timestamp', 'int64', { default: -1 }],
  ['offset', 'int64', { default: -1 }],
  ['leaderEpoch', 'int32', { from: 4, default: -1 }],
]
const listOffsetsTopicResponseFields: readonly Field[] = [
  ['name', 'string'],
  ['partitions', '[]struct', { fields: listOffsetsPartitionResponseFields }],
]

/** ListOffsetsResponse, versions 1 to 11, flexible from 6. */
export const listOffsetsResponse: Schema<ListOffsetsResponse> = {
  name: 'ListOffsetsResponse',
  key: 2,
  min: 1,
  max: 11,
  flexibleFrom: 6,
  fields: [
    ['throttleTimeMs', 'int32', { from: 2 }],
    ['topics', '[]struct', { fields: listOffsetsTopicResponseFields }],
  ],
}
