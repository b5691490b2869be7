// Blocks of archived segments, verified. One that is wanted is taken from memory, from a cache,
// from a request that is on its way already, or fetched; neighbours that are missing come in one
// request. Nothing leaves here whose SHA-256 is not what the manifest says. What was read ahead
// waits in a buffer of bounded size until somebody wants it; what nobody wants any more is dropped,
// and a request that nobody waits for any longer is ended.
import { assert, must } from '../../base/assert.ts'
import { OperatingError } from '../../base/errors.ts'
import type { Semaphore } from '../../flow/semaphore.ts'
import type { Crypto } from '../../ports/crypto.ts'
import type { ObjectStore } from '../../ports/object-store.ts'
import { blockKey, type BlockCache } from '../cache/blocks.ts'
import { segmentKey, type ArchiveIdentity } from '../keys.ts'
import { BLOCK_BYTES, BLOCK_HASH_BYTES } from '../manifest/block-table.ts'
import type { SegmentEntry } from '../manifest/entry.ts'

/** What blocks are read through. */
export interface BlockDeps {
  readonly crypto: Crypto
  readonly cache: BlockCache | null
  /** Bounds how many bytes are on their way from the store at the same time. */
  readonly lane: Semaphore
}

/** An archived segment and where it lies. */
export interface SegmentPlace {
  readonly store: ObjectStore
  readonly identity: ArchiveIdentity
  readonly entry: SegmentEntry
}

/** Name of the object of `place`. */
export const placeKey = ({ identity, entry }: SegmentPlace): string =>
  segmentKey(identity, { base: entry.objectBase, epoch: entry.epoch, nonce: entry.nonce })

/** A block on its way, or read ahead and waiting to be wanted. */
interface Held {
  readonly bytes: Promise<Uint8Array>
  readonly request: Request
  /** Reads that wait for it. */
  waiting: number
  /** Nobody has asked for it yet. */
  ahead: boolean
}

/** One request to the store and how many blocks of it somebody still wants, or may. */
interface Request {
  readonly abort: AbortController
  wanted: number
}

/** Verified blocks of any segment. */
export class Blocks {
  readonly #deps: BlockDeps
  readonly #aheadMax: number
  readonly #held = new Map<string, Held>()
  #aheadBytes = 0

  /** `aheadBytesMax` bounds what was read ahead and is not wanted yet. */
  constructor(deps: BlockDeps, options: { readonly aheadBytesMax: number }) {
    this.#deps = deps
    this.#aheadMax = options.aheadBytesMax
  }

  /** Bytes that were read ahead and wait, or are on their way to. */
  get aheadBytes(): number {
    return this.#aheadBytes
  }

  /**
   * Blocks `[from, to)`. Throws `corrupt` when the object is not what the manifest says, `absent`
   * when it is gone, `retry` when the store cannot be reached, `closed` once `signal` is aborted.
   */
  async read(
    place: SegmentPlace,
    from: number,
    to: number,
    signal?: AbortSignal,
  ): Promise<Uint8Array[]> {
    assert(from < to && to <= place.entry.blocks.length, 'A segment has the blocks that are read')
    const key = placeKey(place)
    const found = await this.#lookUp(place.entry, key, from, to)
    // From here to the last wait nothing else runs: what is held now is still held then.
    this.#fetchMissing(place, key, found, from)
    const waits = found.map((block, at) =>
      block !== null ? Promise.resolve(block) : this.#wait(blockKey(key, from + at), signal),
    )
    const blocks: Uint8Array[] = []
    for (const one of await Promise.allSettled(waits)) {
      if (one.status === 'rejected') throw one.reason
      blocks.push(one.value)
    }
    return blocks
  }

