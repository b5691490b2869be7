// How the end of a segment is told: whether a file ends with a whole footer, what stands in its
// last partial block, and behind which offset a run of batches ends. What recovery asks first.
import { assert } from '../../base/assert.ts'
import { FormatError } from '../../base/errors.ts'
import { alignDown } from '../../base/units.ts'
import type { Crypto } from '../../ports/crypto.ts'
import type { DiskFile } from '../../ports/disk.ts'
import { DIRECT_ALIGNMENT, pageAlignedPiece } from '../../ports/disk.ts'
import { baseOffsetOf, batchBytesOf, lastOffsetDeltaOf } from './batch-view.ts'
import type { SegmentFooter } from './segment-format.ts'
import { decodeFooter, looksSealed } from './segment-format.ts'

/** Exclusive end of the offsets of whole batches. */
export function endOfBatches(payload: Uint8Array): number {
  let end = 0
  for (let at = 0; at < payload.length; at += batchBytesOf(payload, at)) {
    end = baseOffsetOf(payload, at) + lastOffsetDeltaOf(payload, at) + 1
  }
  return end
}

/** The footer in a file's last bytes, or null when there is no whole one: torn ones are none. */
export function soundFooter(crypto: Crypto, end: Uint8Array, size: number): SegmentFooter | null {
  if (!looksSealed(end)) return null
  try {
    return decodeFooter(crypto, end, size)
  } catch (error) {
    if (error instanceof FormatError) return null
    throw error
  }
}

/** The last bytes of a file, at most 4 KiB, ending where it ends. */
export async function readEnd(file: DiskFile, size: number): Promise<Uint8Array> {
  const from = alignDown(Math.max(0, size - DIRECT_ALIGNMENT), DIRECT_ALIGNMENT)
  const memory = pageAlignedPiece(2 * DIRECT_ALIGNMENT)
  const got = await file.read(from, memory)
  const length = Math.min(got, size - from)
  return memory.subarray(Math.max(0, length - DIRECT_ALIGNMENT), length)
}

/** The bytes of the last partial block of a file of `length` bytes; null when there is none. */
export async function readStub(file: DiskFile, length: number): Promise<Uint8Array | null> {
  const from = alignDown(length, DIRECT_ALIGNMENT)
  if (from === length) return null
  const memory = pageAlignedPiece(DIRECT_ALIGNMENT)
  const got = await file.read(from, memory)
  assert(got >= length - from, 'A partial block is in the file')
  return Uint8Array.from(memory.subarray(0, length - from))
}
