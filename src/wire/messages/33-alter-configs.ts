// The AlterConfigs API (key 33): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../schema.ts'

/** A decoded AlterConfigsRequest. */
export interface AlterConfigsRequest {
  readonly resources: readonly AlterConfigsResource[]
  readonly validateOnly: boolean
}

/** Part of AlterConfigsRequest. */
export interface AlterConfigsResource {
  readonly resourceType: number
  readonly resourceName: string
  readonly configs: readonly AlterableConfig[]
}

/** Part of AlterConfigsRequest. */
export interface AlterableConfig {
  readonly name: string
  readonly value: string | null
}

const alterableConfigFields: readonly Field[] = [
  ['name', 'string'],
  ['value', 'string', { nullFrom: 0 }],
]
const alterConfigsResourceFields: readonly Field[] = [
  ['resourceType', 'int8'],
  ['resourceName', 'string'],
  ['configs', '[]struct', { fields: alterableConfigFields }],
]

/** AlterConfigsRequest, versions 0 to 2, flexible from 2. */
export const alterConfigsRequest: Schema<AlterConfigsRequest> = {
  name: 'AlterConfigsRequest',
  key: 33,
  min: 0,
  max: 2,
  flexibleFrom: 2,
  fields: [
    ['resources', '[]struct', { fields: alterConfigsResourceFields }],
    ['validateOnly', 'bool'],
  ],
}

/** A decoded AlterConfigsResponse. */
export interface AlterConfigsResponse {
  readonly throttleTimeMs: number
  readonly responses: readonly AlterConfigsResourceResponse[]
}

/** Part of AlterConfigsResponse. */
export interface AlterConfigsResourceResponse {
  readonly errorCode: number
  readonly errorMessage: string | null
  readonly resourceType: number
  readonly resourceName: string
}

const alterConfigsResourceResponseFields: readonly Field[] = [
  ['errorCode', 'int16'],
  ['errorMessage', 'string', { nullFrom: 0 }],
  ['resourceType', 'int8'],
  ['resourceName', 'string'],
]

/** AlterConfigsResponse, versions 0 to 2, flexible from 2. */
export const alterConfigsResponse: Schema<AlterConfigsResponse> = {
  name: 'AlterConfigsResponse',
  key: 33,
  min: 0,
  max: 2,
  flexibleFrom: 2,
  fields: [
    ['throttleTimeMs', 'int32'],
    ['responses', '[]struct', { fields: alterConfigsResourceResponseFields }],
  ],
}
