// A self-check of the HTTP server and the telemetry that any runtime can run: answers, limits on
// bodies and requests, a port that is taken, and an orderly end. Prints "ok".
import { connect } from 'node:net'
import { OperatingError } from '../../src/base/errors.ts'
import { serve } from '../../src/platform/http-server.ts'
import type { HttpServer } from '../../src/platform/http-server.ts'
import { createTelemetry } from '../../src/platform/telemetry.ts'
import { parseMetrics } from './exposition-parser.ts'

const check = (condition: boolean, what: string): void => {
  if (!condition) throw new Error(`Check failed: ${what}`)
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

const releases: (() => void)[] = []
let caught = ''

const app = {
  fetch: async (request: Request, peer: { remoteAddress(): string | null }): Promise<Response> => {
    const { pathname } = new URL(request.url)
    if (pathname === '/peer') return new Response(peer.remoteAddress())
    if (pathname === '/throw') throw new Error('a secret reason')
    if (pathname === '/wait') {
      await new Promise<void>((resolve) => {
        releases.push(resolve)
      })
      return new Response('waited')
    }
    if (pathname === '/swallow') {
      caught = await request.text().then(
        () => 'nothing',
        () => 'an error',
      )
      return new Response('all is well')
    }
    const body = new Uint8Array(await request.arrayBuffer())
    return Response.json({ method: request.method, bytes: body.length, last: body.at(-1) ?? null })
  },
}

/** Sends raw text and gives everything that came back before the connection closed. */
const raw = (server: HttpServer, parts: readonly string[], gapMs = 0): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect(server.port, '127.0.0.1')
    let got = ''
    socket.on('data', (bytes) => {
      got += String(bytes)
    })
    socket.on('error', () => resolve(got))
    socket.on('close', () => resolve(got))
    const send = async (): Promise<void> => {
      for (const part of parts) {
        socket.write(part)
        if (gapMs > 0) await pause(gapMs)
      }
    }
    send().catch(reject)
    setTimeout(() => socket.destroy(), 1_500).unref()
  })

const chunked = (path: string): string =>
  `POST ${path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n`
const chunk = (size: number): string => `${size.toString(16)}\r\n${'z'.repeat(size)}\r\n`

const server = await serve(app, {
  host: '127.0.0.1',
  port: 0,
  limits: { bodyBytesMax: 100_000, requestsMax: 3, requestMs: 700, headersMs: 500, graceMs: 300 },
})
const at = `http://127.0.0.1:${server.port}`
check(server.port > 0, 'a port was bound')

const echo = async (body: Uint8Array<ArrayBuffer>): Promise<unknown> =>
  (await fetch(`${at}/echo`, { method: 'POST', body })).json()
check(JSON.stringify(await echo(new Uint8Array(99_999).fill(5))).includes('99999'), 'echo')
check(JSON.stringify(await (await fetch(`${at}/echo`)).json()).includes('"GET"'), 'no body')
check((await (await fetch(`${at}/peer`)).text()).includes('127.0.0.1'), 'address of the peer')
const thrown = await fetch(`${at}/throw`)
check(thrown.status === 500 && !(await thrown.text()).includes('secret'), 'a bare 500')

const large = await fetch(`${at}/echo`, { method: 'POST', body: new Uint8Array(100_001) })
check(large.status === 413, 'a body that says it is too large')
await large.body?.cancel()
const small = await raw(server, [chunked('/echo') + chunk(70_000) + '0\r\n\r\n'])
check(small.includes('200 OK') && small.includes('70000'), 'a body in chunks')
const grown = await raw(server, [chunked('/echo') + chunk(70_000) + chunk(70_000) + '0\r\n\r\n'])
check(grown.includes(' 413 '), `a body that grows too large: ${grown.slice(0, 100)}`)
const hidden = await raw(server, [chunked('/swallow') + chunk(70_000) + chunk(70_000)])
check(hidden.includes(' 413 ') && caught === 'an error', 'a route that swallows the error')
const slow = await raw(server, [chunked('/echo') + chunk(10), chunk(10), chunk(10), chunk(10)], 400)
check(!slow.includes(' 200 '), `a body that takes too long: ${slow.slice(0, 100)}`)

const answers = [0, 1, 2].map(() => fetch(`${at}/wait`).then((response) => response.text()))
while (releases.length < 3) await pause(5)
const refused = await fetch(`${at}/echo`)
check(refused.status === 503, 'too many requests at once')
await refused.body?.cancel()

const kind = await serve(app, { host: '127.0.0.1', port: server.port }).then(
  () => 'served',
  (error: unknown) => (error instanceof OperatingError ? error.kind : String(error)),
)
check(kind === 'refused', `a port that is taken: ${kind}`)

// One of the three answers within the grace; the two others are cut off, and close still ends.
const closing = server.close()
check(server.close() === closing, 'close is idempotent')
const outcomes = Promise.allSettled(answers)
releases.at(-1)?.()
await closing
const ended = (await outcomes).map((outcome) => outcome.status).sort()
check(ended.includes('fulfilled'), `a request within the grace is answered: ${ended.join()}`)
check(ended.includes('rejected'), `others are cut off: ${ended.join()}`)
check((await raw(server, ['GET / HTTP/1.1\r\n\r\n'])) === '', 'nobody listens any more')

const lines: string[] = []
const write = (line: string): void => void lines.push(line)
const telemetry = createTelemetry({ level: 'info', format: 'json', processMetrics: true, write })
telemetry.log('info', 'checked', { password: 'hunter2' })
await pause(50)
const metrics = parseMetrics(telemetry.render('openmetrics'), 'openmetrics')
const delays = metrics.get('stratalog_event_loop_delay_seconds')?.samples.at(-1)?.value ?? 0
check(delays > 0, 'event loop delay is measured')
check((metrics.get('process_resident_memory_bytes')?.samples[0]?.value ?? 0) > 1e6, 'memory')
check(lines.length === 1 && !lines.join().includes('hunter2'), 'log')
telemetry.close()
console.log('ok')
// Deno stays alive for a body that was given up on, though the server has closed.
if ('Deno' in globalThis) process.exit(0)
