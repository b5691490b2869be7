// The manifest of one partition in the hands of its leader: read once, then replaced under the
// condition that nobody else has. A leader whose epoch is older than the manifest's stops for good.
// An answer that was lost is told from a rival's write by the nonce that every replacement carries:
// after any failure the manifest is read again before another is tried.
//
//   unknown ──load──▶ known ──change──▶ known        any failure ──▶ unknown
//                       └── a newer epoch has written ──▶ fenced (for good)
import { assert } from '../../base/assert.ts'
import { FormatError, OperatingError } from '../../base/errors.ts'
import type { LeaderEpoch } from '../../base/units.ts'
import type { Crypto } from '../../ports/crypto.ts'
import type { ObjectStore, ObjectToken } from '../../ports/object-store.ts'
import { headKey, pageKey, type ArchiveIdentity } from '../keys.ts'
import { entriesToSpill, pagesToJoin, withJoined, withSpilled } from '../manifest/change.ts'
import type { SegmentEntry } from '../manifest/entry.ts'
import { HEAD_BYTES_MAX, decodeHead, encodeHead } from '../manifest/head.ts'
import { emptyManifest, type Manifest } from '../manifest/manifest.ts'
import { encodePage, pageHash, type PageRef } from '../manifest/page.ts'
import type { PageCache } from '../read/pages.ts'

/** What an archive works with. */
export interface ArchiveDeps {
  readonly store: ObjectStore
  readonly crypto: Crypto
  readonly pages: PageCache
  /** How often the cluster has been restored; never, if absent; null before that is known. */
  generation?(): number | null
}

/** Who archives what. */
export interface ArchiveOwner extends ArchiveIdentity {
  readonly topicName: string
  readonly epoch: LeaderEpoch
}

/** Races against others that one change may lose before its caller hears of it. */
const RACES_MAX = 8

/** A head as it was read. */
interface KnownHead {
  readonly manifest: Manifest
  /** Null before there is an object. */
  readonly token: ObjectToken | null
}

/** The archive of a partition, to be changed by its leader. One change at a time. */
export class PartitionArchive {
  readonly owner: ArchiveOwner
  readonly #deps: ArchiveDeps
  #head: KnownHead | null = null
  #last: Manifest | null = null
  #fenced: OperatingError | null = null
  #changing: Promise<unknown> = Promise.resolve()

  constructor(deps: ArchiveDeps, owner: ArchiveOwner) {
    this.#deps = deps
    this.owner = owner
  }

  /** The manifest as it was known last, without asking; null before it was ever read. */
  get manifest(): Manifest | null {
    return this.#last
  }

  /** Why this leader may not change the archive any more; null while it may. */
  get fenced(): OperatingError | null {
    return this.#fenced
  }

  /** Takes a copy of the manifest that was kept elsewhere, to read by until the store is asked. */
  recall(manifest: Manifest): void {
    this.#last ??= manifest
  }

  /** The manifest; read from the store when it is not known for sure. */
  async load(): Promise<Manifest> {
    return (await this.#known()).manifest
  }

  /** Reads the manifest anew: it may name what it did not when it was read last. */
  async refresh(): Promise<Manifest> {
    return (await this.#read()).manifest
  }

  /** Reads the manifest anew and throws `fenced` if this leader may not change it any more. */
  async confirm(): Promise<Manifest> {
    const manifest = await this.refresh()
    this.#fence(manifest)
    return manifest
  }

  /**
   * Replaces the manifest by what `apply` makes of it. `apply` may be called again, with a manifest
   * that somebody else has replaced, and gives null when there is nothing to change any more.
   * Resolves to what the store has then. Throws `fenced` once a newer leader has written; with
   * `overEarlierLife` the epochs of a life before a restore count for nothing.
   */
  change(
    apply: (manifest: Manifest) => Manifest | null,
    options: { readonly overEarlierLife: boolean } = { overEarlierLife: false },
  ): Promise<Manifest> {
    const run = this.#changing.then(() => this.#change(apply, options.overEarlierLife))
    this.#changing = run.catch(() => undefined)
    return run
  }

  async #change(
    apply: (manifest: Manifest) => Manifest | null,
    overEarlierLife: boolean,
  ): Promise<Manifest> {
    for (let race = 0; race < RACES_MAX; race++) {
      const { manifest, token } = await this.#known()
      const isEarlier = overEarlierLife && manifest.generation < this.#generation
      if (!isEarlier) this.#fence(manifest)
      const changed = apply(manifest)
      if (changed === null) return manifest
      const next = await this.#spill({
        ...changed,
        topicName: this.owner.topicName,
        writerEpoch: this.owner.epoch,
        generation: this.#generation,
        nonce: hex(this.#deps.crypto.randomBytes(16)),
        // What was copied from another store has a sequence too, and none is ever lower than one
        // before.
        sequence: Math.max(manifest.sequence, changed.sequence) + 1,
      })
      if (await this.#put(next, token)) return next
      const found = await this.#read()
      // The answer to our own put was lost, and the put was not.
      if (found.manifest.nonce === next.nonce) return found.manifest
    }
    throw new OperatingError(
      'retry',
      `Cannot replace ${headKey(this.owner)}: others have written it ${RACES_MAX} times meanwhile`,
    )
  }

  /** Throws `retry` before it is known in which life of the cluster this is. */
  get #generation(): number {
    const { generation } = this.#deps
    const known = generation === undefined ? 0 : generation()
    if (known !== null) return known
    const { topicName, partition } = this.owner
    throw new OperatingError(
      'retry',
      `Cannot archive ${topicName}-${partition} yet: the bucket has not said whose it is`,
    )
  }

