// The OffsetForLeaderEpoch API (key 23): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../schema.ts'

/** A decoded OffsetForLeaderEpochRequest. */
export interface OffsetForLeaderEpochRequest {
  readonly replicaId: number
  readonly topics: readonly OffsetForLeaderTopic[]
}

/** Part of OffsetForLeaderEpochRequest. */
export interface OffsetForLeaderTopic {
  readonly topic: string
  readonly partitions: readonly OffsetForLeaderPartition[]
}

/** Part of OffsetForLeaderEpochRequest. */
export interface OffsetForLeaderPartition {
  readonly partition: number
  readonly currentLeaderEpoch: number
  readonly leaderEpoch: number
}

const offsetForLeaderPartitionFields: readonly Field[] = [
  ['partition', 'int32'],
  ['currentLeaderEpoch', 'int32', { default: -1 }],
  ['leaderEpoch', 'int32'],
]
const offsetForLeaderTopicFields: readonly Field[] = [
  ['topic', 'string'],
  ['partitions', '[]struct', { fields: offsetForLeaderPartitionFields }],
]

/** OffsetForLeaderEpochRequest, versions 2 to 4, flexible from 4. */
export const offsetForLeaderEpochRequest: Schema<OffsetForLeaderEpochRequest> = {
  name: 'OffsetForLeaderEpochRequest',
  key: 23,
  min: 2,
  max: 4,
  flexibleFrom: 4,
  fields: [
    ['replicaId', 'int32', { from: 3, default: -2 }],
    ['topics', '[]struct', { fields: offsetForLeaderTopicFields }],
  ],
}

/** A decoded OffsetForLeaderEpochResponse. */
export interface OffsetForLeaderEpochResponse {
  readonly throttleTimeMs: number
  readonly topics: readonly OffsetForLeaderTopicResult[]
}

/** Part of OffsetForLeaderEpochResponse. */
export interface OffsetForLeaderTopicResult {
  readonly topic: string
  readonly partitions: readonly EpochEndOffset[]
}

/** Part of OffsetForLeaderEpochResponse. */
export interface EpochEndOffset {
  readonly errorCode: number
  readonly partition: number
  readonly leaderEpoch: number
  readonly endOffset: number
}

const epochEndOffsetFields: readonly Field[] = [
  ['errorCode', 'int16'],
  ['partition', 'int32'],
  ['leaderEpoch', 'int32', { default: -1 }],
  ['endOffset', 'int64', { default: -1 }],
]
const offsetForLeaderTopicResultFields: readonly Field[] = [
  ['topic', 'string'],
  ['partitions', '[]struct', { fields: epochEndOffsetFields }],
]

/** OffsetForLeaderEpochResponse, versions 2 to 4, flexible from 4. */
export const offsetForLeaderEpochResponse: Schema<OffsetForLeaderEpochResponse> = {
  name: 'OffsetForLeaderEpochResponse',
  key: 23,
  min: 2,
  max: 4,
  flexibleFrom: 4,
  fields: [
    ['throttleTimeMs', 'int32'],
    ['topics', '[]struct', { fields: offsetForLeaderTopicResultFields }],
  ],
}
