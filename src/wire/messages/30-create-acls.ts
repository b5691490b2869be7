// The CreateAcls API (key 30): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../schema.ts'

/** A decoded CreateAclsRequest. */
export interface CreateAclsRequest {
  readonly creations: readonly AclCreation[]
}

/** Part of CreateAclsRequest. */
export interface AclCreation {
  readonly resourceType: number
  readonly resourceName: string
  readonly resourcePatternType: number
  readonly principal: string
  readonly host: string
  readonly operation: number
  readonly permissionType: number
}

const aclCreationFields: readonly Field[] = [
  ['resourceType', 'int8'],
  ['resourceName', 'string'],
  ['resourcePatternType', 'int8', { default: 3 }],
  ['principal', 'string'],
  ['host', 'string'],
  ['operation', 'int8'],
  ['permissionType', 'int8'],
]

/** CreateAclsRequest, versions 1 to 3, flexible from 2. */
export const createAclsRequest: Schema<CreateAclsRequest> = {
  name: 'CreateAclsRequest',
  key: 30,
  min: 1,
  max: 3,
  flexibleFrom: 2,
  fields: [['creations', '[]struct', { fields: aclCreationFields }]],
}

/** A decoded CreateAclsResponse. */
export interface CreateAclsResponse {
  readonly throttleTimeMs: number
  readonly results: readonly AclCreationResult[]
}

/** Part of CreateAclsResponse. */
export interface AclCreationResult {
  readonly errorCode: number
  readonly errorMessage: string | null
}

const aclCreationResultFields: readonly Field[] = [
  ['errorCode', 'int16'],
  ['errorMessage', 'string', { nullFrom: 0 }],
]

/** CreateAclsResponse, versions 1 to 3, flexible from 2. */
export const createAclsResponse: Schema<CreateAclsResponse> = {
  name: 'CreateAclsResponse',
  key: 30,
  min: 1,
  max: 3,
  flexibleFrom: 2,
  fields: [
    ['throttleTimeMs', 'int32'],
    ['results', '[]struct', { fields: aclCreationResultFields }],
  ],
}
