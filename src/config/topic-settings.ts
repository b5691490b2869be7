// Every setting a topic has: all of Kafka 4.3's by their names, and ours. This table and that of
// the brokers are the only defaults in the program. A setting that Kafka has and that changes
// nothing here says why; one that would promise what is not there is refused when it is set.
import type { Setting } from './setting.ts'
import { INT_MAX, LONG_MAX, rowsOf } from './setting.ts'

const boolean = rowsOf('boolean')
const string = rowsOf('string')
const int = rowsOf('int')
const long = rowsOf('long')
const double = rowsOf('double')
const list = rowsOf('list')

const HOUR_MS = 3_600_000

/** When a replica that has a batch may count towards the write quorum. */
export const ACK_AFTER = ['fsync', 'write', 'memory'] as const
/** How write and seal quorums follow from the number of replicas. */
export const REPLICATION_MODES = ['majority', 'strong', 'available'] as const
/** Compression of stored batches; `producer` keeps what the producer chose. */
export const COMPRESSION_TYPES = [
  'uncompressed',
  'zstd',
  'lz4',
  'snappy',
  'gzip',
  'producer',
] as const
/** Who says when a record was made. */
export const TIMESTAMP_TYPES = ['CreateTime', 'LogAppendTime'] as const

const onlyFalse =
  (reason: string) =>
  (value: string): string | null =>
    value.trim().toLowerCase() === 'true' ? reason : null

const noRemoval = onlyFalse(
  'what is archived stays readable when tiering is switched off, so it can only be false',
)

const throttle = (value: string): string | null => {
  const items = value.trim()
  if (items === '' || items === '*') return null
  return /^\d+:\d+(,\s*\d+:\d+)*$/.test(items)
    ? null
    : 'it must be "*" or partition:broker pairs with commas between'
}

const retention: readonly Setting[] = [
  list(
    'cleanup.policy',
    'delete',
    'Old records: delete drops them by age and size, compact keeps the last of each key.',
    {
      oneOf: ['delete', 'compact'],
      synonyms: [{ name: 'log.cleanup.policy' }],
    },
  ),
  long(
    'retention.ms',
    604_800_000,
    'Age in milliseconds at which records may be deleted; -1 keeps them for ever.',
    {
      min: -1,
      synonyms: [
        { name: 'log.retention.ms' },
        { name: 'log.retention.minutes', scale: 60_000 },
        { name: 'log.retention.hours', scale: HOUR_MS },
      ],
    },
  ),
  long(
    'retention.bytes',
    -1,
    'Size in bytes beyond which the oldest segments of a partition are deleted; -1 is no limit.',
    {
      min: -1,
      synonyms: [{ name: 'log.retention.bytes' }],
    },
  ),
  long(
    'local.retention.ms',
    -2,
    'Age at which local bytes of tiered records may be deleted; -2 follows retention.ms.',
    {
      min: -2,
      synonyms: [{ name: 'log.local.retention.ms' }],
    },
  ),
  long(
    'local.retention.bytes',
    -2,
    'Local bytes of a tiered partition to keep; -2 follows retention.bytes.',
    {
      min: -2,
      synonyms: [{ name: 'log.local.retention.bytes' }],
    },
  ),
  long(
    'delete.retention.ms',
    86_400_000,
    'How long in milliseconds a tombstone stays in a compacted topic.',
    {
      min: 0,
      synonyms: [{ name: 'log.cleaner.delete.retention.ms' }],
    },
  ),
  long('min.compaction.lag.ms', 0, 'How long in milliseconds a record is safe from compaction.', {
    min: 0,
    synonyms: [{ name: 'log.cleaner.min.compaction.lag.ms' }],
  }),
  long(
    'max.compaction.lag.ms',
    LONG_MAX,
    'After how long in milliseconds a record must have been compacted.',
    {
      min: 1,
      synonyms: [{ name: 'log.cleaner.max.compaction.lag.ms' }],
    },
  ),
  double(
    'min.cleanable.dirty.ratio',
    0.5,
    'Share of a log that must be uncompacted before it is compacted.',
    {
      min: 0,
      max: 1,
      synonyms: [{ name: 'log.cleaner.min.cleanable.ratio' }],
    },
  ),
  long('file.delete.delay.ms', 60_000, 'Delay in milliseconds before a file is deleted.', {
    min: 0,
    synonyms: [{ name: 'log.segment.delete.delay.ms' }],
    noEffect: 'A segment file is deleted as soon as the last reader has let go of it.',
  }),
]

