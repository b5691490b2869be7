// The records of the metadata log and their binary form. One Raft entry carries one indivisible
// change: a run of records, each `uvarint length, tag, version, payload`. There is no checksum
// here, for the Raft log has one. A tag or version that this build does not know is refused:
// a broker that cannot follow the metadata must stop rather than act on half of it.
// Text is `uvarint bytes, UTF-8`; nullable text counts one more, and 0 is null.
import { FormatError } from '../base/errors.ts'
import { Reader } from '../base/reader.ts'
import { Writer } from '../base/writer.ts'
import {
  readIds,
  readList,
  readNullableText,
  readText,
  writeIds,
  writeList,
  writeNullableText,
  writeText,
} from './record-fields.ts'

/** Where clients of one listener reach a broker. */
export interface Endpoint {
  /** Name of the listener, such as PLAINTEXT. */
  readonly listener: string
  readonly host: string
  readonly port: number
}

/** One epoch of a partition: who stores its records, from which offset on. */
export interface EpochStart {
  readonly epoch: number
  /** First offset of the epoch. */
  readonly startOffset: number
  /** The epoch's copyset. */
  readonly replicas: readonly number[]
}

/** N, W and R of an epoch apart from N, which is the number of replicas. */
export interface Quorum {
  /** Replicas that must hold a record before it is acknowledged. */
  readonly write: number
  /** Replicas that must promise before the next epoch starts. */
  readonly seal: number
}

/** Settings belong to a topic, by id, or to a broker, by id in decimal; "" is all brokers. */
export type ConfigOwner = 'topic' | 'broker'

/** One change to the metadata. */
export type MetadataRecord =
  | { readonly kind: 'cluster'; readonly clusterId: string; readonly format: number }
  | {
      /** A broker process came up; its epoch is larger than any before. It starts fenced. */
      readonly kind: 'broker'
      readonly id: number
      readonly epoch: number
      /** Random for each start of the process: tells a retry from a restart. */
      readonly incarnation: string
      readonly endpoints: readonly Endpoint[]
      readonly rack: string | null
      /** Brokers with the same label fail together. */
      readonly host: string
    }
  | {
      readonly kind: 'fence'
      readonly id: number
      readonly epoch: number
      readonly fenced: boolean
    }
  | { readonly kind: 'removeBroker'; readonly id: number }
  | { readonly kind: 'topic'; readonly topicId: string; readonly name: string }
  | { readonly kind: 'removeTopic'; readonly topicId: string }
  | {
      /** A partition's whole state: at creation, and in snapshots. */
      readonly kind: 'partition'
      readonly topicId: string
      readonly index: number
      /** Broker that leads, or -1 for none. */
      readonly leader: number
      readonly leaderEpoch: number
      /** Epoch of the leading broker's process when it was made leader. */
      readonly leaderBrokerEpoch: number
      readonly replicas: readonly number[]
      readonly quorum: Quorum
      readonly lineage: readonly EpochStart[]
    }
  | {
      /** A new epoch; null keeps the copyset or the quorum. */
      readonly kind: 'openEpoch'
      readonly topicId: string
      readonly index: number
      readonly leader: number
      readonly leaderEpoch: number
      readonly leaderBrokerEpoch: number
      readonly replicas: readonly number[] | null
      readonly quorum: Quorum | null
    }
  | {
      /** The leader of `epoch` has sealed the one before and knows where its own begins. */
      readonly kind: 'epochStart'
      readonly topicId: string
      readonly index: number
      readonly epoch: number
      readonly startOffset: number
    }
  | {
      /** null removes the setting. */
      readonly kind: 'config'
      readonly owner: ConfigOwner
      readonly ownerId: string
      readonly name: string
      readonly value: string | null
    }
  | {
      /** Producer ids below `next` are given away. */
      readonly kind: 'producerIds'
      readonly brokerId: number
      readonly brokerEpoch: number
      readonly next: number
    }
  | { readonly kind: 'feature'; readonly name: string; readonly level: number }

type Kind = MetadataRecord['kind']
type RecordOf<K extends Kind> = Extract<MetadataRecord, { kind: K }>

interface Codec<R> {
  readonly tag: number
  readonly version: number
  readonly write: (writer: Writer, record: R) => void
  readonly read: (reader: Reader) => R
}

