// Decodes and encodes any message by its table. The plans of a (schema, version) are made at first
// use and kept, so a version nobody speaks costs nothing. Produce and Fetch have straight-line
// code of their own under fast/, held equal to this by property tests.
import { assert } from '../base/assert.ts'
import { Reader } from '../base/reader.ts'
import { Writer } from '../base/writer.ts'
import type { Read } from './read-plan.ts'
import { planStruct } from './read-plan.ts'
import type { Input, Schema } from './schema.ts'
import { isFlexible } from './schema.ts'
import type { Write } from './write-plan.ts'
import { planStructWrite } from './write-plan.ts'

interface Plans {
  readonly reads: (Read | undefined)[]
  readonly writes: (Write | undefined)[]
}

const plansOf = new WeakMap<object, Plans>()

function plans(schema: Schema<unknown>, version: number): Plans {
  assert(version >= schema.min, 'A message is asked for in a version below its range')
  assert(version <= schema.max, 'A message is asked for in a version above its range')
  let found = plansOf.get(schema)
  if (found === undefined) {
    found = { reads: [], writes: [] }
    plansOf.set(schema, found)
  }
  return found
}

/**
 * Reads one message at the reader's place and leaves the reader behind it. Every field is there:
 * one that `version` does not carry has its default. Bytes are borrowed views of the reader's
 * bytes. Bytes behind the message are the caller's. Throws FormatError.
 */
export function decode<T>(schema: Schema<T>, version: number, reader: Reader): T {
  const { reads } = plans(schema, version)
  const flexible = isFlexible(schema, version)
  const read = (reads[version] ??= planStruct(schema.fields, { version, flexible }).read)
  return read(reader) as T
}

/**
 * Writes one message. Missing fields have their defaults; fields that `version` does not carry are
 * left out. Throws OperatingError `refused` for null where the version has no null, and for a
 * string over 32767 bytes.
 */
export function encode<T>(
  schema: Schema<T>,
  version: number,
  value: Input<T>,
  writer: Writer,
): void {
  const { writes } = plans(schema, version)
  const flexible = isFlexible(schema, version)
  const write = (writes[version] ??= planStructWrite(schema.fields, { version, flexible }))
  write(writer, value)
}

/** `decode` of a whole byte string. */
export const decodeBytes = <T>(schema: Schema<T>, version: number, bytes: Uint8Array): T =>
  decode(schema, version, new Reader(bytes))

/** `encode` into bytes of its own, which the caller owns. */
export function encodeBytes<T>(schema: Schema<T>, version: number, value: Input<T>): Uint8Array {
  const writer = new Writer()
  encode(schema, version, value, writer)
  return writer.copy()
}
