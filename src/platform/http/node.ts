// The HTTP server on Node: node:http, with requests and responses by @hono/node-server. All limits
// are node:http's own. The globals Request and Response stay those of Node.
import { getRequestListener } from '@hono/node-server'
import { createServer } from 'node:http'
import type { IncomingMessage, Server } from 'node:http'
import { listenError } from '../network-error.ts'
import type { Fetch, HttpLimits, HttpServer } from './limits.ts'

/** How often sockets are checked for headers and requests that take too long. */
const CHECK_MS = 1_000

/** Serves `fetch` until `close`. */
export async function serveOnNode(
  fetch: Fetch,
  address: { readonly host: string; readonly port: number },
  limits: HttpLimits,
): Promise<HttpServer> {
  const listener = getRequestListener(
    (request, env) => {
      const { incoming } = env as { incoming: IncomingMessage }
      return fetch(request, { remoteAddress: () => incoming.socket.remoteAddress ?? null })
    },
    { overrideGlobalObjects: false, errorHandler: () => new Response(null, { status: 500 }) },
  )
  const server = createServer(
    {
      maxHeaderSize: limits.headerBytesMax,
      headersTimeout: limits.headersMs,
      requestTimeout: limits.requestMs,
      keepAliveTimeout: limits.keepAliveMs,
      connectionsCheckingInterval: Math.min(CHECK_MS, limits.headersMs),
    },
    (incoming, outgoing) => void listener(incoming, outgoing),
  )
  server.maxConnections = limits.connectionsMax
  server.timeout = limits.idleMs
  const port = await listen(server, address)
  let closing: Promise<void> | null = null
  return { host: address.host, port, close: () => (closing ??= close(server, limits.graceMs)) }
}

function listen(
  server: Server,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(listenError(host, port, error)))
    server.listen({ host, port }, () => {
      server.removeAllListeners('error')
      const bound = server.address()
      resolve(typeof bound === 'object' && bound !== null ? bound.port : port)
    })
  })
}

function close(server: Server, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), graceMs)
    // Node closes the idle connections itself; those in a request end with its answer.
    server.close(() => {
      clearTimeout(timer)
      resolve()
    })
  })
}
