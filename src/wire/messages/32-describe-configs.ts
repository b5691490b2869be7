// The DescribeConfigs API (key 32): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../schema.ts'

/** A decoded DescribeConfigsRequest. */
export interface DescribeConfigsRequest {
  readonly resources: readonly DescribeConfigsResource[]
  readonly includeSynonyms: boolean
  readonly includeDocumentation: boolean
}

/** Part of DescribeConfigsRequest. */
export interface DescribeConfigsResource {
  readonly resourceType: number
  readonly resourceName: string
  readonly configurationKeys: readonly string[] | null
}

const describeConfigsResourceFields: readonly Field[] = [
  ['resourceType', 'int8'],
  ['resourceName', 'string'],
  ['configurationKeys', '[]string', { nullFrom: 0 }],
]

/** DescribeConfigsRequest, versions 1 to 4, flexible from 4. */
export const describeConfigsRequest: Schema<DescribeConfigsRequest> = {
  name: 'DescribeConfigsRequest',
  key: 32,
  min: 1,
  max: 4,
  flexibleFrom: 4,
  fields: [
    ['resources', '[]struct', { fields: describeConfigsResourceFields }],
    ['includeSynonyms', 'bool'],
    ['includeDocumentation', 'bool', { from: 3 }],
  ],
}

/** A decoded DescribeConfigsResponse. */
export interface DescribeConfigsResponse {
  readonly throttleTimeMs: number
  readonly results: readonly DescribeConfigsResult[]
}

/** Part of DescribeConfigsResponse. */
export interface DescribeConfigsResult {
  readonly errorCode: number
  readonly errorMessage: string | null
  readonly resourceType: number
  readonly resourceName: string
  readonly configs: readonly DescribeConfigsResourceResult[]
}

/** Part of DescribeConfigsResponse. */
export interface DescribeConfigsResourceResult {
  readonly name: string
  readonly value: string | null
  readonly readOnly: boolean
  readonly configSource: number
  readonly isSensitive: boolean
  readonly synonyms: readonly DescribeConfigsSynonym[]
  readonly configType: number
  readonly documentation: string | null
}

/** Part of DescribeConfigsResponse. */
export interface DescribeConfigsSynonym {
  readonly name: string
  readonly value: string | null
  readonly source: number
}

const describeConfigsSynonymFields: readonly Field[] = [
  ['name', 'string'],
  ['value', 'string', { nullFrom: 0 }],
  ['source', 'int8'],
]
const describeConfigsResourceResultFields: readonly Field[] = [
  ['name', 'string'],
  ['value', 'string', { nullFrom: 0 }],
  ['readOnly', 'bool'],
  ['configSource', 'int8', { default: -1 }],
  ['isSensitive', 'bool'],
  ['synonyms', '[]struct', { fields: describeConfigsSynonymFields }],
  ['configType', 'int8', { from: 3 }],
  ['documentation', 'string', { from: 3, nullFrom: 0 }],
]
const describeConfigsResultFields: readonly Field[] = [
  ['errorCode', 'int16'],
  ['errorMessage', 'string', { nullFrom: 0 }],
  ['resourceType', 'int8'],
  ['resourceName', 'string'],
  ['configs', '[]struct', { fields: describeConfigsResourceResultFields }],
]

/** DescribeConfigsResponse, versions 1 to 4, flexible from 4. */
export const describeConfigsResponse: Schema<DescribeConfigsResponse> = {
  name: 'DescribeConfigsResponse',
  key: 32,
  min: 1,
  max: 4,
  flexibleFrom: 4,
  fields: [
    ['throttleTimeMs', 'int32'],
    ['results', '[]struct', { fields: describeConfigsResultFields }],
  ],
}
