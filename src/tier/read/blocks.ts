// Blocks of archived segments, verified. One that is wanted is taken from memory, from a cache,
// from a request that is on its way already, or fetched; neighbours that are missing come in one
// request. Nothing leaves here whose SHA-256 is not what the manifest says. What was read ahead
// waits in a buffer of bounded size until somebody wants it; what nobody wants any more is dropped,
// what nobody comes for makes room for others in time, and a request that nobody waits for any
// longer is ended.
import { assert, must } from '../../base/assert.ts'
import { OperatingError } from '../../base/errors.ts'
import type { Pace } from '../../flow/pace.ts'
import type { Semaphore } from '../../flow/semaphore.ts'
import type { Crypto } from '../../ports/crypto.ts'
import type { ObjectBytes, ObjectMemory, ObjectStore } from '../../ports/object-store.ts'
import { blockKey, type BlockCache as WholeCache } from '../cache/blocks.ts'
import type { ArchiveIdentity } from '../keys.ts'
import { BLOCK_BYTES } from '../manifest/block-table.ts'
import { entryKey, type SegmentEntry } from '../manifest/entry.ts'
import { FailoverStore } from '../store/failover.ts'
import { Piece, ownBlock, type Block } from './read-memory.ts'
import { isSoundBlock } from './sound.ts'

/** Where blocks are kept beyond this buffer. What it gives is verified again. */
export type BlockCache = Pick<WholeCache, 'get' | 'put' | 'putPassing'>

/** What blocks are read through. */
export interface BlockDeps {
  readonly crypto: Crypto
  readonly memory: ObjectMemory
  readonly cache: BlockCache | null
  /** Bounds how many bytes are on their way from the store at the same time. */
  readonly lane: Semaphore
  /** Holds requests up while producers wait; none does, if absent. */
  readonly pace?: Pace
}

/** An archived segment and where it lies. */
export interface SegmentPlace {
  readonly store: ObjectStore
  readonly identity: ArchiveIdentity
  readonly entry: SegmentEntry
}

/** Name of the object of `place`. */
export const placeKey = ({ identity, entry }: SegmentPlace): string => entryKey(identity, entry)

/** A block on its way, or read ahead and waiting to be wanted. */
interface Held {
  readonly block: Promise<Block>
  readonly request: Request
  /** Reads that wait for it. */
  waiting: number
  /** Nobody has asked for it yet. */
  ahead: boolean
  /** What `#wished` was when it was read ahead, or when its reader was last heard of. */
  since: number
}

/** One request to the store and how many blocks of it somebody still wants, or may. */
interface Request {
  readonly abort: AbortController
  wanted: number
}

/**
 * A block that was read ahead has to go when there is no room, once so many times the whole buffer
 * was wished for since its reader was last heard of.
 */
const PATIENCE = 4

/** Verified blocks of any segment. */
export class Blocks {
  readonly #deps: BlockDeps
  readonly #aheadMax: number
  readonly #held = new Map<string, Held>()
  #aheadBytes = 0
  /** Bytes that were ever wished to be read ahead, whether there was room or not. */
  #wished = 0

  /** `aheadBytesMax` bounds what was read ahead and is not wanted yet. */
  constructor(deps: BlockDeps, options: { readonly aheadBytesMax: number }) {
    this.#deps = deps
    this.#aheadMax = options.aheadBytesMax
  }

  /** Blocks that are on their way, or wait. */
  get heldBlocks(): number {
    return this.#held.size
  }

  /** Bytes that were read ahead and wait, or are on their way to. */
  get aheadBytes(): number {
    return this.#aheadBytes
  }

