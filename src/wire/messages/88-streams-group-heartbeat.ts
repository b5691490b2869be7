// The StreamsGroupHeartbeat API (key 88): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../schema.ts'

/** A decoded StreamsGroupHeartbeatRequest. */
export interface StreamsGroupHeartbeatRequest {
  readonly groupId: string
  readonly memberId: string
  readonly memberEpoch: number
  readonly endpointInformationEpoch: number
  readonly instanceId: string | null
  readonly rackId: string | null
  readonly rebalanceTimeoutMs: number
  readonly topology: Topology | null
  readonly activeTasks: readonly StreamsGroupHeartbeatRequestTaskIds[] | null
  readonly standbyTasks: readonly StreamsGroupHeartbeatRequestTaskIds[] | null
  readonly warmupTasks: readonly StreamsGroupHeartbeatRequestTaskIds[] | null
  readonly processId: string | null
  readonly userEndpoint: StreamsGroupHeartbeatRequestEndpoint | null
  readonly clientTags: readonly KeyValue[] | null
  readonly taskOffsets: readonly TaskOffset[] | null
  readonly taskEndOffsets: readonly TaskOffset[] | null
  readonly shutdownApplication: boolean
}

/** Part of StreamsGroupHeartbeatRequest. */
export interface Topology {
  readonly epoch: number
  readonly subtopologies: readonly Subtopology[]
}

/** Part of StreamsGroupHeartbeatRequest. */
export interface Subtopology {
  readonly subtopologyId: string
  readonly sourceTopics: readonly string[]
  readonly sourceTopicRegex: readonly string[]
  readonly stateChangelogTopics: readonly TopicInfo[]
  readonly repartitionSinkTopics: readonly string[]
  readonly repartitionSourceTopics: readonly TopicInfo[]
  readonly copartitionGroups: readonly CopartitionGroup[]
}

/** Part of StreamsGroupHeartbeatRequest. */
export interface TopicInfo {
  readonly name: string
  readonly partitions: number
  readonly replicationFactor: number
  readonly topicConfigs: readonly KeyValue[]
}

/** Part of StreamsGroupHeartbeatRequest. */
export interface KeyValue {
  readonly key: string
  readonly value: string
}

/** Part of StreamsGroupHeartbeatRequest. */
export interface CopartitionGroup {
  readonly sourceTopics: readonly number[]
  readonly sourceTopicRegex: readonly number[]
  readonly repartitionSourceTopics: readonly number[]
}

/** Part of StreamsGroupHeartbeatRequest. */
export interface StreamsGroupHeartbeatRequestTaskIds {
  readonly subtopologyId: string
  readonly partitions: readonly number[]
}

/** Part of StreamsGroupHeartbeatRequest. */
export interface StreamsGroupHeartbeatRequestEndpoint {
  readonly host: string
  readonly port: number
}

