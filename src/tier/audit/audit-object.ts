// Every byte of an archived segment against the manifest and against itself: its batches by their
// CRCs, its index by building it anew, its blocks by their hashes, its trailer by making it again
// from all that. What an upload does to a local segment is done to the object; there is one way to
// check a segment, wherever it lies.
import { equalBytes } from '../../base/bytes.ts'
import { FormatError, OperatingError } from '../../base/errors.ts'
import type { Crypto } from '../../ports/crypto.ts'
import type { SegmentEntry } from '../manifest/entry.ts'
import type { SegmentPlace } from '../read/blocks.ts'
import { ObjectFile } from '../read/object-file.ts'
import { SegmentObject } from '../upload/segment-object.ts'

/** What is wrong with the object of `place`, as a sentence; null when every byte is as it was. */
export async function auditObject(crypto: Crypto, place: SegmentPlace): Promise<string | null> {
  const { entry } = place
  try {
    const source = new ObjectFile(place)
    const size = await source.size()
    if (size !== entry.objectBytes) {
      return `it has ${size} bytes, the manifest says ${entry.objectBytes}`
    }
    const object = await SegmentObject.open(crypto, source)
    await object.complete()
    const trailer = new Uint8Array(size - entry.dataLength)
    await source.read(entry.dataLength, trailer)
    if (!equalBytes(trailer, object.trailer)) return 'its trailer is not what its batches say'
    return difference(object, entry)
  } catch (error) {
    if (error instanceof FormatError) return error.message
    if (error instanceof OperatingError && error.kind === 'corrupt') return error.message
    if (error instanceof OperatingError && error.kind === 'absent') return 'it is missing'
    throw error
  }
}

/** In what a complete object is not what `entry` tells of; null when it is. */
export function difference(object: SegmentObject, entry: SegmentEntry): string | null {
  const found = object.entry(entry)
  if (!equalBytes(found.root, entry.root)) return 'its hashes are not those of the manifest'
  if (!equalBytes(found.blocks.bytes, entry.blocks.bytes)) {
    return 'its blocks are not those of the manifest'
  }
  const same =
    found.recordCount === entry.recordCount &&
    found.minTimestamp === entry.minTimestamp &&
    found.maxTimestamp === entry.maxTimestamp &&
    found.hasAborted === entry.hasAborted &&
    found.stable === entry.stable &&
    found.end === entry.end
  return same ? null : 'its counts or times are not those of the manifest'
}