  /**
   * Blocks `[from, to)`, of which each has to be let go by whoever has read it. Throws `corrupt`
   * when the object is not what the manifest says, `absent` when it is gone, `retry` when the store
   * cannot be reached, `closed` once `signal` is aborted.
   */
  async read(
    place: SegmentPlace,
    from: number,
    to: number,
    signal?: AbortSignal,
  ): Promise<Block[]> {
    assert(from < to, 'A read is of some blocks')
    assert(to <= place.entry.blocks.length, 'A segment has the blocks that are read')
    if (signal?.aborted === true) throw readerHasGone()
    const key = placeKey(place)
    this.#hold(place, key, { from, to, ahead: false })
    const waits: Promise<Block>[] = []
    for (let i = from; i < to; i++) waits.push(this.#wait(blockKey(key, i), signal))
    const outcomes = await Promise.allSettled(waits)
    const blocks = outcomes.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
    const failed = outcomes.find((one) => one.status === 'rejected')
    if (failed === undefined) return blocks
    for (const { piece } of blocks) piece.release()
    throw failed.reason
  }

  /** The most blocks that may ever be read ahead. */
  get aheadBlocksMax(): number {
    return Math.floor(this.#aheadMax / BLOCK_BYTES)
  }

  /**
   * Begins to read blocks `[from, to)` that nobody wants yet, or has them wait longer; false, and
   * nothing is read, when the buffer has no room for all of them.
   */
  readAhead(place: SegmentPlace, from: number, to: number): boolean {
    assert(to <= place.entry.blocks.length, 'A segment has the blocks that are read')
    const key = placeKey(place)
    let missing = 0
    for (let i = from; i < to; i++) {
      const name = blockKey(key, i)
      const held = this.#held.get(name)
      if (held === undefined) missing++
      else if (held.ahead) this.#renew(name, held)
    }
    if (!this.#hasRoom(missing)) return false
    this.#hold(place, key, { from, to, ahead: true })
    return true
  }

  /** Keeps block `i`, which was read, for a reader who will go on in it. */
  keep(place: SegmentPlace, i: number, read: Block): void {
    const name = blockKey(placeKey(place), i)
    if (this.#held.has(name) || !this.#hasRoom(1)) return
    const block = Promise.resolve(this.#alone(read))
    const request = { abort: new AbortController(), wanted: 1 }
    this.#held.set(name, { block, request, waiting: 0, ahead: true, since: this.#wished })
    this.#aheadBytes += BLOCK_BYTES
  }

  /** The same block in a piece of its own: one of several in the same would keep all of it. */
  #alone(read: Block): Block {
    const { bytes, piece } = read
    if (piece.bytes.length < 2 * BLOCK_BYTES) {
      piece.retain()
      return read
    }
    const { memory } = this.#deps
    const copy = memory.take(bytes.length)
    copy.set(bytes)
    return { bytes: copy, piece: new Piece(copy, memory) }
  }

  /** Lets go of blocks `[from, to)` that were read ahead for a reader who has gone. */
  forget(place: SegmentPlace, from: number, to: number): void {
    const key = placeKey(place)
    for (let i = from; i < to; i++) {
      const held = this.#held.get(blockKey(key, i))
      if (held?.ahead === true) this.#drop(blockKey(key, i), held)
    }
  }

  /** Whether `count` blocks more may be held ahead, once those left behind have gone. */
  #hasRoom(count: number): boolean {
    const bytes = count * BLOCK_BYTES
    this.#wished += bytes
    for (const [name, held] of this.#held) {
      if (this.#aheadBytes + bytes <= this.#aheadMax) break
      if (this.#wished - held.since < PATIENCE * this.#aheadMax) break
      if (held.ahead) this.#drop(name, held)
    }
    return this.#aheadBytes + bytes <= this.#aheadMax
  }

  /** Makes a block that was read ahead the last to be left behind. */
  #renew(name: string, held: Held): void {
    this.#held.delete(name)
    this.#held.set(name, held)
    held.since = this.#wished
  }

  /** Holds blocks `[from, to)`: obtains those that are not held yet, neighbours together. */
  #hold(
    place: SegmentPlace,
    key: string,
    { from, to, ahead }: { readonly from: number; readonly to: number; readonly ahead: boolean },
  ): void {
    for (let next = from; next < to; next++) {
      let end = next
      while (end < to && !this.#held.has(blockKey(key, end))) end++
      if (end === next) continue
      this.#obtain(place, key, { from: next, to: end, ahead })
      next = end
    }
  }

  /** Waits for a block that is held. */
  async #wait(name: string, signal: AbortSignal | undefined): Promise<Block> {
    const held = must(this.#held.get(name), 'A block that is wanted is on its way')
    held.waiting++
    if (held.ahead) {
      held.ahead = false
      this.#aheadBytes -= BLOCK_BYTES
    }
    try {
      const block = await (signal === undefined ? held.block : unlessAborted(held.block, signal))
      // Whoever waits for it keeps it held, so that nobody has let it go yet.
      block.piece.retain()
      return block
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
    held.block.then(
      ({ piece }) => piece.release(),
      () => undefined,
    )
    held.request.wanted--
    if (held.request.wanted === 0) held.request.abort.abort()
  }

  /** Obtains blocks `[from, to)`, of which none is held, and holds them. */
  #obtain(
    place: SegmentPlace,
    key: string,
    { from, to, ahead }: { readonly from: number; readonly to: number; readonly ahead: boolean },
  ): void {
    const request: Request = { abort: new AbortController(), wanted: to - from }
    const coming = this.#begin(place, key, { from, to, ahead, signal: request.abort.signal })
    for (let i = from; i < to; i++) {
      const name = blockKey(key, i)
      const block = coming.then((blocks) => must(blocks[i - from], 'A block of those obtained'))
      const held: Held = { block, request, waiting: 0, ahead, since: this.#wished }
      if (ahead) this.#aheadBytes += BLOCK_BYTES
      this.#held.set(name, held)
      // Who waits for it hears of a failure; who comes later asks anew.
      block.catch(() => this.#drop(name, held))
    }
  }

  /** Takes blocks `[from, to)` from the cache, and begins to fetch what it has not. */
  async #begin(
    place: SegmentPlace,
    key: string,
    {
      from,
      to,
      ahead,
      signal,
    }: {
      readonly from: number
      readonly to: number
      readonly ahead: boolean
      readonly signal: AbortSignal
    },
  ): Promise<readonly Promise<Block>[]> {
    const found: (Uint8Array | null)[] = []
    for (let i = from; i < to; i++) found.push(await this.#cached(place.entry, blockKey(key, i), i))
    const blocks: Promise<Block>[] = []
    while (blocks.length < found.length) {
      const first = blocks.length
      const cached = found[first] ?? null
      if (cached !== null) {
        blocks.push(Promise.resolve(ownBlock(cached)))
        continue
      }
      let end = first
      while (end < found.length && found[end] === null) end++
      const fetched = this.#get(place, key, { from: from + first, to: from + end, signal })
      for (let i = first; i < end; i++) {
        const block = fetched.then((piece) => {
          const at = (i - first) * BLOCK_BYTES
          const bytes = piece.bytes.subarray(at, at + BLOCK_BYTES)
          return this.#verified(place, key, from + i, { block: { bytes, piece }, ahead, signal })
        })
        blocks.push(block)
      }
    }
    return blocks
  }

  /** A block as the cache has it; null when it has none that is sound. */
  async #cached(entry: SegmentEntry, name: string, i: number): Promise<Uint8Array | null> {
    const { cache } = this.#deps
    const bytes = cache === null ? null : await cache.get(name)
    return bytes !== null && (await this.#isSound(entry, i, bytes)) ? bytes : null
  }

  /** The block if it is what was archived. What is read ahead passes by memory's cache. */
  async #verified(
    place: SegmentPlace,
    key: string,
    i: number,
    {
      block: got,
      ahead,
      signal,
    }: { readonly block: Block; readonly ahead: boolean; readonly signal: AbortSignal },
  ): Promise<Block> {
    const name = blockKey(key, i)
    const isSound = await this.#isSound(place.entry, i, got.bytes)
    if (!isSound) got.piece.release()
    const block = isSound ? got : await this.#elsewhere(place, key, i, signal)
    if (block === null) {
      throw new OperatingError(
        'corrupt',
        `Cannot use ${name}: its bytes (from ${i * BLOCK_BYTES} on) are not what was archived`,
      )
    }
    const { cache } = this.#deps
    if (cache === null) return block
    const { bytes, piece } = block
    piece.retain()
    const done = (): void => piece.release()
    if (ahead && cache.putPassing !== undefined) cache.putPassing(name, bytes, done)
    else cache.put(name, bytes, done)
    return block
  }

  /** A block as another store has it; null when there is none that is sound. */
  async #elsewhere(
    { store, entry }: SegmentPlace,
    key: string,
    i: number,
    signal: AbortSignal,
  ): Promise<Block | null> {
    if (!(store instanceof FailoverStore)) return null
    const range = { from: i * BLOCK_BYTES, to: Math.min((i + 1) * BLOCK_BYTES, entry.dataLength) }
    const isSound = (bytes: Uint8Array): Promise<boolean> => this.#isSound(entry, i, bytes)
    const found = await store.getSound(key, { range, signal }, isSound)
    return found === null ? null : ownBlock(found.bytes)
  }

  /** Blocks `[from, to)` as the store has them, in one piece that is looked at once for each. */
  async #get(
    { store, entry }: SegmentPlace,
    key: string,
    {
      from,
      to,
      signal,
    }: { readonly from: number; readonly to: number; readonly signal: AbortSignal },
  ): Promise<Piece> {
    const { memory } = this.#deps
    const users = to - from
    const range = { from: from * BLOCK_BYTES, to: Math.min(to * BLOCK_BYTES, entry.dataLength) }
    const release = await this.#deps.lane.acquire(range.to - range.from, signal)
    try {
      const found = await this.#paced(store, key, range, signal)
      if (found === null) throw new OperatingError('absent', `Cannot read ${key}: it is gone`)
      const length = range.to - range.from
      if (found.bytes.length === length) return new Piece(found.bytes, memory, users)
      memory.give(found.bytes)
      const isWhole = (bytes: Uint8Array): Promise<boolean> =>
        Promise.resolve(bytes.length === length)
      const other =
        store instanceof FailoverStore
          ? await store.getSound(key, { range, signal }, isWhole)
          : null
      if (other !== null) return new Piece(other.bytes, null, users)
      throw new OperatingError('corrupt', `Cannot use ${key}: it is shorter than was archived`)
    } finally {
      release()
    }
  }

  /** Bytes of an object, in small pieces while producers wait. */
  async #paced(
    store: ObjectStore,
    key: string,
    range: { readonly from: number; readonly to: number },
    signal: AbortSignal,
  ): Promise<ObjectBytes | null> {
    const { memory, pace } = this.#deps
    const get = (from: number, to: number): Promise<ObjectBytes | null> =>
      store.get(key, { range: { from, to }, signal, memory })
    const length = range.to - range.from
    await pace?.turn(signal)
    if (pace?.isBusy !== true || length <= BLOCK_BYTES) return get(range.from, range.to)
    const bytes = memory.take(length)
    for (let from = range.from; ; from += BLOCK_BYTES) {
      const to = Math.min(from + BLOCK_BYTES, range.to)
      const found = await get(from, to)
      if (found === null) return null
      bytes.set(found.bytes, from - range.from)
      memory.give(found.bytes)
      const isCut = found.bytes.length < to - from
      const end = from - range.from + found.bytes.length
      if (isCut || to === range.to) return { ...found, bytes: bytes.subarray(0, end) }
      await pace.turn(signal)
    }
  }

  #isSound(entry: SegmentEntry, i: number, bytes: Uint8Array): Promise<boolean> {
    return isSoundBlock(this.#deps.crypto, entry, i, bytes)
  }
}

const readerHasGone = (): OperatingError => new OperatingError('closed', 'The reader has gone')

/** `work`, or `closed` as soon as `signal` is aborted. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(readerHasGone())
    signal.addEventListener('abort', stop, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop))
  })
}
