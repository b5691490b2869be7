// Decompresses Snappy, raw (format_description.txt) and in xerial's framing as Java clients write
// it: "\x82SNAPPY\0", two int32 versions, then chunks of an int32 length and raw Snappy. The
// declared sizes are added up and compared with the bound, and with what the bytes could give at
// best, before memory of exactly that size is taken. It knows how to frame but not to compress.
import { FormatError } from './errors.ts'
import { copyMatch } from './lz4.ts'

const XERIAL_MAGIC = Uint8Array.of(0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0)
const XERIAL_HEADER_BYTES = 16
/** The version that xerial's framing has always had, and the oldest reader that understands it. */
const XERIAL_VERSION = 1
/** Bytes before compression of one chunk, as Java clients cut them. */
const XERIAL_CHUNK_BYTES = 32 * 1024
/** More than any Snappy stream expands: its best element turns 3 bytes into 64. */
const EXPANSION_MAX = 22

/**
 * The content of `bytes`, raw or xerial-framed, in memory of its own. Throws FormatError when they
 * are malformed, cut off, or would give more than `limit` bytes.
 */
export function snappyDecompress(bytes: Uint8Array, limit: number): Uint8Array {
  if (!isXerial(bytes, 0)) {
    const size = declaredSize(bytes, 0, bytes.length)
    if (size > limit) throw new FormatError('Snappy content is larger than allowed')
    const out = new Uint8Array(size)
    fillRaw(bytes, 0, bytes.length, out, 0, size)
    return out
  }
  let size = 0
  eachChunk(bytes, (from, end) => {
    size += declaredSize(bytes, from, end)
    if (size > limit) throw new FormatError('Snappy content is larger than allowed')
  })
  const out = new Uint8Array(size)
  let to = 0
  eachChunk(bytes, (from, end) => {
    const chunkTo = to
    to += declaredSize(bytes, from, end)
    fillRaw(bytes, from, end, out, chunkTo, to)
  })
  return out
}

/** `bytes` in xerial's framing; `compress` makes raw Snappy of each chunk of 32 KiB. */
export function xerialFrame(
  bytes: Uint8Array,
  compress: (chunk: Uint8Array) => Uint8Array,
): Uint8Array {
  const chunks: Uint8Array[] = []
  let size = XERIAL_HEADER_BYTES
  for (let at = 0; at < bytes.length; at += XERIAL_CHUNK_BYTES) {
    const chunk = compress(bytes.subarray(at, at + XERIAL_CHUNK_BYTES))
    chunks.push(chunk)
    size += 4 + chunk.length
  }
  const out = new Uint8Array(size)
  const view = new DataView(out.buffer)
  out.set(XERIAL_MAGIC)
  view.setInt32(8, XERIAL_VERSION)
  view.setInt32(12, XERIAL_VERSION)
  let at = XERIAL_HEADER_BYTES
  for (const chunk of chunks) {
    view.setInt32(at, chunk.length)
    out.set(chunk, at + 4)
    at += 4 + chunk.length
  }
  return out
}

function isXerial(bytes: Uint8Array, at: number): boolean {
  if (bytes.length - at < XERIAL_MAGIC.length) return false
  return XERIAL_MAGIC.every((byte, i) => bytes[at + i] === byte)
}

/** Calls `chunk` with the bounds of each chunk's raw Snappy. Streams may follow one another. */
function eachChunk(bytes: Uint8Array, chunk: (from: number, end: number) => void): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let at = 0; at < bytes.length;) {
    if (isXerial(bytes, at)) {
      if (bytes.length - at < XERIAL_HEADER_BYTES) throw new FormatError('A frame is cut off')
      if (view.getInt32(at + 12) > XERIAL_VERSION) {
        throw new FormatError('Snappy framing is of an unknown version')
      }
      at += XERIAL_HEADER_BYTES
      continue
    }
    if (bytes.length - at < 4) throw new FormatError('A Snappy chunk is cut off')
    const size = view.getInt32(at)
    at += 4
    if (size < 0 || size > bytes.length - at) throw new FormatError('A Snappy chunk is cut off')
    if (size > 0) chunk(at, at + size)
    at += size
  }
}

/** The size that raw Snappy in `bytes[from, end)` declares; refused when it cannot be true. */
function declaredSize(bytes: Uint8Array, from: number, end: number): number {
  const prefix = prefixBytes(bytes, from, end)
  let size = 0
  for (let i = prefix - 1; i >= 0; i--) size = size * 128 + ((bytes[from + i] as number) & 0x7f)
  if (size > (end - from) * EXPANSION_MAX) throw new FormatError('Snappy declares a false size')
  return size
}

/** How many bytes the declared size takes. */
function prefixBytes(bytes: Uint8Array, from: number, end: number): number {
  for (let i = 0; i < 5; i++) {
    if (from + i >= end) break
    if ((bytes[from + i] as number) < 0x80) return i + 1
  }
  throw new FormatError('Snappy has no size')
}

/** Decompresses raw Snappy in `bytes[from, end)` to exactly `out[start, stop)`. */
function fillRaw(
  bytes: Uint8Array,
  from: number,
  end: number,
  out: Uint8Array,
  start: number,
  stop: number,
): void {
  let at = from + prefixBytes(bytes, from, end)
  let to = start
  while (at < end) {
    const tag = bytes[at++] as number
    const kind = tag & 3
    if (kind === 0) {
      let length = (tag >>> 2) + 1
      if (length > 60) {
        const extra = length - 60
        if (extra > end - at) throw new FormatError('A Snappy literal is cut off')
        length = littleEndian(bytes, at, extra) + 1
        at += extra
      }
      if (length > end - at) throw new FormatError('A Snappy literal is cut off')
      if (length > stop - to) throw new FormatError('Snappy gives more than it declares')
      if (length > 32) out.set(bytes.subarray(at, at + length), to)
      else for (let i = 0; i < length; i++) out[to + i] = bytes[at + i] as number
      at += length
      to += length
      continue
    }
    const extra = kind === 3 ? 4 : kind
    if (extra > end - at) throw new FormatError('A Snappy copy is cut off')
    let length = (tag >>> 2) + 1
    let back = littleEndian(bytes, at, extra)
    at += extra
    if (kind === 1) {
      length = ((tag >>> 2) & 7) + 4
      back |= (tag >>> 5) << 8
    }
    if (back === 0 || back > to - start) throw new FormatError('A Snappy copy reaches too far back')
    if (length > stop - to) throw new FormatError('Snappy gives more than it declares')
    to = copyMatch(out, to, back, length)
  }
  if (to !== stop) throw new FormatError('Snappy gives less than it declares')
}

function littleEndian(bytes: Uint8Array, at: number, count: number): number {
  let value = 0
  for (let i = count - 1; i >= 0; i--) value = value * 256 + (bytes[at + i] as number)
  return value
}
