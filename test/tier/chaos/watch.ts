// What must hold of a bucket after every single change of it, seen from outside: what a head names
// is there and is what it names, heads follow each other and never fall back to an older leader,
// nothing is written twice, nothing goes that a head has named within a grace. It reads objects
// with the production decoders and everything else with the truth at hand.
import { archiveBase, archiveEnd, type Manifest } from '../../../src/tier/manifest/manifest.ts'
import { HEAD_BYTES_MAX, decodeHead } from '../../../src/tier/manifest/head.ts'
import { type Page } from '../../../src/tier/manifest/page.ts'
import { BLOCK_HASH_BYTES } from '../../../src/tier/manifest/block-table.ts'
import type { SegmentEntry } from '../../../src/tier/manifest/entry.ts'
import { headKey, pageKey, segmentKey, type ArchiveIdentity } from '../../../src/tier/keys.ts'
import { openPage } from '../../../src/tier/read/pages.ts'
import type { BucketChange, BucketState } from '../../sim/bucket.ts'
import { crypto } from '../../log/batches.ts'
import type { Truth } from './truth.ts'

/** Tells of a broken promise: which one, and how. */
export type Violate = (promise: string, text: string) => void

/** What a watch over one partition is made of. */
export interface WatchParts {
  readonly identity: ArchiveIdentity
  readonly truth: Truth
  readonly state: BucketState
  readonly graceMs: number
  readonly violate: Violate
  /** The highest log start that is durable with any process now. */
  durableStart(): number
  /** A head has taken effect. */
  replaced(manifest: Manifest, before: Manifest | null): void
}

/** Watches over the objects of one partition. */
export class ArchiveWatch {
  readonly #parts: WatchParts
  /** The head in the bucket; null before there is one. */
  manifest: Manifest | null = null
  /** What the head names, by key. */
  #named = new Map<string, SegmentEntry | null>()
  /** When each key that was ever named was named last; Infinity while it is. */
  readonly #lastNamedMs = new Map<string, number>()
  /** Token of the first bytes of every key that must not be written twice. */
  readonly #written = new Map<string, string>()
  readonly #pages = new Map<string, Page>()
  /** Most bytes that a head had. */
  headBytesMax = 0
  heads = 0
  merges = 0
  pages = 0
  /** Objects that went: once named, or never. */
  garbage = 0
  orphans = 0

  constructor(parts: WatchParts) {
    this.#parts = parts
  }

