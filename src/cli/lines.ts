// Streams of bytes cut into records: by line feeds or by size. Chunks are read one after another;
// while the next one is awaited an idle act may run, so that a slow input is not held back.
// It does not know what becomes of the pieces.

const LINE_FEED = 10

/** Called with each piece, which is the callee's to keep; may make the reader wait. */
export type Take = (piece: Uint8Array) => Promise<void> | undefined

/** What to do when the next chunk is not there within `ms`. */
export interface Idle {
  readonly ms: number
  act(): void
}

/**
 * Calls `take` with each line, without its line feed. A last line without one counts, an empty rest
 * does not. Ends early when `stopped` aborts.
 */
export async function forEachLine(
  input: AsyncIterable<Uint8Array>,
  idle: Idle,
  stopped: AbortSignal,
  take: Take,
): Promise<void> {
  let rest: Uint8Array[] = []
  for await (const chunk of chunks(input, idle, stopped)) {
    let from = 0
    for (let at = chunk.indexOf(LINE_FEED); at >= 0; at = chunk.indexOf(LINE_FEED, from)) {
      const piece = chunk.subarray(from, at)
      from = at + 1
      const line = rest.length === 0 ? piece : join([...rest, piece])
      if (rest.length > 0) rest = []
      const wait = take(line)
      if (wait !== undefined) await wait
    }
    if (from < chunk.length) rest.push(chunk.subarray(from))
  }
  if (rest.length > 0 && !stopped.aborted) await take(join(rest))
}

/** Calls `take` with pieces of `size` bytes, the last one shorter; with one empty piece if none. */
export async function forEachPiece(
  input: AsyncIterable<Uint8Array>,
  size: number,
  stopped: AbortSignal,
  take: Take,
): Promise<void> {
  let held: Uint8Array[] = []
  let bytes = 0
  let count = 0
  for await (const chunk of chunks(input, null, stopped)) {
    for (let from = 0; from < chunk.length;) {
      const piece = chunk.subarray(from, from + size - bytes)
      from += piece.length
      bytes += piece.length
      held.push(piece)
      if (bytes < size) continue
      count += 1
      const whole = join(held)
      held = []
      bytes = 0
      await take(whole)
    }
  }
  if ((bytes > 0 || count === 0) && !stopped.aborted) await take(join(held))
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts
  if (only !== undefined && parts.length === 1) return only
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

async function* chunks(
  input: AsyncIterable<Uint8Array>,
  idle: Idle | null,
  stopped: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const iterator = input[Symbol.asyncIterator]()
  const stop = new Promise<null>((resolve) => {
    if (stopped.aborted) resolve(null)
    else stopped.addEventListener('abort', () => resolve(null), { once: true })
  })
  while (!stopped.aborted) {
    const timer = idle === null ? undefined : setTimeout(() => idle.act(), idle.ms)
    const next = await Promise.race([iterator.next(), stop])
    clearTimeout(timer)
    if (next === null || next.done === true) return
    yield next.value
  }
}
