// Kafka's internal end-txn-marker records: its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Schema } from '../../schema.ts'

/** A decoded EndTxnMarker. */
export interface EndTxnMarker {
  readonly coordinatorEpoch: number
}

/** EndTxnMarker, version 0. */
export const endTxnMarker: Schema<EndTxnMarker> = {
  name: 'EndTxnMarker',
  key: null,
  min: 0,
  max: 0,
  flexibleFrom: null,
  fields: [['coordinatorEpoch', 'int32']],
}
