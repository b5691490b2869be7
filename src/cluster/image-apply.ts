// Folds records into an image. The cost is that of the change: maps share what stays the same and
// one draft copies each path once, however many records an entry has. Pure and strict: a record
// that cannot follow from what is there (a partition of no topic, an epoch that goes back) throws
// FormatError, because going on from a log that contradicts itself would lose data quietly.
import { FormatError } from '../base/errors.ts'
import type { BrokerImage, ConfigMap, LogPosition, PartitionImage, TopicImage } from './image.ts'
import { ClusterImage, NO_CONFIGS } from './image.ts'
import type { MapDraft } from './persistent-map.ts'
import { PersistentMap } from './persistent-map.ts'
import type { EpochStart, MetadataRecord } from './records.ts'
import { lookalike } from './topic-name.ts'

type RecordOf<K extends MetadataRecord['kind']> = Extract<MetadataRecord, { kind: K }>

/** Epochs a partition's lineage holds before neighbours with the same copyset are merged. */
export const LINEAGE_LENGTH_MAX = 64

interface TopicDraft {
  readonly id: string
  readonly name: string
  readonly partitions: MapDraft<number, PartitionImage>
  configs: ConfigMap
}

const reject = (message: string): never => {
  throw new FormatError(`Metadata log contradicts itself: ${message}`)
}

const withConfig = (configs: ConfigMap, name: string, value: string | null): ConfigMap => {
  const next = new Map(configs)
  if (value === null) next.delete(name)
  else next.set(name, value)
  return next.size === 0 ? NO_CONFIGS : next
}

const sameIds = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((id, i) => id === b[i])

/**
 * A lineage with one more epoch. Epochs that turn out to be empty are dropped, and beyond the
 * limit the oldest neighbours with one copyset become one: metadata needs to know who stores a
 * range, while the exact epochs of every range are in the logs themselves.
 */
export const extendLineage = (
  lineage: readonly EpochStart[],
  next: EpochStart,
): readonly EpochStart[] => {
  const kept = lineage.filter((entry) => entry.startOffset < next.startOffset)
  const all = [...kept, next]
  if (all.length <= LINEAGE_LENGTH_MAX) return all
  for (let i = 1; i < all.length - 1; i++) {
    const [older, newer] = [all[i - 1], all[i]]
    if (older === undefined || newer === undefined) continue
    if (sameIds(older.replicas, newer.replicas)) return [...all.slice(0, i), ...all.slice(i + 1)]
  }
  return all
}

class ImageDraft {
  readonly #before: ClusterImage
  readonly #drafts = new Map<string, TopicDraft>()
  readonly #topics: MapDraft<string, TopicImage>
  readonly #topicIds: MapDraft<string, string>
  readonly #lookalikes: MapDraft<string, readonly string[]>
  readonly #brokers: MapDraft<number, BrokerImage>
  readonly #brokerConfigs: MapDraft<string, ConfigMap>
  readonly #features: MapDraft<string, number>
  #clusterId: string
  #format: number
  #nextProducerId: number

  constructor(before: ClusterImage) {
    const { state } = before
    this.#before = before
    this.#topics = state.topics.draft()
    this.#topicIds = state.topicIds.draft()
    this.#lookalikes = state.lookalikes.draft()
    this.#brokers = state.brokers.draft()
    this.#brokerConfigs = state.brokerConfigs.draft()
    this.#features = state.features.draft()
    this.#clusterId = state.clusterId
    this.#format = state.format
    this.#nextProducerId = state.nextProducerId
  }

  freeze(position: LogPosition): ClusterImage {
    for (const draft of this.#drafts.values()) {
      this.#topics.set(draft.id, { ...draft, partitions: draft.partitions.freeze() })
    }
    return new ClusterImage({
      ...this.#before.state,
      position,
      clusterId: this.#clusterId,
      format: this.#format,
      brokers: this.#brokers.freeze(),
      topics: this.#topics.freeze(),
      topicIds: this.#topicIds.freeze(),
      lookalikes: this.#lookalikes.freeze(),
      brokerConfigs: this.#brokerConfigs.freeze(),
      nextProducerId: this.#nextProducerId,
      features: this.#features.freeze(),
    })
  }

  apply(record: MetadataRecord): void {
    switch (record.kind) {
      case 'cluster':
        return this.#cluster(record)
      case 'broker':
        return this.#broker(record)
      case 'fence':
        return this.#fence(record)
      case 'removeBroker':
        if (!this.#brokers.delete(record.id)) reject('an unknown broker is removed')
        return
      case 'topic':
        return this.#topic(record)
      case 'removeTopic':
        return this.#removeTopic(record.topicId)
      case 'partition':
        return this.#partition(record)
      case 'openEpoch':
        return this.#openEpoch(record)
      case 'epochStart':
        return this.#epochStart(record)
      case 'config':
        return this.#config(record)
      case 'producerIds':
        if (record.next < this.#nextProducerId) reject('producer ids go back')
        this.#nextProducerId = record.next
        return
      case 'feature':
        if (record.level === 0) this.#features.delete(record.name)
        else this.#features.set(record.name, record.level)
    }
  }

  #cluster(record: RecordOf<'cluster'>): void {
    if (this.#clusterId !== '' && this.#clusterId !== record.clusterId) {
      reject('the cluster id changes')
    }
    this.#clusterId = record.clusterId
    this.#format = record.format
  }

  #broker(record: RecordOf<'broker'>): void {
    const before = this.#brokers.get(record.id)
    if (before !== undefined && before.epoch >= record.epoch) reject('a broker epoch goes back')
    const { id, epoch, incarnation, endpoints, rack, host } = record
    this.#brokers.set(id, { id, epoch, incarnation, endpoints, rack, host, fenced: true })
  }