  #fence({ generation, writerEpoch }: Manifest): void {
    const { topicName, partition, epoch } = this.owner
    const what = `Cannot archive ${topicName}-${partition} in epoch ${epoch}`
    if (this.#fenced === null && generation > this.#generation) {
      this.#fenced = new OperatingError(
        'fenced',
        `${what}: the cluster was restored elsewhere and lives on there; stop this broker`,
      )
    }
    if (this.#fenced === null && writerEpoch > epoch) {
      this.#fenced = new OperatingError(
        'fenced',
        `${what}: a leader of epoch ${writerEpoch} has taken over`,
      )
    }
    if (this.#fenced !== null) throw this.#fenced
  }

  /** Moves what has no room in the head into pages, which are put before any head names them. */
  async #spill(manifest: Manifest): Promise<Manifest> {
    let next = manifest
    const count = entriesToSpill(next)
    if (count > 0) {
      next = withSpilled(next, count, await this.#putPage(next.entries.slice(0, count)))
    }
    const join = pagesToJoin(next)
    if (join !== null) {
      const { store, pages } = this.#deps
      const entries: SegmentEntry[] = []
      for (const ref of next.pages.slice(join.from, join.to)) {
        const page = await pages.load(store, this.owner, ref)
        for (let i = 0; i < page.length; i++) entries.push(page.at(i))
      }
      next = withJoined(next, join, await this.#putPage(entries))
    }
    return next
  }

  /**
   * Puts the page of `entries`. Once a head names it nothing else tells of these segments, so what
   * the store has not checked is read back; a page that is there already may have rotted.
   */
  async #putPage(entries: readonly SegmentEntry[]): Promise<PageRef> {
    const { crypto, store } = this.#deps
    const { ref, bytes } = encodePage(crypto, entries)
    const key = pageKey(this.owner, ref)
    const result = await store.put(key, bytes, { condition: { kind: 'absent' } })
    if (result.outcome === 'ok' && result.checked) return ref
    const found = await store.get(key)
    if (found !== null && pageHash(crypto, found.bytes) === ref.hash) return ref
    // Its name says what its bytes have to be, so this takes nothing from anybody.
    const again = await store.put(key, bytes)
    if (again.outcome === 'ok' && again.checked) return ref
    throw new OperatingError('retry', `Cannot put ${key}: the store has other bytes than were sent`)
  }

  /** Whether the store has taken `next` in place of the head with `token`. */
  async #put(next: Manifest, token: ObjectToken | null): Promise<boolean> {
    const { crypto, store } = this.#deps
    const bytes = encodeHead(crypto, next)
    assert(bytes.length <= HEAD_BYTES_MAX, 'A head stays small')
    const condition =
      token === null ? ({ kind: 'absent' } as const) : ({ kind: 'match', token } as const)
    // Until the store has answered nobody knows which head it has.
    this.#head = null
    const result = await store.put(headKey(this.owner), bytes, { condition })
    if (result.outcome !== 'ok') return false
    this.#head = { manifest: next, token: result.token }
    this.#last = next
    return true
  }

  #known(): Promise<KnownHead> {
    return this.#head === null ? this.#read() : Promise.resolve(this.#head)
  }

  async #read(): Promise<KnownHead> {
    const { crypto, store } = this.#deps
    const key = headKey(this.owner)
    const before = this.#last?.sequence ?? 0
    const found = await store.get(key)
    if (found === null && before > 0) {
      throw new OperatingError(
        'corrupt',
        `Cannot archive ${this.owner.topicName}-${this.owner.partition}: its manifest ${key} has ` +
          'vanished from the store; bring it back, local records are kept until then',
      )
    }
    const head =
      found === null
        ? { manifest: this.#first(), token: null }
        : { manifest: readHead(crypto, key, this.owner, found.bytes), token: found.token }
    const { sequence } = head.manifest
    if (sequence < before) {
      throw new OperatingError(
        'corrupt',
        `Cannot archive ${this.owner.topicName}-${this.owner.partition}: its manifest ${key} is ` +
          'older than the one that was read before; bring the newer one back',
      )
    }
    // A replacement of our own has overtaken this read.
    if (sequence < (this.#last?.sequence ?? 0)) return this.#known()
    this.#head = head
    this.#last = head.manifest
    return head
  }

  #first(): Manifest {
    const { topicName, epoch } = this.owner
    return { ...emptyManifest(this.owner, topicName), writerEpoch: epoch, nonce: '0'.repeat(32) }
  }
}

/**
 * The manifest that `bytes` are. Throws `corrupt` when they are damaged or of another partition,
 * `refused` when they are of a newer version.
 */
export function readHead(
  crypto: Crypto,
  key: string,
  identity: ArchiveIdentity,
  bytes: Uint8Array,
): Manifest {
  let manifest: Manifest
  try {
    manifest = decodeHead(crypto, bytes)
  } catch (cause) {
    if (!(cause instanceof FormatError)) throw cause
    throw new OperatingError('corrupt', `Cannot use ${key}: ${cause.message}`, cause)
  }
  if (manifest.topicId !== identity.topicId || manifest.partition !== identity.partition) {
    throw new OperatingError('corrupt', `Cannot use ${key}: it is of another partition`)
  }
  return manifest
}

/** Bytes as hex digits. */
export const hex = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
