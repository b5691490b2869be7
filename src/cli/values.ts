// Words of the command line turned into values. Each function takes what was typed and the name of
// the flag, and throws UsageError with a sentence that shows a right example. Knows no command.
import { UsageError } from '../base/errors.ts'

/** A host name or address, and a port. */
export interface HostPort {
  readonly host: string
  readonly port: number
}

/** `HOST:PORT`, `[v6]:PORT` or `:PORT` (loopback). Port 0 lets the system choose. */
export function hostPort(text: string, name: string): HostPort {
  const match = /^(?:\[([0-9a-f:.%]+)\]|([^:[\]\s]*)):(\d{1,5})$/i.exec(text)
  const port = Number(match?.[3])
  if (match === null || port > 65535) {
    throw new UsageError(`${name} takes HOST:PORT such as 127.0.0.1:9092, not '${text}'`)
  }
  const host = match[1] ?? match[2] ?? ''
  return { host: host === '' ? '127.0.0.1' : host, port }
}

/** The text that `hostPort` reads. */
export function hostPortText(address: HostPort): string {
  const host = address.host.includes(':') ? `[${address.host}]` : address.host
  return `${host}:${String(address.port)}`
}

/** A whole number in [least, most]. */
export function wholeNumber(
  text: string,
  name: string,
  range: { readonly least: number; readonly most: number },
): number {
  const value = Number(text)
  if (!/^\d+$/.test(text) || value < range.least || value > range.most) {
    const most = range.most === Number.MAX_SAFE_INTEGER ? '' : ` to ${String(range.most)}`
    throw new UsageError(
      `${name} takes a whole number from ${String(range.least)}${most}, not '${text}'`,
    )
  }
  return value
}

/** `name=value`; the value may hold further `=` and may be empty. */
export function keyValue(text: string, name: string): readonly [string, string] {
  const at = text.indexOf('=')
  if (at < 1)
    throw new UsageError(`${name} takes key=value such as retention.ms=60000, not '${text}'`)
  return [text.slice(0, at), text.slice(at + 1)]
}

/** Where to start or to reset to. */
export type Position =
  | { readonly kind: 'start' }
  | { readonly kind: 'end' }
  | { readonly kind: 'offset'; readonly offset: number }
  | { readonly kind: 'time'; readonly timeMs: number }

const UNIT_MS: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/**
 * `start`, `end`, an offset in digits, or a time: ISO 8601 (`2026-01-31T12:00:00Z`), or how long
 * ago (`-15m`, units s m h d).
 */
export function position(text: string, name: string, nowMs: number): Position {
  if (text === 'start' || text === 'end') return { kind: text }
  if (/^\d+$/.test(text) && Number.isSafeInteger(Number(text))) {
    return { kind: 'offset', offset: Number(text) }
  }
  const ago = /^-(\d+)([smhd])$/.exec(text)
  const unit = UNIT_MS[ago?.[2] ?? '']
  if (ago !== null && unit !== undefined) {
    return { kind: 'time', timeMs: nowMs - Number(ago[1]) * unit }
  }
  const timeMs = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN
  if (!Number.isNaN(timeMs)) return { kind: 'time', timeMs }
  const examples = 'start, end, an offset, a time such as 2026-01-31T12:00:00Z, or -15m'
  throw new UsageError(`${name} takes ${examples}; not '${text}'`)
}

/** One of a few words. */
export function oneOf<const Word extends string>(
  words: readonly Word[],
  text: string,
  name: string,
): Word {
  const found = words.find((word) => word === text)
  if (found === undefined) throw new UsageError(`${name} takes ${words.join(', ')}; not '${text}'`)
  return found
}

const BYTES: Readonly<Record<string, number>> = {
  '': 1,
  K: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
}

/** A number of bytes: `500`, `10MB`, `1.5GiB`. A trailing `/s` is allowed where it is a rate. */
export function byteCount(text: string, name: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([KMGT]i?)?B?(?:\/s)?$/i.exec(text)
  const unit = match?.[2] ?? ''
  const scale = BYTES[unit.charAt(0).toUpperCase() + unit.substring(1).toLowerCase()]
  if (match === null || scale === undefined) {
    throw new UsageError(`${name} takes a number of bytes such as 10MB or 1GiB, not '${text}'`)
  }
  return Number(match[1]) * scale
}

/** A length of time: `90s`, `15m`, `12h`, `30d`, `1y`. In milliseconds. */
export function duration(text: string, name: string): number {
  const match = /^(\d+(?:\.\d+)?)(s|m|h|d|y)$/.exec(text)
  const unit = match?.[2] ?? ''
  const unitMs = unit === 'y' ? 365 * 86_400_000 : UNIT_MS[unit]
  if (match === null || unitMs === undefined) {
    throw new UsageError(`${name} takes a length of time such as 12h, 30d or 1y, not '${text}'`)
  }
  return Number(match[1]) * unitMs
}
