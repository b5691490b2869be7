// The keys and values of `__consumer_offsets` in Kafka's own layout, so that Kafka's tools read
// what is written here and a log that Kafka wrote can be taken over. A key begins with its kind
// (0 and 1: an offset, 2: a group), a value with its version. Written: groups as version 3,
// offsets as 3, as 1 for clients that ask for a retention, as 4 when the topic's id is known.
// Read: all versions. Kinds that are not known are skipped, as Kafka skips them after a downgrade.
import { FormatError } from '../base/errors.ts'
import { Reader } from '../base/reader.ts'
import { Writer } from '../base/writer.ts'
import type { StoredGroup, StoredMember } from './classic/types.ts'
import type { CommittedOffset } from './offsets.ts'

const KEY_OFFSET_LEGACY = 0
const KEY_OFFSET = 1
const KEY_GROUP = 2
const GROUP_VERSION = 3
const FLEXIBLE = 4
const VERSION_MAX = 4

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
    return { key: groupKey(groupId), value: group === null ? null : groupValue(group) }
  }
  const { committed } = record
  return { key: offsetKey(record), value: committed === null ? null : offsetValue(committed) }
}

/**
 * The record behind key and value bytes; null for kinds that are not known. The bytes in it are
 * copies. Throws FormatError when the bytes do not follow their layout.
 */
export function decodeRecord(key: Uint8Array, value: Uint8Array | null): GroupRecord | null {
  const reader = new Reader(key)
  const kind = reader.int16()
  if (kind === KEY_GROUP) {
    const groupId = text(reader)
    return { kind: 'group', groupId, group: value === null ? null : readGroup(groupId, value) }
  }
  if (kind !== KEY_OFFSET && kind !== KEY_OFFSET_LEGACY) return null
  const groupId = text(reader)
  const topic = text(reader)
  const partition = reader.int32()
  const committed = value === null ? null : readOffset(value)
  return { kind: 'offset', groupId, topic, partition, committed }
}

function groupKey(groupId: string): Uint8Array {
  const writer = new Writer(4 + groupId.length)
  writer.int16(KEY_GROUP)
  putText(writer, groupId)
  return writer.copy()
}

function offsetKey(record: GroupRecord & { readonly kind: 'offset' }): Uint8Array {
  const writer = new Writer(16 + record.groupId.length + record.topic.length)
  writer.int16(KEY_OFFSET)
  putText(writer, record.groupId)
  putText(writer, record.topic)
  writer.int32(record.partition)
  return writer.copy()
}

function groupValue(group: StoredGroup): Uint8Array {
  const writer = new Writer(256)
  writer.int16(GROUP_VERSION)
  putText(writer, group.protocolType)
  writer.int32(group.generation)
  putText(writer, group.protocol)
  putText(writer, group.leader)
  writer.int64(group.stateTimestampMs)
  writer.int32(group.members.length)
  for (const member of group.members) {
    putText(writer, member.memberId)
    putText(writer, member.instanceId)
    putText(writer, member.clientId)
    putText(writer, member.clientHost)
    writer.int32(member.rebalanceTimeoutMs)
    writer.int32(member.sessionTimeoutMs)
    putBytes(writer, member.subscription)
    putBytes(writer, member.assignment)
  }
  return writer.copy()
}

function offsetValue(committed: CommittedOffset): Uint8Array {
  const writer = new Writer(48 + committed.metadata.length)
  if (committed.expireMs >= 0) {
    writer.int16(1)
    writer.int64(committed.offset)
    putText(writer, committed.metadata)
    writer.int64(committed.commitMs)
    writer.int64(committed.expireMs)
    return writer.copy()
  }
  const { topicId } = committed
  writer.int16(topicId === null ? 3 : FLEXIBLE)
  writer.int64(committed.offset)
  writer.int32(committed.leaderEpoch)
  if (topicId === null) putText(writer, committed.metadata)
  else putCompactText(writer, committed.metadata)
  writer.int64(committed.commitMs)
  if (topicId !== null) {
    writer.uvarint(1) // one tagged field:
    writer.uvarint(0) // tag 0, the topic id,
    writer.uvarint(16) // of 16 bytes
    writer.uuid(topicId)
  }
  return writer.copy()
}

function readVersion(reader: Reader): number {
  const version = reader.int16()
  if (version < 0 || version > VERSION_MAX) throw new FormatError('A group value is too new')
  return version
}

