// Waiting between attempts: exponential with full jitter, which spreads a crowd of retries best
// (Brooker, "Exponential Backoff And Jitter", 2015). Only what is marked `retry` is tried again;
// everything else, and the last failure, goes to the caller.
import { assert } from '../base/assert.ts'
import { OperatingError } from '../base/errors.ts'
import type { Clock } from '../ports/clock.ts'

/** The limits of a series of attempts. */
export interface BackoffLimits {
  /** Longest wait before the second attempt; it doubles from there. */
  readonly firstMs: number
  /** No wait is longer. */
  readonly waitMsMax: number
  /** Attempts in all, the first included. */
  readonly attemptsMax: number
  /** Monotonic time after which no further attempt begins. */
  readonly deadlineMs: number
}

/** What waiting needs: time, and a float in [0, 1) for the jitter. */
export interface BackoffContext {
  readonly clock: Clock
  readonly random: () => number
  /** Ends the waiting when it is aborted, with its reason. */
  readonly signal?: AbortSignal
}

/**
 * Milliseconds to wait after `failures` failed attempts, at least 1: in [0, a bound that doubles).
 */
export const backoffMs = (
  failures: number,
  limits: Pick<BackoffLimits, 'firstMs' | 'waitMsMax'>,
  random: () => number,
): number => {
  assert(failures >= 1, 'There is nothing to wait for before a failure')
  const bound = Math.min(limits.firstMs * 2 ** Math.min(failures - 1, 50), limits.waitMsMax)
  return random() * bound
}

/** Resolves `delayMs` from now, or throws the signal's reason as soon as it is aborted. */
export const sleep = (clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(signal.reason as Error)
      return
    }
    const abandon = (): void => {
      cancel()
      reject(signal?.reason as Error)
    }
    const cancel = clock.after(delayMs, () => {
      signal?.removeEventListener('abort', abandon)
      resolve()
    })
    signal?.addEventListener('abort', abandon, { once: true })
  })

/**
 * Calls `attempt` until it succeeds, fails with something else than OperatingError `retry`, or the
 * limits are reached; then throws its last error. Attempts are numbered from 1. An abort ends a
 * wait between attempts; ending an attempt is its own affair.
 */
export const withRetries = async <T>(
  context: BackoffContext,
  limits: BackoffLimits,
  attempt: (number: number) => Promise<T>,
): Promise<T> => {
  for (let number = 1; ; number++) {
    try {
      return await attempt(number)
    } catch (error) {
      const again = error instanceof OperatingError && error.kind === 'retry'
      if (!again || number >= limits.attemptsMax) throw error
      const waitMs = backoffMs(number, limits, context.random)
      if (context.clock.monotonicMs() + waitMs > limits.deadlineMs) throw error
      await sleep(context.clock, waitMs, context.signal)
    }
  }
}
