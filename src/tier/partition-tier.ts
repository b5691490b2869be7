// The archive of one partition as its leader uses it: uploads what may go, reads what is not on
// disk any more, and tells retention how far the archives reach. A copy of the manifest lies
// beside the segments, so that a broker that starts while the store is away still knows what it may
// ask for; it is for reading only. Local bytes are let go on the word of the store itself, heard by
// this process.
import type { Offset } from '../base/units.ts'
import { OperatingError } from '../base/errors.ts'
import type { PartitionLog } from '../log/partition-log.ts'
import type { AbortedSpan } from '../log/state/aborted.ts'
import { Lineage } from '../log/state/lineage.ts'
import type { LogRead } from '../log/cache/log-read.ts'
import type { FoundRecord } from '../log/timestamp-search.ts'
import type { RecordTools } from '../record/section.ts'
import type { AuditFinding } from './audit/audit-partition.ts'
import type { AuditedBytes, ScrubbedArchive } from './audit/scrubber.ts'
import { readCopy, saveCopy } from './bucket/manifest-copy.ts'
import { lineageOf } from './manifest/change.ts'
import type { SegmentEntry } from './manifest/entry.ts'
import { archiveEnd, archiveSize, type Manifest } from './manifest/manifest.ts'
import type { Mirror } from './mirror/mirror.ts'
import { Sites } from './mirror/sites.ts'
import type { Sweep } from './mirror/sweep.ts'
import { AbortedLists } from './read/aborted.ts'
import { ColdReader, type ColdLimits } from './read/cold-reader.ts'
import { findArchivedTime, newestArchivedMs } from './read/time-search.ts'
import { expiredTo } from './upload/expiry.ts'
import type { Site } from './site.ts'
import type { PartitionArchive, ArchiveOwner } from './upload/partition-archive.ts'
import { Uploader, endOf, type Uploaded } from './upload/uploader.ts'
import type { TierParts, TierStore } from './tier-parts.ts'
import type { Troubled } from './troubles.ts'

/** Work on one store of a partition that is done, and fails, apart from that on the others. */
export interface Chore extends Troubled {
  readonly tier: PartitionTier
  /** Where it works. */
  readonly at: TierStore
  /** Whether nothing there would tell yet that the bucket has become another's. */
  readonly isUnwritten: boolean
  /** Whether it is the store with the original. */
  readonly isOriginal: boolean
  /** Whether its step has something to do; `limit` bounds what may be archived. */
  hasWork(limit: Offset): boolean
  step(limit: Offset): Promise<Uploaded>
}

const NOTHING: Uploaded = { segments: 0, bytes: 0 }

/** The archive of a partition that is led here. */
export class PartitionTier {
  readonly log: PartitionLog
  readonly owner: ArchiveOwner
  readonly #parts: TierParts
  readonly #sites: Sites
  readonly #reader: ColdReader
  readonly #aborted: AbortedLists
  readonly #main: Chore
  readonly #chores = new Map<Mirror | Sweep, Chore>()
  /** Archives to `#home`. */
  #uploader: Uploader
  #home: Site
  /** What this disk remembers of the manifest, or a store that only follows has told of it. */
  #recalled: Manifest | null = null
  /** The store has told the manifest to this process, or taken it from it. */
  #heard = false

