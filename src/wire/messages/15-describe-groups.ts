// The DescribeGroups API (key 15): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../schema.ts'

/** A decoded DescribeGroupsRequest. */
export interface DescribeGroupsRequest {
  readonly groups: readonly string[]
  readonly includeAuthorizedOperations: boolean
}

/** DescribeGroupsRequest, versions 0 to 6, flexible from 5. */
export const describeGroupsRequest: Schema<DescribeGroupsRequest> = {
  name: 'DescribeGroupsRequest',
  key: 15,
  min: 0,
  max: 6,
  flexibleFrom: 5,
  fields: [
    ['groups', '[]string'],
    ['includeAuthorizedOperations', 'bool', { from: 3 }],
  ],
}

/** A decoded DescribeGroupsResponse. */
export interface DescribeGroupsResponse {
  readonly throttleTimeMs: number
  readonly groups: readonly DescribedGroup[]
}

/** Part of DescribeGroupsResponse. */
export interface DescribedGroup {
  readonly errorCode: number
  readonly errorMessage: string | null
  readonly groupId: string
  readonly groupState: string
  readonly protocolType: string
  readonly protocolData: string
  readonly members: readonly DescribedGroupMember[]
  readonly authorizedOperations: number
}

/** Part of DescribeGroupsResponse. */
export interface DescribedGroupMember {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly clientId: string
  readonly clientHost: string
  readonly memberMetadata: Uint8Array
  readonly memberAssignment: Uint8Array
}

const describedGroupMemberFields: readonly Field[] = [
  ['memberId', 'string'],
  ['groupInstanceId', 'string', { from: 4, nullFrom: 4, default: null }],
  ['clientId', 'string'],
  ['clientHost', 'string'],
  ['memberMetadata', 'bytes'],
  ['memberAssignment', 'bytes'],
]
const describedGroupFields: readonly Field[] = [
  ['errorCode', 'int16'],
  ['errorMessage', 'string', { from: 6, nullFrom: 6, default: null }],
  ['groupId', 'string'],
  ['groupState', 'string'],
  ['protocolType', 'string'],
  ['protocolData', 'string'],
  ['members', '[]struct', { fields: describedGroupMemberFields }],
  ['authorizedOperations', 'int32', { from: 3, default: -2147483648 }],
]

/** DescribeGroupsResponse, versions 0 to 6, flexible from 5. */
export const describeGroupsResponse: Schema<DescribeGroupsResponse> = {
  name: 'DescribeGroupsResponse',
  key: 15,
  min: 0,
  max: 6,
  flexibleFrom: 5,
  fields: [
    ['throttleTimeMs', 'int32', { from: 1 }],
    ['groups', '[]struct', { fields: describedGroupFields }],
  ],
}
