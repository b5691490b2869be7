// The codecs of record batches on Node, Deno and Bun: gzip and zstd by node:zlib, LZ4 and Snappy
// compressed by WebAssembly and decompressed by our own bounded code, because the library's
// decompressors take no bound and trap on malformed input. The limit is enforced while
// decompressing, by every codec; what a compressed stream declares is only a hint for how much
// memory to take at once, and never believed above the limit. A zstd window of up to 128 MiB is
// admitted, as libzstd does: only as much of it is touched as comes out.
import { Buffer } from 'node:buffer'
import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { lz4Compress, snappyCompress } from '@platformatic/wasm-utils'
import { FormatError } from '../base/errors.ts'
import { lz4Decompress } from '../base/lz4.ts'
import { snappyDecompress, xerialFrame } from '../base/snappy.ts'
import type { Codec, Compression } from '../ports/compression.ts'
import { zstdFrames } from './zstd-frames.ts'

/** Deflate's best: 258 bytes for every two bits. */
const DEFLATE_EXPANSION_MAX = 1032
/** The smallest output buffer worth handing to zlib. */
const OUTPUT_BYTES_MIN = 1024
/** Most zstd frames in one section: clients write one, a few write one per flush. */
const ZSTD_FRAMES_MAX = 128
/** Largest output buffer of a frame that is not alone; zlib takes several when it needs more. */
const SHARED_OUTPUT_BYTES_MAX = 64 * 1024
/** An LZ4 frame without blocks: the library cannot take empty input at all times. */
const LZ4_EMPTY = Uint8Array.of(0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82, 0, 0, 0, 0)

/** The Compression port on node:zlib and WebAssembly. Stateless; one for the process is enough. */
export function createCompression(): Compression {
  return { compress, decompress }
}

function compress(codec: Codec, bytes: Uint8Array): Uint8Array {
  switch (codec) {
    case 'none':
      return bytes
    case 'gzip':
      return plain(gzipSync(bytes))
    case 'snappy':
      return xerialFrame(bytes, (chunk) => snappyCompress(asBuffer(chunk)))
    case 'lz4':
      return bytes.length === 0 ? Uint8Array.from(LZ4_EMPTY) : plain(lz4Compress(asBuffer(bytes)))
    case 'zstd':
      return plain(zstdCompressSync(bytes))
  }
}

function decompress(codec: Codec, bytes: Uint8Array, limit: number): Uint8Array {
  switch (codec) {
    case 'none':
      if (bytes.length > limit) throw new FormatError('Content is larger than allowed')
      return bytes
    case 'gzip':
      return gunzip(bytes, limit)
    case 'snappy':
      return snappyDecompress(bytes, limit)
    case 'lz4':
      return lz4Decompress(bytes, limit)
    case 'zstd':
      return unzstd(bytes, limit)
  }
}

/**
 * The last four bytes of a gzip member are its size, so one buffer of that size serves an honest
 * single member. More comes out only of several members, or of a lie: then one buffer of the limit.
 */
function gunzip(bytes: Uint8Array, limit: number): Uint8Array {
  if (bytes.length < 18) throw new FormatError('A gzip member is cut off')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const declared = view.getUint32(bytes.length - 4, true)
  const likely = Math.min(declared, bytes.length * DEFLATE_EXPANSION_MAX, limit)
  const first = inflate(bytes, likely)
  if (first !== null) return first
  const second = likely < limit ? inflate(bytes, limit) : null
  if (second === null) throw new FormatError('Gzip content is larger than allowed')
  return second.length * 2 < limit ? Uint8Array.from(second) : second
}

/** The content, or null when it has more than `limit` bytes. */
function inflate(bytes: Uint8Array, limit: number): Uint8Array | null {
  try {
    return bounded(gunzipSync(bytes, outputOf(limit)), limit)
  } catch (cause) {
    if (isTooLarge(cause)) return null
    throw new FormatError('Gzip content is malformed', { cause })
  }
}

function unzstd(bytes: Uint8Array, limit: number): Uint8Array {
  const frames = zstdFrames(bytes)
  if (frames.length > ZSTD_FRAMES_MAX) throw new FormatError('Zstd content has too many frames')
  const bufferMax = frames.length > 1 ? SHARED_OUTPUT_BYTES_MAX : limit + 1
  let declaredBytes = 0
  for (const frame of frames) if (frame.declared) declaredBytes += frame.sizeMax
  if (declaredBytes > limit) throw new FormatError('Zstd content is larger than allowed')
  const parts: Uint8Array[] = []
  let size = 0
  for (const frame of frames) {
    const most = Math.min(frame.sizeMax, limit - size)
    const part = unzstdFrame(bytes.subarray(frame.from, frame.end), most, bufferMax)
    if (part === null) throw new FormatError('Zstd content is larger than allowed')
    if (frame.declared && part.length !== frame.sizeMax) {
      throw new FormatError('A zstd frame has another size than it declares')
    }
    parts.push(part)
    size += part.length
  }
  const [only] = parts
  return only !== undefined && parts.length === 1 ? only : concat(parts, size)
}

/** The content of one whole frame, or null when it has more than `limit` bytes. */
function unzstdFrame(frame: Uint8Array, limit: number, bufferMax: number): Uint8Array | null {
  try {
    return bounded(zstdDecompressSync(frame, outputOf(limit, bufferMax)), limit)
  } catch (cause) {
    if (isTooLarge(cause)) return null
    throw new FormatError('Zstd content is malformed', { cause })
  }
}

/** Output buffers with room for the limit and a byte, so that zlib asks for no second one. */
function outputOf(
  limit: number,
  bufferMax = limit + 1,
): { maxOutputLength: number; chunkSize: number } {
  const chunkSize = Math.max(Math.min(limit + 1, bufferMax), OUTPUT_BYTES_MIN)
  return { maxOutputLength: Math.max(limit, 1), chunkSize }
}

/** zlib cannot be told a limit of 0; it gets 1. */
function bounded(content: Uint8Array, limit: number): Uint8Array | null {
  return content.length > limit ? null : plain(content)
}

function isTooLarge(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE'
}

function concat(parts: readonly Uint8Array[], size: number): Uint8Array {
  const whole = new Uint8Array(size)
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

/** The same memory as a plain Uint8Array: a Buffer's `slice` and printing behave otherwise. */
function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
