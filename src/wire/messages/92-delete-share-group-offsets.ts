// The DeleteShareGroupOffsets API (key 92): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../schema.ts'

/** A decoded DeleteShareGroupOffsetsRequest. */
export interface DeleteShareGroupOffsetsRequest {
  readonly groupId: string
  readonly topics: readonly DeleteShareGroupOffsetsRequestTopic[]
}

/** Part of DeleteShareGroupOffsetsRequest. */
export interface DeleteShareGroupOffsetsRequestTopic {
  readonly topicName: string
}

const deleteShareGroupOffsetsRequestTopicFields: readonly Field[] = [['topicName', 'string']]

/** DeleteShareGroupOffsetsRequest, version 0, flexible from 0. */
export const deleteShareGroupOffsetsRequest: Schema<DeleteShareGroupOffsetsRequest> = {
  name: 'DeleteShareGroupOffsetsRequest',
  key: 92,
  min: 0,
  max: 0,
  flexibleFrom: 0,
  fields: [
    ['groupId', 'string'],
    ['topics', '[]struct', { fields: deleteShareGroupOffsetsRequestTopicFields }],
  ],
}

/** A decoded DeleteShareGroupOffsetsResponse. */
export interface DeleteShareGroupOffsetsResponse {
  readonly throttleTimeMs: number
  readonly errorCode: number
  readonly errorMessage: string | null
  readonly responses: readonly DeleteShareGroupOffsetsResponseTopic[]
}

/** Part of DeleteShareGroupOffsetsResponse. */
export interface DeleteShareGroupOffsetsResponseTopic {
  readonly topicName: string
  readonly topicId: string
  readonly errorCode: number
  readonly errorMessage: string | null
}

const deleteShareGroupOffsetsResponseTopicFields: readonly Field[] = [
  ['topicName', 'string'],
  ['topicId', 'uuid'],
  ['errorCode', 'int16'],
  ['errorMessage', 'string', { nullFrom: 0, default: null }],
]

/** DeleteShareGroupOffsetsResponse, version 0, flexible from 0. */
export const deleteShareGroupOffsetsResponse: Schema<DeleteShareGroupOffsetsResponse> = {
  name: 'DeleteShareGroupOffsetsResponse',
  key: 92,
  min: 0,
  max: 0,
  flexibleFrom: 0,
  fields: [
    ['throttleTimeMs', 'int32'],
    ['errorCode', 'int16'],
    ['errorMessage', 'string', { nullFrom: 0, default: null }],
    ['responses', '[]struct', { fields: deleteShareGroupOffsetsResponseTopicFields }],
  ],
}
