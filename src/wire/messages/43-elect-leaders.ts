// The ElectLeaders API (key 43): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../schema.ts'

/** A decoded ElectLeadersRequest. */
export interface ElectLeadersRequest {
  readonly electionType: number
  readonly topicPartitions: readonly TopicPartitions[] | null
  readonly timeoutMs: number
}

/** Part of ElectLeadersRequest. */
export interface TopicPartitions {
  readonly topic: string
  readonly partitions: readonly number[]
}

const topicPartitionsFields: readonly Field[] = [
  ['topic', 'string'],
  ['partitions', '[]int32'],
]

/** ElectLeadersRequest, versions 0 to 2, flexible from 2. */
export const electLeadersRequest: Schema<ElectLeadersRequest> = {
  name: 'ElectLeadersRequest',
  key: 43,
  min: 0,
  max: 2,
  flexibleFrom: 2,
  fields: [
    ['electionType', 'int8', { from: 1 }],
    ['topicPartitions', '[]struct', { nullFrom: 0, fields: topicPartitionsFields }],
    ['timeoutMs', 'int32', { default: 60000 }],
  ],
}

/** A decoded ElectLeadersResponse. */
export interface ElectLeadersResponse {
  readonly throttleTimeMs: number
  readonly errorCode: number
  readonly replicaElectionResults: readonly ReplicaElectionResult[]
}

/** Part of ElectLeadersResponse. */
export interface ReplicaElectionResult {
  readonly topic: string
  readonly partitionResult: readonly PartitionResult[]
}

/** Part of ElectLeadersResponse. */
export interface PartitionResult {
  readonly partitionId: number
  readonly errorCode: number
  readonly errorMessage: string | null
}

const partitionResultFields: readonly Field[] = [
  ['partitionId', 'int32'],
  ['errorCode', 'int16'],
  ['errorMessage', 'string', { nullFrom: 0 }],
]
const replicaElectionResultFields: readonly Field[] = [
  ['topic', 'string'],
  ['partitionResult', '[]struct', { fields: partitionResultFields }],
]

/** ElectLeadersResponse, versions 0 to 2, flexible from 2. */
export const electLeadersResponse: Schema<ElectLeadersResponse> = {
  name: 'ElectLeadersResponse',
  key: 43,
  min: 0,
  max: 2,
  flexibleFrom: 2,
  fields: [
    ['throttleTimeMs', 'int32'],
    ['errorCode', 'int16', { from: 1 }],
    ['replicaElectionResults', '[]struct', { fields: replicaElectionResultFields }],
  ],
}
