// One attempt at a request: it ends when it is answered, when its time is up or when its caller no
// longer wants it, whichever is first, even if the store below ignores the signal. What it leaves
// behind can no longer read the caller's source.
import { assert } from '../../base/assert.ts'
import { asError, OperatingError } from '../../base/errors.ts'
import type { Clock } from '../../ports/clock.ts'
import type { ObjectSource } from '../../ports/object-store.ts'

/** How long an attempt may last, and who may end it. */
export interface AttemptLimits {
  readonly clock: Clock
  /** Monotonic time at which it fails with `retry`. */
  readonly untilMs: number
  /** Ends it with the signal's reason. */
  readonly signal: AbortSignal
  /** Told when the time was up. */
  readonly timedOut: () => void
}

/** Calls `start` with a signal of its own, which is aborted when the attempt ends without it. */
export function attemptWithin<T>(
  limits: AttemptLimits,
  start: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { clock, signal } = limits
  return new Promise((resolve, reject) => {
    const own = new AbortController()
    let ended = false
    const end = (act: () => void): void => {
      if (ended) return
      ended = true
      cancel()
      signal.removeEventListener('abort', abandon)
      act()
    }
    const giveUp = (error: Error): void => {
      reject(error)
      own.abort(error)
    }
    const abandon = (): void => end(() => giveUp(asError(signal.reason)))
    const startedMs = clock.monotonicMs()
    const cancel = clock.after(Math.max(limits.untilMs - startedMs, 0), () => {
      end(() => {
        limits.timedOut()
        const afterMs = Math.round(clock.monotonicMs() - startedMs)
        const message = `The store has not answered within ${afterMs} ms`
        giveUp(new OperatingError('retry', message, undefined, 'The store does not answer'))
      })
    })
    if (signal.aborted) {
      abandon()
      return
    }
    signal.addEventListener('abort', abandon)
    start(own.signal).then(
      (value) => end(() => resolve(value)),
      // What it left running, other parts of an upload say, ends as well.
      (error: unknown) => end(() => giveUp(asError(error))),
    )
  })
}

/**
 * A source that many attempts read, some of which were given up. A put may end while reads of its
 * source are under way; who wants to close what they read wraps it in one of these, and waits for
 * `quiet`.
 */
export class SharedSource implements ObjectSource {
  readonly size: number
  readonly #source: ObjectSource
  #reading = 0
  #ended = false
  readonly #quiet: (() => void)[] = []

  constructor(source: ObjectSource) {
    this.size = source.size
    this.#source = source
  }

  /** The source for one attempt: no read begins once its signal is aborted. */
  forAttempt(signal: AbortSignal): ObjectSource {
    const read = (from: number, to: number): Promise<Uint8Array> =>
      signal.aborted ? Promise.reject(givenUp(from)) : this.read(from, to)
    return { size: this.size, read, recycle: (bytes) => this.recycle(bytes) }
  }

  /** Bytes `[from, to)`. Throws `closed` once the source has ended. */
  async read(from: number, to: number): Promise<Uint8Array> {
    if (this.#ended) throw givenUp(from)
    this.#reading++
    try {
      return await this.#source.read(from, to)
    } finally {
      this.#reading--
      assert(this.#reading >= 0, 'A read ends once')
      if (this.#reading === 0) for (const resolve of this.#quiet.splice(0)) resolve()
    }
  }

  recycle(bytes: Uint8Array): void {
    this.#source.recycle?.(bytes)
  }

  /** Lets no read begin any more. */
  end(): void {
    this.#ended = true
  }

  /** Lets no read begin any more, and resolves once none is under way. */
  async quiet(): Promise<void> {
    this.end()
    if (this.#reading === 0) return
    await new Promise<void>((resolve) => {
      this.#quiet.push(resolve)
    })
  }
}

const givenUp = (from: number): OperatingError =>
  new OperatingError('closed', `Cannot read bytes from ${from}: the put was given up`)
