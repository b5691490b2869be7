// Every setting of a broker, Kafka's by Kafka's names where Kafka has them. What topics inherit is
// in log-settings.ts; here are the process, its network, its limits and its coordinators.
// A setting that may be altered while the broker runs is `dynamic`; the others need a restart.
import { LOG_SETTINGS } from './log-settings.ts'
import type { Setting } from './setting.ts'
import { INT_MAX, listItems, rowsOf } from './setting.ts'

const boolean = rowsOf('boolean')
const string = rowsOf('string')
const int = rowsOf('int')
const short = rowsOf('short')
const long = rowsOf('long')
const list = rowsOf('list')

const MiB = 1_048_576

const LISTENER = /^[A-Z][A-Z0-9_]*:\/\/(\[[0-9A-Fa-f:.]+\]|[^\s:/,\[\]]*):\d{1,5}$/

const listeners = (value: string): string | null => {
  const items = value.split(',').map((item) => item.trim())
  if (!items.every((item) => LISTENER.test(item))) {
    return 'it must be NAME://HOST:PORT, several of them with commas between'
  }
  const names = items.map((item) => item.slice(0, item.indexOf(':')))
  return new Set(names).size === names.length ? null : 'it names a listener twice'
}

const address = (value: string): string | null =>
  /^(\[[0-9A-Fa-f:.]+\]|[^\s:/]+):\d{1,5}$/.test(value) ? null : 'it must be HOST:PORT'

const peers = (value: string): string | null =>
  value === '' || value.split(',').every((item) => /^\s*\d+@[^\s@]+:\d{1,5}\s*$/.test(item))
    ? null
    : 'it must be ID@HOST:PORT, several of them with commas between'

const STORES = ['file', 'memory', 's3', 'gs', 'az']

const storeUrl = (value: string): string | null =>
  STORES.includes(value.slice(0, value.indexOf(':')))
    ? null
    : 'it must begin with file://, memory:, s3://, gs:// or az://'

const mirrors = (value: string): string | null => {
  const names = new Set(['main'])
  for (const item of listItems(value)) {
    const [, name = '', url = ''] = /^([a-z0-9][a-z0-9_-]{0,31})=(.+)$/.exec(item) ?? []
    if (name === '') return `'${item}' is not NAME=URL, such as cold=s3://bucket/prefix`
    if (names.has(name)) return `there are two stores ${name}${name === 'main' ? '' : ' in it'}`
    names.add(name)
    const fault = storeUrl(url)
    if (fault !== null) return `the URL of ${name}: ${fault}`
  }
  return null
}

const processSettings: readonly Setting[] = [
  int('node.id', 1, 'Number of this broker, unique in the cluster.', { min: 0 }),
  string('cluster.id', null, 'Id of the cluster; chosen at random when a new one is begun.'),
  string('broker.rack', null, 'Rack or zone of this broker; replicas spread over racks.'),
  string('host.label', null, 'Brokers with the same label fail together; the host name if unset.'),
  string('data.dir', './data', 'Directory that holds all the bytes of this broker.'),
  string('store.url', null, 'Object store for sealed segments; inside data.dir if unset.', {
    check: storeUrl,
  }),
  list('store.mirrors', '', 'Further stores that topics may name in tier.stores, as NAME=URL.', {
    check: mirrors,
  }),
  list('cluster.peers', '', 'Other voters of the metadata quorum as ID@HOST:PORT.', {
    check: peers,
  }),
  long('cache.bytes', 128 * MiB, 'Memory for record batches: the write cache and the hot tail.', {
    min: 16 * MiB,
    max: 4095 * MiB,
  }),
  long('journal.file.bytes', 64 * MiB, 'Size of one journal file.', {
    min: MiB,
    max: 1024 * MiB,
  }),
  int('journal.files.max', 16, 'Journal files kept before produce waits for segments.', {
    min: 3,
    max: 1024,
  }),
  long('disk.reserve.bytes', 256 * MiB, 'Free disk space below which produce is refused.', {
    min: 0,
  }),
]

const network: readonly Setting[] = [
  list('listeners', 'PLAINTEXT://127.0.0.1:9092', 'Where clients connect, NAME://HOST:PORT.', {
    check: listeners,
  }),
  list('advertised.listeners', null, 'Addresses told to clients; those of listeners if unset.', {
    check: listeners,
  }),
  string('http.listen', '127.0.0.1:8080', 'Where HTTP clients connect.', { check: address }),
  string('internal.listen', '127.0.0.1:9093', 'Where the other brokers connect.', {
    check: address,
  }),
  boolean('network.unauthenticated.allow', 'false', 'Serve without login beyond this machine.'),
  int(
    'socket.request.max.bytes',
    104_857_600,
    'Largest request; a larger one ends the connection.',
    {
      min: 1,
    },
  ),
  int(
    'socket.request.preauth.max.bytes',
    65_536,
    'Largest request before a client has logged in.',
    {
      min: 1024,
      noEffect: 'No listener asks for a login.',
    },
  ),
  int('max.connections', 10_000, 'Connections the broker holds at most.', { min: 1 }),
  int('max.connections.per.ip', INT_MAX, 'Connections from one address at most.', { min: 0 }),
  long('connections.max.idle.ms', 600_000, 'A connection idle for longer is closed; -1 is never.', {
    min: -1,
  }),
  int('queued.max.requests', 500, 'Requests in work for all connections.', {
    min: 1,
    noEffect: 'Bytes bound the work of all connections, connection.requests.max that of one.',
  }),
  int('connection.requests.max', 1000, 'Requests in work for one connection.', { min: 1 }),
  long('queued.max.request.bytes', 64 * MiB, 'Bytes of requests in work for all connections.', {
    min: MiB,
  }),
  long('queued.max.response.bytes', 64 * MiB, 'Bytes of records on their way to all clients.', {
    min: 4 * MiB,
  }),
  int('connection.response.max.bytes', 64 * MiB, 'Bytes one slow reader may leave unread.', {
    min: MiB,
  }),
  int('fetch.max.bytes', 57_671_680, 'Bytes one fetch returns at most.', { min: 1024 }),
  int('max.incremental.fetch.session.cache.slots', 1000, 'Fetch sessions kept at most.', {
    min: 0,
  }),
  int('max.request.partition.size.limit', 2000, 'Partitions in one page of topic descriptions.', {
    min: 1,
  }),
  int('request.timeout.ms', 30_000, 'How long requests between brokers may take.', {
    min: 1,
    noEffect: 'There is no other broker to ask.',
  }),
]

