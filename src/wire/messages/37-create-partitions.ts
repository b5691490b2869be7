// The CreatePartitions API (key 37): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../schema.ts'

/** A decoded CreatePartitionsRequest. */
export interface CreatePartitionsRequest {
  readonly topics: readonly CreatePartitionsTopic[]
  readonly timeoutMs: number
  readonly validateOnly: boolean
}

/** Part of CreatePartitionsRequest. */
export interface CreatePartitionsTopic {
  readonly name: string
  readonly count: number
  readonly assignments: readonly CreatePartitionsAssignment[] | null
}

/** Part of CreatePartitionsRequest. */
export interface CreatePartitionsAssignment {
  readonly brokerIds: readonly number[]
}

const createPartitionsAssignmentFields: readonly Field[] = [['brokerIds', '[]int32']]
const createPartitionsTopicFields: readonly Field[] = [
  ['name', 'string'],
  ['count', 'int32'],
  ['assignments', '[]struct', { nullFrom: 0, fields: createPartitionsAssignmentFields }],
]

/** CreatePartitionsRequest, versions 0 to 3, flexible from 2. */
export const createPartitionsRequest: Schema<CreatePartitionsRequest> = {
  name: 'CreatePartitionsRequest',
  key: 37,
  min: 0,
  max: 3,
  flexibleFrom: 2,
  fields: [
    ['topics', '[]struct', { fields: createPartitionsTopicFields }],
    ['timeoutMs', 'int32'],
    ['validateOnly', 'bool'],
  ],
}

/** A decoded CreatePartitionsResponse. */
export interface CreatePartitionsResponse {
  readonly throttleTimeMs: number
  readonly results: readonly CreatePartitionsTopicResult[]
}

/** Part of CreatePartitionsResponse. */
export interface CreatePartitionsTopicResult {
  readonly name: string
  readonly errorCode: number
  readonly errorMessage: string | null
}

const createPartitionsTopicResultFields: readonly Field[] = [
  ['name', 'string'],
  ['errorCode', 'int16'],
  ['errorMessage', 'string', { nullFrom: 0, default: null }],
]

/** CreatePartitionsResponse, versions 0 to 3, flexible from 2. */
export const createPartitionsResponse: Schema<CreatePartitionsResponse> = {
  name: 'CreatePartitionsResponse',
  key: 37,
  min: 0,
  max: 3,
  flexibleFrom: 2,
  fields: [
    ['throttleTimeMs', 'int32'],
    ['results', '[]struct', { fields: createPartitionsTopicResultFields }],
  ],
}
