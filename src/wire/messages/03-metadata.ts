// The Metadata API (key 3): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../schema.ts'

/** A decoded MetadataRequest. */
export interface MetadataRequest {
  readonly topics: readonly MetadataRequestTopic[] | null
  readonly allowAutoTopicCreation: boolean
  readonly includeClusterAuthorizedOperations: boolean
  readonly includeTopicAuthorizedOperations: boolean
}

/** Part of MetadataRequest. */
export interface MetadataRequestTopic {
  readonly topicId: string
  readonly name: string | null
}

const metadataRequestTopicFields: readonly Field[] = [
  ['topicId', 'uuid', { from: 10 }],
  ['name', 'string', { nullFrom: 10 }],
]

/** MetadataRequest, versions 0 to 13, flexible from 9. */
export const metadataRequest: Schema<MetadataRequest> = {
  name: 'MetadataRequest',
  key: 3,
  min: 0,
  max: 13,
  flexibleFrom: 9,
  fields: [
    ['topics', '[]struct', { nullFrom: 1, fields: metadataRequestTopicFields }],
    ['allowAutoTopicCreation', 'bool', { from: 4, default: true }],
    ['includeClusterAuthorizedOperations', 'bool', { from: 8, to: 10 }],
    ['includeTopicAuthorizedOperations', 'bool', { from: 8 }],
  ],
}

/** A decoded MetadataResponse. */
export interface MetadataResponse {
  readonly throttleTimeMs: number
  readonly brokers: readonly MetadataResponseBroker[]
  readonly clusterId: string | null
  readonly controllerId: number
  readonly topics: readonly MetadataResponseTopic[]
  readonly clusterAuthorizedOperations: number
  readonly errorCode: number
}

/** Part of MetadataResponse. */
export interface MetadataResponseBroker {
  readonly nodeId: number
  readonly host: string
  readonly port: number
  readonly rack: string | null
}

/** Part of MetadataResponse. */
export interface MetadataResponseTopic {
  readonly errorCode: number
  readonly name: string | null
  readonly topicId: string
  readonly isInternal: boolean
  readonly partitions: readonly MetadataResponsePartition[]
  readonly topicAuthorizedOperations: number
}

/** Part of MetadataResponse. */
export interface MetadataResponsePartition {
  readonly errorCode: number
  readonly partitionIndex: number
  readonly leaderId: number
  readonly leaderEpoch: number
  readonly replicaNodes: readonly number[]
  readonly isrNodes: readonly number[]
  readonly offlineReplicas: readonly number[]
}

const metadataResponseBrokerFields: readonly Field[] = [
  ['nodeId', 'int32'],
  ['host', 'string'],
  ['port', 'int32'],
  ['rack', 'string', { from: 1, nullFrom: 1, default: null }],
]
const metadataResponsePartitionFields: readonly Field[] = [
  ['errorCode', 'int16'],
  ['partitionIndex', 'int32'],
  ['leaderId', 'int32'],
  ['leaderEpoch', 'int32', { from: 7, default: -1 }],
  ['replicaNodes', '[]int32'],
  ['isrNodes', '[]int32'],
  ['offlineReplicas', '[]int32', { from: 5 }],
]
const metadataResponseTopicFields: readonly Field[] = [
  ['errorCode', 'int16'],
  ['name', 'string', { nullFrom: 12 }],
  ['topicId', 'uuid', { from: 10 }],
  ['isInternal', 'bool', { from: 1 }],
  ['partitions', '[]struct', { fields: metadataResponsePartitionFields }],
  ['topicAuthorizedOperations', 'int32', { from: 8, default: -2147483648 }],
]

/** MetadataResponse, versions 0 to 13, flexible from 9. */
export const metadataResponse: Schema<MetadataResponse> = {
  name: 'MetadataResponse',
  key: 3,
  min: 0,
  max: 13,
  flexibleFrom: 9,
  fields: [
    ['throttleTimeMs', 'int32', { from: 3 }],
    ['brokers', '[]struct', { fields: metadataResponseBrokerFields }],
    ['clusterId', 'string', { from: 2, nullFrom: 2, default: null }],
    ['controllerId', 'int32', { from: 1, default: -1 }],
    ['topics', '[]struct', { fields: metadataResponseTopicFields }],
    ['clusterAuthorizedOperations', 'int32', { from: 8, to: 10, default: -2147483648 }],
    ['errorCode', 'int16', { from: 13 }],
  ],
}