const tier: readonly Setting[] = [
  boolean('remote.log.storage.system.enable', 'true', 'Whether the object store is used at all.'),
  int('remote.fetch.max.wait.ms', 500, 'How long a fetch waits for archived records.', {
    min: 1,
    dynamic: true,
  }),
  long('tier.check.interval.ms', 1_000, 'How often sealed segments to archive are sought.', {
    min: 10,
  }),
  long('tier.delete.grace.ms', 300_000, 'How long an object stays that is named no more.', {
    min: 0,
  }),
  long('tier.scrub.interval.ms', 86_400_000, 'How often all archived objects are looked at.', {
    min: 10,
  }),
  long('tier.scrub.bytes.per.second', MiB, 'Archived bytes verified in a second; 0 for none.', {
    min: 0,
  }),
  long('tier.snapshot.interval.ms', 60_000, 'How often changed topics and offsets are archived.', {
    min: 10,
  }),
  int('tier.uploads.max', 4, 'Segments that are uploaded at the same time.', { min: 1, max: 64 }),
  long('tier.cache.bytes', 1024 * MiB, 'Disk for archived blocks that were read; 0 for none.', {
    min: 0,
  }),
  long('tier.cache.memory.bytes', 16 * MiB, 'Memory for archived blocks that were read.', {
    min: MiB,
  }),
  long('tier.read.bytes', 32 * MiB, 'Memory for archived bytes on their way, and read ahead.', {
    min: 4 * MiB,
    max: 4096 * MiB,
  }),
]

const topics: readonly Setting[] = [
  boolean('auto.create.topics.enable', 'true', 'Whether asking for an unknown topic creates it.'),
  boolean('delete.topic.enable', 'true', 'Whether topics can be deleted.'),
  int('num.partitions', 1, 'Partitions of a topic that does not say.', { min: 1, dynamic: true }),
  int('default.replication.factor', 1, 'Replicas of a topic that does not say.', {
    min: 1,
    max: 32_767,
  }),
  int('producer.id.expiration.ms', 86_400_000, 'An idle producer is forgotten after this time.', {
    min: 1,
  }),
  int('producer.id.expiration.check.interval.ms', 600_000, 'How often idle producers are sought.', {
    min: 1,
    noEffect: 'Idle producers are sought in every round of retention.',
  }),
]

const groups: readonly Setting[] = [
  int('group.initial.rebalance.delay.ms', 3000, 'How long a new group waits for more members.', {
    min: 0,
  }),
  int('group.min.session.timeout.ms', 6000, 'Shortest session a group member may ask for.', {
    min: 1,
  }),
  int('group.max.session.timeout.ms', 1_800_000, 'Longest session a group member may ask for.', {
    min: 1,
  }),
  int('group.max.size', INT_MAX, 'Members one group has at most.', { min: 1 }),
  int('offset.metadata.max.bytes', 4096, 'Text a member may store with an offset.', { min: 0 }),
  int('offsets.topic.num.partitions', 50, 'Partitions of the topic that holds offsets.', {
    min: 1,
  }),
  short('offsets.topic.replication.factor', 3, 'Its replicas; fewer while fewer brokers live.', {
    min: 1,
  }),
  int('offsets.topic.segment.bytes', 104_857_600, 'Size of its segments.', { min: MiB }),
  int('offsets.retention.minutes', 10_080, 'Offsets of an empty group are kept this long.', {
    min: 1,
  }),
  long('offsets.retention.check.interval.ms', 600_000, 'How often old offsets are sought.', {
    min: 1,
  }),
  int('offsets.commit.timeout.ms', 5000, 'How long a commit waits for replicas.', { min: 1 }),
]

/** All broker settings, sorted by name. */
export const BROKER_SETTINGS: readonly Setting[] = [
  ...processSettings,
  ...network,
  ...tier,
  ...topics,
  ...groups,
  ...LOG_SETTINGS,
].sort((a, b) => (a.name < b.name ? -1 : 1))

const byName = new Map(BROKER_SETTINGS.map((setting) => [setting.name, setting]))

/** The broker setting of that name. */
export const brokerSetting = (name: string): Setting | undefined => byName.get(name)
