// The DescribeCluster API (key 60): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../schema.ts'

/** A decoded DescribeClusterRequest. */
export interface DescribeClusterRequest {
  readonly includeClusterAuthorizedOperations: boolean
  readonly endpointType: number
  readonly includeFencedBrokers: boolean
}

/** DescribeClusterRequest, versions 0 to 2, flexible from 0. */
export const describeClusterRequest: Schema<DescribeClusterRequest> = {
  name: 'DescribeClusterRequest',
  key: 60,
  min: 0,
  max: 2,
  flexibleFrom: 0,
  fields: [
    ['includeClusterAuthorizedOperations', 'bool'],
    ['endpointType', 'int8', { from: 1, default: 1 }],
    ['includeFencedBrokers', 'bool', { from: 2 }],
  ],
}

/** A decoded DescribeClusterResponse. */
export interface DescribeClusterResponse {
  readonly throttleTimeMs: number
  readonly errorCode: number
  readonly errorMessage: string | null
  readonly endpointType: number
  readonly clusterId: string
  readonly controllerId: number
  readonly brokers: readonly DescribeClusterBroker[]
  readonly clusterAuthorizedOperations: number
}

/** Part of DescribeClusterResponse. */
export interface DescribeClusterBroker {
  readonly brokerId: number
  readonly host: string
  readonly port: number
  readonly rack: string | null
  readonly isFenced: boolean
}

const describeClusterBrokerFields: readonly Field[] = [
  ['brokerId', 'int32'],
  ['host', 'string'],
  ['port', 'int32'],
  ['rack', 'string', { nullFrom: 0, default: null }],
  ['isFenced', 'bool', { from: 2 }],
]

/** DescribeClusterResponse, versions 0 to 2, flexible from 0. */
export const describeClusterResponse: Schema<DescribeClusterResponse> = {
  name: 'DescribeClusterResponse',
  key: 60,
  min: 0,
  max: 2,
  flexibleFrom: 0,
  fields: [
    ['throttleTimeMs', 'int32'],
    ['errorCode', 'int16'],
    ['errorMessage', 'string', { nullFrom: 0, default: null }],
    ['endpointType', 'int8', { from: 1, default: 1 }],
    ['clusterId', 'string'],
    ['controllerId', 'int32', { default: -1 }],
    ['brokers', '[]struct', { fields: describeClusterBrokerFields }],
    ['clusterAuthorizedOperations', 'int32', { default: -2147483648 }],
  ],
}
