// What a setting is: a name, a type, a default, bounds, a sentence, and where else its value may
// come from. Values travel as text, as they do in Kafka's protocol, and are checked here before
// anybody parses them; so parsing a checked value cannot fail.
import { assert } from '../base/assert.ts'

/** Kafka's numbers for the types of settings, as DescribeConfigs tells them. */
export const SettingTypeCode = {
  boolean: 1,
  string: 2,
  int: 3,
  short: 4,
  long: 5,
  double: 6,
  list: 7,
  password: 9,
} as const

/** The type of a setting. */
export type SettingType = keyof typeof SettingTypeCode

/** A broker setting from which a topic setting takes its value where the topic has none. */
export interface Synonym {
  readonly name: string
  /** The topic's value is the broker's times this: for hours that stand for milliseconds. */
  readonly scale?: number
}

/** One row of the tables of settings. */
export interface Setting {
  readonly name: string
  readonly type: SettingType
  /** As text; null is "not set". */
  readonly default: string | null
  /** One sentence, as users read it. */
  readonly doc: string
  /** Bounds of a number, both included. */
  readonly min?: number
  readonly max?: number
  /** What a string, or each item of a list, may be. */
  readonly oneOf?: readonly string[]
  /** What else can be wrong with a value that is of the right type, or null. */
  readonly check?: (value: string) => string | null
  /** For topic settings: broker settings to look in, the first one set wins. */
  readonly synonyms?: readonly Synonym[]
  /** For broker settings: may be altered while the broker runs. */
  readonly dynamic?: boolean
  /** The setting is accepted for compatibility and changes nothing, for this reason. */
  readonly noEffect?: string
}

/** Optional properties of a setting. */
export type SettingExtras = Omit<Setting, 'name' | 'type' | 'default' | 'doc'>

/** Text of the largest int64, which Kafka uses for "no limit". */
export const LONG_MAX = '9223372036854775807'
/** The largest int32. */
export const INT_MAX = 2147483647

const RANGES: Readonly<Record<string, readonly [bigint, bigint]>> = {
  int: [-(2n ** 31n), 2n ** 31n - 1n],
  short: [-(2n ** 15n), 2n ** 15n - 1n],
  long: [-(2n ** 63n), 2n ** 63n - 1n],
}

/** The items of a list setting; blanks around commas do not count. */
export const listItems = (value: string): readonly string[] =>
  value
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')

/** A checked number; a long beyond ±2^53 becomes ±2^53 − 1, which is as good as no limit. */
export const numberOf = (value: string): number => {
  const number = Number(value)
  assert(!Number.isNaN(number), 'A number setting was checked before it is parsed')
  return Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, number))
}

/** A checked boolean. */
export const booleanOf = (value: string): boolean => value.trim().toLowerCase() === 'true'

const numberFault = (setting: Setting, text: string): string | null => {
  const { type, min, max } = setting
  const range = RANGES[type]
  if (range === undefined) {
    if (text === '' || !Number.isFinite(Number(text))) return 'it is not a number'
  } else {
    if (!/^[+-]?\d+$/.test(text)) return `it is not a whole number of type ${type}`
    const exact = BigInt(text.replace('+', ''))
    if (exact < range[0] || exact > range[1]) return `it does not fit type ${type}`
  }
  if (min !== undefined && Number(text) < min) return `it must be at least ${min}`
  if (max !== undefined && Number(text) > max) return `it must be at most ${max}`
  return null
}

const typeFault = (setting: Setting, value: string): string | null => {
  const { oneOf } = setting
  switch (setting.type) {
    case 'boolean':
      return ['true', 'false'].includes(value.trim().toLowerCase())
        ? null
        : 'it must be true or false'
    case 'list': {
      const items = listItems(value)
      if (new Set(items).size !== items.length) return 'it names an item twice'
      const odd = oneOf === undefined ? undefined : items.find((item) => !oneOf.includes(item))
      return odd === undefined ? null : `its items must be among ${oneOf?.join(', ')}`
    }
    case 'string':
    case 'password':
      return oneOf === undefined || oneOf.includes(value)
        ? null
        : `it must be one of ${oneOf.join(', ')}`
    default:
      return numberFault(setting, value.trim())
  }
}

/** What is wrong with a value, as one sentence that names the setting and the value; or null. */
export const settingFault = (setting: Setting, value: string): string | null => {
  const fault = typeFault(setting, value) ?? setting.check?.(value) ?? null
  if (fault === null) return null
  const shown = setting.type === 'password' ? '(hidden)' : value
  return `Invalid value ${shown} for setting ${setting.name}: ${fault}`
}

/** Makes rows of one type: `row(name, default, doc, extras)`. */
export const rowsOf =
  (type: SettingType) =>
  (
    name: string,
    value: string | number | null,
    doc: string,
    extras: SettingExtras = {},
  ): Setting => ({
    name,
    type,
    default: value === null ? null : String(value),
    doc,
    ...extras,
  })
