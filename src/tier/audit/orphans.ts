// Objects that no manifest names: what an upload left that was cut short, what a merge or retention
// had not yet removed when its process ended. One of them goes when two looks, a grace apart, have
// found it unnamed, and only by the leader of the partition. Before the first look counts, and
// before anything goes, the manifest is replaced by itself: a leader before us, or a replacement of
// ours that was given up and is still on its way, might name the object, and can then no longer.
// Objects of newer leaders are not ours to judge.
import type { Clock } from '../../ports/clock.ts'
import type { ObjectStore } from '../../ports/object-store.ts'
import { parseKey } from '../keys.ts'
import type { Manifest } from '../manifest/manifest.ts'
import { isNamed, type LoadPage } from '../read/locate.ts'
import type { PartitionArchive } from '../upload/partition-archive.ts'

/** What orphans are removed through. */
export interface OrphanDeps {
  readonly store: ObjectStore
  readonly clock: Clock
  readonly archive: PartitionArchive
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
  readonly #graceMs: number
  /** When each was first found unnamed. */
  #seen = new Map<string, number>()
  /** Whether a replacement of ours stands in the way of everybody before us. */
  #leads = false

  constructor(deps: OrphanDeps, graceMs: number) {
    this.#deps = deps
    this.#graceMs = graceMs
  }

  /**
   * Takes what a look has found unnamed, and removes what has been so for long; returns how many.
   */
  async found(keys: readonly string[]): Promise<number> {
    const { archive, clock, store } = this.#deps
    const ours = keys.filter((key) => this.#isOurs(key, archive.owner.epoch))
    if (ours.length > 0 && !this.#leads) {
      await archive.change((now) => now)
      this.#leads = true
    }
    const nowMs = clock.monotonicMs()
    const seen = new Map<string, number>()
    const due: string[] = []
    for (const key of ours) {
      const since = this.#seen.get(key)
      // It may have been named while the look went on, and its grace begins when that ends.
      if (since === undefined && (await this.#isNamedNow(key))) continue
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

  #isNamedNow(key: string): Promise<boolean> {
    const { manifest } = this.#deps.archive
    return manifest === null ? Promise.resolve(false) : this.#isNamed(manifest, key)
  }

  #isNamed(manifest: Manifest, key: string): Promise<boolean> {
    return isNamed(manifest, key, this.#deps.loadPage)
  }
}
