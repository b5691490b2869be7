// The AlterClientQuotas API (key 49): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../schema.ts'

/** A decoded AlterClientQuotasRequest. */
export interface AlterClientQuotasRequest {
  readonly entries: readonly AlterClientQuotasRequestEntryData[]
  readonly validateOnly: boolean
}

/** Part of AlterClientQuotasRequest. */
export interface AlterClientQuotasRequestEntryData {
  readonly entity: readonly AlterClientQuotasRequestEntityData[]
  readonly ops: readonly OpData[]
}

/** Part of AlterClientQuotasRequest. */
export interface AlterClientQuotasRequestEntityData {
  readonly entityType: string
  readonly entityName: string | null
}

/** Part of AlterClientQuotasRequest. */
export interface OpData {
  readonly key: string
  readonly value: number
  readonly remove: boolean
}

const alterClientQuotasRequestEntityDataFields: readonly Field[] = [
  ['entityType', 'string'],
  ['entityName', 'string', { nullFrom: 0 }],
]
const opDataFields: readonly Field[] = [
  ['key', 'string'],
  ['value', 'float64'],
  ['remove', 'bool'],
]
const alterClientQuotasRequestEntryDataFields: readonly Field[] = [
  ['entity', '[]struct', { fields: alterClientQuotasRequestEntityDataFields }],
  ['ops', '[]struct', { fields: opDataFields }],
]

/** AlterClientQuotasRequest, versions 0 to 1, flexible from 1. */
export const alterClientQuotasRequest: Schema<AlterClientQuotasRequest> = {
  name: 'AlterClientQuotasRequest',
  key: 49,
  min: 0,
  max: 1,
  flexibleFrom: 1,
  fields: [
    ['entries', '[]struct', { fields: alterClientQuotasRequestEntryDataFields }],
    ['validateOnly', 'bool'],
  ],
}

/** A decoded AlterClientQuotasResponse. */
export interface AlterClientQuotasResponse {
  readonly throttleTimeMs: number
  readonly entries: readonly AlterClientQuotasResponseEntryData[]
}

/** Part of AlterClientQuotasResponse. */
export interface AlterClientQuotasResponseEntryData {
  readonly errorCode: number
  readonly errorMessage: string | null
  readonly entity: readonly AlterClientQuotasResponseEntityData[]
}

/** Part of AlterClientQuotasResponse. */
export interface AlterClientQuotasResponseEntityData {
  readonly entityType: string
  readonly entityName: string | null
}

const alterClientQuotasResponseEntityDataFields: readonly Field[] = [
  ['entityType', 'string'],
  ['entityName', 'string', { nullFrom: 0 }],
]
const alterClientQuotasResponseEntryDataFields: readonly Field[] = [
  ['errorCode', 'int16'],
  ['errorMessage', 'string', { nullFrom: 0 }],
  ['entity', '[]struct', { fields: alterClientQuotasResponseEntityDataFields }],
]

/** AlterClientQuotasResponse, versions 0 to 1, flexible from 1. */
export const alterClientQuotasResponse: Schema<AlterClientQuotasResponse> = {
  name: 'AlterClientQuotasResponse',
  key: 49,
  min: 0,
  max: 1,
  flexibleFrom: 1,
  fields: [
    ['throttleTimeMs', 'int32'],
    ['entries', '[]struct', { fields: alterClientQuotasResponseEntryDataFields }],
  ],
}
