// Memory for what connections have received and not yet handled, of all of them together. What a
// peer announces costs nothing; room grows with what has arrived, and all rooms above the smallest
// share one budget. A connection that finds it used up stops reading until some is given back; one
// at a time may go over it, so that a broker full of half frames still finishes them one by one.
// Whole frames that must wait are kept aside, outside that budget and under a limit of their own.
// Buffers of common sizes are kept for reuse, because fresh pages cost more than the copy into
// them.
import { assert } from '../../base/assert.ts'
import { KiB, MiB } from '../../base/units.ts'

/** The room every partial frame begins with, outside the budget, in bytes. */
export const FRAME_ROOM_MIN = 4 * KiB
/** Buffers kept for reuse, in bytes, and the largest one kept. */
const KEPT_BYTES_MAX = 16 * MiB
const KEPT_SIZE_MAX = 4 * MiB
/** Bytes set aside by connections that wait, in budgets; whoever goes over it is closed. */
const ASIDE_BUDGETS = 4
/** Share of the budget from which on connections receive in small pieces. */
const SHORT_SHARE = 3 / 4

/** Rooms for partial frames under one budget. */
export class FrameMemory {
  readonly #budgetBytes: number
  #usedBytes = 0
  readonly #kept = new Map<number, Uint8Array[]>()
  #keptBytes = 0
  #asideBytes = 0
  #waiting = new Set<() => void>()
  #overdrawn = false

  constructor(budgetBytes: number) {
    assert(budgetBytes >= MiB, 'The frame budget holds at least one common batch')
    this.#budgetBytes = budgetBytes
  }

  /** Bytes in rooms above the smallest size. */
  get usedBytes(): number {
    return this.#usedBytes
  }

  /** Bytes kept aside by connections that wait. */
  get asideBytes(): number {
    return this.#asideBytes
  }

  /** Most of the budget is used: receive little at a time. */
  get short(): boolean {
    return this.#usedBytes > this.#budgetBytes * SHORT_SHARE
  }

  /** Connections wait for memory. */
  get starving(): boolean {
    return this.#waiting.size > 0
  }

  /** Counts `bytes` more as kept aside; false, and not counted, when that is too much. */
  setAside(bytes: number): boolean {
    if (this.#asideBytes + bytes > this.#budgetBytes * ASIDE_BUDGETS) return false
    this.#asideBytes += bytes
    return true
  }

  /** Bytes that were kept aside have been handled, or dropped. */
  takeUp(bytes: number): void {
    this.#asideBytes -= bytes
    assert(this.#asideBytes >= 0, 'No more is taken up than was set aside')
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
    if (this.#waiting.size === 0) return
    const waiting = this.#waiting
    this.#waiting = new Set()
    for (const run of waiting) run()
  }

  /** Calls `run` once, when memory has come back; the same function is kept once. */
  onFreed(run: () => void): void {
    this.#waiting.add(run)
  }

  /** Forgets one that waits. */
  cancel(run: () => void): void {
    this.#waiting.delete(run)
  }
}

/** The next power of two, so that rooms are reusable; whole MiB above 4 MiB. */
function roundUp(size: number): number {
  if (size > 4 * MiB) return Math.ceil(size / MiB) * MiB
  let rounded = 8 * KiB
  while (rounded < size) rounded *= 2
  return rounded
}
