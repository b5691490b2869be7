// The ListPartitionReassignments API (key 46): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../schema.ts'

/** A decoded ListPartitionReassignmentsRequest. */
export interface ListPartitionReassignmentsRequest {
  readonly timeoutMs: number
  readonly topics: readonly ListPartitionReassignmentsTopics[] | null
}

/** Part of ListPartitionReassignmentsRequest. */
export interface ListPartitionReassignmentsTopics {
  readonly name: string
  readonly partitionIndexes: readonly number[]
}

const listPartitionReassignmentsTopicsFields: readonly Field[] = [
  ['name', 'string'],
  ['partitionIndexes', '[]int32'],
]

/** ListPartitionReassignmentsRequest, version 0, flexible from 0. */
export const listPartitionReassignmentsRequest: Schema<ListPartitionReassignmentsRequest> = {
  name: 'ListPartitionReassignmentsRequest',
  key: 46,
  min: 0,
  max: 0,
  flexibleFrom: 0,
  fields: [
    ['timeoutMs', 'int32', { default: 60000 }],
    [
      'topics',
      '[]struct',
      { nullFrom: 0, default: null, fields: listPartitionReassignmentsTopicsFields },
    ],
  ],
}

/** A decoded ListPartitionReassignmentsResponse. */
export interface ListPartitionReassignmentsResponse {
  readonly throttleTimeMs: number
  readonly errorCode: number
  readonly errorMessage: string | null
  readonly topics: readonly OngoingTopicReassignment[]
}

/** Part of ListPartitionReassignmentsResponse. */
export interface OngoingTopicReassignment {
  readonly name: string
  readonly partitions: readonly OngoingPartitionReassignment[]
}

/** Part of ListPartitionReassignmentsResponse. */
export interface OngoingPartitionReassignment {
  readonly partitionIndex: number
  readonly replicas: readonly number[]
  readonly addingReplicas: readonly number[]
  readonly removingReplicas: readonly number[]
}

const ongoingPartitionReassignmentFields: readonly Field[] = [
  ['partitionIndex', 'int32'],
  ['replicas', '[]int32'],
  ['addingReplicas', '[]int32'],
  ['removingReplicas', '[]int32'],
]
const ongoingTopicReassignmentFields: readonly Field[] = [
  ['name', 'string'],
  ['partitions', '[]struct', { fields: ongoingPartitionReassignmentFields }],
]

/** ListPartitionReassignmentsResponse, version 0, flexible from 0. */
export const listPartitionReassignmentsResponse: Schema<ListPartitionReassignmentsResponse> = {
  name: 'ListPartitionReassignmentsResponse',
  key: 46,
  min: 0,
  max: 0,
  flexibleFrom: 0,
  fields: [
    ['throttleTimeMs', 'int32'],
    ['errorCode', 'int16'],
    ['errorMessage', 'string', { nullFrom: 0 }],
    ['topics', '[]struct', { fields: ongoingTopicReassignmentFields }],
  ],
}
