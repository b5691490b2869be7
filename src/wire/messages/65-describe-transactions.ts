// The DescribeTransactions API (key 65): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../schema.ts'

/** A decoded DescribeTransactionsRequest. */
export interface DescribeTransactionsRequest {
  readonly transactionalIds: readonly string[]
}

/** DescribeTransactionsRequest, version 0, flexible from 0. */
export const describeTransactionsRequest: Schema<DescribeTransactionsRequest> = {
  name: 'DescribeTransactionsRequest',
  key: 65,
  min: 0,
  max: 0,
  flexibleFrom: 0,
  fields: [['transactionalIds', '[]string']],
}

/** A decoded DescribeTransactionsResponse. */
export interface DescribeTransactionsResponse {
  readonly throttleTimeMs: number
  readonly transactionStates: readonly TransactionState[]
}

/** Part of DescribeTransactionsResponse. */
export interface TransactionState {
  readonly errorCode: number
  readonly transactionalId: string
  readonly transactionState: string
  readonly transactionTimeoutMs: number
  readonly transactionStartTimeMs: number
  readonly producerId: number
  readonly producerEpoch: number
  readonly topics: readonly TopicData[]
}

/** Part of DescribeTransactionsResponse. */
export interface TopicData {
  readonly topic: string
  readonly partitions: readonly number[]
}

const topicDataFields: readonly Field[] = [
  ['topic', 'string'],
  ['partitions', '[]int32'],
]
const transactionStateFields: readonly Field[] = [
  ['errorCode', 'int16'],
  ['transactionalId', 'string'],
  ['transactionState', 'string'],
  ['transactionTimeoutMs', 'int32'],
  ['transactionStartTimeMs', 'int64'],
  ['producerId', 'int64'],
  ['producerEpoch', 'int16'],
  ['topics', '[]struct', { fields: topicDataFields }],
]

/** DescribeTransactionsResponse, version 0, flexible from 0. */
export const describeTransactionsResponse: Schema<DescribeTransactionsResponse> = {
  name: 'DescribeTransactionsResponse',
  key: 65,
  min: 0,
  max: 0,
  flexibleFrom: 0,
  fields: [
    ['throttleTimeMs', 'int32'],
    ['transactionStates', '[]struct', { fields: transactionStateFields }],
  ],
}
