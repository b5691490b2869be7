// Whose bucket it is. One small object says which cluster writes here, and in which life of that
// cluster: a restore begins a new life, and whoever still runs in the old one has to stop. It is
// made create-only, so two clusters cannot share a prefix; and making it twice shows whether the
// store honours conditions at all, before anything depends on it.
//
//   absent ──create──▶ ours       another cluster, or another life ──▶ refused
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
}

const FORMAT = 1

/** A new life of a cluster. */
export const newLife = (crypto: Crypto): string => hex(crypto.randomBytes(16))

/** The bytes of the object. */
export const encodeOwner = ({ clusterId, life }: BucketOwner): Uint8Array =>
  new TextEncoder().encode(`${JSON.stringify({ format: FORMAT, clusterId, life }, null, 2)}\n`)

/** Reads the object. Throws `corrupt` when it is none, `refused` when it is of a newer format. */
export function decodeOwner(url: string, bytes: Uint8Array): BucketOwner {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder().decode(bytes))
  } catch (cause) {
    throw new OperatingError('corrupt', `Cannot use ${url}: its ${CLUSTER_KEY} is no JSON`, cause)
  }
  const { format, clusterId, life } = value as Record<string, unknown>
  if (typeof format === 'number' && format > FORMAT) {
    throw new OperatingError(
      'refused',
      `Cannot use ${url}: it has format ${format}, this version knows up to ${FORMAT}; use the ` +
        'newer Stratalog that wrote it',
    )
  }
  if (typeof clusterId !== 'string' || typeof life !== 'string') {
    throw new OperatingError('corrupt', `Cannot use ${url}: its ${CLUSTER_KEY} lacks a field`)
  }
  return { clusterId, life }
}

/** Whose bucket it is; null when it is nobody's yet. */
export async function readOwner(store: ObjectStore): Promise<BucketOwner | null> {
  const found = await store.get(CLUSTER_KEY)
  return found === null ? null : decodeOwner(store.traits.url, found.bytes)
}

/**
 * Makes the bucket ours, or finds that it is. Resolves to the life in which it is; `life` is null
 * for a cluster that does not know its own yet. Throws `refused` when it belongs to others, or when
 * the store does not honour conditions.
 */
export async function claimBucket(
  store: ObjectStore,
  crypto: Crypto,
  mine: { readonly clusterId: string; readonly life: string | null },
): Promise<string> {
  const fresh = { clusterId: mine.clusterId, life: mine.life ?? newLife(crypto) }
  const absent = { condition: { kind: 'absent' } } as const
  const owner = (await readOwner(store)) ?? null
  if (owner === null) await store.put(CLUSTER_KEY, encodeOwner(fresh), absent)
  const found = owner ?? (await readOwner(store)) ?? fresh
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
  return found.life
}

/** Throws `refused` unless the bucket is ours. */
export function checkOwner(
  url: string,
  owner: BucketOwner,
  mine: { readonly clusterId: string; readonly life: string | null },
): void {
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
  const owner = { ...decodeOwner(store.traits.url, found.bytes), life: newLife(crypto) }
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
