// The metadata of the cluster at one position of the log: immutable, so a reader that took it sees
// one consistent state for as long as it likes. Only image-apply.ts makes new ones. What it does
// not know: how the log is agreed on, what settings mean, and where this broker's own bytes are.
import { PersistentMap } from './persistent-map.ts'
import type { Endpoint, EpochStart, Quorum } from './records.ts'

/** How far the log was folded into an image. */
export interface LogPosition {
  /** Index of the last entry applied; 0 before the first. */
  readonly index: number
  /** Raft term of that entry. */
  readonly term: number
}

/** Settings by name; empty for most topics. Never changed, so its identity may key a cache. */
export type ConfigMap = ReadonlyMap<string, string>

/** What every owner without settings has. */
export const NO_CONFIGS: ConfigMap = new Map()

/** A broker that registered. */
export interface BrokerImage {
  readonly id: number
  /** Rises with every start of the broker's process. */
  readonly epoch: number
  readonly incarnation: string
  readonly endpoints: readonly Endpoint[]
  readonly rack: string | null
  readonly host: string
  /** A fenced broker leads nothing and is not shown to clients. */
  readonly fenced: boolean
}

/** A partition. Invariant: `leaderEpoch` never falls for a given topic id and index. */
export interface PartitionImage {
  readonly index: number
  /** Broker that leads, or -1. */
  readonly leader: number
  readonly leaderEpoch: number
  /** Epoch of the leader's process for which this leader epoch was opened. */
  readonly leaderBrokerEpoch: number
  /** The copyset of the current epoch, preferred leader first. */
  readonly replicas: readonly number[]
  readonly quorum: Quorum
  /** Past and current epochs, ascending; the current one is absent until its leader has sealed. */
  readonly lineage: readonly EpochStart[]
}

/** A topic. Its id is random and never used again; its partitions are numbered from 0. */
export interface TopicImage {
  readonly id: string
  readonly name: string
  readonly partitions: PersistentMap<number, PartitionImage>
  readonly configs: ConfigMap
}

/** Everything an image consists of. */
export interface ImageState {
  readonly position: LogPosition
  /** Empty until the cluster is formatted. */
  readonly clusterId: string
  readonly format: number
  readonly brokers: PersistentMap<number, BrokerImage>
  readonly topics: PersistentMap<string, TopicImage>
  /** Topic ids by name. */
  readonly topicIds: PersistentMap<string, string>
  /** Names that read the same once '.' becomes '_', by that reading; for names with either. */
  readonly lookalikes: PersistentMap<string, readonly string[]>
  /** Settings by broker id in decimal; "" holds the defaults for all. */
  readonly brokerConfigs: PersistentMap<string, ConfigMap>
  readonly nextProducerId: number
  readonly features: PersistentMap<string, number>
}

const sortedNames = new WeakMap<PersistentMap<string, string>, readonly string[]>()

const byCodeUnit = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** One immutable state of the metadata. */
export class ClusterImage {
  readonly state: ImageState

  constructor(state: ImageState) {
    this.state = state
  }

  /** The image before the first entry. */
  static empty(): ClusterImage {
    return new ClusterImage({
      position: { index: 0, term: 0 },
      clusterId: '',
      format: 0,
      brokers: PersistentMap.empty(),
      topics: PersistentMap.empty(),
      topicIds: PersistentMap.empty(),
      lookalikes: PersistentMap.empty(),
      brokerConfigs: PersistentMap.empty(),
      nextProducerId: 0,
      features: PersistentMap.empty(),
    })
  }

  get clusterId(): string {
    return this.state.clusterId
  }

  /** Index of the last entry applied: what Kafka calls the metadata offset. */
  get version(): number {
    return this.state.position.index
  }

  /** Term of the last entry applied: what Kafka calls the metadata epoch. */
  get epoch(): number {
    return this.state.position.term
  }

  get topicCount(): number {
    return this.state.topics.size
  }

  topicById(id: string): TopicImage | undefined {
    return this.state.topics.get(id)
  }

  topicByName(name: string): TopicImage | undefined {
    const id = this.state.topicIds.get(name)
    return id === undefined ? undefined : this.state.topics.get(id)
  }

  /** All topic names, sorted by code unit. Sorted once per set of topics. */
  topicNames(): readonly string[] {
    const { topicIds } = this.state
    let names = sortedNames.get(topicIds)
    if (names === undefined) {
      names = [...topicIds.keys()].sort(byCodeUnit)
      sortedNames.set(topicIds, names)
    }
    return names
  }

  /** All topics, in no particular order. */
  allTopics(): Iterable<TopicImage> {
    return this.state.topics.values()
  }

  partition(topicId: string, index: number): PartitionImage | undefined {
    return this.state.topics.get(topicId)?.partitions.get(index)
  }

  broker(id: number): BrokerImage | undefined {
    return this.state.brokers.get(id)
  }

  /** All registered brokers by ascending id, fenced ones too. */
  brokers(): readonly BrokerImage[] {
    return [...this.state.brokers.values()].sort((a, b) => a.id - b.id)
  }

  /** Brokers that may lead and be shown to clients, by ascending id. */
  liveBrokers(): readonly BrokerImage[] {
    return this.brokers().filter((broker) => !broker.fenced)
  }

  /**
   * The broker named to clients as controller: any live one, for every broker forwards what only
   * the Raft leader may decide (KIP-590). -1 when none is live.
   */
  get controllerId(): number {
    return this.liveBrokers()[0]?.id ?? -1
  }

  /** Settings of one broker by its id in decimal, or those of all brokers for "". */
  brokerConfigs(id: string): ConfigMap {
    return this.state.brokerConfigs.get(id) ?? NO_CONFIGS
  }
}
