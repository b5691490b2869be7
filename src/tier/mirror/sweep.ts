// Empties a store of a partition that does not use it any more: its manifest goes first, so that
// nothing is named that is not there, and after a grace for those who still read by it all the
// rest. It is over when a look finds nothing any more.
import type { ObjectStore } from '../../ports/object-store.ts'
import { listAll } from '../audit/listing.ts'
import { OperatingError } from '../../base/errors.ts'
import { archiveEnd, type Manifest } from '../manifest/manifest.ts'
import { headKey, partitionPrefix } from '../keys.ts'
import type { Site } from '../site.ts'
import type { SiteParts } from '../tier-parts.ts'

const KEYS_AT_ONCE = 1_000

/** The end of a partition in one store. */
export class Sweep {
  readonly site: Site
  readonly #parts: SiteParts
  readonly #original: () => Site
  #dueMs = 0
  #isEmpty = false
  /** The manifest has gone, a grace ago or less. */
  #isNamed = true

  /** `original` tells where the archive is that is kept. */
  constructor(parts: SiteParts, site: Site, original: () => Site) {
    this.#parts = parts
    this.#original = original
    this.site = site
  }

  /** Whether nothing of the partition is there any more. */
  get isEmpty(): boolean {
    return this.#isEmpty
  }

  /** Whether `step` has something to do. */
  hasWork(): boolean {
    if (this.#isEmpty || !this.site.at.claimed) return false
    return this.#dueMs <= this.#parts.clock.monotonicMs()
  }

  /** The manifest, or a grace later all that is left, or the look that finds nothing. */
  async step(): Promise<void> {
    const { store, owner } = this.site
    const { clock, graceMs } = this.#parts
    const prefix = partitionPrefix(owner)
    const { objects } = await store.list({ prefix, limit: 1 })
    if (objects.length === 0) {
      this.#isEmpty = true
      return
    }
    if (this.#isNamed) {
      const last = await this.site.peek()
      if (last !== null) await this.#check(last)
      await store.delete([headKey(owner)])
      this.#isNamed = false
    } else await removeAll(store, prefix)
    this.#dueMs = clock.monotonicMs() + graceMs
  }

  get #generation(): number {
    return this.#parts.generation() ?? 0
  }

  /** Throws unless what is here is ours to remove, and kept in the store that is listed. */
  async #check(last: Manifest): Promise<void> {
    const { writerEpoch, generation, isCopy } = last
    const { store, owner } = this.site
    const what = `Cannot empty ${store.traits.url} of ${owner.topicName}-${owner.partition}`
    if (
      generation > this.#generation ||
      (generation === this.#generation && writerEpoch > owner.epoch)
    ) {
      throw new OperatingError('fenced', `${what}: a newer leader has taken over`)
    }
    const kept = await this.#original().archive.load()
    const isStale = generation < this.#generation
    if (isStale || isCopy || archiveEnd(last) <= archiveEnd(kept)) return
    throw new OperatingError(
      'corrupt',
      `${what}: it has more than the store that is listed; list it first, to move what it has`,
    )
  }
}

async function removeAll(store: ObjectStore, prefix: string): Promise<void> {
  let keys: string[] = []
  for await (const { key } of listAll(store, prefix)) {
    keys.push(key)
    if (keys.length < KEYS_AT_ONCE) continue
    await store.delete(keys)
    keys = []
  }
  if (keys.length > 0) await store.delete(keys)
}
