// The HTTP server on every runtime by one self-check, and what only Node's holds: headers that are
// too large or too slow, too many connections, and idle ones.
import { execFile } from 'node:child_process'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, describe, expect, test } from 'vitest'
import { serve } from '../../src/platform/http-server.ts'
import type { HttpLimits, HttpServer } from '../../src/platform/http-server.ts'

const script = join(import.meta.dirname, 'http-check.ts')
const bin = join(import.meta.dirname, '../../node_modules/.bin')

test.each([
  ['node', []],
  ['deno', ['run', '-A']],
  ['bun', []],
] as const)('serve() and createTelemetry() work on %s', async (runtime, flags) => {
  const run = promisify(execFile)
  const { stdout } = await run(join(bin, runtime), [...flags, script], { timeout: 15_000 })
  expect(stdout.trim()).toBe('ok')
})

describe('serve() on Node', () => {
  const open: (HttpServer | Socket)[] = []

  afterEach(async () => {
    for (const one of open.splice(0)) await ('close' in one ? one.close() : one.destroy())
  })

  const start = async (limits: Partial<HttpLimits>): Promise<HttpServer> => {
    const app = { fetch: (): Response => new Response('fine') }
    const server = await serve(app, {
      host: '127.0.0.1',
      port: 0,
      limits: { graceMs: 200, ...limits },
    })
    open.push(server)
    return server
  }

  /** What came back until the server closed the connection, and after how many milliseconds. */
  const talk = (server: HttpServer, text: string): Promise<{ got: string; ms: number }> =>
    new Promise((resolve) => {
      const socket = connect(server.port, '127.0.0.1')
      open.push(socket)
      const started = performance.now()
      let got = ''
      socket.on('data', (bytes) => {
        got += String(bytes)
      })
      socket.on('error', () => undefined)
      socket.on('close', () => resolve({ got, ms: performance.now() - started }))
      socket.write(text)
    })

  test('answers 431 to a header above its limit', async () => {
    const server = await start({ headerBytesMax: 2_000 })
    const { got } = await talk(
      server,
      `GET / HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(3_000)}\r\n\r\n`,
    )
    expect(got).toContain(' 431 ')
  })

  test('ends a connection whose header never ends', async () => {
    const server = await start({ headersMs: 200 })
    const { got, ms } = await talk(server, 'GET / HTTP/1.1\r\nHost: x\r\n')
    expect(got).toContain(' 408 ')
    expect(ms).toBeLessThan(5_000)
  })

  test('ends a connection on which nothing follows', async () => {
    const server = await start({ keepAliveMs: 50 })
    const { got, ms } = await talk(server, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    expect(got).toContain('fine')
    expect(ms).toBeLessThan(5_000)
  })

  test('drops connections above their limit', async () => {
    const server = await start({ connectionsMax: 1 })
    const first = connect(server.port, '127.0.0.1')
    open.push(first)
    await new Promise((resolve) => first.once('connect', resolve))
    expect((await talk(server, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n')).got).toBe('')
  })

  test('says `absent` for an address that is not of this machine', async () => {
    const asked = serve({ fetch: () => new Response() }, { host: '192.0.2.1', port: 0 })
    await expect(asked).rejects.toMatchObject({ kind: 'absent' })
  })
})
