// Objects that a manifest has named and names no more: retention has passed them, or larger ones
// have taken their place. Readers with an older manifest may still be on their way to them, so they
// stay for a grace. Then the manifest is read again, by its leader and from the store, before any
// of them goes. What a process forgets of this when it ends is found by the sweeper.
import { OperatingError } from '../../base/errors.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Offset } from '../../base/units.ts'
import type { ObjectStore } from '../../ports/object-store.ts'
import { pageKey, type ArchiveIdentity } from '../keys.ts'
import { trimmed, type Trimmed } from '../manifest/change.ts'
import { entryKey, type SegmentEntry } from '../manifest/entry.ts'
import type { Page, PageRef } from '../manifest/page.ts'
import type { PageCache } from '../read/pages.ts'
import type { PartitionArchive } from './partition-archive.ts'

/** What garbage is removed through. */
export interface GarbageDeps {
  readonly store: ObjectStore
  readonly pages: PageCache
  readonly clock: Clock
}

/** Most keys remembered; what is beyond is left to the sweeper. */
const KEYS_MAX = 100_000
/** Most keys of one removal. */
const KEYS_AT_ONCE = 1_000

/** Objects of one partition that wait for their end. */
export class Garbage {
  readonly #deps: GarbageDeps
  readonly #identity: ArchiveIdentity
  readonly #graceMs: number
  #waiting: { readonly keys: readonly string[]; readonly dueMs: number }[] = []
  #count = 0

  constructor(deps: GarbageDeps, identity: ArchiveIdentity, graceMs: number) {
    this.#deps = deps
    this.#identity = identity
    this.#graceMs = graceMs
  }

  /** Keys that wait. */
  get size(): number {
    return this.#count
  }

  /** Whether the grace of some is over. */
  isDue(): boolean {
    const first = this.#waiting[0]
    return first !== undefined && first.dueMs <= this.#deps.clock.monotonicMs()
  }

  /** Takes the key of an object that is named no more. */
  add(keys: readonly string[]): void {
    if (keys.length === 0 || this.#count + keys.length > KEYS_MAX) return
    this.#count += keys.length
    this.#waiting.push({ keys, dueMs: this.#deps.clock.monotonicMs() + this.#graceMs })
  }

  /** Takes segments that are named no more. */
  addEntries(entries: readonly SegmentEntry[]): void {
    this.add(entries.map(this.#entryKey))
  }

  /** Lets the manifest begin where the log does, when that lets go of an object. */
  async trim(archive: PartitionArchive, logStart: Offset): Promise<void> {
    const manifest = await archive.load()
    const gone = trimmed(manifest, logStart)
    if (gone.pages.length + gone.entries.length === 0) return
    const keys = await this.#keysOfAll(gone)
    await archive.change((now) => trimmed(now, logStart).manifest)
    this.add(keys)
  }

  /** Takes what another replacement of the manifest has let go of. */
  async addTrimmed(gone: Trimmed): Promise<void> {
    this.add(await this.#keysOfAll(gone))
  }

  async #keysOfAll({ entries, pages }: Trimmed): Promise<string[]> {
    return [...entries.map(this.#entryKey), ...(await this.#keysOf(pages))]
  }

  /** Removes those whose grace is over. */
  async collect(archive: PartitionArchive): Promise<void> {
    if (!this.isDue()) return
    // Had somebody else taken over, what is garbage would be for them to say.
    await archive.confirm()
    const nowMs = this.#deps.clock.monotonicMs()
    const due = this.#waiting.filter(({ dueMs }) => dueMs <= nowMs)
    const keys = due.flatMap((one) => one.keys)
    for (let at = 0; at < keys.length; at += KEYS_AT_ONCE) {
      const some = keys.filter((_, i) => i >= at && i < at + KEYS_AT_ONCE)
      await this.#deps.store.delete(some)
    }
    this.#waiting = this.#waiting.filter((one) => !due.includes(one))
    this.#count -= keys.length
  }

  /** The pages themselves and all segments that only they tell of, as far as they do. */
  async #keysOf(pages: readonly PageRef[]): Promise<string[]> {
    const keys: string[] = []
    for (const ref of pages) {
      const page = await this.#page(ref)
      for (let i = 0; page !== null && i < page.length; i++) keys.push(this.#entryKey(page.at(i)))
      keys.push(pageKey(this.#identity, ref))
    }
    return keys
  }

  /** A page; null when it is lost: it shall not hold up what comes behind it. */
  async #page(ref: PageRef): Promise<Page | null> {
    try {
      return await this.#deps.pages.load(this.#deps.store, this.#identity, ref)
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error
      if (error.kind === 'absent' || error.kind === 'corrupt') return null
      throw error
    }
  }

  readonly #entryKey = (entry: SegmentEntry): string => entryKey(this.#identity, entry)
}
