// Memory for pieces of segments on their way to a store. A piece is some MiB that begin on a page,
// as direct reads want it; making one anew for every part costs more than reading it, because
// memory of that size comes from the kernel page by page and goes by a full collection. So pieces
// that are given back are used again. One that never comes back, of a request that was given up, is
// simply forgotten.
import { MiB, alignUp } from '../../base/units.ts'
import { DIRECT_ALIGNMENT, pageAlignedMemory, pageAlignedPiece } from '../../ports/disk.ts'

/** Bytes of the pieces that are kept: what stores take in one part. */
const PIECE_BYTES: number = 8 * MiB

/** Pieces to be used again. */
export class PartMemory {
  readonly #bytesMax: number
  readonly #free: Uint8Array[] = []
  /** Buffers of pieces that are out, so that nothing foreign is taken for one. */
  readonly #out = new Map<ArrayBufferLike, Uint8Array>()

  /** Keeps at most `bytesMax` bytes of pieces that nobody uses. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** `size` bytes of any content that begin on a page. */
  take(size: number): Uint8Array {
    if (size > PIECE_BYTES) {
      return pageAlignedMemory(Math.ceil(size / 65536) * 65536).subarray(0, size)
    }
    // What would not be kept need be no larger than what was asked for.
    if (this.#bytesMax < PIECE_BYTES) {
      return pageAlignedPiece(alignUp(size, DIRECT_ALIGNMENT)).subarray(0, size)
    }
    const piece = this.#free.pop() ?? pageAlignedMemory(PIECE_BYTES)
    this.#out.set(piece.buffer, piece)
    // A map of pieces that are out must not keep those alive that never come back.
    if (this.#out.size > 64) this.#out.delete(this.#out.keys().next().value ?? piece.buffer)
    return piece.subarray(0, size)
  }

  /** Lets go of all that nobody uses. */
  clear(): void {
    this.#free.length = 0
  }

  /** Takes back what `take` gave, or a view of it; anything else is ignored. */
  give(bytes: Uint8Array): void {
    const piece = this.#out.get(bytes.buffer)
    if (piece === undefined) return
    this.#out.delete(bytes.buffer)
    if ((this.#free.length + 1) * PIECE_BYTES <= this.#bytesMax) this.#free.push(piece)
  }
}
