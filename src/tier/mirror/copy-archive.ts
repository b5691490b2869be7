// Copies one partition's archive from one store to another without a broker: what is there already
// stays, everything else is verified on its way, and the manifest comes last. The copy is marked as
// one; it can be read, verified and restored from like the original.
import { Semaphore } from '../../flow/semaphore.ts'
import { MiB, leaderEpoch } from '../../base/units.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Crypto } from '../../ports/crypto.ts'
import type { ObjectStore } from '../../ports/object-store.ts'
import type { Manifest } from '../manifest/manifest.ts'
import { PageCache } from '../read/pages.ts'
import { Site } from '../site.ts'
import type { MirrorParts } from '../tier-parts.ts'
import { ownStore } from '../tier-store.ts'
import { PartMemory } from '../upload/part-memory.ts'
import { Mirror } from './mirror.ts'
import { Repair } from './repair.ts'

/** What archives are copied through. */
export interface CopyArchivePorts {
  readonly crypto: Crypto
  readonly clock: Clock
  readonly from: ObjectStore
  readonly to: ObjectStore
}

/** What was copied; what was there already counts for nothing. */
export interface CopiedArchive {
  readonly segments: number
  readonly bytes: number
}

const PAGES_BYTES = 16 * MiB
const MEMORY_KEPT = 32 * MiB
const UPLOADS_MAX = 4

/**
 * Copies the archive that `manifest` of `from` tells of. `told` hears how far it has come after
 * every step. Throws `corrupt` when the original has other bytes than were archived, `fenced` when
 * the copy is of a newer leader or a newer life of the cluster.
 */
export async function copyArchive(
  { crypto, clock, from, to }: CopyArchivePorts,
  manifest: Manifest,
  told: (copied: CopiedArchive) => void,
): Promise<CopiedArchive> {
  const counter = (): { value: number } => ({ value: 0 })
  const parts: MirrorParts = {
    crypto,
    clock,
    pages: new PageCache(crypto, PAGES_BYTES),
    // What the original has let go of stays in the copy: nobody here knows who reads it.
    graceMs: Number.MAX_SAFE_INTEGER,
    generation: () => manifest.generation,
    slots: new Semaphore({ unitsMax: UPLOADS_MAX, waitersMax: 1_000 }),
    memory: new PartMemory(MEMORY_KEPT),
    mirrored: { segments: counter(), bytes: counter(), repaired: counter() },
    log: () => undefined,
  }
  const { topicId, partition, topicName, writerEpoch } = manifest
  const owner = { topicId, partition, topicName, epoch: leaderEpoch(writerEpoch) }
  const original = new Site(parts, ownStore('from', from), owner, () => false)
  const pending = new Set<string>()
  const site = new Site(parts, ownStore('to', to), owner, (key) => pending.has(key))
  const deps = {
    parts,
    local: null,
    original: () => original,
    sites: () => [original, site],
    loadPage: original.loadPage,
  }
  const mirror = new Mirror(deps, site, pending, new Repair(parts, null, site))
  let copied = { segments: 0, bytes: 0 }
  do {
    const { segments, bytes } = await mirror.step()
    copied = { segments: copied.segments + segments, bytes: copied.bytes + bytes }
    told(copied)
  } while (!mirror.isCurrent)
  return copied
}