/** Part of StreamsGroupHeartbeatRequest. */
export interface TaskOffset {
  readonly subtopologyId: string
  readonly partition: number
  readonly offset: number
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
const copartitionGroupFields: readonly Field[] = [
  ['sourceTopics', '[]int16'],
  ['sourceTopicRegex', '[]int16'],
  ['repartitionSourceTopics', '[]int16'],
]
const subtopologyFields: readonly Field[] = [
  ['subtopologyId', 'string'],
  ['sourceTopics', '[]string'],
  ['sourceTopicRegex', '[]string'],
  ['stateChangelogTopics', '[]struct', { fields: topicInfoFields }],
  ['repartitionSinkTopics', '[]string'],
  ['repartitionSourceTopics', '[]struct', { fields: topicInfoFields }],
  ['copartitionGroups', '[]struct', { fields: copartitionGroupFields }],
]
const topologyFields: readonly Field[] = [
  ['epoch', 'int32'],
  ['subtopologies', '[]struct', { fields: subtopologyFields }],
]
const streamsGroupHeartbeatRequestTaskIdsFields: readonly Field[] = [
  ['subtopologyId', 'string'],
  ['partitions', '[]int32'],
]
const streamsGroupHeartbeatRequestEndpointFields: readonly Field[] = [
  ['host', 'string'],
  ['port', 'uint16'],
]
const taskOffsetFields: readonly Field[] = [
  ['subtopologyId', 'string'],
  ['partition', 'int32'],
  ['offset', 'int64'],
]

/** StreamsGroupHeartbeatRequest, version 0, flexible from 0. */
export const streamsGroupHeartbeatRequest: Schema<StreamsGroupHeartbeatRequest> = {
  name: 'StreamsGroupHeartbeatRequest',
  key: 88,
  min: 0,
  max: 0,
  flexibleFrom: 0,
  fields: [
    ['groupId', 'string'],
    ['memberId', 'string'],
    ['memberEpoch', 'int32'],
    ['endpointInformationEpoch', 'int32'],
    ['instanceId', 'string', { nullFrom: 0, default: null }],
    ['rackId', 'string', { nullFrom: 0, default: null }],
    ['rebalanceTimeoutMs', 'int32', { default: -1 }],
    ['topology', 'struct', { nullFrom: 0, default: null, fields: topologyFields }],
    [
      'activeTasks',
      '[]struct',
      { nullFrom: 0, default: null, fields: streamsGroupHeartbeatRequestTaskIdsFields },
    ],
    [
      'standbyTasks',
      '[]struct',
      { nullFrom: 0, default: null, fields: streamsGroupHeartbeatRequestTaskIdsFields },
    ],
    [
      'warmupTasks',
      '[]struct',
      { nullFrom: 0, default: null, fields: streamsGroupHeartbeatRequestTaskIdsFields },
    ],
    ['processId', 'string', { nullFrom: 0, default: null }],
    [
      'userEndpoint',
      'struct',
      { nullFrom: 0, default: null, fields: streamsGroupHeartbeatRequestEndpointFields },
    ],
    ['clientTags', '[]struct', { nullFrom: 0, default: null, fields: keyValueFields }],
    ['taskOffsets', '[]struct', { nullFrom: 0, default: null, fields: taskOffsetFields }],
    ['taskEndOffsets', '[]struct', { nullFrom: 0, default: null, fields: taskOffsetFields }],
    ['shutdownApplication', 'bool'],
  ],
}

/** A decoded StreamsGroupHeartbeatResponse. */
export interface StreamsGroupHeartbeatResponse {
  readonly throttleTimeMs: number
  readonly errorCode: number
  readonly errorMessage: string | null
  readonly memberId: string
  readonly memberEpoch: number
  readonly heartbeatIntervalMs: number
  readonly acceptableRecoveryLag: number
  readonly taskOffsetIntervalMs: number
  readonly status: readonly Status[] | null
  readonly activeTasks: readonly StreamsGroupHeartbeatResponseTaskIds[] | null
  readonly standbyTasks: readonly StreamsGroupHeartbeatResponseTaskIds[] | null
  readonly warmupTasks: readonly StreamsGroupHeartbeatResponseTaskIds[] | null
  readonly endpointInformationEpoch: number
  readonly partitionsByUserEndpoint: readonly EndpointToPartitions[] | null
}

/** Part of StreamsGroupHeartbeatResponse. */
export interface Status {
  readonly statusCode: number
  readonly statusDetail: string
}

/** Part of StreamsGroupHeartbeatResponse. */
export interface StreamsGroupHeartbeatResponseTaskIds {
  readonly subtopologyId: string
  readonly partitions: readonly number[]
}

/** Part of StreamsGroupHeartbeatResponse. */
export interface EndpointToPartitions {
  readonly userEndpoint: StreamsGroupHeartbeatResponseEndpoint
  readonly activePartitions: readonly TopicPartition[]
  readonly standbyPartitions: readonly TopicPartition[]
}

/** Part of StreamsGroupHeartbeatResponse. */
export interface StreamsGroupHeartbeatResponseEndpoint {
  readonly host: string
  readonly port: number
}

/** Part of StreamsGroupHeartbeatResponse. */
export interface TopicPartition {
  readonly topic: string
  readonly partitions: readonly number[]
}

const statusFields: readonly Field[] = [
  ['statusCode', 'int8'],
  ['statusDetail', 'string'],
]
const streamsGroupHeartbeatResponseTaskIdsFields: readonly Field[] = [
  ['subtopologyId', 'string'],
  ['partitions', '[]int32'],
]
const streamsGroupHeartbeatResponseEndpointFields: readonly Field[] = [
  ['host', 'string'],
  ['port', 'uint16'],
]
const topicPartitionFields: readonly Field[] = [
  ['topic', 'string'],
  ['partitions', '[]int32'],
]
const endpointToPartitionsFields: readonly Field[] = [
  ['userEndpoint', 'struct', { fields: streamsGroupHeartbeatResponseEndpointFields }],
  ['activePartitions', '[]struct', { fields: topicPartitionFields }],
  ['standbyPartitions', '[]struct', { fields: topicPartitionFields }],
]

/** StreamsGroupHeartbeatResponse, version 0, flexible from 0. */
export const streamsGroupHeartbeatResponse: Schema<StreamsGroupHeartbeatResponse> = {
  name: 'StreamsGroupHeartbeatResponse',
  key: 88,
  min: 0,
  max: 0,
  flexibleFrom: 0,
  fields: [
    ['throttleTimeMs', 'int32'],
    ['errorCode', 'int16'],
    ['errorMessage', 'string', { nullFrom: 0, default: null }],
    ['memberId', 'string'],
    ['memberEpoch', 'int32'],
    ['heartbeatIntervalMs', 'int32'],
    ['acceptableRecoveryLag', 'int32'],
    ['taskOffsetIntervalMs', 'int32'],
    ['status', '[]struct', { nullFrom: 0, fields: statusFields }],
    [
      'activeTasks',
      '[]struct',
      { nullFrom: 0, default: null, fields: streamsGroupHeartbeatResponseTaskIdsFields },
    ],
    [
      'standbyTasks',
      '[]struct',
      { nullFrom: 0, default: null, fields: streamsGroupHeartbeatResponseTaskIdsFields },
    ],
    [
      'warmupTasks',
      '[]struct',
      { nullFrom: 0, default: null, fields: streamsGroupHeartbeatResponseTaskIdsFields },
    ],
    ['endpointInformationEpoch', 'int32'],
    [
      'partitionsByUserEndpoint',
      '[]struct',
      { nullFrom: 0, default: null, fields: endpointToPartitionsFields },
    ],
  ],
}
