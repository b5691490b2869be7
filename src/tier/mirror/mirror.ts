// Follows the archive of a partition in another store: what the original names is copied there,
// segments first, then pages, and then the manifest says so, marked as a copy. A copy that was cut
// short says as much as has arrived, never less than before. What the original names no more goes
// after its grace. A key that leaves the original never comes back to it, so what is removed here
// is never wanted again.
//
//   original ──names──▶ segments ──copied──▶ pages ──copied──▶ head of the copy ──grace──▶ removals
import type { Offset } from '../../base/units.ts'
import { OperatingError } from '../../base/errors.ts'
import { eachAtOnce } from '../../flow/each.ts'
import { pageKey } from '../keys.ts'
import { entryKey, type SegmentEntry } from '../manifest/entry.ts'
import { archiveEnd, type Manifest } from '../manifest/manifest.ts'
import { pageHash, type PageRef } from '../manifest/page.ts'
import { openPage } from '../read/pages.ts'
import type { AuditFinding } from '../audit/audit-partition.ts'
import type { AuditedBytes, ScrubbedArchive } from '../audit/scrubber.ts'
import { isNamed, type LoadPage } from '../read/locate.ts'
import type { Site } from '../site.ts'
import type { MirrorParts } from '../tier-parts.ts'
import type { Uploaded } from '../upload/uploader.ts'
import { copySegment, type LocalSegments } from './copy-segment.ts'
import type { Repair } from './repair.ts'

/** Segments of one partition that are copied at the same time. */
const AT_ONCE = 4
/** Segments that one step copies at most. */
const SEGMENTS_PER_STEP = 64
const NOTHING: Uploaded = { segments: 0, bytes: 0 }

/** How far a walk over the original has come: whole pages, and entries behind the last of them. */
interface Reached {
  readonly pages: number
  readonly entries: number
}

/** What a mirror works with. */
export interface MirrorDeps {
  readonly parts: MirrorParts
  readonly local: LocalSegments | null
  /** Where the original is at present. */
  original(): Site
  /** Every site of the partition, to repair one from the other. */
  sites(): readonly Site[]
  /** Pages of the original's manifest, from whichever store has them. */
  readonly loadPage: LoadPage
}

/** The copy of a partition's archive in one store. */
export class Mirror implements ScrubbedArchive {
  readonly site: Site
  readonly #deps: MirrorDeps
  readonly #repair: Repair
  /** Objects that are there, or are being put, and that the copy's manifest does not name yet. */
  readonly #pending: Set<string>
  /** Nonce of the original's manifest that the copy says the same as. */
  #followed = ''
  #running: Promise<unknown> = Promise.resolve()

  /** `pending` is what `site` asks about objects that are about to be named. */
  constructor(deps: MirrorDeps, site: Site, pending: Set<string>, repair: Repair) {
    this.#deps = deps
    this.site = site
    this.#pending = pending
    this.#repair = repair
  }

  get name(): string {
    return this.site.name
  }

  /** Whether the copy says what the original is known to say. */
  get isCurrent(): boolean {
    return this.#deps.original().archive.manifest?.nonce === this.#followed
  }

  /** Whether `step` has something to do. */
  hasWork(): boolean {
    if (this.site.archive.fenced !== null || !this.site.at.claimed) return false
    const isBehind = this.#deps.original().archive.manifest !== null && !this.isCurrent
    return isBehind || this.site.garbage.isDue() || this.#repair.isDue
  }

  /**
   * Copies a bounded number of segments, or removes what nobody needs any more. One step at a time.
   * Throws `fenced` once a newer leader has written the copy, and whatever the stores say.
   */
  step(): Promise<Uploaded> {
    const run = this.#running.then(() => this.#step())
    this.#running = run.catch(() => undefined)
    return run
  }

  /** Everything that is wrong with the copy by names and sizes. */
  audit(segment: (entry: SegmentEntry) => void): AsyncIterable<AuditFinding> {
    return this.site.audit(segment)
  }

  auditBytes(at: Offset): Promise<AuditedBytes | null> {
    return this.site.auditBytes(at)
  }

