// Kafka's internal group-metadata records: its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../../schema.ts'

/** A decoded GroupMetadataKey. */
export interface GroupMetadataKey {
  readonly group: string
}

/** GroupMetadataKey, version 0. */
export const groupMetadataKey: Schema<GroupMetadataKey> = {
  name: 'GroupMetadataKey',
  key: 2,
  min: 0,
  max: 0,
  flexibleFrom: null,
  fields: [['group', 'string']],
}

/** A decoded GroupMetadataValue. */
export interface GroupMetadataValue {
  readonly protocolType: string
  readonly generation: number
  readonly protocol: string | null
  readonly leader: string | null
  readonly currentStateTimestamp: number
  readonly members: readonly MemberMetadata[]
}

/** Part of GroupMetadataValue. */
export interface MemberMetadata {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly clientId: string
  readonly clientHost: string
  readonly rebalanceTimeout: number
  readonly sessionTimeout: number
  readonly subscription: Uint8Array
  readonly assignment: Uint8Array
}

const memberMetadataFields: readonly Field[] = [
  ['memberId', 'string'],
  ['groupInstanceId', 'string', { from: 3, nullFrom: 3, default: null }],
  ['clientId', 'string'],
  ['clientHost', 'string'],
  ['rebalanceTimeout', 'int32', { from: 1, default: -1 }],
  ['sessionTimeout', 'int32'],
  ['subscription', 'bytes'],
  ['assignment', 'bytes'],
]

/** GroupMetadataValue, versions 0 to 4, flexible from 4. */
export const groupMetadataValue: Schema<GroupMetadataValue> = {
  name: 'GroupMetadataValue',
  key: 2,
  min: 0,
  max: 4,
  flexibleFrom: 4,
  fields: [
    ['protocolType', 'string'],
    ['generation', 'int32'],
    ['protocol', 'string', { nullFrom: 0 }],
    ['leader', 'string', { nullFrom: 0 }],
    ['currentStateTimestamp', 'int64', { from: 2, default: -1 }],
    ['members', '[]struct', { fields: memberMetadataFields }],
  ],
}
