// The UpdateFeatures API (key 57): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../schema.ts'

/** A decoded UpdateFeaturesRequest. */
export interface UpdateFeaturesRequest {
  readonly timeoutMs: number
  readonly featureUpdates: readonly FeatureUpdateKey[]
  readonly validateOnly: boolean
}

/** Part of UpdateFeaturesRequest. */
export interface FeatureUpdateKey {
  readonly feature: string
  readonly maxVersionLevel: number
  readonly allowDowngrade: boolean
  readonly upgradeType: number
}

const featureUpdateKeyFields: readonly Field[] = [
  ['feature', 'string'],
  ['maxVersionLevel', 'int16'],
  ['allowDowngrade', 'bool', { to: 0 }],
  ['upgradeType', 'int8', { from: 1, default: 1 }],
]

/** UpdateFeaturesRequest, versions 0 to 2, flexible from 0. */
export const updateFeaturesRequest: Schema<UpdateFeaturesRequest> = {
  name: 'UpdateFeaturesRequest',
  key: 57,
  min: 0,
  max: 2,
  flexibleFrom: 0,
  fields: [
    ['timeoutMs', 'int32', { default: 60000 }],
    ['featureUpdates', '[]struct', { fields: featureUpdateKeyFields }],
    ['validateOnly', 'bool', { from: 1 }],
  ],
}

/** A decoded UpdateFeaturesResponse. */
export interface UpdateFeaturesResponse {
  readonly throttleTimeMs: number
  readonly errorCode: number
  readonly errorMessage: string | null
  readonly results: readonly UpdatableFeatureResult[]
}

/** Part of UpdateFeaturesResponse. */
export interface UpdatableFeatureResult {
  readonly feature: string
  readonly errorCode: number
  readonly errorMessage: string | null
}

const updatableFeatureResultFields: readonly Field[] = [
  ['feature', 'string'],
  ['errorCode', 'int16'],
  ['errorMessage', 'string', { nullFrom: 0 }],
]

/** UpdateFeaturesResponse, versions 0 to 2, flexible from 0. */
export const updateFeaturesResponse: Schema<UpdateFeaturesResponse> = {
  name: 'UpdateFeaturesResponse',
  key: 57,
  min: 0,
  max: 2,
  flexibleFrom: 0,
  fields: [
    ['throttleTimeMs', 'int32'],
    ['errorCode', 'int16'],
    ['errorMessage', 'string', { nullFrom: 0 }],
    ['results', '[]struct', { to: 1, fields: updatableFeatureResultFields }],
  ],
}
