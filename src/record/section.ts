// The records section of a batch, plain: where it lies, or what it decompresses to. The two ports
// that batches need are named here once. It knows nothing of single records.
import { FormatError } from '../base/errors.ts'
import type { Compression } from '../ports/compression.ts'
import type { Crypto } from '../ports/crypto.ts'
import { HEADER_BYTES, MAGIC, batchLength, codec, magic, recordCount } from './header.ts'

/** What making and checking batches needs of the platform. */
export interface RecordTools {
  readonly crypto: Pick<Crypto, 'crc32c'>
  readonly compression: Compression
}

/** A source of plain records sections: how to decompress, and to how many bytes at most. */
export interface SectionSource {
  readonly compression: Compression
  /** Most bytes that a compressed section may become. */
  readonly decompressedMax: number
}

/** `count` uncompressed records in `bytes[from, end)`, borrowed from the batch if it was plain. */
export interface Section {
  readonly bytes: Uint8Array
  readonly from: number
  readonly end: number
  readonly count: number
}

/**
 * The plain records section of the whole magic-2 batch at `at`. Throws FormatError when the batch
 * does not fit its bytes, has another magic, a negative count or a codec that does not exist, or
 * when its records do not decompress within the bound. Does not check the CRC.
 */
export function recordsSection(bytes: Uint8Array, at: number, source: SectionSource): Section {
  if (bytes.length - at < HEADER_BYTES) throw new FormatError('A batch header is cut off')
  const length = batchLength(bytes, at)
  if (length < HEADER_BYTES) throw new FormatError('A batch is shorter than its header')
  if (length > bytes.length - at) throw new FormatError('A batch is cut off')
  if (magic(bytes, at) !== MAGIC) throw new FormatError('A batch has a magic other than 2')
  const count = recordCount(bytes, at)
  if (count < 0) throw new FormatError('A batch has a negative record count')
  const from = at + HEADER_BYTES
  const end = at + length
  const name = codec(bytes, at)
  if (name === 'none' || count === 0) return { bytes, from, end, count }
  const view = bytes.subarray(from, end)
  const plain = source.compression.decompress(name, view, source.decompressedMax)
  return { bytes: plain, from: 0, end: plain.length, count }
}
