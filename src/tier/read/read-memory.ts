// Memory that archived bytes are read into. Made anew for every request it would come from the
// kernel page by page, and go by a full collection every few of them; so what nobody looks at any
// more is used again. Several blocks of one request lie in one piece, which is free when the last
// of them is let go.
import { assert } from '../../base/assert.ts'
import { MiB } from '../../base/units.ts'
import type { ObjectMemory } from '../../ports/object-store.ts'

/** Pieces larger than this are not kept. */
const PIECE_BYTES_MAX: number = 16 * MiB

/** Pieces of whole MiB, to be used again. One that never comes back is simply forgotten. */
export class ReadMemory implements ObjectMemory {
  readonly #bytesMax: number
  /** Those that nobody uses, the one that came last at the end. */
  readonly #free: Uint8Array[] = []
  readonly #out = new WeakSet<ArrayBufferLike>()
  #freeBytes = 0

  /** Keeps at most `bytesMax` bytes that nobody uses. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** Bytes that wait to be used again. */
  get freeBytes(): number {
    return this.#freeBytes
  }

  take(bytes: number): Uint8Array {
    const size = Math.ceil(bytes / MiB) * MiB
    // A piece much larger than what is wanted would keep memory from those who want more.
    const fitting = this.#free.findLastIndex(({ length }) => length >= size && length <= 2 * size)
    const [piece = new Uint8Array(size)] = fitting < 0 ? [] : this.#free.splice(fitting, 1)
    if (fitting >= 0) this.#freeBytes -= piece.length
    this.#out.add(piece.buffer)
    return piece.subarray(0, bytes)
  }

  give({ buffer }: Uint8Array): void {
    // What is not from here is its owner's.
    if (!this.#out.delete(buffer) || buffer.byteLength > PIECE_BYTES_MAX) return
    this.#free.push(new Uint8Array(buffer))
    this.#freeBytes += buffer.byteLength
    while (this.#freeBytes > this.#bytesMax) this.#freeBytes -= this.#free.shift()?.length ?? 0
  }
}

/** Memory with several blocks in it, or one, and how many look at it. */
export class Piece {
  readonly bytes: Uint8Array
  readonly #memory: ObjectMemory | null
  #users: number

  /** `memory` is where it goes when none of `users` looks at it any more; nowhere, if null. */
  constructor(bytes: Uint8Array, memory: ObjectMemory | null, users = 1) {
    this.bytes = bytes
    this.#memory = memory
    this.#users = users
  }

  retain(): void {
    assert(this.#users > 0, 'What is let go is not taken again')
    this.#users++
  }

  release(): void {
    assert(this.#users > 0, 'A piece is let go by those who look at it')
    if (--this.#users === 0) this.#memory?.give(this.bytes)
  }
}

/** A block of an archived segment, to be looked at as long as its piece is not let go. */
export interface Block {
  readonly bytes: Uint8Array
  readonly piece: Piece
}

/** A block in memory that is not used again. */
export const ownBlock = (bytes: Uint8Array): Block => ({ bytes, piece: new Piece(bytes, null) })
