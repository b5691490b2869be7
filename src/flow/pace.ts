// Keeps background work from crowding out what somebody waits for. While the program is busy with
// that, background work goes on in small pieces, each of which waits until the thread is calm:
// until a timer fires when it should. On one thread a timer that is late tells how long others
// wait.
import { OperatingError } from '../base/errors.ts'
import type { Clock } from '../ports/clock.ts'
import { sleep } from './backoff.ts'

/** How a pace is kept. */
export interface PaceOptions {
  readonly clock: Clock
  /** Whether somebody waits for what the program does first. */
  isBusy(): boolean
}

const TICK_MS = 1
/** A tick that takes no longer than this was not held up by anything. */
const CALM_MS = 2.5
/** Ticks after which a piece goes on all the same: what waits has to come to an end. */
const TICKS_MAX = 40

/** The pace of background work. */
export class Pace {
  readonly #options: PaceOptions
  #last: Promise<void> = Promise.resolve()

  constructor(options: PaceOptions) {
    this.#options = options
  }

  /** Whether background work has to be done in small pieces. */
  get isBusy(): boolean {
    return this.#options.isBusy()
  }

  /**
   * Resolves when the next piece may begin: at once while nobody is in the way, else one after the
   * other. Throws `closed` when the signal was aborted meanwhile.
   */
  async turn(signal?: AbortSignal): Promise<void> {
    if (!this.isBusy) return
    const mine = this.#last.then(() => this.#calm())
    this.#last = mine
    await mine
    if (signal?.aborted === true) {
      throw new OperatingError('closed', 'Nobody waits for it any more')
    }
  }

  async #calm(): Promise<void> {
    const { clock } = this.#options
    for (let ticks = 0; ticks < TICKS_MAX; ticks++) {
      const beganMs = clock.monotonicMs()
      await sleep(clock, TICK_MS)
      if (clock.monotonicMs() - beganMs <= CALM_MS) return
    }
  }
}
