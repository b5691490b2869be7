// The ShareAcknowledge API (key 79): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../schema.ts'

/** A decoded ShareAcknowledgeRequest. */
export interface ShareAcknowledgeRequest {
  readonly groupId: string | null
  readonly memberId: string | null
  readonly shareSessionEpoch: number
  readonly isRenewAck: boolean
  readonly topics: readonly AcknowledgeTopic[]
}

/** Part of ShareAcknowledgeRequest. */
export interface AcknowledgeTopic {
  readonly topicId: string
  readonly partitions: readonly AcknowledgePartition[]
}

/** Part of ShareAcknowledgeRequest. */
export interface AcknowledgePartition {
  readonly partitionIndex: number
  readonly acknowledgementBatches: readonly AcknowledgementBatch[]
}

/** Part of ShareAcknowledgeRequest. */
export interface AcknowledgementBatch {
  readonly firstOffset: number
  readonly lastOffset: number
  readonly acknowledgeTypes: readonly number[]
}

const acknowledgementBatchFields: readonly Field[] = [
  ['firstOffset', 'int64'],
  ['lastOffset', 'int64'],
  ['acknowledgeTypes', '[]int8'],
]
const acknowledgePartitionFields: readonly Field[] = [
  ['partitionIndex', 'int32'],
  ['acknowledgementBatches', '[]struct', { fields: acknowledgementBatchFields }],
]
const acknowledgeTopicFields: readonly Field[] = [
  ['topicId', 'uuid'],
  ['partitions', '[]struct', { fields: acknowledgePartitionFields }],
]

/** ShareAcknowledgeRequest, versions 1 to 2, flexible from 0. */
export const shareAcknowledgeRequest: Schema<ShareAcknowledgeRequest> = {
  name: 'ShareAcknowledgeRequest',
  key: 79,
  min: 1,
  max: 2,
  flexibleFrom: 0,
  fields: [
    ['groupId', 'string', { nullFrom: 0, default: null }],
    ['memberId', 'string', { nullFrom: 0 }],
    ['shareSessionEpoch', 'int32'],
    ['isRenewAck', 'bool', { from: 2 }],
    ['topics', '[]struct', { fields: acknowledgeTopicFields }],
  ],
}

/** A decoded ShareAcknowledgeResponse. */
export interface ShareAcknowledgeResponse {
  readonly throttleTimeMs: number
  readonly errorCode: number
  readonly errorMessage: string | null
  readonly acquisitionLockTimeoutMs: number
  readonly responses: readonly ShareAcknowledgeTopicResponse[]
  readonly nodeEndpoints: readonly NodeEndpoint[]
}

/** Part of ShareAcknowledgeResponse. */
export interface ShareAcknowledgeTopicResponse {
  readonly topicId: string
  readonly partitions: readonly PartitionData[]
}

/** Part of ShareAcknowledgeResponse. */
export interface PartitionData {
  readonly partitionIndex: number
  readonly errorCode: number
  readonly errorMessage: string | null
  readonly currentLeader: LeaderIdAndEpoch
}

/** Part of ShareAcknowledgeResponse. */
export interface LeaderIdAndEpoch {
  readonly leaderId: number
  readonly leaderEpoch: number
}

/** Part of ShareAcknowledgeResponse. */
export interface NodeEndpoint {
  readonly nodeId: number
  readonly host: string
  readonly port: number
  readonly rack: string | null
}

const leaderIdAndEpochFields: readonly Field[] = [
  ['leaderId', 'int32'],
  ['leaderEpoch', 'int32'],
]
const partitionDataFields: readonly Field[] = [
  ['partitionIndex', 'int32'],
  ['errorCode', 'int16'],
  ['errorMessage', 'string', { nullFrom: 0, default: null }],
  ['currentLeader', 'struct', { fields: leaderIdAndEpochFields }],
]
const shareAcknowledgeTopicResponseFields: readonly Field[] = [
  ['topicId', 'uuid'],
  ['partitions', '[]struct', { fields: partitionDataFields }],
]
const nodeEndpointFields: readonly Field[] = [
  ['nodeId', 'int32'],
  ['host', 'string'],
  ['port', 'int32'],
  ['rack', 'string', { nullFrom: 0, default: null }],
]

/** ShareAcknowledgeResponse, versions 1 to 2, flexible from 0. */
export const shareAcknowledgeResponse: Schema<ShareAcknowledgeResponse> = {
  name: 'ShareAcknowledgeResponse',
  key: 79,
  min: 1,
  max: 2,
  flexibleFrom: 0,
  fields: [
    ['throttleTimeMs', 'int32'],
    ['errorCode', 'int16'],
    ['errorMessage', 'string', { nullFrom: 0, default: null }],
    ['acquisitionLockTimeoutMs', 'int32', { from: 2 }],
    ['responses', '[]struct', { fields: shareAcknowledgeTopicResponseFields }],
    ['nodeEndpoints', '[]struct', { fields: nodeEndpointFields }],
  ],
}
