// Builds a data directory from a bucket: the cluster that wrote it goes on here, in a new life.
// What comes back is what the bucket has: topics and settings, the offsets of groups, every
// archived record. Of each partition the newest segment is brought home, because its trailer tells
// of epochs and producers; all older ones are read from the bucket as before. Whoever still runs in
// the old life is shut out first, so that no offset is given twice.
//
//   snapshot read ▶ bucket taken over ▶ partitions ▶ metadata ▶ offsets ▶ directory marked clean
import { OperatingError } from '../../base/errors.ts'
import { MiB, leaderEpoch, offset } from '../../base/units.ts'
import type { ClusterImage, PartitionImage, TopicImage } from '../../cluster/image.ts'
import { MetadataNode } from '../../cluster/metadata-node.ts'
import { encodeEntry, type MetadataRecord } from '../../cluster/records.ts'
import { decodeSnapshot, imageRecords } from '../../cluster/snapshot.ts'
import type { Settings } from '../../config/settings.ts'
import { eachAtOnce } from '../../flow/each.ts'
import { packBatch } from '../../group/batches.ts'
import { partitionFor } from '../../group/hash.ts'
import { decodeRecord, type KeyValue } from '../../group/records.ts'
import { LogStore } from '../../log/log-store.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Crypto } from '../../ports/crypto.ts'
import type { Disk } from '../../ports/disk.ts'
import type { ObjectStore } from '../../ports/object-store.ts'
import type { Telemetry } from '../../ports/telemetry.ts'
import type { RecordTools } from '../../record/section.ts'
import { checkOwner, readOwner, takeOver } from '../../tier/bucket/claim.ts'
import {
  beginPartition,
  restorePartition,
  type RestoredPartition,
} from '../../tier/bucket/restore-partition.ts'
import type { ArchiveOwner } from '../../tier/upload/partition-archive.ts'
import { newestSnapshot, type ClusterSnapshot } from '../../tier/bucket/snapshot.ts'
import { DataDirectory } from '../data-directory.ts'
import { Partitions } from '../partitions.ts'
import { saveLife } from './tiering.ts'
import { OFFSETS_TOPIC } from '../topic-creator.ts'

/** What a restore acts through. */
export interface RestorePorts {
  readonly disk: Disk
  readonly clock: Clock
  readonly crypto: Crypto
  readonly compression: RecordTools['compression']
  readonly telemetry: Telemetry
  readonly store: ObjectStore
}

/** What a restore has brought back. */
export interface Restored {
  readonly clusterId: string
  /** When the snapshot was made, in ms since 1970. */
  readonly snapshotMs: number
  readonly topics: number
  readonly partitions: number
  /** Archived records that can be read again. */
  readonly records: number
  /** Records of groups: offsets, and groups themselves. */
  readonly groupRecords: number
  /** Topics that were not archived: they are there, and empty. */
  readonly emptyTopics: readonly string[]
}

const PARTITIONS_AT_ONCE = 8
/** Producer ids that may have been given out behind the snapshot. */
const PRODUCER_IDS_SKIPPED = 1_000_000
const RECORDS_PER_PROPOSAL = 500
const BATCH_BYTES = MiB

