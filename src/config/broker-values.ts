// The settings of this broker as values that code can use. Text was checked before it got here.
import { booleanOf, listItems, numberOf } from './setting.ts'

/** A named address: of a listener, or of one as clients should reach it. */
export interface NamedAddress {
  readonly listener: string
  /** Empty for all interfaces. */
  readonly host: string
  readonly port: number
}

/** A voter of the metadata quorum. */
export interface Peer {
  readonly id: number
  readonly host: string
  readonly port: number
}

/** The settings of a broker. Milliseconds and bytes. */
export interface BrokerSettings {
  readonly nodeId: number
  readonly clusterId: string | null
  readonly rack: string | null
  readonly hostLabel: string | null
  readonly dataDir: string
  readonly storeUrl: string | null
  /** Further stores that topics may name, by their names. */
  readonly mirrors: readonly StoreAddress[]
  readonly peers: readonly Peer[]
  readonly cacheBytes: number
  readonly journalFileBytes: number
  readonly journalFilesMax: number
  readonly diskReserveBytes: number
  readonly listeners: readonly NamedAddress[]
  /** The same as `listeners` where nothing else is advertised. */
  readonly advertisedListeners: readonly NamedAddress[]
  readonly httpListen: { readonly host: string; readonly port: number }
  readonly internalListen: { readonly host: string; readonly port: number }
  readonly allowsUnauthenticated: boolean
  readonly requestBytesMax: number
  readonly connectionsMax: number
  readonly connectionsPerIpMax: number
  /** -1 for never. */
  readonly connectionIdleMaxMs: number
  readonly queuedRequestBytesMax: number
  readonly queuedResponseBytesMax: number
  readonly connectionRequestsMax: number
  readonly connectionResponseBytesMax: number
  readonly fetchBytesMax: number
  readonly fetchSessionsMax: number
  readonly describedPartitionsMax: number
  readonly autoCreatesTopics: boolean
  readonly allowsTopicDeletion: boolean
  readonly defaultPartitions: number
  readonly defaultReplicas: number
  readonly producerIdExpirationMs: number
  readonly groupInitialRebalanceDelayMs: number
  readonly groupSessionMinMs: number
  readonly groupSessionMaxMs: number
  readonly groupMembersMax: number
  readonly offsetMetadataBytesMax: number
  readonly offsetsPartitions: number
  readonly offsetsReplicas: number
  readonly offsetsSegmentBytes: number
  readonly offsetsRetentionMs: number
  readonly offsetsRetentionCheckMs: number
  readonly offsetsCommitTimeoutMs: number
  readonly usesStore: boolean
  readonly archivedFetchMaxWaitMs: number
  readonly tierCheckMs: number
  readonly tierGraceMs: number
  readonly tierScrubMs: number
  readonly tierScrubBytesPerSecond: number
  readonly tierSnapshotMs: number
  readonly tierUploadsMax: number
  readonly tierCacheBytes: number
  readonly tierCacheMemoryBytes: number
  readonly tierReadBytesMax: number
  readonly retentionCheckMs: number
  readonly isCompactionEnabled: boolean
  readonly compactionBackoffMs: number
  readonly compactionMapBytesMax: number
  readonly compactionMapLoadFactor: number
  readonly compactionBytesPerSecondMax: number
}

/** `HOST:PORT` taken apart; IPv6 hosts lose their brackets. The text was checked. */
export const parseAddress = (text: string): { readonly host: string; readonly port: number } => {
  const colon = text.lastIndexOf(':')
  const host = text.slice(0, colon).replace(/^\[(.*)\]$/, '$1')
  return { host, port: Number(text.slice(colon + 1)) }
}

const parseListeners = (text: string): NamedAddress[] =>
  listItems(text).map((item) => {
    const at = item.indexOf('://')
    return { listener: item.slice(0, at), ...parseAddress(item.slice(at + 3)) }
  })

const parsePeers = (text: string): Peer[] =>
  listItems(text).map((item) => {
    const at = item.indexOf('@')
    return { id: Number(item.slice(0, at)), ...parseAddress(item.slice(at + 1)) }
  })

/** A store and what topics call it. */
export interface StoreAddress {
  readonly name: string
  readonly url: string
}

/** What topics call the store of `store.url`. */
export const MAIN_STORE = 'main'

const parseStores = (text: string): StoreAddress[] =>
  listItems(text).map((item) => {
    const at = item.indexOf('=')
    return { name: item.slice(0, at), url: item.slice(at + 1) }
  })

