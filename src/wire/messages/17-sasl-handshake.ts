// The SaslHandshake API (key 17): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Schema } from '../schema.ts'

/** A decoded SaslHandshakeRequest. */
export interface SaslHandshakeRequest {
  readonly mechanism: string
}

/** SaslHandshakeRequest, versions 0 to 1. */
export const saslHandshakeRequest: Schema<SaslHandshakeRequest> = {
  name: 'SaslHandshakeRequest',
  key: 17,
  min: 0,
  max: 1,
  flexibleFrom: null,
  fields: [['mechanism', 'string']],
}

/** A decoded SaslHandshakeResponse. */
export interface SaslHandshakeResponse {
  readonly errorCode: number
  readonly mechanisms: readonly string[]
}

/** SaslHandshakeResponse, versions 0 to 1. */
export const saslHandshakeResponse: Schema<SaslHandshakeResponse> = {
  name: 'SaslHandshakeResponse',
  key: 17,
  min: 0,
  max: 1,
  flexibleFrom: null,
  fields: [
    ['errorCode', 'int16'],
    ['mechanisms', '[]string'],
  ],
}
