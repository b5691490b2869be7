// The DescribeAcls API (key 29): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../schema.ts'

/** A decoded DescribeAclsRequest. */
export interface DescribeAclsRequest {
  readonly resourceTypeFilter: number
  readonly resourceNameFilter: string | null
  readonly patternTypeFilter: number
  readonly principalFilter: string | null
  readonly hostFilter: string | null
  readonly operation: number
  readonly permissionType: number
}

/** DescribeAclsRequest, versions 1 to 3, flexible from 2. */
export const describeAclsRequest: Schema<DescribeAclsRequest> = {
  name: 'DescribeAclsRequest',
  key: 29,
  min: 1,
  max: 3,
  flexibleFrom: 2,
  fields: [
    ['resourceTypeFilter', 'int8'],
    ['resourceNameFilter', 'string', { nullFrom: 0 }],
    ['patternTypeFilter', 'int8', { default: 3 }],
    ['principalFilter', 'string', { nullFrom: 0 }],
    ['hostFilter', 'string', { nullFrom: 0 }],
    ['operation', 'int8'],
    ['permissionType', 'int8'],
  ],
}

/** A decoded DescribeAclsResponse. */
export interface DescribeAclsResponse {
  readonly throttleTimeMs: number
  readonly errorCode: number
  readonly errorMessage: string | null
  readonly resources: readonly DescribeAclsResource[]
}

/** Part of DescribeAclsResponse. */
export interface DescribeAclsResource {
  readonly resourceType: number
  readonly resourceName: string
  readonly patternType: number
  readonly acls: readonly AclDescription[]
}

/** Part of DescribeAclsResponse. */
export interface AclDescription {
  readonly principal: string
  readonly host: string
  readonly operation: number
  readonly permissionType: number
}

const aclDescriptionFields: readonly Field[] = [
  ['principal', 'string'],
  ['host', 'string'],
  ['operation', 'int8'],
  ['permissionType', 'int8'],
]
const describeAclsResourceFields: readonly Field[] = [
  ['resourceType', 'int8'],
  ['resourceName', 'string'],
  ['patternType', 'int8', { default: 3 }],
  ['acls', '[]struct', { fields: aclDescriptionFields }],
]

/** DescribeAclsResponse, versions 1 to 3, flexible from 2. */
export const describeAclsResponse: Schema<DescribeAclsResponse> = {
  name: 'DescribeAclsResponse',
  key: 29,
  min: 1,
  max: 3,
  flexibleFrom: 2,
  fields: [
    ['throttleTimeMs', 'int32'],
    ['errorCode', 'int16'],
    ['errorMessage', 'string', { nullFrom: 0 }],
    ['resources', '[]struct', { fields: describeAclsResourceFields }],
  ],
}
