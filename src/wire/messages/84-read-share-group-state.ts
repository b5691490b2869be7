// The ReadShareGroupState API (key 84): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../schema.ts'

/** A decoded ReadShareGroupStateRequest. */
export interface ReadShareGroupStateRequest {
  readonly groupId: string
  readonly topics: readonly ReadStateData[]
}

/** Part of ReadShareGroupStateRequest. */
export interface ReadStateData {
  readonly topicId: string
  readonly partitions: readonly PartitionData[]
}

/** Part of ReadShareGroupStateRequest. */
export interface PartitionData {
  readonly partition: number
  readonly leaderEpoch: number
}

const partitionDataFields: readonly Field[] = [
  ['partition', 'int32'],
  ['leaderEpoch', 'int32'],
]
const readStateDataFields: readonly Field[] = [
  ['topicId', 'uuid'],
  ['partitions', '[]struct', { fields: partitionDataFields }],
]

/** ReadShareGroupStateRequest, version 0, flexible from 0. */
export const readShareGroupStateRequest: Schema<ReadShareGroupStateRequest> = {
  name: 'ReadShareGroupStateRequest',
  key: 84,
  min: 0,
  max: 0,
  flexibleFrom: 0,
  fields: [
    ['groupId', 'string'],
    ['topics', '[]struct', { fields: readStateDataFields }],
  ],
}

/** A decoded ReadShareGroupStateResponse. */
export interface ReadShareGroupStateResponse {
  readonly results: readonly ReadStateResult[]
}

/** Part of ReadShareGroupStateResponse. */
export interface ReadStateResult {
  readonly topicId: string
  readonly partitions: readonly PartitionResult[]
}

/** Part of ReadShareGroupStateResponse. */
export interface PartitionResult {
  readonly partition: number
  readonly errorCode: number
  readonly errorMessage: string | null
  readonly stateEpoch: number
  readonly startOffset: number
  readonly stateBatches: readonly StateBatch[]
}

/** Part of ReadShareGroupStateResponse. */
export interface StateBatch {
  readonly firstOffset: number
  readonly lastOffset: number
  readonly deliveryState: number
  readonly deliveryCount: number
}

const stateBatchFields: readonly Field[] = [
  ['firstOffset', 'int64'],
  ['lastOffset', 'int64'],
  ['deliveryState', 'int8'],
  ['deliveryCount', 'int16'],
]
const partitionResultFields: readonly Field[] = [
  ['partition', 'int32'],
  ['errorCode', 'int16'],
  ['errorMessage', 'string', { nullFrom: 0, default: null }],
  ['stateEpoch', 'int32'],
  ['startOffset', 'int64'],
  ['stateBatches', '[]struct', { fields: stateBatchFields }],
]
const readStateResultFields: readonly Field[] = [
  ['topicId', 'uuid'],
  ['partitions', '[]struct', { fields: partitionResultFields }],
]

/** ReadShareGroupStateResponse, version 0, flexible from 0. */
export const readShareGroupStateResponse: Schema<ReadShareGroupStateResponse> = {
  name: 'ReadShareGroupStateResponse',
  key: 84,
  min: 0,
  max: 0,
  flexibleFrom: 0,
  fields: [['results', '[]struct', { fields: readStateResultFields }]],
}
