// The SaslAuthenticate API (key 36): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Schema } from '../schema.ts'

/** A decoded SaslAuthenticateRequest. */
export interface SaslAuthenticateRequest {
  readonly authBytes: Uint8Array
}

/** SaslAuthenticateRequest, versions 0 to 2, flexible from 2. */
export const saslAuthenticateRequest: Schema<SaslAuthenticateRequest> = {
  name: 'SaslAuthenticateRequest',
  key: 36,
  min: 0,
  max: 2,
  flexibleFrom: 2,
  fields: [['authBytes', 'bytes']],
}

/** A decoded SaslAuthenticateResponse. */
export interface SaslAuthenticateResponse {
  readonly errorCode: number
  readonly errorMessage: string | null
  readonly authBytes: Uint8Array
  readonly sessionLifetimeMs: number
}

/** SaslAuthenticateResponse, versions 0 to 2, flexible from 2. */
export const saslAuthenticateResponse: Schema<SaslAuthenticateResponse> = {
  name: 'SaslAuthenticateResponse',
  key: 36,
  min: 0,
  max: 2,
  flexibleFrom: 2,
  fields: [
    ['errorCode', 'int16'],
    ['errorMessage', 'string', { nullFrom: 0 }],
    ['authBytes', 'bytes'],
    ['sessionLifetimeMs', 'int64', { from: 1 }],
  ],
}
