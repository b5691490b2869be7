// What every Network must do, run against real sockets and the simulated network.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Prng } from '../../src/base/prng.ts'
import type { Connection, ConnectionHandler, Listener, Network } from '../../src/ports/network.ts'
import { kindOf } from './disk.ts'

/** One network under test. */
export interface NetworkRig {
  readonly network: Network
  /** Where to listen. */
  readonly host: string
  /** Lets time pass until the promise settles. */
  run<T>(promise: Promise<T>): Promise<T>
  close(): Promise<void>
}

/** A promise and its resolver. */
interface Signal<T> {
  readonly promise: Promise<T>
  readonly give: (value: T) => void
}

const signal = <T>(): Signal<T> => {
  let give: (value: T) => void = () => {}
  const promise = new Promise<T>((resolve) => {
    give = resolve
  })
  return { promise, give }
}

const quiet: ConnectionHandler = { onBytes: () => {}, onDrain: () => {}, onClose: () => {} }

/** A handler that sends back what it gets, reading no faster than it can answer. */
const echo = (connection: Connection): ConnectionHandler => ({
  onBytes: (view) => {
    connection.write([new Uint8Array(view)])
    if (connection.queuedBytes > 100_000) connection.pause()
  },
  onDrain: () => connection.resume(),
  onClose: () => {},
})

