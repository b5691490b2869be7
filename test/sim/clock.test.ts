import { describe, expect, it } from 'vitest'
import { Prng } from '../../src/base/prng.ts'
import { clockContract } from '../contract/clock.ts'
import { Scheduler, SimClock } from './clock.ts'

clockContract('SimClock', () => {
  const scheduler = new Scheduler()
  return { clock: new SimClock(scheduler), run: (promise) => scheduler.settle(promise) }
})

clockContract('SimClock with drift', () => {
  const scheduler = new Scheduler()
  const clock = new SimClock(scheduler, { driftPpm: 500 })
  return { clock, run: (promise) => scheduler.settle(promise) }
})

describe('Scheduler', () => {
  it('lets promises settle between events, and turns run when the instant is through', async () => {
    const scheduler = new Scheduler()
    const calls: string[] = []
    for (const name of ['a', 'b']) {
      scheduler.schedule(1, () => {
        calls.push(name)
        scheduler.turn(() => calls.push(`turn ${name}`))
        void Promise.resolve()
          .then(() => {})
          .then(() => calls.push(`then ${name}`))
      })
    }
    scheduler.schedule(2, () => calls.push('later'))
    await scheduler.runUntilIdle()
    expect(calls).toEqual(['a', 'then a', 'b', 'then b', 'turn a', 'turn b', 'later'])
  })

  it('pops events in order of time and of planning', async () => {
    const prng = new Prng(3)
    const scheduler = new Scheduler()
    const seen: [number, number][] = []
    for (let i = 0; i < 500; i++) {
      const at = prng.below(40)
      scheduler.schedule(at, () => seen.push([at, i]))
    }
    await scheduler.runUntilIdle()
    expect(seen).toEqual(seen.toSorted(([a, i], [b, j]) => a - b || i - j))
    expect(seen).toHaveLength(500)
  })

  it('shuffles ties by seed, and the same seed gives the same order', async () => {
    const order = async (seed: number): Promise<string> => {
      const scheduler = new Scheduler({ shuffle: new Prng(seed) })
      const seen: number[] = []
      for (let i = 0; i < 20; i++) scheduler.schedule(1, () => seen.push(i))
      await scheduler.runUntilIdle()
      return seen.join()
    }
    expect(await order(1)).toBe(await order(1))
    expect(await order(1)).not.toBe(await order(2))
  })

  it('settle() names a promise that nobody will settle', async () => {
    await expect(new Scheduler().settle(new Promise(() => {}))).rejects.toThrow('settled before')
  })

  it('advance() ends at exactly its time', async () => {
    const scheduler = new Scheduler()
    let called = 0
    scheduler.schedule(10, () => called++)
    scheduler.schedule(10.5, () => called++)
    await scheduler.advance(10)
    expect([called, scheduler.nowMs]).toEqual([1, 10])
  })
})

describe('SimClock', () => {
  it('kill() ends every timer and turn of the process', async () => {
    const scheduler = new Scheduler()
    const clock = new SimClock(scheduler)
    let called = 0
    clock.after(5, () => called++)
    clock.turn(() => called++)
    clock.kill()
    await scheduler.runUntilIdle()
    expect(called).toBe(0)
  })

  it('a stalled process runs what it missed, in order, once it is woken', async () => {
    const scheduler = new Scheduler()
    const clock = new SimClock(scheduler)
    const calls: number[] = []
    clock.after(5, () => calls.push(5))
    clock.after(2, () => calls.push(2))
    const cancel = clock.after(3, () => calls.push(3))
    clock.stall()
    await scheduler.advance(100)
    expect(calls).toEqual([])
    cancel()
    clock.wake()
    await scheduler.runUntilIdle()
    expect(calls).toEqual([2, 5])
    expect(clock.monotonicMs()).toBe(100)
  })

  it('jumpWall() moves wall time only', async () => {
    const clock = new SimClock(new Scheduler())
    const before = [clock.wallMs(), clock.monotonicMs()]
    clock.jumpWall(-5000)
    expect([clock.wallMs(), clock.monotonicMs()]).toEqual([(before[0] ?? 0) - 5000, before[1]])
  })
})