/** Restores into `ports.disk`, which must be empty. `told` hears what is damaged and skipped. */
export async function restoreCluster(
  ports: RestorePorts,
  settings: Settings,
  told: (sentence: string) => void,
): Promise<Restored> {
  const { disk, store, crypto } = ports
  if ((await disk.list('')).length > 0) {
    throw new OperatingError('refused', 'Cannot restore: the data directory is not empty')
  }
  const snapshot = await readSnapshot(ports, told)
  const { clusterId } = snapshot
  const image = decodeSnapshot(snapshot.metadata)
  const { life } = await takeOver(store, crypto)
  const { nodeId } = settings.broker
  const directory = await DataDirectory.open(disk, {
    nodeId,
    clusterId,
    newClusterId: () => clusterId,
  })
  let isWhole = false
  try {
    await saveLife(disk, life)
    const found = await restorePartitions(ports, image)
    const node = await MetadataNode.open({
      ...ports,
      nodeId,
      onApplied: () => undefined,
      onFailure: () => undefined,
    })
    try {
      const emptyTopics = await writeMetadata(node, image, found, { nodeId, crypto })
      const groupRecords = await writeGroups(ports, settings, node.image(), snapshot)
      isWhole = true
      return {
        clusterId,
        snapshotMs: snapshot.madeMs,
        topics: image.topicNames().length,
        partitions: found.size,
        records: [...found.values()].reduce((sum, { records }) => sum + records, 0),
        groupRecords,
        emptyTopics,
      }
    } finally {
      await node.close()
    }
  } finally {
    await directory.close(isWhole)
  }
}

async function readSnapshot(
  { store, crypto }: RestorePorts,
  told: (sentence: string) => void,
): Promise<ClusterSnapshot> {
  const { url } = store.traits
  const owner = await readOwner(store)
  if (owner === null) {
    throw new OperatingError(
      'absent',
      `Cannot restore from ${url}: it has no cluster.json, so it is no archive; check bucket and ` +
        'prefix',
    )
  }
  const snapshot = await newestSnapshot(store, crypto, (key, error) => {
    told(`Snapshot ${key} is damaged and skipped: ${error.message}`)
  })
  if (snapshot === null) {
    throw new OperatingError(
      'absent',
      `Cannot restore from ${url}: it has no snapshot of a cluster`,
    )
  }
  checkOwner(url, owner, { clusterId: snapshot.clusterId, life: null })
  return snapshot
}

const keyOf = (topicId: string, index: number): string => `${topicId}/${index}`

/** Brings back every partition that the bucket knows, by topic and index. */
async function restorePartitions(
  ports: RestorePorts,
  image: ClusterImage,
): Promise<Map<string, RestoredPartition>> {
  const wanted: { topic: TopicImage; partition: PartitionImage }[] = []
  for (const topic of image.allTopics()) {
    for (const partition of topic.partitions.values()) wanted.push({ topic, partition })
  }
  const found = new Map<string, RestoredPartition>()
  const ownerOf = ({ topic, partition }: (typeof wanted)[number]): ArchiveOwner => ({
    topicId: topic.id,
    topicName: topic.name,
    partition: partition.index,
    epoch: leaderEpoch(partition.leaderEpoch),
  })
  await eachAtOnce(wanted, PARTITIONS_AT_ONCE, async (one) => {
    const restored = await restorePartition(ports, ownerOf(one))
    if (restored !== null) found.set(keyOf(one.topic.id, one.partition.index), restored)
  })
  // A topic that goes on under its id goes on with all its partitions.
  const kept = new Set(
    wanted
      .filter(({ topic, partition }) => found.has(keyOf(topic.id, partition.index)))
      .map(({ topic }) => topic.id),
  )
  const missing = wanted.filter(
    ({ topic, partition }) => kept.has(topic.id) && !found.has(keyOf(topic.id, partition.index)),
  )
  await eachAtOnce(missing, PARTITIONS_AT_ONCE, async (one) => {
    found.set(keyOf(one.topic.id, one.partition.index), await beginPartition(ports, ownerOf(one)))
  })
  return found
}

