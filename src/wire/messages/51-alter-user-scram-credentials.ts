// The AlterUserScramCredentials API (key 51): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../schema.ts'

/** A decoded AlterUserScramCredentialsRequest. */
export interface AlterUserScramCredentialsRequest {
  readonly deletions: readonly ScramCredentialDeletion[]
  readonly upsertions: readonly ScramCredentialUpsertion[]
}

/** Part of AlterUserScramCredentialsRequest. */
export interface ScramCredentialDeletion {
  readonly name: string
  readonly mechanism: number
}

/** Part of AlterUserScramCredentialsRequest. */
export interface ScramCredentialUpsertion {
  readonly name: string
  readonly mechanism: number
  readonly iterations: number
  readonly salt: Uint8Array
  readonly saltedPassword: Uint8Array
}

const scramCredentialDeletionFields: readonly Field[] = [
  ['name', 'string'],
  ['mechanism', 'int8'],
]
const scramCredentialUpsertionFields: readonly Field[] = [
  ['name', 'string'],
  ['mechanism', 'int8'],
  ['iterations', 'int32'],
  ['salt', 'bytes'],
  ['saltedPassword', 'bytes'],
]

/** AlterUserScramCredentialsRequest, version 0, flexible from 0. */
export const alterUserScramCredentialsRequest: Schema<AlterUserScramCredentialsRequest> = {
  name: 'AlterUserScramCredentialsRequest',
  key: 51,
  min: 0,
  max: 0,
  flexibleFrom: 0,
  fields: [
    ['deletions', '[]struct', { fields: scramCredentialDeletionFields }],
    ['upsertions', '[]struct', { fields: scramCredentialUpsertionFields }],
  ],
}

/** A decoded AlterUserScramCredentialsResponse. */
export interface AlterUserScramCredentialsResponse {
  readonly throttleTimeMs: number
  readonly results: readonly AlterUserScramCredentialsResult[]
}

/** Part of AlterUserScramCredentialsResponse. */
export interface AlterUserScramCredentialsResult {
  readonly user: string
  readonly errorCode: number
  readonly errorMessage: string | null
}

const alterUserScramCredentialsResultFields: readonly Field[] = [
  ['user', 'string'],
  ['errorCode', 'int16'],
  ['errorMessage', 'string', { nullFrom: 0 }],
]

/** AlterUserScramCredentialsResponse, version 0, flexible from 0. */
export const alterUserScramCredentialsResponse: Schema<AlterUserScramCredentialsResponse> = {
  name: 'AlterUserScramCredentialsResponse',
  key: 51,
  min: 0,
  max: 0,
  flexibleFrom: 0,
  fields: [
    ['throttleTimeMs', 'int32'],
    ['results', '[]struct', { fields: alterUserScramCredentialsResultFields }],
  ],
}
