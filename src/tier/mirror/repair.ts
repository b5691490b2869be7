// Objects of one store that are missing there or not what was archived, and that another store of
// the partition has: they are put again from there. What reads and the scrubber have met is only
// remembered; here it is looked at again before anything is replaced, and nothing is replaced but
// that version of the object that was found bad.
import { OperatingError } from '../../base/errors.ts'
import { pageKey, parseKey } from '../keys.ts'
import { pageHash, type PageRef } from '../manifest/page.ts'
import { locateKey } from '../read/locate.ts'
import type { Site } from '../site.ts'
import type { MirrorParts } from '../tier-parts.ts'
import { copySegment, type LocalSegments } from './copy-segment.ts'

/** Most damaged objects that are remembered of a site; the others are met again. */
const DAMAGED_MAX = 1_000

/** The damaged objects of one site. */
export class Repair {
  readonly #parts: MirrorParts
  readonly #local: LocalSegments | null
  readonly #site: Site
  readonly #damaged = new Set<string>()

  constructor(parts: MirrorParts, local: LocalSegments | null, site: Site) {
    this.#parts = parts
    this.#local = local
    this.#site = site
  }

  /** Whether anything is to be looked at. */
  get isDue(): boolean {
    return this.#damaged.size > 0
  }

  /** Remembers that an object seems damaged. */
  add(key: string): void {
    if (this.#damaged.size < DAMAGED_MAX) this.#damaged.add(key)
  }

  /** Puts again what another of `sites` has; what none has is left, and is met again. */
  async run(sites: readonly Site[]): Promise<void> {
    if (!this.isDue) return
    const others = sites.filter((one) => one !== this.#site)
    for (const key of [...this.#damaged]) {
      const isPage = parseKey(key)?.kind === 'page'
      await (isPage ? this.#page(key, others) : this.#segment(key, others))
      this.#damaged.delete(key)
    }
  }

  async #segment(key: string, others: readonly Site[]): Promise<void> {
    const { crypto, slots, memory } = this.#parts
    const { store, archive, loadPage } = this.#site
    const entry = await locateKey(await archive.load(), key, loadPage)
    if (entry === null) return
    const local = this.#local
    for (const other of others) {
      try {
        await copySegment({ store, crypto, slots, memory, local }, other.placeOf(entry))
        this.#repaired(key)
        return
      } catch (error) {
        if (!isElsewhere(error)) throw error
      }
    }
  }

  async #page(key: string, others: readonly Site[]): Promise<void> {
    const { crypto } = this.#parts
    const { store, archive, owner } = this.#site
    const { pages } = await archive.load()
    const ref = pages.find((one: PageRef) => pageKey(owner, one) === key)
    if (ref === undefined) return
    for (const other of others) {
      const found = await other.store.get(key).catch((error: unknown) => {
        if (!isElsewhere(error)) throw error
        return null
      })
      if (found === null || pageHash(crypto, found.bytes) !== ref.hash) continue
      // Its name says what its bytes have to be, so this takes nothing from anybody.
      await store.put(key, found.bytes)
      this.#repaired(key)
      return
    }
  }

  #repaired(key: string): void {
    this.#parts.mirrored.repaired.value++
    this.#parts.log('info', 'repaired an archived object', { key, archive: this.#site.name })
  }
}

/** Whether another store may have what this one has not. */
const isElsewhere = (error: unknown): boolean =>
  error instanceof OperatingError && ['absent', 'corrupt', 'retry', 'refused'].includes(error.kind)