const writeQuorum = (writer: Writer, quorum: Quorum): void => {
  writer.uvarint(quorum.write)
  writer.uvarint(quorum.seal)
}

const readQuorum = (reader: Reader): Quorum => ({
  write: reader.uvarint(),
  seal: reader.uvarint(),
})

const brokerCodec: Codec<RecordOf<'broker'>> = {
  tag: 2,
  version: 0,
  write: (writer, record) => {
    writer.varint(record.id)
    writer.int64(record.epoch)
    writer.uuid(record.incarnation)
    writeList(writer, record.endpoints, (endpoint) => {
      writeText(writer, endpoint.listener)
      writeText(writer, endpoint.host)
      writer.uint16(endpoint.port)
    })
    writeNullableText(writer, record.rack)
    writeText(writer, record.host)
  },
  read: (reader) => ({
    kind: 'broker',
    id: reader.varint(),
    epoch: reader.int64(),
    incarnation: reader.uuid(),
    endpoints: readList(reader, () => ({
      listener: readText(reader),
      host: readText(reader),
      port: reader.uint16(),
    })),
    rack: readNullableText(reader),
    host: readText(reader),
  }),
}

const partitionCodec: Codec<RecordOf<'partition'>> = {
  tag: 7,
  version: 0,
  write: (writer, record) => {
    writer.uuid(record.topicId)
    writer.uvarint(record.index)
    writer.varint(record.leader)
    writer.uvarint(record.leaderEpoch)
    writer.int64(record.leaderBrokerEpoch)
    writeIds(writer, record.replicas)
    writeQuorum(writer, record.quorum)
    writeList(writer, record.lineage, (entry) => {
      writer.uvarint(entry.epoch)
      writer.int64(entry.startOffset)
      writeIds(writer, entry.replicas)
    })
  },
  read: (reader) => ({
    kind: 'partition',
    topicId: reader.uuid(),
    index: reader.uvarint(),
    leader: reader.varint(),
    leaderEpoch: reader.uvarint(),
    leaderBrokerEpoch: reader.int64(),
    replicas: readIds(reader),
    quorum: readQuorum(reader),
    lineage: readList(reader, () => ({
      epoch: reader.uvarint(),
      startOffset: reader.int64(),
      replicas: readIds(reader),
    })),
  }),
}

const openEpochCodec: Codec<RecordOf<'openEpoch'>> = {
  tag: 8,
  version: 0,
  write: (writer, record) => {
    writer.uuid(record.topicId)
    writer.uvarint(record.index)
    writer.varint(record.leader)
    writer.uvarint(record.leaderEpoch)
    writer.int64(record.leaderBrokerEpoch)
    writer.bool(record.replicas !== null)
    if (record.replicas !== null) writeIds(writer, record.replicas)
    writer.bool(record.quorum !== null)
    if (record.quorum !== null) writeQuorum(writer, record.quorum)
  },
  read: (reader) => ({
    kind: 'openEpoch',
    topicId: reader.uuid(),
    index: reader.uvarint(),
    leader: reader.varint(),
    leaderEpoch: reader.uvarint(),
    leaderBrokerEpoch: reader.int64(),
    replicas: reader.bool() ? readIds(reader) : null,
    quorum: reader.bool() ? readQuorum(reader) : null,
  }),
}

const CONFIG_OWNERS: readonly ConfigOwner[] = ['topic', 'broker']

const configCodec: Codec<RecordOf<'config'>> = {
  tag: 10,
  version: 0,
  write: (writer, record) => {
    writer.uint8(CONFIG_OWNERS.indexOf(record.owner))
    writeText(writer, record.ownerId)
    writeText(writer, record.name)
    writeNullableText(writer, record.value)
  },
  read: (reader) => {
    const owner = CONFIG_OWNERS[reader.uint8()]
    if (owner === undefined) throw new FormatError('A config record has no known owner')
    return {
      kind: 'config',
      owner,
      ownerId: readText(reader),
      name: readText(reader),
      value: readNullableText(reader),
    }
  },
}

