// The InitializeShareGroupState API (key 83): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../schema.ts'

/** A decoded InitializeShareGroupStateRequest. */
export interface InitializeShareGroupStateRequest {
  readonly groupId: string
  readonly topics: readonly InitializeStateData[]
}

/** Part of InitializeShareGroupStateRequest. */
export interface InitializeStateData {
  readonly topicId: string
  readonly partitions: readonly PartitionData[]
}

/** Part of InitializeShareGroupStateRequest. */
export interface PartitionData {
  readonly partition: number
  readonly stateEpoch: number
  readonly startOffset: number
}

const partitionDataFields: readonly Field[] = [
  ['partition', 'int32'],
  ['stateEpoch', 'int32'],
  ['startOffset', 'int64'],
]
const initializeStateDataFields: readonly Field[] = [
  ['topicId', 'uuid'],
  ['partitions', '[]struct', { fields: partitionDataFields }],
]

/** InitializeShareGroupStateRequest, version 0, flexible from 0. */
export const initializeShareGroupStateRequest: Schema<InitializeShareGroupStateRequest> = {
  name: 'InitializeShareGroupStateRequest',
  key: 83,
  min: 0,
  max: 0,
  flexibleFrom: 0,
  fields: [
    ['groupId', 'string'],
    ['topics', '[]struct', { fields: initializeStateDataFields }],
  ],
}

/** A decoded InitializeShareGroupStateResponse. */
export interface InitializeShareGroupStateResponse {
  readonly results: readonly InitializeStateResult[]
}

/** Part of InitializeShareGroupStateResponse. */
export interface InitializeStateResult {
  readonly topicId: string
  readonly partitions: readonly PartitionResult[]
}

/** Part of InitializeShareGroupStateResponse. */
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
const initializeStateResultFields: readonly Field[] = [
  ['topicId', 'uuid'],
  ['partitions', '[]struct', { fields: partitionResultFields }],
]

/** InitializeShareGroupStateResponse, version 0, flexible from 0. */
export const initializeShareGroupStateResponse: Schema<InitializeShareGroupStateResponse> = {
  name: 'InitializeShareGroupStateResponse',
  key: 83,
  min: 0,
  max: 0,
  flexibleFrom: 0,
  fields: [['results', '[]struct', { fields: initializeStateResultFields }]],
}
