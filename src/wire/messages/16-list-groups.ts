// The ListGroups API (key 16): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../schema.ts'

/** A decoded ListGroupsRequest. */
export interface ListGroupsRequest {
  readonly statesFilter: readonly string[]
  readonly typesFilter: readonly string[]
}

/** ListGroupsRequest, versions 0 to 5, flexible from 3. */
export const listGroupsRequest: Schema<ListGroupsRequest> = {
  name: 'ListGroupsRequest',
  key: 16,
  min: 0,
  max: 5,
  flexibleFrom: 3,
  fields: [
    ['statesFilter', '[]string', { from: 4 }],
    ['typesFilter', '[]string', { from: 5 }],
  ],
}

/** A decoded ListGroupsResponse. */
export interface ListGroupsResponse {
  readonly throttleTimeMs: number
  readonly errorCode: number
  readonly groups: readonly ListedGroup[]
}

/** Part of ListGroupsResponse. */
export interface ListedGroup {
  readonly groupId: string
  readonly protocolType: string
  readonly groupState: string
  readonly groupType: string
}

const listedGroupFields: readonly Field[] = [
  ['groupId', 'string'],
  ['protocolType', 'string'],
  ['groupState', 'string', { from: 4 }],
  ['groupType', 'string', { from: 5 }],
]

/** ListGroupsResponse, versions 0 to 5, flexible from 3. */
export const listGroupsResponse: Schema<ListGroupsResponse> = {
  name: 'ListGroupsResponse',
  key: 16,
  min: 0,
  max: 5,
  flexibleFrom: 3,
  fields: [
    ['throttleTimeMs', 'int32', { from: 1 }],
    ['errorCode', 'int16'],
    ['groups', '[]struct', { fields: listedGroupFields }],
  ],
}
