// The LeaveGroup API (key 13): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../schema.ts'

/** A decoded LeaveGroupRequest. */
export interface LeaveGroupRequest {
  readonly groupId: string
  readonly memberId: string
  readonly members: readonly MemberIdentity[]
}

/** Part of LeaveGroupRequest. */
export interface MemberIdentity {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly reason: string | null
}

const memberIdentityFields: readonly Field[] = [
  ['memberId', 'string', { from: 3 }],
  ['groupInstanceId', 'string', { from: 3, nullFrom: 3, default: null }],
  ['reason', 'string', { from: 5, nullFrom: 5, default: null }],
]

/** LeaveGroupRequest, versions 0 to 5, flexible from 4. */
export const leaveGroupRequest: Schema<LeaveGroupRequest> = {
  name: 'LeaveGroupRequest',
  key: 13,
  min: 0,
  max: 5,
  flexibleFrom: 4,
  fields: [
    ['groupId', 'string'],
    ['memberId', 'string', { to: 2 }],
    ['members', '[]struct', { from: 3, fields: memberIdentityFields }],
  ],
}

/** A decoded LeaveGroupResponse. */
export interface LeaveGroupResponse {
  readonly throttleTimeMs: number
  readonly errorCode: number
  readonly members: readonly MemberResponse[]
}

/** Part of LeaveGroupResponse. */
export interface MemberResponse {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly errorCode: number
}

const memberResponseFields: readonly Field[] = [
  ['memberId', 'string', { from: 3 }],
  ['groupInstanceId', 'string', { from: 3, nullFrom: 3 }],
  ['errorCode', 'int16', { from: 3 }],
]

/** LeaveGroupResponse, versions 0 to 5, flexible from 4. */
export const leaveGroupResponse: Schema<LeaveGroupResponse> = {
  name: 'LeaveGroupResponse',
  key: 13,
  min: 0,
  max: 5,
  flexibleFrom: 4,
  fields: [
    ['throttleTimeMs', 'int32', { from: 1 }],
    ['errorCode', 'int16'],
    ['members', '[]struct', { from: 3, fields: memberResponseFields }],
  ],
}