const segments: readonly Setting[] = [
  int(
    'segment.bytes',
    1_073_741_824,
    'Size in bytes at which a segment is sealed and a new one begun.',
    {
      min: 1_048_576,
      synonyms: [{ name: 'log.segment.bytes' }],
    },
  ),
  long(
    'segment.ms',
    604_800_000,
    'Age in milliseconds at which a segment is sealed even if it is not full.',
    {
      min: 1,
      synonyms: [{ name: 'log.roll.ms' }, { name: 'log.roll.hours', scale: HOUR_MS }],
    },
  ),
  long(
    'segment.jitter.ms',
    0,
    'Random part of segment.ms, so that segments are not all sealed at once.',
    {
      min: 0,
      synonyms: [{ name: 'log.roll.jitter.ms' }, { name: 'log.roll.jitter.hours', scale: HOUR_MS }],
      noEffect: 'Sealing writes only a trailer, so there is no burst to spread.',
    },
  ),
  int('segment.index.bytes', 10_485_760, 'Size in bytes of the index of a segment.', {
    min: 4,
    synonyms: [{ name: 'log.index.size.max.bytes' }],
    noEffect:
      'The index is part of the segment and takes what it needs, at most 0.2 % of the data.',
  }),
  int('index.interval.bytes', 4096, 'Bytes of records between two entries of the index.', {
    min: 0,
    synonyms: [{ name: 'log.index.interval.bytes' }],
    noEffect: 'The index has an entry for every 64 KiB of batches.',
  }),
  boolean('preallocate', 'false', 'Whether a segment file gets its full size at once.', {
    synonyms: [{ name: 'log.preallocate' }],
    noEffect: 'The broker chooses how files grow by what the file system can do.',
  }),
]

const records: readonly Setting[] = [
  int('max.message.bytes', 1_048_588, 'The largest record batch in bytes, as compressed.', {
    min: 0,
    synonyms: [{ name: 'message.max.bytes' }],
  }),
  string(
    'message.timestamp.type',
    'CreateTime',
    'Whether a record keeps the time of its producer or gets that of its arrival.',
    {
      oneOf: TIMESTAMP_TYPES,
      synonyms: [{ name: 'log.message.timestamp.type' }],
    },
  ),
  long(
    'message.timestamp.before.max.ms',
    LONG_MAX,
    'How far in milliseconds a record time may lie behind that of the broker.',
    {
      min: 0,
      synonyms: [{ name: 'log.message.timestamp.before.max.ms' }],
    },
  ),
  long(
    'message.timestamp.after.max.ms',
    3_600_000,
    'How far in milliseconds a record time may lie ahead of that of the broker.',
    {
      min: 0,
      synonyms: [{ name: 'log.message.timestamp.after.max.ms' }],
    },
  ),
  string(
    'compression.type',
    'producer',
    'Compression of stored batches; producer keeps what the producer chose.',
    {
      oneOf: COMPRESSION_TYPES,
      synonyms: [{ name: 'compression.type' }],
    },
  ),
  int('compression.gzip.level', -1, 'Level of gzip, 1 to 9, or -1 for its default.', {
    check: (value) =>
      Number(value) === -1 || (Number(value) >= 1 && Number(value) <= 9)
        ? null
        : 'it must be -1 or 1 to 9',
    synonyms: [{ name: 'compression.gzip.level' }],
  }),
  int('compression.lz4.level', 9, 'Level of lz4, 1 to 17.', {
    min: 1,
    max: 17,
    synonyms: [{ name: 'compression.lz4.level' }],
  }),
  int('compression.zstd.level', 3, 'Level of zstd, -131072 to 22.', {
    min: -131_072,
    max: 22,
    synonyms: [{ name: 'compression.zstd.level' }],
  }),
]

