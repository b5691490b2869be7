// Turns the fields of a message at one version into a function that writes them: the mirror of
// the read plan. A missing field has its default; a field that the version does not carry is left
// out without a word, so a handler fills in one value for every version. Tagged fields go out in
// ascending order, and not at all where they hold their default. A value that the version cannot
// carry (null, a string too long) fails that one message; a number out of range is a bug.
import { assert } from '../base/assert.ts'
import { OperatingError } from '../base/errors.ts'
import { Writer } from '../base/writer.ts'
import type { Shape } from './read-plan.ts'
import { STRING_BYTES_MAX } from './read-plan.ts'
import type { Field, ScalarKind } from './schema.ts'
import { defaultOf, emptyOf, isNullable, isPresent, NO_LIMIT } from './schema.ts'

/** Writes one value; undefined stands for the field's default. */
export type Write = (writer: Writer, value: unknown) => void

interface FieldPlan {
  readonly name: string
  readonly write: Write
}

interface TagPlan extends FieldPlan {
  readonly tag: number
  readonly isDefault: (value: unknown) => boolean
}

/** How to write a struct of `fields`. */
export function planStructWrite(fields: readonly Field[], shape: Shape): Write {
  const plain: FieldPlan[] = []
  const tagged: TagPlan[] = []
  for (const field of fields) {
    if (!isPresent(field, shape.version)) continue
    const [name, , options] = field
    const write = planFieldWrite(field, shape)
    if (options?.tag === undefined) plain.push({ name, write })
    else tagged.push({ name, write, tag: options.tag, isDefault: planIsDefault(field, shape) })
  }
  tagged.sort((a, b) => a.tag - b.tag)
  return (writer, value) => {
    const struct = value as Readonly<Record<string, unknown>>
    for (const { name, write } of plain) write(writer, struct[name])
    if (shape.flexible) writeTags(writer, tagged, struct)
  }
}

/** Writers for tagged values, whose size goes before them; one per level of nesting in use. */
const scratch: Writer[] = []

function writeTags(
  writer: Writer,
  tagged: readonly TagPlan[],
  struct: Readonly<Record<string, unknown>>,
): void {
  let count = 0
  for (const { name, isDefault } of tagged) if (!isDefault(struct[name])) count++
  writer.uvarint(count)
  if (count === 0) return
  const inner = scratch.pop() ?? new Writer()
  for (const { name, tag, write, isDefault } of tagged) {
    const value = struct[name]
    if (isDefault(value)) continue
    inner.reset()
    write(inner, value)
    writer.uvarint(tag)
    writer.uvarint(inner.at)
    writer.raw(inner.bytes())
  }
  scratch.push(inner)
}

function planIsDefault(field: Field, shape: Shape): (value: unknown) => boolean {
  const [, kind, options] = field
  const absent = defaultOf(field)
  if (kind === 'struct' && absent !== null) {
    const parts = (options?.fields ?? [])
      .filter((part) => isPresent(part, shape.version))
      .map((part) => ({ name: part[0], isDefault: planIsDefault(part, shape) }))
    return (value) => {
      if (value === undefined) return true
      if (value === null) return false
      const struct = value as Readonly<Record<string, unknown>>
      return parts.every(({ name, isDefault }) => isDefault(struct[name]))
    }
  }
  if (absent !== null && (kind.startsWith('[]') || kind === 'bytes')) {
    return (value) =>
      value === undefined || (value as { readonly length: number } | null)?.length === 0
  }
  return (value) => value === undefined || Object.is(value, absent)
}

function planFieldWrite(field: Field, shape: Shape): Write {
  const [name, kind, options] = field
  const nullable = isNullable(field, shape.version)
  // A field that has null for its default only from some version on is empty in those before.
  const absent = nullable ? defaultOf(field) : (defaultOf(field) ?? emptyOf(field))
  const write = planValueWrite(kind, options?.fields ?? [], shape)
  const writeNull = planNullWrite(field, shape)
  const marked = kind === 'struct' && nullable
  return (writer, given) => {
    const value = given === undefined ? absent : given
    if (value === null) {
      if (!nullable) throw new OperatingError('refused', `Cannot encode null as ${name}`)
      writeNull(writer)
      return
    }
    if (marked) writer.int8(1)
    write(writer, value)
  }
}