const codecs: { readonly [K in Kind]: Codec<RecordOf<K>> } = {
  cluster: {
    tag: 1,
    version: 0,
    write: (writer, record) => {
      writeText(writer, record.clusterId)
      writer.uvarint(record.format)
    },
    read: (reader) => ({ kind: 'cluster', clusterId: readText(reader), format: reader.uvarint() }),
  },
  broker: brokerCodec,
  fence: {
    tag: 3,
    version: 0,
    write: (writer, record) => {
      writer.varint(record.id)
      writer.int64(record.epoch)
      writer.bool(record.fenced)
    },
    read: (reader) => ({
      kind: 'fence',
      id: reader.varint(),
      epoch: reader.int64(),
      fenced: reader.bool(),
    }),
  },
  removeBroker: {
    tag: 4,
    version: 0,
    write: (writer, record) => writer.varint(record.id),
    read: (reader) => ({ kind: 'removeBroker', id: reader.varint() }),
  },
  topic: {
    tag: 5,
    version: 0,
    write: (writer, record) => {
      writer.uuid(record.topicId)
      writeText(writer, record.name)
    },
    read: (reader) => ({ kind: 'topic', topicId: reader.uuid(), name: readText(reader) }),
  },
  removeTopic: {
    tag: 6,
    version: 0,
    write: (writer, record) => writer.uuid(record.topicId),
    read: (reader) => ({ kind: 'removeTopic', topicId: reader.uuid() }),
  },
  partition: partitionCodec,
  openEpoch: openEpochCodec,
  epochStart: {
    tag: 9,
    version: 0,
    write: (writer, record) => {
      writer.uuid(record.topicId)
      writer.uvarint(record.index)
      writer.uvarint(record.epoch)
      writer.int64(record.startOffset)
    },
    read: (reader) => ({
      kind: 'epochStart',
      topicId: reader.uuid(),
      index: reader.uvarint(),
      epoch: reader.uvarint(),
      startOffset: reader.int64(),
    }),
  },
  config: configCodec,
  producerIds: {
    tag: 11,
    version: 0,
    write: (writer, record) => {
      writer.varint(record.brokerId)
      writer.int64(record.brokerEpoch)
      writer.int64(record.next)
    },
    read: (reader) => ({
      kind: 'producerIds',
      brokerId: reader.varint(),
      brokerEpoch: reader.int64(),
      next: reader.int64(),
    }),
  },
  feature: {
    tag: 12,
    version: 0,
    write: (writer, record) => {
      writeText(writer, record.name)
      writer.uvarint(record.level)
    },
    read: (reader) => ({ kind: 'feature', name: readText(reader), level: reader.uvarint() }),
  },
}

const byTag = new Map<number, Codec<MetadataRecord>>(
  Object.values(codecs).map((codec) => [codec.tag, codec as Codec<MetadataRecord>]),
)

/** Appends one record with its length to `writer`. */
export const writeRecord = (writer: Writer, record: MetadataRecord): void => {
  const codec = codecs[record.kind] as Codec<MetadataRecord>
  const body = new Writer(96)
  body.uint8(codec.tag)
  body.uint8(codec.version)
  codec.write(body, record)
  writer.uvarint(body.at)
  writer.raw(body.bytes())
}

/** Reads one record. Throws FormatError for an unknown tag or version and for bytes left over. */
export const readRecord = (reader: Reader): MetadataRecord => {
  const length = reader.uvarint()
  const at = reader.take(length)
  const body = new Reader(reader.bytes, at, at + length)
  const tag = body.uint8()
  const version = body.uint8()
  const codec = byTag.get(tag)
  if (codec === undefined) throw new FormatError(`Metadata record tag ${tag} is not known`)
  if (version > codec.version) {
    throw new FormatError(`Metadata record tag ${tag} has version ${version}, which is too new`)
  }
  const record = codec.read(body)
  if (body.left !== 0) throw new FormatError(`Metadata record tag ${tag} has bytes left over`)
  return record
}

/** One log entry: records that take effect together. The bytes belong to the caller. */
export const encodeEntry = (records: readonly MetadataRecord[]): Uint8Array => {
  const writer = new Writer(64 + records.length * 64)
  for (const record of records) writeRecord(writer, record)
  return writer.copy()
}

/** The records of one log entry. Throws FormatError. */
export const decodeEntry = (entry: Uint8Array): MetadataRecord[] => {
  const reader = new Reader(entry)
  const records: MetadataRecord[] = []
  while (reader.left > 0) records.push(readRecord(reader))
  return records
}