  /** Unnamed objects; one that the original names is about to be named here, or was once before. */
  async orphans(keys: readonly string[]): Promise<number> {
    // What an earlier life has left is overcome first.
    if (!this.isCurrent) return 0
    const manifest = await this.#deps.original().archive.confirm()
    const strangers: string[] = []
    for (const key of keys) {
      if (!(await isNamed(manifest, key, this.#deps.loadPage))) strangers.push(key)
    }
    return this.site.orphans(strangers)
  }

  damaged(key: string): void {
    this.#repair.add(key)
  }

  #rival(): OperatingError {
    const { owner, store } = this.site
    return new OperatingError(
      'corrupt',
      `Cannot copy ${owner.topicName}-${owner.partition} to ${store.traits.url}: it has an ` +
        'original there that reaches further; move the one away that is not to be used',
    )
  }

  async #step(): Promise<Uploaded> {
    const { archive, garbage } = this.site
    // A move may have made this the original while the step waited for its turn.
    if (this.#deps.original() === this.site) return NOTHING
    const from = await this.#deps.original().archive.load()
    const before = await archive.load()
    if (isRival(before, from)) throw this.#rival()
    await garbage.collect(archive)
    await this.#repair.run(this.#deps.sites())
    if (this.isCurrent) return NOTHING
    if (isSame(before, from)) {
      this.#followed = from.nonce
      return NOTHING
    }
    const copied = { segments: 0, bytes: 0 }
    const reached = await this.#copy(from, before, copied)
    const isAll = reached.pages === from.pages.length && reached.entries === from.entries.length
    const next = cut(from, reached)
    const isProgress = isAll || archiveEnd(next) > archiveEnd(before)
    if (!isProgress || (!isAll && copied.segments === 0)) return copied
    let isOurs = false
    await archive.change(
      (now) => {
        isOurs = now.nonce === before.nonce
        return isOurs ? next : null
      },
      { overEarlierLife: true },
    )
    // A process of this broker that is gone by now has written it meanwhile: begin anew.
    if (!isOurs) return copied
    this.#pending.clear()
    if (isAll) this.#followed = from.nonce
    garbage.add(await this.#unnamed(before, next))
    return copied
  }

  /** Copies what `from` names and `before` does not, in order, until the step's bound. */
  async #copy(
    from: Manifest,
    before: Manifest,
    copied: { segments: number; bytes: number },
  ): Promise<Reached> {
    let pages = 0
    for (const ref of from.pages) {
      if (!hasPage(before, ref)) {
        const page = await this.#deps.loadPage(ref)
        const known = await this.#namedWithin(before, ref)
        const isWhole = await this.#copySegments(page.entries(), known, copied)
        if (!isWhole) return { pages, entries: 0 }
        await this.#copyPage(ref)
      }
      pages++
    }
    const known = new Set(before.entries.map((entry) => entryKey(this.site.owner, entry)))
    const { length } = from.entries
    for (let entries = 0; entries < length; entries += AT_ONCE) {
      const some = from.entries.slice(entries, entries + AT_ONCE)
      if (!(await this.#copySegments(some, known, copied))) return { pages, entries }
    }
    return { pages, entries: length }
  }

  /** Copies those of `entries` that are not `known`; false when the step ends before all are. */
  async #copySegments(
    entries: Iterable<SegmentEntry>,
    known: ReadonlySet<string>,
    copied: { segments: number; bytes: number },
  ): Promise<boolean> {
    const { parts, local } = this.#deps
    const missing = missingOf(entries, (entry) => {
      const key = entryKey(this.site.owner, entry)
      return known.has(key) || this.#pending.has(key)
    })
    let isWhole = true
    const bounded = (function* (): Generator<SegmentEntry> {
      for (const entry of missing) {
        if (copied.segments >= SEGMENTS_PER_STEP) {
          isWhole = false
          return
        }
        copied.segments++
        yield entry
      }
    })()
    const original = this.#deps.original()
    const deps = { ...parts, store: this.site.store, local }
    await eachAtOnce(bounded, AT_ONCE, async (entry) => {
      const key = entryKey(this.site.owner, entry)
      // Before it is looked for: what is pending is no orphan.
      this.#pending.add(key)
      try {
        await copySegment(deps, original.placeOf(entry))
      } catch (error) {
        this.#pending.delete(key)
        throw error
      }
      copied.bytes += entry.objectBytes
      parts.mirrored.segments.value++
      parts.mirrored.bytes.value += entry.objectBytes
    })
    return isWhole
  }

  async #copyPage(ref: PageRef): Promise<void> {
    const { owner, store } = this.site
    const key = pageKey(owner, ref)
    this.#pending.add(key)
    const found = await this.#deps.original().store.get(key)
    const { crypto } = this.#deps.parts
    if (found === null) throw new OperatingError('absent', `Cannot copy ${key}: it is gone`)
    // Once the copy's manifest names it, nothing else there tells of its segments.
    openPage(crypto, key, ref, found.bytes)
    const { bytes } = found
    const put = await store.put(key, bytes, { condition: { kind: 'absent' } })
    if (put.outcome === 'ok' && put.checked) return
    const there = await store.get(key)
    if (there !== null && pageHash(crypto, there.bytes) === ref.hash) return
    await store.put(key, bytes)
  }

  /** Keys of the segments that `before` names among the offsets of `ref`. */
  async #namedWithin(before: Manifest, ref: PageRef): Promise<Set<string>> {
    const { owner } = this.site
    const keys = new Set(before.entries.map((entry) => entryKey(owner, entry)))
    for (const one of before.pages) {
      if (one.end <= ref.base || one.base >= ref.end) continue
      const page = await this.site.loadPage(one)
      for (const entry of page.entries()) keys.add(entryKey(owner, entry))
    }
    return keys
  }

  /** Keys that `before` names and `after` does not. */
  async #unnamed(before: Manifest, after: Manifest): Promise<string[]> {
    const { owner, loadPage } = this.site
    const keys: string[] = []
    const addOf = async (entries: Iterable<SegmentEntry>): Promise<void> => {
      for (const entry of entries) {
        const key = entryKey(owner, entry)
        if (!(await isNamed(after, key, this.#deps.loadPage))) keys.push(key)
      }
    }
    const kept = new Set(after.entries.map((entry) => entryKey(owner, entry)))
    await addOf(before.entries.filter((entry) => !kept.has(entryKey(owner, entry))))
    for (const ref of before.pages) {
      if (hasPage(after, ref)) continue
      keys.push(pageKey(owner, ref))
      await addOf((await loadPage(ref)).entries())
    }
    return keys
  }
}

const hasPage = ({ pages }: Manifest, ref: PageRef): boolean =>
  pages.some(({ hash, base }) => hash === ref.hash && base === ref.base)

function* missingOf(
  entries: Iterable<SegmentEntry>,
  isThere: (entry: SegmentEntry) => boolean,
): Generator<SegmentEntry> {
  for (const entry of entries) if (!isThere(entry)) yield entry
}

/** Whether `there` is no copy, and has what the original has not. */
const isRival = (there: Manifest, from: Manifest): boolean =>
  there.sequence > 0 &&
  !there.isCopy &&
  there.generation === from.generation &&
  archiveEnd(there) > archiveEnd(from)

/** Whether `copy` says of the archive what `from` does. */
function isSame(copy: Manifest, from: Manifest): boolean {
  return (
    copy.isCopy &&
    copy.generation === from.generation &&
    copy.logStart === from.logStart &&
    copy.lineage.length === from.lineage.length &&
    copy.pages.length === from.pages.length &&
    copy.entries.length === from.entries.length &&
    copy.pages.every((ref, i) => ref.hash === from.pages[i]?.hash) &&
    copy.entries.every(({ nonce, base }, i) => {
      const other = from.entries[i]
      return nonce === other?.nonce && base === other.base
    })
  )
}

/** What a copy may say of `from` that has come so far. */
function cut(from: Manifest, { pages, entries }: Reached): Manifest {
  return {
    ...from,
    isCopy: true,
    pages: from.pages.slice(0, pages),
    entries: from.entries.slice(0, pages === from.pages.length ? entries : 0),
  }
}