/** The values of a broker whose settings `optional` tells by name, null where one is not set. */
export const brokerValues = (optional: (name: string) => string | null): BrokerSettings => {
  const text = (name: string): string => optional(name) ?? ''
  const number = (name: string): number => numberOf(text(name))
  const boolean = (name: string): boolean => booleanOf(text(name))
  return {
    nodeId: number('node.id'),
    clusterId: optional('cluster.id'),
    rack: optional('broker.rack'),
    hostLabel: optional('host.label'),
    dataDir: text('data.dir'),
    storeUrl: optional('store.url'),
    mirrors: parseStores(text('store.mirrors')),
    peers: parsePeers(text('cluster.peers')),
    cacheBytes: number('cache.bytes'),
    journalFileBytes: number('journal.file.bytes'),
    journalFilesMax: number('journal.files.max'),
    diskReserveBytes: number('disk.reserve.bytes'),
    listeners: parseListeners(text('listeners')),
    advertisedListeners: parseListeners(optional('advertised.listeners') ?? text('listeners')),
    httpListen: parseAddress(text('http.listen')),
    internalListen: parseAddress(text('internal.listen')),
    allowsUnauthenticated: boolean('network.unauthenticated.allow'),
    requestBytesMax: number('socket.request.max.bytes'),
    connectionsMax: number('max.connections'),
    connectionsPerIpMax: number('max.connections.per.ip'),
    connectionIdleMaxMs: number('connections.max.idle.ms'),
    queuedRequestBytesMax: number('queued.max.request.bytes'),
    queuedResponseBytesMax: number('queued.max.response.bytes'),
    connectionRequestsMax: number('connection.requests.max'),
    connectionResponseBytesMax: number('connection.response.max.bytes'),
    fetchBytesMax: number('fetch.max.bytes'),
    fetchSessionsMax: number('max.incremental.fetch.session.cache.slots'),
    describedPartitionsMax: number('max.request.partition.size.limit'),
    autoCreatesTopics: boolean('auto.create.topics.enable'),
    allowsTopicDeletion: boolean('delete.topic.enable'),
    defaultPartitions: number('num.partitions'),
    defaultReplicas: number('default.replication.factor'),
    producerIdExpirationMs: number('producer.id.expiration.ms'),
    groupInitialRebalanceDelayMs: number('group.initial.rebalance.delay.ms'),
    groupSessionMinMs: number('group.min.session.timeout.ms'),
    groupSessionMaxMs: number('group.max.session.timeout.ms'),
    groupMembersMax: number('group.max.size'),
    offsetMetadataBytesMax: number('offset.metadata.max.bytes'),
    offsetsPartitions: number('offsets.topic.num.partitions'),
    offsetsReplicas: number('offsets.topic.replication.factor'),
    offsetsSegmentBytes: number('offsets.topic.segment.bytes'),
    offsetsRetentionMs: number('offsets.retention.minutes') * 60_000,
    offsetsRetentionCheckMs: number('offsets.retention.check.interval.ms'),
    offsetsCommitTimeoutMs: number('offsets.commit.timeout.ms'),
    usesStore: boolean('remote.log.storage.system.enable'),
    archivedFetchMaxWaitMs: number('remote.fetch.max.wait.ms'),
    tierCheckMs: number('tier.check.interval.ms'),
    tierGraceMs: number('tier.delete.grace.ms'),
    tierScrubMs: number('tier.scrub.interval.ms'),
    tierScrubBytesPerSecond: number('tier.scrub.bytes.per.second'),
    tierSnapshotMs: number('tier.snapshot.interval.ms'),
    tierUploadsMax: number('tier.uploads.max'),
    tierCacheBytes: number('tier.cache.bytes'),
    tierCacheMemoryBytes: number('tier.cache.memory.bytes'),
    tierReadBytesMax: number('tier.read.bytes'),
    retentionCheckMs: number('log.retention.check.interval.ms'),
    isCompactionEnabled: boolean('log.cleaner.enable'),
    compactionBackoffMs: number('log.cleaner.backoff.ms'),
    compactionMapBytesMax: number('log.cleaner.dedupe.buffer.size'),
    compactionMapLoadFactor: number('log.cleaner.io.buffer.load.factor'),
    compactionBytesPerSecondMax: number('log.cleaner.io.max.bytes.per.second'),
  }
}