  /** Keys that must be there: head and what it names. */
  keys(): string[] {
    return this.manifest === null ? [] : [headKey(this.#parts.identity), ...this.#named.keys()]
  }

  /** First offset that the head names; the log start when there is none. */
  get base(): number {
    return this.manifest === null ? 0 : archiveBase(this.manifest)
  }

  get end(): number {
    return this.manifest === null ? 0 : archiveEnd(this.manifest)
  }

  /** When a head has named `key` last, in virtual ms; Infinity while it does, -1 of never. */
  lastNamedMs(key: string): number {
    return this.#lastNamedMs.get(key) ?? -1
  }

  /** Whether the head names all of `[from, to)`. */
  covers(from: number, to: number): boolean {
    return from >= to || (this.manifest !== null && this.base <= from && this.end >= to)
  }

  /** An object of this partition came, was replaced or went. */
  changed(change: BucketChange): void {
    const { key, before, after, atMs } = change
    if (after === null) this.#removed(key, atMs)
    else if (key === headKey(this.#parts.identity)) this.#replaced(after.bytes, atMs)
    else this.#came(key, String(Buffer.from(crypto.sha256(after.bytes)).toString('hex')), before)
  }

  #came(key: string, digest: string, before: unknown): void {
    const { violate } = this.#parts
    const known = this.#written.get(key)
    if (before !== null) violate('INV-62', `${key} was overwritten`)
    if (known !== undefined && known !== digest) violate('INV-62', `${key} came with other bytes`)
    this.#written.set(key, digest)
  }

  #removed(key: string, atMs: number): void {
    const { violate, graceMs, identity } = this.#parts
    if (key === headKey(identity)) violate('INV-60', `the head was deleted`)
    if (this.#named.has(key)) violate('INV-60', `${key} was deleted while the head names it`)
    const namedMs = this.#lastNamedMs.get(key) ?? -Infinity
    if (namedMs > 0) this.garbage++
    else this.orphans++
    if (atMs - namedMs < graceMs) {
      violate('grace', `${key} was deleted ${atMs - namedMs} ms after it was named`)
    }
  }

  #replaced(bytes: Uint8Array, atMs: number): void {
    const { violate, identity, truth, durableStart } = this.#parts
    if (bytes.length > HEAD_BYTES_MAX) violate('head size', `${bytes.length} bytes`)
    this.headBytesMax = Math.max(this.headBytesMax, bytes.length)
    this.heads++
    const before = this.manifest
    const now = decodeHead(crypto, Uint8Array.from(bytes))
    this.manifest = now
    if (before !== null) {
      const [older, newer] = [before.writerEpoch, now.writerEpoch]
      if (newer < older) violate('INV-63', `epoch ${newer} has replaced the head of ${older}`)
      if (now.sequence !== before.sequence + 1) {
        violate('INV-63', `head ${now.sequence} has replaced ${before.sequence}`)
      }
      if (now.logStart < before.logStart) violate('INV-63', `the log start fell`)
      if (now.pages.length + now.entries.length > 0 && archiveEnd(now) < archiveEnd(before)) {
        violate('INV-63', `the archive ends at ${archiveEnd(now)}, not ${archiveEnd(before)}`)
      }
    }
    this.#parts.replaced(now, before)
    if (now.logStart > durableStart()) {
      violate('INV-64', `the head starts at ${now.logStart}, no log starts above ${durableStart()}`)
    }
    const named = new Map<string, SegmentEntry | null>()
    let end = -1
    for (const entry of this.#entries(now, named)) {
      if (end >= 0 && entry.base !== end) violate('INV-64', `a gap from ${end} to ${entry.base}`)
      end = entry.end
      const { objectBase: base, epoch, nonce } = entry
      const key = segmentKey(identity, { base, epoch, nonce })
      if (named.has(key)) violate('INV-62', `${key} is named twice`)
      named.set(key, entry)
      const known = this.#named.get(key)
      if (known === undefined || known?.base !== entry.base) this.#check(key, entry)
    }
    if (before !== null && isMerge(before, now)) this.merges++
    if (end > truth.acked) violate('committed', `offset ${end} is archived, not committed`)
    for (const key of this.#named.keys()) if (!named.has(key)) this.#lastNamedMs.set(key, atMs)
    for (const key of named.keys()) this.#lastNamedMs.set(key, Infinity)
    this.#named = named
  }

  /** All segments of a manifest in order; its pages are noted in `named`. */
  *#entries(
    manifest: Manifest,
    named: Map<string, SegmentEntry | null>,
  ): Generator<SegmentEntry, void, undefined> {
    const { identity, state, violate } = this.#parts
    for (const ref of manifest.pages) {
      const key = pageKey(identity, ref)
      named.set(key, null)
      let page = this.#pages.get(key)
      const object = state.objects.get(key)
      if (object === undefined) {
        violate('INV-60', `the head names ${key}, which is not there`)
        return
      }
      if (page === undefined) {
        page = openPage(crypto, key, ref, Uint8Array.from(object.bytes))
        this.pages++
        this.#pages.set(key, page)
      }
      yield* page.entries()
    }
    yield* manifest.entries
  }

  /** A segment that is named from now on: is it there, and is it what was acknowledged? */
  #check(key: string, entry: SegmentEntry): void {
    const { state, violate, truth } = this.#parts
    const object = state.objects.get(key)
    if (object === undefined) return violate('INV-60', `the head names ${key}, which is not there`)
    const { bytes } = object
    if (bytes.length !== entry.objectBytes) return violate('INV-60', `${key} has another size`)
    const data = bytes.subarray(0, entry.dataLength)
    const digest = crypto.sha256(data).subarray(0, BLOCK_HASH_BYTES)
    if (entry.blocks.length === 1 && Buffer.compare(digest, entry.blocks.hashAt(0)) !== 0) {
      return violate('INV-60', `${key} has other bytes than the head says`)
    }
    // What lies below the entry's base is never read from this object.
    const from = truth.batches[truth.at(entry.base)]?.base
    if (from === undefined) return violate('committed', `${key} begins behind all records`)
    const length = truth.bytesFrom(from) - truth.bytesFrom(entry.end)
    const wrong = truth.compare(data.subarray(data.length - length), entry.base, (end) => {
      if (end !== entry.end) violate('INV-60', `${key} ends at ${end}, not at ${entry.end}`)
    })
    if (wrong !== null) violate('INV-60', `${key}: ${wrong}`)
  }
}

/** Whether one entry has taken the place of several. */
const isMerge = (before: Manifest, now: Manifest): boolean =>
  now.pages.length === before.pages.length &&
  now.entries.length < before.entries.length &&
  archiveBase(now) === archiveBase(before)
