// The HTTP server on Bun: Bun.serve. It has one idle time for everything, in whole seconds up to
// 255, and closes a connection whose body is above its limit without an answer, so the limit it is
// given lies above the one that the guard answers for.
import { assert } from '../../base/assert.ts'
import { listenError } from '../network-error.ts'
import { within } from './limits.ts'
import type { Fetch, HttpLimits, HttpServer } from './limits.ts'

/** What is used of Bun. */
interface Bun {
  serve(options: {
    readonly hostname: string
    readonly port: number
    readonly idleTimeout: number
    readonly maxRequestBodySize: number
    readonly development: boolean
    readonly reusePort: boolean
    fetch(request: Request, server: BunServer): Response | Promise<Response>
    error(): Response
  }): BunServer
}

interface BunServer {
  readonly port: number
  requestIP(request: Request): { readonly address: string } | null
  stop(closeConnections: boolean): Promise<void>
}

const IDLE_SECONDS_MAX = 255

/** Serves `fetch` until `close`. */
export function serveOnBun(
  fetch: Fetch,
  address: { readonly host: string; readonly port: number },
  limits: HttpLimits,
): HttpServer {
  const runtime = (globalThis as { Bun?: Bun }).Bun
  assert(runtime !== undefined, 'Bun.serve is used in Bun only')
  const idleSeconds = Math.ceil(Math.max(limits.idleMs, limits.keepAliveMs) / 1000)
  let server: BunServer
  try {
    server = runtime.serve({
      hostname: address.host,
      port: address.port,
      idleTimeout: Math.min(idleSeconds, IDLE_SECONDS_MAX),
      maxRequestBodySize: 2 * limits.bodyBytesMax,
      development: false,
      // Without development Bun shares ports: two brokers would each get half of the clients.
      reusePort: false,
      fetch: (request, at) =>
        fetch(request, { remoteAddress: () => at.requestIP(request)?.address ?? null }),
      error: () => new Response(null, { status: 500 }),
    })
  } catch (error) {
    throw listenError(address.host, address.port, error)
  }
  const { port } = server
  let closing: Promise<void> | null = null
  return { host: address.host, port, close: () => (closing ??= close(server, limits.graceMs)) }
}

async function close(server: BunServer, graceMs: number): Promise<void> {
  await within(server.stop(false), graceMs)
  await server.stop(true)
}
