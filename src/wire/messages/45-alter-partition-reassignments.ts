// The AlterPartitionReassignments API (key 45): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../schema.ts'

/** A decoded AlterPartitionReassignmentsRequest. */
export interface AlterPartitionReassignmentsRequest {
  readonly timeoutMs: number
  readonly allowReplicationFactorChange: boolean
  readonly topics: readonly ReassignableTopic[]
}

/** Part of AlterPartitionReassignmentsRequest. */
export interface ReassignableTopic {
  readonly name: string
  readonly partitions: readonly ReassignablePartition[]
}

/** Part of AlterPartitionReassignmentsRequest. */
export interface ReassignablePartition {
  readonly partitionIndex: number
  readonly replicas: readonly number[] | null
}

const reassignablePartitionFields: readonly Field[] = [
  ['partitionIndex', 'int32'],
  ['replicas', '[]int32', { nullFrom: 0, default: null }],
]
const reassignableTopicFields: readonly Field[] = [
  ['name', 'string'],
  ['partitions', '[]struct', { fields: reassignablePartitionFields }],
]

/** AlterPartitionReassignmentsRequest, versions 0 to 1, flexible from 0. */
export const alterPartitionReassignmentsRequest: Schema<AlterPartitionReassignmentsRequest> = {
  name: 'AlterPartitionReassignmentsRequest',
  key: 45,
  min: 0,
  max: 1,
  flexibleFrom: 0,
  fields: [
    ['timeoutMs', 'int32', { default: 60000 }],
    ['allowReplicationFactorChange', 'bool', { from: 1, default: true }],
    ['topics', '[]struct', { fields: reassignableTopicFields }],
  ],
}

/** A decoded AlterPartitionReassignmentsResponse. */
export interface AlterPartitionReassignmentsResponse {
  readonly throttleTimeMs: number
  readonly allowReplicationFactorChange: boolean
  readonly errorCode: number
  readonly errorMessage: string | null
  readonly responses: readonly ReassignableTopicResponse[]
}

/** Part of AlterPartitionReassignmentsResponse. */
export interface ReassignableTopicResponse {
  readonly name: string
  readonly partitions: readonly ReassignablePartitionResponse[]
}

/** Part of AlterPartitionReassignmentsResponse. */
export interface ReassignablePartitionResponse {
  readonly partitionIndex: number
  readonly errorCode: number
  readonly errorMessage: string | null
}

const reassignablePartitionResponseFields: readonly Field[] = [
  ['partitionIndex', 'int32'],
  ['errorCode', 'int16'],
  ['errorMessage', 'string', { nullFrom: 0 }],
]
const reassignableTopicResponseFields: readonly Field[] = [
  ['name', 'string'],
  ['partitions', '[]struct', { fields: reassignablePartitionResponseFields }],
]

/** AlterPartitionReassignmentsResponse, versions 0 to 1, flexible from 0. */
export const alterPartitionReassignmentsResponse: Schema<AlterPartitionReassignmentsResponse> = {
  name: 'AlterPartitionReassignmentsResponse',
  key: 45,
  min: 0,
  max: 1,
  flexibleFrom: 0,
  fields: [
    ['throttleTimeMs', 'int32'],
    ['allowReplicationFactorChange', 'bool', { from: 1, default: true }],
    ['errorCode', 'int16'],
    ['errorMessage', 'string', { nullFrom: 0 }],
    ['responses', '[]struct', { fields: reassignableTopicResponseFields }],
  ],
}