const durability: readonly Setting[] = [
  string(
    'ack.after',
    'fsync',
    'A replica counts once a batch is synced to disk, written to the OS, or in memory.',
    {
      oneOf: ACK_AFTER,
      synonyms: [{ name: 'default.ack.after' }],
    },
  ),
  boolean('write.caching', 'false', 'Another way to say ack.after: true is memory.'),
  long(
    'flush.ms',
    100,
    'With ack.after=memory: after how many milliseconds records are written to disk at the latest.',
    {
      min: 1,
      synonyms: [{ name: 'log.flush.interval.ms' }],
    },
  ),
  long(
    'flush.bytes',
    262_144,
    'With ack.after=memory: after how many bytes of a partition they are written to disk.',
    {
      min: 1,
    },
  ),
  long('flush.messages', LONG_MAX, 'Records between two forced flushes.', {
    min: 1,
    synonyms: [{ name: 'log.flush.interval.messages' }],
    noEffect:
      'ack.after decides when records are on disk; by default before they are acknowledged.',
  }),
  int(
    'min.insync.replicas',
    1,
    'Replicas that must hold a record before acks=all; raises the write quorum only.',
    {
      min: 1,
      max: INT_MAX,
      synonyms: [{ name: 'min.insync.replicas' }],
    },
  ),
  string(
    'replication.mode',
    'majority',
    'Replicas that acknowledge a write: most, all, or one, which can lose records.',
    {
      oneOf: REPLICATION_MODES,
      synonyms: [{ name: 'default.replication.mode' }],
    },
  ),
  boolean(
    'unclean.leader.election.enable',
    'false',
    'Whether a replica that may lack acknowledged records may lead.',
    {
      synonyms: [{ name: 'unclean.leader.election.enable' }],
      check: onlyFalse(
        'a replica that lacks acknowledged records never leads; see replication.mode=available',
      ),
    },
  ),
  list(
    'leader.replication.throttled.replicas',
    '',
    'Partitions whose leaders send to replicas at a throttled rate.',
    {
      check: throttle,
      noEffect: 'Copies to heal replicas run in a throttled lane of their own.',
    },
  ),
  list(
    'follower.replication.throttled.replicas',
    '',
    'Partitions whose replicas fetch at a throttled rate.',
    {
      check: throttle,
      noEffect: 'Copies to heal replicas run in a throttled lane of their own.',
    },
  ),
]

const tier: readonly Setting[] = [
  boolean('remote.storage.enable', 'false', 'Whether sealed segments go to the object store.', {
    synonyms: [{ name: 'remote.storage.enable' }],
  }),
  boolean('remote.log.copy.disable', 'false', 'Whether a tiered topic stops to copy new segments.'),
  boolean(
    'remote.log.delete.on.disable',
    'false',
    'Whether remote data goes when tiering is switched off.',
    { check: noRemoval },
  ),
  long(
    'tier.upload.max.lag.ms',
    600_000,
    'How long a record of a tiered topic may wait before its segment is sealed and archived.',
    { min: 1_000, synonyms: [{ name: 'tier.upload.max.lag.ms' }] },
  ),
  list(
    'tier.stores',
    '',
    'Stores that have the archive, by name, the original first; where it is now if empty.',
    { synonyms: [{ name: 'tier.stores' }] },
  ),
  int(
    'tier.ack.stores',
    1,
    'How many of its stores have a segment before it may go from local disk.',
    { min: 1, max: 16, synonyms: [{ name: 'tier.ack.stores' }] },
  ),
]

/** All topic settings, sorted by name. */
export const TOPIC_SETTINGS: readonly Setting[] = [
  ...retention,
  ...segments,
  ...records,
  ...durability,
  ...tier,
].sort((a, b) => (a.name < b.name ? -1 : 1))

const byName = new Map(TOPIC_SETTINGS.map((setting) => [setting.name, setting]))

/** The topic setting of that name. */
export const topicSetting = (name: string): Setting | undefined => byName.get(name)
