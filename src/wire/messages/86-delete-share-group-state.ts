// The DeleteShareGroupState API (key 86): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../schema.ts'

/** A decoded DeleteShareGroupStateRequest. */
export interface DeleteShareGroupStateRequest {
  readonly groupId: string
  readonly topics: readonly DeleteStateData[]
}

/** Part of DeleteShareGroupStateRequest. */
export interface DeleteStateData {
  readonly topicId: string
  readonly partitions: readonly PartitionData[]
}

/** Part of DeleteShareGroupStateRequest. */
export interface PartitionData {
  readonly partition: number
}

const partitionDataFields: readonly Field[] = [['partition', 'int32']]
const deleteStateDataFields: readonly Field[] = [
  ['topicId', 'uuid'],
  ['partitions', '[]struct', { fields: partitionDataFields }],
]

/** DeleteShareGroupStateRequest, version 0, flexible from 0. */
export const deleteShareGroupStateRequest: Schema<DeleteShareGroupStateRequest> = {
  name: 'DeleteShareGroupStateRequest',
  key: 86,
  min: 0,
  max: 0,
  flexibleFrom: 0,
  fields: [
    ['groupId', 'string'],
    ['topics', '[]struct', { fields: deleteStateDataFields }],
  ],
}

/** A decoded DeleteShareGroupStateResponse. */
export interface DeleteShareGroupStateResponse {
  readonly results: readonly DeleteStateResult[]
}

/** Part of DeleteShareGroupStateResponse. */
export interface DeleteStateResult {
  readonly topicId: string
  readonly partitions: readonly PartitionResult[]
}

/** Part of DeleteShareGroupStateResponse. */
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
const deleteStateResultFields: readonly Field[] = [
  ['topicId', 'uuid'],
  ['partitions', '[]struct', { fields: partitionResultFields }],
]

/** DeleteShareGroupStateResponse, version 0, flexible from 0. */
export const deleteShareGroupStateResponse: Schema<DeleteShareGroupStateResponse> = {
  name: 'DeleteShareGroupStateResponse',
  key: 86,
  min: 0,
  max: 0,
  flexibleFrom: 0,
  fields: [['results', '[]struct', { fields: deleteStateResultFields }]],
}
