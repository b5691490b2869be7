// Values for any message at any version, drawn from its table: what the version carries is drawn,
// what it lacks has its default, so that decode(encode(x)) must give back exactly x.
import fc from 'fast-check'
import type { Field, Kind, ScalarKind, Schema } from '../../src/wire/schema.ts'
import { defaultOf, isNullable, isPresent, NO_LIMIT } from '../../src/wire/schema.ts'

const uuid = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .map((bytes) => Buffer.from(bytes).toString('hex'))
  .map((hex) => hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'))

const int = (bits: number): fc.Arbitrary<number> =>
  fc.integer({ min: -(2 ** (bits - 1)), max: 2 ** (bits - 1) - 1 })

const scalars: Readonly<Record<ScalarKind, fc.Arbitrary<unknown>>> = {
  bool: fc.boolean(),
  int8: int(8),
  int16: int(16),
  uint16: fc.integer({ min: 0, max: 0xffff }),
  int32: int(32),
  uint32: fc.integer({ min: 0, max: 0xffffffff }),
  int64: fc.maxSafeInteger(),
  int64max: fc.oneof(fc.maxSafeInteger(), fc.constant(NO_LIMIT)),
  float64: fc.double(),
  uuid,
  string: fc.string({ unit: 'binary', maxLength: 40 }),
  bytes: fc.uint8Array({ maxLength: 40 }),
  records: fc.uint8Array({ maxLength: 200 }),
}

/** What to draw for fields of these names instead. */
export type Overrides = Readonly<Record<string, fc.Arbitrary<unknown>>>

function valueOf(
  kind: Kind,
  fields: readonly Field[],
  version: number,
  overrides: Overrides,
): fc.Arbitrary<unknown> {
  if (kind === 'struct') return structOf(fields, version, overrides)
  if (kind === '[]struct') return fc.array(structOf(fields, version, overrides), { maxLength: 3 })
  if (kind.startsWith('[]')) {
    return fc.array(scalars[kind.substring(2) as ScalarKind], { maxLength: 4 })
  }
  return scalars[kind as ScalarKind]
}

function fieldOf(field: Field, version: number, overrides: Overrides): fc.Arbitrary<unknown> {
  if (!isPresent(field, version)) return fc.constant(defaultOf(field))
  const [name, kind, options] = field
  const override = overrides[name]
  if (override !== undefined) return override
  const drawn = valueOf(kind, options?.fields ?? [], version, overrides)
  const value = isNullable(field, version) ? fc.option(drawn, { freq: 4 }) : drawn
  if (options?.tag === undefined) return value
  return fc.oneof(
    { weight: 2, arbitrary: value },
    { weight: 1, arbitrary: fc.constant(defaultOf(field)) },
  )
}

function structOf(
  fields: readonly Field[],
  version: number,
  overrides: Overrides,
): fc.Arbitrary<unknown> {
  return fc.record(
    Object.fromEntries(fields.map((field) => [field[0], fieldOf(field, version, overrides)])),
    {
      noNullPrototype: true,
    },
  )
}

/** Complete values of a message as `decode` gives them at that version. */
export const messageOf = <T>(
  schema: Schema<T>,
  version: number,
  overrides: Overrides = {},
): fc.Arbitrary<T> => structOf(schema.fields, version, overrides) as fc.Arbitrary<T>

/** All versions of a message. */
export const versionsOf = (schema: Schema<unknown>): number[] =>
  Array.from({ length: schema.max - schema.min + 1 }, (_, i) => schema.min + i)
