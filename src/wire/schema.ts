// The shape of Kafka's messages as data. A message is a list of fields; each names the versions
// that carry it, those in which it may be null, and its tag if it travels as a tagged field
// (KIP-482). The tables under messages/ are written by a generator in these terms and read by the
// codec; nothing here knows a particular message.

/** A field that is not a list. `int64max`: an int64 where 2^63-1, "no limit", reads as 2^53-1. */
export type ScalarKind =
  | 'bool'
  | 'int8'
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'uint32'
  | 'int64'
  | 'int64max'
  | 'float64'
  | 'uuid'
  | 'string'
  | 'bytes'
  | 'records'

/** What a field holds: a scalar, a list of scalars, a struct, or a list of structs. */
export type Kind = ScalarKind | `[]${ScalarKind}` | 'struct' | '[]struct'

/** What differs from a plain field that every version carries. Version bounds are inclusive. */
export interface FieldOptions {
  /** First version that carries the field; left out: the message's first. */
  readonly from?: number
  /** Last version that carries the field; left out: the message's last. */
  readonly to?: number
  /** First version in which it may be null; left out: it never may. */
  readonly nullFrom?: number
  /** Last version in which it may be null; left out: the message's last. */
  readonly nullTo?: number
  /** Its tag, if it is a tagged field. */
  readonly tag?: number
  /** Its value where it is absent; left out: zero, false, empty text, empty list, zero uuid. */
  readonly default?: null | boolean | number | string
  /** The fields of a struct. */
  readonly fields?: readonly Field[]
}

/** A field: its name as decoded values spell it, what it holds, and what is special about it. */
export type Field = readonly [name: string, kind: Kind, options?: FieldOptions]

/** A message in all of its versions; `T` is what it decodes to. */
export interface Schema<T> {
  readonly name: string
  /** The API key, or the type of a coordinator's record; null where there is neither. */
  readonly key: number | null
  /** First version, inclusive. */
  readonly min: number
  /** Last version, inclusive. */
  readonly max: number
  /** First version in the compact encoding with tagged fields; null where none is. */
  readonly flexibleFrom: number | null
  readonly fields: readonly Field[]
  /** Never present: it only carries `T`. */
  readonly type?: T
}

/** What `encode` takes for a `T`: every field may be missing and then has its default. */
export type Input<T> = T extends Uint8Array
  ? Uint8Array
  : T extends readonly (infer E)[]
    ? readonly Input<E>[]
    : T extends object
      ? { readonly [K in keyof T]?: Input<T[K]> | undefined }
      : T

/** The uuid that stands for "none" on the wire. */
export const ZERO_UUID = '00000000-0000-0000-0000-000000000000'

/** What `int64max` reads as where the wire holds 2^63-1. */
export const NO_LIMIT: number = Number.MAX_SAFE_INTEGER

/** Whether `version` of the message is in the compact encoding with tagged fields. */
export const isFlexible = (schema: Schema<unknown>, version: number): boolean =>
  schema.flexibleFrom !== null && version >= schema.flexibleFrom

/** Whether `version` carries the field. */
export const isPresent = ([, , options]: Field, version: number): boolean =>
  version >= (options?.from ?? 0) && version <= (options?.to ?? Infinity)

/** Whether the field may be null in `version`. */
export const isNullable = ([, , options]: Field, version: number): boolean =>
  options?.nullFrom !== undefined &&
  version >= options.nullFrom &&
  version <= (options.nullTo ?? Infinity)

const zeros: Readonly<Record<ScalarKind, unknown>> = {
  bool: false,
  int8: 0,
  int16: 0,
  uint16: 0,
  int32: 0,
  uint32: 0,
  int64: 0,
  int64max: 0,
  float64: 0,
  uuid: ZERO_UUID,
  string: '',
  bytes: new Uint8Array(0),
  records: null,
}

/** The field's value where it is absent. Structs and lists are frozen and may be shared. */
export const defaultOf = (field: Field): unknown =>
  field[2]?.default === undefined ? emptyOf(field) : field[2].default

/** The value of the field's kind that says least: zero, false, no text, no elements. */
export function emptyOf([, kind, options]: Field): unknown {
  if (kind === 'struct') return defaultStruct(options?.fields ?? [])
  if (kind.startsWith('[]')) return Object.freeze([])
  return zeros[kind as ScalarKind]
}

function defaultStruct(fields: readonly Field[]): Readonly<Record<string, unknown>> {
  const value: Record<string, unknown> = {}
  for (const field of fields) value[field[0]] = defaultOf(field)
  return Object.freeze(value)
}