/** Declares the suite for one implementation. */
export const networkContract = (name: string, makeRig: () => Promise<NetworkRig>): void => {
  describe(`${name} holds the Network contract`, () => {
    let rig: NetworkRig
    let listeners: Listener[]
    let accepted: Connection[]
    beforeEach(async () => {
      rig = await makeRig()
      listeners = []
      accepted = []
    })
    afterEach(async () => {
      for (const connection of accepted) connection.destroy()
      for (const listener of listeners) await listener.close()
      await rig.close()
    })

    type Accept = (connection: Connection) => ConnectionHandler
    const listen = async (accept: Accept): Promise<{ host: string; port: number }> => {
      const listener = await rig.network.listen({ host: rig.host, port: 0 }, (connection) => {
        accepted.push(connection)
        return accept(connection)
      })
      listeners.push(listener)
      return { host: rig.host, port: listener.port }
    }
    const spec = (criterion: string, body: () => Promise<void>): void => {
      it(criterion, () => rig.run(body()))
    }

    spec('bytes arrive in order, whatever their number and size', async () => {
      const address = await listen(echo)
      const done = Array.from({ length: 20 }, async (_, seed) => {
        const prng = new Prng(seed)
        const sent = prng.bytes(seed < 2 ? 3_000_000 : 20_000)
        const back = new Uint8Array(sent.length)
        let got = 0
        const all = signal<void>()
        const connection = await rig.network.connect(address, () => ({
          onBytes: (view) => {
            back.set(view, got)
            got += view.length
            if (got === sent.length) all.give()
          },
          onDrain: () => {},
          onClose: () => all.give(),
        }))
        for (let at = 0; at < sent.length;) {
          const parts: Uint8Array[] = []
          for (let i = prng.below(5); i >= 0; i--) {
            const end = at + (prng.chance(0.1) ? prng.below(200_000) : prng.below(300))
            parts.push(sent.subarray(at, end))
            at = Math.min(end, sent.length)
          }
          connection.write(parts)
        }
        await all.promise
        expect(Buffer.compare(back, sent)).toBe(0)
        connection.destroy()
      })
      await Promise.all(done)
    })

    spec('receiveInto() memory, where used, holds exactly the bytes of onBytes', async () => {
      const sent = new Prng(9).bytes(2_000_000)
      const frame = new Uint8Array(sent.length)
      let got = 0
      const all = signal<void>()
      const address = await listen(() => ({
        // Every other read goes to the transport's own memory.
        receiveInto: () => (got % 2 === 0 ? frame.subarray(got, got + 50_000) : null),
        onBytes: (view) => {
          if (view.buffer !== frame.buffer) frame.set(view, got)
          else expect(view.byteOffset).toBe(got)
          got += view.length
          if (got === sent.length) all.give()
        },
        onDrain: () => {},
        onClose: () => {},
      }))
      const connection = await rig.network.connect(address, () => quiet)
      connection.write([sent])
      await all.promise
      expect(Buffer.compare(frame, sent)).toBe(0)
      connection.destroy()
    })

    spec('written is called once per write, in order, also with no parts', async () => {
      const address = await listen(() => quiet)
      const connection = await rig.network.connect(address, () => quiet)
      const calls: number[] = []
      const last = signal<void>()
      connection.write([new Uint8Array(2_000_000)], () => calls.push(1))
      connection.write([new Uint8Array(3), new Uint8Array(0)], () => calls.push(2))
      connection.write([], () => calls.push(3))
      connection.write([new Uint8Array(1)], () => {
        calls.push(4)
        last.give()
      })
      expect(calls).toEqual([])
      await last.promise
      expect(calls).toEqual([1, 2, 3, 4])
      expect(connection.queuedBytes).toBe(0)
      connection.destroy()
    })

    spec('a paused reader makes the writer queue, and onDrain tells when it is over', async () => {
      const far = signal<Connection>()
      let got = 0
      const total = 20_000_000
      const all = signal<void>()
      const address = await listen((connection) => {
        connection.pause()
        far.give(connection)
        return {
          onBytes: (view) => {
            got += view.length
            if (got === total) all.give()
          },
          onDrain: () => {},
          onClose: () => {},
        }
      })
      const drained = signal<void>()
      let drains = 0
      const connection = await rig.network.connect(address, () => ({
        onBytes: () => {},
        onDrain: () => {
          drains++
          drained.give()
        },
        onClose: () => {},
      }))
      connection.write([new Uint8Array(total)])
      const reader = await far.promise
      expect(connection.queuedBytes).toBeGreaterThan(0)
      expect(drains).toBe(0)
      reader.resume()
      await drained.promise
      expect(connection.queuedBytes).toBe(0)
      await all.promise
      expect(drains).toBe(1)
      connection.destroy()
    })

    spec('pause() in the middle of a stream loses and mixes nothing', async () => {
      const sent = new Prng(4).bytes(1_000_000)
      const back = new Uint8Array(sent.length)
      let got = 0
      const all = signal<void>()
      const address = await listen((connection) => ({
        onBytes: (view) => {
          back.set(view, got)
          got += view.length
          connection.pause()
          queueMicrotask(() => connection.resume())
          if (got === sent.length) all.give()
        },
        onDrain: () => {},
        onClose: () => {},
      }))
      const connection = await rig.network.connect(address, () => quiet)
      for (let at = 0; at < sent.length; at += 9999) {
        connection.write([sent.subarray(at, Math.min(at + 9999, sent.length))])
      }
      await all.promise
      expect(Buffer.compare(back, sent)).toBe(0)
      connection.destroy()
    })

    spec('end() sends what is queued and then closes both sides without error', async () => {
      let got = 0
      const closes: string[] = []
      const farClosed = signal<void>()
      const nearClosed = signal<void>()
      const address = await listen(() => ({
        onBytes: (view) => {
          got += view.length
        },
        onDrain: () => {},
        onClose: (error) => {
          closes.push(`far ${String(error)}`)
          farClosed.give()
        },
      }))
      const connection = await rig.network.connect(address, () => ({
        onBytes: () => {},
        onDrain: () => {},
        onClose: (error) => {
          closes.push(`near ${String(error)}`)
          nearClosed.give()
        },
      }))
      connection.write([new Uint8Array(5_000_000)])
      connection.end()
      connection.end()
      let told = false
      const late = signal<void>()
      connection.write([new Uint8Array(10)], () => {
        told = true
        late.give()
      })
      await Promise.all([farClosed.promise, nearClosed.promise, late.promise])
      expect(got).toBe(5_000_000)
      expect(told).toBe(true)
      expect(closes.toSorted()).toEqual(['far undefined', 'near undefined'])
    })

    spec('an answer that is queued when the peer ends still reaches it', async () => {
      const address = await listen((connection) => ({
        onBytes: () => {
          connection.write([new Uint8Array(3_000_000)])
          connection.end()
        },
        onDrain: () => {},
        onClose: () => {},
      }))
      let got = 0
      const closed = signal<Error | undefined>()
      const connection = await rig.network.connect(address, () => ({
        onBytes: (view) => {
          got += view.length
        },
        onDrain: () => {},
        onClose: closed.give,
      }))
      // More than the far side will ever read: closing on it must not reset the answer away.
      connection.write([new Uint8Array(1)])
      connection.write([new Uint8Array(100_000)])
      expect(await closed.promise).toBe(undefined)
      expect(got).toBe(3_000_000)
    })

    spec('destroy() drops the queue, settles every write and closes once', async () => {
      const address = await listen((connection) => {
        connection.pause()
        return quiet
      })
      let closes = 0
      let drains = 0
      const closed = signal<void>()
      const connection = await rig.network.connect(address, () => ({
        onBytes: () => {},
        onDrain: () => {
          drains++
        },
        onClose: () => {
          closes++
          closed.give()
        },
      }))
      const written = Array.from({ length: 5 }, () => signal<void>())
      for (const { give } of written) connection.write([new Uint8Array(5_000_000)], give)
      connection.destroy()
      connection.destroy()
      await closed.promise
      await Promise.all(written.map(({ promise }) => promise))
      const late = signal<void>()
      connection.write([new Uint8Array(1)], late.give)
      await late.promise
      expect([closes, drains, connection.queuedBytes]).toEqual([1, 0, 0])
    })

    spec('nothing is delivered after destroy() inside onBytes', async () => {
      let calls = 0
      const closed = signal<void>()
      const address = await listen((connection) => ({
        onBytes: () => {
          calls++
          connection.destroy()
        },
        onDrain: () => {},
        onClose: () => closed.give(),
      }))
      const connection = await rig.network.connect(address, () => quiet)
      connection.write([new Uint8Array(2_000_000)])
      await closed.promise
      expect(calls).toBe(1)
      connection.destroy()
    })

    spec('a handler may write before it is returned', async () => {
      const address = await listen((connection) => {
        connection.write([Uint8Array.of(1, 2, 3)])
        return quiet
      })
      const got = signal<number[]>()
      const connection = await rig.network.connect(address, () => ({
        onBytes: (view) => got.give([...view]),
        onDrain: () => {},
        onClose: () => {},
      }))
      expect((await got.promise)[0]).toBe(1)
      connection.destroy()
    })

    spec('listen() refuses an address that is taken', async () => {
      const address = await listen(() => quiet)
      expect(await kindOf(rig.network.listen(address, () => quiet))).toBe('refused')
    })

    spec('connect() to nobody is worth a retry, also after the listener has closed', async () => {
      const address = await listen(() => quiet)
      await listeners[0]?.close()
      await listeners[0]?.close()
      expect(await kindOf(rig.network.connect(address, () => quiet))).toBe('retry')
    })
  })
}