  /** Begins to read blocks `[from, to)` that nobody wants yet, as far as the buffer has room. */
  readAhead(place: SegmentPlace, from: number, to: number): void {
    const key = placeKey(place)
    const room = Math.floor((this.#aheadMax - this.#aheadBytes) / BLOCK_BYTES)
    const last = Math.min(to, place.entry.blocks.length, from + room)
    let next = from
    while (next < last) {
      while (next < last && this.#held.has(blockKey(key, next))) next++
      let end = next
      while (end < last && !this.#held.has(blockKey(key, end))) end++
      if (next < end) this.#fetch(place, key, next, end, true)
      next = end
    }
  }

  /** Lets go of blocks `[from, to)` that were read ahead for a reader who has gone. */
  forget(place: SegmentPlace, from: number, to: number): void {
    const key = placeKey(place)
    for (let i = from; i < to; i++) {
      const held = this.#held.get(blockKey(key, i))
      if (held?.ahead === true) this.#drop(blockKey(key, i), held)
    }
  }

  /** Blocks that a cache has; null for the others. */
  async #lookUp(
    entry: SegmentEntry,
    key: string,
    from: number,
    to: number,
  ): Promise<(Uint8Array | null)[]> {
    const { cache } = this.#deps
    const found: (Uint8Array | null)[] = []
    for (let i = from; i < to; i++) {
      const name = blockKey(key, i)
      const cached = cache === null || this.#held.has(name) ? null : cache.get(name)
      const bytes = cached instanceof Promise ? await cached : cached
      found.push(bytes !== null && (await this.#isSound(entry, i, bytes)) ? bytes : null)
    }
    return found
  }

  /** Requests what was not found and is not on its way, neighbours in one request. */
  #fetchMissing(
    place: SegmentPlace,
    key: string,
    found: readonly (Uint8Array | null)[],
    first: number,
  ): void {
    const missing = (at: number): boolean =>
      at < found.length && found[at] === null && !this.#held.has(blockKey(key, first + at))
    for (let at = 0; at < found.length; at++) {
      let end = at
      while (missing(end)) end++
      if (end > at) this.#fetch(place, key, first + at, first + end, false)
      if (end > at) at = end
    }
  }

  /** Waits for a block that is held. */
  async #wait(name: string, signal: AbortSignal | undefined): Promise<Uint8Array> {
    const held = must(this.#held.get(name), 'A block that is wanted is on its way')
    held.waiting++
    if (held.ahead) {
      held.ahead = false
      this.#aheadBytes -= BLOCK_BYTES
    }
    try {
      return await (signal === undefined ? held.bytes : unlessAborted(held.bytes, signal))
    } finally {
      held.waiting--
      if (held.waiting === 0) this.#drop(name, held)
    }
  }

  /** Holds a block no longer; ends its request when nobody wants any other block of it. */
  #drop(name: string, held: Held): void {
    if (this.#held.get(name) !== held) return
    this.#held.delete(name)
    if (held.ahead) this.#aheadBytes -= BLOCK_BYTES
    held.request.wanted--
    if (held.request.wanted === 0) held.request.abort.abort()
  }

  /** Requests blocks `[from, to)` and holds them. */
  #fetch(place: SegmentPlace, key: string, from: number, to: number, ahead: boolean): void {
    const request: Request = { abort: new AbortController(), wanted: to - from }
    const coming = this.#get(place, key, from, to, request.abort.signal)
    for (let i = from; i < to; i++) {
      const name = blockKey(key, i)
      const bytes = coming.then((all) => {
        const at = (i - from) * BLOCK_BYTES
        return this.#verified(place.entry, name, i, all.subarray(at, at + BLOCK_BYTES), ahead)
      })
      const held: Held = { bytes, request, waiting: 0, ahead }
      if (ahead) this.#aheadBytes += BLOCK_BYTES
      this.#held.set(name, held)
      // Who waits for it hears of a failure; who comes later asks anew.
      bytes.catch(() => this.#drop(name, held))
    }
  }

  async #verified(
    entry: SegmentEntry,
    name: string,
    i: number,
    block: Uint8Array,
    ahead: boolean,
  ): Promise<Uint8Array> {
    if (!(await this.#isSound(entry, i, block))) {
      throw new OperatingError(
        'corrupt',
        `Cannot use ${name}: its bytes (from ${i * BLOCK_BYTES} on) are not what was archived`,
      )
    }
    const { cache } = this.#deps
    if (ahead) cache?.putPassing?.(name, block)
    else cache?.put(name, block)
    return block
  }

  async #get(
    { store, entry }: SegmentPlace,
    key: string,
    from: number,
    to: number,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    const range = { from: from * BLOCK_BYTES, to: Math.min(to * BLOCK_BYTES, entry.dataLength) }
    const release = await this.#deps.lane.acquire(range.to - range.from, signal)
    try {
      const found = await store.get(key, { range, signal })
      if (found === null) throw new OperatingError('absent', `Cannot read ${key}: it is gone`)
      if (found.bytes.length !== range.to - range.from) {
        throw new OperatingError('corrupt', `Cannot use ${key}: it is shorter than was archived`)
      }
      return found.bytes
    } finally {
      release()
    }
  }

  async #isSound(entry: SegmentEntry, i: number, bytes: Uint8Array): Promise<boolean> {
    if (bytes.length !== Math.min(BLOCK_BYTES, entry.dataLength - i * BLOCK_BYTES)) return false
    const digest = await this.#deps.crypto.digest(bytes)
    const expected = entry.blocks.hashAt(i)
    for (let at = 0; at < BLOCK_HASH_BYTES; at++) {
      if (digest[at] !== expected[at]) return false
    }
    return true
  }
}

/** `work`, or `closed` as soon as `signal` is aborted. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(new OperatingError('closed', 'The reader has gone'))
    if (signal.aborted) return stop()
    signal.addEventListener('abort', stop, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop))
  })
}
