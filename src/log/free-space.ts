// Whether the disk has room: below a reserve, and after any write that failed for want of room, the
// broker refuses produce and goes on serving reads. It looks again every second, and lets the
// writes that failed be tried again once there is room, so that it recovers by itself.
import type { Cancel, Clock } from '../ports/clock.ts'
import type { Disk } from '../ports/disk.ts'

const LOOK_EVERY_MS = 1000

/** Something whose writes failed for want of room. */
export interface RoomWaiter {
  retryWrites(): void
}

/** Watches the free space of one disk. */
export class FreeSpace {
  readonly #disk: Disk
  readonly #clock: Clock
  readonly #reserveBytes: number
  readonly #onFailure: (error: unknown) => void
  readonly #waiting = new Set<RoomWaiter>()
  #full = false
  #stopped = false
  #cancel: Cancel = () => undefined

  /** `onFailure` is called when the disk cannot tell how much is free. */
  constructor(disk: Disk, clock: Clock, reserveBytes: number, onFailure: (error: unknown) => void) {
    this.#disk = disk
    this.#clock = clock
    this.#reserveBytes = reserveBytes
    this.#onFailure = onFailure
  }

  /** There is no room: refuse what would take more. */
  get full(): boolean {
    return this.#full
  }

  /** Begins to look. */
  start(): void {
    this.#disk.freeBytes().then(
      (free) => {
        if (this.#stopped) return
        this.#full = free < this.#reserveBytes
        if (!this.#full) this.#retry()
        this.#cancel = this.#clock.after(LOOK_EVERY_MS, () => this.start())
      },
      (error: unknown) => {
        if (!this.#stopped) this.#onFailure(error)
      },
    )
  }

  /** A write failed for want of room; `waiter` is told when there is some again. */
  ranOut(waiter: RoomWaiter): void {
    this.#full = true
    this.#waiting.add(waiter)
  }

  /** Looks no more. */
  stop(): void {
    this.#stopped = true
    this.#cancel()
  }

  #retry(): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const waiter of waiting) waiter.retryWrites()
  }
}
