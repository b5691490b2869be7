// The platform's Crypto, with the native add-on and without.
import { createRequire } from 'node:module'
import { expect, test } from 'vitest'
import { createCrypto } from '../../src/platform/crypto.ts'
import { cryptoContract } from '../contract/crypto.ts'

cryptoContract('native', () => createCrypto())
cryptoContract('script', () => createCrypto({ native: false }))

test('createCrypto() agrees with the add-on on both sides of the switch', () => {
  const { crc32c } = createRequire(import.meta.url)('@node-rs/crc32') as {
    crc32c: (bytes: Uint8Array, seed?: number) => number
  }
  const crypto = createCrypto()
  for (const length of [0, 1, 255, 256, 257, 70_000]) {
    const bytes = crypto.randomBytes(length)
    expect(crypto.crc32c(bytes, 5)).toBe(crc32c(bytes, 5))
  }
})
