// The newest offset of each key, in memory of a fixed size: open addressing over two typed arrays,
// 24 bytes a key. Keys are known by 128 bits of their SHA-256: two keys that share them would cost
// the older one its last value, so the hash must be one that nobody can aim. When the map is full
// it says so, and whoever fills it goes no further. Pure but for the hash.
import { assert } from '../../base/assert.ts'
import type { Crypto } from '../../ports/crypto.ts'

/** Bytes of memory per slot: four words of hash and an offset. */
export const SLOT_BYTES = 24
/** Fewer slots than this are not worth saving. */
const SLOTS_MIN = 16
/** Stands for an empty slot. */
const EMPTY = -1

/** How large a map may be. */
export interface OffsetMapSize {
  /** Memory of the map in bytes, at most: `log.cleaner.dedupe.buffer.size`. */
  readonly bytesMax: number
  /** Share of the slots that may be taken, above 0 and at most 1. */
  readonly loadFactor: number
  /** Keys that there are at most; the map is no larger than they need. */
  readonly keysMax: number
}

/** Keys and their newest offsets. */
export class OffsetMap {
  readonly #crypto: Pick<Crypto, 'sha256'>
  readonly #slots: number
  readonly #keysMax: number
  readonly #hashes: Uint32Array
  readonly #offsets: Float64Array
  #size = 0
  #h0 = 0
  #h1 = 0
  #h2 = 0
  #h3 = 0

  constructor(crypto: Pick<Crypto, 'sha256'>, size: OffsetMapSize) {
    assert(size.loadFactor > 0, 'A map may be filled')
    assert(size.loadFactor <= 1, 'A map is not filled beyond its slots')
    const wanted = Math.ceil(size.keysMax / size.loadFactor) + 1
    const slots = Math.min(Math.floor(size.bytesMax / SLOT_BYTES), wanted)
    this.#crypto = crypto
    this.#slots = Math.max(SLOTS_MIN, slots)
    // One slot at least stays empty, which is where every search ends.
    this.#keysMax = Math.min(Math.floor(this.#slots * size.loadFactor), this.#slots - 1)
    this.#hashes = new Uint32Array(this.#slots * 4)
    this.#offsets = new Float64Array(this.#slots).fill(EMPTY)
    assert(this.#keysMax > 0, 'A map has room for a key')
  }

  /** Keys in the map. */
  get size(): number {
    return this.#size
  }

  /** Bytes of memory that the map takes. */
  get memoryBytes(): number {
    return this.#slots * SLOT_BYTES
  }

  /**
   * Notes that `key` has a record at `offset`, which is above all those noted before. False when
   * the key is new and there is no room for it; nothing has changed then.
   */
  put(key: Uint8Array, offset: number): boolean {
    assert(offset >= 0, 'A map takes offsets of records')
    const slot = this.#find(key)
    const known = this.#offsets[slot] as number
    if (known === EMPTY) {
      if (this.#size === this.#keysMax) return false
      this.#size++
      const at = slot * 4
      this.#hashes[at] = this.#h0
      this.#hashes[at + 1] = this.#h1
      this.#hashes[at + 2] = this.#h2
      this.#hashes[at + 3] = this.#h3
    }
    assert(offset > known, 'Offsets rise as the log does')
    this.#offsets[slot] = offset
    return true
  }

  /** The newest offset that was noted for `key`; -1 when none was. */
  get(key: Uint8Array): number {
    return this.#offsets[this.#find(key)] as number
  }

  /** The slot of `key`, or the empty one where it belongs; leaves its hash in the four fields. */
  #find(key: Uint8Array): number {
    const hash = this.#crypto.sha256(key)
    this.#h0 = wordAt(hash, 0)
    this.#h1 = wordAt(hash, 4)
    this.#h2 = wordAt(hash, 8)
    this.#h3 = wordAt(hash, 12)
    let slot = this.#h0 % this.#slots
    while (this.#offsets[slot] !== EMPTY) {
      const at = slot * 4
      if (
        this.#hashes[at] === this.#h0 &&
        this.#hashes[at + 1] === this.#h1 &&
        this.#hashes[at + 2] === this.#h2 &&
        this.#hashes[at + 3] === this.#h3
      ) {
        return slot
      }
      slot = slot + 1 === this.#slots ? 0 : slot + 1
    }
    return slot
  }
}

/** Four bytes as an unsigned number. */
const wordAt = (bytes: Uint8Array, at: number): number =>
  (((bytes[at] as number) << 24) |
    ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number)) >>>
  0
