// Snapshots of what is no record: topics with their settings, and the offsets that groups have
// committed. They are put beside the archive again and again, so that the bucket alone can rebuild
// the cluster; the newest that is whole wins, a few older ones stay. What the parts mean is for
// those who make and restore them; here they are bytes.
//
//   magic u32 · version u16 · 0 u16 · total length u32 · made at i64 ms · cluster id · metadata
//   · group records { key · value, a length of 0 is none, else one more than it has }… · crc u32
//   Texts and byte strings have their length in front as a uvarint.
import { FormatError, OperatingError } from '../../base/errors.ts'
import { Reader } from '../../base/reader.ts'
import { Writer } from '../../base/writer.ts'
import type { Crypto } from '../../ports/crypto.ts'
import type { ObjectStore } from '../../ports/object-store.ts'
import { META_PREFIX } from '../keys.ts'
import { hex } from '../upload/partition-archive.ts'

/** A record of the topic that holds the groups' offsets. */
export interface GroupState {
  readonly key: Uint8Array
  readonly value: Uint8Array | null
}

/** What a snapshot holds. */
export interface ClusterSnapshot {
  /** Wall time in ms. */
  readonly madeMs: number
  readonly clusterId: string
  /** The metadata image as its own format has it. */
  readonly metadata: Uint8Array
  readonly groups: readonly GroupState[]
}

const MAGIC = 0x53544d53 // "STMS"
const VERSION = 1
/** Snapshots that stay. */
const KEPT = 5
const PAGE = 1_000

/** The bytes of a snapshot. */
export function encodeClusterSnapshot(crypto: Crypto, snapshot: ClusterSnapshot): Uint8Array {
  const to = new Writer(4096)
  const bytes = (value: Uint8Array): void => {
    to.uvarint(value.length)
    to.raw(value)
  }
  to.uint32(MAGIC)
  to.uint16(VERSION)
  to.uint16(0)
  to.uint32(0)
  to.int64(snapshot.madeMs)
  bytes(new TextEncoder().encode(snapshot.clusterId))
  bytes(snapshot.metadata)
  to.uvarint(snapshot.groups.length)
  for (const { key, value } of snapshot.groups) {
    bytes(key)
    to.uvarint(value === null ? 0 : value.length + 1)
    if (value !== null) to.raw(value)
  }
  to.patchUint32(8, to.at + 4)
  to.uint32(crypto.crc32c(to.bytes()))
  return to.copy()
}

/**
 * Reads a snapshot. Throws FormatError when it is damaged, `refused` when a newer version wrote it.
 */
export function decodeClusterSnapshot(crypto: Crypto, bytes: Uint8Array): ClusterSnapshot {
  const head = new Reader(bytes)
  if (head.uint32() !== MAGIC) throw new FormatError('A snapshot has another magic')
  const version = head.uint16()
  if (version > VERSION) {
    throw new OperatingError(
      'refused',
      `Cannot read a snapshot of format ${version}: this version knows up to ${VERSION}; use the ` +
        'newer Stratalog that wrote it',
    )
  }
  if (head.uint16() !== 0) throw new FormatError('A snapshot has stray bits')
  if (head.uint32() !== bytes.length) throw new FormatError('A snapshot is cut short')
  const crc = new Reader(bytes, bytes.length - 4).uint32()
  if (crypto.crc32c(bytes.subarray(0, bytes.length - 4)) !== crc) {
    throw new FormatError('A snapshot fails its CRC')
  }
  const from = new Reader(bytes, head.at, bytes.length - 4)
  const own = (length: number): Uint8Array => Uint8Array.from(from.raw(length))
  const madeMs = from.int64()
  const clusterId = from.text(from.uvarint())
  const metadata = own(from.uvarint())
  const count = from.uvarint()
  if (count * 2 > from.left) throw new FormatError('A snapshot has an impossible count')
  const groups = Array.from({ length: count }, (): GroupState => {
    const key = own(from.uvarint())
    const length = from.uvarint()
    return { key, value: length === 0 ? null : own(length - 1) }
  })
  if (from.left > 0) throw new FormatError('A snapshot has bytes left over')
  return { madeMs, clusterId, metadata, groups }
}

const KEY = /^meta\/(\d{20})-[0-9a-f]{16}\.snap$/

/** Keys of all snapshots, the newest last. */
export async function listSnapshots(store: ObjectStore): Promise<string[]> {
  const keys: string[] = []
  let cursor: string | null = null
  do {
    const at: { cursor?: string } = cursor === null ? {} : { cursor }
    const page = await store.list({ prefix: META_PREFIX, limit: PAGE, ...at })
    keys.push(...page.objects.map(({ key }) => key).filter((key) => KEY.test(key)))
    cursor = page.next
  } while (cursor !== null)
  return keys.sort()
}

/** Puts a snapshot as the newest one and lets go of the oldest. */
export async function putSnapshot(
  store: ObjectStore,
  crypto: Crypto,
  snapshot: ClusterSnapshot,
): Promise<void> {
  const before = await listSnapshots(store)
  const last = Number(KEY.exec(before.at(-1) ?? '')?.[1] ?? 0)
  const sequence = String(last + 1).padStart(20, '0')
  const key = `${META_PREFIX}${sequence}-${hex(crypto.randomBytes(8))}.snap`
  const bytes = encodeClusterSnapshot(crypto, snapshot)
  await store.put(key, bytes, { condition: { kind: 'absent' } })
  const old = before.filter((_, i) => i + KEPT <= before.length)
  if (old.length > 0) await store.delete(old)
}

/**
 * The newest snapshot that is whole; null when there is none. Damaged ones are told to `skipped`.
 */
export async function newestSnapshot(
  store: ObjectStore,
  crypto: Crypto,
  skipped: (key: string, error: FormatError) => void,
): Promise<ClusterSnapshot | null> {
  for (const key of (await listSnapshots(store)).reverse()) {
    const found = await store.get(key)
    if (found === null) continue
    try {
      return decodeClusterSnapshot(crypto, found.bytes)
    } catch (error) {
      if (!(error instanceof FormatError)) throw error
      skipped(key, error)
    }
  }
  return null
}

/** Puts the newest whole snapshot of one store into another, unless that has it. */
export async function copySnapshot(
  from: ObjectStore,
  to: ObjectStore,
  crypto: Crypto,
): Promise<void> {
  const found = await newestSnapshot(from, crypto, () => undefined)
  if (found === null) return
  const there = await newestSnapshot(to, crypto, () => undefined)
  if (there === null || there.madeMs < found.madeMs) await putSnapshot(to, crypto, found)
}
