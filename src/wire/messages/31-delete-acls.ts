// The DeleteAcls API (key 31): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../schema.ts'

/** A decoded DeleteAclsRequest. */
export interface DeleteAclsRequest {
  readonly filters: readonly DeleteAclsFilter[]
}

/** Part of DeleteAclsRequest. */
export interface DeleteAclsFilter {
  readonly resourceTypeFilter: number
  readonly resourceNameFilter: string | null
  readonly patternTypeFilter: number
  readonly principalFilter: string | null
  readonly hostFilter: string | null
  readonly operation: number
  readonly permissionType: number
}

const deleteAclsFilterFields: readonly Field[] = [
  ['resourceTypeFilter', 'int8'],
  ['resourceNameFilter', 'string', { nullFrom: 0 }],
  ['patternTypeFilter', 'int8', { default: 3 }],
  ['principalFilter', 'string', { nullFrom: 0 }],
  ['hostFilter', 'string', { nullFrom: 0 }],
  ['operation', 'int8'],
  ['permissionType', 'int8'],
]

/** DeleteAclsRequest, versions 1 to 3, flexible from 2. */
export const deleteAclsRequest: Schema<DeleteAclsRequest> = {
  name: 'DeleteAclsRequest',
  key: 31,
  min: 1,
  max: 3,
  flexibleFrom: 2,
  fields: [['filters', '[]struct', { fields: deleteAclsFilterFields }]],
}

/** A decoded DeleteAclsResponse. */
export interface DeleteAclsResponse {
  readonly throttleTimeMs: number
  readonly filterResults: readonly DeleteAclsFilterResult[]
}

/** Part of DeleteAclsResponse. */
export interface DeleteAclsFilterResult {
  readonly errorCode: number
  readonly errorMessage: string | null
  readonly matchingAcls: readonly DeleteAclsMatchingAcl[]
}

/** Part of DeleteAclsResponse. */
export interface DeleteAclsMatchingAcl {
  readonly errorCode: number
  readonly errorMessage: string | null
  readonly resourceType: number
  readonly resourceName: string
  readonly patternType: number
  readonly principal: string
  readonly host: string
  readonly operation: number
  readonly permissionType: number
}

const deleteAclsMatchingAclFields: readonly Field[] = [
  ['errorCode', 'int16'],
  ['errorMessage', 'string', { nullFrom: 0 }],
  ['resourceType', 'int8'],
  ['resourceName', 'string'],
  ['patternType', 'int8', { default: 3 }],
  ['principal', 'string'],
  ['host', 'string'],
  ['operation', 'int8'],
  ['permissionType', 'int8'],
]
const deleteAclsFilterResultFields: readonly Field[] = [
  ['errorCode', 'int16'],
  ['errorMessage', 'string', { nullFrom: 0 }],
  ['matchingAcls', '[]struct', { fields: deleteAclsMatchingAclFields }],
]

/** DeleteAclsResponse, versions 1 to 3, flexible from 2. */
export const deleteAclsResponse: Schema<DeleteAclsResponse> = {
  name: 'DeleteAclsResponse',
  key: 31,
  min: 1,
  max: 3,
  flexibleFrom: 2,
  fields: [
    ['throttleTimeMs', 'int32'],
    ['filterResults', '[]struct', { fields: deleteAclsFilterResultFields }],
  ],
}
