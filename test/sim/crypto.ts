// The Crypto port with true checksums and hashes but seeded randomness, so that a run repeats.
import type { Prng } from '../../src/base/prng.ts'
import type { Crypto } from '../../src/ports/crypto.ts'

/** Hashes by `real`, randomness from `prng`. */
export const simCrypto = (prng: Prng, real: Pick<Crypto, 'crc32c' | 'sha256'>): Crypto => ({
  crc32c: (bytes, seed) => real.crc32c(bytes, seed),
  sha256: (bytes) => real.sha256(bytes),
  digest: (bytes) => Promise.resolve(real.sha256(bytes)),
  randomBytes: (count) => prng.bytes(count),
  random: () => prng.float(),
  uuid: () => {
    const bytes = prng.bytes(16)
    bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40
    bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
    return [8, 12, 16, 20, 32]
      .map((end, i, ends) => hex.slice(i === 0 ? 0 : ends[i - 1], end))
      .join('-')
  },
})
