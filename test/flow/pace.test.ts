import { describe, expect, it } from 'vitest'
import { asError } from '../../src/base/errors.ts'
import { Pace } from '../../src/flow/pace.ts'
import type { Clock } from '../../src/ports/clock.ts'
import { Scheduler, SimClock } from '../sim/clock.ts'

/** A clock whose timers fire late by what is in the way. */
class Thread {
  readonly scheduler = new Scheduler()
  readonly #clock = new SimClock(this.scheduler)
  lateMs = 0

  readonly clock: Clock = {
    wallMs: () => this.#clock.wallMs(),
    monotonicMs: () => this.#clock.monotonicMs(),
    after: (delayMs, run) => this.#clock.after(delayMs + this.lateMs, run),
    turn: (run) => this.#clock.turn(run),
  }
}

describe('Pace', () => {
  it('holds nothing up while nobody waits', async () => {
    const thread = new Thread()
    thread.lateMs = 50
    const pace = new Pace({ clock: thread.clock, isBusy: () => false })
    for (let i = 0; i < 100; i++) await pace.turn()
    expect(thread.scheduler.nowMs).toBe(0)
  })

  it('lets one piece after the other begin while the thread is calm', async () => {
    const thread = new Thread()
    const pace = new Pace({ clock: thread.clock, isBusy: () => true })
    const beganMs: number[] = []
    const pieces = [1, 2, 3].map(() => pace.turn().then(() => beganMs.push(thread.scheduler.nowMs)))
    await thread.scheduler.settle(Promise.all(pieces))
    expect(beganMs).toEqual([1, 2, 3])
  })

  it('waits while the thread is held up, and not for ever', async () => {
    const thread = new Thread()
    thread.lateMs = 10
    const pace = new Pace({ clock: thread.clock, isBusy: () => true })
    const began = pace.turn().then(() => thread.scheduler.nowMs)
    await thread.scheduler.advance(100)
    thread.lateMs = 0
    expect(await thread.scheduler.settle(began)).toBeLessThan(130)
    thread.lateMs = 10
    const late = pace.turn().then(() => thread.scheduler.nowMs)
    expect(await thread.scheduler.settle(late)).toBeLessThan(1_000)
  })

  it('tells a caller who has gone so', async () => {
    const thread = new Thread()
    const pace = new Pace({ clock: thread.clock, isBusy: () => true })
    const gone = AbortSignal.abort()
    const error = await thread.scheduler.settle(pace.turn(gone).catch(asError))
    expect(error).toMatchObject({ kind: 'closed' })
  })
})
