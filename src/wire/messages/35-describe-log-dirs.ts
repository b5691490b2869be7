// The DescribeLogDirs API (key 35): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../schema.ts'

/** A decoded DescribeLogDirsRequest. */
export interface DescribeLogDirsRequest {
  readonly topics: readonly DescribableLogDirTopic[] | null
}

/** Part of DescribeLogDirsRequest. */
export interface DescribableLogDirTopic {
  readonly topic: string
  readonly partitions: readonly number[]
}

const describableLogDirTopicFields: readonly Field[] = [
  ['topic', 'string'],
  ['partitions', '[]int32'],
]

/** DescribeLogDirsRequest, versions 1 to 5, flexible from 2. */
export const describeLogDirsRequest: Schema<DescribeLogDirsRequest> = {
  name: 'DescribeLogDirsRequest',
  key: 35,
  min: 1,
  max: 5,
  flexibleFrom: 2,
  fields: [['topics', '[]struct', { nullFrom: 0, fields: describableLogDirTopicFields }]],
}

/** A decoded DescribeLogDirsResponse. */
export interface DescribeLogDirsResponse {
  readonly throttleTimeMs: number
  readonly errorCode: number
  readonly results: readonly DescribeLogDirsResult[]
}

/** Part of DescribeLogDirsResponse. */
export interface DescribeLogDirsResult {
  readonly errorCode: number
  readonly logDir: string
  readonly topics: readonly DescribeLogDirsTopic[]
  readonly totalBytes: number
  readonly usableBytes: number
  readonly isCordoned: boolean
}

/** Part of DescribeLogDirsResponse. */
export interface DescribeLogDirsTopic {
  readonly name: string
  readonly partitions: readonly DescribeLogDirsPartition[]
}

/** Part of DescribeLogDirsResponse. */
export interface DescribeLogDirsPartition {
  readonly partitionIndex: number
  readonly partitionSize: number
  readonly offsetLag: number
  readonly isFutureKey: boolean
}

const describeLogDirsPartitionFields: readonly Field[] = [
  ['partitionIndex', 'int32'],
  ['partitionSize', 'int64'],
  ['offsetLag', 'int64'],
  ['isFutureKey', 'bool'],
]
const describeLogDirsTopicFields: readonly Field[] = [
  ['name', 'string'],
  ['partitions', '[]struct', { fields: describeLogDirsPartitionFields }],
]
const describeLogDirsResultFields: readonly Field[] = [
  ['errorCode', 'int16'],
  ['logDir', 'string'],
  ['topics', '[]struct', { fields: describeLogDirsTopicFields }],
  ['totalBytes', 'int64', { from: 4, default: -1 }],
  ['usableBytes', 'int64', { from: 4, default: -1 }],
  ['isCordoned', 'bool', { from: 5 }],
]

/** DescribeLogDirsResponse, versions 1 to 5, flexible from 2. */
export const describeLogDirsResponse: Schema<DescribeLogDirsResponse> = {
  name: 'DescribeLogDirsResponse',
  key: 35,
  min: 1,
  max: 5,
  flexibleFrom: 2,
  fields: [
    ['throttleTimeMs', 'int32'],
    ['errorCode', 'int16', { from: 3 }],
    ['results', '[]struct', { fields: describeLogDirsResultFields }],
  ],
}
