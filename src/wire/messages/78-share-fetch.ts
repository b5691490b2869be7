// The ShareFetch API (key 78): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../schema.ts'

/** A decoded ShareFetchRequest. */
export interface ShareFetchRequest {
  readonly groupId: string | null
  readonly memberId: string | null
  readonly shareSessionEpoch: number
  readonly maxWaitMs: number
  readonly minBytes: number
  readonly maxBytes: number
  readonly maxRecords: number
  readonly batchSize: number
  readonly shareAcquireMode: number
  readonly isRenewAck: boolean
  readonly topics: readonly FetchTopic[]
  readonly forgottenTopicsData: readonly ForgottenTopic[]
}

/** Part of ShareFetchRequest. */
export interface FetchTopic {
  readonly topicId: string
  readonly partitions: readonly FetchPartition[]
}

/** Part of ShareFetchRequest. */
export interface FetchPartition {
  readonly partitionIndex: number
  readonly acknowledgementBatches: readonly AcknowledgementBatch[]
}

/** Part of ShareFetchRequest. */
export interface AcknowledgementBatch {
  readonly firstOffset: number
  readonly lastOffset: number
  readonly acknowledgeTypes: readonly number[]
}

/** Part of ShareFetchRequest. */
export interface ForgottenTopic {
  readonly topicId: string
  readonly partitions: readonly number[]
}

const acknowledgementBatchFields: readonly Field[] = [
  ['firstOffset', 'int64'],
  ['lastOffset', 'int64'],
  ['acknowledgeTypes', '[]int8'],
]
const fetchPartitionFields: readonly Field[] = [
  ['partitionIndex', 'int32'],
  ['acknowledgementBatches', '[]struct', { fields: acknowledgementBatchFields }],
]
const fetchTopicFields: readonly Field[] = [
  ['topicId', 'uuid'],
  ['partitions', '[]struct', { fields: fetchPartitionFields }],
]
const forgottenTopicFields: readonly Field[] = [
  ['topicId', 'uuid'],
  ['partitions', '[]int32'],
]

/** ShareFetchRequest, versions 1 to 2, flexible from 0. */
export const shareFetchRequest: Schema<ShareFetchRequest> = {
  name: 'ShareFetchRequest',
  key: 78,
  min: 1,
  max: 2,
  flexibleFrom: 0,
  fields: [
    ['groupId', 'string', { nullFrom: 0, default: null }],
    ['memberId', 'string', { nullFrom: 0 }],
    ['shareSessionEpoch', 'int32'],
    ['maxWaitMs', 'int32'],
    ['minBytes', 'int32'],
    ['maxBytes', 'int32', { default: 2147483647 }],
    ['maxRecords', 'int32'],
    ['batchSize', 'int32'],
    ['shareAcquireMode', 'int8', { from: 2 }],
    ['isRenewAck', 'bool', { from: 2 }],
    ['topics', '[]struct', { fields: fetchTopicFields }],
    ['forgottenTopicsData', '[]struct', { fields: forgottenTopicFields }],
  ],
}

/** A decoded ShareFetchResponse. */
export interface ShareFetchResponse {
  readonly throttleTimeMs: number
  readonly errorCode: number
  readonly errorMessage: string | null
  readonly acquisitionLockTimeoutMs: number
  readonly responses: readonly ShareFetchableTopicResponse[]
  readonly nodeEndpoints: readonly NodeEndpoint[]
}

/** Part of ShareFetchResponse. */
export interface ShareFetchableTopicResponse {
  readonly topicId: string
  readonly partitions: readonly PartitionData[]
}

/** Part of ShareFetchResponse. */
export interface PartitionData {
  readonly partitionIndex: number
  readonly errorCode: number
  readonly errorMessage: string | null
  readonly acknowledgeErrorCode: number
  readonly acknowledgeErrorMessage: string | null
  readonly currentLeader: LeaderIdAndEpoch
  readonly records: Uint8Array | null
  readonly acquiredRecords: readonly AcquiredRecords[]
}

/** Part of ShareFetchResponse. */
export interface LeaderIdAndEpoch {
  readonly leaderId: number
  readonly leaderEpoch: number
}

/** Part of ShareFetchResponse. */
export interface AcquiredRecords {
  readonly firstOffset: number
  readonly lastOffset: number
  readonly deliveryCount: number
}

/** Part of ShareFetchResponse. */
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
const acquiredRecordsFields: readonly Field[] = [
  ['firstOffset', 'int64'],
  ['lastOffset', 'int64'],
  ['deliveryCount', 'int16'],
]
const partitionDataFields: readonly Field[] = [
  ['partitionIndex', 'int32'],
  ['errorCode', 'int16'],
  ['errorMessage', 'string', { nullFrom: 0, default: null }],
  ['acknowledgeErrorCode', 'int16'],
  ['acknowledgeErrorMessage', 'string', { nullFrom: 0, default: null }],
  ['currentLeader', 'struct', { fields: leaderIdAndEpochFields }],
  ['records', 'records', { nullFrom: 0, nullTo: 0 }],
  ['acquiredRecords', '[]struct', { fields: acquiredRecordsFields }],
]
const shareFetchableTopicResponseFields: readonly Field[] = [
  ['topicId', 'uuid'],
  ['partitions', '[]struct', { fields: partitionDataFields }],
]
const nodeEndpointFields: readonly Field[] = [
  ['nodeId', 'int32'],
  ['host', 'string'],
  ['port', 'int32'],
  ['rack', 'string', { nullFrom: 0, default: null }],
]

/** ShareFetchResponse, versions 1 to 2, flexible from 0. */
export const shareFetchResponse: Schema<ShareFetchResponse> = {
  name: 'ShareFetchResponse',
  key: 78,
  min: 1,
  max: 2,
  flexibleFrom: 0,
  fields: [
    ['throttleTimeMs', 'int32'],
    ['errorCode', 'int16'],
    ['errorMessage', 'string', { nullFrom: 0, default: null }],
    ['acquisitionLockTimeoutMs', 'int32'],
    ['responses', '[]struct', { fields: shareFetchableTopicResponseFields }],
    ['nodeEndpoints', '[]struct', { fields: nodeEndpointFields }],
  ],
}
