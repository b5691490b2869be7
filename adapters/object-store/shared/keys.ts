// What every store asserts of keys and ranges before it touches anything: they come from this
// program, so a bad one is a bug and no failure of the world. A key that climbs out of its prefix
// would be a hole in a store that is a directory.
import { assert } from '../../../src/base/assert.ts'
import type { GetOptions, ListOptions } from '../../../src/ports/object-store.ts'

/** Longest key, in bytes: what S3 and GCS take; Azure takes as many characters. */
export const KEY_BYTES_MAX = 1024

/** Stops unless `key` is one that the port allows. */
export function assertKey(key: string): void {
  assert(key.length > 0 && key.length <= KEY_BYTES_MAX, 'A key has 1 to 1024 bytes')
  assert(/^[\x21-\x7e]+$/.test(key), 'A key is printable ASCII without blanks')
  assert(!/(^|\/)(\.{0,2})(\/|$)/.test(key), 'A key has no segment that is empty, . or ..')
}

/** Stops unless a listing asks for what the port allows. */
export function assertListing(options: ListOptions): void {
  assert(options.limit >= 1 && options.limit <= 1000, 'A page of a listing has 1 to 1000 keys')
  assert(/^[\x21-\x7e]*$/.test(options.prefix), 'A prefix is printable ASCII')
  assert(!options.prefix.startsWith('/'), 'A prefix does not begin with /')
}

/** Stops unless the range is one. True when it is empty from the start. */
export function isEmptyRange(range: GetOptions['range']): boolean {
  if (range === undefined) return false
  assert(Number.isSafeInteger(range.from) && range.from >= 0, 'A range begins at a whole number')
  assert(Number.isSafeInteger(range.to) && range.to >= range.from, 'A range ends after it began')
  return range.from === range.to
}

/** The part of `[0, size)` that a range has. */
export function cutRange(
  range: GetOptions['range'],
  size: number,
): { readonly from: number; readonly to: number } {
  if (range === undefined) return { from: 0, to: size }
  const from = Math.min(range.from, size)
  return { from, to: Math.max(from, Math.min(range.to, size)) }
}
