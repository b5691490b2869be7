// Decompresses LZ4 frames (lz4_Frame_format.md 1.6, lz4_Block_format.md) under a hard bound. A
// first pass adds up what every sequence will give and checks every length; only then is memory of
// exactly that size taken, and the second pass copies. So a bomb is refused before it costs
// memory, and a lying length before anything is written. It takes frames one after another,
// skippable frames, linked and independent blocks, and the header checksum as old Java clients
// computed it (KIP-57); not dictionaries, and not the legacy frame of 2013.
import { FormatError } from './errors.ts'
import { xxhash32 } from './xxhash32.ts'

const FRAME_MAGIC = 0x184d2204
const SKIPPABLE_MAGIC = 0x184d2a50

/** Frame flags. */
const LINKED_OFF = 0x20
const BLOCK_CHECKSUMS = 0x10
const CONTENT_SIZE = 0x08
const CONTENT_CHECKSUM = 0x04
const RESERVED_OR_DICTIONARY = 0x03

/** Set in a block's size when the block is not compressed. */
const PLAIN_BLOCK = 0x80000000

interface Frame {
  readonly flags: number
  readonly blockMax: number
  /** Where the first block's size stands. */
  readonly blocksAt: number
  /** Declared bytes of the content, or -1. */
  readonly contentSize: number
}

/**
 * The content of the LZ4 frames in `bytes`, in memory of its own. Throws FormatError when they are
 * malformed, cut off, have a wrong checksum, or would give more than `limit` bytes.
 */
export function lz4Decompress(bytes: Uint8Array, limit: number): Uint8Array {
  if (bytes.length === 0) throw new FormatError('An LZ4 frame is missing')
  let size = 0
  for (let at = 0; at < bytes.length;) {
    const frame = readFrame(bytes, at)
    if (frame === null) at = skippableEnd(bytes, at)
    else {
      const before = size
      at = eachBlock(bytes, frame, (from, end, plain) => {
        const blockSize = plain ? end - from : measureBlock(bytes, from, end)
        if (blockSize > frame.blockMax) throw new FormatError('An LZ4 block is above its maximum')
        size += blockSize
        if (size > limit) throw new FormatError('LZ4 content is larger than allowed')
      })
      if (frame.contentSize >= 0 && frame.contentSize !== size - before) {
        throw new FormatError('An LZ4 frame has another size than it declares')
      }
    }
  }
  return fill(bytes, new Uint8Array(size))
}

/** The second pass: every length in `bytes` is known to be right, only match offsets are not. */
function fill(bytes: Uint8Array, out: Uint8Array): Uint8Array {
  let to = 0
  for (let at = 0; at < bytes.length;) {
    const frame = readFrame(bytes, at)
    if (frame === null) {
      at = skippableEnd(bytes, at)
      continue
    }
    const frameTo = to
    at = eachBlock(bytes, frame, (from, end, plain) => {
      const floor = frame.flags & LINKED_OFF ? to : frameTo
      if (!plain) to = fillBlock(bytes, from, end, out, to, floor)
      else {
        out.set(bytes.subarray(from, end), to)
        to += end - from
      }
    })
    if (frame.flags & CONTENT_CHECKSUM && uint32(bytes, at - 4) !== xxhash32(out, frameTo, to)) {
      throw new FormatError('LZ4 content has a wrong checksum')
    }
  }
  return out
}

/** The header of the frame at `at`; null for a skippable frame. */
function readFrame(bytes: Uint8Array, at: number): Frame | null {
  if (bytes.length - at < 7) throw new FormatError('An LZ4 frame header is cut off')
  const magic = uint32(bytes, at)
  if (magic >>> 4 === SKIPPABLE_MAGIC >>> 4) return null
  if (magic !== FRAME_MAGIC) throw new FormatError('LZ4 frame magic is missing')
  const flags = bytes[at + 4] as number
  const sizes = bytes[at + 5] as number
  if (flags >>> 6 !== 1 || flags & RESERVED_OR_DICTIONARY) {
    throw new FormatError('An LZ4 frame has flags that are not supported')
  }
  const sizeCode = sizes >>> 4
  if (sizes & 0x0f || sizeCode < 4 || sizeCode > 7) {
    throw new FormatError('An LZ4 frame has an unknown block size')
  }
  const checkAt = at + (flags & CONTENT_SIZE ? 14 : 6)
  if (bytes.length <= checkAt) throw new FormatError('An LZ4 frame header is cut off')
  const check = bytes[checkAt] as number
  const right = (xxhash32(bytes, at + 4, checkAt) >>> 8) & 0xff
  if (check !== right && check !== ((xxhash32(bytes, at, checkAt) >>> 8) & 0xff)) {
    throw new FormatError('An LZ4 frame header has a wrong checksum')
  }
  let contentSize = -1
  if (flags & CONTENT_SIZE) {
    contentSize = uint32(bytes, at + 6) + uint32(bytes, at + 10) * 4294967296
  }
  return { flags, blockMax: 1 << (8 + 2 * sizeCode), blocksAt: checkAt + 1, contentSize }
}

