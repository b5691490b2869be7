// The UnregisterBroker API (key 64): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Schema } from '../schema.ts'

/** A decoded UnregisterBrokerRequest. */
export interface UnregisterBrokerRequest {
  readonly brokerId: number
}

/** UnregisterBrokerRequest, version 0, flexible from 0. */
export const unregisterBrokerRequest: Schema<UnregisterBrokerRequest> = {
  name: 'UnregisterBrokerRequest',
  key: 64,
  min: 0,
  max: 0,
  flexibleFrom: 0,
  fields: [['brokerId', 'int32']],
}

/** A decoded UnregisterBrokerResponse. */
export interface UnregisterBrokerResponse {
  readonly throttleTimeMs: number
  readonly errorCode: number
  readonly errorMessage: string | null
}

/** UnregisterBrokerResponse, version 0, flexible from 0. */
export const unregisterBrokerResponse: Schema<UnregisterBrokerResponse> = {
  name: 'UnregisterBrokerResponse',
  key: 64,
  min: 0,
  max: 0,
  flexibleFrom: 0,
  fields: [
    ['throttleTimeMs', 'int32'],
    ['errorCode', 'int16'],
    ['errorMessage', 'string', { nullFrom: 0 }],
  ],
}
