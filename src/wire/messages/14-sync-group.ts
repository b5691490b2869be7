// The SyncGroup API (key 14): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../schema.ts'

/** A decoded SyncGroupRequest. */
export interface SyncGroupRequest {
  readonly groupId: string
  readonly generationId: number
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly protocolType: string | null
  readonly protocolName: string | null
  readonly assignments: readonly SyncGroupRequestAssignment[]
}

/** Part of SyncGroupRequest. */
export interface SyncGroupRequestAssignment {
  readonly memberId: string
  readonly assignment: Uint8Array
}

const syncGroupRequestAssignmentFields: readonly Field[] = [
  ['memberId', 'string'],
  ['assignment', 'bytes'],
]

/** SyncGroupRequest, versions 0 to 5, flexible from 4. */
export const syncGroupRequest: Schema<SyncGroupRequest> = {
  name: 'SyncGroupRequest',
  key: 14,
  min: 0,
  max: 5,
  flexibleFrom: 4,
  fields: [
    ['groupId', 'string'],
    ['generationId', 'int32'],
    ['memberId', 'string'],
    ['groupInstanceId', 'string', { from: 3, nullFrom: 3, default: null }],
    ['protocolType', 'string', { from: 5, nullFrom: 5, default: null }],
    ['protocolName', 'string', { from: 5, nullFrom: 5, default: null }],
    ['assignments', '[]struct', { fields: syncGroupRequestAssignmentFields }],
  ],
}

/** A decoded SyncGroupResponse. */
export interface SyncGroupResponse {
  readonly throttleTimeMs: number
  readonly errorCode: number
  readonly protocolType: string | null
  readonly protocolName: string | null
  readonly assignment: Uint8Array
}

/** SyncGroupResponse, versions 0 to 5, flexible from 4. */
export const syncGroupResponse: Schema<SyncGroupResponse> = {
  name: 'SyncGroupResponse',
  key: 14,
  min: 0,
  max: 5,
  flexibleFrom: 4,
  fields: [
    ['throttleTimeMs', 'int32', { from: 1 }],
    ['errorCode', 'int16'],
    ['protocolType', 'string', { from: 5, nullFrom: 5, default: null }],
    ['protocolName', 'string', { from: 5, nullFrom: 5, default: null }],
    ['assignment', 'bytes'],
  ],
}
