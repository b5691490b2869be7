// Which blocks to keep: S3-FIFO (Yang et al., "FIFO queues are all you need for cache eviction",
// 2023). New blocks stand in a short queue and leave it unless somebody comes back for them; those
// that are come back for stand in a long one and get another round for each time. Keys of what left
// the short queue are remembered for a while. So a backfill, which reads everything once, passes
// through the short queue and washes nothing out. It keeps keys and sizes only, not the blocks.
//
//   (nobody) ─▶ new ──came back──▶ kept ──┐ another round for each time it was used
//                └──▶ remembered ──▲  ▲───┘
import { assert } from '../../base/assert.ts'

/** Share of the room that new blocks may take while there are others. */
const NEW_SHARE = 1 / 5
/** Most times that a use is remembered, and most entries of either kind. */
const USES_MAX = 3
const ENTRIES_MAX = 65_536

interface Entry {
  readonly size: number
  uses: number
  /** `#admittedBytes` when it was last counted as used. */
  seenAt: number
}

/** The queues of one cache. */
export class BlockQueues {
  #bytesMax: number
  readonly #new = new Map<string, Entry>()
  readonly #kept = new Map<string, Entry>()
  readonly #remembered = new Map<string, number>()
  #newBytes = 0
  #keptBytes = 0
  #rememberedBytes = 0
  #admittedBytes = 0

  constructor(bytesMax: number) {
    assert(bytesMax > 0, 'A cache has room')
    this.#bytesMax = bytesMax
  }

  /** Bytes of all blocks that are in. */
  get bytes(): number {
    return this.#newBytes + this.#keptBytes
  }

  /** Number of blocks that are in. */
  get count(): number {
    return this.#new.size + this.#kept.size
  }

  /** Takes a block in that is not in; returns the keys of those that have to go for it. */
  admit(key: string, size: number): string[] {
    assert(size <= this.#bytesMax, 'A block fits into its cache')
    assert(!this.#new.has(key) && !this.#kept.has(key), 'A block is taken in once')
    const gone = this.makeRoom(size)
    const entry: Entry = { size, uses: 0, seenAt: this.#admittedBytes }
    this.#admittedBytes += size
    const remembered = this.#remembered.get(key)
    if (remembered === undefined) this.#enter('new', key, entry)
    else {
      this.#remembered.delete(key)
      this.#rememberedBytes -= remembered
      this.#enter('kept', key, entry)
    }
    return gone
  }

  /** Lets blocks go until `size` bytes more have room; returns their keys. */
  makeRoom(size: number): string[] {
    const gone: string[] = []
    while (this.bytes + size > this.#bytesMax || this.count >= ENTRIES_MAX) {
      assert(this.count > 0, 'Who is too full has something')
      const key =
        this.#newBytes > this.#bytesMax * NEW_SHARE || this.#kept.size === 0
          ? this.#passNew()
          : this.#passKept()
      if (key !== null) gone.push(key)
    }
    return gone
  }

  /** Puts a block into the queue that it was in before a restart. */
  restore(key: string, size: number, kept: boolean): void {
    assert(this.bytes + size <= this.#bytesMax, 'What is restored has room')
    this.#enter(kept ? 'kept' : 'new', key, { size, uses: 0, seenAt: this.#admittedBytes })
  }

  /**
   * Notes that a block was used. A reader who takes a block in several pieces uses it once: what
   * follows closely on the last use is not counted.
   */
  touch(key: string): void {
    const entry = this.#new.get(key) ?? this.#kept.get(key)
    if (entry === undefined) return
    if (this.#admittedBytes - entry.seenAt < (this.#bytesMax * NEW_SHARE) / 2) return
    entry.seenAt = this.#admittedBytes
    entry.uses = Math.min(entry.uses + 1, USES_MAX)
  }

  /** Takes a block out, if it is in. */
  remove(key: string): void {
    const young = this.#new.get(key)
    if (young !== undefined) this.#leave('new', key, young)
    const kept = this.#kept.get(key)
    if (kept !== undefined) this.#leave('kept', key, kept)
  }

  /** Has less room from now on; returns the keys of those that have to go. */
  shrink(bytesMax: number): string[] {
    assert(bytesMax > 0, 'A cache has room')
    this.#bytesMax = Math.min(bytesMax, this.#bytesMax)
    return this.makeRoom(0)
  }

  /** Everything that is in, the oldest of each queue first. */
  *entries(): Generator<{ readonly key: string; readonly kept: boolean }> {
    for (const key of this.#new.keys()) yield { key, kept: false }
    for (const key of this.#kept.keys()) yield { key, kept: true }
  }

  /** Forgets everything. */
  clear(): void {
    this.#new.clear()
    this.#kept.clear()
    this.#remembered.clear()
    this.#newBytes = 0
    this.#keptBytes = 0
    this.#rememberedBytes = 0
  }

  /** Moves the oldest new block on, or out: then it returns its key. */
  #passNew(): string | null {
    for (const [key, entry] of this.#new) {
      this.#leave('new', key, entry)
      if (entry.uses > 0) {
        entry.uses = 0
        this.#enter('kept', key, entry)
        return null
      }
      this.#remember(key, entry.size)
      return key
    }
    return null
  }

  #passKept(): string | null {
    for (const [key, entry] of this.#kept) {
      this.#leave('kept', key, entry)
      if (entry.uses === 0) return key
      entry.uses--
      this.#enter('kept', key, entry)
      return null
    }
    return null
  }

  #remember(key: string, size: number): void {
    this.#remembered.set(key, size)
    this.#rememberedBytes += size
    for (const [oldest, bytes] of this.#remembered) {
      const few = this.#remembered.size <= ENTRIES_MAX
      if (few && this.#rememberedBytes <= this.#bytesMax) return
      this.#remembered.delete(oldest)
      this.#rememberedBytes -= bytes
    }
  }

  #enter(queue: 'new' | 'kept', key: string, entry: Entry): void {
    if (queue === 'new') this.#newBytes += entry.size
    else this.#keptBytes += entry.size
    ;(queue === 'new' ? this.#new : this.#kept).set(key, entry)
  }

  #leave(queue: 'new' | 'kept', key: string, entry: Entry): void {
    if (queue === 'new') this.#newBytes -= entry.size
    else this.#keptBytes -= entry.size
    ;(queue === 'new' ? this.#new : this.#kept).delete(key)
  }
}
