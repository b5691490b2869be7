// One partition in one store: its manifest there, what waits to be removed, what nobody names, and
// how it all is looked over. A partition has one site for each store that it uses.
import type { Offset } from '../base/units.ts'
import type { ObjectStore } from '../ports/object-store.ts'
import { auditObject } from './audit/audit-object.ts'
import { auditPartition, type AuditFinding } from './audit/audit-partition.ts'
import { Orphans } from './audit/orphans.ts'
import type { AuditedBytes, ScrubbedArchive } from './audit/scrubber.ts'
import { headKey, partitionPrefix } from './keys.ts'
import type { SegmentEntry } from './manifest/entry.ts'
import { archiveEnd, type Manifest } from './manifest/manifest.ts'
import { placeKey, type SegmentPlace } from './read/blocks.ts'
import { locateOffset, type LoadPage } from './read/locate.ts'
import type { SiteParts, TierStore } from './tier-parts.ts'
import { Garbage } from './upload/garbage.ts'
import { PartitionArchive, readHead, type ArchiveOwner } from './upload/partition-archive.ts'

/** An upload that was begun longer ago is given up: clocks may differ, but not by days. */
const UPLOAD_MS_MAX = 2 * 86_400_000

/** One partition in one store. */
export class Site implements ScrubbedArchive {
  readonly at: TierStore
  readonly owner: ArchiveOwner
  readonly store: ObjectStore
  readonly archive: PartitionArchive
  readonly garbage: Garbage
  readonly #parts: SiteParts
  readonly #orphans: Orphans

  /** `isPending` tells whether this process is about to name an object in this store. */
  constructor(
    parts: SiteParts,
    at: TierStore,
    owner: ArchiveOwner,
    isPending: (key: string) => boolean,
  ) {
    const { clock, crypto, pages, graceMs } = parts
    const store = at.storeOf(owner.topicId)
    this.at = at
    this.owner = owner
    this.store = store
    this.#parts = parts
    this.archive = new PartitionArchive(
      { store, crypto, pages, generation: () => parts.generation() },
      owner,
    )
    this.garbage = new Garbage({ store, pages, clock }, owner, graceMs)
    const { archive, loadPage } = this
    this.#orphans = new Orphans({ store, clock, archive, loadPage, isPending }, graceMs)
  }

  get name(): string {
    const { topicName, partition } = this.owner
    return `${topicName}-${partition} in ${this.store.traits.url}`
  }

  /** The manifest as it is now, read past everything that is known; null when there is none. */
  async peek(): Promise<Manifest | null> {
    const key = headKey(this.owner)
    const found = await this.store.get(key)
    return found === null ? null : readHead(this.#parts.crypto, key, this.owner, found.bytes)
  }

  placeOf(entry: SegmentEntry): SegmentPlace {
    return { store: this.store, identity: this.owner, entry }
  }

  readonly loadPage: LoadPage = (ref) => this.#parts.pages.load(this.store, this.owner, ref)

  /** Everything that is wrong with the archive by names and sizes. */
  async *audit(
    segment: (entry: SegmentEntry) => void,
  ): AsyncGenerator<AuditFinding, void, undefined> {
    const { store } = this
    const { crypto } = this.#parts
    const manifest = await this.archive.refresh()
    yield* auditPartition({ crypto, store }, manifest, { depth: 'names', segment })
  }

  /** What is wrong with the bytes of the segment that holds `at`; null when there is none. */
  async auditBytes(at: Offset): Promise<AuditedBytes | null> {
    const manifest = await this.archive.load()
    if (at >= archiveEnd(manifest)) return null
    const entry = await locateOffset(manifest, at, this.loadPage)
    if (entry === null) return null
    const place = this.placeOf(entry)
    const text = await auditObject(this.#parts.crypto, place)
    const key = placeKey(place)
    const finding = text === null ? null : ({ fault: 'mismatched', key, text } as const)
    return { finding, bytes: entry.objectBytes, next: entry.end }
  }

  /**
   * Takes objects that no manifest names, and removes those that have been so for long; gives up
   * uploads that somebody began and never ended. Returns how many objects were removed.
   */
  async orphans(keys: readonly string[]): Promise<number> {
    const beforeMs = this.#parts.clock.wallMs() - UPLOAD_MS_MAX
    await this.store.dropUploads?.(partitionPrefix(this.owner), beforeMs)
    return this.#orphans.found(keys)
  }
}
