// The RenewDelegationToken API (key 39): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Schema } from '../schema.ts'

/** A decoded RenewDelegationTokenRequest. */
export interface RenewDelegationTokenRequest {
  readonly hmac: Uint8Array
  readonly renewPeriodMs: number
}

/** RenewDelegationTokenRequest, versions 1 to 2, flexible from 2. */
export const renewDelegationTokenRequest: Schema<RenewDelegationTokenRequest> = {
  name: 'RenewDelegationTokenRequest',
  key: 39,
  min: 1,
  max: 2,
  flexibleFrom: 2,
  fields: [
    ['hmac', 'bytes'],
    ['renewPeriodMs', 'int64'],
  ],
}

/** A decoded RenewDelegationTokenResponse. */
export interface RenewDelegationTokenResponse {
  readonly errorCode: number
  readonly expiryTimestampMs: number
  readonly throttleTimeMs: number
}

/** RenewDelegationTokenResponse, versions 1 to 2, flexible from 2. */
export const renewDelegationTokenResponse: Schema<RenewDelegationTokenResponse> = {
  name: 'RenewDelegationTokenResponse',
  key: 39,
  min: 1,
  max: 2,
  flexibleFrom: 2,
  fields: [
    ['errorCode', 'int16'],
    ['expiryTimestampMs', 'int64'],
    ['throttleTimeMs', 'int32'],
  ],
}
