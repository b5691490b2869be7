// The Produce API (key 0): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../schema.ts'

/** A decoded ProduceRequest. */
export interface ProduceRequest {
  readonly transactionalId: string | null
  readonly acks: number
  readonly timeoutMs: number
  readonly topicData: readonly TopicProduceData[]
}

/** Part of ProduceRequest. */
export interface TopicProduceData {
  readonly name: string
  readonly topicId: string
  readonly partitionData: readonly PartitionProduceData[]
}

/** Part of ProduceRequest. */
export interface PartitionProduceData {
  readonly index: number
  readonly records: Uint8Array | null
}

const partitionProduceDataFields: readonly Field[] = [
  ['index', 'int32'],
  ['records', 'records', { nullFrom: 0 }],
]
const topicProduceDataFields: readonly Field[] = [
  ['name', 'string', { to: 12 }],
  ['topicId', 'uuid', { from: 13 }],
  ['partitionData', '[]struct', { fields: partitionProduceDataFields }],
]

/** ProduceRequest, versions 3 to 13, flexible from 9. */
export const produceRequest: Schema<ProduceRequest> = {
  name: 'ProduceRequest',
  key: 0,
  min: 3,
  max: 13,
  flexibleFrom: 9,
  fields: [
    ['transactionalId', 'string', { nullFrom: 3, default: null }],
    ['acks', 'int16'],
    ['timeoutMs', 'int32'],
    ['topicData', '[]struct', { fields: topicProduceDataFields }],
  ],
}

/** A decoded ProduceResponse. */
export interface ProduceResponse {
  readonly responses: readonly TopicProduceResponse[]
  readonly throttleTimeMs: number
  readonly nodeEndpoints: readonly NodeEndpoint[]
}

/** Part of ProduceResponse. */
export interface TopicProduceResponse {
  readonly name: string
  readonly topicId: string
  readonly partitionResponses: readonly PartitionProduceResponse[]
}

/** Part of ProduceResponse. */
export interface PartitionProduceResponse {
  readonly index: number
  readonly errorCode: number
  readonly baseOffset: number
  readonly logAppendTimeMs: number
  readonly logStartOffset: number
  readonly recordErrors: readonly BatchIndexAndErrorMessage[]
  readonly errorMessage: string | null
  readonly currentLeader: LeaderIdAndEpoch
}

/** Part of ProduceResponse. */
export interface BatchIndexAndErrorMessage {
  readonly batchIndex: number
  readonly batchIndexErrorMessage: string | null
}

/** Part of ProduceResponse. */
export interface LeaderIdAndEpoch {
  readonly leaderId: number
  readonly leaderEpoch: number
}

/** Part of ProduceResponse. */
export interface NodeEndpoint {
  readonly nodeId: number
  readonly host: string
  readonly port: number
  readonly rack: string | null
}

const batchIndexAndErrorMessageFields: readonly Field[] = [
  ['batchIndex', 'int32', { from: 8 }],
  ['batchIndexErrorMessage', 'string', { from: 8, nullFrom: 8, default: null }],
]
const leaderIdAndEpochFields: readonly Field[] = [
  ['leaderId', 'int32', { from: 10, default: -1 }],
  ['leaderEpoch', 'int32', { from: 10, default: -1 }],
]
const partitionProduceResponseFields: readonly Field[] = [
  ['index', 'int32'],
  ['errorCode', 'int16'],
  ['baseOffset', 'int64'],
  ['logAppendTimeMs', 'int64', { default: -1 }],
  ['logStartOffset', 'int64', { from: 5, default: -1 }],
  ['recordErrors', '[]struct', { from: 8, fields: batchIndexAndErrorMessageFields }],
  ['errorMessage', 'string', { from: 8, nullFrom: 8, default: null }],
  ['currentLeader', 'struct', { from: 10, tag: 0, fields: leaderIdAndEpochFields }],
]
const topicProduceResponseFields: readonly Field[] = [
  ['name', 'string', { to: 12 }],
  ['topicId', 'uuid', { from: 13 }],
  ['partitionResponses', '[]struct', { fields: partitionProduceResponseFields }],
]
const nodeEndpointFields: readonly Field[] = [
  ['nodeId', 'int32', { from: 10 }],
  ['host', 'string', { from: 10 }],
  ['port', 'int32', { from: 10 }],
  ['rack', 'string', { from: 10, nullFrom: 10, default: null }],
]

/** ProduceResponse, versions 3 to 13, flexible from 9. */
export const produceResponse: Schema<ProduceResponse> = {
  name: 'ProduceResponse',
  key: 0,
  min: 3,
  max: 13,
  flexibleFrom: 9,
  fields: [
    ['responses', '[]struct', { fields: topicProduceResponseFields }],
    ['throttleTimeMs', 'int32'],
    ['nodeEndpoints', '[]struct', { from: 10, tag: 0, fields: nodeEndpointFields }],
  ],
}
