// The RemoveRaftVoter API (key 81): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Schema } from '../schema.ts'

/** A decoded RemoveRaftVoterRequest. */
export interface RemoveRaftVoterRequest {
  readonly clusterId: string | null
  readonly voterId: number
  readonly voterDirectoryId: string
}

/** RemoveRaftVoterRequest, version 0, flexible from 0. */
export const removeRaftVoterRequest: Schema<RemoveRaftVoterRequest> = {
  name: 'RemoveRaftVoterRequest',
  key: 81,
  min: 0,
  max: 0,
  flexibleFrom: 0,
  fields: [
    ['clusterId', 'string', { nullFrom: 0 }],
    ['voterId', 'int32'],
    ['voterDirectoryId', 'uuid'],
  ],
}

/** A decoded RemoveRaftVoterResponse. */
export interface RemoveRaftVoterResponse {
  readonly throttleTimeMs: number
  readonly errorCode: number
  readonly errorMessage: string | null
}

/** RemoveRaftVoterResponse, version 0, flexible from 0. */
export const removeRaftVoterResponse: Schema<RemoveRaftVoterResponse> = {
  name: 'RemoveRaftVoterResponse',
  key: 81,
  min: 0,
  max: 0,
  flexibleFrom: 0,
  fields: [
    ['throttleTimeMs', 'int32'],
    ['errorCode', 'int16'],
    ['errorMessage', 'string', { nullFrom: 0 }],
  ],
}
