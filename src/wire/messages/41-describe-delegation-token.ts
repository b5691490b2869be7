// The DescribeDelegationToken API (key 41): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../schema.ts'

/** A decoded DescribeDelegationTokenRequest. */
export interface DescribeDelegationTokenRequest {
  readonly owners: readonly DescribeDelegationTokenOwner[] | null
}

/** Part of DescribeDelegationTokenRequest. */
export interface DescribeDelegationTokenOwner {
  readonly principalType: string
  readonly principalName: string
}

const describeDelegationTokenOwnerFields: readonly Field[] = [
  ['principalType', 'string'],
  ['principalName', 'string'],
]

/** DescribeDelegationTokenRequest, versions 1 to 3, flexible from 2. */
export const describeDelegationTokenRequest: Schema<DescribeDelegationTokenRequest> = {
  name: 'DescribeDelegationTokenRequest',
  key: 41,
  min: 1,
  max: 3,
  flexibleFrom: 2,
  fields: [['owners', '[]struct', { nullFrom: 0, fields: describeDelegationTokenOwnerFields }]],
}

/** A decoded DescribeDelegationTokenResponse. */
export interface DescribeDelegationTokenResponse {
  readonly errorCode: number
  readonly tokens: readonly DescribedDelegationToken[]
  readonly throttleTimeMs: number
}

/** Part of DescribeDelegationTokenResponse. */
export interface DescribedDelegationToken {
  readonly principalType: string
  readonly principalName: string
  readonly tokenRequesterPrincipalType: string
  readonly tokenRequesterPrincipalName: string
  readonly issueTimestamp: number
  readonly expiryTimestamp: number
  readonly maxTimestamp: number
  readonly tokenId: string
  readonly hmac: Uint8Array
  readonly renewers: readonly DescribedDelegationTokenRenewer[]
}

/** Part of DescribeDelegationTokenResponse. */
export interface DescribedDelegationTokenRenewer {
  readonly principalType: string
  readonly principalName: string
}

const describedDelegationTokenRenewerFields: readonly Field[] = [
  ['principalType', 'string'],
  ['principalName', 'string'],
]
const describedDelegationTokenFields: readonly Field[] = [
  ['principalType', 'string'],
  ['principalName', 'string'],
  ['tokenRequesterPrincipalType', 'string', { from: 3 }],
  ['tokenRequesterPrincipalName', 'string', { from: 3 }],
  ['issueTimestamp', 'int64'],
  ['expiryTimestamp', 'int64'],
  ['maxTimestamp', 'int64'],
  ['tokenId', 'string'],
  ['hmac', 'bytes'],
  ['renewers', '[]struct', { fields: describedDelegationTokenRenewerFields }],
]

/** DescribeDelegationTokenResponse, versions 1 to 3, flexible from 2. */
export const describeDelegationTokenResponse: Schema<DescribeDelegationTokenResponse> = {
  name: 'DescribeDelegationTokenResponse',
  key: 41,
  min: 1,
  max: 3,
  flexibleFrom: 2,
  fields: [
    ['errorCode', 'int16'],
    ['tokens', '[]struct', { fields: describedDelegationTokenFields }],
    ['throttleTimeMs', 'int32'],
  ],
}
