// What belongs to the tier: manifests and their pages, snapshots of the cluster, and the small
// files around them. A bucket that is a directory, or a copy of one, is read as it lies; the copy
// of a manifest beside a partition's segments is the same as its original.
import { FormatError } from '../../base/errors.ts'
import { decodeSnapshot, imageRecords } from '../../cluster/snapshot.ts'
import { decodeRecord } from '../../group/records.ts'
import type { Crypto } from '../../ports/crypto.ts'
import { int32At } from '../../record/header.ts'
import { decodeOwner } from '../../tier/bucket/claim.ts'
import { decodeClusterSnapshot } from '../../tier/bucket/snapshot.ts'
import { decodeIndex, type SlotEntry } from '../../tier/cache/slot-index.ts'
import type { SegmentEntry } from '../../tier/manifest/entry.ts'
import { decodeHead } from '../../tier/manifest/head.ts'
import { Page } from '../../tier/manifest/page.ts'
import type { DumpRow, FileDecoder } from '../services.ts'
import { damageRow, timeOf } from './rows.ts'
import { FileWindow, attempt, isDamage } from './window.ts'

const FILE_BYTES_MAX = 256 * 1024 * 1024
const MAGIC_HEAD = 0x53544844
const MAGIC_PAGE = 0x53545047
const MAGIC_SNAPSHOT = 0x53544d53
const MAGIC_SLOTS = 0x534c4243

const begins = (head: Uint8Array, magic: number): boolean =>
  head.length >= 4 && int32At(head, 0) === magic

/** Everything of the tier that may lie in a file. */
export const archiveDecoders = (crypto: Crypto): readonly FileDecoder[] => [
  {
    name: 'manifest',
    matches: (_, head) => begins(head, MAGIC_HEAD),
    dump: (path) => rowsOf(path, (bytes) => headRows(crypto, bytes)),
  },
  {
    name: 'manifest page',
    matches: (_, head) => begins(head, MAGIC_PAGE),
    dump: (path) => rowsOf(path, (bytes) => Page.open(crypto, bytes).entries().map(segmentRow)),
  },
  {
    name: 'cluster snapshot',
    matches: (_, head) => begins(head, MAGIC_SNAPSHOT),
    dump: (path) => rowsOf(path, (bytes) => snapshotRows(crypto, bytes)),
  },
  {
    name: 'cluster.json',
    matches: (name) => name === 'cluster.json',
    dump: (path) => rowsOf(path, (bytes) => [{ what: 'owner', ...decodeOwner(path, bytes) }]),
  },
  {
    name: 'store life',
    matches: (name) => name === 'store-life',
    dump: (path) =>
      rowsOf(path, (bytes) => [{ what: 'life', life: new TextDecoder().decode(bytes) }]),
  },
  {
    name: 'block cache index',
    matches: (name, head) => name === 'index' && begins(head, MAGIC_SLOTS),
    dump: (path) => rowsOf(path, (bytes) => slotRows(decodeIndex(bytes, Infinity, crypto))),
  },
  {
    // Slots say nothing of themselves; the index beside them does.
    name: 'block cache',
    matches: (name) => name === 'blocks',
    dump: (path) => rowsOf(path, (_, size) => [{ what: 'slots', bytes: size }], 0),
  },
]

async function* rowsOf(
  path: string,
  decode: (bytes: Uint8Array, size: number) => readonly DumpRow[],
  bytesMax = FILE_BYTES_MAX,
): AsyncGenerator<DumpRow> {
  const window = await FileWindow.open(path)
  try {
    const bytes =
      bytesMax === 0
        ? new Uint8Array(0)
        : Uint8Array.from(await window.view(0, Math.min(window.size, bytesMax)))
    const rows = await attempt(() => decode(bytes, window.size))
    if (isDamage(rows)) yield damageRow(0, window.size, rows.message)
    else yield* rows
  } finally {
    await window.close()
  }
}

function headRows(crypto: Crypto, bytes: Uint8Array): DumpRow[] {
  const { lineage, pages, entries, ...rest } = decodeHead(crypto, bytes)
  return [
    { what: 'manifest', ...rest },
    ...lineage.map(({ epoch, start }) => ({ what: 'epoch', epoch, start })),
    ...pages.map((page) => ({
      ...{ what: 'page', ...page },
      ...{ minTimestamp: timeOf(page.minTimestamp), maxTimestamp: timeOf(page.maxTimestamp) },
    })),
    ...entries.map(segmentRow),
  ]
}

const segmentRow = ({ root, blocks, ...entry }: SegmentEntry): DumpRow => ({
  what: 'segment',
  ...entry,
  minTimestamp: timeOf(entry.minTimestamp),
  maxTimestamp: timeOf(entry.maxTimestamp),
  blocks: blocks.length,
  root: Array.from(root, (byte) => byte.toString(16).padStart(2, '0')).join(''),
})

const slotRows = (slots: readonly SlotEntry[]): DumpRow[] => [
  { what: 'slots', count: slots.length },
  ...slots.map((slot) => ({ what: 'slot', ...slot })),
]

function snapshotRows(crypto: Crypto, bytes: Uint8Array): DumpRow[] {
  const { madeMs, clusterId, metadata, groups } = decodeClusterSnapshot(crypto, bytes)
  const rows: DumpRow[] = [{ what: 'snapshot', made: timeOf(madeMs), clusterId }]
  for (const { kind, ...record } of imageRecords(decodeSnapshot(metadata))) {
    rows.push({ what: kind, ...record })
  }
  for (const { key, value } of groups) {
    const record = decodeRecord(key, value)
    if (record === null) throw new FormatError('A snapshot has a record of no known kind')
    if (record.kind === 'offset') {
      const { groupId, topic, partition, committed } = record
      rows.push({ what: 'offset', groupId, topic, partition, offset: committed?.offset ?? null })
    } else rows.push({ what: 'group', groupId: record.groupId })
  }
  return rows
}
