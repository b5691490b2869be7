// Kafka's internal offset-commit records: its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Schema } from '../../schema.ts'

/** A decoded OffsetCommitKey. */
export interface OffsetCommitKey {
  readonly group: string
  readonly topic: string
  readonly partition: number
}

/** OffsetCommitKey, version 0. */
export const offsetCommitKey: Schema<OffsetCommitKey> = {
  name: 'OffsetCommitKey',
  key: 1,
  min: 0,
  max: 0,
  flexibleFrom: null,
  fields: [
    ['group', 'string'],
    ['topic', 'string'],
    ['partition', 'int32'],
  ],
}

/** A decoded OffsetCommitValue. */
export interface OffsetCommitValue {
  readonly offset: number
  readonly leaderEpoch: number
  readonly metadata: string
  readonly commitTimestamp: number
  readonly expireTimestamp: number
  readonly topicId: string
}

/** OffsetCommitValue, versions 0 to 4, flexible from 4. */
export const offsetCommitValue: Schema<OffsetCommitValue> = {
  name: 'OffsetCommitValue',
  key: 1,
  min: 0,
  max: 4,
  flexibleFrom: 4,
  fields: [
    ['offset', 'int64'],
    ['leaderEpoch', 'int32', { from: 3, default: -1 }],
    ['metadata', 'string'],
    ['commitTimestamp', 'int64'],
    ['expireTimestamp', 'int64', { from: 1, to: 1, default: -1 }],
    ['topicId', 'uuid', { from: 4, tag: 0 }],
  ],
}

/** A decoded LegacyOffsetCommitKey. */
export interface LegacyOffsetCommitKey {
  readonly group: string
  readonly topic: string
  readonly partition: number
}

/** LegacyOffsetCommitKey, version 0. */
export const legacyOffsetCommitKey: Schema<LegacyOffsetCommitKey> = {
  name: 'LegacyOffsetCommitKey',
  key: 0,
  min: 0,
  max: 0,
  flexibleFrom: null,
  fields: [
    ['group', 'string'],
    ['topic', 'string'],
    ['partition', 'int32'],
  ],
}

/** A decoded LegacyOffsetCommitValue. */
export interface LegacyOffsetCommitValue {
  readonly offset: number
  readonly metadata: string
  readonly commitTimestamp: number
}

/** LegacyOffsetCommitValue, version 0. */
export const legacyOffsetCommitValue: Schema<LegacyOffsetCommitValue> = {
  name: 'LegacyOffsetCommitValue',
  key: 0,
  min: 0,
  max: 0,
  flexibleFrom: null,
  fields: [
    ['offset', 'int64'],
    ['metadata', 'string'],
    ['commitTimestamp', 'int64'],
  ],
}
