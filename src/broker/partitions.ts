// The partitions that this broker leads, by topic name, id or the bytes of either as they stand in
// a request. Logs are opened when somebody first asks for them, so that ten thousand quiet ones
// cost nothing at start. It follows the metadata image: removed topics resign, changed settings
// apply.
import type { Settings } from '../config/settings.ts'
import type { TopicSettings } from '../config/topic-values.ts'
import type { ClusterImage, PartitionImage, TopicImage } from '../cluster/image.ts'
import { ErrorCode } from '../base/error-codes.ts'
import { Reader } from '../base/reader.ts'
import { MiB, leaderEpoch, type LeaderEpoch } from '../base/units.ts'
import type { LogSettings } from '../log/log-host.ts'
import { uuidBytes } from '../log/journal/journal-format.ts'
import type { LogStore } from '../log/log-store.ts'
import { PartitionReader } from '../log/partition-reader.ts'
import type { RecordTools } from '../record/section.ts'
import { Leader } from '../replication/leader.ts'
import type { Tier } from '../tier/tier.ts'
import type { TopicRules } from '../replication/topic-rules.ts'

/** Topics that only the broker writes. */
const INTERNAL_TOPICS: ReadonlySet<string> = new Set([
  '__consumer_offsets',
  '__transaction_state',
  '__share_group_state',
])

/** Bytes that one produced batch may decompress to, at least. */
const DECOMPRESSED_MIN = 64 * MiB

/** How long a partition that failed to open is refused before it is tried again. */
const RETRY_OPEN_MS = 5000

const utf8 = new TextEncoder()
const text = new TextDecoder()

/** A topic as the request paths see it. */
export interface TopicEntry {
  readonly id: string
  readonly name: string
  readonly nameBytes: Uint8Array
  readonly idBytes: Uint8Array
  readonly internal: boolean
  /** By partition; undefined while not open. */
  readonly leaders: (Leader | undefined)[]
  /** The topic is gone: look it up anew. */
  dead: boolean
}

/** What the registry works with. */
export interface PartitionsDeps {
  readonly store: LogStore
  readonly tools: RecordTools
  readonly settings: Settings
  readonly nodeId: number
  /** Where tiered topics are archived; null when no object store is used. */
  readonly tier: Tier | null
  /** The current metadata. */
  image(): ClusterImage
}

/** Partitions led here. */
export class Partitions {
  readonly #deps: PartitionsDeps
  readonly #topics = new Map<string, TopicEntry>()
  readonly #opening = new Map<string, Promise<Leader | undefined>>()
  /** When opening a partition failed last, in monotonic ms. */
  readonly #failed = new Map<string, number>()

  constructor(deps: PartitionsDeps) {
    this.#deps = deps
  }

  /** The topic named by `bytes[at, end)`, or null. */
  byNameBytes(bytes: Uint8Array, at: number, end: number): TopicEntry | null {
    return this.byName(text.decode(bytes.subarray(at, end)))
  }

  /** The topic whose id is `bytes[at, at + 16)`, or null. */
  byIdBytes(bytes: Uint8Array, at: number): TopicEntry | null {
    return this.byId(new Reader(bytes, at).uuid())
  }

  byName(name: string): TopicEntry | null {
    const topic = this.#deps.image().topicByName(name)
    return topic === undefined ? null : this.#entry(topic)
  }

  byId(id: string): TopicEntry | null {
    const topic = this.#deps.image().topicById(id)
    return topic === undefined ? null : this.#entry(topic)
  }

