// The JoinGroup API (key 11): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../schema.ts'

/** A decoded JoinGroupRequest. */
export interface JoinGroupRequest {
  readonly groupId: string
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly protocolType: string
  readonly protocols: readonly JoinGroupRequestProtocol[]
  readonly reason: string | null
}

/** Part of JoinGroupRequest. */
export interface JoinGroupRequestProtocol {
  readonly name: string
  readonly metadata: Uint8Array
}

const joinGroupRequestProtocolFields: readonly Field[] = [
  ['name', 'string'],
  ['metadata', 'bytes'],
]

/** JoinGroupRequest, versions 0 to 9, flexible from 6. */
export const joinGroupRequest: Schema<JoinGroupRequest> = {
  name: 'JoinGroupRequest',
  key: 11,
  min: 0,
  max: 9,
  flexibleFrom: 6,
  fields: [
    ['groupId', 'string'],
    ['sessionTimeoutMs', 'int32'],
    ['rebalanceTimeoutMs', 'int32', { from: 1, default: -1 }],
    ['memberId', 'string'],
    ['groupInstanceId', 'string', { from: 5, nullFrom: 5, default: null }],
    ['protocolType', 'string'],
    ['protocols', '[]struct', { fields: joinGroupRequestProtocolFields }],
    ['reason', 'string', { from: 8, nullFrom: 8, default: null }],
  ],
}

/** A decoded JoinGroupResponse. */
export interface JoinGroupResponse {
  readonly throttleTimeMs: number
  readonly errorCode: number
  readonly generationId: number
  readonly protocolType: string | null
  readonly protocolName: string | null
  readonly leader: string
  readonly skipAssignment: boolean
  readonly memberId: string
  readonly members: readonly JoinGroupResponseMember[]
}

/** Part of JoinGroupResponse. */
export interface JoinGroupResponseMember {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly metadata: Uint8Array
}

const joinGroupResponseMemberFields: readonly Field[] = [
  ['memberId', 'string'],
  ['groupInstanceId', 'string', { from: 5, nullFrom: 5, default: null }],
  ['metadata', 'bytes'],
]

/** JoinGroupResponse, versions 0 to 9, flexible from 6. */
export const joinGroupResponse: Schema<JoinGroupResponse> = {
  name: 'JoinGroupResponse',
  key: 11,
  min: 0,
  max: 9,
  flexibleFrom: 6,
  fields: [
    ['throttleTimeMs', 'int32', { from: 2 }],
    ['errorCode', 'int16'],
    ['generationId', 'int32', { default: -1 }],
    ['protocolType', 'string', { from: 7, nullFrom: 7, default: null }],
    ['protocolName', 'string', { nullFrom: 7 }],
    ['leader', 'string'],
    ['skipAssignment', 'bool', { from: 9 }],
    ['memberId', 'string'],
    ['members', '[]struct', { fields: joinGroupResponseMemberFields }],
  ],
}
