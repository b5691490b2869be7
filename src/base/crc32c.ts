// CRC-32C (Castagnoli, RFC 3720 appendix B.4) in plain JavaScript, sixteen bytes a step. It is the
// fallback where no native checksum loads, the faster one for short inputs (a native call costs
// more than 256 bytes of this), and the home of the algebra: joining the checksums of two
// neighbouring pieces, and mending a checksum after a few bytes changed, without reading the rest.
// A checksum is an unsigned 32-bit number; 0 begins one. It knows nothing of what it sums.
import { assert } from './assert.ts'

/** The Castagnoli polynomial, bits reversed. */
const POLYNOMIAL = 0x82f63b78

/** Slicing tables back to back: entry `k * 256 + b` advances byte `b` over `k` zero bytes. */
const tables = makeTables()

function makeTables(): Int32Array {
  const made = new Int32Array(16 * 256)
  for (let byte = 0; byte < 256; byte++) {
    let value = byte
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ POLYNOMIAL : value >>> 1
    made[byte] = value
  }
  for (let at = 256; at < made.length; at++) {
    const previous = made[at - 256] as number
    made[at] = (previous >>> 8) ^ (made[previous & 0xff] as number)
  }
  return made
}

/** CRC-32C of `bytes`, continued from `seed` (the checksum so far, 0 to begin). */
export function crc32c(bytes: Uint8Array, seed = 0): number {
  return crc32cRange(bytes, 0, bytes.length, seed)
}

/** CRC-32C of `bytes[at, end)`, continued from `seed`; makes no view of the range. */
export function crc32cRange(bytes: Uint8Array, at: number, end: number, seed = 0): number {
  assert(at >= 0 && at <= end, 'CRC range begins outside the bytes')
  assert(end <= bytes.length, 'CRC range ends outside the bytes')
  const t = tables
  const b = bytes
  let crc = ~seed
  let i = at
  for (const stop = end - 15; i < stop; i += 16) {
    crc =
      (t[0xf00 + (((b[i] as number) ^ crc) & 0xff)] as number) ^
      (t[0xe00 + (((b[i + 1] as number) ^ (crc >>> 8)) & 0xff)] as number) ^
      (t[0xd00 + (((b[i + 2] as number) ^ (crc >>> 16)) & 0xff)] as number) ^
      (t[0xc00 + ((b[i + 3] as number) ^ (crc >>> 24))] as number) ^
      (t[0xb00 + (b[i + 4] as number)] as number) ^
      (t[0xa00 + (b[i + 5] as number)] as number) ^
      (t[0x900 + (b[i + 6] as number)] as number) ^
      (t[0x800 + (b[i + 7] as number)] as number) ^
      (t[0x700 + (b[i + 8] as number)] as number) ^
      (t[0x600 + (b[i + 9] as number)] as number) ^
      (t[0x500 + (b[i + 10] as number)] as number) ^
      (t[0x400 + (b[i + 11] as number)] as number) ^
      (t[0x300 + (b[i + 12] as number)] as number) ^
      (t[0x200 + (b[i + 13] as number)] as number) ^
      (t[0x100 + (b[i + 14] as number)] as number) ^
      (t[b[i + 15] as number] as number)
  }
  for (; i < end; i++) crc = (t[(crc ^ (b[i] as number)) & 0xff] as number) ^ (crc >>> 8)
  return ~crc >>> 0
}

/** x^(8 · 2^k) modulo the polynomial, bits reversed: entry k steps over 2^k zero bytes. */
const powers = makePowers()

function makePowers(): Int32Array {
  const made = new Int32Array(53)
  let power = 0x40000000 // x^1
  for (let doubling = 0; doubling < 3; doubling++) power = multiply(power, power)
  for (let k = 0; k < made.length; k++) {
    made[k] = power
    power = multiply(power, power)
  }
  return made
}

/** The product of two polynomials over GF(2), modulo the polynomial, bits reversed. */
function multiply(left: number, right: number): number {
  let product = 0
  let term = right
  for (let bits = left; bits !== 0; bits <<= 1) {
    product ^= term & (bits >> 31)
    term = (term >>> 1) ^ (POLYNOMIAL & -(term & 1))
  }
  return product
}

/**
 * The checksum of A followed by B, from the checksums of A and B and the length of B in bytes.
 * Because checksums are linear, `crc32cCombine(before ^ after, whole, lengthB)` also turns the
 * checksum `whole` of A and B into the one it has after A changed from `before` to `after`.
 */
export function crc32cCombine(crcA: number, crcB: number, lengthB: number): number {
  assert(Number.isSafeInteger(lengthB), 'CRC combine needs an integer length')
  assert(lengthB >= 0, 'CRC combine needs a length that is not negative')
  let crc = crcA | 0
  let rest = lengthB
  for (let k = 0; rest > 0; k++) {
    if (rest % 2 === 1) crc = multiply(powers[k] as number, crc)
    rest = Math.floor(rest / 2)
  }
  return (crc ^ crcB) >>> 0
}
