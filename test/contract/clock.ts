// What every Clock must do, run against the real one and the virtual one.
import { beforeEach, describe, expect, it } from 'vitest'
import type { Clock } from '../../src/ports/clock.ts'

/** One clock under test. */
export interface ClockRig {
  readonly clock: Clock
  /** Lets time pass until the promise settles. */
  run<T>(promise: Promise<T>): Promise<T>
}

/** Declares the suite for one implementation. */
export const clockContract = (name: string, makeRig: () => ClockRig): void => {
  describe(`${name} holds the Clock contract`, () => {
    let rig: ClockRig
    let clock: Clock
    beforeEach(() => {
      rig = makeRig()
      clock = rig.clock
    })
    const pass = (ms: number): Promise<void> =>
      rig.run(new Promise((resolve) => void clock.after(ms, resolve)))

    it('after() never calls early', async () => {
      for (const ms of [0, 0.4, 1, 2.5, 7]) {
        const from = clock.monotonicMs()
        await pass(ms)
        // A nanosecond for the rounding of fractions.
        expect(clock.monotonicMs() - from).toBeGreaterThanOrEqual(ms - 1e-6)
      }
    })

    it('after() calls once, and not at all once cancelled', async () => {
      const calls: string[] = []
      clock.after(1, () => calls.push('kept'))
      const cancel = clock.after(1, () => calls.push('cancelled'))
      cancel()
      cancel()
      await pass(20)
      cancel()
      expect(calls).toEqual(['kept'])
    })

    it('after() keeps the order of distinct times', async () => {
      const calls: number[] = []
      clock.after(15, () => calls.push(15))
      clock.after(5, () => calls.push(5))
      clock.after(-3, () => calls.push(-3))
      await pass(40)
      expect(calls).toEqual([-3, 5, 15])
    })

    it('a cancelled timer beyond 2^31 ms does not fire at once', async () => {
      let fired = false
      const cancel = clock.after(2 ** 33, () => {
        fired = true
      })
      await pass(3)
      expect(fired).toBe(false)
      cancel()
    })

    it('turn() runs in order, after the current code, and then what a turn plans', async () => {
      const calls: string[] = []
      const last = new Promise<void>((resolve) => {
        clock.turn(() => {
          calls.push('a')
          clock.turn(() => {
            calls.push('c')
            resolve()
          })
        })
      })
      clock.turn(() => calls.push('b'))
      calls.push('now')
      await rig.run(last)
      expect(calls).toEqual(['now', 'a', 'b', 'c'])
    })

    it('wallMs() is whole milliseconds of this century', () => {
      expect(Number.isSafeInteger(clock.wallMs())).toBe(true)
      expect(clock.wallMs()).toBeGreaterThan(Date.UTC(2001, 0, 1))
    })
  })
}
