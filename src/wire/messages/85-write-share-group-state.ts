// The WriteShareGroupState API (key 85): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../schema.ts'

/** A decoded WriteShareGroupStateRequest. */
export interface WriteShareGroupStateRequest {
  readonly groupId: string
  readonly topics: readonly WriteStateData[]
}

/** Part of WriteShareGroupStateRequest. */
export interface WriteStateData {
  readonly topicId: string
  readonly partitions: readonly PartitionData[]
}

/** Part of WriteShareGroupStateRequest. */
export interface PartitionData {
  readonly partition: number
  readonly stateEpoch: number
  readonly leaderEpoch: number
  readonly startOffset: number
  readonly deliveryCompleteCount: number
  readonly stateBatches: readonly StateBatch[]
}

/** Part of WriteShareGroupStateRequest. */
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
const partitionDataFields: readonly Field[] = [
  ['partition', 'int32'],
  ['stateEpoch', 'int32'],
  ['leaderEpoch', 'int32'],
  ['startOffset', 'int64'],
  ['deliveryCompleteCount', 'int32', { from: 1, default: -1 }],
  ['stateBatches', '[]struct', { fields: stateBatchFields }],
]
const writeStateDataFields: readonly Field[] = [
  ['topicId', 'uuid'],
  ['partitions', '[]struct', { fields: partitionDataFields }],
]

/** WriteShareGroupStateRequest, versions 0 to 1, flexible from 0. */
export const writeShareGroupStateRequest: Schema<WriteShareGroupStateRequest> = {
  name: 'WriteShareGroupStateRequest',
  key: 85,
  min: 0,
  max: 1,
  flexibleFrom: 0,
  fields: [
    ['groupId', 'string'],
    ['topics', '[]struct', { fields: writeStateDataFields }],
  ],
}

/** A decoded WriteShareGroupStateResponse. */
export interface WriteShareGroupStateResponse {
  readonly results: readonly WriteStateResult[]
}

/** Part of WriteShareGroupStateResponse. */
export interface WriteStateResult {
  readonly topicId: string
  readonly partitions: readonly PartitionResult[]
}

/** Part of WriteShareGroupStateResponse. */
export interface PartitionResult {
  readonly partition: number
  readonly errorCode: number
  readonly errorMessage: string | null
}

const partitionResultFields: readonly Field[] = [
  ['partition', 'int32'],
  ['errorCode', 'int16'],
  ['errorMessage', 'string', { nullFrom: 0, default: null }],
]
const writeStateResultFields: readonly Field[] = [
  ['topicId', 'uuid'],
  ['partitions', '[]struct', { fields: partitionResultFields }],
]

/** WriteShareGroupStateResponse, versions 0 to 1, flexible from 0. */
export const writeShareGroupStateResponse: Schema<WriteShareGroupStateResponse> = {
  name: 'WriteShareGroupStateResponse',
  key: 85,
  min: 0,
  max: 1,
  flexibleFrom: 0,
  fields: [['results', '[]struct', { fields: writeStateResultFields }]],
}
