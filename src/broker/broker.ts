// One broker, put together over ports: data directory, metadata, log, groups, listener. It knows
// the order in which they come up and go down, and what each must hear from the others; every part
// knows only itself. Which platform is underneath is decided in main.ts.
//
//   open: lock ▶ metadata ▶ recovery ▶ epochs ▶ listener      close: listener ▶ groups ▶ log ▶
// metadata
import { KafkaError, OperatingError, asError } from '../base/errors.ts'
import { MiB } from '../base/units.ts'
import { Controller } from '../cluster/controller.ts'
import type { ClusterImage } from '../cluster/image.ts'
import { MetadataNode } from '../cluster/metadata-node.ts'
import type { MetadataRecord } from '../cluster/records.ts'
import type { Settings } from '../config/settings.ts'
import { GroupCoordinator } from '../group/coordinator.ts'
import { LogStore } from '../log/log-store.ts'
import type { Cancel, Clock } from '../ports/clock.ts'
import type { Compression } from '../ports/compression.ts'
import type { Crypto } from '../ports/crypto.ts'
import type { Disk } from '../ports/disk.ts'
import type { Network } from '../ports/network.ts'
import type { ObjectStore } from '../ports/object-store.ts'
import type { Telemetry } from '../ports/telemetry.ts'
import { servedApis } from './apis.ts'
import { controllerPolicy } from './config-view.ts'
import { DataDirectory } from './data-directory.ts'
import { Dispatch } from './kafka/dispatch.ts'
import { FetchPath } from './kafka/fetch-path.ts'
import { FetchSessions } from './kafka/fetch-session.ts'
import { FrameMemory } from './kafka/frame-memory.ts'
import { groupLimits } from './group-limits.ts'
import { KafkaListener } from './kafka/listener.ts'
import { offsetsLog } from './offsets-log.ts'
import { Partitions } from './partitions.ts'
import { ProducePath } from './kafka/produce-path.ts'
import { ProducerIds } from './producer-ids.ts'
import { ResponseMemory } from './kafka/response-memory.ts'
import { Tiering } from './tier/tiering.ts'
import { OFFSETS_TOPIC, TopicCreator } from './topic-creator.ts'
import { Upkeep } from './upkeep.ts'
import { ListenerView } from './topic-view.ts'

/** Waiting produce requests are looked at this often for their deadline. */
const EXPIRE_EVERY_MS = 100
const READ_CACHE_BYTES = 32 * MiB
const INDEX_CACHE_BYTES = 16 * MiB
const JOURNAL_FILES_TARGET = 4

/** The ports a broker acts through. */
export interface BrokerPorts {
  readonly disk: Disk
  readonly network: Network
  readonly clock: Clock
  readonly crypto: Crypto
  readonly compression: Compression
  readonly telemetry: Telemetry
  /**
   * Opens the store where tiered topics are archived, once the data directory is known to be ours:
   * it may lie inside. Null when no object store is used.
   */
  readonly openStore: (() => Promise<ObjectStore>) | null
}

/** How a broker is asked to run. */
export interface BrokerOptions {
  readonly settings: Settings
  /** Absolute path of the data directory, for those who ask where data lies. */
  readonly dataDirectory: string
  readonly hostName: string
  /** The broker can go on no more; the process should stop. Called at most once. */
  onFailure(error: Error): void
}

/** A running broker. */
export class Broker {
  readonly #ports: BrokerPorts
  readonly #options: BrokerOptions
  #directory: DataDirectory | null = null
  #metadata: MetadataNode | null = null
  #store: LogStore | null = null
  #groups: GroupCoordinator | null = null
  #listener: KafkaListener | null = null
  #partitions: Partitions | null = null
  #cancelExpiry: Cancel = () => undefined
  #upkeep: Upkeep | null = null
  #tiering: Tiering | null = null
  #address = { host: '', port: 0 }
  #ready = false
  #failure: Error | null = null
  #closing: Promise<void> | null = null

