import { describe, expect, it } from 'vitest'
import { Semaphore } from '../../src/flow/semaphore.ts'
import { Prng } from '../../src/base/prng.ts'
import { kindOf } from '../contract/disk.ts'

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('Semaphore', () => {
  it('serves in order: a large request is not overtaken', async () => {
    const semaphore = new Semaphore({ unitsMax: 10, waitersMax: 10 })
    const order: string[] = []
    const first = await semaphore.acquire(6)
    const large = semaphore.acquire(8).then((release) => {
      order.push('large')
      return release
    })
    const small = semaphore.acquire(1).then((release) => {
      order.push('small')
      return release
    })
    await settled()
    expect(order).toEqual([])
    first()
    first()
    ;(await large)()
    ;(await small)()
    expect(order).toEqual(['large', 'small'])
    expect(semaphore.free).toBe(10)
  })

  it('lends all it has to a request for more', async () => {
    const semaphore = new Semaphore({ unitsMax: 3, waitersMax: 0 })
    const release = await semaphore.acquire(100)
    expect(semaphore.free).toBe(0)
    release()
    expect(semaphore.free).toBe(3)
  })

  it('refuses waiters beyond its bound with `retry`, and all once closed', async () => {
    const semaphore = new Semaphore({ unitsMax: 1, waitersMax: 1 })
    const release = await semaphore.acquire(1)
    const waiting = semaphore.acquire(1)
    expect(await kindOf(semaphore.acquire(1))).toBe('retry')
    semaphore.close()
    expect(await kindOf(waiting)).toBe('closed')
    expect(await kindOf(semaphore.acquire(1))).toBe('closed')
    release()
    expect(semaphore.free).toBe(1)
  })

  it('an aborted waiter leaves the queue, and those behind it move up', async () => {
    const semaphore = new Semaphore({ unitsMax: 4, waitersMax: 9 })
    const held = await semaphore.acquire(2)
    const gone = new AbortController()
    const large = semaphore.acquire(4, gone.signal)
    const small = semaphore.acquire(2)
    gone.abort(new Error('gone'))
    await expect(large).rejects.toThrow('gone')
    ;(await small)()
    await expect(semaphore.acquire(1, gone.signal)).rejects.toThrow('gone')
    held()
    expect([semaphore.free, semaphore.waiting]).toEqual([4, 0])
  })

  it('with() gives back however the task ends', async () => {
    const semaphore = new Semaphore({ unitsMax: 2, waitersMax: 9 })
    expect(await semaphore.with(2, async () => 'done')).toBe('done')
    await expect(
      semaphore.with(2, async () => {
        throw new Error('failed')
      }),
    ).rejects.toThrow('failed')
    expect(semaphore.free).toBe(2)
  })

  it('never lends more than it has, whatever the order of events', async () => {
    const prng = new Prng(7)
    const semaphore = new Semaphore({ unitsMax: 5, waitersMax: 1000 })
    let held = 0
    let most = 0
    await Promise.all(
      Array.from({ length: 300 }, async () => {
        const units = 1 + prng.below(5)
        for (let i = prng.below(6); i > 0; i--) await Promise.resolve()
        const release = await semaphore.acquire(units)
        held += units
        most = Math.max(most, held)
        for (let i = prng.below(6); i > 0; i--) await Promise.resolve()
        held -= units
        release()
      }),
    )
    expect([most, semaphore.free, semaphore.waiting]).toEqual([5, 5, 0])
  })
})
