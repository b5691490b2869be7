import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Deadlines } from '../../src/flow/deadlines.ts'
import { Scheduler, SimClock } from '../sim/clock.ts'

const make = (tickMs = 5): { scheduler: Scheduler; clock: SimClock; deadlines: Deadlines } => {
  const scheduler = new Scheduler()
  const clock = new SimClock(scheduler)
  return { scheduler, clock, deadlines: new Deadlines(clock, { tickMs, pendingMax: 10_000 }) }
}

describe('Deadlines', () => {
  it('calls each deadline once, never early, at most a tick late', async () => {
    const entry = fc.record({
      addedMs: fc.nat(3000),
      waitMs: fc.integer({ min: -10, max: 20_000 }),
      cancelAfterMs: fc.option(fc.nat(20_000), { nil: null }),
    })
    const property = fc.asyncProperty(fc.array(entry, { maxLength: 60 }), async (entries) => {
      const { scheduler, deadlines } = make()
      const calls = entries.map(() => [] as number[])
      entries.forEach(({ addedMs, waitMs, cancelAfterMs }, index) => {
        scheduler.schedule(addedMs, () => {
          const cancel = deadlines.add(addedMs + waitMs, () => calls[index]?.push(scheduler.nowMs))
          if (cancelAfterMs !== null) scheduler.schedule(cancelAfterMs, cancel)
        })
      })
      await scheduler.advance(24_000)
      entries.forEach(({ addedMs, waitMs, cancelAfterMs }, index) => {
        const dueMs = addedMs + Math.max(waitMs, 0)
        const [calledMs] = calls[index] ?? []
        if (cancelAfterMs !== null && cancelAfterMs < Math.max(waitMs, 0)) {
          expect(calls[index]).toEqual([])
        } else if (cancelAfterMs === null || cancelAfterMs > Math.max(waitMs, 0) + 5) {
          expect(calls[index]).toHaveLength(1)
          expect(calledMs).toBeGreaterThanOrEqual(dueMs)
          expect(calledMs).toBeLessThanOrEqual(dueMs + 5)
        }
      })
      expect(deadlines.pending).toBe(0)
      expect(scheduler.pending).toBe(0)
    })
    await fc.assert(property, { numRuns: 15 })
  })

  it('add() never calls from within, not even a deadline long past', async () => {
    const { scheduler, deadlines } = make()
    await scheduler.advance(1000)
    let called = false
    deadlines.add(0, () => {
      called = true
    })
    expect(called).toBe(false)
    await scheduler.advance(5)
    expect(called).toBe(true)
  })

  it('one callback may cancel another that is due, or add one', async () => {
    const { scheduler, deadlines } = make()
    const calls: string[] = []
    deadlines.add(10, () => {
      calls.push('one')
      cancelTwo()
      deadlines.add(0, () => calls.push('three'))
    })
    const cancelTwo = deadlines.add(10, () => calls.push('two'))
    await scheduler.runUntilIdle()
    expect(calls).toEqual(['one', 'three'])
  })

  it('holds thousands on a single timer, and none once all are cancelled or closed', () => {
    const { scheduler, deadlines } = make()
    const cancels = Array.from({ length: 5000 }, (_, i) => deadlines.add(1000 + i, () => {}))
    expect(deadlines.pending).toBe(5000)
    expect(scheduler.pending).toBe(1)
    for (const cancel of cancels) cancel()
    for (const cancel of cancels) cancel()
    expect(deadlines.pending).toBe(0)
    deadlines.add(50, () => {})
    deadlines.close()
    expect(scheduler.pending).toBe(0)
  })

  it('calls everything overdue after a stall longer than a round of the wheel', async () => {
    const { scheduler, clock, deadlines } = make()
    let called = 0
    for (const at of [10, 700, 2700, 9000, 40_000]) deadlines.add(at, () => called++)
    clock.stall()
    await scheduler.advance(30_000)
    expect(called).toBe(0)
    clock.wake()
    await scheduler.advance(5)
    expect(called).toBe(4)
    await scheduler.runUntilIdle()
    expect(called).toBe(5)
  })

  it('refuses more than its bound with `retry`', () => {
    const clock = new SimClock(new Scheduler())
    const deadlines = new Deadlines(clock, { tickMs: 5, pendingMax: 2 })
    deadlines.add(1, () => {})
    deadlines.add(1, () => {})
    expect(() => deadlines.add(1, () => {})).toThrow('2 deadlines are pending')
    deadlines.close()
  })
})
