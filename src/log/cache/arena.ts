// The write cache's memory: one page-aligned block, cut by fours into chunks of 16 KiB to 1 MiB, so
// that a busy partition fills megabytes that go to disk in one direct write while thousands of
// quiet ones hold a few kilobytes each. When nothing is free, the oldest chunk that is flushed and
// no longer being filled is taken back from its owner. One that readers still pin is taken too, so
// that a stuck reader never keeps what comes after it; its memory follows with the last pin, and
// what may be pinned at once is bounded. It knows nothing of batches: a chunk is a window of a
// segment file's bytes, and a batch may straddle two of them.
import { assert, must } from '../../base/assert.ts'
import { KiB, MiB } from '../../base/units.ts'
import { pageAlignedMemory, pageAlignedPiece } from '../../ports/disk.ts'

/** Chunk sizes in bytes, ascending; each is four of the one before. */
export const CHUNK_SIZES: readonly number[] = [16 * KiB, 64 * KiB, 256 * KiB, MiB]

const LARGEST = CHUNK_SIZES.length - 1

/** Share of the memory that readers may pin; what they read beyond it they copy. */
const PINNED_SHARE_MAX = 1 / 4

/** Whoever fills chunks: gives the oldest ones back when memory is short. */
export interface ChunkOwner {
  /** The chunk, the oldest of its owner, has been taken back. */
  evict(chunk: Chunk): void
}

/** A window [position, position + fill) of one segment file, held in memory. */
export class Chunk {
  /** All of the chunk's memory; bytes [0, fill) hold data. Starts on a page boundary. */
  readonly bytes: Uint8Array
  /** Where the memory lies in the arena, in bytes. */
  readonly at: number
  /** Index into CHUNK_SIZES. */
  readonly sizeClass: number
  owner: ChunkOwner | null = null
  /** Position in the segment file of byte 0: a multiple of 4096. */
  position = 0
  fill = 0
  /** Bytes [0, flushed) were handed to the segment file and the write has completed. */
  flushed = 0
  /** Bytes [0, issued) were handed to the segment file; issued ≥ flushed. */
  issued = 0
  /** Readers that still send from it. */
  pins = 0
  /** No more bytes will be added. */
  retired = false
  /** Handed to the arena: may be evicted. */
  evictable = false

  constructor(bytes: Uint8Array, at: number, sizeClass: number) {
    this.bytes = bytes
    this.at = at
    this.sizeClass = sizeClass
  }

  /** Bytes still free behind `fill`. */
  get room(): number {
    return this.bytes.length - this.fill
  }
}

/** Hands out chunks from a fixed budget. */
export class Arena {
  readonly capacityBytes: number
  readonly #memory: Uint8Array
  readonly #free: readonly Set<number>[]
  /** Evictable chunks, oldest first; entries may already have been given back. */
  #evictable: Chunk[] = []
  #head = 0
  #unflushedBytes = 0
  #freeBytes: number
  #heldBytes = 0
  #pinnedBytes = 0
  #openChunks = 0
  /** Evictable chunks that were given back and still stand in the list. */
  #gone = 0
  readonly #blocks: Uint8Array[] = []

