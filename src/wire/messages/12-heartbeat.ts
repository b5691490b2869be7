// The Heartbeat API (key 12): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Schema } from '../schema.ts'

/** A decoded HeartbeatRequest. */
export interface HeartbeatRequest {
  readonly groupId: string
  readonly generationId: number
  readonly memberId: string
  readonly groupInstanceId: string | null
}

/** HeartbeatRequest, versions 0 to 4, flexible from 4. */
export const heartbeatRequest: Schema<HeartbeatRequest> = {
  name: 'HeartbeatRequest',
  key: 12,
  min: 0,
  max: 4,
  flexibleFrom: 4,
  fields: [
    ['groupId', 'string'],
    ['generationId', 'int32'],
    ['memberId', 'string'],
    ['groupInstanceId', 'string', { from: 3, nullFrom: 3, default: null }],
  ],
}

/** A decoded HeartbeatResponse. */
export interface HeartbeatResponse {
  readonly throttleTimeMs: number
  readonly errorCode: number
}

/** HeartbeatResponse, versions 0 to 4, flexible from 4. */
export const heartbeatResponse: Schema<HeartbeatResponse> = {
  name: 'HeartbeatResponse',
  key: 12,
  min: 0,
  max: 4,
  flexibleFrom: 4,
  fields: [
    ['throttleTimeMs', 'int32', { from: 1 }],
    ['errorCode', 'int16'],
  ],
}
