// The AlterReplicaLogDirs API (key 34): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../schema.ts'

/** A decoded AlterReplicaLogDirsRequest. */
export interface AlterReplicaLogDirsRequest {
  readonly dirs: readonly AlterReplicaLogDir[]
}

/** Part of AlterReplicaLogDirsRequest. */
export interface AlterReplicaLogDir {
  readonly path: string
  readonly topics: readonly AlterReplicaLogDirTopic[]
}

/** Part of AlterReplicaLogDirsRequest. */
export interface AlterReplicaLogDirTopic {
  readonly name: string
  readonly partitions: readonly number[]
}

const alterReplicaLogDirTopicFields: readonly Field[] = [
  ['name', 'string'],
  ['partitions', '[]int32'],
]
const alterReplicaLogDirFields: readonly Field[] = [
  ['path', 'string'],
  ['topics', '[]struct', { fields: alterReplicaLogDirTopicFields }],
]

/** AlterReplicaLogDirsRequest, versions 1 to 2, flexible from 2. */
export const alterReplicaLogDirsRequest: Schema<AlterReplicaLogDirsRequest> = {
  name: 'AlterReplicaLogDirsRequest',
  key: 34,
  min: 1,
  max: 2,
  flexibleFrom: 2,
  fields: [['dirs', '[]struct', { fields: alterReplicaLogDirFields }]],
}

/** A decoded AlterReplicaLogDirsResponse. */
export interface AlterReplicaLogDirsResponse {
  readonly throttleTimeMs: number
  readonly results: readonly AlterReplicaLogDirTopicResult[]
}

/** Part of AlterReplicaLogDirsResponse. */
export interface AlterReplicaLogDirTopicResult {
  readonly topicName: string
  readonly partitions: readonly AlterReplicaLogDirPartitionResult[]
}

/** Part of AlterReplicaLogDirsResponse. */
export interface AlterReplicaLogDirPartitionResult {
  readonly partitionIndex: number
  readonly errorCode: number
}

const alterReplicaLogDirPartitionResultFields: readonly Field[] = [
  ['partitionIndex', 'int32'],
  ['errorCode', 'int16'],
]
const alterReplicaLogDirTopicResultFields: readonly Field[] = [
  ['topicName', 'string'],
  ['partitions', '[]struct', { fields: alterReplicaLogDirPartitionResultFields }],
]

/** AlterReplicaLogDirsResponse, versions 1 to 2, flexible from 2. */
export const alterReplicaLogDirsResponse: Schema<AlterReplicaLogDirsResponse> = {
  name: 'AlterReplicaLogDirsResponse',
  key: 34,
  min: 1,
  max: 2,
  flexibleFrom: 2,
  fields: [
    ['throttleTimeMs', 'int32'],
    ['results', '[]struct', { fields: alterReplicaLogDirTopicResultFields }],
  ],
}
