// Who waits for an offset to be reached: produce requests for the high watermark. Kept in order of
// the offset, which is the order of appends, so that reaching one takes from the front only.
// Deadlines are looked at by whoever owns the time; nothing here reads a clock.
import { must } from '../base/assert.ts'

interface Waiter {
  readonly end: number
  readonly deadlineMs: number
  readonly done: (code: number) => void
}

/** A queue of callbacks ordered by the offset they wait for. */
export class Waiters {
  #queue: Waiter[] = []
  #head = 0

  /** How many wait. */
  get size(): number {
    return this.#queue.length - this.#head
  }

  /** Adds a waiter; ends mostly arrive in ascending order. */
  add(end: number, deadlineMs: number, done: (code: number) => void): void {
    const queue = this.#queue
    let at = queue.length
    while (at > this.#head && must(queue[at - 1], 'waiter').end > end) at--
    if (at === queue.length) queue.push({ end, deadlineMs, done })
    else queue.splice(at, 0, { end, deadlineMs, done })
  }

  /** Calls back with code 0 all that wait for an offset at or below `end`. */
  reach(end: number): void {
    while (this.#head < this.#queue.length) {
      const waiter = must(this.#queue[this.#head], 'waiter')
      if (waiter.end > end) break
      this.#head++
      waiter.done(0)
    }
    if (this.#head === this.#queue.length) {
      this.#queue.length = 0
      this.#head = 0
    } else if (this.#head > 1024) {
      this.#queue = this.#queue.slice(this.#head)
      this.#head = 0
    }
  }

  /** Calls back with `code` all whose deadline is at or before `nowMs`. */
  expire(nowMs: number, code: number): void {
    const waiting = this.#queue.slice(this.#head)
    if (!waiting.some((waiter) => waiter.deadlineMs <= nowMs)) return
    this.#queue = waiting.filter((waiter) => waiter.deadlineMs > nowMs)
    this.#head = 0
    for (const waiter of waiting) if (waiter.deadlineMs <= nowMs) waiter.done(code)
  }

  /** Calls back with `code` all that wait for an offset above `end`. */
  failAbove(end: number, code: number): void {
    const waiting = this.#queue.slice(this.#head)
    this.#queue = waiting.filter((waiter) => waiter.end <= end)
    this.#head = 0
    for (const waiter of waiting) if (waiter.end > end) waiter.done(code)
  }

  /** Calls all back with `code`. */
  fail(code: number): void {
    const waiting = this.#queue.slice(this.#head)
    this.#queue = []
    this.#head = 0
    for (const waiter of waiting) waiter.done(code)
  }
}
