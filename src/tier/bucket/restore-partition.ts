// Brings one partition back from its archive: its leader's next epoch is written into the manifest,
// which shuts out whoever led it before; its newest segment is copied home and verified on the way;
// and where the log starts, here and in the archive, is written down as a running log would have.
import { FormatError, OperatingError } from '../../base/errors.ts'
import { leaderEpoch, offset, type LeaderEpoch } from '../../base/units.ts'
import { partitionDirectory } from '../../log/log-host.ts'
import { saveLogStart } from '../../log/log-start.ts'
import { segmentPath } from '../../log/segment.ts'
import { readFooter, readRange, type SegmentSource } from '../../log/segment/sealed-segment.ts'
import { checkSection } from '../../log/segment/segment-format.ts'
import type { Crypto } from '../../ports/crypto.ts'
import type { Disk, DiskFile } from '../../ports/disk.ts'
import type { ObjectStore } from '../../ports/object-store.ts'
import { headKey } from '../keys.ts'
import { BLOCK_BYTES } from '../manifest/block-table.ts'
import type { SegmentEntry } from '../manifest/entry.ts'
import { archiveEnd, archiveSize, type Manifest } from '../manifest/manifest.ts'
import { placeKey, type SegmentPlace } from '../read/blocks.ts'
import { locateOffset } from '../read/locate.ts'
import { PageCache } from '../read/pages.ts'
import { areSoundBlocks } from '../read/sound.ts'
import { PartitionArchive, readHead, type ArchiveOwner } from '../upload/partition-archive.ts'
import { saveCopy } from './manifest-copy.ts'

/** What a partition is restored through. */
export interface RestorePartitionPorts {
  readonly disk: Disk
  readonly store: ObjectStore
  readonly crypto: Crypto
  /** How often the cluster has been restored, this time included. */
  readonly generation: number
}

/** What was brought back. */
export interface RestoredPartition {
  /** The epoch in which the partition goes on, or one before it. */
  readonly epoch: LeaderEpoch
  /** Archived records. */
  readonly records: number
}

const PAGES_BYTES = 1 << 24
const READ_BYTES = 8 * BLOCK_BYTES

/** Restores a partition; null when the bucket has nothing of it. */
export async function restorePartition(
  ports: RestorePartitionPorts,
  owner: ArchiveOwner,
): Promise<RestoredPartition | null> {
  const { store, crypto } = ports
  const key = headKey(owner)
  const found = await store.get(key)
  if (found === null) return null
  const { writerEpoch } = readHead(crypto, key, owner, found.bytes)
  return takeOver(ports, owner, leaderEpoch(Math.max(owner.epoch, writerEpoch) + 1))
}

/**
 * Begins a partition of which the bucket had nothing: an empty manifest shuts out whoever led it
 * before and had not archived anything yet, and would else archive records of another history under
 * the same offsets. What has been archived at the last moment is restored.
 */
export async function beginPartition(
  ports: RestorePartitionPorts,
  owner: ArchiveOwner,
): Promise<RestoredPartition> {
  return (
    (await restorePartition(ports, owner)) ?? takeOver(ports, owner, leaderEpoch(owner.epoch + 1))
  )
}

async function takeOver(
  { disk, store, crypto, generation }: RestorePartitionPorts,
  owner: ArchiveOwner,
  epoch: LeaderEpoch,
): Promise<RestoredPartition> {
  const pages = new PageCache(crypto, PAGES_BYTES)
  const deps = { store, crypto, pages, generation: () => generation }
  const archive = new PartitionArchive(deps, { ...owner, epoch })
  // What followed an archive in another store goes on by itself.
  const manifest = await archive.change((now) =>
    now.sequence === 0 || now.writerEpoch < epoch ? { ...now, isCopy: false } : null,
  )
  if (manifest.writerEpoch !== epoch) {
    throw new OperatingError(
      'retry',
      `Cannot restore ${owner.topicName}-${owner.partition}: a leader of the old life has ` +
        'archived at this moment; stop it, or try again',
    )
  }
  const directory = partitionDirectory({ topicId: owner.topicId, index: owner.partition })
  await disk.makeDirectory(directory)
  const newest = await newestOf(store, manifest, pages)
  if (newest !== null) {
    await copyHome(disk, crypto, { store, identity: owner, entry: newest })
  }
  const end = archiveEnd(manifest)
  const local = newest === null ? end : Math.max(newest.base, manifest.logStart)
  await saveLogStart(disk, directory, { log: manifest.logStart, local: offset(local) })
  await saveCopy({ disk, crypto }, manifest)
  return { epoch, records: archiveSize(manifest).records }
}

async function newestOf(
  store: ObjectStore,
  manifest: Manifest,
  pages: PageCache,
): Promise<SegmentEntry | null> {
  const end = archiveEnd(manifest)
  if (manifest.pages.length + manifest.entries.length === 0) return null
  const last = offset(end - 1)
  return locateOffset(manifest, last, (ref) => pages.load(store, manifest, ref))
}

/** Copies an archived segment to where its partition looks for it, byte for byte. */
async function copyHome(disk: Disk, crypto: Crypto, place: SegmentPlace): Promise<void> {
  const { entry, identity } = place
  const path = segmentPath(
    { topicId: identity.topicId, index: identity.partition },
    entry.objectBase,
  )
  const file = await disk.open(path, { mode: 'create' })
  try {
    await copyVerified(file, crypto, place)
    await file.sync()
  } finally {
    await file.close()
  }
  await disk.syncDirectory(
    partitionDirectory({ topicId: identity.topicId, index: identity.partition }),
  )
}

async function copyVerified(file: DiskFile, crypto: Crypto, place: SegmentPlace): Promise<void> {
  const { store, entry } = place
  const key = placeKey(place)
  const what = `Cannot restore ${key}: its bytes are not what was archived`
  for (let from = 0; from < entry.objectBytes; from += READ_BYTES) {
    const to = Math.min(from + READ_BYTES, entry.objectBytes)
    const found = await store.get(key, { range: { from, to } })
    const isSound =
      found?.bytes.length === to - from && (await areSoundBlocks(crypto, entry, from, found.bytes))
    if (!isSound) throw new OperatingError('corrupt', what)
    await file.writeBehind(from, found.bytes)
  }
  try {
    await checkTrailer(crypto, file)
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    throw new OperatingError('corrupt', what, error)
  }
}

/** Throws FormatError unless footer and sections of a segment are what they were: by their CRCs. */
async function checkTrailer(crypto: Crypto, file: SegmentSource): Promise<void> {
  const { sections } = await readFooter(crypto, file)
  for (const place of sections) {
    checkSection(crypto, place, await readRange(file, place.position, place.length))
  }
}
