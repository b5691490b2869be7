// Whose bucket it is. One small object says which cluster writes here, and in which life of that
// cluster: a restore begins a new life, and whoever still runs in the old one has to stop. It is
// made create-only, so two clusters cannot share a prefix; and making it twice shows whether the
// store honours conditions at all, before anything depends on it.
//
//   absent ──create──▶ ours       another cluster, or another life ──▶ refused
import { crc32c } from '../../base/crc32c.ts'
import { OperatingError } from '../../base/errors.ts'
import type { Crypto } from '../../ports/crypto.ts'
import type { ObjectStore } from '../../ports/object-store.ts'
import { CLUSTER_KEY } from '../keys.ts'
import { hex } from '../upload/partition-archive.ts'

/** What the object says. */
export interface BucketOwner {
  readonly clusterId: string
  /** 32 hex digits, drawn anew when the cluster is founded or restored. */
  readonly life: string
  /** How often the cluster has been restored: of two lives the later one has the higher. */
  readonly generation: number
}

/** What a cluster knows of itself: null of a life that it has still to begin or to learn. */
export interface OwnLife {
  readonly clusterId: string
  readonly life: string | null
  readonly generation: number
}

const FORMAT = 1

/** A new life of a cluster. */
export const newLife = (crypto: Crypto): string => hex(crypto.randomBytes(16))

/** The bytes of the object. */
export function encodeOwner({ clusterId, life, generation }: BucketOwner): Uint8Array {
  const check = checkOf({ clusterId, life, generation })
  const fields = { format: FORMAT, clusterId, life, generation, check }
  return new TextEncoder().encode(`${JSON.stringify(fields, null, 2)}\n`)
}

/** CRC-32C of what an owner says, in hex: a bit that was turned over on its way is noticed. */
function checkOf({ clusterId, life, generation }: BucketOwner): string {
  const text = `${clusterId} ${life} ${generation}`
  return crc32c(new TextEncoder().encode(text)).toString(16).padStart(8, '0')
}

/** Reads the object. Throws `corrupt` when it is none, `refused` when it is of a newer format. */
export function decodeOwner(url: string, bytes: Uint8Array): BucketOwner {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder().decode(bytes))
  } catch (cause) {
    throw new OperatingError('corrupt', `Cannot use ${url}: its ${CLUSTER_KEY} is no JSON`, cause)
  }
  const { format, clusterId, life, generation, check } = value as Record<string, unknown>
  if (typeof format === 'number' && format > FORMAT) {
    throw new OperatingError(
      'refused',
      `Cannot use ${url}: it has format ${format}, this version knows up to ${FORMAT}; use the ` +
        'newer Stratalog that wrote it',
    )
  }
  const isWhole =
    typeof clusterId === 'string' && typeof life === 'string' && typeof generation === 'number'
  if (!isWhole) {
    throw new OperatingError('corrupt', `Cannot use ${url}: its ${CLUSTER_KEY} lacks a field`)
  }
  if (check !== checkOf({ clusterId, life, generation })) {
    throw new OperatingError('corrupt', `Cannot use ${url}: its ${CLUSTER_KEY} fails its check`)
  }
  return { clusterId, life, generation }
}

/** Whose bucket it is; null when it is nobody's yet. */
export async function readOwner(store: ObjectStore): Promise<BucketOwner | null> {
  const found = await store.get(CLUSTER_KEY)
  return found === null ? null : decodeOwner(store.traits.url, found.bytes)
}

/**
 * Makes the bucket ours, or finds that it is; a bucket in which an earlier life of the same cluster
 * has archived becomes that of the later one. Resolves to the life in which it is then. Throws
 * `refused` when it belongs to others, or when the store does not honour conditions.
 */
export async function claimBucket(
  store: ObjectStore,
  crypto: Crypto,
  mine: OwnLife,
): Promise<BucketOwner> {
  const { clusterId, generation } = mine
  const fresh = { clusterId, life: mine.life ?? newLife(crypto), generation }
  const absent = { condition: { kind: 'absent' } } as const
  const object = await store.get(CLUSTER_KEY)
  let owner = object === null ? null : decodeOwner(store.traits.url, object.bytes)
  if (object === null) await store.put(CLUSTER_KEY, encodeOwner(fresh), absent)
  else if (owner !== null && isEarlier(owner, mine)) {
    const condition = { kind: 'match', token: object.token } as const
    await store.put(CLUSTER_KEY, encodeOwner(fresh), { condition })
    owner = null
  }
  const found = owner ?? (await readOwner(store))
  if (found === null) {
    throw new OperatingError(
      'retry',
      `Cannot archive to ${store.traits.url} yet: it was given ${CLUSTER_KEY} and does not have it`,
    )
  }
  checkOwner(store.traits.url, found, mine)
  // The object is there: a store that takes it again would let rivals overwrite each other.
  const again = await store.put(CLUSTER_KEY, encodeOwner(found), absent)
  if (again.outcome === 'ok') {
    throw new OperatingError(
      'refused',
      `Cannot archive to ${store.traits.url}: the store ignores conditions of writes, so two ` +
        'writers could overwrite each other; use a store or a version of it that honours them',
    )
  }
  return found
}

/** Whether the bucket is of a life of the same cluster that has ended. */
const isEarlier = (owner: BucketOwner, mine: OwnLife): boolean =>
  owner.clusterId === mine.clusterId && mine.life !== null && owner.generation < mine.generation

/** Throws `refused` unless the bucket is ours. */
export function checkOwner(url: string, owner: BucketOwner, mine: OwnLife): void {
  if (owner.clusterId !== mine.clusterId) {
    throw new OperatingError(
      'refused',
      `Cannot use ${url}: it belongs to cluster ${owner.clusterId}, not to ${mine.clusterId}; ` +
        'give --store another bucket or prefix, or bring that cluster back with tier restore',
    )
  }
  if (mine.life !== null && owner.life !== mine.life) {
    throw new OperatingError(
      'refused',
      `Cannot archive to ${url}: cluster ${mine.clusterId} was restored from it elsewhere and ` +
        'lives on there; stop this one, or give it another bucket',
    )
  }
}

/** Begins a new life of the cluster that the bucket belongs to: the old one has to stop. */
export async function takeOver(store: ObjectStore, crypto: Crypto): Promise<BucketOwner> {
  const found = await store.get(CLUSTER_KEY)
  if (found === null) {
    throw new OperatingError(
      'absent',
      `Cannot restore from ${store.traits.url}: it has no ${CLUSTER_KEY}, so it is no archive; ` +
        'check bucket and prefix',
    )
  }
  const before = decodeOwner(store.traits.url, found.bytes)
  const owner = { ...before, life: newLife(crypto), generation: before.generation + 1 }
  const condition = { kind: 'match', token: found.token } as const
  const result = await store.put(CLUSTER_KEY, encodeOwner(owner), { condition })
  if (result.outcome === 'ok') return owner
  // The answer to our own write may have been lost.
  const now = await readOwner(store)
  if (now?.life === owner.life) return owner
  throw new OperatingError(
    'retry',
    `Cannot restore from ${store.traits.url}: somebody else is restoring it at this moment`,
  )
}