  /** `capacityBytes` is rounded down to whole MiB; untouched pages cost no resident memory. */
  constructor(capacityBytes: number) {
    const blocks = Math.floor(capacityBytes / MiB)
    assert(blocks >= 1, 'An arena has at least one MiB')
    this.capacityBytes = blocks * MiB
    this.#memory = pageAlignedMemory(this.capacityBytes)
    this.#free = CHUNK_SIZES.map(() => new Set<number>())
    for (let block = 0; block < blocks; block++) must(this.#free[LARGEST], 'class').add(block * MiB)
    this.#freeBytes = this.capacityBytes
  }

  /** Bytes that were appended and are not yet in a segment file: what cannot be evicted. */
  get unflushedBytes(): number {
    return this.#unflushedBytes
  }

  /** Memory in chunks that cannot be evicted: open, or not yet flushed. */
  get heldBytes(): number {
    return this.#heldBytes
  }

  /** Memory in chunks that readers still send from. */
  get pinnedBytes(): number {
    return this.#pinnedBytes
  }

  /** Memory in chunks of any state. */
  get usedBytes(): number {
    return this.capacityBytes - this.#freeBytes
  }

  /** Chunks that are still being filled. */
  get openChunks(): number {
    return this.#openChunks
  }

  /** Tells the arena that `count` bytes were added to a chunk (or, negative, flushed). */
  account(count: number): void {
    this.#unflushedBytes += count
    assert(this.#unflushedBytes >= 0, 'More bytes were flushed than appended')
  }

  /**
   * A chunk of the preferred size or, when memory is short, of a smaller one; null when every
   * chunk is unflushed or pinned. It comes empty; its memory holds old bytes. What is pinned stays
   * below a quarter, hence null means that producers were not held back in time.
   */
  take(preferredClass: number, owner: ChunkOwner): Chunk | null {
    for (;;) {
      for (let sizeClass = preferredClass; sizeClass >= 0; sizeClass--) {
        const at = this.#takeFree(sizeClass)
        if (at >= 0) return this.#make(at, sizeClass, owner)
      }
      if (!this.#evictOldest()) return null
    }
  }

  /** One page-aligned block of 4 KiB with old bytes in it, for a write that needs a copy. */
  takeBlock(): Uint8Array {
    if (this.#blocks.length === 0) {
      const memory = pageAlignedPiece(64 * KiB)
      for (let at = 0; at < memory.length; at += 4 * KiB) {
        this.#blocks.push(memory.subarray(at, at + 4 * KiB))
      }
    }
    return must(this.#blocks.pop(), 'A block was just made')
  }

  /** Takes a block back. */
  giveBlock(block: Uint8Array): void {
    this.#blocks.push(block)
  }

  /** Notes that no more bytes will be added to a chunk. */
  retire(chunk: Chunk): void {
    assert(!chunk.retired, 'A chunk is retired once')
    chunk.retired = true
    this.#openChunks--
  }

  /** Notes that a chunk is retired and flushed. An owner hands its chunks over oldest first. */
  handOver(chunk: Chunk): void {
    assert(chunk.retired, 'An open chunk is not evictable')
    assert(!chunk.evictable, 'A chunk is handed over once')
    chunk.evictable = true
    this.#heldBytes -= chunk.bytes.length
    this.#evictable.push(chunk)
  }

  /** Whether readers may pin `bytes` more; else they copy. */
  mayPin(bytes: number): boolean {
    return this.#pinnedBytes + bytes <= this.capacityBytes * PINNED_SHARE_MAX
  }

  /** Keeps a chunk's memory as it is until `unpin`. */
  pin(chunk: Chunk): void {
    assert(chunk.owner !== null, 'Only a chunk in use is pinned')
    if (chunk.pins === 0) this.#pinnedBytes += chunk.bytes.length
    chunk.pins++
  }

  /** Lets go of a pin; the last one on a chunk that was given back frees its memory. */
  unpin(chunk: Chunk): void {
    assert(chunk.pins > 0, 'Only a pinned chunk is let go')
    chunk.pins--
    if (chunk.pins > 0) return
    this.#pinnedBytes -= chunk.bytes.length
    if (chunk.owner === null) this.#reclaim(chunk)
  }

  /** Gives a chunk back, forgetting what is unflushed. Pins keep its memory, not the chunk. */
  release(chunk: Chunk): void {
    assert(chunk.owner !== null, 'A chunk is given back once')
    this.account(chunk.flushed - chunk.fill)
    chunk.owner = null
    if (!chunk.retired) this.#openChunks--
    if (chunk.evictable) this.#gone++
    else this.#heldBytes -= chunk.bytes.length
    if (chunk.pins === 0) this.#reclaim(chunk)
  }

  #reclaim(chunk: Chunk): void {
    this.#freeBytes += chunk.bytes.length
    this.#giveBack(chunk.at, chunk.sizeClass)
  }

  #make(at: number, sizeClass: number, owner: ChunkOwner): Chunk {
    const size = must(CHUNK_SIZES[sizeClass], 'class')
    const chunk = new Chunk(this.#memory.subarray(at, at + size), at, sizeClass)
    chunk.owner = owner
    this.#freeBytes -= size
    this.#heldBytes += size
    this.#openChunks++
    return chunk
  }

  #takeFree(sizeClass: number): number {
    const free = must(this.#free[sizeClass], 'class')
    for (const at of free) {
      free.delete(at)
      return at
    }
    if (sizeClass === LARGEST) return -1
    const parent = this.#takeFree(sizeClass + 1)
    if (parent < 0) return -1
    const size = must(CHUNK_SIZES[sizeClass], 'class')
    for (let i = 1; i < 4; i++) free.add(parent + i * size)
    return parent
  }

  #giveBack(at: number, sizeClass: number): void {
    const free = must(this.#free[sizeClass], 'class')
    if (sizeClass < LARGEST) {
      const size = must(CHUNK_SIZES[sizeClass], 'class')
      const parent = at - (at % (size * 4))
      const siblings = [0, 1, 2, 3].map((i) => parent + i * size).filter((s) => s !== at)
      if (siblings.every((s) => free.has(s))) {
        for (const s of siblings) free.delete(s)
        this.#giveBack(parent, sizeClass + 1)
        return
      }
    }
    free.add(at)
  }

  /** Evicts the oldest chunks until one of them leaves its memory; false when none does. */
  #evictOldest(): boolean {
    if (this.#gone > 1024 && this.#gone * 2 > this.#evictable.length) {
      this.#evictable = this.#evictable.filter((chunk) => chunk.owner !== null)
      this.#head = 0
      this.#gone = 0
    }
    while (this.#head < this.#evictable.length) {
      const chunk = must(this.#evictable[this.#head++], 'evictable chunk')
      const owner = chunk.owner
      if (owner === null) continue
      this.release(chunk)
      owner.evict(chunk)
      if (chunk.pins === 0) return true
    }
    return false
  }
}
