// The TxnOffsetCommit API (key 28): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../schema.ts'

/** A decoded TxnOffsetCommitRequest. */
export interface TxnOffsetCommitRequest {
  readonly transactionalId: string
  readonly groupId: string
  readonly producerId: number
  readonly producerEpoch: number
  readonly generationId: number
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly topics: readonly TxnOffsetCommitRequestTopic[]
}

/** Part of TxnOffsetCommitRequest. */
export interface TxnOffsetCommitRequestTopic {
  readonly name: string
  readonly partitions: readonly TxnOffsetCommitRequestPartition[]
}

/** Part of TxnOffsetCommitRequest. */
export interface TxnOffsetCommitRequestPartition {
  readonly partitionIndex: number
  readonly committedOffset: number
  readonly committedLeaderEpoch: number
  readonly committedMetadata: string | null
}

const txnOffsetCommitRequestPartitionFields: readonly Field[] = [
  ['partitionIndex', 'int32'],
  ['committedOffset', 'int64'],
  ['committedLeaderEpoch', 'int32', { from: 2, default: -1 }],
  ['committedMetadata', 'string', { nullFrom: 0 }],
]
const txnOffsetCommitRequestTopicFields: readonly Field[] = [
  ['name', 'string'],
  ['partitions', '[]struct', { fields: txnOffsetCommitRequestPartitionFields }],
]

/** TxnOffsetCommitRequest, versions 0 to 5, flexible from 3. */
export const txnOffsetCommitRequest: Schema<TxnOffsetCommitRequest> = {
  name: 'TxnOffsetCommitRequest',
  key: 28,
  min: 0,
  max: 5,
  flexibleFrom: 3,
  fields: [
    ['transactionalId', 'string'],
    ['groupId', 'string'],
    ['producerId', 'int64'],
    ['producerEpoch', 'int16'],
    ['generationId', 'int32', { from: 3, default: -1 }],
    ['memberId', 'string', { from: 3 }],
    ['groupInstanceId', 'string', { from: 3, nullFrom: 3, default: null }],
    ['topics', '[]struct', { fields: txnOffsetCommitRequestTopicFields }],
  ],
}

/** A decoded TxnOffsetCommitResponse. */
export interface TxnOffsetCommitResponse {
  readonly throttleTimeMs: number
  readonly topics: readonly TxnOffsetCommitResponseTopic[]
}

/** Part of TxnOffsetCommitResponse. */
export interface TxnOffsetCommitResponseTopic {
  readonly name: string
  readonly partitions: readonly TxnOffsetCommitResponsePartition[]
}

/** Part of TxnOffsetCommitResponse. */
export interface TxnOffsetCommitResponsePartition {
  readonly partitionIndex: number
  readonly errorCode: number
}

const txnOffsetCommitResponsePartitionFields: readonly Field[] = [
  ['partitionIndex', 'int32'],
  ['errorCode', 'int16'],
]
const txnOffsetCommitResponseTopicFields: readonly Field[] = [
  ['name', 'string'],
  ['partitions', '[]struct', { fields: txnOffsetCommitResponsePartitionFields }],
]

/** TxnOffsetCommitResponse, versions 0 to 5, flexible from 3. */
export const txnOffsetCommitResponse: Schema<TxnOffsetCommitResponse> = {
  name: 'TxnOffsetCommitResponse',
  key: 28,
  min: 0,
  max: 5,
  flexibleFrom: 3,
  fields: [
    ['throttleTimeMs', 'int32'],
    ['topics', '[]struct', { fields: txnOffsetCommitResponseTopicFields }],
  ],
}
