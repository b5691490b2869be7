// Fuzz target: arbitrary bytes as any request or response at any version. Byte 0 chooses the API,
// byte 1 the version, byte 2 request or response; the rest is the body. Oracles: nothing but
// FormatError is thrown; what was decoded survives being encoded and decoded again; Produce and
// Fetch requests come out of the straight-line code as they come out of the tables.
import { isDeepStrictEqual } from 'node:util'
import { FormatError, OperatingError } from '../../../src/base/errors.ts'
import { Reader } from '../../../src/base/reader.ts'
import { decode, decodeBytes, encodeBytes } from '../../../src/wire/codec.ts'
import { decodeFetchRequest } from '../../../src/wire/fast/fetch-request.ts'
import { ProduceRequestCursor } from '../../../src/wire/fast/produce-request.ts'
import { apis, FETCH_KEY, PRODUCE_KEY } from '../../../src/wire/registry.ts'
import type { Schema } from '../../../src/wire/schema.ts'

/** Names the target in reports. */
export const name = 'wire'

const cursor = new ProduceRequestCursor()

function refusedOr<T>(act: () => T): T | undefined {
  try {
    return act()
  } catch (error) {
    if (error instanceof FormatError) return undefined
    throw error
  }
}

function checkRoundTrip(schema: Schema<unknown>, version: number, value: unknown): void {
  let encoded: Uint8Array
  try {
    encoded = encodeBytes(schema, version, value)
  } catch (error) {
    // Bytes that are not UTF-8 read as U+FFFD, three bytes each: the text may not fit any more.
    if (error instanceof OperatingError && error.message.includes('over 32767')) return
    throw error
  }
  const again = decodeBytes(schema, version, encoded)
  if (!isDeepStrictEqual(again, value)) throw new Error(`${schema.name} changes in a round trip`)
}

function checkFast(
  key: number,
  version: number,
  body: Uint8Array,
  slow: unknown,
  end: number,
): void {
  const fast =
    key === FETCH_KEY
      ? refusedOr(() => decodeFetchRequest(version, new Reader(body)))
      : refusedOr(() => cursor.reset(body, 0, body.length, version))
  const agreed =
    key === FETCH_KEY || slow === undefined ? isDeepStrictEqual(fast, slow) : fast === end
  if (!agreed) throw new Error('The straight-line code and the tables disagree')
}

/** Runs one input; throws only when an oracle is broken. */
export function run(bytes: Uint8Array): void {
  if (bytes.length < 3) return
  const [choice = 0, turn = 0, side = 0] = bytes
  const api = apis[choice % apis.length]
  if (api === undefined) return
  const version = api.min + (turn % (api.max - api.min + 1))
  const isRequest = side % 2 === 0
  const schema = isRequest ? api.request : api.response
  const body = bytes.subarray(3)
  const reader = new Reader(body)
  const value = refusedOr(() => decode(schema, version, reader))
  if (isRequest && (api.key === PRODUCE_KEY || api.key === FETCH_KEY)) {
    checkFast(api.key, version, body, value, reader.at)
  }
  if (value !== undefined) checkRoundTrip(schema, version, value)
}
