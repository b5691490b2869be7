// The ListTransactions API (key 66): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../schema.ts'

/** A decoded ListTransactionsRequest. */
export interface ListTransactionsRequest {
  readonly stateFilters: readonly string[]
  readonly producerIdFilters: readonly number[]
  readonly durationFilter: number
  readonly transactionalIdPattern: string | null
}

/** ListTransactionsRequest, versions 0 to 2, flexible from 0. */
export const listTransactionsRequest: Schema<ListTransactionsRequest> = {
  name: 'ListTransactionsRequest',
  key: 66,
  min: 0,
  max: 2,
  flexibleFrom: 0,
  fields: [
    ['stateFilters', '[]string'],
    ['producerIdFilters', '[]int64'],
    ['durationFilter', 'int64', { from: 1, default: -1 }],
    ['transactionalIdPattern', 'string', { from: 2, nullFrom: 2, default: null }],
  ],
}

/** A decoded ListTransactionsResponse. */
export interface ListTransactionsResponse {
  readonly throttleTimeMs: number
  readonly errorCode: number
  readonly unknownStateFilters: readonly string[]
  readonly transactionStates: readonly TransactionState[]
}

/** Part of ListTransactionsResponse. */
export interface TransactionState {
  readonly transactionalId: string
  readonly producerId: number
  readonly transactionState: string
}

const transactionStateFields: readonly Field[] = [
  ['transactionalId', 'string'],
  ['producerId', 'int64'],
  ['transactionState', 'string'],
]

/** ListTransactionsResponse, versions 0 to 2, flexible from 0. */
export const listTransactionsResponse: Schema<ListTransactionsResponse> = {
  name: 'ListTransactionsResponse',
  key: 66,
  min: 0,
  max: 2,
  flexibleFrom: 0,
  fields: [
    ['throttleTimeMs', 'int32'],
    ['errorCode', 'int16'],
    ['unknownStateFilters', '[]string'],
    ['transactionStates', '[]struct', { fields: transactionStateFields }],
  ],
}