function planNullWrite([, kind]: Field, { flexible }: Shape): (writer: Writer) => void {
  if (kind === 'struct') return (writer) => writer.int8(-1)
  if (flexible) return (writer) => writer.uvarint(0)
  return kind === 'string' ? (writer) => writer.int16(-1) : (writer) => writer.int32(-1)
}

function planValueWrite(kind: Field[1], fields: readonly Field[], shape: Shape): Write {
  if (kind === 'struct') return planStructWrite(fields, shape)
  if (!kind.startsWith('[]')) return planScalarWrite(kind as ScalarKind, shape)
  const element =
    kind === '[]struct'
      ? planStructWrite(fields, shape)
      : planScalarWrite(kind.substring(2) as ScalarKind, shape)
  return (writer, value) => {
    const list = value as readonly unknown[]
    writeLength(writer, list.length, shape.flexible)
    for (const item of list) element(writer, item)
  }
}

function writeLength(writer: Writer, length: number, compact: boolean): void {
  if (compact) writer.uvarint(length + 1)
  else writer.int32(length)
}

function inRange(value: unknown, least: number, most: number): number {
  const number = value as number
  assert(Number.isInteger(number), 'A number on the wire is not an integer')
  assert(number >= least, 'A number on the wire is below its range')
  assert(number <= most, 'A number on the wire is above its range')
  return number
}

function planScalarWrite(kind: ScalarKind, { flexible }: Shape): Write {
  switch (kind) {
    case 'bool':
      return (writer, value) => writer.bool(value as boolean)
    case 'int8':
      return (writer, value) => writer.int8(inRange(value, -0x80, 0x7f))
    case 'int16':
      return (writer, value) => writer.int16(inRange(value, -0x8000, 0x7fff))
    case 'uint16':
      return (writer, value) => writer.uint16(inRange(value, 0, 0xffff))
    case 'int32':
      return (writer, value) => writer.int32(inRange(value, -0x80000000, 0x7fffffff))
    case 'uint32':
      return (writer, value) => writer.uint32(inRange(value, 0, 0xffffffff))
    case 'int64':
      return (writer, value) => writer.int64(inRange(value, -NO_LIMIT, NO_LIMIT))
    case 'int64max':
      return writeInt64Max
    case 'float64':
      return (writer, value) => writer.float64(value as number)
    case 'uuid':
      return (writer, value) => writer.uuid(value as string)
    case 'string':
      return (writer, value) => writeString(writer, value as string, flexible)
    case 'bytes':
    case 'records':
      return (writer, value) => {
        const bytes = value as Uint8Array
        writeLength(writer, bytes.length, flexible)
        writer.raw(bytes)
      }
  }
}

function writeInt64Max(writer: Writer, value: unknown): void {
  if (value !== NO_LIMIT) {
    writer.int64(inRange(value, -NO_LIMIT, NO_LIMIT))
    return
  }
  writer.int32(0x7fffffff)
  writer.uint32(0xffffffff)
}

function writeString(writer: Writer, text: string, compact: boolean): void {
  const length = utf8Length(text)
  if (length > STRING_BYTES_MAX) {
    throw new OperatingError('refused', `Cannot encode a string of ${length} bytes: over 32767`)
  }
  if (compact) writer.uvarint(length + 1)
  else writer.int16(length)
  writer.text(text)
}

/** Bytes of `text` in UTF-8, a lone surrogate counting as U+FFFD. */
export function utf8Length(text: string): number {
  let length = text.length
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit < 0x80) continue
    length += unit < 0x800 ? 1 : 2
    if (unit < 0xd800 || unit > 0xdbff) continue
    const next = text.charCodeAt(i + 1)
    // A pair of surrogates is two units and four bytes.
    if (next >= 0xdc00 && next <= 0xdfff) i++
  }
  return length
}
