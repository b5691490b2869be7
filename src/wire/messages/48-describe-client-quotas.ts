// The DescribeClientQuotas API (key 48): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../schema.ts'

/** A decoded DescribeClientQuotasRequest. */
export interface DescribeClientQuotasRequest {
  readonly components: readonly ComponentData[]
  readonly strict: boolean
}

/** Part of DescribeClientQuotasRequest. */
export interface ComponentData {
  readonly entityType: string
  readonly matchType: number
  readonly match: string | null
}

const componentDataFields: readonly Field[] = [
  ['entityType', 'string'],
  ['matchType', 'int8'],
  ['match', 'string', { nullFrom: 0 }],
]

/** DescribeClientQuotasRequest, versions 0 to 1, flexible from 1. */
export const describeClientQuotasRequest: Schema<DescribeClientQuotasRequest> = {
  name: 'DescribeClientQuotasRequest',
  key: 48,
  min: 0,
  max: 1,
  flexibleFrom: 1,
  fields: [
    ['components', '[]struct', { fields: componentDataFields }],
    ['strict', 'bool'],
  ],
}

/** A decoded DescribeClientQuotasResponse. */
export interface DescribeClientQuotasResponse {
  readonly throttleTimeMs: number
  readonly errorCode: number
  readonly errorMessage: string | null
  readonly entries: readonly EntryData[] | null
}

/** Part of DescribeClientQuotasResponse. */
export interface EntryData {
  readonly entity: readonly EntityData[]
  readonly values: readonly ValueData[]
}

/** Part of DescribeClientQuotasResponse. */
export interface EntityData {
  readonly entityType: string
  readonly entityName: string | null
}

/** Part of DescribeClientQuotasResponse. */
export interface ValueData {
  readonly key: string
  readonly value: number
}

const entityDataFields: readonly Field[] = [
  ['entityType', 'string'],
  ['entityName', 'string', { nullFrom: 0 }],
]
const valueDataFields: readonly Field[] = [
  ['key', 'string'],
  ['value', 'float64'],
]
const entryDataFields: readonly Field[] = [
  ['entity', '[]struct', { fields: entityDataFields }],
  ['values', '[]struct', { fields: valueDataFields }],
]

/** DescribeClientQuotasResponse, versions 0 to 1, flexible from 1. */
export const describeClientQuotasResponse: Schema<DescribeClientQuotasResponse> = {
  name: 'DescribeClientQuotasResponse',
  key: 48,
  min: 0,
  max: 1,
  flexibleFrom: 1,
  fields: [
    ['throttleTimeMs', 'int32'],
    ['errorCode', 'int16'],
    ['errorMessage', 'string', { nullFrom: 0 }],
    ['entries', '[]struct', { nullFrom: 0, fields: entryDataFields }],
  ],
}
