// Whether bytes of an archived segment are those that the manifest vouches for: length and SHA-256
// of every block. Whoever takes bytes from a store asks here before anything is done with them.
import type { Crypto } from '../../ports/crypto.ts'
import { BLOCK_BYTES } from '../manifest/block-table.ts'
import type { SegmentEntry } from '../manifest/entry.ts'

/** Whether `bytes` are block `i` of the segment of `entry`. */
export async function isSoundBlock(
  crypto: Crypto,
  { blocks, dataLength }: SegmentEntry,
  i: number,
  bytes: Uint8Array,
): Promise<boolean> {
  if (bytes.length !== Math.min(BLOCK_BYTES, dataLength - i * BLOCK_BYTES)) return false
  return blocks.isHash(i, await crypto.digest(bytes))
}

/**
 * Whether the data in `bytes` is that of the object of `entry` from `from` on, which is the border
 * of a block. What lies behind the data is not looked at.
 */
export async function areSoundBlocks(
  crypto: Crypto,
  entry: SegmentEntry,
  from: number,
  bytes: Uint8Array,
): Promise<boolean> {
  const to = Math.min(from + bytes.length, entry.dataLength)
  for (let at = from; at < to; at += BLOCK_BYTES) {
    const block = bytes.subarray(at - from, Math.min(at + BLOCK_BYTES, to) - from)
    if (!(await isSoundBlock(crypto, entry, at / BLOCK_BYTES, block))) return false
  }
  return true
}
