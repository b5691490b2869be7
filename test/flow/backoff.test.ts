import { describe, expect, it } from 'vitest'
import { OperatingError } from '../../src/base/errors.ts'
import { Prng } from '../../src/base/prng.ts'
import { backoffMs, withRetries } from '../../src/flow/backoff.ts'
import { Scheduler, SimClock } from '../sim/clock.ts'

const limits = { firstMs: 10, waitMsMax: 100, attemptsMax: 5, deadlineMs: Infinity }

const retry = (): Promise<never> => Promise.reject(new OperatingError('retry', 'try again'))

describe('backoffMs()', () => {
  it('doubles its bound up to the limit, and spreads below it', () => {
    const bounds = [1, 2, 3, 4, 5, 60, 5000].map((n) => backoffMs(n, limits, () => 0.999999))
    expect(bounds.map(Math.round)).toEqual([10, 20, 40, 80, 100, 100, 100])
    expect(backoffMs(3, limits, () => 0)).toBe(0)
  })
})

describe('withRetries()', () => {
  const make = (): { scheduler: Scheduler; context: Parameters<typeof withRetries>[0] } => {
    const scheduler = new Scheduler()
    const prng = new Prng(1)
    return { scheduler, context: { clock: new SimClock(scheduler), random: () => prng.float() } }
  }

  it('tries again what is worth it, and returns the first success', async () => {
    const { scheduler, context } = make()
    const outcome = withRetries(context, limits, (n) => (n < 4 ? retry() : Promise.resolve(n)))
    expect(await scheduler.settle(outcome)).toBe(4)
    expect(scheduler.nowMs).toBeGreaterThan(0)
  })

  it('gives up after the last attempt with its error', async () => {
    const { scheduler, context } = make()
    let attempts = 0
    const outcome = withRetries(context, limits, () => {
      attempts++
      return retry()
    })
    await expect(scheduler.settle(outcome)).rejects.toThrow('try again')
    expect(attempts).toBe(5)
  })

  it('does not repeat what is not worth it', async () => {
    const { scheduler, context } = make()
    let attempts = 0
    const outcome = withRetries(context, limits, () => {
      attempts++
      return Promise.reject(new OperatingError('fenced', 'deposed'))
    })
    await expect(scheduler.settle(outcome)).rejects.toThrow('deposed')
    expect(attempts).toBe(1)
  })

  it('begins no attempt after the deadline', async () => {
    const { scheduler, context } = make()
    const bounded = { ...limits, attemptsMax: 1000, deadlineMs: 200 }
    await expect(scheduler.settle(withRetries(context, bounded, retry))).rejects.toThrow('again')
    expect(scheduler.nowMs).toBeLessThanOrEqual(200)
  })

  it('an abort ends the wait at once and leaves no timer', async () => {
    const { scheduler, context } = make()
    const abort = new AbortController()
    const slow = { ...limits, firstMs: 10_000, waitMsMax: 10_000 }
    const outcome = withRetries({ ...context, signal: abort.signal }, slow, retry)
    scheduler.schedule(5, () => abort.abort(new OperatingError('closed', 'enough')))
    await expect(scheduler.settle(outcome)).rejects.toThrow('enough')
    expect([scheduler.nowMs, scheduler.pending]).toEqual([5, 0])
    const late = withRetries({ ...context, signal: abort.signal }, slow, retry)
    await expect(scheduler.settle(late)).rejects.toThrow('enough')
  })
})