  private constructor(ports: BrokerPorts, options: BrokerOptions) {
    this.#ports = ports
    this.#options = options
  }

  /** Starts a broker; it serves when this resolves. Throws with a sentence when it cannot. */
  static async open(ports: BrokerPorts, options: BrokerOptions): Promise<Broker> {
    const broker = new Broker(ports, options)
    try {
      await broker.#open()
      return broker
    } catch (error) {
      broker.#failure ??= new OperatingError('closed', 'The broker did not start', error)
      await broker.close()
      throw error
    }
  }

  /** Where Kafka clients reach it. */
  get address(): { readonly host: string; readonly port: number } {
    return this.#address
  }

  /** Null until the data directory told. */
  get clusterId(): string | null {
    return this.#directory?.clusterId ?? null
  }

  /** How it is: why it cannot go on, why it does not serve, whether its disk is full. */
  get health(): {
    readonly failure: string | null
    readonly notReady: string | null
    readonly diskFull: boolean
  } {
    const closing = this.#closing === null ? 'starting' : 'stopping'
    return {
      failure: this.#failure?.message ?? null,
      notReady: this.#ready ? null : closing,
      diskFull: this.#store?.full ?? false,
    }
  }

  get partitions(): Partitions | null {
    return this.#partitions
  }

  get store(): LogStore | null {
    return this.#store
  }

