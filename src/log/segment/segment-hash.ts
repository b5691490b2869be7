// SHA-256 over a segment's data: one hash for every 1 MiB block, and a root over all of them, so
// that a reader of one block from an untrusted copy can prove it. Inner nodes are SHA-256(1, left,
// right); an odd last node rises as it is; the root is SHA-256(0, data length u64, block count u32,
// top), which fixes the tree's shape. Written only when asked for: a local disk has CRCs enough.
import { assert } from '../../base/assert.ts'
import { FormatError, OperatingError } from '../../base/errors.ts'
import type { Reader } from '../../base/reader.ts'
import { MiB } from '../../base/units.ts'
import { Writer } from '../../base/writer.ts'
import type { Crypto } from '../../ports/crypto.ts'
import { pageAlignedMemory, type DiskFile } from '../../ports/disk.ts'

/** Bytes of data under one hash; the last block may be shorter. */
export const HASH_BLOCK_BYTES: number = MiB
/** Bytes of one hash. */
export const HASH_BYTES = 32

/** Hashes of a segment's blocks, and their root. */
export interface SegmentHashes {
  readonly blocks: readonly Uint8Array[]
  readonly root: Uint8Array
}

/** The root over `blocks`, the hashes of `dataLength` bytes of data. */
export function hashRoot(
  crypto: Crypto,
  blocks: readonly Uint8Array[],
  dataLength: number,
): Uint8Array {
  assert(blocks.length === Math.ceil(dataLength / HASH_BLOCK_BYTES), 'Every block has one hash')
  let level = blocks
  while (level.length > 1) level = parents(crypto, level)
  const to = new Writer(64)
  to.uint8(0)
  to.int64(dataLength)
  to.uint32(blocks.length)
  for (const top of level) to.raw(top)
  return crypto.sha256(to.bytes())
}

function parents(crypto: Crypto, level: readonly Uint8Array[]): Uint8Array[] {
  const next: Uint8Array[] = []
  const to = new Writer(1 + 2 * HASH_BYTES)
  for (let i = 0; i < level.length; i += 2) {
    const left = level[i] as Uint8Array
    const right = level[i + 1]
    if (right === undefined) {
      next.push(left)
      continue
    }
    to.reset()
    to.uint8(1)
    to.raw(left)
    to.raw(right)
    next.push(crypto.sha256(to.bytes()))
  }
  return next
}

/** Reads `dataLength` bytes of a file block by block and hashes them. */
export async function hashFile(
  crypto: Crypto,
  file: Pick<DiskFile, 'path' | 'direct' | 'read'>,
  dataLength: number,
): Promise<SegmentHashes> {
  const blocks: Uint8Array[] = []
  const direct = file.direct
  const buffer = direct ? pageAlignedMemory(HASH_BLOCK_BYTES) : new Uint8Array(HASH_BLOCK_BYTES)
  for (let at = 0; at < dataLength; at += HASH_BLOCK_BYTES) {
    const length = Math.min(HASH_BLOCK_BYTES, dataLength - at)
    const filled = await file.read(at, buffer)
    if (filled < length) {
      throw new OperatingError('corrupt', `Cannot hash ${file.path}: it ends at ${at + filled}`)
    }
    blocks.push(crypto.sha256(buffer.subarray(0, length)))
  }
  return { blocks, root: hashRoot(crypto, blocks, dataLength) }
}

/** The section's bytes: root, then every block's hash. */
export function encodeHashes(hashes: SegmentHashes): Uint8Array {
  const to = new Writer((hashes.blocks.length + 1) * HASH_BYTES)
  to.raw(hashes.root)
  for (const block of hashes.blocks) to.raw(block)
  return to.bytes()
}

/** Reads the section of a segment with `dataLength` bytes of data; does not compute the root. */
export function decodeHashes(from: Reader, dataLength: number): SegmentHashes {
  const count = Math.ceil(dataLength / HASH_BLOCK_BYTES)
  if (from.left !== (count + 1) * HASH_BYTES) throw new FormatError('A hash section is cut short')
  const root = Uint8Array.from(from.raw(HASH_BYTES))
  const blocks: Uint8Array[] = []
  for (let i = 0; i < count; i++) blocks.push(Uint8Array.from(from.raw(HASH_BYTES)))
  return { blocks, root }
}
