// The ApiVersions API (key 18): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../schema.ts'

/** A decoded ApiVersionsRequest. */
export interface ApiVersionsRequest {
  readonly clientSoftwareName: string
  readonly clientSoftwareVersion: string
}

/** ApiVersionsRequest, versions 0 to 4, flexible from 3. */
export const apiVersionsRequest: Schema<ApiVersionsRequest> = {
  name: 'ApiVersionsRequest',
  key: 18,
  min: 0,
  max: 4,
  flexibleFrom: 3,
  fields: [
    ['clientSoftwareName', 'string', { from: 3 }],
    ['clientSoftwareVersion', 'string', { from: 3 }],
  ],
}

/** A decoded ApiVersionsResponse. */
export interface ApiVersionsResponse {
  readonly errorCode: number
  readonly apiKeys: readonly ApiVersion[]
  readonly throttleTimeMs: number
  readonly supportedFeatures: readonly SupportedFeatureKey[]
  readonly finalizedFeaturesEpoch: number
  readonly finalizedFeatures: readonly FinalizedFeatureKey[]
  readonly zkMigrationReady: boolean
}

/** Part of ApiVersionsResponse. */
export interface ApiVersion {
  readonly apiKey: number
  readonly minVersion: number
  readonly maxVersion: number
}

/** Part of ApiVersionsResponse. */
export interface SupportedFeatureKey {
  readonly name: string
  readonly minVersion: number
  readonly maxVersion: number
}

/** Part of ApiVersionsResponse. */
export interface FinalizedFeatureKey {
  readonly name: string
  readonly maxVersionLevel: number
  readonly minVersionLevel: number
}

const apiVersionFields: readonly Field[] = [
  ['apiKey', 'int16'],
  ['minVersion', 'int16'],
  ['maxVersion', 'int16'],
]
const supportedFeatureKeyFields: readonly Field[] = [
  ['name', 'string', { from: 3 }],
  ['minVersion', 'int16', { from: 3 }],
  ['maxVersion', 'int16', { from: 3 }],
]
const finalizedFeatureKeyFields: readonly Field[] = [
  ['name', 'string', { from: 3 }],
  ['maxVersionLevel', 'int16', { from: 3 }],
  ['minVersionLevel', 'int16', { from: 3 }],
]

/** ApiVersionsResponse, versions 0 to 4, flexible from 3. */
export const apiVersionsResponse: Schema<ApiVersionsResponse> = {
  name: 'ApiVersionsResponse',
  key: 18,
  min: 0,
  max: 4,
  flexibleFrom: 3,
  fields: [
    ['errorCode', 'int16'],
    ['apiKeys', '[]struct', { fields: apiVersionFields }],
    ['throttleTimeMs', 'int32', { from: 1 }],
    ['supportedFeatures', '[]struct', { from: 3, tag: 0, fields: supportedFeatureKeyFields }],
    ['finalizedFeaturesEpoch', 'int64', { from: 3, tag: 1, default: -1 }],
    ['finalizedFeatures', '[]struct', { from: 3, tag: 2, fields: finalizedFeatureKeyFields }],
    ['zkMigrationReady', 'bool', { from: 3, tag: 3 }],
  ],
}
