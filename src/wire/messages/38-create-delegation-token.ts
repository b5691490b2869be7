// The CreateDelegationToken API (key 38): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../schema.ts'

/** A decoded CreateDelegationTokenRequest. */
export interface CreateDelegationTokenRequest {
  readonly ownerPrincipalType: string | null
  readonly ownerPrincipalName: string | null
  readonly renewers: readonly CreatableRenewers[]
  readonly maxLifetimeMs: number
}

/** Part of CreateDelegationTokenRequest. */
export interface CreatableRenewers {
  readonly principalType: string
  readonly principalName: string
}

const creatableRenewersFields: readonly Field[] = [
  ['principalType', 'string'],
  ['principalName', 'string'],
]

/** CreateDelegationTokenRequest, versions 1 to 3, flexible from 2. */
export const createDelegationTokenRequest: Schema<CreateDelegationTokenRequest> = {
  name: 'CreateDelegationTokenRequest',
  key: 38,
  min: 1,
  max: 3,
  flexibleFrom: 2,
  fields: [
    ['ownerPrincipalType', 'string', { from: 3, nullFrom: 3 }],
    ['ownerPrincipalName', 'string', { from: 3, nullFrom: 3 }],
    ['renewers', '[]struct', { fields: creatableRenewersFields }],
    ['maxLifetimeMs', 'int64'],
  ],
}

/** A decoded CreateDelegationTokenResponse. */
export interface CreateDelegationTokenResponse {
  readonly errorCode: number
  readonly principalType: string
  readonly principalName: string
  readonly tokenRequesterPrincipalType: string
  readonly tokenRequesterPrincipalName: string
  readonly issueTimestampMs: number
  readonly expiryTimestampMs: number
  readonly maxTimestampMs: number
  readonly tokenId: string
  readonly hmac: Uint8Array
  readonly throttleTimeMs: number
}

/** CreateDelegationTokenResponse, versions 1 to 3, flexible from 2. */
export const createDelegationTokenResponse: Schema<CreateDelegationTokenResponse> = {
  name: 'CreateDelegationTokenResponse',
  key: 38,
  min: 1,
  max: 3,
  flexibleFrom: 2,
  fields: [
    ['errorCode', 'int16'],
    ['principalType', 'string'],
    ['principalName', 'string'],
    ['tokenRequesterPrincipalType', 'string', { from: 3 }],
    ['tokenRequesterPrincipalName', 'string', { from: 3 }],
    ['issueTimestampMs', 'int64'],
    ['expiryTimestampMs', 'int64'],
    ['maxTimestampMs', 'int64'],
    ['tokenId', 'string'],
    ['hmac', 'bytes'],
    ['throttleTimeMs', 'int32'],
  ],
}
