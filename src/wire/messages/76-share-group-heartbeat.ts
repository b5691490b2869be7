// The ShareGroupHeartbeat API (key 76): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../schema.ts'

/** A decoded ShareGroupHeartbeatRequest. */
export interface ShareGroupHeartbeatRequest {
  readonly groupId: string
  readonly memberId: string
  readonly memberEpoch: number
  readonly rackId: string | null
  readonly subscribedTopicNames: readonly string[] | null
}

/** ShareGroupHeartbeatRequest, version 1, flexible from 0. */
export const shareGroupHeartbeatRequest: Schema<ShareGroupHeartbeatRequest> = {
  name: 'ShareGroupHeartbeatRequest',
  key: 76,
  min: 1,
  max: 1,
  flexibleFrom: 0,
  fields: [
    ['groupId', 'string'],
    ['memberId', 'string'],
    ['memberEpoch', 'int32'],
    ['rackId', 'string', { nullFrom: 0, default: null }],
    ['subscribedTopicNames', '[]string', { nullFrom: 0, default: null }],
  ],
}

/** A decoded ShareGroupHeartbeatResponse. */
export interface ShareGroupHeartbeatResponse {
  readonly throttleTimeMs: number
  readonly errorCode: number
  readonly errorMessage: string | null
  readonly memberId: string | null
  readonly memberEpoch: number
  readonly heartbeatIntervalMs: number
  readonly assignment: Assignment | null
}

/** Part of ShareGroupHeartbeatResponse. */
export interface Assignment {
  readonly topicPartitions: readonly TopicPartitions[]
}

/** Part of ShareGroupHeartbeatResponse. */
export interface TopicPartitions {
  readonly topicId: string
  readonly partitions: readonly number[]
}

const topicPartitionsFields: readonly Field[] = [
  ['topicId', 'uuid'],
  ['partitions', '[]int32'],
]
const assignmentFields: readonly Field[] = [
  ['topicPartitions', '[]struct', { fields: topicPartitionsFields }],
]

/** ShareGroupHeartbeatResponse, version 1, flexible from 0. */
export const shareGroupHeartbeatResponse: Schema<ShareGroupHeartbeatResponse> = {
  name: 'ShareGroupHeartbeatResponse',
  key: 76,
  min: 1,
  max: 1,
  flexibleFrom: 0,
  fields: [
    ['throttleTimeMs', 'int32'],
    ['errorCode', 'int16'],
    ['errorMessage', 'string', { nullFrom: 0, default: null }],
    ['memberId', 'string', { nullFrom: 0, default: null }],
    ['memberEpoch', 'int32'],
    ['heartbeatIntervalMs', 'int32'],
    ['assignment', 'struct', { nullFrom: 0, default: null, fields: assignmentFields }],
  ],
}
