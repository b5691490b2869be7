// CRC-32C by the processor's instruction where the add-on for it loads, else in JavaScript.
import { crc32c as inScript } from '../../../src/base/crc32c.ts'

/** CRC-32C of bytes, continued from `seed`. */
export type Crc32c = (bytes: Uint8Array, seed: number) => number

/** The quickest there is. */
export async function nativeCrc32c(): Promise<Crc32c> {
  try {
    const { crc32c } = await import('@node-rs/crc32')
    return (bytes, seed) => crc32c(bytes, seed)
  } catch {
    return inScript
  }
}
