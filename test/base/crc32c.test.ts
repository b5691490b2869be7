// CRC-32C against published values, a bit-by-bit reference and its own algebra.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { crc32c, crc32cCombine, crc32cRange } from '../../src/base/crc32c.ts'

const fill = (value: (i: number) => number): Uint8Array =>
  Uint8Array.from({ length: 32 }, (_, i) => value(i))

/** The definition, one bit at a time. */
function reference(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  }
  return ~crc >>> 0
}

describe('crc32c()', () => {
  test.each([
    ['nothing', new Uint8Array(0), 0],
    ['the check digits', new TextEncoder().encode('123456789'), 0xe3069283],
    ['RFC 3720 zeros', fill(() => 0), 0x8a9136aa],
    ['RFC 3720 ones', fill(() => 0xff), 0x62a8ab43],
    ['RFC 3720 ascending', fill((i) => i), 0x46dd794e],
    ['RFC 3720 descending', fill((i) => 31 - i), 0x113fdb5c],
  ])('gives the published value of %s', (_name, bytes, expected) => {
    expect(crc32c(bytes)).toBe(expected)
  })

  test('agrees with the definition, in pieces too', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(200), (bytes, cut) => {
        const at = Math.min(cut, bytes.length)
        expect(crc32c(bytes)).toBe(reference(bytes))
        expect(crc32c(bytes.subarray(at), crc32c(bytes.subarray(0, at)))).toBe(reference(bytes))
        expect(crc32cRange(bytes, at, bytes.length)).toBe(reference(bytes.subarray(at)))
      }),
    )
  })

  test('refuses a range outside the bytes', () => {
    expect(() => crc32cRange(new Uint8Array(4), 0, 5)).toThrow('outside')
    expect(() => crc32cRange(new Uint8Array(4), 3, 2)).toThrow('outside')
  })
})

describe('crc32cCombine()', () => {
  test('joins the checksums of neighbours', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ maxLength: 300 }), (a, b) => {
        const whole = new Uint8Array([...a, ...b])
        expect(crc32cCombine(crc32c(a), crc32c(b), b.length)).toBe(crc32c(whole))
      }),
    )
  })

  test('mends the checksum of bytes whose beginning changed', () => {
    const whole = Uint8Array.from({ length: 5000 }, (_, i) => i * 7)
    const before = crc32cRange(whole, 0, 40)
    const crc = crc32c(whole)
    whole.fill(9, 10, 20)
    const change = before ^ crc32cRange(whole, 0, 40)
    expect(crc32cCombine(change, crc, whole.length - 40)).toBe(crc32c(whole))
  })

  test('takes lengths above 2^32', () => {
    const half = 2 ** 32
    const once = crc32cCombine(crc32cCombine(0x1234, 0, half), 0, half)
    expect(crc32cCombine(0x1234, 0, 2 * half)).toBe(once)
  })
})
