// Virtual time. One Scheduler drives everything simulated: it pops events in order of time, lets
// all promises settle after each, runs the turns of an instant when its events are through, and
// only then moves on. One SimClock per simulated process, which may drift, jump, stall and die.
// The order of events at one instant is that of their planning, or drawn from a seed.
import { assert } from '../../src/base/assert.ts'
import type { Prng } from '../../src/base/prng.ts'
import type { Cancel, Clock } from '../../src/ports/clock.ts'

interface Event {
  readonly atMs: number
  /** Breaks ties of `atMs`. */
  readonly rank: number
  readonly sequence: number
  /** Null once it ran or was cancelled. */
  run: (() => void) | null
}

/** What a scheduler is made of. */
export interface SchedulerOptions {
  /** Given, it shuffles events of the same instant. */
  readonly shuffle?: Prng
  /** Events after which `run…` gives up: a simulation that never comes to rest is a bug. */
  readonly eventsMax?: number
}

/** The queue of everything that will happen. */
export class Scheduler {
  readonly #heap: Event[] = []
  readonly #shuffle: Prng | undefined
  readonly #eventsMax: number
  #turns: (() => void)[] = []
  #nowMs = 0
  #sequence = 0
  #live = 0
  #running = false

  constructor(options: SchedulerOptions = {}) {
    this.#shuffle = options.shuffle
    this.#eventsMax = options.eventsMax ?? 10_000_000
  }

  /** Virtual milliseconds since the beginning. */
  get nowMs(): number {
    return this.#nowMs
  }

  /** Events that are still to happen, turns not counted. */
  get pending(): number {
    return this.#live
  }

  /** Plans `run` for `delayMs` from now. */
  schedule(delayMs: number, run: () => void): Cancel {
    assert(delayMs >= 0 && Number.isFinite(delayMs), 'An event is planned for now or later')
    const rank = this.#shuffle?.uint32() ?? 0
    const event: Event = { atMs: this.#nowMs + delayMs, rank, sequence: this.#sequence++, run }
    this.#push(event)
    this.#live++
    return () => {
      if (event.run === null) return
      event.run = null
      this.#live--
    }
  }

  /** Plans `run` for the end of this instant's events. */
  turn(run: () => void): void {
    this.#turns.push(run)
  }

  /** Runs everything up to `delayMs` from now, then stands at exactly that time. */
  async advance(delayMs: number): Promise<void> {
    const untilMs = this.#nowMs + delayMs
    await this.#run(() => true, untilMs)
    this.#nowMs = untilMs
  }

  /** Runs until nothing is planned any more. */
  async runUntilIdle(): Promise<void> {
    await this.#run(() => true, Infinity)
  }

  /**
   * Runs until `promise` has settled and gives its outcome. Stops with an error when nothing is
   * planned any more and it has not: whoever should settle it has forgotten it.
   */
  async settle<T>(promise: Promise<T>): Promise<T> {
    let settled = false
    const mark = (): void => {
      settled = true
    }
    promise.then(mark, mark)
    await this.#run(() => !settled, Infinity)
    assert(settled, 'A promise is settled before the simulation comes to rest')
    return promise
  }

  async #run(goesOn: () => boolean, untilMs: number): Promise<void> {
    assert(!this.#running, 'A scheduler runs once at a time')
    this.#running = true
    try {
      for (let count = 0; ; count++) {
        assert(count < this.#eventsMax, 'A simulation comes to rest')
        await microtasks()
        if (!goesOn()) return
        if (!this.#step(untilMs)) return
      }
    } finally {
      this.#running = false
    }
  }

  /** Runs the next event, or this instant's turns. False when there is nothing up to `untilMs`. */
  #step(untilMs: number): boolean {
    let next = this.#heap[0]
    while (next !== undefined && next.run === null) {
      this.#pop()
      next = this.#heap[0]
    }
    if (this.#turns.length > 0 && (next === undefined || next.atMs > this.#nowMs)) {
      const turns = this.#turns
      this.#turns = []
      for (const run of turns) run()
      return true
    }
    if (next === undefined || next.atMs > untilMs || next.run === null) return false
    this.#pop()
    assert(next.atMs >= this.#nowMs, 'Virtual time does not go back')
    this.#nowMs = next.atMs
    const run = next.run
    next.run = null
    this.#live--
    run()
    return true
  }

  #push(event: Event): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(event)
    while (at > 0) {
      const parent = (at - 1) >> 1
      const above = heap[parent] as Event
      if (!before(event, above)) break
      heap[at] = above
      at = parent
    }
    heap[at] = event
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let at = 0
    for (;;) {
      let child = at * 2 + 1
      if (child >= heap.length) break
      const right = child + 1
      if (right < heap.length && before(heap[right] as Event, heap[child] as Event)) child = right
      if (!before(heap[child] as Event, last)) break
      heap[at] = heap[child] as Event
      at = child
    }
    heap[at] = last
  }
}

const before = (a: Event, b: Event): boolean =>
  a.atMs !== b.atMs
    ? a.atMs < b.atMs
    : a.rank !== b.rank
      ? a.rank < b.rank
      : a.sequence < b.sequence

/** Resolves once every promise reaction that can run has run. */
const microtasks = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve)
  })

/** How a simulated process sees time. */
export interface SimClockOptions {
  /** Wall time at the scheduler's zero. */
  readonly wallMs?: number
  /** Parts per million by which its clocks run fast (slow when negative). */
  readonly driftPpm?: number
}

/** The clock of one simulated process. */
export class SimClock implements Clock {
  readonly #scheduler: Scheduler
  readonly #rate: number
  #wallOffsetMs: number
  #dead = false
  /** What would have run during a stall, in order. */
  #held: (() => void)[] | null = null

  constructor(scheduler: Scheduler, options: SimClockOptions = {}) {
    this.#scheduler = scheduler
    this.#rate = 1 + (options.driftPpm ?? 0) / 1e6
    this.#wallOffsetMs = options.wallMs ?? Date.UTC(2026, 0, 1)
  }

  wallMs(): number {
    return Math.floor(this.monotonicMs() + this.#wallOffsetMs)
  }

  monotonicMs(): number {
    return this.#scheduler.nowMs * this.#rate
  }

  after(delayMs: number, run: () => void): Cancel {
    let live = true
    const guarded = (): void => {
      if (!live || this.#dead) return
      if (this.#held !== null) {
        this.#held.push(guarded)
        return
      }
      live = false
      run()
    }
    const cancel = this.#scheduler.schedule(Math.max(delayMs, 0) / this.#rate, guarded)
    return () => {
      live = false
      cancel()
    }
  }

  turn(run: () => void): void {
    const guarded = (): void => {
      if (this.#dead) return
      if (this.#held === null) run()
      else this.#held.push(guarded)
    }
    this.#scheduler.turn(guarded)
  }

  /** Moves wall time, as an operator or a bad time server does. Monotonic time does not notice. */
  jumpWall(byMs: number): void {
    this.#wallOffsetMs += byMs
  }

  /** Stops the process as SIGSTOP does; time goes on without it. */
  stall(): void {
    this.#held ??= []
  }

  /** Continues a stalled process: everything that fell due meanwhile runs now. */
  wake(): void {
    const held = this.#held ?? []
    this.#held = null
    for (const run of held) this.#scheduler.schedule(0, run)
  }

  /** The process is gone: none of its timers and turns will run. */
  kill(): void {
    this.#dead = true
  }
}
