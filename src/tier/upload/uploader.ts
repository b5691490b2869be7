// Moves one partition's sealed segments to the bucket: data first, manifest second. Several objects
// are on their way at once, and one replacement of the manifest names all that have arrived, so a
// store that takes one write a second of the same key is no limit. Only what the manifest names
// counts as archived; an object that arrived and was not named is an orphan for the sweeper.
import { must } from '../../base/assert.ts'
import { OperatingError, asError } from '../../base/errors.ts'
import { eachAtOnce } from '../../flow/each.ts'
import { type Offset, offset } from '../../base/units.ts'
import type { PartitionLog } from '../../log/partition-log.ts'
import type { Segment } from '../../log/segment.ts'
import type { Disk } from '../../ports/disk.ts'
import { segmentKey } from '../keys.ts'
import { trimmed, withLineage, withMerged, withSegments, type Trimmed } from '../manifest/change.ts'
import type { SegmentEntry } from '../manifest/entry.ts'
import { archiveBase, archiveEnd, type Manifest } from '../manifest/manifest.ts'
import type { PartMemory } from './part-memory.ts'
import { hex, type PartitionArchive } from './partition-archive.ts'
import { mergeSegments, planMerge, type MergePlan } from './merger.ts'
import { planUpload } from './plan.ts'
import { putSegment, type PutDeps } from './put-object.ts'
import { SegmentObject } from './segment-object.ts'

/** What uploads are made through. */
export interface UploaderDeps extends PutDeps {
  readonly disk: Disk
  /** For segments on their way, of all partitions. */
  readonly memory: PartMemory
}

/** What one step has moved. */
export interface Uploaded {
  readonly segments: number
  readonly bytes: number
}

/** Segments of one partition that are on their way at the same time. */
const AT_ONCE = 4
/** Segments that one step moves at most. */
const SEGMENTS_PER_STEP = 16

/** Archives one partition. */
export class Uploader {
  readonly #deps: UploaderDeps
  readonly #log: PartitionLog
  readonly #archive: PartitionArchive
  /** Objects that were put, or are being put, and that the manifest does not name yet. */
  readonly #pending = new Set<string>()
  /** What commits have let go of since it was asked for. */
  #trimmed: Trimmed[] = []
  /** The manifest that was looked at last for what to merge, and what was found. */
  #planned: Manifest | null = null
  #merge: MergePlan | null = null

  constructor(deps: UploaderDeps, log: PartitionLog, archive: PartitionArchive) {
    this.#deps = deps
    this.#log = log
    this.#archive = archive
  }

  /** Whether the object is put, or being put, and about to be named. */
  isPending(key: string): boolean {
    return this.#pending.has(key)
  }

  /** Hands over what the manifest names no more because the log start had moved on. */
  takeTrimmed(): readonly Trimmed[] {
    return this.#trimmed.splice(0)
  }

  /** Whether a look at the log alone says that there may be something to move below `limit`. */
  hasWork(limit: Offset): boolean {
    const known = this.#archive.manifest
    const end = known === null ? this.#log.logStart : endOf(known)
    const next = this.#log.segments.find((segment) => segment.end > (end ?? this.#log.logStart))
    return next?.sealed !== null && next !== undefined && next.end <= limit
  }

  /**
   * Moves what may be moved below `limit`, a bounded number of segments. Throws `fenced` once a
   * newer leader archives, `corrupt` when a local segment or the archive is damaged or offsets
   * are missing, and whatever the store says.
   */
  async step(limit: Offset): Promise<Uploaded> {
    const log = this.#log
    const manifest = await this.#archive.load()
    const plan = planUpload(log.segments, {
      logStart: log.logStart,
      archivedEnd: endOf(trimmed(manifest, log.logStart).manifest),
      limit,
      countMax: SEGMENTS_PER_STEP,
    })
    if (plan.hole !== null) throw this.#hole(plan.hole)
    const segments = log.segments.slice(plan.from, plan.to)
    if (segments.length === 0) return { segments: 0, bytes: 0 }
    // What a step has put and not named when it ends is an orphan.
    return this.#move(segments, plan.base).finally(() => this.#pending.clear())
  }

