// The state of a simulated bucket: objects with their tokens, what listings show of them, uploads
// that were begun and never ended. It changes at one instant at a time and knows nothing of
// requests; checkers look at it from outside.
import { crc32c } from '../../src/base/crc32c.ts'
import { assert, must } from '../../src/base/assert.ts'
import type { Prng } from '../../src/base/prng.ts'
import { xxhash32 } from '../../src/base/xxhash32.ts'
import type { ListedObject, ObjectPage, PutCondition } from '../../src/ports/object-store.ts'
import type { StoreTraits } from '../../src/ports/object-store.ts'

/** An object as the bucket keeps it. */
export interface StoredObject {
  readonly bytes: Uint8Array
  readonly token: string
  readonly modifiedMs: number
}

/** A state of a key that listings begin to show at `visibleMs`. */
interface Shown {
  readonly visibleMs: number
  readonly object: StoredObject | null
}

/** What a bucket is made of. */
export interface BucketOptions {
  readonly traits: StoreTraits
  /** Listings show a put or a delete up to so many ms late. */
  readonly listLagMs: number
  /** Wall time of the store at virtual time 0. */
  readonly wallMs: number
}

/** Why a put was not done, or the object it made. */
export type PutEffect = StoredObject | 'exists' | 'conflict' | 'rewrite'

/** An object that came, was replaced or went. */
export interface BucketChange {
  readonly atMs: number
  readonly key: string
  readonly before: StoredObject | null
  /** Null when it went. */
  readonly after: StoredObject | null
}

/** Everything that a bucket holds. */
export class BucketState {
  /** Hears of every change at the instant at which it happens; a bit that rots is none. */
  watcher: ((change: BucketChange) => void) | null = null
  readonly #options: BucketOptions
  readonly #prng: Prng
  readonly #objects = new Map<string, StoredObject>()
  readonly #shown = new Map<string, Shown[]>()
  readonly #writtenMs = new Map<string, number>()
  readonly uploads = new Map<number, { readonly key: string; readonly beganMs: number }>()
  #generation = 0

  constructor(prng: Prng, options: BucketOptions) {
    this.#prng = prng
    this.#options = options
  }

  /** The objects, by key. */
  get objects(): ReadonlyMap<string, StoredObject> {
    return this.#objects
  }

  /** Wall time at virtual time `atMs`. */
  wallMs(atMs: number): number {
    return Math.floor(this.#options.wallMs + atMs)
  }

  /** Puts bytes, which are the bucket's from now on, if the condition holds. */
  put(
    atMs: number,
    key: string,
    bytes: Uint8Array,
    condition: PutCondition | undefined,
  ): PutEffect {
    const { traits } = this.#options
    const before = this.#objects.get(key)
    if (atMs - (this.#writtenMs.get(key) ?? -Infinity) < traits.rewriteMs) return 'rewrite'
    if (condition?.kind === 'absent' && traits.createsOnlyIfAbsent && before !== undefined) {
      return 'exists'
    }
    if (condition?.kind === 'match' && traits.swapsByToken && before?.token !== condition.token) {
      return 'conflict'
    }
    const object: StoredObject = {
      bytes,
      token: this.#token(bytes),
      // S3 tells whole seconds.
      modifiedMs: Math.floor(this.wallMs(atMs) / 1000) * 1000,
    }
    this.#objects.set(key, object)
    this.#writtenMs.set(key, atMs)
    this.#show(atMs, key, object)
    this.watcher?.({ atMs, key, before: before ?? null, after: object })
    return object
  }

  /** Removes an object, if there is one. */
  delete(atMs: number, key: string): void {
    const before = this.#objects.get(key)
    if (before === undefined) return
    this.#objects.delete(key)
    this.#show(atMs, key, null)
    this.watcher?.({ atMs, key, before, after: null })
  }

  /** A page of keys as listings show them at `atMs`, and whether anything of it is out of date. */
  list(
    atMs: number,
    options: { readonly prefix: string; readonly cursor: string; readonly limit: number },
  ): { readonly page: ObjectPage; readonly stale: boolean } {
    const { prefix, cursor, limit } = options
    const objects: ListedObject[] = []
    let stale = false
    let next: string | null = null
    for (const key of [...this.#shown.keys()].sort()) {
      if (!key.startsWith(prefix) || key <= cursor) continue
      const object = this.#visible(atMs, key)
      if (object !== (this.#objects.get(key) ?? null)) stale = true
      if (object === null) continue
      if (objects.length === limit) {
        next = must(objects.at(-1), 'A page before the next has objects').key
        break
      }
      const { bytes, token, modifiedMs } = object
      objects.push({ key, size: bytes.length, token, modifiedMs })
    }
    return { page: { objects, next }, stale }
  }

  /** Flips a bit of an object without changing its token, as a medium that rots does. */
  flip(key: string, at?: number): void {
    const object = must(this.#objects.get(key), 'Only bytes of an object rot')
    assert(object.bytes.length > 0, 'Only bytes of an object rot')
    const bytes = new Uint8Array(object.bytes)
    const index = at ?? this.#prng.below(bytes.length)
    bytes[index] = (bytes[index] ?? 0) ^ (1 << this.#prng.below(8))
    const rotten = { ...object, bytes }
    this.#objects.set(key, rotten)
    const history = must(this.#shown.get(key), 'What is stored was shown')
    history.push({ ...must(history.pop(), 'What is stored was shown'), object: rotten })
  }

  #show(atMs: number, key: string, object: StoredObject | null): void {
    const history = this.#shown.get(key) ?? []
    const lagMs = this.#options.listLagMs * this.#prng.float()
    // A key's states are shown in their order.
    const visibleMs = Math.max(atMs + lagMs, history.at(-1)?.visibleMs ?? 0)
    const past = history.findLastIndex((state) => state.visibleMs <= atMs)
    this.#shown.set(key, [...history.slice(Math.max(past, 0)), { visibleMs, object }])
  }

  #visible(atMs: number, key: string): StoredObject | null {
    const history = this.#shown.get(key) ?? []
    return history.findLast((state) => state.visibleMs <= atMs)?.object ?? null
  }

  /** An ETag is a hash of the content, so it comes back with it; a generation never does. */
  #token(bytes: Uint8Array): string {
    const { kind } = this.#options.traits
    if (kind === 'gcs' || kind === 'azure') return String(++this.#generation)
    const high = crc32c(bytes).toString(16)
    return `"${high}${xxhash32(bytes, 0, bytes.length).toString(16)}"`
  }
}
