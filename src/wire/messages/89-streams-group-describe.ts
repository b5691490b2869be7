// The StreamsGroupDescribe API (key 89): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../schema.ts'

/** A decoded StreamsGroupDescribeRequest. */
export interface StreamsGroupDescribeRequest {
  readonly groupIds: readonly string[]
  readonly includeAuthorizedOperations: boolean
}

/** StreamsGroupDescribeRequest, version 0, flexible from 0. */
export const streamsGroupDescribeRequest: Schema<StreamsGroupDescribeRequest> = {
  name: 'StreamsGroupDescribeRequest',
  key: 89,
  min: 0,
  max: 0,
  flexibleFrom: 0,
  fields: [
    ['groupIds', '[]string'],
    ['includeAuthorizedOperations', 'bool'],
  ],
}

/** A decoded StreamsGroupDescribeResponse. */
export interface StreamsGroupDescribeResponse {
  readonly throttleTimeMs: number
  readonly groups: readonly DescribedGroup[]
}

/** Part of StreamsGroupDescribeResponse. */
export interface DescribedGroup {
  readonly errorCode: number
  readonly errorMessage: string | null
  readonly groupId: string
  readonly groupState: string
  readonly groupEpoch: number
  readonly assignmentEpoch: number
  readonly topology: Topology | null
  readonly members: readonly Member[]
  readonly authorizedOperations: number
}

/** Part of StreamsGroupDescribeResponse. */
export interface Topology {
  readonly epoch: number
  readonly subtopologies: readonly Subtopology[] | null
}

/** Part of StreamsGroupDescribeResponse. */
export interface Subtopology {
  readonly subtopologyId: string
  readonly sourceTopics: readonly string[]
  readonly repartitionSinkTopics: readonly string[]
  readonly stateChangelogTopics: readonly TopicInfo[]
  readonly repartitionSourceTopics: readonly TopicInfo[]
}

/** Part of StreamsGroupDescribeResponse. */
export interface TopicInfo {
  readonly name: string
  readonly partitions: number
  readonly replicationFactor: number
  readonly topicConfigs: readonly KeyValue[]
}

/** Part of StreamsGroupDescribeResponse. */
export interface KeyValue {
  readonly key: string
  readonly value: string
}

/** Part of StreamsGroupDescribeResponse. */
export interface Member {
  readonly memberId: string
  readonly memberEpoch: number
  readonly instanceId: string | null
  readonly rackId: string | null
  readonly clientId: string
  readonly clientHost: string
  readonly topologyEpoch: number
  readonly processId: string
  readonly userEndpoint: Endpoint | null
  readonly clientTags: readonly KeyValue[]
  readonly taskOffsets: readonly TaskOffset[]
  readonly taskEndOffsets: readonly TaskOffset[]
  readonly assignment: Assignment
  readonly targetAssignment: Assignment
  readonly isClassic: boolean
}

/** Part of StreamsGroupDescribeResponse. */
export interface Endpoint {
  readonly host: string
  readonly port: number
}

/** Part of StreamsGroupDescribeResponse. */
export interface TaskOffset {
  readonly subtopologyId: string
  readonly partition: number
  readonly offset: number
}

/** Part of StreamsGroupDescribeResponse. */
export interface Assignment {
  readonly activeTasks: readonly TaskIds[]
  readonly standbyTasks: readonly TaskIds[]
  readonly warmupTasks: readonly TaskIds[]
}

/** Part of StreamsGroupDescribeResponse. */
export interface TaskIds {
  readonly subtopologyId: string
  readonly partitions: readonly number[]
}

const keyValueFields: readonly Field[] = [
  ['key', 'string'],
  ['value', 'string'],
]
const topicInfoFields: readonly Field[] = [
  ['name', 'string'],
  ['partitions', 'int32'],
  ['replicationFactor', 'int16'],
  ['topicConfigs', '[]struct', { fields: keyValueFields }],
]
const subtopologyFields: readonly Field[] = [
  ['subtopologyId', 'string'],
  ['sourceTopics', '[]string'],
  ['repartitionSinkTopics', '[]string'],
  ['stateChangelogTopics', '[]struct', { fields: topicInfoFields }],
  ['repartitionSourceTopics', '[]struct', { fields: topicInfoFields }],
]
const topologyFields: readonly Field[] = [
  ['epoch', 'int32'],
  ['subtopologies', '[]struct', { nullFrom: 0, default: null, fields: subtopologyFields }],
]
const endpointFields: readonly Field[] = [
  ['host', 'string'],
  ['port', 'uint16'],
]
const taskOffsetFields: readonly Field[] = [
  ['subtopologyId', 'string'],
  ['partition', 'int32'],
  ['offset', 'int64'],
]
const taskIdsFields: readonly Field[] = [
  ['subtopologyId', 'string'],
  ['partitions', '[]int32'],
]
const assignmentFields: readonly Field[] = [
  ['activeTasks', '[]struct', { fields: taskIdsFields }],
  ['standbyTasks', '[]struct', { fields: taskIdsFields }],
  ['warmupTasks', '[]struct', { fields: taskIdsFields }],
]
const memberFields: readonly Field[] = [
  ['memberId', 'string'],
  ['memberEpoch', 'int32'],
  ['instanceId', 'string', { nullFrom: 0, default: null }],
  ['rackId', 'string', { nullFrom: 0, default: null }],
  ['clientId', 'string'],
  ['clientHost', 'string'],
  ['topologyEpoch', 'int32'],
  ['processId', 'string'],
  ['userEndpoint', 'struct', { nullFrom: 0, default: null, fields: endpointFields }],
  ['clientTags', '[]struct', { fields: keyValueFields }],
  ['taskOffsets', '[]struct', { fields: taskOffsetFields }],
  ['taskEndOffsets', '[]struct', { fields: taskOffsetFields }],
  ['assignment', 'struct', { fields: assignmentFields }],
  ['targetAssignment', 'struct', { fields: assignmentFields }],
  ['isClassic', 'bool'],
]
const describedGroupFields: readonly Field[] = [
  ['errorCode', 'int16'],
  ['errorMessage', 'string', { nullFrom: 0, default: null }],
  ['groupId', 'string'],
  ['groupState', 'string'],
  ['groupEpoch', 'int32'],
  ['assignmentEpoch', 'int32'],
  ['topology', 'struct', { nullFrom: 0, default: null, fields: topologyFields }],
  ['members', '[]struct', { fields: memberFields }],
  ['authorizedOperations', 'int32', { default: -2147483648 }],
]

/** StreamsGroupDescribeResponse, version 0, flexible from 0. */
export const streamsGroupDescribeResponse: Schema<StreamsGroupDescribeResponse> = {
  name: 'StreamsGroupDescribeResponse',
  key: 89,
  min: 0,
  max: 0,
  flexibleFrom: 0,
  fields: [
    ['throttleTimeMs', 'int32'],
    ['groups', '[]struct', { fields: describedGroupFields }],
  ],
}
