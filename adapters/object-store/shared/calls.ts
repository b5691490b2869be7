// The operations of one store while they run: each ends soon when its caller's signal is aborted or
// the store is closed, whether or not the library below listens to signals, and the store's
// `close()` waits until nothing of them is left.
//
//   open ──close()──▶ closing (running operations fail with `closed`) ──▶ closed
import { OperatingError } from '../../../src/base/errors.ts'
import type { StoreCall } from '../../../src/ports/object-store.ts'

/** What runs in one store. */
export class Calls {
  readonly #aborts = new Set<AbortController>()
  readonly #running = new Set<Promise<unknown>>()
  #closed = false

  /**
   * Runs `task` with a signal that is aborted when it should end. `doing` is what the task does,
   * for messages: `write s3://b/key`. Throws `closed` once aborted, else what the task throws.
   */
  async run<T>(
    doing: string,
    call: StoreCall | undefined,
    task: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    if (this.#closed) throw new OperatingError('closed', `Cannot ${doing}: the store is closed`)
    const given = call?.signal
    if (given?.aborted === true) throw givenUp(doing, given.reason)
    const abort = new AbortController()
    const ended = Promise.withResolvers<never>()
    ended.promise.catch(() => {})
    abort.signal.addEventListener('abort', () => ended.reject(abort.signal.reason as Error))
    const forward = (): void => abort.abort(givenUp(doing, given?.reason))
    given?.addEventListener('abort', forward)
    this.#aborts.add(abort)
    const running = task(abort.signal)
    this.#running.add(running)
    const forget = (): unknown => this.#running.delete(running)
    running.then(forget, forget)
    try {
      return await Promise.race([running, ended.promise])
    } catch (error) {
      // A library that was told to stop fails in its own words.
      if (abort.signal.aborted) throw abort.signal.reason
      throw error
    } finally {
      given?.removeEventListener('abort', forward)
      this.#aborts.delete(abort)
    }
  }

  /** Ends what runs and waits for it; further operations fail. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true
    for (const abort of this.#aborts) {
      abort.abort(new OperatingError('closed', 'Cannot go on: the store is being closed'))
    }
    while (this.#running.size > 0) await Promise.allSettled(this.#running)
  }
}

const givenUp = (doing: string, reason: unknown): OperatingError =>
  new OperatingError('closed', `Cannot ${doing}: the caller has given it up`, reason)
