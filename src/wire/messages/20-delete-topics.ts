// The DeleteTopics API (key 20): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../schema.ts'

/** A decoded DeleteTopicsRequest. */
export interface DeleteTopicsRequest {
  readonly topics: readonly DeleteTopicState[]
  readonly topicNames: readonly string[]
  readonly timeoutMs: number
}

/** Part of DeleteTopicsRequest. */
export interface DeleteTopicState {
  readonly name: string | null
  readonly topicId: string
}

const deleteTopicStateFields: readonly Field[] = [
  ['name', 'string', { from: 6, nullFrom: 6, default: null }],
  ['topicId', 'uuid', { from: 6 }],
]

/** DeleteTopicsRequest, versions 1 to 6, flexible from 4. */
export const deleteTopicsRequest: Schema<DeleteTopicsRequest> = {
  name: 'DeleteTopicsRequest',
  key: 20,
  min: 1,
  max: 6,
  flexibleFrom: 4,
  fields: [
    ['topics', '[]struct', { from: 6, fields: deleteTopicStateFields }],
    ['topicNames', '[]string', { to: 5 }],
    ['timeoutMs', 'int32'],
  ],
}

/** A decoded DeleteTopicsResponse. */
export interface DeleteTopicsResponse {
  readonly throttleTimeMs: number
  readonly responses: readonly DeletableTopicResult[]
}

/** Part of DeleteTopicsResponse. */
export interface DeletableTopicResult {
  readonly name: string | null
  readonly topicId: string
  readonly errorCode: number
  readonly errorMessage: string | null
}

const deletableTopicResultFields: readonly Field[] = [
  ['name', 'string', { nullFrom: 6 }],
  ['topicId', 'uuid', { from: 6 }],
  ['errorCode', 'int16'],
  ['errorMessage', 'string', { from: 5, nullFrom: 5, default: null }],
]

/** DeleteTopicsResponse, versions 1 to 6, flexible from 4. */
export const deleteTopicsResponse: Schema<DeleteTopicsResponse> = {
  name: 'DeleteTopicsResponse',
  key: 20,
  min: 1,
  max: 6,
  flexibleFrom: 4,
  fields: [
    ['throttleTimeMs', 'int32'],
    ['responses', '[]struct', { fields: deletableTopicResultFields }],
  ],
}