  async #open(): Promise<void> {
    const { disk, clock, crypto, compression, telemetry } = this.#ports
    const { settings } = this.#options
    const { nodeId, clusterId } = settings.broker
    const directory = await DataDirectory.open(disk, {
      nodeId,
      clusterId,
      newClusterId: () => newClusterId(crypto),
    })
    this.#directory = directory
    const metadata = await MetadataNode.open({
      disk,
      clock,
      crypto,
      nodeId,
      onApplied: (records, image, before) => this.#applied(records, image, before),
      onFailure: (error) => this.#fail(error),
    })
    this.#metadata = metadata
    const tools = { crypto, compression }
    const values = settings.broker
    const store = await LogStore.open(
      { disk, clock, crypto, telemetry },
      {
        cacheBytes: values.cacheBytes,
        readCacheBytes: READ_CACHE_BYTES,
        indexCacheBytes: INDEX_CACHE_BYTES,
        diskReserveBytes: values.diskReserveBytes,
        journal: {
          fileBytes: values.journalFileBytes,
          filesTarget: Math.min(JOURNAL_FILES_TARGET, values.journalFilesMax),
          filesMax: values.journalFilesMax,
        },
      },
      {
        clean: directory.wasClean,
        settingsOf: ({ topicId, index }) =>
          Partitions.logSettingsOf(metadata.image(), settings, topicId, index),
        topicName: (topicId) => metadata.image().topicById(topicId)?.name ?? topicId,
      },
      (error) => this.#fail(error),
    )
    this.#store = store
    const background = (name: string, work: Promise<void>): void => this.#background(name, work)
    const objects = (await this.#ports.openStore?.()) ?? null
    const ports = { ...this.#ports, store: objects }
    this.#tiering = await Tiering.open(ports, settings, directory.clusterId, background)
    const partitions = new Partitions({
      store,
      tier: this.#tiering?.tier ?? null,
      tools,
      settings,
      nodeId,
      image: () => metadata.image(),
    })
    this.#partitions = partitions
    await partitions.removeStrangers()
    const controller = new Controller(
      metadata,
      controllerPolicy(settings, () => crypto.uuid()),
    )
    this.#followBrokerSettings(metadata.image())
    await this.#serve(directory, metadata, controller, partitions)
  }

  async #serve(
    directory: DataDirectory,
    metadata: MetadataNode,
    controller: Controller,
    partitions: Partitions,
  ): Promise<void> {
    const { clock, crypto, compression, telemetry, network, disk } = this.#ports
    const { settings, hostName, dataDirectory } = this.#options
    const { nodeId } = settings.broker
    const groups = new GroupCoordinator(groupLimits(settings), {
      clock,
      crypto,
      compression,
      telemetry,
      log: offsetsLog(partitions, clock, () => settings.broker.offsetsCommitTimeoutMs),
    })
    this.#groups = groups
    await controller.formatCluster(directory.clusterId)
    const identity = { id: nodeId, epoch: -1 }
    const creator = new TopicCreator({
      controller,
      settings: () => settings.broker,
      liveBrokers: () => metadata.image().liveBrokers().length,
      background: (name, work) => this.#background(name, work),
    })
    const listener = this.#makeListener(partitions, {
      dispatch: new Dispatch(
        servedApis({
          nodeId,
          settings,
          controller,
          partitions,
          groups,
          producerIds: new ProducerIds(() => controller.allocateProducerIds(identity)),
          creator,
          dataDirectory,
          image: () => metadata.image(),
          volume: async () => ({ totalBytes: -1, usableBytes: await disk.freeBytes() }),
        }),
        clock,
        telemetry,
      ),
    })
    this.#listener = listener
    const where = settings.broker.listeners[0] ?? { listener: 'PLAINTEXT', host: '', port: 9092 }
    const told = settings.broker.advertisedListeners[0] ?? where
    this.#address = await listener.open(network, where, {
      host: told.host === '' ? hostName : told.host,
      port: told.port,
    })
    const { host, port } = listener.advertised
    const registration = {
      id: nodeId,
      clusterId: directory.clusterId,
      incarnation: crypto.uuid(),
      endpoints: [{ listener: told.listener, host, port }],
      rack: settings.broker.rack,
      host: settings.broker.hostLabel ?? hostName,
    }
    identity.epoch = (await controller.registerBroker(registration)).epoch
    await controller.openEpochs(identity)
    await controller.setFenced(identity, false)
    groups.start()
    this.#leadGroups(metadata.image())
    this.#expire(partitions)
    const tools = { crypto, compression }
    this.#upkeep = new Upkeep(partitions, { clock, telemetry, tools }, () => metadata.image())
    this.#background('upkeep', this.#upkeep.start(settings))
    this.#tiering?.start(partitions, { image: () => metadata.image(), groups })
    this.#ready = true
  }

  #makeListener(partitions: Partitions, paths: { readonly dispatch: Dispatch }): KafkaListener {
    const { clock, crypto, telemetry } = this.#ports
    const values = this.#options.settings.broker
    const requests = (name: string) => ({
      requests: telemetry.counter('stratalog_requests_total', 'Requests by path.', { path: name }),
      bytes: telemetry.counter('stratalog_bytes_total', 'Bytes by path.', { path: name }),
    })
    const refused = telemetry.counter(
      'stratalog_produce_refused_total',
      'Produce requests with a refused partition.',
    )
    const answers = new ResponseMemory(values.queuedResponseBytesMax)
    return new KafkaListener(
      {
        produce: new ProducePath({
          partitions,
          clock,
          metrics: { ...requests('produce'), refused },
        }),
        fetch: new FetchPath({
          partitions,
          sessions: new FetchSessions(crypto, values.fetchSessionsMax),
          clock,
          memory: answers,
          bytesMax: values.fetchBytesMax,
          archivedWaitMs: () => this.#options.settings.broker.archivedFetchMaxWaitMs,
          metrics: requests('fetch'),
          reach: (id, advertised) => {
            const image = this.#metadata?.image()
            const { nodeId } = values
            return image && new ListenerView(image, nodeId, advertised).reach(id)
          },
        }),
        dispatch: paths.dispatch,
        log: partitions.store,
        frames: new FrameMemory(values.queuedRequestBytesMax),
        answers,
        limits: {
          requestBytesMax: values.requestBytesMax,
          requestsInFlightMax: values.connectionRequestsMax,
          queuedBytesMax: values.connectionResponseBytesMax,
        },
      },
      clock,
      telemetry,
      {
        connectionsMax: values.connectionsMax,
        connectionsPerIpMax: values.connectionsPerIpMax,
        idleMaxMs: values.connectionIdleMaxMs,
      },
    )
  }

  /** What the other parts must hear of a change to the metadata. */
  #applied(records: readonly MetadataRecord[], image: ClusterImage, before: ClusterImage): void {
    const partitions = this.#partitions
    if (partitions === null) return
    for (const record of records) {
      if (record.kind === 'removeTopic') {
        const name = before.topicById(record.topicId)?.name
        if (partitions.wasTiered(before, record.topicId)) {
          this.#tiering?.topicRemoved(record.topicId)
        }
        this.#background('remove topic', partitions.topicRemoved(record.topicId))
        if (name !== undefined) this.#groups?.topicsDeleted(new Set([name]))
      } else if (record.kind === 'config' && record.owner === 'topic') {
        partitions.configChanged(record.ownerId)
      } else if (record.kind === 'config') {
        this.#followBrokerSettings(image)
        partitions.defaultsChanged()
      } else if (record.kind === 'partition') {
        const topic = image.topicById(record.topicId)
        if (topic?.name === OFFSETS_TOPIC) this.#leadGroups(image)
      }
    }
  }

  #followBrokerSettings(image: ClusterImage): void {
    const { settings } = this.#options
    settings.setDynamic({
      own: image.brokerConfigs(String(settings.broker.nodeId)),
      shared: image.brokerConfigs(''),
    })
  }

  /** Takes charge of the groups in the partitions of the offsets topic that are led here. */
  #leadGroups(image: ClusterImage): void {
    const topic = image.topicByName(OFFSETS_TOPIC)
    const groups = this.#groups
    if (topic === undefined || groups === null) return
    for (const partition of topic.partitions.values()) {
      const known = partition.index < groups.limits.offsetsPartitions
      const here = partition.leader === this.#options.settings.broker.nodeId
      if (known && here) groups.lead(partition.index)
    }
  }

  #expire(partitions: Partitions): void {
    const { clock } = this.#ports
    const nowMs = clock.monotonicMs()
    for (const leader of partitions.open()) leader.expire(nowMs)
    this.#cancelExpiry = clock.after(EXPIRE_EVERY_MS, () => this.#expire(partitions))
  }

  #background(name: string, work: Promise<unknown>): void {
    work.catch((error: unknown) => {
      const level = error instanceof KafkaError ? 'warn' : 'error'
      this.#ports.telemetry.log(level, 'background work failed', { name, error: String(error) })
    })
  }

  #fail(error: Error): void {
    if (this.#failure !== null || this.#closing !== null) return
    this.#failure = error
    this.#ready = false
    this.#options.onFailure(error)
  }

  /** Drains, flushes and closes; idempotent. After a failure nothing more is written. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#ready = false
    this.#cancelExpiry()
    let failure = this.#failure
    // A part that cannot close keeps no other from it: the process must be able to end.
    const attempt = async (close: () => Promise<void> | undefined): Promise<void> => {
      try {
        await close()
      } catch (error) {
        failure ??= asError(error)
      }
    }
    await attempt(() => this.#listener?.close())
    this.#groups?.close()
    await attempt(() => this.#upkeep?.close())
    await attempt(() => this.#tiering?.close())
    await attempt(() => this.#store?.close())
    await attempt(() => this.#metadata?.close())
    await attempt(() => this.#directory?.close(failure === null))
    if (failure !== null && failure !== this.#failure) throw failure
  }
}

/** A cluster id as Kafka makes them: 16 random bytes in URL-safe base64, 22 characters. */
function newClusterId(crypto: Crypto): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
  let id = ''
  for (const byte of crypto.randomBytes(22)) id += alphabet.charAt(byte % alphabet.length)
  return id
}
