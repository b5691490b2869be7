// The ConsumerGroupHeartbeat API (key 68): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../schema.ts'

/** A decoded ConsumerGroupHeartbeatRequest. */
export interface ConsumerGroupHeartbeatRequest {
  readonly groupId: string
  readonly memberId: string
  readonly memberEpoch: number
  readonly instanceId: string | null
  readonly rackId: string | null
  readonly rebalanceTimeoutMs: number
  readonly subscribedTopicNames: readonly string[] | null
  readonly subscribedTopicRegex: string | null
  readonly serverAssignor: string | null
  readonly topicPartitions: readonly ConsumerGroupHeartbeatRequestTopicPartitions[] | null
}

/** Part of ConsumerGroupHeartbeatRequest. */
export interface ConsumerGroupHeartbeatRequestTopicPartitions {
  readonly topicId: string
  readonly partitions: readonly number[]
}

const consumerGroupHeartbeatRequestTopicPartitionsFields: readonly Field[] = [
  ['topicId', 'uuid'],
  ['partitions', '[]int32'],
]

/** ConsumerGroupHeartbeatRequest, versions 0 to 1, flexible from 0. */
export const consumerGroupHeartbeatRequest: Schema<ConsumerGroupHeartbeatRequest> = {
  name: 'ConsumerGroupHeartbeatRequest',
  key: 68,
  min: 0,
  max: 1,
  flexibleFrom: 0,
  fields: [
    ['groupId', 'string'],
    ['memberId', 'string'],
    ['memberEpoch', 'int32'],
    ['instanceId', 'string', { nullFrom: 0, default: null }],
    ['rackId', 'string', { nullFrom: 0, default: null }],
    ['rebalanceTimeoutMs', 'int32', { default: -1 }],
    ['subscribedTopicNames', '[]string', { nullFrom: 0, default: null }],
    ['subscribedTopicRegex', 'string', { from: 1, nullFrom: 1, default: null }],
    ['serverAssignor', 'string', { nullFrom: 0, default: null }],
    [
      'topicPartitions',
      '[]struct',
      { nullFrom: 0, default: null, fields: consumerGroupHeartbeatRequestTopicPartitionsFields },
    ],
  ],
}

/** A decoded ConsumerGroupHeartbeatResponse. */
export interface ConsumerGroupHeartbeatResponse {
  readonly throttleTimeMs: number
  readonly errorCode: number
  readonly errorMessage: string | null
  readonly memberId: string | null
  readonly memberEpoch: number
  readonly heartbeatIntervalMs: number
  readonly assignment: Assignment | null
}

/** Part of ConsumerGroupHeartbeatResponse. */
export interface Assignment {
  readonly topicPartitions: readonly ConsumerGroupHeartbeatResponseTopicPartitions[]
}

/** Part of ConsumerGroupHeartbeatResponse. */
export interface ConsumerGroupHeartbeatResponseTopicPartitions {
  readonly topicId: string
  readonly partitions: readonly number[]
}

const consumerGroupHeartbeatResponseTopicPartitionsFields: readonly Field[] = [
  ['topicId', 'uuid'],
  ['partitions', '[]int32'],
]
const assignmentFields: readonly Field[] = [
  ['topicPartitions', '[]struct', { fields: consumerGroupHeartbeatResponseTopicPartitionsFields }],
]

/** ConsumerGroupHeartbeatResponse, versions 0 to 1, flexible from 0. */
export const consumerGroupHeartbeatResponse: Schema<ConsumerGroupHeartbeatResponse> = {
  name: 'ConsumerGroupHeartbeatResponse',
  key: 68,
  min: 0,
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
