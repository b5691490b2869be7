// Spilled pages of manifests, fetched when somebody asks for an offset that lies on one. They never
// change, so one that was fetched is good for ever; a bounded number of bytes of them is kept, the
// least recently used go first. Whoever asks for a page that is on its way waits for the same
// fetch.
import { FormatError, OperatingError } from '../../base/errors.ts'
import type { Crypto } from '../../ports/crypto.ts'
import type { ObjectStore } from '../../ports/object-store.ts'
import { pageKey, type ArchiveIdentity } from '../keys.ts'
import { Page, pageHash, type PageRef } from '../manifest/page.ts'
import { FailoverStore } from '../store/failover.ts'

/** Pages in memory. */
export class PageCache {
  readonly #crypto: Crypto
  readonly #bytesMax: number
  readonly #pages = new Map<string, Page>()
  readonly #coming = new Map<string, Promise<Page>>()
  #bytes = 0

  constructor(crypto: Crypto, bytesMax: number) {
    this.#crypto = crypto
    this.#bytesMax = bytesMax
  }

  /** Bytes of memory that pages take. */
  get bytes(): number {
    return this.#bytes
  }

  /** The page of `identity` that `ref` names. Throws `corrupt` when it is missing or another. */
  async load(store: ObjectStore, identity: ArchiveIdentity, ref: PageRef): Promise<Page> {
    const key = pageKey(identity, ref)
    const known = this.#pages.get(key)
    if (known !== undefined) {
      this.#pages.delete(key)
      this.#pages.set(key, known)
      return known
    }
    let coming = this.#coming.get(key)
    if (coming === undefined) {
      coming = this.#fetch(store, key, ref).finally(() => this.#coming.delete(key))
      this.#coming.set(key, coming)
    }
    return coming
  }

  async #fetch(store: ObjectStore, key: string, ref: PageRef): Promise<Page> {
    const found = await store.get(key)
    if (found === null) throw new OperatingError('absent', `Cannot read ${key}: it is gone`)
    const page = await this.#open(store, key, ref, found.bytes)
    this.#pages.set(key, page)
    this.#bytes += page.memoryBytes
    for (const [oldest, { memoryBytes }] of this.#pages) {
      if (this.#bytes <= this.#bytesMax) break
      this.#pages.delete(oldest)
      this.#bytes -= memoryBytes
    }
    return page
  }

  /** The page, from another store when `bytes` are not what they should be. */
  async #open(store: ObjectStore, key: string, ref: PageRef, bytes: Uint8Array): Promise<Page> {
    try {
      return openPage(this.#crypto, key, ref, bytes)
    } catch (error) {
      const isCorrupt = error instanceof OperatingError && error.kind === 'corrupt'
      if (!isCorrupt || !(store instanceof FailoverStore)) throw error
      const isSound = (other: Uint8Array): Promise<boolean> =>
        Promise.resolve(pageHash(this.#crypto, other) === ref.hash)
      const found = await store.getSound(key, {}, isSound)
      if (found === null) throw error
      return openPage(this.#crypto, key, ref, found.bytes)
    }
  }
}

/** The page that `bytes` are. Throws `corrupt` unless they are what `ref` names. */
export function openPage(crypto: Crypto, key: string, ref: PageRef, bytes: Uint8Array): Page {
  if (pageHash(crypto, bytes) !== ref.hash) {
    throw new OperatingError('corrupt', `Cannot use ${key}: its bytes are not those of its name`)
  }
  try {
    return Page.open(crypto, bytes)
  } catch (cause) {
    if (!(cause instanceof FormatError)) throw cause
    throw new OperatingError('corrupt', `Cannot use ${key}: ${cause.message}`, cause)
  }
}
