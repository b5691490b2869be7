// What of an event's fields may stand in a log line: nothing secret, nothing unbounded, no payload.
// A field whose name sounds like a secret is hidden whatever it holds, at any depth; passwords in
// URLs and signatures in queries are cut out of every text; bytes are told by their length alone;
// depth, lists and texts have limits, because clients choose much of what is logged.
import { OperatingError } from '../../base/errors.ts'

/** Parts of names that make a field secret, whatever their case. */
const SECRET_NAME = new RegExp(
  [
    'passw|passphrase|secret|token|credential|authoriz|authenticat(?!ed)|cookie|jaas',
    'api.?key|(?:private|access|account|signing|shared).?key|salt|signature|^sig$',
  ].join('|'),
  'i',
)

/** Marks what was taken out. */
export const HIDDEN = '[hidden]'

/** Limits of one line. */
const DEPTH_MAX = 5
const ITEMS_MAX = 50
const TEXT_MAX = 4_000

const SECRETS_IN_TEXT: readonly (readonly [find: RegExp, put: string])[] = [
  // userinfo of a URL
  [/\b([a-z][a-z0-9+.-]{0,20}:\/\/)[^\s/?#@]*@/gi, `$1${HIDDEN}@`],
  // query and form parameters, and key=value texts such as JAAS and connection strings
  [
    new RegExp(
      [
        String.raw`\b((?:[\w.-]{0,40}(?:passw(?:or)?d|passphrase|secret|token|signature|`,
        String.raw`credential|apikey|accountkey|accesskey)|sig)\s*[=:]\s*)`,
        String.raw`("[^"]*"|'[^']*'|[^\s&;,'"]+)`,
      ].join(''),
      'gi',
    ),
    `$1${HIDDEN}`,
  ],
  [/\b(bearer|basic)\s+[\w.~+/=-]{8,}/gi, `$1 ${HIDDEN}`],
]

/** `fields` as they may be logged. Never throws, whatever they hold. */
export function loggable(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return record(fields, 0)
}

/** `text` without secrets that have a known shape, cut to a bounded length. */
export function loggableText(text: string): string {
  // Cut twice, so that the half of a secret that a cut leaves is not taken for something else.
  let clean = text.slice(0, 2 * TEXT_MAX)
  for (const [find, put] of SECRETS_IN_TEXT) clean = clean.replace(find, put)
  return clean.length > TEXT_MAX ? `${clean.slice(0, TEXT_MAX)}… (${text.length})` : clean
}

function value(of: unknown, depth: number): unknown {
  switch (typeof of) {
    case 'string':
      return loggableText(of)
    case 'number':
      // JSON has no word for these.
      return Number.isFinite(of) ? of : String(of)
    case 'boolean':
    case 'undefined':
      return of
    case 'bigint':
    case 'symbol':
      return String(of)
    case 'function':
      return '[function]'
    case 'object':
      return of === null ? null : object(of, depth)
  }
}

function object(of: object, depth: number): unknown {
  if (ArrayBuffer.isView(of) || of instanceof ArrayBuffer) return `[${of.byteLength} bytes]`
  if (of instanceof Date) return Number.isNaN(of.getTime()) ? 'Invalid Date' : of.toISOString()
  if (depth >= DEPTH_MAX) return '[deeper]'
  if (of instanceof Error) return errorFields(of, depth)
  if (of instanceof Map) return pairs([...of.entries()].slice(0, ITEMS_MAX + 1), depth)
  if (Array.isArray(of) || of instanceof Set) {
    const items = [...of].slice(0, ITEMS_MAX).map((item) => value(item, depth + 1))
    const size = of instanceof Set ? of.size : of.length
    return size > ITEMS_MAX ? [...items, `… (${size})`] : items
  }
  return record(of, depth)
}

function record(of: object, depth: number): Record<string, unknown> {
  return pairs(Object.entries(of), depth)
}

function pairs(
  entries: readonly (readonly [unknown, unknown])[],
  depth: number,
): Record<string, unknown> {
  const out: [string, unknown][] = []
  for (const [key, item] of entries.slice(0, ITEMS_MAX)) {
    const name = String(key)
    out.push([name, isSecret(name, entries) ? HIDDEN : value(item, depth + 1)])
  }
  if (entries.length > ITEMS_MAX) out.push(['…', entries.length])
  // From entries, so that a key such as __proto__ is a key like any other.
  return Object.fromEntries(out)
}

/** A secret by its own name, or the value of a pair { name: 'ssl.key.password', value }. */
function isSecret(name: string, entries: readonly (readonly [unknown, unknown])[]): boolean {
  if (SECRET_NAME.test(name)) return true
  if (name !== 'value') return false
  return entries.some(
    ([key, item]) =>
      (key === 'name' || key === 'key') && typeof item === 'string' && SECRET_NAME.test(item),
  )
}

function errorFields(error: Error, depth: number): Record<string, unknown> {
  const code = 'code' in error ? error.code : undefined
  const cause = error.cause === undefined ? undefined : value(error.cause, depth + 1)
  return {
    type: error.name,
    message: loggableText(error.message),
    ...(error instanceof OperatingError ? { kind: error.kind } : {}),
    ...(code === undefined ? {} : { code: value(code, depth + 1) }),
    ...(error.stack === undefined ? {} : { stack: loggableText(error.stack) }),
    ...(cause === undefined ? {} : { cause }),
  }
}
