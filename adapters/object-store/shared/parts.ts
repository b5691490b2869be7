// Bodies that are read while they are sent. A few workers take the next part each, read it and hand
// it on, so that no more than `partBytes × atOnce` bytes are in memory, and reads begin in
// ascending order. What the source itself fails with reaches the caller of `put` unchanged: it says
// more about the cause than any sentence of a store.
import { assert } from '../../../src/base/assert.ts'
import { asError } from '../../../src/base/errors.ts'
import type { ObjectSource } from '../../../src/ports/object-store.ts'

/** What reads of a source begin at multiples of, in bytes. */
export const PART_ALIGNMENT = 1 << 20

/** How a body is cut. */
export interface PartLimits {
  /** Bytes of each part but the last; a multiple of 1 MiB. */
  readonly partBytes: number
  /** Parts that are read and sent at the same time. */
  readonly atOnce: number
  /** Most parts that the store takes for one object. */
  readonly partsMax: number
  /**
   * Whether they are sent one after the other, in their order: those that are sent first need not
   * have been read first. Side by side, if absent.
   */
  readonly inOrder?: boolean
}

/** One part of a body: `bytes` are `[from, from + bytes.length)` of it. */
export interface Part {
  /** From 0. */
  readonly index: number
  readonly from: number
  readonly bytes: Uint8Array
}

/** What a source failed with, until the wall of the store takes it out again. */
export class SourceError extends Error {
  override name = 'SourceError'
}

/** The error that a source threw if that is what `error` is about, else `error`. */
export const unwrapSource = (error: unknown): unknown =>
  error instanceof SourceError ? error.cause : error

/**
 * Bytes `[from, to)` of a source, which must give them all. Does not wait for a source that is slow
 * to notice that nobody wants it any more: it then throws the signal's reason.
 */
export async function readSource(
  source: ObjectSource,
  { from, to }: { readonly from: number; readonly to: number },
  signal: AbortSignal,
): Promise<Uint8Array> {
  if (signal.aborted) throw signal.reason
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const abandon = (): void => reject(signal.reason as Error)
  signal.addEventListener('abort', abandon)
  const read = source.read(from, to).catch((cause: unknown) => {
    throw new SourceError('the source of the bytes failed', { cause })
  })
  try {
    const bytes = await Promise.race([read, aborted])
    assert(bytes.length === to - from, 'A source gives all the bytes that it is asked for')
    return bytes
  } finally {
    signal.removeEventListener('abort', abandon)
  }
}

/** Size of the parts of a body of `size` bytes: larger than usual when there would be too many. */
export function partBytesFor(size: number, limits: PartLimits): number {
  assert(limits.partBytes % PART_ALIGNMENT === 0, 'Parts begin at multiples of 1 MiB')
  const least = Math.ceil(size / limits.partsMax)
  if (least <= limits.partBytes) return limits.partBytes
  return Math.ceil(least / PART_ALIGNMENT) * PART_ALIGNMENT
}

/** Whose turn it is, by index. */
class Turns {
  readonly #waiting = new Map<number, PromiseWithResolvers<undefined>>()
  #next = 0
  #failure: Error | null = null

  /** Resolves when all before `index` are done. Throws what one of them failed with. */
  async of(index: number): Promise<void> {
    if (this.#failure !== null) throw this.#failure
    if (index === this.#next) return
    const turn = Promise.withResolvers<undefined>()
    this.#waiting.set(index, turn)
    await turn.promise
  }

  done(): void {
    this.#next++
    this.#waiting.get(this.#next)?.resolve(undefined)
    this.#waiting.delete(this.#next)
  }

  fail(error: unknown): void {
    this.#failure = asError(error)
    for (const { reject } of this.#waiting.values()) reject(this.#failure)
    this.#waiting.clear()
  }
}

/**
 * Reads every part of `source` and hands it to `send`, `limits.atOnce` at a time. After a failure
 * none is begun; it throws the first one once all that had begun have ended.
 */
export async function eachPart(
  source: ObjectSource,
  limits: PartLimits,
  signal: AbortSignal,
  send: (part: Part) => Promise<void>,
): Promise<void> {
  const partBytes = partBytesFor(source.size, limits)
  const count = Math.ceil(source.size / partBytes)
  const failures: unknown[] = []
  const turns = limits.inOrder === true ? new Turns() : null
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < count && failures.length === 0) {
      const index = next++
      const from = index * partBytes
      const to = Math.min(source.size, from + partBytes)
      const bytes = await readSource(source, { from, to }, signal)
      await turns?.of(index)
      if (signal.aborted) throw signal.reason
      await send({ index, from, bytes })
      turns?.done()
      source.recycle?.(bytes)
    }
  }
  const guarded = (): Promise<unknown> =>
    worker().catch((error: unknown) => {
      failures.push(error)
      turns?.fail(error)
    })
  await Promise.all(Array.from({ length: Math.min(limits.atOnce, count) }, guarded))
  if (failures.length > 0) throw failures[0]
}

/** A body in memory, or a source small enough to be read at once; null when it must be cut. */
export async function wholeBody(
  body: Uint8Array | ObjectSource,
  bytesMax: number,
  signal: AbortSignal,
): Promise<Uint8Array | null> {
  if (body instanceof Uint8Array) return body
  if (body.size > bytesMax) return null
  if (body.size === 0) return new Uint8Array(0)
  return readSource(body, { from: 0, to: body.size }, signal)
}

/** A body in memory as a source; its reads are views of it. */
export const sourceOf = (body: Uint8Array | ObjectSource): ObjectSource =>
  body instanceof Uint8Array
    ? { size: body.length, read: (from, to) => Promise.resolve(body.subarray(from, to)) }
    : body
