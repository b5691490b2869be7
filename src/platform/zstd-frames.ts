// Finds where zstd frames begin and end (RFC 8878 section 3.1) without decompressing them. The
// zlib modules of Node, Deno and Bun disagree about frames that follow one another and about input
// that ends too early, and none says so; with the bounds known, each whole frame is handed over by
// itself. Dictionaries are not used by Kafka; a frame that wants one fails in the decompressor.
import { FormatError } from '../base/errors.ts'

const FRAME_MAGIC = 0xfd2fb528
const SKIPPABLE_MAGIC = 0x184d2a50
const BLOCK_BYTES_MAX = 128 * 1024

/** One frame with content, in `bytes[from, end)` of the bytes it was found in. */
export interface ZstdFrame {
  readonly from: number
  readonly end: number
  /** Most bytes that the content can have: the declared size, or what its blocks allow. */
  readonly sizeMax: number
  /** Whether `sizeMax` is exactly the declared size of the content. */
  readonly declared: boolean
}

/** All frames of `bytes`, skippable ones left out. Throws FormatError unless they are all whole. */
export function zstdFrames(bytes: Uint8Array): ZstdFrame[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const frames: ZstdFrame[] = []
  if (bytes.length === 0) throw new FormatError('A zstd frame is missing')
  for (let at = 0; at < bytes.length;) {
    if (bytes.length - at < 8) throw new FormatError('A zstd frame is cut off')
    const magic = view.getUint32(at, true)
    if (magic === FRAME_MAGIC) {
      const frame = readFrame(view, at)
      frames.push(frame)
      at = frame.end
    } else if (magic >>> 4 === SKIPPABLE_MAGIC >>> 4) {
      at += 8 + view.getUint32(at + 4, true)
      if (at > bytes.length) throw new FormatError('A skippable frame is cut off')
    } else throw new FormatError('Zstd frame magic is missing')
  }
  return frames
}

function readFrame(view: DataView, from: number): ZstdFrame {
  const descriptor = view.getUint8(from + 4)
  const single = (descriptor & 0x20) !== 0
  const sizeCode = descriptor >>> 6
  const sizeBytes = sizeCode === 0 ? (single ? 1 : 0) : 1 << sizeCode
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] ?? 0
  if (descriptor & 0x08) throw new FormatError('A zstd frame has a reserved bit set')
  const sizeAt = from + 5 + (single ? 0 : 1) + dictionaryBytes
  let at = sizeAt + sizeBytes
  if (at > view.byteLength) throw new FormatError('A zstd frame header is cut off')
  const contentSize = readSize(view, sizeAt, sizeBytes)
  let blocksMax = 0
  for (let last = false; !last;) {
    if (view.byteLength - at < 3) throw new FormatError('A zstd block is cut off')
    const word = view.getUint16(at, true) | (view.getUint8(at + 2) << 16)
    last = (word & 1) === 1
    const type = (word >>> 1) & 3
    const size = word >>> 3
    if (type === 3) throw new FormatError('A zstd block has a reserved type')
    if (size > BLOCK_BYTES_MAX) throw new FormatError('A zstd block is above its maximum')
    blocksMax += type === 2 ? BLOCK_BYTES_MAX : size
    at += 3 + (type === 1 ? 1 : size)
    if (at > view.byteLength) throw new FormatError('A zstd block is cut off')
  }
  if (descriptor & 0x04) at += 4
  if (at > view.byteLength) throw new FormatError('A zstd checksum is cut off')
  const declared = contentSize >= 0
  if (contentSize > blocksMax) throw new FormatError('A zstd frame declares a false size')
  return { from, end: at, sizeMax: declared ? contentSize : blocksMax, declared }
}

/** The declared content size, -1 for none. */
function readSize(view: DataView, at: number, bytes: number): number {
  if (bytes === 0) return -1
  if (bytes === 1) return view.getUint8(at)
  if (bytes === 2) return view.getUint16(at, true) + 256
  if (bytes === 4) return view.getUint32(at, true)
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 4294967296
}
