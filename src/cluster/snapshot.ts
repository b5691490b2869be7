// An image as bytes: a head, the number of records, and the fewest records that rebuild it, so
// that a cut file is seen. Image and records are the only two forms of the metadata; there is no
// third to keep in step. Content is written in sorted order: equal images give equal bytes on every
// broker. Who stores the bytes checks their integrity and replaces the old snapshot in one step.
import { FormatError } from '../base/errors.ts'
import { Reader } from '../base/reader.ts'
import { Writer } from '../base/writer.ts'
import type { ClusterImage, ConfigMap, TopicImage } from './image.ts'
import { imageOf } from './image-apply.ts'
import type { ConfigOwner, MetadataRecord } from './records.ts'
import { readRecord, writeRecord } from './records.ts'

/** "STMD": Stratalog metadata. */
const MAGIC = 0x53544d44
const VERSION = 1

const byKey = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

const configRecords = function* (
  owner: ConfigOwner,
  ownerId: string,
  configs: ConfigMap,
): Generator<MetadataRecord> {
  for (const name of [...configs.keys()].sort(byKey)) {
    yield { kind: 'config', owner, ownerId, name, value: configs.get(name) ?? null }
  }
}

const topicRecords = function* (topic: TopicImage): Generator<MetadataRecord> {
  yield { kind: 'topic', topicId: topic.id, name: topic.name }
  for (let index = 0; index < topic.partitions.size; index++) {
    const partition = topic.partitions.get(index)
    if (partition !== undefined) yield { kind: 'partition', topicId: topic.id, ...partition }
  }
  yield* configRecords('topic', topic.id, topic.configs)
}

/** The records that rebuild an image, in an order that depends on its content only. */
export const imageRecords = function* (image: ClusterImage): Generator<MetadataRecord> {
  const { state } = image
  if (state.clusterId !== '') {
    yield { kind: 'cluster', clusterId: state.clusterId, format: state.format }
  }
  for (const name of [...state.features.keys()].sort(byKey)) {
    yield { kind: 'feature', name, level: state.features.get(name) ?? 0 }
  }
  for (const broker of image.brokers()) {
    const { fenced, ...registration } = broker
    yield { kind: 'broker', ...registration }
    if (!fenced) yield { kind: 'fence', id: broker.id, epoch: broker.epoch, fenced }
  }
  for (const id of [...state.brokerConfigs.keys()].sort(byKey)) {
    yield* configRecords('broker', id, image.brokerConfigs(id))
  }
  if (state.nextProducerId > 0) {
    yield { kind: 'producerIds', brokerId: -1, brokerEpoch: -1, next: state.nextProducerId }
  }
  for (const name of image.topicNames()) {
    const topic = image.topicByName(name)
    if (topic !== undefined) yield* topicRecords(topic)
  }
}

/** The image as bytes, which belong to the caller. */
export const encodeSnapshot = (image: ClusterImage): Uint8Array => {
  const writer = new Writer(4096)
  writer.uint32(MAGIC)
  writer.uint8(VERSION)
  writer.int64(image.version)
  writer.int64(image.epoch)
  const countAt = writer.at
  writer.uint32(0)
  let count = 0
  for (const record of imageRecords(image)) {
    writeRecord(writer, record)
    count += 1
  }
  writer.patchUint32(countAt, count)
  return writer.copy()
}

/** The image that `bytes` describe. Throws FormatError when they are not exactly one snapshot. */
export const decodeSnapshot = (bytes: Uint8Array): ClusterImage => {
  const reader = new Reader(bytes)
  if (reader.uint32() !== MAGIC) throw new FormatError('Bytes are not a metadata snapshot')
  const version = reader.uint8()
  if (version !== VERSION) throw new FormatError(`Metadata snapshot has version ${version}`)
  const position = { index: reader.int64(), term: reader.int64() }
  const count = reader.uint32()
  // The shortest record is three bytes: a count that lies is refused before anything is made.
  if (count > reader.left / 3) throw new FormatError('Metadata snapshot is cut short')
  const records: MetadataRecord[] = []
  for (let i = 0; i < count; i++) records.push(readRecord(reader))
  if (reader.left !== 0) throw new FormatError('Metadata snapshot has bytes left over')
  return imageOf(records, position)
}
