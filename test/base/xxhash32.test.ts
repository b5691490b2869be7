// xxHash32 against published values.
import { expect, test } from 'vitest'
import { xxhash32 } from '../../src/base/xxhash32.ts'

const hash = (text: string, seed = 0): number => {
  const bytes = new TextEncoder().encode(`..${text}..`)
  return xxhash32(bytes, 2, bytes.length - 2, seed)
}

test.each([
  ['', 0, 0x02cc5d05],
  ['a', 0, 0x550d7456],
  ['abc', 0, 0x32d153ff],
  ['Nobody inspects the spammish repetition', 0, 0xe2293b2f],
])('xxhash32() gives the published value of %j with seed %i', (text, seed, expected) => {
  expect(hash(text, seed)).toBe(expected)
})
