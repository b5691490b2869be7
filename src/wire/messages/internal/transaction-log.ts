// Kafka's internal transaction-log records: its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../../schema.ts'

/** A decoded TransactionLogKey. */
export interface TransactionLogKey {
  readonly transactionalId: string
}

/** TransactionLogKey, version 0. */
export const transactionLogKey: Schema<TransactionLogKey> = {
  name: 'TransactionLogKey',
  key: 0,
  min: 0,
  max: 0,
  flexibleFrom: null,
  fields: [['transactionalId', 'string']],
}

/** A decoded TransactionLogValue. */
export interface TransactionLogValue {
  readonly producerId: number
  readonly previousProducerId: number
  readonly nextProducerId: number
  readonly producerEpoch: number
  readonly nextProducerEpoch: number
  readonly transactionTimeoutMs: number
  readonly transactionStatus: number
  readonly transactionPartitions: readonly PartitionsSchema[] | null
  readonly transactionLastUpdateTimestampMs: number
  readonly transactionStartTimestampMs: number
  readonly clientTransactionVersion: number
}

/** Part of TransactionLogValue. */
export interface PartitionsSchema {
  readonly topic: string
  readonly partitionIds: readonly number[]
}

const partitionsSchemaFields: readonly Field[] = [
  ['topic', 'string'],
  ['partitionIds', '[]int32'],
]

/** TransactionLogValue, versions 0 to 1, flexible from 1. */
export const transactionLogValue: Schema<TransactionLogValue> = {
  name: 'TransactionLogValue',
  key: 0,
  min: 0,
  max: 1,
  flexibleFrom: 1,
  fields: [
    ['producerId', 'int64'],
    ['previousProducerId', 'int64', { from: 1, tag: 0, default: -1 }],
    ['nextProducerId', 'int64', { from: 1, tag: 1, default: -1 }],
    ['producerEpoch', 'int16'],
    ['nextProducerEpoch', 'int16', { from: 1, tag: 3, default: -1 }],
    ['transactionTimeoutMs', 'int32'],
    ['transactionStatus', 'int8'],
    ['transactionPartitions', '[]struct', { nullFrom: 0, fields: partitionsSchemaFields }],
    ['transactionLastUpdateTimestampMs', 'int64'],
    ['transactionStartTimestampMs', 'int64'],
    ['clientTransactionVersion', 'int16', { from: 1, tag: 2 }],
  ],
}