  private constructor(parts: TierParts, owner: ArchiveOwner, log: PartitionLog) {
    this.log = log
    this.owner = owner
    this.#parts = parts
    this.#sites = new Sites(parts, owner, log)
    this.#home = this.#sites.home
    this.#uploader = this.#uploaderTo(this.#home)
    this.#sites.isUploading = (key) => this.#uploader.isPending(key)
    this.#reader = new ColdReader(
      {
        store: this.#sites.reading,
        blocks: parts.blocks,
        pages: parts.pages,
        ...(parts.pace === undefined ? {} : { pace: parts.pace }),
        manifest: () => this.#manifest(),
        refresh: () => this.#refresh(),
      },
      owner,
    )
    this.#aborted = new AbortedLists(parts.crypto, this.#reader)
    const home = (): Site => this.#home
    const manifest = (): Manifest | null => this.manifest
    this.#main = {
      tier: this,
      get at(): TierStore {
        return home().at
      },
      get isGone(): boolean {
        return log.closed
      },
      get isUnwritten(): boolean {
        return (manifest()?.sequence ?? 0) === 0
      },
      isOriginal: true,
      hasWork: (limit) => this.hasWork(limit),
      step: (limit) => this.step(limit),
    }
  }

  /** The archive of `owner`, with what this disk remembers of it. Asks nothing of the store. */
  static async open(
    parts: TierParts,
    owner: ArchiveOwner,
    log: PartitionLog,
  ): Promise<PartitionTier> {
    const tier = new PartitionTier(parts, owner, log)
    tier.#recalled = await readCopy(parts, owner)
    return tier
  }

  /** The archive in the store that has the original. */
  get archive(): PartitionArchive {
    return this.#home.archive
  }

  /**
   * Exclusive end of what as many stores have for sure as `tier.ack.stores` asks for, by their own
   * word; else null.
   */
  get archivedEnd(): Offset | null {
    const { manifest } = this.archive
    if (!this.#heard || manifest === null) return null
    const { listed } = this.#sites
    const wanted = Math.min(this.log.settings.ackStores, Math.max(listed.length, 1))
    const ends = [endOf(manifest)]
    for (const { site } of wanted > 1 ? this.#sites.mirrors() : []) {
      const copy = site.archive.manifest
      ends.push(copy === null ? null : endOf(copy))
    }
    const known = ends.filter((end) => end !== null).sort((a, b) => b - a)
    return known[wanted - 1] ?? null
  }

  /** The manifest as far as it is known; null before it was ever read. */
  get manifest(): Manifest | null {
    return this.archive.manifest ?? this.#recalled
  }

  /** Everything that is to be done for the archive, by store. */
  chores(): Chore[] {
    const all = [this.#main]
    for (const mirror of this.#sites.mirrors()) {
      all.push(
        this.#choreOf(
          mirror,
          () => mirror.hasWork(),
          () => mirror.step(),
        ),
      )
    }
    for (const sweep of this.#sites.sweeps()) {
      const step = async (): Promise<Uploaded> => {
        await sweep.step()
        return NOTHING
      }
      all.push(this.#choreOf(sweep, () => sweep.hasWork(), step))
    }
    return all
  }

  /** How many segments each store that follows has not yet, by its name. */
  *lags(): Generator<readonly [string, number]> {
    const { manifest } = this.archive
    for (const { site } of this.#sites.mirrors()) {
      const copy = site.archive.manifest
      const all = manifest === null ? 0 : archiveSize(manifest).segments
      const has = copy === null ? 0 : archiveSize(copy).segments
      yield [site.at.name, Math.max(all - has, 0)]
    }
  }

  /** The manifests that name objects, and in which stores, as far as they are known. */
  *named(): Generator<{ readonly store: string; readonly manifest: Manifest }> {
    const { manifest } = this
    if (manifest !== null) yield { store: this.#home.at.name, manifest }
    for (const { site } of this.#sites.mirrors()) {
      const copy = site.archive.manifest
      if (copy !== null) yield { store: site.at.name, manifest: copy }
    }
  }

  /** What there is to be looked over: the original and its copies. */
  get scrubbed(): readonly ScrubbedArchive[] {
    const original = this.#home.at.claimed ? [this] : []
    return [...original, ...this.#sites.mirrors().filter(({ site }) => site.at.claimed)]
  }

  #choreOf(of: Mirror | Sweep, hasWork: Chore['hasWork'], step: () => Promise<Uploaded>): Chore {
    const known = this.#chores.get(of)
    if (known !== undefined) return known
    const { at, archive } = of.site
    const { log } = this
    const chore = {
      tier: this,
      at,
      get isGone(): boolean {
        return log.closed
      },
      get isUnwritten(): boolean {
        return (archive.manifest?.sequence ?? 0) === 0
      },
      isOriginal: false,
      hasWork,
      step,
    }
    this.#chores.set(of, chore)
    return chore
  }

  #uploaderTo({ store, archive }: Site): Uploader {
    return new Uploader({ ...this.#parts, store }, this.log, archive)
  }

  /** Whether `step` has something to do. */
  hasWork(limit: Offset): boolean {
    if (this.archive.fenced !== null || !this.#home.at.claimed) return false
    if (this.#sites.canMove || this.#sites.repair.isDue) return true
    if (!this.#heard || this.#startFor(limit) > this.log.logStart) return true
    return this.#hasUploads(limit) || this.#isTrimmable || this.#home.garbage.isDue()
  }

  /** Where the log is to start: a leader before this one may have let go of more than it knew. */
  #startFor(limit: Offset): Offset {
    const start = this.manifest?.logStart ?? this.log.logStart
    return start < limit ? start : limit
  }

  /** Whether the log start has passed an object. */
  get #isTrimmable(): boolean {
    const oldest = this.manifest?.pages[0] ?? this.manifest?.entries[0]
    return oldest !== undefined && oldest.end <= this.log.logStart
  }

  #hasUploads(limit: Offset): boolean {
    return this.#uploader.hasWork(limit) || this.#uploader.mergeable
  }

  /** Moves what may go below `limit`, and removes what nobody needs any more. */
  async step(limit: Offset): Promise<Uploaded> {
    const before = await this.#settle()
    const { archive, garbage } = this.#home
    await this.log.advanceLogStart(this.#startFor(limit))
    await garbage.collect(archive)
    await this.#sites.repair.run([this.#home, ...this.#sites.mirrors().map(({ site }) => site)])
    await garbage.trim(archive, this.log.logStart)
    const uploader = this.#uploader
    const uploaded = await uploader.step(limit)
    for (const gone of uploader.takeTrimmed()) await garbage.addTrimmed(gone)
    if (uploaded.segments === 0 && this.#uploader.mergeable) {
      garbage.addEntries(await this.#uploader.mergeOnce())
    }
    await this.#sites.move()
    this.#settled()
    const after = this.archive.manifest
    // A log that was closed meanwhile may be that of a deleted topic, whose files are going.
    const isNew = after !== null && after !== before && !this.log.closed
    if (isNew) await saveCopy(this.#parts, after)
    return uploaded
  }

  /** The manifest of the original, wherever that is. */
  async #settle(): Promise<Manifest> {
    await this.#sites.settle(this.#recalled !== null)
    this.#settled()
    const { archive } = this.#home
    if (this.#recalled !== null) archive.recall(this.#recalled)
    const manifest = await archive.load()
    if (manifest.isCopy) {
      throw new OperatingError(
        'refused',
        `Cannot archive ${this.owner.topicName}-${this.owner.partition} to ` +
          `${this.#home.store.traits.url}: it has a copy alone; give --store the one with the ` +
          'original too, or restore from the copy',
      )
    }
    this.#heard = true
    return manifest
  }

  #settled(): void {
    const { home } = this.#sites
    if (home === this.#home) return
    this.#home = home
    this.#uploader = this.#uploaderTo(home)
  }

  /** Of which topic and partition it is, for the log. */
  get name(): string {
    return this.#home.name
  }

  /** Everything that is wrong with the archive by names and sizes. */
  async *audit(
    segment: (entry: SegmentEntry) => void,
  ): AsyncGenerator<AuditFinding, void, undefined> {
    await this.#settle()
    yield* this.#home.audit(segment)
  }

  /** What is wrong with the bytes of the segment that holds `at`; null when there is none. */
  auditBytes(at: Offset): Promise<AuditedBytes | null> {
    return this.#home.auditBytes(at)
  }

  /** Takes unnamed objects; see Site.orphans(). */
  orphans(keys: readonly string[]): Promise<number> {
    return this.#home.orphans(keys)
  }

  /** Remembers that an object is not as it should be, to be put again from where it is. */
  damaged(key: string): void {
    if (this.#sites.mirrors().length > 0) this.#sites.repair.add(key)
  }

  /** Whole archived batches from the one that holds `from` on; see ColdReader. */
  read(from: Offset, limits: ColdLimits): Promise<LogRead> {
    return this.#reader.read(from, limits)
  }

  /** Aborted transactions among the archived batches of `[from, to)`. */
  async aborted(from: Offset, to: Offset): Promise<AbortedSpan[]> {
    const manifest = await this.#manifest()
    // What is archived was decided, and may have been so by a marker that is only here.
    const here: AbortedSpan[] = []
    const end = archiveEnd(manifest)
    for (const segment of this.log.segments) {
      if (segment.end > end && segment.aborted.collect(end, to, here)) break
    }
    return [...(await this.#aborted.collect(manifest, from, to)), ...here]
  }

  /** The first archived record at or after `timestampMs`; null when none is. */
  async findTimestamp(tools: RecordTools, timestampMs: number): Promise<FoundRecord | null> {
    const range = { from: this.log.logStart, to: this.log.localStart }
    return findArchivedTime(this.#reader, await this.#manifest(), tools, timestampMs, range)
  }

  /** The first archived record that has the largest timestamp of those; null when none has one. */
  async findMaxTimestamp(tools: RecordTools): Promise<FoundRecord | null> {
    const newest = newestArchivedMs(await this.#manifest(), this.log.logStart)
    return newest < 0 ? null : this.findTimestamp(tools, newest)
  }

  /** The epochs of archived and local offsets together. */
  lineage(): Lineage {
    const archived = this.manifest?.lineage ?? []
    const all = new Lineage()
    for (const { epoch, start } of lineageOf(archived, this.log.state.lineage.entries())) {
      all.append(epoch, start)
    }
    return all
  }

  /** Where the log is to start by total retention; where it starts when the store cannot say. */
  async expiredTo(nowMs: number): Promise<Offset> {
    const { log } = this
    const { manifest } = this
    if (manifest === null || !log.settings.deletes) return log.logStart
    const { loadPage } = this.#reader
    try {
      return await expiredTo(manifest, log.segments, log.settings, nowMs, log.logStart, loadPage)
    } catch (error) {
      // A page cannot be read: what is too old stays until it can.
      if (error instanceof OperatingError) return log.logStart
      throw error
    }
  }

  /** What is not on this disk is archived: a copy that does not reach so far is an old one. */
  async #manifest(): Promise<Manifest> {
    const { manifest } = this
    const { logStart, localStart } = this.log
    if (manifest === null) return this.#refresh()
    const isOld = logStart < localStart && archiveEnd(manifest) < localStart
    return isOld ? this.#refresh() : manifest
  }

  async #refresh(): Promise<Manifest> {
    try {
      await this.#settle()
      return await this.archive.refresh()
    } catch (error) {
      if (!(error instanceof OperatingError) || error.kind === 'closed') throw error
      // Where one store is away another tells what to read; nothing is let go on its word.
      const other = this.#parts.stores.length > 1 ? await this.#sites.anyManifest() : null
      if (other === null || archiveEnd(other) < this.log.localStart) throw error
      this.#recalled ??= other
      return other
    }
  }
}
