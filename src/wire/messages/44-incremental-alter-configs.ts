// The IncrementalAlterConfigs API (key 44): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../schema.ts'

/** A decoded IncrementalAlterConfigsRequest. */
export interface IncrementalAlterConfigsRequest {
  readonly resources: readonly AlterConfigsResource[]
  readonly validateOnly: boolean
}

/** Part of IncrementalAlterConfigsRequest. */
export interface AlterConfigsResource {
  readonly resourceType: number
  readonly resourceName: string
  readonly configs: readonly AlterableConfig[]
}

/** Part of IncrementalAlterConfigsRequest. */
export interface AlterableConfig {
  readonly name: string
  readonly configOperation: number
  readonly value: string | null
}

const alterableConfigFields: readonly Field[] = [
  ['name', 'string'],
  ['configOperation', 'int8'],
  ['value', 'string', { nullFrom: 0 }],
]
const alterConfigsResourceFields: readonly Field[] = [
  ['resourceType', 'int8'],
  ['resourceName', 'string'],
  ['configs', '[]struct', { fields: alterableConfigFields }],
]

/** IncrementalAlterConfigsRequest, versions 0 to 1, flexible from 1. */
export const incrementalAlterConfigsRequest: Schema<IncrementalAlterConfigsRequest> = {
  name: 'IncrementalAlterConfigsRequest',
  key: 44,
  min: 0,
  max: 1,
  flexibleFrom: 1,
  fields: [
    ['resources', '[]struct', { fields: alterConfigsResourceFields }],
    ['validateOnly', 'bool'],
  ],
}

/** A decoded IncrementalAlterConfigsResponse. */
export interface IncrementalAlterConfigsResponse {
  readonly throttleTimeMs: number
  readonly responses: readonly AlterConfigsResourceResponse[]
}

/** Part of IncrementalAlterConfigsResponse. */
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

/** IncrementalAlterConfigsResponse, versions 0 to 1, flexible from 1. */
export const incrementalAlterConfigsResponse: Schema<IncrementalAlterConfigsResponse> = {
  name: 'IncrementalAlterConfigsResponse',
  key: 44,
  min: 0,
  max: 1,
  flexibleFrom: 1,
  fields: [
    ['throttleTimeMs', 'int32'],
    ['responses', '[]struct', { fields: alterConfigsResourceResponseFields }],
  ],
}
