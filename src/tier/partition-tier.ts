// The archive of one partition as its leader uses it: uploads what may go, reads what is not on
// disk any more, and tells retention how far the archive reaches. A copy of the manifest lies
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
import { auditObject } from './audit/audit-object.ts'
import { auditPartition, type AuditFinding, type AuditPorts } from './audit/audit-partition.ts'
import { Orphans } from './audit/orphans.ts'
import type { AuditedBytes } from './audit/scrubber.ts'
import { readCopy, saveCopy } from './bucket/manifest-copy.ts'
import { partitionPrefix } from './keys.ts'
import { lineageOf } from './manifest/change.ts'
import type { SegmentEntry } from './manifest/entry.ts'
import { archiveEnd, type Manifest } from './manifest/manifest.ts'
import { placeKey } from './read/blocks.ts'
import { locateOffset } from './read/locate.ts'
import { AbortedLists } from './read/aborted.ts'
import { ColdReader, type ColdLimits } from './read/cold-reader.ts'
import { findArchivedTime, newestArchivedMs } from './read/time-search.ts'
import { expiredTo } from './upload/expiry.ts'
import { Garbage } from './upload/garbage.ts'
import { PartitionArchive, type ArchiveOwner } from './upload/partition-archive.ts'
import { Uploader, endOf, type Uploaded } from './upload/uploader.ts'
import type { TierParts } from './tier-parts.ts'

/** An upload that was begun longer ago is given up: clocks may differ, but not by days. */
const UPLOAD_MS_MAX = 2 * 86_400_000

/** The archive of a partition that is led here. */
export class PartitionTier {
  readonly log: PartitionLog
  readonly archive: PartitionArchive
  readonly #parts: TierParts
  readonly #reader: ColdReader
  readonly #aborted: AbortedLists
  readonly #uploader: Uploader
  readonly #garbage: Garbage
  readonly #orphans: Orphans
  /** The store has told the manifest to this process, or taken it from it. */
  #heard = false

  private constructor(parts: TierParts, owner: ArchiveOwner, log: PartitionLog) {
    const { crypto, disk, pages, blocks, slots, memory } = parts
    const store = parts.storeOf(owner.topicId)
    this.log = log
    this.#parts = parts
    this.archive = new PartitionArchive({ store, crypto, pages }, owner)
    this.#uploader = new Uploader({ disk, crypto, store, slots, memory }, log, this.archive)
    this.#garbage = new Garbage({ store, pages, clock: parts.clock }, owner, parts.graceMs)
    this.#reader = new ColdReader(
      {
        store,
        blocks,
        pages,
        manifest: () => this.#manifest(),
        refresh: () => this.#refresh(),
      },
      owner,
    )
    this.#aborted = new AbortedLists(crypto, this.#reader)
    const isPending = (key: string): boolean => this.#uploader.isPending(key)
    this.#orphans = new Orphans(
      { store, clock: parts.clock, loadPage: this.#reader.loadPage, isPending },
      owner,
      parts.graceMs,
    )
  }

  /** The archive of `owner`, with what this disk remembers of it. Asks nothing of the store. */
  static async open(
    parts: TierParts,
    owner: ArchiveOwner,
    log: PartitionLog,
  ): Promise<PartitionTier> {
    const tier = new PartitionTier(parts, owner, log)
    const copy = await readCopy(parts, owner)
    if (copy !== null) tier.archive.recall(copy)
    return tier
  }

  /** Exclusive end of what the archive has for sure, by the word of the store; else null. */
  get archivedEnd(): Offset | null {
    const { manifest } = this.archive
    return this.#heard && manifest !== null ? endOf(manifest) : null
  }

  /** The manifest as far as it is known; null before it was ever read. */
  get manifest(): Manifest | null {
    return this.archive.manifest
  }

  /** Whether `step` has something to do. */
  hasWork(limit: Offset): boolean {
    if (this.archive.fenced !== null) return false
    if (!this.#heard || this.#startFor(limit) > this.log.logStart) return true
    return this.#hasUploads(limit) || this.#isTrimmable || this.#garbage.isDue()
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
    const before = await this.archive.load()
    this.#heard = true
    await this.log.advanceLogStart(this.#startFor(limit))
    await this.#garbage.collect(this.archive)
    await this.#garbage.trim(this.archive, this.log.logStart)
    const uploaded = await this.#uploader.step(limit)
    if (uploaded.segments === 0 && this.#uploader.mergeable) {
      this.#garbage.addEntries(await this.#uploader.mergeOnce())
    }
    const after = this.archive.manifest
    if (after !== null && after !== before) await saveCopy(this.#parts, after)
    return uploaded
  }

  /** Of which topic and partition it is, for the log. */
  get name(): string {
    return `${this.archive.owner.topicName}-${this.archive.owner.partition}`
  }

  /** Everything that is wrong with the archive by names and sizes. */
  async *audit(
    segment: (entry: SegmentEntry) => void,
  ): AsyncGenerator<AuditFinding, void, undefined> {
    const manifest = await this.#refresh()
    yield* auditPartition(this.#audited(), manifest, { depth: 'names', segment })
  }

  /** What is wrong with the bytes of the segment that holds `at`; null when there is none. */
  async auditBytes(at: Offset): Promise<AuditedBytes | null> {
    const manifest = await this.#manifest()
    if (at >= archiveEnd(manifest)) return null
    const entry = await locateOffset(manifest, at, this.#reader.loadPage)
    if (entry === null) return null
    const place = this.#reader.placeOf(entry)
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
    const { store } = this.#audited()
    const beforeMs = this.#parts.clock.wallMs() - UPLOAD_MS_MAX
    await store.dropUploads?.(partitionPrefix(this.archive.owner), beforeMs)
    return this.#orphans.found(this.archive, keys)
  }

  #audited(): AuditPorts {
    const { crypto } = this.#parts
    return { crypto, store: this.#parts.storeOf(this.archive.owner.topicId) }
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
    const archived = this.archive.manifest?.lineage ?? []
    const all = new Lineage()
    for (const { epoch, start } of lineageOf(archived, this.log.state.lineage.entries())) {
      all.append(epoch, start)
    }
    return all
  }

  /** Where the log is to start by total retention; where it starts when the store cannot say. */
  async expiredTo(nowMs: number): Promise<Offset> {
    const { log } = this
    const { manifest } = this.archive
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

  async #manifest(): Promise<Manifest> {
    return this.archive.manifest ?? this.#refresh()
  }

  async #refresh(): Promise<Manifest> {
    const manifest = await this.archive.refresh()
    this.#heard = true
    return manifest
  }
}
