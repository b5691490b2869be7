// What any Crypto must do, whatever computes it.
import { describe, expect, test } from 'vitest'
import type { Crypto } from '../../src/ports/crypto.ts'
import { crc32c } from '../../src/base/crc32c.ts'

const hex = (bytes: Uint8Array): string =>
  [...bytes].map((b) => b.toString(16).padStart(2, '0')).join('')

/** Runs the suite against the Crypto that `make` gives. */
export function cryptoContract(name: string, make: () => Crypto): void {
  describe(`Crypto contract: ${name}`, () => {
    const crypto = make()

    test('crc32c() gives the check value and continues from a seed', () => {
      const bytes = new TextEncoder().encode('123456789')
      expect(crypto.crc32c(bytes)).toBe(0xe3069283)
      expect(crypto.crc32c(bytes.subarray(4), crypto.crc32c(bytes.subarray(0, 4)))).toBe(0xe3069283)
      expect(crypto.crc32c(new Uint8Array(0))).toBe(0)
      expect(crypto.crc32c(new Uint8Array(0), 77)).toBe(77)
    })

    test('crc32c() is unsigned and the same for every length, view and seed', () => {
      const memory = Uint8Array.from({ length: 3000 }, (_, i) => i * i * 31)
      for (let length = 0; length < 2900; length = length * 2 + 1) {
        const view = memory.subarray(length % 13, (length % 13) + length)
        for (const seed of [0, 1, 0xffffffff]) {
          expect(crypto.crc32c(view, seed)).toBe(crc32c(view, seed))
        }
      }
    })

    test('sha256() gives the digest of FIPS 180-2, in memory of its own', () => {
      const digest = crypto.sha256(new TextEncoder().encode('abc'))
      expect(hex(digest)).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
      expect(digest.constructor).toBe(Uint8Array)
      digest.fill(0)
      expect(hex(crypto.sha256(new TextEncoder().encode('abc')))).toMatch(/^ba7816bf/)
    })

    test('digest() gives what sha256() does, of views and of nothing too', async () => {
      const memory = Uint8Array.from({ length: 3000 }, (_, i) => i * 7)
      for (const view of [memory, memory.subarray(5, 2000), memory.subarray(0, 0)]) {
        const digest = await crypto.digest(view)
        expect(digest.constructor).toBe(Uint8Array)
        expect(digest).toEqual(crypto.sha256(view))
      }
    })

    test('randomBytes() gives as many as asked, and others each time', () => {
      expect(crypto.randomBytes(0)).toHaveLength(0)
      expect(crypto.randomBytes(33)).toHaveLength(33)
      expect(hex(crypto.randomBytes(16))).not.toBe(hex(crypto.randomBytes(16)))
    })

    test('random() stays in [0, 1) and uuid() is of version 4', () => {
      for (let i = 0; i < 100; i++) {
        const value = crypto.random()
        expect(value >= 0 && value < 1).toBe(true)
      }
      expect(crypto.uuid()).toMatch(
        /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
      )
      expect(crypto.uuid()).not.toBe(crypto.uuid())
    })
  })
}
