// The Clock port over the runtime's own clocks and timers. All `turn` calls of one round of the
// event loop share one setImmediate, which runs after the round's I/O has been handed out: the
// cheapest point at which the work of many connections is known. What a turn plans runs behind it,
// before the loop looks for I/O again.
import type { Cancel, Clock } from '../ports/clock.ts'

/** Largest delay a runtime's timer takes; a longer one would fire at once. */
const TIMER_MS_MAX = 2 ** 31 - 1

/** The process's clock. */
export const createClock = (): Clock => new PlatformClock()

class PlatformClock implements Clock {
  /** Runs at the end of this round; the two arrays are swapped so that none is ever allocated. */
  #due: (() => void)[] = []
  #running: (() => void)[] = []
  #planned = false
  /** Turns of a round of the event loop are running: what they plan still belongs to that round. */
  #inRound = false
  readonly #runTurns = (): void => {
    this.#inRound = true
    this.#turns()
    this.#inRound = false
  }
  readonly #runMore = (): void => this.#turns()

  wallMs(): number {
    return Date.now()
  }

  monotonicMs(): number {
    return performance.now()
  }

  after(delayMs: number, run: () => void): Cancel {
    const due = performance.now() + delayMs
    let timer: ReturnType<typeof setTimeout>
    const wait = (leftMs: number): void => {
      // Rounded up, because timers cut the fraction off and would fire early.
      timer = setTimeout(fire, Math.min(Math.max(Math.ceil(leftMs), 0), TIMER_MS_MAX))
    }
    const fire = (): void => {
      const leftMs = due - performance.now()
      if (leftMs > 0) wait(leftMs)
      else run()
    }
    wait(delayMs)
    return () => clearTimeout(timer)
  }

  turn(run: () => void): void {
    this.#due.push(run)
    if (this.#planned) return
    this.#planned = true
    // Answers leave with the commit that allows them, not after another round of I/O. What those
    // plan in turn waits for the next round, so that I/O is never starved.
    if (this.#inRound) queueMicrotask(this.#runMore)
    else setImmediate(this.#runTurns)
  }

  #turns(): void {
    const runs = this.#due
    this.#due = this.#running
    this.#running = runs
    this.#planned = false
    for (const run of runs) run()
    runs.length = 0
  }
}
