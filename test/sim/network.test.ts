import { describe, expect, it } from 'vitest'
import { Prng } from '../../src/base/prng.ts'
import type { Connection, ConnectionHandler } from '../../src/ports/network.ts'
import { kindOf } from '../contract/disk.ts'
import { networkContract } from '../contract/network.ts'
import { Scheduler } from './clock.ts'
import { SimNetwork } from './network.ts'

for (const seed of [1, 2, 3]) {
  networkContract(`SimNetwork with seed ${seed}`, async () => {
    const scheduler = new Scheduler({ shuffle: new Prng(seed) })
    const network = new SimNetwork(scheduler, new Prng(seed), { chunking: 0.5 })
    return {
      network: network.host('one'),
      host: 'one',
      run: (promise) => scheduler.settle(promise),
      close: async () => {
        await scheduler.runUntilIdle()
        expect(network.openConnections).toBe(0)
      },
    }
  })
}

interface End {
  readonly text: string[]
  readonly closes: string[]
  readonly handler: ConnectionHandler
}

const end = (): End => {
  const text: string[] = []
  const closes: string[] = []
  return {
    text,
    closes,
    handler: {
      onBytes: (view) => text.push(new TextDecoder().decode(view)),
      onDrain: () => {},
      onClose: (error) => closes.push(error === undefined ? 'ended' : error.message),
    },
  }
}

const say = (connection: Connection, text: string): void =>
  connection.write([new TextEncoder().encode(text)])

const make = async (
  seed = 1,
): Promise<{
  scheduler: Scheduler
  network: SimNetwork
  near: End
  far: End
  connection: Connection
}> => {
  const scheduler = new Scheduler()
  const network = new SimNetwork(scheduler, new Prng(seed))
  const near = end()
  const far = end()
  const open = async (): Promise<Connection> => {
    await network.host('b').listen({ host: 'b', port: 9 }, () => far.handler)
    return network.host('a').connect({ host: 'b', port: 9 }, () => near.handler)
  }
  const connection = await scheduler.settle(open())
  return { scheduler, network, near, far, connection }
}

describe('SimNetwork', () => {
  it('cut() holds bytes up, and heal() lets them arrive in order', async () => {
    const { scheduler, network, far, connection } = await make()
    network.cut('a', 'b')
    for (const letter of 'abcdefgh') say(connection, letter)
    await scheduler.advance(60_000)
    expect(far.text).toEqual([])
    network.heal()
    say(connection, 'i')
    await scheduler.advance(100)
    expect(far.text.join('')).toBe('abcdefghi')
    expect(network.counts.cut).toBe(1)
  })

  it('connect() across a cut gives up with `retry`', async () => {
    const { scheduler, network } = await make()
    network.cut('a', 'b', true)
    const late = network.host('a').connect({ host: 'b', port: 9 }, () => end().handler)
    expect(await scheduler.settle(kindOf(late))).toBe('retry')
  })

  it('reset() breaks both ends with an error', async () => {
    const { scheduler, network, near, far } = await make()
    network.reset('a', 'b')
    await scheduler.runUntilIdle()
    expect([near.closes, far.closes]).toEqual([['read ECONNRESET'], ['read ECONNRESET']])
    expect(network.openConnections).toBe(0)
  })

  it('a killed process is noticed by its peer, and hears nothing itself', async () => {
    const { scheduler, network, near, far } = await make()
    network.kill('b', 'killed')
    await scheduler.runUntilIdle()
    expect([near.closes, far.closes]).toEqual([['read ECONNRESET'], []])
    const again = network.host('a').connect({ host: 'b', port: 9 }, () => end().handler)
    expect(await scheduler.settle(kindOf(again))).toBe('retry')
  })

  it('a host without power leaves its peers half open until it is back', async () => {
    const { scheduler, network, near, far, connection } = await make()
    network.kill('b', 'powered off')
    say(connection, 'anybody there?')
    await scheduler.advance(60_000)
    expect([near.closes, far.closes]).toEqual([[], []])
    network.restore('b')
    await scheduler.advance(100)
    expect(near.closes).toEqual(['read ECONNRESET'])
  })

  it('an attempt to connect dies with the process that made it', async () => {
    const { scheduler, network } = await make()
    let opened = 0
    const attempt = network.host('a').connect({ host: 'b', port: 9 }, () => {
      opened++
      return end().handler
    })
    let settled = 0
    const mark = (): void => {
      settled++
    }
    attempt.then(mark, mark)
    network.kill('a', 'killed')
    await scheduler.runUntilIdle()
    expect([opened, settled]).toEqual([0, 0])
  })

  it('repeats a run exactly for the same seed, chunk by chunk', async () => {
    const trace = async (seed: number): Promise<string> => {
      const scheduler = new Scheduler({ shuffle: new Prng(seed) })
      const network = new SimNetwork(scheduler, new Prng(seed), { chunking: 0.7 })
      const lines: string[] = []
      const note = (who: string): ConnectionHandler => ({
        onBytes: (view) => lines.push(`${scheduler.nowMs} ${who} ${view.length}`),
        onDrain: () => lines.push(`${scheduler.nowMs} ${who} drain`),
        onClose: () => lines.push(`${scheduler.nowMs} ${who} close`),
      })
      const work = async (): Promise<void> => {
        await network.host('b').listen({ host: 'b', port: 9 }, () => note('far'))
        for (const name of ['one', 'two', 'three']) {
          const near = network.host('a').connect({ host: 'b', port: 9 }, () => note(name))
          const connection = await near
          connection.write([new Uint8Array(700_000)])
          connection.end()
        }
      }
      await scheduler.settle(work())
      await scheduler.runUntilIdle()
      return lines.join('\n')
    }
    expect(await trace(1)).toBe(await trace(1))
    expect(await trace(1)).not.toBe(await trace(2))
  })
})
