// Time as the program sees it. Nothing else reads a clock or sets a timer, so the simulator can
// own time. Deadlines travel; timeouts do not.

/** Cancels what it was returned for; calling it again, or late, does nothing. */
export type Cancel = () => void

/** Wall time, monotonic time, timers and the end of the current turn. */
export interface Clock {
  /** Wall-clock milliseconds since 1970, for timestamps that users see. It may jump. */
  wallMs(): number
  /** Monotonic milliseconds with fractions, for durations and deadlines. */
  monotonicMs(): number
  /**
   * Calls `run` once, `delayMs` or more from now. An exception from it is a bug and stops the
   * process.
   */
  after(delayMs: number, run: () => void): Cancel
  /**
   * Calls `run` once all I/O that is ready now has been handed out, before the next wait for I/O.
   * What a turn plans runs behind the turns of its round. This is what groups the work of many
   * connections into one journal write and one answer each.
   */
  turn(run: () => void): void
}
