// The DescribeProducers API (key 61): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../schema.ts'

/** A decoded DescribeProducersRequest. */
export interface DescribeProducersRequest {
  readonly topics: readonly TopicRequest[]
}

/** Part of DescribeProducersRequest. */
export interface TopicRequest {
  readonly name: string
  readonly partitionIndexes: readonly number[]
}

const topicRequestFields: readonly Field[] = [
  ['name', 'string'],
  ['partitionIndexes', '[]int32'],
]

/** DescribeProducersRequest, version 0, flexible from 0. */
export const describeProducersRequest: Schema<DescribeProducersRequest> = {
  name: 'DescribeProducersRequest',
  key: 61,
  min: 0,
  max: 0,
  flexibleFrom: 0,
  fields: [['topics', '[]struct', { fields: topicRequestFields }]],
}

/** A decoded DescribeProducersResponse. */
export interface DescribeProducersResponse {
  readonly throttleTimeMs: number
  readonly topics: readonly TopicResponse[]
}

/** Part of DescribeProducersResponse. */
export interface TopicResponse {
  readonly name: string
  readonly partitions: readonly PartitionResponse[]
}

/** Part of DescribeProducersResponse. */
export interface PartitionResponse {
  readonly partitionIndex: number
  readonly errorCode: number
  readonly errorMessage: string | null
  readonly activeProducers: readonly ProducerState[]
}

/** Part of DescribeProducersResponse. */
export interface ProducerState {
  readonly producerId: number
  readonly producerEpoch: number
  readonly lastSequence: number
  readonly lastTimestamp: number
  readonly coordinatorEpoch: number
  readonly currentTxnStartOffset: number
}

const producerStateFields: readonly Field[] = [
  ['producerId', 'int64'],
  ['producerEpoch', 'int32'],
  ['lastSequence', 'int32', { default: -1 }],
  ['lastTimestamp', 'int64', { default: -1 }],
  ['coordinatorEpoch', 'int32'],
  ['currentTxnStartOffset', 'int64', { default: -1 }],
]
const partitionResponseFields: readonly Field[] = [
  ['partitionIndex', 'int32'],
  ['errorCode', 'int16'],
  ['errorMessage', 'string', { nullFrom: 0, default: null }],
  ['activeProducers', '[]struct', { fields: producerStateFields }],
]
const topicResponseFields: readonly Field[] = [
  ['name', 'string'],
  ['partitions', '[]struct', { fields: partitionResponseFields }],
]

/** DescribeProducersResponse, version 0, flexible from 0. */
export const describeProducersResponse: Schema<DescribeProducersResponse> = {
  name: 'DescribeProducersResponse',
  key: 61,
  min: 0,
  max: 0,
  flexibleFrom: 0,
  fields: [
    ['throttleTimeMs', 'int32'],
    ['topics', '[]struct', { fields: topicResponseFields }],
  ],
}
