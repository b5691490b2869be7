// Requests and answers of the TypeScript generator, as bytes: encoded before the clock starts and
// patched in place afterwards. Produce v7 and Fetch v11, one topic and one partition a request, the
// same as in load.c.
import { crc32c } from '../../../src/base/crc32c.ts'
import type { LoadOptions } from './options.ts'

/** Bytes gathered one behind the other, numbers big-endian. */
class Bytes {
  readonly #parts: number[] = []

  int(value: number, count: number): this {
    for (let i = count - 1; i >= 0; i--) this.#parts.push(Math.floor(value / 256 ** i) & 255)
    return this
  }

  text(text: string): this {
    const raw = new TextEncoder().encode(text)
    return this.int(raw.length, 2).bytes(raw)
  }

  bytes(raw: Uint8Array): this {
    for (const byte of raw) this.#parts.push(byte)
    return this
  }

  varint(value: number): this {
    let left = value < 0 ? -2 * value - 1 : 2 * value
    for (; left > 127; left = Math.floor(left / 128)) this.#parts.push((left & 127) | 128)
    this.#parts.push(left)
    return this
  }

  get length(): number {
    return this.#parts.length
  }

  done(): Uint8Array {
    return Uint8Array.from(this.#parts)
  }
}

/** A batch of random bytes (magic 2), uncompressed, without a producer id. */
export function encodeBatch(options: Pick<LoadOptions, 'records' | 'bytes'>): Uint8Array {
  const records = new Bytes()
  let random = 0x9e3779b9
  for (let i = 0; i < options.records; i++) {
    const value = new Uint8Array(options.bytes)
    for (let k = 0; k < value.length; k++) {
      random ^= random << 13
      random ^= random >>> 17
      random ^= random << 5
      value[k] = random
    }
    const record = new Bytes().int(0, 1).varint(0).varint(i).varint(-1)
    record.varint(value.length).bytes(value).varint(0)
    records.varint(record.length).bytes(record.done())
  }
  const timeMs = Date.now()
  const body = new Bytes()
    .int(0, 2)
    .int(options.records - 1, 4)
    .int(timeMs, 8)
    .int(timeMs, 8)
  body.int(-1, 8).int(-1, 2).int(-1, 4).int(options.records, 4).bytes(records.done())
  const bytes = body.done()
  const head = new Bytes()
    .int(0, 8)
    .int(9 + bytes.length, 4)
    .int(-1, 4)
    .int(2, 1)
  return head.int(crc32c(bytes), 4).bytes(bytes).done()
}

const header = (apiKey: number, apiVersion: number): Bytes =>
  new Bytes().int(apiKey, 2).int(apiVersion, 2).int(0, 4).text('load')

const withLength = (frame: Bytes): Uint8Array =>
  new Bytes().int(frame.length, 4).bytes(frame.done()).done()

/** Where the correlation id of a request lies, its length prefix included. */
export const CORRELATION_AT = 8

/** A Produce v7 request, and where its partition lies. */
export function encodeProduce(
  options: LoadOptions,
  batch: Uint8Array,
): { readonly bytes: Uint8Array; readonly partitionAt: number } {
  const frame = header(0, 7).int(-1, 2).int(options.acks, 2).int(30_000, 4).int(1, 4)
  frame.text(options.topic).int(1, 4)
  const partitionAt = 4 + frame.length
  frame.int(0, 4).int(batch.length, 4).bytes(batch)
  return { bytes: withLength(frame), partitionAt }
}

/** Bytes of the answer to a Produce v7 request of one partition, without its prefix. */
export const produceAnswerBytes = (topic: string): number =>
  4 + 4 + 2 + new TextEncoder().encode(topic).length + 4 + 4 + 2 + 8 + 8 + 8 + 4

/** Checks the answer at [at, at + length); returns its base offset. */
export function checkAnswer(
  view: DataView,
  at: number,
  expected: { readonly length: number; readonly correlation: number },
): number {
  if (view.getUint32(at) !== expected.correlation) throw new Error('An answer came out of order')
  const errorAt = at + expected.length - 4 - 24 - 2
  const code = view.getInt16(errorAt)
  if (code !== 0) throw new Error(`Produce was refused with error code ${String(code)}`)
  return Number(view.getBigInt64(errorAt + 2))
}

/** A Fetch v11 request. */
export function encodeFetch(
  options: LoadOptions,
  where: { readonly partition: number; readonly offset: number; readonly waitMs: number },
): Uint8Array {
  const frame = header(1, 11).int(-1, 4).int(where.waitMs, 4).int(1, 4).int(options.maxBytes, 4)
  frame.int(0, 1).int(0, 4).int(-1, 4).int(1, 4).text(options.topic).int(1, 4)
  frame.int(where.partition, 4).int(-1, 4).int(where.offset, 8).int(-1, 8)
  return withLength(frame.int(options.maxBytes, 4).int(0, 4).text(''))
}

/** What one fetch brought. `next` is the offset asked for where nothing came. */
export interface Fetched {
  readonly next: number
  readonly records: number
  readonly bytes: number
}

/**
 * Walks the batches of a whole Fetch v11 answer (without its prefix) that was asked at `offset`.
 */
export function walkFetch(view: DataView, offset: number): Fetched {
  let at = 4 + 4
  const check = (code: number): void => {
    if (code !== 0) throw new Error(`Fetch was refused with error code ${String(code)}`)
  }
  check(view.getInt16(at))
  at += 2 + 4 + 4
  at += 2 + view.getInt16(at) + 4 + 4
  check(view.getInt16(at))
  at += 2 + 8 + 8 + 8
  at += 4 + Math.max(0, view.getInt32(at)) * 16 + 4
  const size = view.getInt32(at)
  at += 4
  const end = at + Math.max(0, size)
  let next = offset
  let records = 0
  while (at + 61 <= end) {
    const length = 12 + view.getInt32(at + 8)
    if (at + length > end) break
    const base = Number(view.getBigInt64(at))
    const after = base + view.getInt32(at + 23) + 1
    if (after > next) {
      records += after - Math.max(base, next)
      next = after
    }
    at += length
  }
  return { next, records, bytes: Math.max(0, size) }
}