  #fence(record: RecordOf<'fence'>): void {
    const before = this.#brokers.get(record.id)
    if (before === undefined || before.epoch !== record.epoch) {
      return reject('a fence names an unknown broker or epoch')
    }
    this.#brokers.set(record.id, { ...before, fenced: record.fenced })
  }

  #topic({ topicId, name }: RecordOf<'topic'>): void {
    if (this.#topics.has(topicId) || this.#drafts.has(topicId)) reject('a topic id is used again')
    if (this.#topicIds.has(name)) reject('a topic name is taken')
    const partitions = PersistentMap.empty<number, PartitionImage>().draft()
    this.#drafts.set(topicId, { id: topicId, name, partitions, configs: NO_CONFIGS })
    this.#topicIds.set(name, topicId)
    const shape = lookalike(name)
    if (shape !== null) this.#lookalikes.set(shape, [...(this.#lookalikes.get(shape) ?? []), name])
  }

  #removeTopic(topicId: string): void {
    const { name } = this.#draftOf(topicId)
    this.#drafts.delete(topicId)
    this.#topics.delete(topicId)
    this.#topicIds.delete(name)
    const shape = lookalike(name)
    if (shape === null) return
    const others = (this.#lookalikes.get(shape) ?? []).filter((other) => other !== name)
    if (others.length === 0) this.#lookalikes.delete(shape)
    else this.#lookalikes.set(shape, others)
  }

  #draftOf(topicId: string): TopicDraft {
    const open = this.#drafts.get(topicId)
    if (open !== undefined) return open
    const topic = this.#topics.get(topicId) ?? reject('a record names an unknown topic')
    const draft: TopicDraft = { ...topic, partitions: topic.partitions.draft() }
    this.#drafts.set(topicId, draft)
    return draft
  }

  #partitionOf(draft: TopicDraft, index: number): PartitionImage {
    return draft.partitions.get(index) ?? reject('a record names an unknown partition')
  }

  #partition(record: RecordOf<'partition'>): void {
    const draft = this.#draftOf(record.topicId)
    if (record.index !== draft.partitions.size) reject('partitions are not numbered in order')
    const { index, leader, leaderEpoch, leaderBrokerEpoch, replicas, quorum, lineage } = record
    draft.partitions.set(index, {
      index,
      leader,
      leaderEpoch,
      leaderBrokerEpoch,
      replicas,
      quorum,
      lineage,
    })
  }

  #openEpoch(record: RecordOf<'openEpoch'>): void {
    const draft = this.#draftOf(record.topicId)
    const before = this.#partitionOf(draft, record.index)
    if (record.leaderEpoch <= before.leaderEpoch) reject('a leader epoch does not rise')
    const { leader, leaderEpoch, leaderBrokerEpoch } = record
    draft.partitions.set(record.index, {
      ...before,
      leader,
      leaderEpoch,
      leaderBrokerEpoch,
      replicas: record.replicas ?? before.replicas,
      quorum: record.quorum ?? before.quorum,
    })
  }

  #epochStart(record: RecordOf<'epochStart'>): void {
    const draft = this.#draftOf(record.topicId)
    const before = this.#partitionOf(draft, record.index)
    // A start that was proposed by a leader which has been replaced since says nothing any more.
    if (record.epoch !== before.leaderEpoch) return
    const last = before.lineage.at(-1)
    if (last !== undefined && last.epoch >= record.epoch) return
    const { epoch, startOffset } = record
    const next = { epoch, startOffset, replicas: before.replicas }
    draft.partitions.set(record.index, {
      ...before,
      lineage: extendLineage(before.lineage, next),
    })
  }

  #config({ owner, ownerId, name, value }: RecordOf<'config'>): void {
    if (owner === 'topic') {
      const draft = this.#draftOf(ownerId)
      draft.configs = withConfig(draft.configs, name, value)
      return
    }
    const configs = withConfig(this.#brokerConfigs.get(ownerId) ?? NO_CONFIGS, name, value)
    if (configs.size === 0) this.#brokerConfigs.delete(ownerId)
    else this.#brokerConfigs.set(ownerId, configs)
  }
}

/**
 * The image after one entry. Throws FormatError when the records contradict the image; the image
 * given stays as it was. An entry without records only moves the position.
 */
export const applyEntry = (
  image: ClusterImage,
  records: readonly MetadataRecord[],
  position: LogPosition,
): ClusterImage => {
  if (position.index <= image.version) reject('an entry is applied twice')
  const draft = new ImageDraft(image)
  for (const record of records) draft.apply(record)
  return draft.freeze(position)
}

/** The image that holds exactly `records`: how snapshots are read. Throws FormatError. */
export const imageOf = (
  records: readonly MetadataRecord[],
  position: LogPosition,
): ClusterImage => {
  const draft = new ImageDraft(ClusterImage.empty())
  for (const record of records) draft.apply(record)
  return draft.freeze(position)
}
