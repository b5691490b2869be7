// One partition of a bucket against its manifest: every object that is named is there and has its
// size, and on request its bytes; what is there and not named is an orphan; segments follow each
// other without a gap or an overlap. Both lists come in order of the offsets and are compared as
// they pass, so that a million segments take no more memory than ten.
import { FormatError, OperatingError } from '../../base/errors.ts'
import type { Crypto } from '../../ports/crypto.ts'
import type { ListedObject, ObjectStore } from '../../ports/object-store.ts'
import { headKey, pageKey, parseKey, partitionPrefix, type ArchiveIdentity } from '../keys.ts'
import type { SegmentEntry } from '../manifest/entry.ts'
import { archiveEnd, type Manifest } from '../manifest/manifest.ts'
import { placeKey } from '../read/blocks.ts'
import { openPage } from '../read/pages.ts'
import { readHead } from '../upload/partition-archive.ts'
import { auditObject } from './audit-object.ts'
import { listAll } from './listing.ts'

/** What is wrong with an object. */
export type AuditFault = 'missing' | 'mismatched' | 'orphaned' | 'overlapping'

/** One thing that is not as it should be. */
export interface AuditFinding {
  readonly fault: AuditFault
  readonly key: string
  readonly text: string
}

/** How far an audit goes. */
export interface AuditOptions {
  /** `names`: existence and sizes. `bytes`: also every byte. */
  readonly depth: 'names' | 'bytes'
  /** Called for every segment that was looked at. */
  segment?(entry: SegmentEntry): void
}

/** What an audit works through. */
export interface AuditPorts {
  readonly store: ObjectStore
  readonly crypto: Crypto
}

/** The manifest of a partition; what is wrong with it when it cannot be used; null without one. */
export async function auditHead(
  { store, crypto }: AuditPorts,
  identity: ArchiveIdentity,
): Promise<Manifest | AuditFinding | null> {
  const key = headKey(identity)
  const found = await store.get(key)
  if (found === null) return null
  try {
    return readHead(crypto, key, identity, found.bytes)
  } catch (error) {
    if (!(error instanceof OperatingError) || error.kind === 'retry') throw error
    return { fault: 'mismatched', key, text: error.message }
  }
}

/** Everything that is wrong with a partition's archive. */
export async function* auditPartition(
  ports: AuditPorts,
  manifest: Manifest,
  options: AuditOptions,
): AsyncGenerator<AuditFinding, void, undefined> {
  const { store } = ports
  const segments = new Listed(store, `${partitionPrefix(manifest)}seg/`)
  let end: number | null = null
  for await (const one of named(ports, manifest)) {
    if ('fault' in one) {
      yield one
      // What the page tells of is not known: neither are its objects orphans nor its end a gap.
      end = null
      if (one.to !== undefined) await segments.skipTo(one.to)
      continue
    }
    const key = placeKey({ store, identity: manifest, entry: one })
    if (end !== null && one.base !== end) {
      const text = `offsets ${end} to ${one.base} are ${one.base > end ? 'missing' : 'there twice'}`
      yield { fault: one.base > end ? 'missing' : 'overlapping', key, text }
    }
    end = one.end
    yield* segments.orphansBelow(one.objectBase)
    const listed = await segments.take(one.objectBase, key)
    if (listed === null) yield { fault: 'missing', key, text: 'the manifest names it' }
    else if (listed.size !== one.objectBytes) {
      const text = `it has ${listed.size} bytes, the manifest says ${one.objectBytes}`
      yield { fault: 'mismatched', key, text }
    } else if (options.depth === 'bytes') {
      const text = await auditObject(ports.crypto, { store, identity: manifest, entry: one })
      if (text !== null) yield { fault: 'mismatched', key, text }
    }
    options.segment?.(one)
  }
  yield* segments.orphansBelow(Infinity)
  yield* orphanPages(store, manifest)
  if (end !== null && end !== archiveEnd(manifest)) {
    const text = `its segments end at ${end}, the manifest says ${archiveEnd(manifest)}`
    yield { fault: 'mismatched', key: headKey(manifest), text }
  }
}

/** A page that cannot be used, and up to which offset it would tell. */
interface BadPage extends AuditFinding {
  readonly to?: number
}

/** Every segment that a manifest names, in order; in place of a page's what is wrong with it. */
async function* named(
  { store, crypto }: AuditPorts,
  manifest: Manifest,
): AsyncGenerator<SegmentEntry | BadPage, void, undefined> {
  for (const ref of manifest.pages) {
    const key = pageKey(manifest, ref)
    const found = await store.get(key)
    if (found === null) {
      yield { fault: 'missing', key, text: 'the manifest names it', to: ref.end }
      continue
    }
    try {
      yield* openPage(crypto, key, ref, found.bytes).entries()
    } catch (error) {
      if (!(error instanceof OperatingError || error instanceof FormatError)) throw error
      yield { fault: 'mismatched', key, text: error.message, to: ref.end }
    }
  }
  yield* manifest.entries
}

async function* orphanPages(
  store: ObjectStore,
  manifest: Manifest,
): AsyncGenerator<AuditFinding, void, undefined> {
  const known = new Set(manifest.pages.map((ref) => pageKey(manifest, ref)))
  for await (const { key } of listAll(store, `${partitionPrefix(manifest)}page/`)) {
    if (!known.has(key)) yield orphan(key)
  }
}

const orphan = (key: string): AuditFinding => ({
  fault: 'orphaned',
  key,
  text: 'no manifest names it',
})

/** The segment objects of a partition as a listing has them, passed in order of their bases. */
class Listed {
  readonly #objects: AsyncGenerator<ListedObject, void, undefined>
  /** The next that is not below what was asked for last. */
  #next: ListedObject | null = null
  #nextBase = -1
  #started = false
  /** Those of one base that nobody has taken yet. */
  readonly #group = new Map<string, ListedObject>()
  #groupBase = -1

  constructor(store: ObjectStore, prefix: string) {
    this.#objects = listAll(store, prefix)
  }

  /** Takes the object `key` with that base; null when it is not there. Bases never fall. */
  async take(base: number, key: string): Promise<ListedObject | null> {
    if (this.#groupBase !== base) {
      this.#groupBase = base
      if (!this.#started) await this.#advance()
      while (this.#next !== null && this.#nextBase === base) {
        this.#group.set(this.#next.key, this.#next)
        await this.#advance()
      }
    }
    const found = this.#group.get(key) ?? null
    this.#group.delete(key)
    return found
  }

  /** Those with a base below that nobody has taken. */
  async *orphansBelow(base: number): AsyncGenerator<AuditFinding, void, undefined> {
    if (!this.#started) await this.#advance()
    if (this.#groupBase < base) {
      for (const key of this.#group.keys()) yield orphan(key)
      this.#group.clear()
    }
    while (this.#next !== null && this.#nextBase < base) {
      yield orphan(this.#next.key)
      await this.#advance()
    }
  }

  /** Passes over those with a base below. */
  async skipTo(base: number): Promise<void> {
    this.#group.clear()
    if (!this.#started) await this.#advance()
    while (this.#next !== null && this.#nextBase < base) await this.#advance()
  }

  async #advance(): Promise<void> {
    this.#started = true
    const next = await this.#objects.next()
    this.#next = next.done === true ? null : next.value
    const parsed = this.#next === null ? null : parseKey(this.#next.key)
    // What has no base of ours is below all others: an orphan as soon as it passes.
    this.#nextBase = parsed?.kind === 'segment' ? parsed.name.base : -1
  }
}
