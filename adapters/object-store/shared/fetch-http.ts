// HTTP by fetch, for Workers and wherever else there is nothing of Node. It waits for no silence:
// runtimes at the edge end requests by themselves.
import { AnswerError } from './failure.ts'
import { bodyLength, type Http } from './http.ts'

/** Sends by the runtime's own fetch. */
export function fetchHttp(): Http {
  return {
    send: async (request, signal) => {
      const { method, url, headers } = request
      const answer = await fetch(url, {
        ...{ method, headers, signal, redirect: 'manual' },
        ...(request.body === undefined ? {} : { body: joined(request.body) }),
      })
      const bytes = new Uint8Array(await answer.arrayBuffer())
      const told = answer.headers.get('content-length')
      const isEncoded = answer.headers.has('content-encoding')
      if (told !== null && !isEncoded && method !== 'HEAD' && Number(told) !== bytes.length) {
        throw new AnswerError({ status: 0, code: 'TooFewBytes' })
      }
      return { status: answer.status, header: (name) => answer.headers.get(name), bytes }
    },
    close: () => {},
  }
}

/** One body of all pieces; a single one is sent as it is. */
export function joined(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const [first] = pieces
  if (pieces.length === 1 && first !== undefined) return first as Uint8Array<ArrayBuffer>
  const all = new Uint8Array(bodyLength(pieces))
  let at = 0
  for (const piece of pieces) {
    all.set(piece, at)
    at += piece.length
  }
  return all
}