/** Writes the image anew, led by this node; returns the topics of which the bucket has nothing. */
async function writeMetadata(
  node: MetadataNode,
  image: ClusterImage,
  found: ReadonlyMap<string, RestoredPartition>,
  { nodeId, crypto }: { readonly nodeId: number; readonly crypto: Crypto },
): Promise<string[]> {
  // The records of a topic that is gone: under its old id the same offsets would name others.
  const ids = new Map<string, string>()
  const empty: string[] = []
  for (const topic of image.allTopics()) {
    const isKept = [...topic.partitions.values()].some(({ index }) =>
      found.has(keyOf(topic.id, index)),
    )
    if (isKept) continue
    ids.set(topic.id, crypto.uuid())
    if (topic.name !== OFFSETS_TOPIC) empty.push(topic.name)
  }
  const records: MetadataRecord[] = []
  for (const record of imageRecords(image)) {
    const next = restoredRecord(record, ids, found, nodeId)
    if (next !== null) records.push(next)
  }
  for (let at = 0; at < records.length; at += RECORDS_PER_PROPOSAL) {
    const some = records.filter((_, i) => i >= at && i < at + RECORDS_PER_PROPOSAL)
    await node.propose(encodeEntry(some))
  }
  return empty.sort()
}

/** What becomes of a record of the old life in the new one; null when it is of no use there. */
function restoredRecord(
  record: MetadataRecord,
  ids: ReadonlyMap<string, string>,
  found: ReadonlyMap<string, RestoredPartition>,
  nodeId: number,
): MetadataRecord | null {
  const idOf = (topicId: string): string => ids.get(topicId) ?? topicId
  switch (record.kind) {
    case 'broker':
    case 'fence':
      return null
    case 'producerIds':
      return { ...record, next: record.next + PRODUCER_IDS_SKIPPED }
    case 'topic':
      return { ...record, topicId: idOf(record.topicId) }
    case 'config':
      return record.owner === 'topic' ? { ...record, ownerId: idOf(record.ownerId) } : record
    case 'partition':
      return {
        ...record,
        topicId: idOf(record.topicId),
        leader: nodeId,
        leaderEpoch:
          found.get(keyOf(record.topicId, record.index))?.epoch ?? record.leaderEpoch + 1,
        leaderBrokerEpoch: -1,
        replicas: [nodeId],
        quorum: { write: 1, seal: 1 },
        lineage: [],
      }
    default:
      return record
  }
}

/** Writes what groups had committed to the partitions that keep it; returns how many records. */
async function writeGroups(
  ports: RestorePorts,
  settings: Settings,
  image: ClusterImage,
  snapshot: ClusterSnapshot,
): Promise<number> {
  const topic = image.topicByName(OFFSETS_TOPIC)
  if (topic === undefined) return 0
  const byPartition = new Map<number, KeyValue[]>()
  for (const { key, value } of snapshot.groups) {
    const record = decodeRecord(key, value)
    if (record === null) continue
    const index = partitionFor(record.groupId, topic.partitions.size)
    const list = byPartition.get(index) ?? []
    list.push({ key, value })
    byPartition.set(index, list)
  }
  const { broker: values } = settings
  const store = await LogStore.open(
    ports,
    {
      cacheBytes: 32 * MiB,
      readCacheBytes: MiB,
      indexCacheBytes: MiB,
      diskReserveBytes: 0,
      journal: { fileBytes: values.journalFileBytes, filesTarget: 1, filesMax: 3 },
    },
    {
      clean: true,
      settingsOf: ({ topicId, index }) => Partitions.logSettingsOf(image, settings, topicId, index),
      topicName: () => OFFSETS_TOPIC,
    },
    (error) => ports.telemetry.log('error', 'restore failed', { error: String(error) }),
  )
  let count = 0
  for (const [index, records] of byPartition) {
    const logSettings = Partitions.logSettingsOf(image, settings, topic.id, index)
    const partition = topic.partitions.get(index)
    if (logSettings === null || partition === undefined) continue
    const log = await store.open({ topicId: topic.id, index }, logSettings)
    log.startEpoch(leaderEpoch(partition.leaderEpoch))
    for (let at = 0; at < records.length;) {
      const wallMs = ports.clock.wallMs()
      const { batch, end } = packBatch(records, at, BATCH_BYTES, wallMs, ports)
      if (log.append(batch, wallMs) < offset(0)) {
        await log.persist()
        continue
      }
      at = end
    }
    await log.persist()
    count += records.length
  }
  await store.close()
  return count
}
