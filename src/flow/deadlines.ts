// Thousands of deadlines on one timer: a hashed timing wheel (Varghese and Lauck, 1987). A produce
// or fetch adds one and nearly always cancels it, so that both are O(1) and touch no system timer;
// expiry is coarse, a tick late at most. Nothing runs while the wheel is empty.
import { assert } from '../base/assert.ts'
import { OperatingError } from '../base/errors.ts'
import type { Cancel, Clock } from '../ports/clock.ts'

/** The limits of a wheel. */
export interface DeadlineLimits {
  /** How late a deadline may be called, in milliseconds. */
  readonly tickMs: number
  /** Deadlines that may be pending at once. */
  readonly pendingMax: number
}

/** Slots of the wheel: a power of two. Entries more than a round away stay in their slot. */
const SLOTS = 512

interface Entry {
  /** The tick at whose end it is due; -1 once it was called or cancelled. */
  tick: number
  readonly run: () => void
  previous: Entry | null
  next: Entry | null
}

/**
 * Pending deadlines. Calls come in order of their ticks, and of arrival within one; only after a
 * pause of the process longer than a round of the wheel may ticks be called out of order.
 */
export class Deadlines {
  readonly #clock: Clock
  readonly #limits: DeadlineLimits
  readonly #heads: (Entry | null)[] = Array.from({ length: SLOTS }, () => null)
  readonly #tails: (Entry | null)[] = Array.from({ length: SLOTS }, () => null)
  /** Every tick up to and including this one has been handled. */
  #handledTick: number
  #pending = 0
  #armedTick = -1
  #disarm: Cancel = nothing
  #closed = false

  constructor(clock: Clock, limits: DeadlineLimits) {
    assert(limits.tickMs > 0, 'A tick has a length')
    assert(limits.pendingMax > 0, 'A wheel has room')
    this.#clock = clock
    this.#limits = limits
    this.#handledTick = this.#now()
  }

  /** Deadlines neither called nor cancelled. */
  get pending(): number {
    return this.#pending
  }

  /**
   * Calls `run` once the monotonic time `deadlineMs` has come, at most a tick later and never from
   * within this call; not at all once cancelled. Throws `retry` when too many are pending.
   */
  add(deadlineMs: number, run: () => void): Cancel {
    assert(!this.#closed, 'A closed wheel takes no deadlines')
    if (this.#pending >= this.#limits.pendingMax) {
      throw new OperatingError(
        'retry',
        `Cannot wait: ${this.#pending} deadlines are pending already`,
      )
    }
    if (this.#pending === 0) this.#handledTick = this.#now()
    const tick = Math.max(Math.ceil(deadlineMs / this.#limits.tickMs), this.#handledTick + 1)
    const entry: Entry = { tick, run, previous: null, next: null }
    this.#link(entry)
    if (this.#armedTick === -1 || tick < this.#armedTick) this.#arm(tick)
    return () => this.#drop(entry)
  }

  /** Forgets every deadline without calling it. */
  close(): void {
    this.#closed = true
    this.#disarm()
    this.#pending = 0
    this.#heads.fill(null)
    this.#tails.fill(null)
  }

  #now(): number {
    return Math.floor(this.#clock.monotonicMs() / this.#limits.tickMs)
  }

  #link(entry: Entry): void {
    const slot = entry.tick % SLOTS
    const tail = this.#tails[slot] ?? null
    entry.previous = tail
    if (tail === null) this.#heads[slot] = entry
    else tail.next = entry
    this.#tails[slot] = entry
    this.#pending++
  }

  #drop(entry: Entry): void {
    if (entry.tick === -1 || this.#closed) return
    const slot = entry.tick % SLOTS
    if (entry.previous === null) this.#heads[slot] = entry.next
    else entry.previous.next = entry.next
    if (entry.next === null) this.#tails[slot] = entry.previous
    else entry.next.previous = entry.previous
    entry.previous = null
    entry.next = null
    entry.tick = -1
    this.#pending--
    assert(this.#pending >= 0, 'A deadline is dropped once')
  }

  #arm(tick: number): void {
    this.#disarm()
    this.#armedTick = tick
    const delayMs = tick * this.#limits.tickMs - this.#clock.monotonicMs()
    this.#disarm = this.#clock.after(Math.max(delayMs, 0), this.#expire)
  }

  readonly #expire = (): void => {
    this.#armedTick = -1
    this.#disarm = nothing
    const now = this.#now()
    // After a long pause one round of the wheel visits every slot.
    const from = this.#handledTick
    const to = Math.min(now, from + SLOTS)
    this.#handledTick = Math.max(now, from)
    for (let tick = from + 1; tick <= to && this.#pending > 0; tick++)
      this.#runSlot(tick % SLOTS, now)
    // A callback may have closed the wheel, or armed it for a deadline of its own.
    if (this.#pending > 0 && !this.#closed) this.#armNext()
  }

  #runSlot(slot: number, now: number): void {
    const due: Entry[] = []
    for (let entry = this.#heads[slot] ?? null; entry !== null; entry = entry.next) {
      if (entry.tick <= now) due.push(entry)
    }
    for (const entry of due) {
      // One callback may have cancelled the next.
      if (entry.tick === -1 || this.#closed) continue
      this.#drop(entry)
      entry.run()
    }
  }

  #armNext(): void {
    for (let tick = this.#handledTick + 1; tick <= this.#handledTick + SLOTS; tick++) {
      if (this.#heads[tick % SLOTS] === null) continue
      if (this.#armedTick === -1 || tick < this.#armedTick) this.#arm(tick)
      return
    }
  }
}

const nothing: Cancel = () => {}
