// The AddPartitionsToTxn API (key 24): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../schema.ts'

/** A decoded AddPartitionsToTxnRequest. */
export interface AddPartitionsToTxnRequest {
  readonly transactions: readonly AddPartitionsToTxnTransaction[]
  readonly v3AndBelowTransactionalId: string
  readonly v3AndBelowProducerId: number
  readonly v3AndBelowProducerEpoch: number
  readonly v3AndBelowTopics: readonly AddPartitionsToTxnTopic[]
}

/** Part of AddPartitionsToTxnRequest. */
export interface AddPartitionsToTxnTransaction {
  readonly transactionalId: string
  readonly producerId: number
  readonly producerEpoch: number
  readonly verifyOnly: boolean
  readonly topics: readonly AddPartitionsToTxnTopic[]
}

/** Part of AddPartitionsToTxnRequest. */
export interface AddPartitionsToTxnTopic {
  readonly name: string
  readonly partitions: readonly number[]
}

const addPartitionsToTxnTopicFields: readonly Field[] = [
  ['name', 'string'],
  ['partitions', '[]int32'],
]
const addPartitionsToTxnTransactionFields: readonly Field[] = [
  ['transactionalId', 'string', { from: 4 }],
  ['producerId', 'int64', { from: 4 }],
  ['producerEpoch', 'int16', { from: 4 }],
  ['verifyOnly', 'bool', { from: 4 }],
  ['topics', '[]struct', { from: 4, fields: addPartitionsToTxnTopicFields }],
]

/** AddPartitionsToTxnRequest, versions 0 to 5, flexible from 3. */
export const addPartitionsToTxnRequest: Schema<AddPartitionsToTxnRequest> = {
  name: 'AddPartitionsToTxnRequest',
  key: 24,
  min: 0,
  max: 5,
  flexibleFrom: 3,
  fields: [
    ['transactions', '[]struct', { from: 4, fields: addPartitionsToTxnTransactionFields }],
    ['v3AndBelowTransactionalId', 'string', { to: 3 }],
    ['v3AndBelowProducerId', 'int64', { to: 3 }],
    ['v3AndBelowProducerEpoch', 'int16', { to: 3 }],
    ['v3AndBelowTopics', '[]struct', { to: 3, fields: addPartitionsToTxnTopicFields }],
  ],
}

/** A decoded AddPartitionsToTxnResponse. */
export interface AddPartitionsToTxnResponse {
  readonly throttleTimeMs: number
  readonly errorCode: number
  readonly resultsByTransaction: readonly AddPartitionsToTxnResult[]
  readonly resultsByTopicV3AndBelow: readonly AddPartitionsToTxnTopicResult[]
}

/** Part of AddPartitionsToTxnResponse. */
export interface AddPartitionsToTxnResult {
  readonly transactionalId: string
  readonly topicResults: readonly AddPartitionsToTxnTopicResult[]
}

/** Part of AddPartitionsToTxnResponse. */
export interface AddPartitionsToTxnTopicResult {
  readonly name: string
  readonly resultsByPartition: readonly AddPartitionsToTxnPartitionResult[]
}

/** Part of AddPartitionsToTxnResponse. */
export interface AddPartitionsToTxnPartitionResult {
  readonly partitionIndex: number
  readonly partitionErrorCode: number
}

const addPartitionsToTxnPartitionResultFields: readonly Field[] = [
  ['partitionIndex', 'int32'],
  ['partitionErrorCode', 'int16'],
]
const addPartitionsToTxnTopicResultFields: readonly Field[] = [
  ['name', 'string'],
  ['resultsByPartition', '[]struct', { fields: addPartitionsToTxnPartitionResultFields }],
]
const addPartitionsToTxnResultFields: readonly Field[] = [
  ['transactionalId', 'string', { from: 4 }],
  ['topicResults', '[]struct', { from: 4, fields: addPartitionsToTxnTopicResultFields }],
]

/** AddPartitionsToTxnResponse, versions 0 to 5, flexible from 3. */
export const addPartitionsToTxnResponse: Schema<AddPartitionsToTxnResponse> = {
  name: 'AddPartitionsToTxnResponse',
  key: 24,
  min: 0,
  max: 5,
  flexibleFrom: 3,
  fields: [
    ['throttleTimeMs', 'int32'],
    ['errorCode', 'int16', { from: 4 }],
    ['resultsByTransaction', '[]struct', { from: 4, fields: addPartitionsToTxnResultFields }],
    [
      'resultsByTopicV3AndBelow',
      '[]struct',
      { to: 3, fields: addPartitionsToTxnTopicResultFields },
    ],
  ],
}
