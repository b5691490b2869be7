// The ReadShareGroupStateSummary API (key 87): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../schema.ts'

/** A decoded ReadShareGroupStateSummaryRequest. */
export interface ReadShareGroupStateSummaryRequest {
  readonly groupId: string
  readonly topics: readonly ReadStateSummaryData[]
}

/** Part of ReadShareGroupStateSummaryRequest. */
export interface ReadStateSummaryData {
  readonly topicId: string
  readonly partitions: readonly PartitionData[]
}

/** Part of ReadShareGroupStateSummaryRequest. */
export interface PartitionData {
  readonly partition: number
  readonly leaderEpoch: number
}

const partitionDataFields: readonly Field[] = [
  ['partition', 'int32'],
  ['leaderEpoch', 'int32'],
]
const readStateSummaryDataFields: readonly Field[] = [
  ['topicId', 'uuid'],
  ['partitions', '[]struct', { fields: partitionDataFields }],
]

/** ReadShareGroupStateSummaryRequest, versions 0 to 1, flexible from 0. */
export const readShareGroupStateSummaryRequest: Schema<ReadShareGroupStateSummaryRequest> = {
  name: 'ReadShareGroupStateSummaryRequest',
  key: 87,
  min: 0,
  max: 1,
  flexibleFrom: 0,
  fields: [
    ['groupId', 'string'],
    ['topics', '[]struct', { fields: readStateSummaryDataFields }],
  ],
}

/** A decoded ReadShareGroupStateSummaryResponse. */
export interface ReadShareGroupStateSummaryResponse {
  readonly results: readonly ReadStateSummaryResult[]
}

/** Part of ReadShareGroupStateSummaryResponse. */
export interface ReadStateSummaryResult {
  readonly topicId: string
  readonly partitions: readonly PartitionResult[]
}

/** Part of ReadShareGroupStateSummaryResponse. */
export interface PartitionResult {
  readonly partition: number
  readonly errorCode: number
  readonly errorMessage: string | null
  readonly stateEpoch: number
  readonly leaderEpoch: number
  readonly startOffset: number
  readonly deliveryCompleteCount: number
}

const partitionResultFields: readonly Field[] = [
  ['partition', 'int32'],
  ['errorCode', 'int16'],
  ['errorMessage', 'string', { nullFrom: 0, default: null }],
  ['stateEpoch', 'int32'],
  ['leaderEpoch', 'int32'],
  ['startOffset', 'int64'],
  ['deliveryCompleteCount', 'int32', { from: 1, default: -1 }],
]
const readStateSummaryResultFields: readonly Field[] = [
  ['topicId', 'uuid'],
  ['partitions', '[]struct', { fields: partitionResultFields }],
]

/** ReadShareGroupStateSummaryResponse, versions 0 to 1, flexible from 0. */
export const readShareGroupStateSummaryResponse: Schema<ReadShareGroupStateSummaryResponse> = {
  name: 'ReadShareGroupStateSummaryResponse',
  key: 87,
  min: 0,
  max: 1,
  flexibleFrom: 0,
  fields: [['results', '[]struct', { fields: readStateSummaryResultFields }]],
}
