// The ShareGroupDescribe API (key 77): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../schema.ts'

/** A decoded ShareGroupDescribeRequest. */
export interface ShareGroupDescribeRequest {
  readonly groupIds: readonly string[]
  readonly includeAuthorizedOperations: boolean
}

/** ShareGroupDescribeRequest, version 1, flexible from 0. */
export const shareGroupDescribeRequest: Schema<ShareGroupDescribeRequest> = {
  name: 'ShareGroupDescribeRequest',
  key: 77,
  min: 1,
  max: 1,
  flexibleFrom: 0,
  fields: [
    ['groupIds', '[]string'],
    ['includeAuthorizedOperations', 'bool'],
  ],
}

/** A decoded ShareGroupDescribeResponse. */
export interface ShareGroupDescribeResponse {
  readonly throttleTimeMs: number
  readonly groups: readonly DescribedGroup[]
}

/** Part of ShareGroupDescribeResponse. */
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

/** Part of ShareGroupDescribeResponse. */
export interface Member {
  readonly memberId: string
  readonly rackId: string | null
  readonly memberEpoch: number
  readonly clientId: string
  readonly clientHost: string
  readonly subscribedTopicNames: readonly string[]
  readonly assignment: Assignment
}

/** Part of ShareGroupDescribeResponse. */
export interface Assignment {
  readonly topicPartitions: readonly TopicPartitions[]
}

/** Part of ShareGroupDescribeResponse. */
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
  ['rackId', 'string', { nullFrom: 0, default: null }],
  ['memberEpoch', 'int32'],
  ['clientId', 'string'],
  ['clientHost', 'string'],
  ['subscribedTopicNames', '[]string'],
  ['assignment', 'struct', { fields: assignmentFields }],
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

/** ShareGroupDescribeResponse, version 1, flexible from 0. */
export const shareGroupDescribeResponse: Schema<ShareGroupDescribeResponse> = {
  name: 'ShareGroupDescribeResponse',
  key: 77,
  min: 1,
  max: 1,
  flexibleFrom: 0,
  fields: [
    ['throttleTimeMs', 'int32'],
    ['groups', '[]struct', { fields: describedGroupFields }],
  ],
}
