// The AddRaftVoter API (key 80): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../schema.ts'

/** A decoded AddRaftVoterRequest. */
export interface AddRaftVoterRequest {
  readonly clusterId: string | null
  readonly timeoutMs: number
  readonly voterId: number
  readonly voterDirectoryId: string
  readonly listeners: readonly Listener[]
  readonly ackWhenCommitted: boolean
}

/** Part of AddRaftVoterRequest. */
export interface Listener {
  readonly name: string
  readonly host: string
  readonly port: number
}

const listenerFields: readonly Field[] = [
  ['name', 'string'],
  ['host', 'string'],
  ['port', 'uint16'],
]

/** AddRaftVoterRequest, versions 0 to 1, flexible from 0. */
export const addRaftVoterRequest: Schema<AddRaftVoterRequest> = {
  name: 'AddRaftVoterRequest',
  key: 80,
  min: 0,
  max: 1,
  flexibleFrom: 0,
  fields: [
    ['clusterId', 'string', { nullFrom: 0 }],
    ['timeoutMs', 'int32'],
    ['voterId', 'int32'],
    ['voterDirectoryId', 'uuid'],
    ['listeners', '[]struct', { fields: listenerFields }],
    ['ackWhenCommitted', 'bool', { from: 1, default: true }],
  ],
}

/** A decoded AddRaftVoterResponse. */
export interface AddRaftVoterResponse {
  readonly throttleTimeMs: number
  readonly errorCode: number
  readonly errorMessage: string | null
}

/** AddRaftVoterResponse, versions 0 to 1, flexible from 0. */
export const addRaftVoterResponse: Schema<AddRaftVoterResponse> = {
  name: 'AddRaftVoterResponse',
  key: 80,
  min: 0,
  max: 1,
  flexibleFrom: 0,
  fields: [
    ['throttleTimeMs', 'int32'],
    ['errorCode', 'int16'],
    ['errorMessage', 'string', { nullFrom: 0 }],
  ],
}
