// The keys and values of `__consumer_offsets` in Kafka's own layout, so that Kafka's tools read
// what is written here and a log that Kafka wrote can be taken over. A key begins with its kind
// (0 and 1: an offset, 2: a group), a value with its version. Written: groups as version 3,
// offsets as 3, as 1 for clients that ask for a retention, as 4 when the topic's id is known.
// Read: all versions. Kinds that are not known are skipped, as Kafka skips them after a downgrade.
import { FormatError } from '../base/errors.ts'
import { Reader } from '../base/reader.ts'
import { Writer } from '../base/writer.ts'
import { decode, encode } from '../wire/codec.ts'
import { groupMetadataKey, groupMetadataValue } from '../wire/messages/internal/group-metadata.ts'
import { offsetCommitKey, offsetCommitValue } from '../wire/messages/internal/offset-commit.ts'
import type { Input, Schema } from '../wire/schema.ts'
import { ZERO_UUID } from '../wire/schema.ts'
import type { StoredGroup } from './classic/types.ts'
import type { CommittedOffset } from './offsets.ts'

/** Kind of an offset before Kafka 0.8.2; laid out like kind 1. */
const KIND_OFFSET_LEGACY = 0
const KIND_OFFSET = 1
const KIND_GROUP = 2

const GROUP_VERSION = 3
const OFFSET_VERSION = 3
const OFFSET_VERSION_WITH_EXPIRY = 1
const OFFSET_VERSION_WITH_TOPIC_ID = 4

/** One change of a coordinator's state. A null value is a tombstone. */
export type GroupRecord =
  | { readonly kind: 'group'; readonly groupId: string; readonly group: StoredGroup | null }
  | {
      readonly kind: 'offset'
      readonly groupId: string
      readonly topic: string
      readonly partition: number
      readonly committed: CommittedOffset | null
    }

/** A record as the log holds it. */
export interface KeyValue {
  readonly key: Uint8Array
  /** null for a tombstone. */
  readonly value: Uint8Array | null
}

/** The bytes of a record; fresh arrays that the caller owns. */
export function encodeRecord(record: GroupRecord): KeyValue {
  if (record.kind === 'group') {
    const { groupId, group } = record
    const key = tagged(KIND_GROUP, groupMetadataKey, 0, { group: groupId })
    return { key, value: group === null ? null : encodeGroup(group) }
  }
  const { groupId, topic, partition, committed } = record
  const key = tagged(KIND_OFFSET, offsetCommitKey, 0, { group: groupId, topic, partition })
  return { key, value: committed === null ? null : encodeOffset(committed) }
}

/**
 * The record behind key and value bytes; null for kinds that are not known. The bytes in it are
 * copies. Throws FormatError when the bytes do not follow their layout.
 */
export function decodeRecord(key: Uint8Array, value: Uint8Array | null): GroupRecord | null {
  const reader = new Reader(key)
  const kind = reader.int16()
  if (kind === KIND_GROUP) {
    const groupId = decode(groupMetadataKey, 0, reader).group
    return { kind: 'group', groupId, group: value === null ? null : decodeGroup(groupId, value) }
  }
  if (kind !== KIND_OFFSET && kind !== KIND_OFFSET_LEGACY) return null
  const { group: groupId, topic, partition } = decode(offsetCommitKey, 0, reader)
  const committed = value === null ? null : decodeOffset(value)
  return { kind: 'offset', groupId, topic, partition, committed }
}

function encodeGroup(group: StoredGroup): Uint8Array {
  const value = {
    protocolType: group.protocolType,
    generation: group.generation,
    protocol: group.protocol,
    leader: group.leader,
    currentStateTimestamp: group.stateTimestampMs,
    members: group.members.map((member) => ({
      memberId: member.memberId,
      groupInstanceId: member.instanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      rebalanceTimeout: member.rebalanceTimeoutMs,
      sessionTimeout: member.sessionTimeoutMs,
      subscription: member.subscription,
      assignment: member.assignment,
    })),
  }
  return tagged(GROUP_VERSION, groupMetadataValue, GROUP_VERSION, value, new Writer(1024))
}

function decodeGroup(groupId: string, bytes: Uint8Array): StoredGroup {
  const value = untagged(groupMetadataValue, bytes)
  return {
    groupId,
    protocolType: value.protocolType,
    generation: value.generation,
    protocol: value.protocol,
    leader: value.leader,
    stateTimestampMs: value.currentStateTimestamp,
    members: value.members.map((member) => ({
      memberId: member.memberId,
      instanceId: member.groupInstanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      // Version 0 had none: the session timeout counted for both.
      rebalanceTimeoutMs:
        member.rebalanceTimeout === -1 ? member.sessionTimeout : member.rebalanceTimeout,
      sessionTimeoutMs: member.sessionTimeout,
      // Copies: they live on in the group, long after the batch's buffer is gone.
      subscription: Uint8Array.from(member.subscription),
      assignment: Uint8Array.from(member.assignment),
    })),
  }
}

function encodeOffset(committed: CommittedOffset): Uint8Array {
  const version =
    committed.expireMs >= 0
      ? OFFSET_VERSION_WITH_EXPIRY
      : committed.topicId !== null
        ? OFFSET_VERSION_WITH_TOPIC_ID
        : OFFSET_VERSION
  return tagged(version, offsetCommitValue, version, {
    offset: committed.offset,
    leaderEpoch: committed.leaderEpoch,
    metadata: committed.metadata,
    commitTimestamp: committed.commitMs,
    expireTimestamp: committed.expireMs,
    topicId: committed.topicId ?? ZERO_UUID,
  })
}

function decodeOffset(bytes: Uint8Array): CommittedOffset {
  const value = untagged(offsetCommitValue, bytes)
  return {
    offset: value.offset,
    leaderEpoch: value.leaderEpoch,
    metadata: value.metadata,
    commitMs: value.commitTimestamp,
    expireMs: value.expireTimestamp,
    topicId: value.topicId === ZERO_UUID ? null : value.topicId,
  }
}

/** One buffer for keys and offsets, which are small; what comes out of it is a copy. */
const scratch = new Writer(1024)

/** An int16 (a key's kind, a value's version) and the message behind it. */
function tagged<T>(
  tag: number,
  schema: Schema<T>,
  version: number,
  value: Input<T>,
  writer: Writer = scratch,
): Uint8Array {
  writer.reset()
  writer.int16(tag)
  encode(schema, version, value, writer)
  return writer.copy()
}

function untagged<T>(schema: Schema<T>, bytes: Uint8Array): T {
  const reader = new Reader(bytes)
  const version = reader.int16()
  if (version < schema.min || version > schema.max) {
    throw new FormatError('A value of __consumer_offsets has an unknown version')
  }
  return decode(schema, version, reader)
}
