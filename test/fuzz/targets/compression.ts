// Fuzz target: decompressors. The first byte picks the codec; whatever the rest, the answer is
// bytes within the limit or a FormatError, and what was decompressed survives a round trip.
import { FormatError } from '../../../src/base/errors.ts'
import { createCompression } from '../../../src/platform/compression.ts'
import { CODECS } from '../../../src/ports/compression.ts'

export const name = 'compression'

const compression = createCompression()
const LIMIT = 1 << 20

/** One input. */
export function run(bytes: Uint8Array): void {
  const codec = CODECS[(bytes[0] ?? 0) % CODECS.length] ?? 'none'
  const packed = bytes.subarray(1)
  let plain: Uint8Array
  try {
    plain = compression.decompress(codec, packed, LIMIT)
  } catch (error) {
    if (error instanceof FormatError) return
    throw error
  }
  if (plain.length > LIMIT) throw new Error('More came out than the limit')
  const again = compression.decompress(codec, compression.compress(codec, plain), LIMIT)
  if (Buffer.compare(again, plain) !== 0) throw new Error('Round trip differs')
}
