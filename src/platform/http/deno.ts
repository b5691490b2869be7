// The HTTP server on Deno: Deno.serve. It takes no times at all; bodies are timed by the guard.
// Its orderly shutdown can not be cut short, so requests in progress are waited for here.
import { assert } from '../../base/assert.ts'
import { listenError } from '../network-error.ts'
import { within } from './limits.ts'
import type { Fetch, HttpLimits, HttpServer } from './limits.ts'

/** What is used of Deno. */
interface Deno {
  serve(
    options: {
      readonly hostname: string
      readonly port: number
      readonly signal: AbortSignal
      onListen(): void
      onError(): Response
    },
    handler: (request: Request, info: DenoInfo) => Response | Promise<Response>,
  ): DenoServer
}

interface DenoInfo {
  readonly remoteAddr: { readonly hostname?: string }
  /** Settles when the answer was delivered, or could not be. */
  readonly completed: Promise<void>
}

interface DenoServer {
  readonly addr: { readonly port: number }
  readonly finished: Promise<void>
}

/** Serves `fetch` until `close`. */
export function serveOnDeno(
  fetch: Fetch,
  address: { readonly host: string; readonly port: number },
  limits: HttpLimits,
): HttpServer {
  const runtime = (globalThis as { Deno?: Deno }).Deno
  assert(runtime !== undefined, 'Deno.serve is used in Deno only')
  const abort = new AbortController()
  const running = new Set<Promise<void>>()
  let draining = false
  const answer = (request: Request, info: DenoInfo): Response | Promise<Response> => {
    if (draining) return new Response(null, { status: 503, headers: { connection: 'close' } })
    const delivered: Promise<void> = info.completed.then(
      () => void running.delete(delivered),
      () => void running.delete(delivered),
    )
    running.add(delivered)
    return fetch(request, { remoteAddress: () => info.remoteAddr.hostname ?? null })
  }
  let server: DenoServer
  try {
    server = runtime.serve(
      {
        hostname: address.host,
        port: address.port,
        signal: abort.signal,
        onListen: () => undefined,
        onError: () => new Response(null, { status: 500 }),
      },
      answer,
    )
  } catch (error) {
    throw listenError(address.host, address.port, error)
  }
  const { port } = server.addr
  const close = async (): Promise<void> => {
    draining = true
    await within(Promise.all(running), limits.graceMs)
    abort.abort()
    await server.finished
  }
  let closing: Promise<void> | null = null
  return { host: address.host, port, close: () => (closing ??= close()) }
}
