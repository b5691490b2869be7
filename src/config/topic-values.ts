// The settings of one topic as values that code can use: numbers, booleans and words, each checked
// before it got here. No names, no defaults, no text: those are the tables'.
import { booleanOf, listItems, numberOf } from './setting.ts'
import type {
  ACK_AFTER,
  COMPRESSION_TYPES,
  REPLICATION_MODES,
  TIMESTAMP_TYPES,
} from './topic-settings.ts'

/** The settings of a topic. Milliseconds and bytes; -1 and 2^53 − 1 both mean no limit. */
export interface TopicSettings {
  readonly isDeleting: boolean
  readonly isCompacting: boolean
  readonly retentionMs: number
  readonly retentionBytes: number
  /** Local retention in effect: where it follows the other, the other's value. */
  readonly localRetentionMs: number
  readonly localRetentionBytes: number
  /** Whether sealed segments go to the object store. Never of a compacted topic. */
  readonly isArchiving: boolean
  readonly uploadLagMaxMs: number
  /** Names of the stores that are to have the archive; empty where it stays where it is. */
  readonly stores: readonly string[]
  readonly ackStores: number
  readonly deleteRetentionMs: number
  readonly minCompactionLagMs: number
  readonly maxCompactionLagMs: number
  readonly minCleanableDirtyRatio: number
  readonly segmentBytes: number
  readonly segmentMs: number
  readonly messageBytesMax: number
  readonly timestampType: (typeof TIMESTAMP_TYPES)[number]
  readonly timestampBeforeMaxMs: number
  readonly timestampAfterMaxMs: number
  readonly compressionType: (typeof COMPRESSION_TYPES)[number]
  readonly gzipLevel: number
  readonly lz4Level: number
  readonly zstdLevel: number
  readonly ackAfter: (typeof ACK_AFTER)[number]
  readonly flushMs: number
  readonly flushBytes: number
  readonly minInsyncReplicas: number
  readonly replicationMode: (typeof REPLICATION_MODES)[number]
}

/**
 * The values of a topic whose settings `text` tells by name. `isSet` tells whether the topic has a
 * setting of its own: write.caching decides only where ack.after was not set.
 */
export const topicValues = (
  text: (name: string) => string,
  isSet: (name: string) => boolean,
): TopicSettings => {
  const number = (name: string): number => numberOf(text(name))
  const policies = listItems(text('cleanup.policy'))
  const isCached = isSet('write.caching') && booleanOf(text('write.caching'))
  const isArchiving =
    booleanOf(text('remote.storage.enable')) &&
    !booleanOf(text('remote.log.copy.disable')) &&
    !policies.includes('compact')
  const follow = (name: string, total: string): number =>
    number(name) === -2 ? number(total) : number(name)
  const ackAfter = isCached && !isSet('ack.after') ? 'memory' : text('ack.after')
  return {
    isDeleting: policies.includes('delete'),
    isCompacting: policies.includes('compact'),
    retentionMs: number('retention.ms'),
    retentionBytes: number('retention.bytes'),
    localRetentionMs: follow('local.retention.ms', 'retention.ms'),
    localRetentionBytes: follow('local.retention.bytes', 'retention.bytes'),
    isArchiving,
    uploadLagMaxMs: number('tier.upload.max.lag.ms'),
    stores: listItems(text('tier.stores')),
    ackStores: number('tier.ack.stores'),
    deleteRetentionMs: number('delete.retention.ms'),
    minCompactionLagMs: number('min.compaction.lag.ms'),
    maxCompactionLagMs: number('max.compaction.lag.ms'),
    minCleanableDirtyRatio: number('min.cleanable.dirty.ratio'),
    segmentBytes: number('segment.bytes'),
    segmentMs: number('segment.ms'),
    messageBytesMax: number('max.message.bytes'),
    timestampType: text('message.timestamp.type') as TopicSettings['timestampType'],
    timestampBeforeMaxMs: number('message.timestamp.before.max.ms'),
    timestampAfterMaxMs: number('message.timestamp.after.max.ms'),
    compressionType: text('compression.type') as TopicSettings['compressionType'],
    gzipLevel: number('compression.gzip.level'),
    lz4Level: number('compression.lz4.level'),
    zstdLevel: number('compression.zstd.level'),
    ackAfter: ackAfter as TopicSettings['ackAfter'],
    flushMs: number('flush.ms'),
    flushBytes: number('flush.bytes'),
    minInsyncReplicas: number('min.insync.replicas'),
    replicationMode: text('replication.mode') as TopicSettings['replicationMode'],
  }
}

/**
 * Write and seal quorum of `replicas` copies. Invariant: W + R > N except for `available`, whose
 * users chose to be able to lose acknowledged records. min.insync.replicas raises W, up to N.
 */
export const quorumOf = (
  settings: Pick<TopicSettings, 'replicationMode' | 'minInsyncReplicas'>,
  replicas: number,
): { readonly write: number; readonly seal: number } => {
  const { replicationMode, minInsyncReplicas } = settings
  const base = { majority: Math.floor(replicas / 2) + 1, strong: replicas, available: 1 }
  const write = Math.min(replicas, Math.max(base[replicationMode], minInsyncReplicas))
  return { write, seal: replicationMode === 'available' ? 1 : replicas - write + 1 }
}
