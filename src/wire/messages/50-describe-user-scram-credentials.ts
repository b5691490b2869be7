// The DescribeUserScramCredentials API (key 50): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../schema.ts'

/** A decoded DescribeUserScramCredentialsRequest. */
export interface DescribeUserScramCredentialsRequest {
  readonly users: readonly UserName[] | null
}

/** Part of DescribeUserScramCredentialsRequest. */
export interface UserName {
  readonly name: string
}

const userNameFields: readonly Field[] = [['name', 'string']]

/** DescribeUserScramCredentialsRequest, version 0, flexible from 0. */
export const describeUserScramCredentialsRequest: Schema<DescribeUserScramCredentialsRequest> = {
  name: 'DescribeUserScramCredentialsRequest',
  key: 50,
  min: 0,
  max: 0,
  flexibleFrom: 0,
  fields: [['users', '[]struct', { nullFrom: 0, fields: userNameFields }]],
}

/** A decoded DescribeUserScramCredentialsResponse. */
export interface DescribeUserScramCredentialsResponse {
  readonly throttleTimeMs: number
  readonly errorCode: number
  readonly errorMessage: string | null
  readonly results: readonly DescribeUserScramCredentialsResult[]
}

/** Part of DescribeUserScramCredentialsResponse. */
export interface DescribeUserScramCredentialsResult {
  readonly user: string
  readonly errorCode: number
  readonly errorMessage: string | null
  readonly credentialInfos: readonly CredentialInfo[]
}

/** Part of DescribeUserScramCredentialsResponse. */
export interface CredentialInfo {
  readonly mechanism: number
  readonly iterations: number
}

const credentialInfoFields: readonly Field[] = [
  ['mechanism', 'int8'],
  ['iterations', 'int32'],
]
const describeUserScramCredentialsResultFields: readonly Field[] = [
  ['user', 'string'],
  ['errorCode', 'int16'],
  ['errorMessage', 'string', { nullFrom: 0 }],
  ['credentialInfos', '[]struct', { fields: credentialInfoFields }],
]

/** DescribeUserScramCredentialsResponse, version 0, flexible from 0. */
export const describeUserScramCredentialsResponse: Schema<DescribeUserScramCredentialsResponse> = {
  name: 'DescribeUserScramCredentialsResponse',
  key: 50,
  min: 0,
  max: 0,
  flexibleFrom: 0,
  fields: [
    ['throttleTimeMs', 'int32'],
    ['errorCode', 'int16'],
    ['errorMessage', 'string', { nullFrom: 0 }],
    ['results', '[]struct', { fields: describeUserScramCredentialsResultFields }],
  ],
}
