import * as net from 'node:net'
import { describe, expect, it } from 'vitest'
import { Prng } from '../../src/base/prng.ts'
import { createNetwork } from '../../src/platform/network.ts'
import type { ConnectionHandler } from '../../src/ports/network.ts'
import { networkContract } from '../contract/network.ts'

for (const host of ['127.0.0.1', '::1', 'localhost']) {
  networkContract(`createNetwork() on ${host}`, async () => ({
    network: createNetwork(),
    host,
    run: (promise) => promise,
    close: async () => {},
  }))
}

/** Reads frames of a 4-byte length and that many bytes, some straight into their own memory. */
const framer = (onFrame: (frame: Uint8Array) => void): ConnectionHandler => {
  const head = new Uint8Array(4)
  let headHas = 0
  let frame: Uint8Array | null = null
  let frameHas = 0
  const take = (view: Uint8Array): void => {
    for (let at = 0; at < view.length;) {
      if (frame === null) {
        head[headHas++] = view[at++] as number
        if (headHas < 4) continue
        frame = new Uint8Array(new DataView(head.buffer).getUint32(0))
        headHas = 0
        frameHas = 0
      } else {
        const count = Math.min(frame.length - frameHas, view.length - at)
        frame.set(view.subarray(at, at + count), frameHas)
        frameHas += count
        at += count
      }
      if (frame !== null && frameHas === frame.length) {
        onFrame(frame)
        frame = null
      }
    }
  }
  return {
    receiveInto: () => (frame !== null && frame.length > 5000 ? frame.subarray(frameHas) : null),
    onBytes: (view) => {
      if (frame === null || view.buffer !== frame.buffer) return take(view)
      frameHas += view.length
      if (frameHas < frame.length) return
      onFrame(frame)
      frame = null
    },
    onDrain: () => {},
    onClose: () => {},
  }
}

/** Only Node lets a socket receive into memory that it is given. */
const onNode = !('Deno' in globalThis) && !('Bun' in globalThis)

describe('createNetwork()', () => {
  it('mixes no bytes among 200 connections that share one receive buffer', async () => {
    const network = createNetwork()
    const seen = new Map<number, number>()
    let bad = 0
    const listener = await network.listen({ host: '127.0.0.1', port: 0 }, (connection) => {
      const handler = framer((frame) => {
        const [seed = 0, number = 0, length = 0] = new Uint32Array(frame.slice(0, 12).buffer)
        const body = frame.subarray(12)
        if (body.length !== length || body.some((byte) => byte !== ((seed + number) & 0xff))) bad++
        if ((seen.get(seed) ?? 0) !== number) bad++
        seen.set(seed, number + 1)
        if (number % 7 === 3) {
          connection.pause()
          setImmediate(() => connection.resume())
        }
        connection.write([Uint8Array.of(1)])
      })
      return handler
    })
    const frames = 25
    const clients = Array.from({ length: 200 }, async (_, seed) => {
      const prng = new Prng(seed)
      let acks = 0
      let finish: () => void = () => {}
      const done = new Promise<void>((resolve) => {
        finish = resolve
      })
      const connection = await network.connect({ host: '127.0.0.1', port: listener.port }, () => ({
        onBytes: (view) => {
          acks += view.length
          if (acks === frames) finish()
        },
        onDrain: () => {},
        onClose: () => finish(),
      }))
      for (let number = 0; number < frames; number++) {
        const length = prng.chance(0.05) ? prng.below(400_000) : prng.below(2000)
        const head = new DataView(new ArrayBuffer(4))
        head.setUint32(0, length + 12)
        const fields = new Uint8Array(Uint32Array.of(seed, number, length).buffer)
        const body = new Uint8Array(length).fill(seed + number)
        connection.write([new Uint8Array(head.buffer), fields, body])
      }
      await done
      expect(acks).toBe(frames)
      connection.end()
    })
    await Promise.all(clients)
    await listener.close()
    expect(bad).toBe(0)
    expect([...seen.values()].every((count) => count === frames)).toBe(true)
  })

  it.runIf(onNode)(
    'receives into memory of its own: no bytes are copied into new buffers',
    async () => {
      const network = createNetwork()
      const buffers = new Set<ArrayBufferLike>()
      let got = 0
      await new Promise<void>((resolve, reject) => {
        const accept = (): ConnectionHandler => ({
          onBytes: (view) => {
            buffers.add(view.buffer)
            got += view.length
            if (got === 3_000_000) resolve()
          },
          onDrain: () => {},
          onClose: () => {},
        })
        network
          .listen({ host: '127.0.0.1', port: 0 }, accept)
          .then(async (listener) => {
            for (let i = 0; i < 3; i++) {
              const address = { host: '127.0.0.1', port: listener.port }
              const connection = await network.connect(address, accept)
              connection.write([new Uint8Array(1_000_000)])
              connection.end()
            }
            await listener.close()
          })
          .catch(reject)
      })
      expect(buffers.size).toBe(1)
    },
  )

  it('listens on both loopback addresses for localhost [W15]', async () => {
    const network = createNetwork()
    const quiet = (): ConnectionHandler => ({
      onBytes: () => {},
      onDrain: () => {},
      onClose: () => {},
    })
    const listener = await network.listen({ host: 'localhost', port: 0 }, quiet)
    for (const host of ['127.0.0.1', '::1']) {
      const connection = await network.connect({ host, port: listener.port }, quiet)
      expect(connection.peer).toBe(
        host === '::1' ? `[::1]:${listener.port}` : `127.0.0.1:${listener.port}`,
      )
      connection.destroy()
    }
    await listener.close()
  })

  it('reports a reset by the peer as the error of onClose', async () => {
    const network = createNetwork()
    let close: (error: Error | undefined) => void = () => {}
    const closed = new Promise<Error | undefined>((resolve) => {
      close = resolve
    })
    const listener = await network.listen({ host: '127.0.0.1', port: 0 }, () => ({
      onBytes: () => {},
      onDrain: () => {},
      onClose: close,
    }))
    const socket = net.connect(listener.port, '127.0.0.1', () => socket.resetAndDestroy())
    expect(await closed).toBeInstanceOf(Error)
    await listener.close()
  })

  it('leaves no socket open behind', async () => {
    const network = createNetwork()
    const before = await sockets()
    let closes = 0
    let all: () => void = () => {}
    const closed = new Promise<void>((resolve) => {
      all = resolve
    })
    const onClose = (): void => {
      if (++closes === 40) all()
    }
    const accept = (): ConnectionHandler => ({ onBytes: () => {}, onDrain: () => {}, onClose })
    const listener = await network.listen({ host: 'localhost', port: 0 }, accept)
    for (let i = 0; i < 20; i++) {
      const address = { host: '127.0.0.1', port: listener.port }
      const connection = await network.connect(address, accept)
      connection.write([new Uint8Array(10)])
      if (i % 2 === 0) connection.end()
      else connection.destroy()
    }
    await closed
    await listener.close()
    expect(await sockets()).toBe(before)
  })
})

/** Sockets of this process, once the event loop has let go of those that were closed. */
const sockets = async (): Promise<number> => {
  for (let round = 0; round < 3; round++) await new Promise((resolve) => setImmediate(resolve))
  return process.getActiveResourcesInfo().filter((name) => name.startsWith('TCP')).length
}