  #entry(topic: TopicImage): TopicEntry {
    let entry = this.#topics.get(topic.id)
    if (entry === undefined) {
      entry = {
        id: topic.id,
        name: topic.name,
        nameBytes: utf8.encode(topic.name),
        idBytes: uuidBytes(topic.id),
        internal: INTERNAL_TOPICS.has(topic.name),
        leaders: [],
        dead: false,
      }
      this.#topics.set(topic.id, entry)
    }
    return entry
  }

  /** How the partition stands in the metadata; undefined when it does not exist. */
  describe(topicId: string, index: number): PartitionImage | undefined {
    return this.#deps.image().partition(topicId, index)
  }

  /** The leader if it is open. */
  get(topicId: string, index: number): Leader | undefined {
    return this.#topics.get(topicId)?.leaders[index]
  }

  /** All leaders that are open. */
  *open(): Generator<Leader> {
    for (const topic of this.#topics.values()) {
      for (const leader of topic.leaders) if (leader !== undefined) yield leader
    }
  }

  /** Whether the partition is led here and could be opened, but is not open yet. */
  isClosed(topic: TopicEntry, index: number): boolean {
    if (topic.leaders[index] !== undefined) return false
    const partition = this.describe(topic.id, index)
    return partition?.leader === this.#deps.nodeId && !this.isBroken(topic.id, index)
  }

  /** Whether opening the partition has failed just now: its bytes cannot be trusted. */
  isBroken(topicId: string, index: number): boolean {
    const failedMs = this.#failed.get(`${topicId}/${index}`)
    if (failedMs === undefined) return false
    return this.#deps.store.clock.monotonicMs() - failedMs < RETRY_OPEN_MS
  }

  /**
   * The leader, opened if need be; undefined when the partition does not exist or is led elsewhere.
   */
  async lead(topic: TopicEntry, index: number): Promise<Leader | undefined> {
    const open = topic.leaders[index]
    if (open !== undefined) return open
    const partition = this.describe(topic.id, index)
    if (partition === undefined || partition.leader !== this.#deps.nodeId) return undefined
    const key = `${topic.id}/${index}`
    let opening = this.#opening.get(key)
    if (opening === undefined) {
      if (this.isBroken(topic.id, index)) return undefined
      opening = this.#openOne(topic, partition).then(
        (leader) => {
          this.#opening.delete(key)
          return leader
        },
        (error: unknown) => {
          this.#opening.delete(key)
          this.#failed.set(key, this.#deps.store.clock.monotonicMs())
          this.#deps.store.reportReadError(error)
          return undefined
        },
      )
      this.#opening.set(key, opening)
    }
    return opening
  }

  async #openOne(topic: TopicEntry, partition: PartitionImage): Promise<Leader | undefined> {
    const { store, tools, nodeId } = this.#deps
    const values = this.#values(topic.id)
    if (values === null) return undefined
    const identity = { topicId: topic.id, index: partition.index }
    const log = await store.open(identity, logSettings(values, this.#deps.settings))
    if (topic.dead) {
      await store.remove(identity)
      return undefined
    }
    const epoch = leaderEpoch(partition.leaderEpoch)
    const leader = new Leader(
      {
        store,
        log,
        reader: new PartitionReader(log, store.diskReader, store.cursor),
        tools,
        replicaId: nodeId,
      },
      { id: topic.id, name: topic.name, index: partition.index },
      topicRules(values),
      epoch,
    )
    await this.#openTier(leader, epoch)
    topic.leaders[partition.index] = leader
    return leader
  }

  /** Gives a leader its archive, if its topic is tiered or has been. */
  async #openTier(leader: Leader, epoch: LeaderEpoch): Promise<void> {
    const { log } = leader
    const wanted = log.settings.archive !== null || log.logStart < log.localStart
    if (this.#deps.tier === null || !wanted || leader.tier !== null) return
    const owner = {
      topicId: leader.topicId,
      topicName: leader.topic,
      partition: leader.index,
      epoch,
    }
    leader.tier = await this.#deps.tier.open(owner, log)
  }

  #values(topicId: string): TopicSettings | null {
    const topic = this.#deps.image().topicById(topicId)
    return topic === undefined ? null : this.#deps.settings.topic(topic.configs)
  }

  /** Settings of a partition's log, for recovery; null when the metadata does not know it. */
  static logSettingsOf(
    image: ClusterImage,
    settings: Settings,
    topicId: string,
    index: number,
  ): LogSettings | null {
    const topic = image.topicById(topicId)
    if (topic === undefined || topic.partitions.get(index) === undefined) return null
    return logSettings(settings.topic(topic.configs), settings)
  }

  get store(): LogStore {
    return this.#deps.store
  }

  /** Removes the files of topics that the metadata no longer knows: a removal was cut short. */
  async removeStrangers(): Promise<void> {
    const { store } = this.#deps
    for (const name of await store.disk.list('topics')) {
      const id = name.replace(/\/$/, '')
      if (this.#deps.image().topicById(id) === undefined) await store.disk.remove(`topics/${id}`)
    }
  }

  /** Whether the bucket may have something of a topic, as it stood in `image`. */
  wasTiered(image: ClusterImage, topicId: string): boolean {
    const topic = image.topicById(topicId)
    if (topic === undefined) return false
    const isOpen = this.#topics
      .get(topicId)
      ?.leaders.some((leader) => (leader?.tier ?? null) !== null)
    return isOpen === true || this.#deps.settings.topic(topic.configs).isArchiving
  }

  /** A topic was removed: its leaders resign and its files go. */
  async topicRemoved(topicId: string): Promise<void> {
    const topic = this.#topics.get(topicId)
    this.#topics.delete(topicId)
    if (topic !== undefined) topic.dead = true
    const { store } = this.#deps
    for (const leader of topic?.leaders ?? []) {
      if (leader === undefined) continue
      leader.resign(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
      await store.remove({ topicId, index: leader.index })
    }
    await store.disk.remove(`topics/${topicId}`)
  }

  /** A topic's settings changed. */
  configChanged(topicId: string): void {
    const topic = this.#topics.get(topicId)
    const values = this.#values(topicId)
    if (topic === undefined || values === null) return
    for (const leader of topic.leaders) {
      if (leader === undefined) continue
      leader.configure(topicRules(values))
      leader.log.configure(logSettings(values, this.#deps.settings))
      this.#deps.store.background('open archive', this.#openTier(leader, leader.leaderEpoch))
    }
  }

  /** The broker's own settings changed, which topics may inherit. */
  defaultsChanged(): void {
    for (const id of this.#topics.keys()) this.configChanged(id)
  }
}

function logSettings(values: TopicSettings, settings: Settings): LogSettings {
  const { isCompacting, maxCompactionLagMs } = values
  return {
    ackAfter: values.ackAfter,
    segmentBytes: values.segmentBytes,
    // The active segment is never compacted, so it may not grow older than what must be.
    segmentMs: isCompacting ? Math.min(values.segmentMs, maxCompactionLagMs) : values.segmentMs,
    retentionBytes: values.retentionBytes,
    retentionMs: values.retentionMs,
    deletes: values.isDeleting,
    compaction: isCompacting
      ? {
          deleteRetentionMs: values.deleteRetentionMs,
          lagMinMs: values.minCompactionLagMs,
          lagMaxMs: maxCompactionLagMs,
          dirtyRatioMin: values.minCleanableDirtyRatio,
        }
      : null,
    archive: values.isArchiving
      ? {
          localRetentionMs: values.localRetentionMs,
          localRetentionBytes: values.localRetentionBytes,
          lagMaxMs: values.uploadLagMaxMs,
        }
      : null,
    stores: values.stores,
    ackStores: values.ackStores,
    flushMs: values.flushMs,
    flushBytes: values.flushBytes,
    producerExpirationMs: settings.broker.producerIdExpirationMs,
  }
}

function topicRules(values: TopicSettings): TopicRules {
  const { compressionType } = values
  return {
    maxBytes: values.messageBytesMax,
    decompressedMax: Math.max(DECOMPRESSED_MIN, values.messageBytesMax * 4),
    compacted: values.isCompacting,
    timestampType: values.timestampType === 'LogAppendTime' ? 'append' : 'create',
    beforeMaxMs: values.timestampBeforeMaxMs,
    afterMaxMs: values.timestampAfterMaxMs,
    nowMs: 0,
    produceVersion: 0,
    compression: compressionType === 'uncompressed' ? 'none' : compressionType,
  }
}