function readGroup(groupId: string, value: Uint8Array): StoredGroup {
  const reader = new Reader(value)
  const version = readVersion(reader)
  const isFlexible = version >= FLEXIBLE
  const protocolType = isFlexible ? compactText(reader) : text(reader)
  const generation = reader.int32()
  const protocol = isFlexible ? compactTextOrNull(reader) : textOrNull(reader)
  const leader = isFlexible ? compactTextOrNull(reader) : textOrNull(reader)
  const stateTimestampMs = version >= 2 ? reader.int64() : -1
  const count = isFlexible ? reader.uvarint() - 1 : reader.int32()
  // The smallest member has 18 bytes, a compact one 14.
  if (count < 0 || count * 14 > reader.left) throw new FormatError('A group has a bad count')
  const members = Array.from({ length: count }, () => readMember(reader, version))
  if (isFlexible) skipTags(reader)
  return { groupId, protocolType, generation, protocol, leader, stateTimestampMs, members }
}

function readMember(reader: Reader, version: number): StoredMember {
  const isFlexible = version >= FLEXIBLE
  const name = isFlexible ? compactText : text
  const memberId = name(reader)
  const instanceId =
    version < 3 ? null : isFlexible ? compactTextOrNull(reader) : textOrNull(reader)
  const clientId = name(reader)
  const clientHost = name(reader)
  const rebalanceTimeout = version >= 1 ? reader.int32() : -1
  const sessionTimeoutMs = reader.int32()
  const blob = isFlexible ? compactBytes : plainBytes
  const subscription = blob(reader)
  const assignment = blob(reader)
  if (isFlexible) skipTags(reader)
  const rebalanceTimeoutMs = rebalanceTimeout === -1 ? sessionTimeoutMs : rebalanceTimeout
  return {
    memberId,
    instanceId,
    clientId,
    clientHost,
    rebalanceTimeoutMs,
    sessionTimeoutMs,
    subscription,
    assignment,
  }
}

function readOffset(value: Uint8Array): CommittedOffset {
  const reader = new Reader(value)
  const version = readVersion(reader)
  const offset = reader.int64()
  const leaderEpoch = version >= 3 ? reader.int32() : -1
  const metadata = version >= FLEXIBLE ? compactText(reader) : text(reader)
  const commitMs = reader.int64()
  const expireMs = version === 1 ? reader.int64() : -1
  const topicId = version >= FLEXIBLE ? readTopicId(reader) : null
  return { offset, leaderEpoch, metadata, commitMs, expireMs, topicId }
}

function readTopicId(reader: Reader): string | null {
  let topicId: string | null = null
  const count = reader.uvarint()
  for (let i = 0; i < count; i++) {
    const tag = reader.uvarint()
    const size = reader.uvarint()
    const end = reader.at + size
    if (tag === 0 && size === 16) topicId = reader.uuid()
    else reader.take(size)
    if (reader.at !== end) throw new FormatError('A tagged field has a bad length')
  }
  return topicId
}

function skipTags(reader: Reader): void {
  const count = reader.uvarint()
  for (let i = 0; i < count; i++) {
    reader.uvarint()
    reader.take(reader.uvarint())
  }
}

const utf8 = new TextEncoder()

function putText(writer: Writer, value: string | null): void {
  if (value === null) return writer.int16(-1)
  const bytes = utf8.encode(value)
  if (bytes.length > 0x7fff) throw new FormatError('A text is longer than 32767 bytes')
  writer.int16(bytes.length)
  writer.raw(bytes)
}

function putCompactText(writer: Writer, value: string): void {
  const bytes = utf8.encode(value)
  writer.uvarint(bytes.length + 1)
  writer.raw(bytes)
}

function putBytes(writer: Writer, value: Uint8Array): void {
  writer.int32(value.length)
  writer.raw(value)
}

function text(reader: Reader): string {
  return reader.text(reader.int16())
}

function textOrNull(reader: Reader): string | null {
  const length = reader.int16()
  return length === -1 ? null : reader.text(length)
}

function compactText(reader: Reader): string {
  return reader.text(reader.uvarint() - 1)
}

function compactTextOrNull(reader: Reader): string | null {
  const length = reader.uvarint() - 1
  return length === -1 ? null : reader.text(length)
}

// Copies: what is read lives on in the group, long after the batch's buffer is gone.
const plainBytes = (reader: Reader): Uint8Array => Uint8Array.from(reader.raw(reader.int32()))
const compactBytes = (reader: Reader): Uint8Array =>
  Uint8Array.from(reader.raw(reader.uvarint() - 1))
