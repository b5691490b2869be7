// Memory for frames that arrive in pieces, of all connections together. What a peer announces costs
// nothing; room grows with what has arrived, and all rooms above the smallest share one budget. A
// connection that finds the budget used up stops reading until some is given back; one at a time
// may go over it, so that a broker full of half frames still finishes them one by one. Buffers of
// common sizes are kept for reuse, because fresh pages cost more than the copy into them.
import { assert } from '../../base/assert.ts'
import { KiB, MiB } from '../../base/units.ts'

/** The room every partial frame begins with, outside the budget, in bytes. */
export const FRAME_ROOM_MIN = 4 * KiB
/** Buffers kept for reuse, in bytes, and the largest one kept. */
const KEPT_BYTES_MAX = 16 * MiB
const KEPT_SIZE_MAX = 4 * MiB

/** Rooms for partial frames under one budget. */
export class FrameMemory {
  readonly #budgetBytes: number
  #usedBytes = 0
  readonly #kept = new Map<number, Uint8Array[]>()
  #keptBytes = 0
  #waiting: (() => void)[] = []
  #overdrawn = false

  constructor(budgetBytes: number) {
    assert(budgetBytes >= MiB, 'The frame budget holds at least one common batch')
    this.#budgetBytes = budgetBytes
  }

  /** Bytes in rooms above the smallest size. */
  get usedBytes(): number {
    return this.#usedBytes
  }

  /** A room of at least `size` bytes, or null when the budget is used up. Holds old bytes. */
  take(size: number): Uint8Array | null {
    if (size <= FRAME_ROOM_MIN) return new Uint8Array(FRAME_ROOM_MIN)
    const rounded = roundUp(size)
    if (this.#usedBytes + rounded > this.#budgetBytes) {
      if (this.#overdrawn) return null
      this.#overdrawn = true
    }
    this.#usedBytes += rounded
    const kept = this.#kept.get(rounded)?.pop()
    if (kept === undefined) return new Uint8Array(rounded)
    this.#keptBytes -= rounded
    return kept
  }

  /** Gives a room back; its bytes may be overwritten at once. */
  give(room: Uint8Array): void {
    const size = room.length
    if (size <= FRAME_ROOM_MIN) return
    this.#usedBytes -= size
    assert(this.#usedBytes >= 0, 'No more frame memory comes back than was taken')
    if (size <= KEPT_SIZE_MAX && this.#keptBytes + size <= KEPT_BYTES_MAX) {
      let kept = this.#kept.get(size)
      if (kept === undefined) this.#kept.set(size, (kept = []))
      kept.push(room)
      this.#keptBytes += size
    }
    if (this.#usedBytes > this.#budgetBytes) return
    this.#overdrawn = false
    const waiting = this.#waiting
    this.#waiting = []
    for (const run of waiting) run()
  }

  /** Calls `run` when memory has come back. */
  onFreed(run: () => void): void {
    this.#waiting.push(run)
  }
}

/** The next power of two, so that rooms are reusable; whole MiB above 4 MiB. */
function roundUp(size: number): number {
  if (size > 4 * MiB) return Math.ceil(size / MiB) * MiB
  let rounded = 8 * KiB
  while (rounded < size) rounded *= 2
  return rounded
}
