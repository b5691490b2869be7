// Kafka's internal producer-snapshot records: its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../../schema.ts'

/** A decoded ProducerSnapshot. */
export interface ProducerSnapshot {
  readonly crc: number
  readonly producerEntries: readonly ProducerEntry[]
}

/** Part of ProducerSnapshot. */
export interface ProducerEntry {
  readonly producerId: number
  readonly epoch: number
  readonly lastSequence: number
  readonly lastOffset: number
  readonly offsetDelta: number
  readonly timestamp: number
  readonly coordinatorEpoch: number
  readonly currentTxnFirstOffset: number
}

const producerEntryFields: readonly Field[] = [
  ['producerId', 'int64'],
  ['epoch', 'int16'],
  ['lastSequence', 'int32'],
  ['lastOffset', 'int64'],
  ['offsetDelta', 'int32'],
  ['timestamp', 'int64'],
  ['coordinatorEpoch', 'int32'],
  ['currentTxnFirstOffset', 'int64'],
]

/** ProducerSnapshot, version 1. */
export const producerSnapshot: Schema<ProducerSnapshot> = {
  name: 'ProducerSnapshot',
  key: null,
  min: 1,
  max: 1,
  flexibleFrom: null,
  fields: [
    ['crc', 'uint32'],
    ['producerEntries', '[]struct', { fields: producerEntryFields }],
  ],
}
