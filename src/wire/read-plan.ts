// Turns the fields of a message at one version into a function that reads them. The work of
// choosing (present? nullable? compact?) is done once per version; what is left per message is a
// walk over closures. Every count is held against the bytes that are left before it is believed:
// a list of n elements needs n times the smallest element. Depth is the schema's own, which is
// finite. Bytes come out as borrowed views.
import { assert } from '../base/assert.ts'
import { FormatError } from '../base/errors.ts'
import type { Reader } from '../base/reader.ts'
import type { Field, ScalarKind } from './schema.ts'
import { defaultOf, isNullable, isPresent, NO_LIMIT } from './schema.ts'

/** Reads one value; throws FormatError when the bytes do not follow the format. */
export type Read = (reader: Reader) => unknown

/** A way to read, and the least number of bytes that it takes. */
export interface ReadPlan {
  readonly read: Read
  readonly least: number
}

/** What one version of a message is like. */
export interface Shape {
  readonly version: number
  readonly flexible: boolean
}

/** The longest string, in bytes: Kafka holds the compact ones to it as well. */
export const STRING_BYTES_MAX = 0x7fff

const NESTING_MAX = 16

/** How to read a struct of `fields`. */
export function planStruct(fields: readonly Field[], shape: Shape, depth = 0): ReadPlan {
  assert(depth < NESTING_MAX, 'A schema nests too deep')
  const names: string[] = []
  const reads: Read[] = []
  const tagged = new Map<number, { readonly name: string; readonly read: Read }>()
  let least = shape.flexible ? 1 : 0
  for (const field of fields) {
    const [name, , options] = field
    const present = isPresent(field, shape.version)
    names.push(name)
    if (present && options?.tag === undefined) {
      const plan = planField(field, shape, depth)
      reads.push(plan.read)
      least += plan.least
      continue
    }
    const absent = defaultOf(field)
    reads.push(() => absent)
    if (!present || options?.tag === undefined) continue
    assert(shape.flexible, 'A tagged field stands in a version that is not flexible')
    tagged.set(options.tag, { name, read: planField(field, shape, depth).read })
  }
  const read = (reader: Reader): unknown => {
    const value: Record<string, unknown> = {}
    for (let i = 0; i < names.length; i++) {
      value[names[i] as string] = (reads[i] as Read)(reader)
    }
    if (shape.flexible) readTags(reader, tagged, value)
    return value
  }
  return { read, least }
}

/** Steps over a tag buffer whose tags are all unknown. */
export function skipTags(reader: Reader): void {
  for (let count = reader.uvarint(); count > 0; count--) {
    reader.uvarint()
    reader.take(reader.uvarint())
  }
}

function readTags(
  reader: Reader,
  tagged: ReadonlyMap<number, { readonly name: string; readonly read: Read }>,
  value: Record<string, unknown>,
): void {
  for (let count = reader.uvarint(); count > 0; count--) {
    const field = tagged.get(reader.uvarint())
    const size = reader.uvarint()
    if (size > reader.left) throw new FormatError('A tagged field is longer than the message')
    const end = reader.at + size
    if (field === undefined) {
      reader.at = end
      continue
    }
    value[field.name] = field.read(reader)
    if (reader.at !== end) throw new FormatError('A tagged field does not fill its size')
  }
}

function planField(field: Field, shape: Shape, depth: number): ReadPlan {
  const [, kind, options] = field
  const nullable = isNullable(field, shape.version)
  if (kind === 'struct') {
    const plan = planStruct(options?.fields ?? [], shape, depth + 1)
    if (!nullable) return plan
    // A nullable struct is led by an int8: negative for null (KIP-893).
    return { read: (reader) => (reader.int8() < 0 ? null : plan.read(reader)), least: 1 }
  }
  if (!kind.startsWith('[]')) return planScalar(kind as ScalarKind, nullable, shape)
  const element =
    kind === '[]struct'
      ? planStruct(options?.fields ?? [], shape, depth + 1)
      : planScalar(kind.substring(2) as ScalarKind, false, shape)
  return planList(element, nullable, shape)
}

function planList(element: ReadPlan, nullable: boolean, shape: Shape): ReadPlan {
  const { read } = element
  const least = Math.max(1, element.least)
  const readList = (reader: Reader): unknown => {
    const count = readLength(reader, shape.flexible, 4)
    if (count < 0) return noNull(nullable)
    if (count * least > reader.left) throw new FormatError('A list is longer than the message')
    reader.spend(count)
    const list: unknown[] = []
    for (let i = 0; i < count; i++) list.push(read(reader))
    return list
  }
  return { read: readList, least: shape.flexible ? 1 : 4 }
}

/** A length: compact (n + 1 as a varint) or an int of `width` bytes; negative stands for null. */
function readLength(reader: Reader, compact: boolean, width: 2 | 4): number {
  if (compact) return reader.uvarint() - 1
  return width === 2 ? reader.int16() : reader.int32()
}

function noNull(nullable: boolean): null {
  if (!nullable) throw new FormatError('A field that must not be null is null')
  return null
}

function planScalar(kind: ScalarKind, nullable: boolean, { flexible }: Shape): ReadPlan {
  switch (kind) {
    case 'bool':
      return { read: (reader) => reader.bool(), least: 1 }
    case 'int8':
      return { read: (reader) => reader.int8(), least: 1 }
    case 'int16':
      return { read: (reader) => reader.int16(), least: 2 }
    case 'uint16':
      return { read: (reader) => reader.uint16(), least: 2 }
    case 'int32':
      return { read: (reader) => reader.int32(), least: 4 }
    case 'uint32':
      return { read: (reader) => reader.uint32(), least: 4 }
    case 'int64':
      return { read: (reader) => reader.int64(), least: 8 }
    case 'int64max':
      return { read: readInt64Max, least: 8 }
    case 'float64':
      return { read: (reader) => reader.float64(), least: 8 }
    case 'uuid':
      return { read: (reader) => reader.uuid(), least: 16 }
    case 'string':
      return planString(nullable, flexible)
    case 'bytes':
    case 'records':
      return planBytes(nullable, flexible)
  }
}

function planString(nullable: boolean, flexible: boolean): ReadPlan {
  const read = (reader: Reader): unknown => {
    const length = readLength(reader, flexible, 2)
    if (length < 0) return noNull(nullable)
    if (length > STRING_BYTES_MAX) throw new FormatError('A string is longer than 32767 bytes')
    return reader.text(length)
  }
  return { read, least: flexible ? 1 : 2 }
}

function planBytes(nullable: boolean, flexible: boolean): ReadPlan {
  const read = (reader: Reader): unknown => {
    const length = readLength(reader, flexible, 4)
    return length < 0 ? noNull(nullable) : reader.raw(length)
  }
  return { read, least: flexible ? 1 : 4 }
}

/** An int64 where 2^63-1 is legal and stands for "no limit". */
export function readInt64Max(reader: Reader): number {
  const at = reader.take(8)
  if (reader.view.getInt32(at) === 0x7fffffff && reader.view.getUint32(at + 4) === 0xffffffff) {
    return NO_LIMIT
  }
  reader.at = at
  return reader.int64()
}
