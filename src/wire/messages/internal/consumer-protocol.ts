// Kafka's internal consumer-protocol records: its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../../schema.ts'

/** A decoded ConsumerProtocolSubscription. */
export interface ConsumerProtocolSubscription {
  readonly topics: readonly string[]
  readonly userData: Uint8Array | null
  readonly ownedPartitions: readonly ConsumerProtocolSubscriptionTopicPartition[]
  readonly generationId: number
  readonly rackId: string | null
}

/** Part of ConsumerProtocolSubscription. */
export interface ConsumerProtocolSubscriptionTopicPartition {
  readonly topic: string
  readonly partitions: readonly number[]
}

const consumerProtocolSubscriptionTopicPartitionFields: readonly Field[] = [
  ['topic', 'string', { from: 1 }],
  ['partitions', '[]int32', { from: 1 }],
]

/** ConsumerProtocolSubscription, versions 0 to 3. */
export const consumerProtocolSubscription: Schema<ConsumerProtocolSubscription> = {
  name: 'ConsumerProtocolSubscription',
  key: null,
  min: 0,
  max: 3,
  flexibleFrom: null,
  fields: [
    ['topics', '[]string'],
    ['userData', 'bytes', { nullFrom: 0, default: null }],
    [
      'ownedPartitions',
      '[]struct',
      { from: 1, fields: consumerProtocolSubscriptionTopicPartitionFields },
    ],
    ['generationId', 'int32', { from: 2, default: -1 }],
    ['rackId', 'string', { from: 3, nullFrom: 3, default: null }],
  ],
}

/** A decoded ConsumerProtocolAssignment. */
export interface ConsumerProtocolAssignment {
  readonly assignedPartitions: readonly ConsumerProtocolAssignmentTopicPartition[]
  readonly userData: Uint8Array | null
}

/** Part of ConsumerProtocolAssignment. */
export interface ConsumerProtocolAssignmentTopicPartition {
  readonly topic: string
  readonly partitions: readonly number[]
}

const consumerProtocolAssignmentTopicPartitionFields: readonly Field[] = [
  ['topic', 'string'],
  ['partitions', '[]int32'],
]

/** ConsumerProtocolAssignment, versions 0 to 3. */
export const consumerProtocolAssignment: Schema<ConsumerProtocolAssignment> = {
  name: 'ConsumerProtocolAssignment',
  key: null,
  min: 0,
  max: 3,
  flexibleFrom: null,
  fields: [
    ['assignedPartitions', '[]struct', { fields: consumerProtocolAssignmentTopicPartitionFields }],
    ['userData', 'bytes', { nullFrom: 0, default: null }],
  ],
}
