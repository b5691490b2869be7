// Work that goes round and round over everything a broker has, a slice at a time, so that it never
// holds up clients: slices with pauses between them until a round is through, then a long rest. A
// slice that fails is reported and ends its round; the next round begins as if nothing had been.
//
//   resting ──everyMs──▶ slice ──more to do──▶ pause ──▶ slice … ──done──▶ resting
import { assert } from '../../base/assert.ts'
import type { Cancel, Clock } from '../../ports/clock.ts'

/** How a round goes. */
export interface RoundsOptions {
  /** For reports: what it does. */
  readonly name: string
  /** From the end of a round to the beginning of the next; asked anew at each end. */
  readonly everyMs: number
  /** Between two slices. */
  readonly pauseMs: number
  /** Watches over a slice, by name. */
  readonly background: (name: string, work: Promise<void>) => void
}

/** Runs slices until it is closed. */
export class Rounds {
  readonly #clock: Clock
  readonly #options: RoundsOptions
  readonly #slice: () => Promise<boolean | number>
  #cancel: Cancel = () => undefined
  #running: Promise<void> | null = null
  #started = false
  #closed = false

  /**
   * `slice` does a bounded piece of work and tells whether the round goes on, or after how many
   * milliseconds it does.
   */
  constructor(clock: Clock, options: RoundsOptions, slice: () => Promise<boolean | number>) {
    assert(options.everyMs > 0, 'A round rests')
    this.#clock = clock
    this.#options = options
    this.#slice = slice
  }

  /** Plans the first round, `everyMs` from now. */
  start(): void {
    assert(!this.#started, 'Rounds are started once')
    this.#started = true
    this.#plan(this.#options.everyMs)
  }

  /** Begins no more slices; resolves when the running one has ended. */
  async close(): Promise<void> {
    this.#closed = true
    this.#cancel()
    await this.#running?.catch(() => undefined)
  }

  #plan(delayMs: number): void {
    if (!this.#closed) this.#cancel = this.#clock.after(delayMs, () => this.#run())
  }

  #run(): void {
    const { name, pauseMs, background } = this.#options
    this.#running = this.#slice().then(
      (more) => {
        if (typeof more === 'number') this.#plan(more)
        else this.#plan(more ? pauseMs : this.#options.everyMs)
      },
      (error: unknown) => {
        this.#plan(this.#options.everyMs)
        throw error
      },
    )
    background(name, this.#running)
  }
}
