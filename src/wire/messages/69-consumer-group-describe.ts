// The ConsumerGroupDescribe API (key 69): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../schema.ts'

/** A decoded ConsumerGroupDescribeRequest. */
export interface ConsumerGroupDescribeRequest {
  readonly groupIds: readonly string[]
  readonly includeAuthorizedOperations: boolean
}

/** ConsumerGroupDescribeRequest, versions 0 to 1, flexible from 0. */
export const consumerGroupDescribeRequest: Schema<ConsumerGroupDescribeRequest> = {
  name: 'ConsumerGroupDescribeRequest',
  key: 69,
  min: 0,
  max: 1,
  flexibleFrom: 0,
  fields: [
    ['groupIds', '[]string'],
    ['includeAuthorizedOperations', 'bool'],
  ],
}

/** A decoded ConsumerGroupDescribeResponse. */
export interface ConsumerGroupDescribeResponse {
  readonly throttleTimeMs: number
  readonly groups: readonly DescribedGroup[]
}

/** Part of ConsumerGroupDescribeResponse. */
export interface DescribedGroup {
  readonly errorCode: number
  readonly errorMessage: string | null
  readonly groupId: string
  readonly groupState: string
  readonly groupEpoch: number
  readonly assignmentEpoch: number
  readonly assignorName: string
  readonly members: readonly Member[]
  readonly authorizedOperations: number
}

/** Part of ConsumerGroupDescribeResponse. */
export interface Member {
  readonly memberId: string
  readonly instanceId: string | null
  readonly rackId: string | null
  readonly memberEpoch: number
  readonly clientId: string
  readonly clientHost: string
  readonly subscribedTopicNames: readonly string[]
  readonly subscribedTopicRegex: string | null
  readonly assignment: Assignment
  readonly targetAssignment: Assignment
  readonly memberType: number
}

/** Part of ConsumerGroupDescribeResponse. */
export interface Assignment {
  readonly topicPartitions: readonly TopicPartitions[]
}

/** Part of ConsumerGroupDescribeResponse. */
export interface TopicPartitions {
  readonly topicId: string
  readonly topicName: string
  readonly partitions: readonly number[]
}

const topicPartitionsFields: readonly Field[] = [
  ['topicId', 'uuid'],
  ['topicName', 'string'],
  ['partitions', '[]int32'],
]
const assignmentFields: readonly Field[] = [
  ['topicPartitions', '[]struct', { fields: topicPartitionsFields }],
]
const memberFields: readonly Field[] = [
  ['memberId', 'string'],
  ['instanceId', 'string', { nullFrom: 0, default: null }],
  ['rackId', 'string', { nullFrom: 0, default: null }],
  ['memberEpoch', 'int32'],
  ['clientId', 'string'],
  ['clientHost', 'string'],
  ['subscribedTopicNames', '[]string'],
  ['subscribedTopicRegex', 'string', { nullFrom: 0, default: null }],
  ['assignment', 'struct', { fields: assignmentFields }],
  ['targetAssignment', 'struct', { fields: assignmentFields }],
  ['memberType', 'int8', { from: 1, default: -1 }],
]
const describedGroupFields: readonly Field[] = [
  ['errorCode', 'int16'],
  ['errorMessage', 'string', { nullFrom: 0, default: null }],
  ['groupId', 'string'],
  ['groupState', 'string'],
  ['groupEpoch', 'int32'],
  ['assignmentEpoch', 'int32'],
  ['assignorName', 'string'],
  ['members', '[]struct', { fields: memberFields }],
  ['authorizedOperations', 'int32', { default: -2147483648 }],
]

/** ConsumerGroupDescribeResponse, versions 0 to 1, flexible from 0. */
export const consumerGroupDescribeResponse: Schema<ConsumerGroupDescribeResponse> = {
  name: 'ConsumerGroupDescribeResponse',
  key: 69,
  min: 0,
  max: 1,
  flexibleFrom: 0,
  fields: [
    ['throttleTimeMs', 'int32'],
    ['groups', '[]struct', { fields: describedGroupFields }],
  ],
}