function skippableEnd(bytes: Uint8Array, at: number): number {
  if (bytes.length - at < 8) throw new FormatError('A skippable frame is cut off')
  const end = at + 8 + uint32(bytes, at + 4)
  if (end > bytes.length) throw new FormatError('A skippable frame is cut off')
  return end
}

/** Calls `block` with the bounds of each block's data; returns where the frame ends. */
function eachBlock(
  bytes: Uint8Array,
  frame: Frame,
  block: (from: number, end: number, plain: boolean) => void,
): number {
  let at = frame.blocksAt
  for (;;) {
    if (bytes.length - at < 4) throw new FormatError('An LZ4 frame is cut off')
    const word = uint32(bytes, at)
    at += 4
    if (word === 0) break
    const plain = word >= PLAIN_BLOCK
    const size = plain ? word - PLAIN_BLOCK : word
    const checksumBytes = frame.flags & BLOCK_CHECKSUMS ? 4 : 0
    if (size > frame.blockMax) throw new FormatError('An LZ4 block is above its maximum')
    if (size + checksumBytes > bytes.length - at) throw new FormatError('An LZ4 block is cut off')
    if (checksumBytes > 0 && uint32(bytes, at + size) !== xxhash32(bytes, at, at + size)) {
      throw new FormatError('An LZ4 block has a wrong checksum')
    }
    block(at, at + size, plain)
    at += size + checksumBytes
  }
  if (frame.flags & CONTENT_CHECKSUM) at += 4
  if (at > bytes.length) throw new FormatError('An LZ4 frame is cut off')
  return at
}

/** How many bytes the compressed block `bytes[from, end)` gives; checks every length in it. */
function measureBlock(bytes: Uint8Array, from: number, end: number): number {
  let at = from
  let size = 0
  for (;;) {
    if (at >= end) throw new FormatError('An LZ4 block is cut off')
    const token = bytes[at++] as number
    let literals = token >>> 4
    if (literals === 15) {
      let more = 255
      while (more === 255) {
        if (at >= end) throw new FormatError('An LZ4 block is cut off')
        more = bytes[at++] as number
        literals += more
      }
    }
    at += literals
    size += literals
    if (at > end) throw new FormatError('An LZ4 block is cut off')
    if (at === end) return size
    at += 2
    let match = (token & 15) + 4
    if (match === 19) {
      let more = 255
      while (more === 255) {
        if (at >= end) throw new FormatError('An LZ4 block is cut off')
        more = bytes[at++] as number
        match += more
      }
    }
    size += match
  }
}

/** Decompresses a measured block to `out[to…]`; matches may reach back to `floor`. */
function fillBlock(
  bytes: Uint8Array,
  from: number,
  end: number,
  out: Uint8Array,
  start: number,
  floor: number,
): number {
  let at = from
  let to = start
  for (;;) {
    const token = bytes[at++] as number
    let literals = token >>> 4
    if (literals === 15) {
      let more = 255
      while (more === 255) literals += more = bytes[at++] as number
    }
    if (literals > 32) out.set(bytes.subarray(at, at + literals), to)
    else for (let i = 0; i < literals; i++) out[to + i] = bytes[at + i] as number
    at += literals
    to += literals
    if (at >= end) return to
    const back = (bytes[at] as number) | ((bytes[at + 1] as number) << 8)
    at += 2
    let match = (token & 15) + 4
    if (match === 19) {
      let more = 255
      while (more === 255) match += more = bytes[at++] as number
    }
    if (back === 0 || back > to - floor) throw new FormatError('An LZ4 match reaches too far back')
    to = copyMatch(out, to, back, match)
  }
}

/** Repeats `length` bytes from `back` bytes before `to`, overlaps included; returns the end. */
export function copyMatch(out: Uint8Array, to: number, back: number, length: number): number {
  const end = to + length
  if (length <= 64) for (let i = to; i < end; i++) out[i] = out[i - back] as number
  else {
    // Copies what is there, which doubles what is there, until the match is full.
    const source = to - back
    for (let i = to; i < end;) {
      const step = Math.min(i - source, end - i)
      out.copyWithin(i, source, source + step)
      i += step
    }
  }
  return end
}

function uint32(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24)) >>>
    0
  )
}
