// A stream of Node into one array: the bytes are copied once, from where the socket left them to
// where their reader will have them. Anything between would cost another copy of every byte.
import type { Readable } from 'node:stream'
import { AnswerError } from './failure.ts'
import type { Into } from './http.ts'

/**
 * All the bytes of `stream`, which are `length` if that is known; then they come to lie in `into`
 * if they are no more than that may take. Throws AnswerError when there are fewer or more, or when
 * the stream fails; ends it when the signal is aborted.
 */
export async function collect(
  stream: Readable,
  length: number | undefined,
  signal: AbortSignal,
  into?: Into,
): Promise<Uint8Array> {
  const abandon = (): unknown => stream.destroy(signal.reason as Error)
  signal.addEventListener('abort', abandon)
  const fits = into !== undefined && length !== undefined && length <= into.bytesMax
  const lent = fits && length > 0 ? into.memory.take(length) : null
  try {
    if (signal.aborted) abandon()
    return await allOf(stream, length, lent)
  } catch (error) {
    // It has ended: nothing writes to what was lent any more.
    if (lent !== null) into?.memory.give(lent)
    throw error
  } finally {
    signal.removeEventListener('abort', abandon)
  }
}

function allOf(
  stream: Readable,
  length: number | undefined,
  lent: Uint8Array | null,
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    let into = lent ?? new Uint8Array(length ?? 0)
    let filled = 0
    stream.on('data', (chunk: Uint8Array) => {
      if (filled + chunk.length > into.length) {
        if (length !== undefined) {
          stream.destroy(new AnswerError({ status: 0, code: 'TooManyBytes' }))
          return
        }
        const larger = new Uint8Array(Math.max(filled + chunk.length, 2 * into.length))
        larger.set(into)
        into = larger
      }
      into.set(chunk, filled)
      filled += chunk.length
    })
    stream.once('error', reject)
    stream.once('close', () => reject(new AnswerError({ status: 0, code: 'ECONNRESET' })))
    stream.once('end', () => {
      if (length === undefined) resolve(into.subarray(0, filled))
      else if (filled === length) resolve(into)
      else reject(new AnswerError({ status: 0, code: 'TooFewBytes' }))
    })
  })
}
