// The ExpireDelegationToken API (key 40): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Schema } from '../schema.ts'

/** A decoded ExpireDelegationTokenRequest. */
export interface ExpireDelegationTokenRequest {
  readonly hmac: Uint8Array
  readonly expiryTimePeriodMs: number
}

/** ExpireDelegationTokenRequest, versions 1 to 2, flexible from 2. */
export const expireDelegationTokenRequest: Schema<ExpireDelegationTokenRequest> = {
  name: 'ExpireDelegationTokenRequest',
  key: 40,
  min: 1,
  max: 2,
  flexibleFrom: 2,
  fields: [
    ['hmac', 'bytes'],
    ['expiryTimePeriodMs', 'int64'],
  ],
}

/** A decoded ExpireDelegationTokenResponse. */
export interface ExpireDelegationTokenResponse {
  readonly errorCode: number
  readonly expiryTimestampMs: number
  readonly throttleTimeMs: number
}

/** ExpireDelegationTokenResponse, versions 1 to 2, flexible from 2. */
export const expireDelegationTokenResponse: Schema<ExpireDelegationTokenResponse> = {
  name: 'ExpireDelegationTokenResponse',
  key: 40,
  min: 1,
  max: 2,
  flexibleFrom: 2,
  fields: [
    ['errorCode', 'int16'],
    ['expiryTimestampMs', 'int64'],
    ['throttleTimeMs', 'int32'],
  ],
}
