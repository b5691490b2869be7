// The DeleteGroups API (key 42): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../schema.ts'

/** A decoded DeleteGroupsRequest. */
export interface DeleteGroupsRequest {
  readonly groupsNames: readonly string[]
}

/** DeleteGroupsRequest, versions 0 to 2, flexible from 2. */
export const deleteGroupsRequest: Schema<DeleteGroupsRequest> = {
  name: 'DeleteGroupsRequest',
  key: 42,
  min: 0,
  max: 2,
  flexibleFrom: 2,
  fields: [['groupsNames', '[]string']],
}

/** A decoded DeleteGroupsResponse. */
export interface DeleteGroupsResponse {
  readonly throttleTimeMs: number
  readonly results: readonly DeletableGroupResult[]
}

/** Part of DeleteGroupsResponse. */
export interface DeletableGroupResult {
  readonly groupId: string
  readonly errorCode: number
}

const deletableGroupResultFields: readonly Field[] = [
  ['groupId', 'string'],
  ['errorCode', 'int16'],
]

/** DeleteGroupsResponse, versions 0 to 2, flexible from 2. */
export const deleteGroupsResponse: Schema<DeleteGroupsResponse> = {
  name: 'DeleteGroupsResponse',
  key: 42,
  min: 0,
  max: 2,
  flexibleFrom: 2,
  fields: [
    ['throttleTimeMs', 'int32'],
    ['results', '[]struct', { fields: deletableGroupResultFields }],
  ],
}
