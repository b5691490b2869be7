// The ListConfigResources API (key 74): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../schema.ts'

/** A decoded ListConfigResourcesRequest. */
export interface ListConfigResourcesRequest {
  readonly resourceTypes: readonly number[]
}

/** ListConfigResourcesRequest, versions 0 to 1, flexible from 0. */
export const listConfigResourcesRequest: Schema<ListConfigResourcesRequest> = {
  name: 'ListConfigResourcesRequest',
  key: 74,
  min: 0,
  max: 1,
  flexibleFrom: 0,
  fields: [['resourceTypes', '[]int8', { from: 1 }]],
}

/** A decoded ListConfigResourcesResponse. */
export interface ListConfigResourcesResponse {
  readonly throttleTimeMs: number
  readonly errorCode: number
  readonly configResources: readonly ConfigResource[]
}

/** Part of ListConfigResourcesResponse. */
export interface ConfigResource {
  readonly resourceName: string
  readonly resourceType: number
}

const configResourceFields: readonly Field[] = [
  ['resourceName', 'string'],
  ['resourceType', 'int8', { from: 1, default: 16 }],
]

/** ListConfigResourcesResponse, versions 0 to 1, flexible from 0. */
export const listConfigResourcesResponse: Schema<ListConfigResourcesResponse> = {
  name: 'ListConfigResourcesResponse',
  key: 74,
  min: 0,
  max: 1,
  flexibleFrom: 0,
  fields: [
    ['throttleTimeMs', 'int32'],
    ['errorCode', 'int16'],
    ['configResources', '[]struct', { fields: configResourceFields }],
  ],
}
