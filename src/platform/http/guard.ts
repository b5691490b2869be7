// A fetch function that keeps the limits no runtime keeps alike: requests in progress, and size and
// duration of a body. A body that tells its length is judged by it; one that comes in chunks is
// counted as it is read, and the client is told 413 or 408 whatever the route made of the failure.
import type { Fetch, HttpLimits } from './limits.ts'

/** `fetch` within `limits`; with `timed`, bodies are held to `requestMs` here. */
export function guard(fetch: Fetch, limits: HttpLimits, timed: boolean): Fetch {
  let running = 0
  return async (request, peer) => {
    if (running >= limits.requestsMax) return refusal(503, 'too_many_requests_in_progress')
    const length = request.headers.get('content-length')
    if (length !== null && Number(length) > limits.bodyBytesMax) return tooLarge()
    running++
    try {
      if (!hasBody(request) || (length !== null && !timed)) return await fetch(request, peer)
      return await withBody(fetch, request, peer, limits, timed)
    } finally {
      running--
    }
  }
}

/** Without touching `request.body`, which costs where requests are made lazily. */
const hasBody = (request: Request): boolean =>
  request.headers.has('content-length')
    ? request.headers.get('content-length') !== '0'
    : request.headers.has('transfer-encoding')

async function withBody(
  fetch: Fetch,
  request: Request,
  peer: Parameters<Fetch>[1],
  limits: HttpLimits,
  timed: boolean,
): Promise<Response> {
  const body = request.body
  if (body === null) return fetch(request, peer)
  const watched = watchBody(body, limits.bodyBytesMax, timed ? limits.requestMs : null)
  const { url, method, headers } = request
  // Deno's signal fires after every request, answered or not, and its use is frowned upon.
  const signal = 'Deno' in globalThis ? null : request.signal
  // `duplex` is what the standard asks for with a stream; the types do not know it.
  const half = { duplex: 'half' }
  const init: RequestInit = { method, headers, signal, body: watched.stream, ...half }
  try {
    const response = await fetch(new Request(url, init), peer)
    const refused = watched.refused()
    if (refused === null) return response
    await response.body?.cancel()
    return refused
  } catch (error) {
    const refused = watched.refused()
    if (refused !== null) return refused
    throw error
  } finally {
    watched.done()
  }
}

/** Why reading a body ended early. */
class BodyRefused extends Error {
  override name = 'BodyRefused'
}

interface WatchedBody {
  readonly stream: ReadableStream<Uint8Array>
  /** The answer for a body that broke a limit; null when it did not. */
  refused(): Response | null
  /** The answer is known: the clock no longer runs. */
  done(): void
}

function watchBody(
  body: ReadableStream<Uint8Array>,
  bytesMax: number,
  timeMs: number | null,
): WatchedBody {
  const reader = body.getReader()
  let bytes = 0
  let why: 'large' | 'slow' | null = null
  let fail: (error: Error) => void = () => undefined
  const refuse = (reason: 'large' | 'slow'): void => {
    if (why !== null) return
    why = reason
    const error = new BodyRefused('The body of the request is too large or too slow')
    fail(error)
    void reader.cancel(error).catch(() => undefined)
  }
  const timer = timeMs === null ? undefined : setTimeout(() => refuse('slow'), timeMs)
  const stream = new ReadableStream<Uint8Array>(
    {
      start: (controller) => {
        fail = (error) => controller.error(error)
      },
      pull: async (controller) => {
        const { done, value } = await reader.read()
        if (why !== null) return
        if (done) {
          clearTimeout(timer)
          controller.close()
          return
        }
        bytes += value.length
        if (bytes > bytesMax) refuse('large')
        else controller.enqueue(value)
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  )
  return {
    stream,
    refused: () => {
      if (why === null) return null
      return why === 'large' ? tooLarge() : refusal(408, 'request_timeout')
    },
    done: () => clearTimeout(timer),
  }
}

const tooLarge = (): Response => refusal(413, 'body_too_large')

/** The rest of what the client sends is of no use: the connection goes. */
function refusal(status: number, code: string): Response {
  return Response.json(
    { error: { code } },
    { status, headers: { connection: 'close', 'cache-control': 'no-store' } },
  )
}
