// Objects that no manifest names: what an upload left that was cut short, what a merge or retention
// had not yet removed when its process ended. One of them goes when two looks, a grace apart, have
// found it unnamed, and only by the leader of the partition. Before it goes the manifest is
// replaced by itself: a replacement of ours that was given up and is still on its way, and that
// might name the object, can then no longer take effect. Objects of newer leaders are not ours to
// judge.
import type { Clock } from '../../ports/clock.ts'
import type { ObjectStore } from '../../ports/object-store.ts'
import { offset } from '../../base/units.ts'
import { pageKey, parseKey, type ArchiveIdentity } from '../keys.ts'
import { archiveBase, type Manifest } from '../manifest/manifest.ts'
import { placeKey } from '../read/blocks.ts'
import { locateOffset, type LoadPage } from '../read/locate.ts'
import type { PartitionArchive } from '../upload/partition-archive.ts'

/** What orphans are removed through. */
export interface OrphanDeps {
  readonly store: ObjectStore
  readonly clock: Clock
  readonly loadPage: LoadPage
  /** Whether this process is about to name the object. */
  isPending(key: string): boolean
}

/** Most orphans that are remembered; the others are found again. */
const SEEN_MAX = 100_000
const KEYS_AT_ONCE = 1_000

/** The orphans of one partition. */
export class Orphans {
  readonly #deps: OrphanDeps
  readonly #identity: ArchiveIdentity
  readonly #graceMs: number
  /** When each was first found unnamed. */
  #seen = new Map<string, number>()

  constructor(deps: OrphanDeps, identity: ArchiveIdentity, graceMs: number) {
    this.#deps = deps
    this.#identity = identity
    this.#graceMs = graceMs
  }

  /**
   * Takes what a look has found unnamed, and removes what has been so for long; returns how many.
   */
  async found(archive: PartitionArchive, keys: readonly string[]): Promise<number> {
    const { clock, store } = this.#deps
    const nowMs = clock.monotonicMs()
    const seen = new Map<string, number>()
    const due: string[] = []
    for (const key of keys) {
      if (!this.#isOurs(key, archive.owner.epoch)) continue
      const since = this.#seen.get(key)
      // It may have been named while the look went on, and its grace begins when that ends.
      if (since === undefined && (await this.#isNamedNow(archive, key))) continue
      if (since !== undefined && nowMs - since >= this.#graceMs) due.push(key)
      if (seen.size < SEEN_MAX) seen.set(key, since ?? clock.monotonicMs())
    }
    this.#seen = seen
    if (due.length === 0) return 0
    const manifest = await archive.change((now) => now)
    const gone: string[] = []
    for (const key of due) {
      if (!this.#deps.isPending(key) && !(await this.#isNamed(manifest, key))) gone.push(key)
    }
    for (let at = 0; at < gone.length; at += KEYS_AT_ONCE) {
      await store.delete(gone.filter((_, i) => i >= at && i < at + KEYS_AT_ONCE))
    }
    for (const key of gone) this.#seen.delete(key)
    return gone.length
  }

  #isOurs(key: string, epoch: number): boolean {
    const parsed = parseKey(key)
    if (parsed === null || parsed.kind === 'head' || this.#deps.isPending(key)) return false
    // A page of a newer leader is named by the very next replacement, or never.
    return parsed.kind === 'page' || parsed.name.epoch <= epoch
  }

  #isNamedNow({ manifest }: PartitionArchive, key: string): Promise<boolean> {
    return manifest === null ? Promise.resolve(false) : this.#isNamed(manifest, key)
  }

  async #isNamed(manifest: Manifest, key: string): Promise<boolean> {
    const parsed = parseKey(key)
    if (parsed?.kind === 'page') {
      return manifest.pages.some((ref) => pageKey(this.#identity, ref) === key)
    }
    if (parsed?.kind !== 'segment') return true
    const { store, loadPage } = this.#deps
    // Entries that are read from one object may begin behind its base, and the archive as well.
    for (let at = offset(Math.max(parsed.name.base, archiveBase(manifest))); ;) {
      const entry = await locateOffset(manifest, at, loadPage)
      if (entry === null || entry.objectBase > parsed.name.base) return false
      if (placeKey({ store, identity: this.#identity, entry }) === key) return true
      at = offset(Math.max(entry.end, at + 1))
    }
  }
}