  async #move(segments: readonly Segment[], base: Offset): Promise<Uploaded> {
    const entries: (SegmentEntry | undefined)[] = segments.map(() => undefined)
    const failures: Error[] = []
    await eachAtOnce(segments.entries(), AT_ONCE, async ([i, segment]) => {
      entries[i] = await this.#upload(segment, i === 0 ? base : segment.base)
    }).catch((error: unknown) => {
      failures.push(asError(error))
    })
    const arrived: SegmentEntry[] = []
    for (const entry of entries) {
      if (entry === undefined) break
      arrived.push(entry)
    }
    if (arrived.length > 0) await this.#commit(arrived)
    for (const failure of failures) throw failure
    return {
      segments: arrived.length,
      bytes: arrived.reduce((sum, { dataLength }) => sum + dataLength, 0),
    }
  }

  #hole({ from, to }: { readonly from: Offset; readonly to: Offset }): OperatingError {
    const { topicName, partition } = this.#archive.owner
    return new OperatingError(
      'corrupt',
      `Cannot archive ${topicName}-${partition}: offsets ${from} to ${to} are neither archived ` +
        'nor on this disk; nothing more is archived until they are, or the log start is moved',
    )
  }

  async #upload(segment: Segment, base: Offset): Promise<SegmentEntry> {
    const { crypto, disk, memory, pace } = this.#deps
    const file = await disk.open(segment.path, { mode: 'read', direct: true })
    try {
      return await this.#put(await SegmentObject.open(crypto, file, { memory, pace }), base)
    } finally {
      await file.close()
    }
  }

  /** Puts a segment under a name of its own; what a manifest may say of it. */
  async #put(object: SegmentObject, base: Offset): Promise<SegmentEntry> {
    const { crypto } = this.#deps
    const { epoch } = this.#archive.owner
    const nonce = hex(crypto.randomBytes(8))
    const { baseOffset } = object.footer
    const key = segmentKey(this.#archive.owner, { base: baseOffset, epoch, nonce })
    this.#pending.add(key)
    await putSegment(this.#deps, { key, object })
    return object.entry({ epoch, nonce, base })
  }

  /** Small neighbours that are worth to be merged. */
  get mergeable(): boolean {
    const { manifest } = this.#archive
    if (manifest !== this.#planned) {
      this.#planned = manifest
      this.#merge = manifest === null ? null : planMerge(manifest.entries)
    }
    return this.#merge !== null
  }

  /** Merges small neighbours into one object; returns the entries that it stands for. */
  async mergeOnce(): Promise<readonly SegmentEntry[]> {
    const { crypto, store } = this.#deps
    const manifest = await this.#archive.load()
    const plan = planMerge(manifest.entries)
    if (plan === null) return []
    const merged = manifest.entries.slice(plan.from, plan.to)
    const identity = this.#archive.owner
    const places = merged.map((entry) => ({ store, identity, entry }))
    const object = await mergeSegments(crypto, places)
    try {
      const entry = await this.#put(object, object.footer.baseOffset)
      const after = await this.#archive.change((now) => {
        const isThere = merged.every((one) => now.entries.some(({ nonce }) => nonce === one.nonce))
        return isThere ? withMerged(now, entry) : null
      })
      return after.entries.some(({ nonce }) => nonce === entry.nonce) ? merged : []
    } finally {
      this.#pending.clear()
    }
  }

  /** Names what has arrived in the manifest. */
  async #commit(arrived: readonly SegmentEntry[]): Promise<Manifest> {
    const last = must(arrived.at(-1), 'A last segment')
    let gone: Trimmed | null = null
    const after = await this.#archive.change((manifest) => {
      // Only what is really put lets go of anything.
      gone = null
      const start = trimmed(manifest, this.#log.logStart)
      const { manifest: kept } = start
      const end = endOf(kept)
      // What the log start has passed meanwhile is an orphan.
      const named = arrived.filter((entry) => entry.end > kept.logStart)
      const first = named[0]
      if (first === undefined) return null
      // Somebody has archived the same meanwhile: a process of this broker that is gone by now.
      if (end !== null && end !== first.base) return null
      const from = archiveBase(end === null ? { ...kept, logStart: first.base } : kept)
      const lineage = this.#log.state.lineage.slice(from, last.end).entries()
      gone = start
      return withLineage(withSegments(kept, named), lineage)
    })
    if (gone !== null) this.#trimmed.push(gone)
    return after
  }
}

/** Exclusive end of what is archived; null when nothing is. */
export const endOf = (manifest: Manifest): Offset | null =>
  manifest.pages.length + manifest.entries.length === 0 ? null : offset(archiveEnd(manifest))
