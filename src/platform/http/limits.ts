// What the servers of all runtimes share: the shape of a fetch function, of a server, and the
// limits every one of them keeps as well as its runtime lets it.

/** Who is at the other end of a request's connection. */
export interface HttpPeer {
  /** Address of the client, or of the proxy before it; null when unknown. */
  remoteAddress(): string | null
}

/** Answers one request. What it throws becomes a 500 without a reason. */
export type Fetch = (request: Request, peer: HttpPeer) => Response | Promise<Response>

/** A server that listens. */
export interface HttpServer {
  readonly host: string
  /** The port that was bound. */
  readonly port: number
  /**
   * Takes no more connections, lets the requests in progress end for `graceMs`, and cuts off the
   * rest. Resolves when all is closed. Idempotent.
   */
  close(): Promise<void>
}

/** Limits on what a client may send and how slowly. */
export interface HttpLimits {
  /** Bytes of a request's header; node:http and Deno answer 431, Bun has a limit of its own. */
  readonly headerBytesMax: number
  /** Bytes of a request's body: above it 413. */
  readonly bodyBytesMax: number
  /** Requests in progress: above it 503. */
  readonly requestsMax: number
  /** Connections, on Node only. */
  readonly connectionsMax: number
  /** From the first byte of a request to the end of its header. Node only. */
  readonly headersMs: number
  /** From the first byte of a request to the end of its body. */
  readonly requestMs: number
  /** How long a connection may stay open between two requests. Not on Deno. */
  readonly keepAliveMs: number
  /** How long a connection may stand still within a request or answer. Not on Deno. */
  readonly idleMs: number
  /** How long `close` waits for requests in progress. */
  readonly graceMs: number
}

/** Limits that suit a broker; whole numbers that nobody has to think about. */
export const HTTP_LIMITS: HttpLimits = {
  headerBytesMax: 16 * 1024,
  bodyBytesMax: 16 * 1024 * 1024,
  requestsMax: 4096,
  connectionsMax: 8192,
  headersMs: 10_000,
  requestMs: 60_000,
  keepAliveMs: 15_000,
  idleMs: 120_000,
  graceMs: 5_000,
}

/** Resolves when `work` does, or after `ms`. */
export async function within(work: Promise<unknown>, ms: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  await Promise.race([work, late])
  clearTimeout(timer)
}
