// The WriteTxnMarkers API (key 27): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../schema.ts'

/** A decoded WriteTxnMarkersRequest. */
export interface WriteTxnMarkersRequest {
  readonly markers: readonly WritableTxnMarker[]
}

/** Part of WriteTxnMarkersRequest. */
export interface WritableTxnMarker {
  readonly producerId: number
  readonly producerEpoch: number
  readonly transactionResult: boolean
  readonly topics: readonly WritableTxnMarkerTopic[]
  readonly coordinatorEpoch: number
  readonly transactionVersion: number
}

/** Part of WriteTxnMarkersRequest. */
export interface WritableTxnMarkerTopic {
  readonly name: string
  readonly partitionIndexes: readonly number[]
}

const writableTxnMarkerTopicFields: readonly Field[] = [
  ['name', 'string'],
  ['partitionIndexes', '[]int32'],
]
const writableTxnMarkerFields: readonly Field[] = [
  ['producerId', 'int64'],
  ['producerEpoch', 'int16'],
  ['transactionResult', 'bool'],
  ['topics', '[]struct', { fields: writableTxnMarkerTopicFields }],
  ['coordinatorEpoch', 'int32'],
  ['transactionVersion', 'int8', { from: 2 }],
]

/** WriteTxnMarkersRequest, versions 1 to 2, flexible from 1. */
export const writeTxnMarkersRequest: Schema<WriteTxnMarkersRequest> = {
  name: 'WriteTxnMarkersRequest',
  key: 27,
  min: 1,
  max: 2,
  flexibleFrom: 1,
  fields: [['markers', '[]struct', { fields: writableTxnMarkerFields }]],
}

/** A decoded WriteTxnMarkersResponse. */
export interface WriteTxnMarkersResponse {
  readonly markers: readonly WritableTxnMarkerResult[]
}

/** Part of WriteTxnMarkersResponse. */
export interface WritableTxnMarkerResult {
  readonly producerId: number
  readonly topics: readonly WritableTxnMarkerTopicResult[]
}

/** Part of WriteTxnMarkersResponse. */
export interface WritableTxnMarkerTopicResult {
  readonly name: string
  readonly partitions: readonly WritableTxnMarkerPartitionResult[]
}

/** Part of WriteTxnMarkersResponse. */
export interface WritableTxnMarkerPartitionResult {
  readonly partitionIndex: number
  readonly errorCode: number
}

const writableTxnMarkerPartitionResultFields: readonly Field[] = [
  ['partitionIndex', 'int32'],
  ['errorCode', 'int16'],
]
const writableTxnMarkerTopicResultFields: readonly Field[] = [
  ['name', 'string'],
  ['partitions', '[]struct', { fields: writableTxnMarkerPartitionResultFields }],
]
const writableTxnMarkerResultFields: readonly Field[] = [
  ['producerId', 'int64'],
  ['topics', '[]struct', { fields: writableTxnMarkerTopicResultFields }],
]

/** WriteTxnMarkersResponse, versions 1 to 2, flexible from 1. */
export const writeTxnMarkersResponse: Schema<WriteTxnMarkersResponse> = {
  name: 'WriteTxnMarkersResponse',
  key: 27,
  min: 1,
  max: 2,
  flexibleFrom: 1,
  fields: [['markers', '[]struct', { fields: writableTxnMarkerResultFields }]],
}
