// The CreateTopics API (key 19): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../schema.ts'

/** A decoded CreateTopicsRequest. */
export interface CreateTopicsRequest {
  readonly topics: readonly CreatableTopic[]
  readonly timeoutMs: number
  readonly validateOnly: boolean
}

/** Part of CreateTopicsRequest. */
export interface CreatableTopic {
  readonly name: string
  readonly numPartitions: number
  readonly replicationFactor: number
  readonly assignments: readonly CreatableReplicaAssignment[]
  readonly configs: readonly CreatableTopicConfig[]
}

/** Part of CreateTopicsRequest. */
export interface CreatableReplicaAssignment {
  readonly partitionIndex: number
  readonly brokerIds: readonly number[]
}

/** Part of CreateTopicsRequest. */
export interface CreatableTopicConfig {
  readonly name: string
  readonly value: string | null
}

const creatableReplicaAssignmentFields: readonly Field[] = [
  ['partitionIndex', 'int32'],
  ['brokerIds', '[]int32'],
]
const creatableTopicConfigFields: readonly Field[] = [
  ['name', 'string'],
  ['value', 'string', { nullFrom: 0 }],
]
const creatableTopicFields: readonly Field[] = [
  ['name', 'string'],
  ['numPartitions', 'int32'],
  ['replicationFactor', 'int16'],
  ['assignments', '[]struct', { fields: creatableReplicaAssignmentFields }],
  ['configs', '[]struct', { fields: creatableTopicConfigFields }],
]

/** CreateTopicsRequest, versions 2 to 7, flexible from 5. */
export const createTopicsRequest: Schema<CreateTopicsRequest> = {
  name: 'CreateTopicsRequest',
  key: 19,
  min: 2,
  max: 7,
  flexibleFrom: 5,
  fields: [
    ['topics', '[]struct', { fields: creatableTopicFields }],
    ['timeoutMs', 'int32', { default: 60000 }],
    ['validateOnly', 'bool'],
  ],
}

/** A decoded CreateTopicsResponse. */
export interface CreateTopicsResponse {
  readonly throttleTimeMs: number
  readonly topics: readonly CreatableTopicResult[]
}

/** Part of CreateTopicsResponse. */
export interface CreatableTopicResult {
  readonly name: string
  readonly topicId: string
  readonly errorCode: number
  readonly errorMessage: string | null
  readonly topicConfigErrorCode: number
  readonly numPartitions: number
  readonly replicationFactor: number
  readonly configs: readonly CreatableTopicConfigs[] | null
}

/** Part of CreateTopicsResponse. */
export interface CreatableTopicConfigs {
  readonly name: string
  readonly value: string | null
  readonly readOnly: boolean
  readonly configSource: number
  readonly isSensitive: boolean
}

const creatableTopicConfigsFields: readonly Field[] = [
  ['name', 'string', { from: 5 }],
  ['value', 'string', { from: 5, nullFrom: 5 }],
  ['readOnly', 'bool', { from: 5 }],
  ['configSource', 'int8', { from: 5, default: -1 }],
  ['isSensitive', 'bool', { from: 5 }],
]
const creatableTopicResultFields: readonly Field[] = [
  ['name', 'string'],
  ['topicId', 'uuid', { from: 7 }],
  ['errorCode', 'int16'],
  ['errorMessage', 'string', { nullFrom: 0 }],
  ['topicConfigErrorCode', 'int16', { from: 5, tag: 0 }],
  ['numPartitions', 'int32', { from: 5, default: -1 }],
  ['replicationFactor', 'int16', { from: 5, default: -1 }],
  ['configs', '[]struct', { from: 5, nullFrom: 5, fields: creatableTopicConfigsFields }],
]

/** CreateTopicsResponse, versions 2 to 7, flexible from 5. */
export const createTopicsResponse: Schema<CreateTopicsResponse> = {
  name: 'CreateTopicsResponse',
  key: 19,
  min: 2,
  max: 7,
  flexibleFrom: 5,
  fields: [
    ['throttleTimeMs', 'int32'],
    ['topics', '[]struct', { fields: creatableTopicResultFields }],
  ],
}
