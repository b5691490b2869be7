// An HTTP server around one fetch function, on what each runtime does best: node:http by way of
// @hono/node-server, Bun.serve, Deno.serve. Sizes and times that a client could abuse are limits
// with names, held here where the runtime does not hold them. Plain HTTP/1.1; TLS is a proxy's.
//
//   serving ──close()──▶ draining ──all answered, or graceMs──▶ closed
//
// Deno.serve waits for ever for the header of a request, and neither it nor Bun.serve limits the
// number of connections: there a proxy has to. A request that Deno answered before its body was
// read keeps the process from ending by itself even after `close`.
import { assert } from '../base/assert.ts'
import { serveOnBun } from './http/bun.ts'
import { serveOnDeno } from './http/deno.ts'
import { guard } from './http/guard.ts'
import type { Fetch, HttpLimits, HttpServer } from './http/limits.ts'
import { HTTP_LIMITS } from './http/limits.ts'
import { serveOnNode } from './http/node.ts'

export type { Fetch, HttpLimits, HttpPeer, HttpServer } from './http/limits.ts'

/** Where to listen, and limits that differ from HTTP_LIMITS. */
export interface HttpServeOptions {
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  readonly limits?: Partial<HttpLimits>
}

/**
 * Serves `app` until `close`. Throws OperatingError `refused` when the port is taken, `absent`
 * when this machine does not have the address.
 */
export async function serve(
  app: { readonly fetch: Fetch },
  options: HttpServeOptions,
): Promise<HttpServer> {
  const limits = { ...HTTP_LIMITS, ...options.limits }
  assert(limits.headersMs <= limits.requestMs, 'A header takes no longer than its request may')
  const { host, port } = options
  // Node holds bodies to a time itself.
  const isDeno = 'Deno' in globalThis
  const isBun = 'Bun' in globalThis
  const guarded = guard(app.fetch, limits, isDeno || isBun)
  if (isDeno) return serveOnDeno(guarded, { host, port }, limits)
  return isBun
    ? serveOnBun(guarded, { host, port }, limits)
    : serveOnNode(guarded, { host, port }, limits)
}
