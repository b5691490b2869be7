// What agreement with another codec means: every field that the version carries and the other one
// gives a name to has the same value. Big integers, buffers and numbers in text are told apart by
// representation only; names that differ are the caller's to map.
import type { Field } from '../../src/wire/schema.ts'
import { isPresent } from '../../src/wire/schema.ts'

type Bag = Readonly<Record<string, unknown>>

const isBag = (value: unknown): value is Bag =>
  typeof value === 'object' && value !== null && !ArrayBuffer.isView(value)

function isSame(theirs: unknown, ours: unknown): boolean {
  const value = typeof theirs === 'bigint' ? Number(theirs) : theirs
  if (value instanceof Uint8Array && ours instanceof Uint8Array) return !Buffer.compare(value, ours)
  return Object.is(value, ours) || value === ours
}

function compareOne(theirs: unknown, ours: unknown, field: Field, shape: Shape): string[] {
  if (isBag(theirs) && isBag(ours) && field[2]?.fields !== undefined) {
    return differences(theirs, ours, field[2].fields, shape)
  }
  if (isSame(theirs, ours)) return []
  return [`${field[0]}: theirs ${String(theirs)}, ours ${String(ours)}`]
}

/** What a comparison knows besides the two values. */
export interface Shape {
  readonly version: number
  /** Their names for our fields where they differ; null for a field that they leave out. */
  readonly names?: Readonly<Record<string, string | null>>
  /** Counts the values that were compared. */
  readonly seen?: { count: number }
}

/** Where two decoded messages differ, as text; nothing when they agree. */
export function differences(
  theirs: Bag,
  ours: Bag,
  fields: readonly Field[],
  shape: Shape,
): string[] {
  return fields.flatMap((field) => {
    if (!isPresent(field, shape.version)) return []
    const name = shape.names?.[field[0]] === undefined ? field[0] : shape.names[field[0]]
    if (name === null || name === undefined) return []
    const [value, own] = [theirs[name], ours[field[0]]]
    if (value === undefined) return [`${field[0]}: theirs has no such field`]
    if (shape.seen !== undefined) shape.seen.count++
    if (!Array.isArray(value) || !Array.isArray(own)) return compareOne(value, own, field, shape)
    if (value.length !== own.length) return [`${field[0]}: ${value.length} and ${own.length}`]
    return value.flatMap((item, i) => compareOne(item, own[i], field, shape))
  })
}

/** A message as their encoders take it: int64 as bigint, bytes as Buffer, names as theirs. */
export function asTheirs(
  value: Bag,
  fields: readonly Field[],
  names: Readonly<Record<string, string>> = {},
): Record<string, unknown> {
  const one = (item: unknown, [, kind, options]: Field): unknown => {
    if (item === null) return null
    if (kind.endsWith('struct')) return asTheirs(item as Bag, options?.fields ?? [], names)
    if (kind.includes('int64')) return BigInt(item as number)
    return item instanceof Uint8Array ? Buffer.from(item) : item
  }
  return Object.fromEntries(
    fields.map((field) => {
      const item = value[field[0]]
      const converted = Array.isArray(item) ? item.map((i) => one(i, field)) : one(item, field)
      return [names[field[0]] ?? field[0], converted]
    }),
  )
}

/** The values of a message in the order in which the wire has them. */
export function leaves(value: Bag, fields: readonly Field[], version: number): unknown[] {
  return fields.flatMap((field) => {
    if (!isPresent(field, version)) return []
    const item = value[field[0]]
    return (Array.isArray(item) ? item : [item]).flatMap((one) =>
      isBag(one) ? leaves(one, field[2]?.fields ?? [], version) : [one],
    )
  })
}

/** The values of anything in the order of its keys; empty lists and nothing look alike. */
export function anyLeaves(value: unknown): unknown[] {
  if (Array.isArray(value)) return value.flatMap(anyLeaves)
  return isBag(value) ? Object.values(value).flatMap(anyLeaves) : [value]
}
