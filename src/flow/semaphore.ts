// Bounded concurrency in units (requests, bytes), first come first served: a large request at the
// head is not overtaken by small ones behind it, or it might wait for ever. The number of waiters
// is bounded as well; beyond it the answer is `retry`, so that overload shows at the door.
import { assert } from '../base/assert.ts'
import { OperatingError } from '../base/errors.ts'

/** The limits of a semaphore. */
export interface SemaphoreLimits {
  /** Units that may be held at once. */
  readonly unitsMax: number
  /** Requests that may wait. */
  readonly waitersMax: number
}

interface Waiter {
  readonly units: number
  readonly grant: () => void
  readonly fail: (error: OperatingError) => void
}

/** Units that are lent and given back. */
export class Semaphore {
  readonly #limits: SemaphoreLimits
  /** In the order of arrival: a Set keeps it, and lets a waiter leave from the middle. */
  readonly #waiters = new Set<Waiter>()
  #free: number
  #closed = false

  constructor(limits: SemaphoreLimits) {
    assert(limits.unitsMax > 0, 'A semaphore has units to lend')
    assert(limits.waitersMax >= 0, 'A semaphore has a bound on waiters')
    this.#limits = limits
    this.#free = limits.unitsMax
  }

  /** Units that nobody holds. */
  get free(): number {
    return this.#free
  }

  /** Requests that wait. */
  get waiting(): number {
    return this.#waiters.size
  }

  /**
   * Lends `units` (all there are, when more is asked for) once they are free; resolves to the
   * function that gives them back, which may be called again without effect. Throws `retry` when
   * too many wait, `closed` after `close`, and the signal's reason once it is aborted.
   */
  async acquire(units: number, signal?: AbortSignal): Promise<() => void> {
    assert(units > 0, 'A request is for a positive number of units')
    if (this.#closed) throw closedError()
    signal?.throwIfAborted()
    const lent = Math.min(units, this.#limits.unitsMax)
    if (this.#waiters.size > 0 || lent > this.#free) await this.#wait(lent, signal)
    else this.#free -= lent
    let held = true
    return () => {
      if (!held) return
      held = false
      this.#free += lent
      assert(this.#free <= this.#limits.unitsMax, 'No more is given back than was lent')
      this.#grant()
    }
  }

  /** Runs `task` while holding `units`; they are given back however it ends. */
  async with<T>(units: number, task: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const release = await this.acquire(units, signal)
    try {
      return await task()
    } finally {
      release()
    }
  }

  /** Refuses all who wait and all who come. Units that are lent may still be given back. */
  close(): void {
    this.#closed = true
    const waiters = [...this.#waiters]
    this.#waiters.clear()
    for (const waiter of waiters) waiter.fail(closedError())
  }

  #wait(units: number, signal: AbortSignal | undefined): Promise<void> {
    if (this.#waiters.size >= this.#limits.waitersMax) {
      throw new OperatingError('retry', `Cannot queue: ${this.#waiters.size} requests wait already`)
    }
    return new Promise((resolve, reject) => {
      const abandon = (): void => {
        this.#waiters.delete(waiter)
        reject(signal?.reason as Error)
        // The head may have left: those behind it may fit.
        this.#grant()
      }
      const waiter: Waiter = {
        units,
        grant: () => {
          signal?.removeEventListener('abort', abandon)
          resolve()
        },
        fail: (error) => {
          signal?.removeEventListener('abort', abandon)
          reject(error)
        },
      }
      this.#waiters.add(waiter)
      signal?.addEventListener('abort', abandon, { once: true })
    })
  }

  /** Serves from the head while it fits. */
  #grant(): void {
    for (const waiter of this.#waiters) {
      if (waiter.units > this.#free) return
      this.#free -= waiter.units
      this.#waiters.delete(waiter)
      waiter.grant()
    }
  }
}

const closedError = (): OperatingError =>
  new OperatingError('closed', 'Cannot wait for units: the semaphore is closed')
