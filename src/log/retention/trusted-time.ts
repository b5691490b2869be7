// The time by which records are deleted. It is never ahead of the wall clock, and does not follow
// it when it leaps: a wrong date must not delete everything that a broker has. Between two looks
// it moves as far as monotonic time did. Further it moves only to where records prove that time
// has come, and not at once if that is far, because producers of the same machine room may have
// been given the same wrong date.
//
//   steady ──wall leaps, records follow──▶ held ──HOLD_MS──▶ steady at the new time
//   held ──wall comes back──▶ steady
//
// Being wrong this way deletes late. Being wrong the other way can not be undone.
import { assert } from '../../base/assert.ts'

/** How far beyond the newest record time is believed without anything else to prove it. */
export const LEAP_MAX_MS: number = 24 * 3_600_000

/** How long a longer leap must hold, by monotonic time, before it is believed. */
export const HOLD_MS: number = 3_600_000

/** One look at the clocks. */
export interface TimeEvidence {
  /** Milliseconds since 1970. */
  readonly wallMs: number
  /** Milliseconds since some beginning; never goes back. */
  readonly monotonicMs: number
  /** Timestamp of the newest record that is known; -1 when there is none. */
  readonly newestMs: number
}

/** The time by which records are deleted. */
export class TrustedTime {
  #nowMs: number | null = null
  #wallMs = 0
  #monotonicMs = 0
  #heldSinceMs: number | null = null

  /** Looks at the clocks; returns the time to act upon, in milliseconds since 1970. */
  look(at: TimeEvidence): number {
    const { wallMs, monotonicMs } = at
    assert(monotonicMs >= this.#monotonicMs, 'Monotonic time does not go back')
    const proven = Math.min(wallMs, at.newestMs + LEAP_MAX_MS)
    const last = this.#nowMs
    let now: number
    if (last === null) {
      // Without a record there is nothing to lose yet.
      now = at.newestMs < 0 ? wallMs : proven
    } else {
      const steady = last + monotonicMs - this.#monotonicMs
      now = this.#follow(steady, proven, monotonicMs)
    }
    this.#nowMs = Math.min(now, wallMs)
    this.#wallMs = wallMs
    this.#monotonicMs = monotonicMs
    return this.#nowMs
  }

  /** How far the wall clock was ahead of what is believed, in milliseconds. */
  get lagMs(): number {
    return this.#nowMs === null ? 0 : this.#wallMs - this.#nowMs
  }

  #follow(steady: number, proven: number, monotonicMs: number): number {
    if (proven - steady <= LEAP_MAX_MS) {
      this.#heldSinceMs = null
      return Math.max(steady, proven)
    }
    this.#heldSinceMs ??= monotonicMs
    if (monotonicMs - this.#heldSinceMs < HOLD_MS) return steady
    this.#heldSinceMs = null
    return proven
  }
}
