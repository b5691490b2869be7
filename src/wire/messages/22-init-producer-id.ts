// The InitProducerId API (key 22): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Schema } from '../schema.ts'

/** A decoded InitProducerIdRequest. */
export interface InitProducerIdRequest {
  readonly transactionalId: string | null
  readonly transactionTimeoutMs: number
  readonly producerId: number
  readonly producerEpoch: number
}

/** InitProducerIdRequest, versions 0 to 5, flexible from 2. */
export const initProducerIdRequest: Schema<InitProducerIdRequest> = {
  name: 'InitProducerIdRequest',
  key: 22,
  min: 0,
  max: 5,
  flexibleFrom: 2,
  fields: [
    ['transactionalId', 'string', { nullFrom: 0 }],
    ['transactionTimeoutMs', 'int32'],
    ['producerId', 'int64', { from: 3, default: -1 }],
    ['producerEpoch', 'int16', { from: 3, default: -1 }],
  ],
}

/** A decoded InitProducerIdResponse. */
export interface InitProducerIdResponse {
  readonly throttleTimeMs: number
  readonly errorCode: number
  readonly producerId: number
  readonly producerEpoch: number
}

/** InitProducerIdResponse, versions 0 to 5, flexible from 2. */
export const initProducerIdResponse: Schema<InitProducerIdResponse> = {
  name: 'InitProducerIdResponse',
  key: 22,
  min: 0,
  max: 5,
  flexibleFrom: 2,
  fields: [
    ['throttleTimeMs', 'int32'],
    ['errorCode', 'int16'],
    ['producerId', 'int64', { default: -1 }],
    ['producerEpoch', 'int16'],
  ],
}
