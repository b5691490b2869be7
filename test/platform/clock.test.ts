import { describe, expect, it } from 'vitest'
import { createClock } from '../../src/platform/clock.ts'
import { clockContract } from '../contract/clock.ts'

clockContract('createClock()', () => ({ clock: createClock(), run: (promise) => promise }))

describe('createClock()', () => {
  it('groups all turns of a round into one, before the next timers', async () => {
    const clock = createClock()
    const calls: string[] = []
    await new Promise<void>((resolve) => {
      setImmediate(() => {
        clock.turn(() => calls.push('one'))
        setImmediate(() => {
          calls.push('other immediate')
          resolve()
        })
        clock.turn(() => calls.push('two'))
      })
    })
    expect(calls).toEqual(['one', 'two', 'other immediate'])
  })
})
