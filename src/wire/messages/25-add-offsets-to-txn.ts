// The AddOffsetsToTxn API (key 25): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Schema } from '../schema.ts'

/** A decoded AddOffsetsToTxnRequest. */
export interface AddOffsetsToTxnRequest {
  readonly transactionalId: string
  readonly producerId: number
  readonly producerEpoch: number
  readonly groupId: string
}

/** AddOffsetsToTxnRequest, versions 0 to 4, flexible from 3. */
export const addOffsetsToTxnRequest: Schema<AddOffsetsToTxnRequest> = {
  name: 'AddOffsetsToTxnRequest',
  key: 25,
  min: 0,
  max: 4,
  flexibleFrom: 3,
  fields: [
    ['transactionalId', 'string'],
    ['producerId', 'int64'],
    ['producerEpoch', 'int16'],
    ['groupId', 'string'],
  ],
}

/** A decoded AddOffsetsToTxnResponse. */
export interface AddOffsetsToTxnResponse {
  readonly throttleTimeMs: number
  readonly errorCode: number
}

/** AddOffsetsToTxnResponse, versions 0 to 4, flexible from 3. */
export const addOffsetsToTxnResponse: Schema<AddOffsetsToTxnResponse> = {
  name: 'AddOffsetsToTxnResponse',
  key: 25,
  min: 0,
  max: 4,
  flexibleFrom: 3,
  fields: [
    ['throttleTimeMs', 'int32'],
    ['errorCode', 'int16'],
  ],
}
