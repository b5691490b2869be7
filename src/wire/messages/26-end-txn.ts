// The EndTxn API (key 26): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Schema } from '../schema.ts'

/** A decoded EndTxnRequest. */
export interface EndTxnRequest {
  readonly transactionalId: string
  readonly producerId: number
  readonly producerEpoch: number
  readonly committed: boolean
}

/** EndTxnRequest, versions 0 to 5, flexible from 3. */
export const endTxnRequest: Schema<EndTxnRequest> = {
  name: 'EndTxnRequest',
  key: 26,
  min: 0,
  max: 5,
  flexibleFrom: 3,
  fields: [
    ['transactionalId', 'string'],
    ['producerId', 'int64'],
    ['producerEpoch', 'int16'],
    ['committed', 'bool'],
  ],
}

/** A decoded EndTxnResponse. */
export interface EndTxnResponse {
  readonly throttleTimeMs: number
  readonly errorCode: number
  readonly producerId: number
  readonly producerEpoch: number
}

/** EndTxnResponse, versions 0 to 5, flexible from 3. */
export const endTxnResponse: Schema<EndTxnResponse> = {
  name: 'EndTxnResponse',
  key: 26,
  min: 0,
  max: 5,
  flexibleFrom: 3,
  fields: [
    ['throttleTimeMs', 'int32'],
    ['errorCode', 'int16'],
    ['producerId', 'int64', { from: 5, default: -1 }],
    ['producerEpoch', 'int16', { from: 5, default: -1 }],
  ],
}
