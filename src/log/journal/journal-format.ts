// One frame of the journal, and the header of a journal file. A frame's checksum is seeded with a
// random number of the run, the file's sequence number and the frame's position, so a frame left
// from an earlier lap of the recycled file, or written to the wrong place, does not verify. The
// sequence alone would not do: a power cut may keep frames and lose the header that they came with,
// and the next run would give the same number again. The payload of an append is not
// summed twice: each batch carries its own CRC over all but its first 21 bytes, and the frame sums
// those 21 bytes (which include that CRC) of all its batches into `digest`. Pure; no I/O.
import { assert } from '../../base/assert.ts'
import { crc32cRange } from '../../base/crc32c.ts'
import { FormatError } from '../../base/errors.ts'

/** Size of a frame's header in bytes; the payload follows. */
export const FRAME_HEADER_BYTES = 80
/** Size of a journal file's header; frames begin behind it. */
export const FILE_HEADER_BYTES = 4096
/** Format of journal files written by this version. */
export const JOURNAL_VERSION = 1

const FRAME_MAGIC = 0x5346 // "SF"
const FILE_MAGIC = 0x534c4a31 // "SLJ1"
const TWO32 = 4294967296

/** What a frame says. */
export const FrameKind = {
  /** Payload: whole batches of one partition, contiguous in its segment. */
  append: 1,
  /** No payload: epoch `epoch` of the partition starts at `baseOffset`. */
  epochStart: 2,
} as const

/** The fields of a frame's header. */
export interface Frame {
  kind: number
  /** Length of the payload behind the header, in bytes. */
  length: number
  /** Topic id as UUID text. */
  topicId: string
  partition: number
  epoch: number
  /** Offset of the first record in the payload, or the epoch's first offset. */
  baseOffset: number
  /** Base offset of the segment that the payload belongs to. */
  segmentBase: number
  /** Position in that segment's file of the payload's first byte. */
  position: number
  /** CRC-32C over the first 21 bytes of each batch in the payload. */
  digest: number
  /** Journal position up to which everything was known durable when this frame was written. */
  durable: number
}

function setInt64(view: DataView, at: number, value: number): void {
  view.setInt32(at, Math.floor(value / TWO32))
  view.setUint32(at + 4, value >>> 0)
}

function getInt64(view: DataView, at: number): number {
  const value = view.getInt32(at) * TWO32 + view.getUint32(at + 4)
  if (!Number.isSafeInteger(value)) throw new FormatError('A journal frame holds an absurd number')
  return value
}

/** The 16 bytes of a UUID, for frames of one partition: computed once, copied into each. */
export function uuidBytes(text: string): Uint8Array {
  const hex = text.replaceAll('-', '')
  assert(hex.length === 32, 'A topic id has 32 hex digits')
  return Uint8Array.from({ length: 16 }, (_, i) => Number.parseInt(hex.slice(i * 2, i * 2 + 2), 16))
}

function uuidText(bytes: Uint8Array, at: number): string {
  let hex = ''
  for (let i = at; i < at + 16; i++) hex += (bytes[i] as number).toString(16).padStart(2, '0')
  const cut = [8, 12, 16, 20]
  let text = ''
  for (let i = 0; i < 32; i++) text += (cut.includes(i) ? '-' : '') + (hex[i] as string)
  return text
}

/** Where a frame stands: what its checksum is seeded with. */
export interface FramePlace {
  /** The random number of the run that took the file into use: 32 bits, unsigned. */
  readonly salt: number
  /** Number of the file's lap. */
  readonly fileSequence: number
  /** Position of the frame's header in the file, in bytes. */
  readonly filePosition: number
}

const seedOf = ({ salt, fileSequence, filePosition }: FramePlace): number =>
  (salt ^ Math.imul(fileSequence, 0x9e3779b1) ^ Math.imul(filePosition, 0x85ebca6b)) >>> 0

/** Writes a frame header that will stand at `place` at `bytes[at]`. */
export function writeFrameHeader(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  frame: Omit<Frame, 'topicId'> & { readonly topicIdBytes: Uint8Array },
  place: FramePlace,
): void {
  assert(frame.length >= 0, 'A frame has no negative payload')
  assert(frame.topicIdBytes.length === 16, 'A frame names its topic by 16 bytes')
  view.setUint16(at + 4, FRAME_MAGIC)
  view.setUint8(at + 6, JOURNAL_VERSION)
  view.setUint8(at + 7, frame.kind)
  view.setUint32(at + 8, frame.length)
  view.setUint32(at + 12, frame.digest)
  bytes.set(frame.topicIdBytes, at + 16)
  view.setInt32(at + 32, frame.partition)
  view.setInt32(at + 36, frame.epoch)
  setInt64(view, at + 40, frame.baseOffset)
  setInt64(view, at + 48, frame.segmentBase)
  setInt64(view, at + 56, frame.position)
  setInt64(view, at + 64, frame.durable)
  setInt64(view, at + 72, 0)
  const seed = seedOf(place)
  view.setUint32(at, crc32cRange(bytes, at + 4, at + FRAME_HEADER_BYTES, seed))
}

/**
 * Reads the frame header at `bytes[at]`, or null when no valid frame of that file stands there.
 * The payload is not looked at.
 */
export function readFrameHeader(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  place: FramePlace,
): Frame | null {
  if (at + FRAME_HEADER_BYTES > bytes.length) return null
  if (view.getUint16(at + 4) !== FRAME_MAGIC) return null
  const seed = seedOf(place)
  if (crc32cRange(bytes, at + 4, at + FRAME_HEADER_BYTES, seed) !== view.getUint32(at)) return null
  if (view.getUint8(at + 6) !== JOURNAL_VERSION) return null
  return {
    kind: view.getUint8(at + 7),
    length: view.getUint32(at + 8),
    digest: view.getUint32(at + 12),
    topicId: uuidText(bytes, at + 16),
    partition: view.getInt32(at + 32),
    epoch: view.getInt32(at + 36),
    baseOffset: getInt64(view, at + 40),
    segmentBase: getInt64(view, at + 48),
    position: getInt64(view, at + 56),
    durable: getInt64(view, at + 64),
  }
}

/** What the header of a journal file says. */
export interface FileHeader {
  /** Random number of the run that wrote it: 32 bits, unsigned. */
  readonly salt: number
  /** Rises with every file taken into use, across restarts. */
  readonly fileSequence: number
  /** Journal position of the file's byte 0. */
  readonly basePosition: number
  /** Sequence of the oldest file that was still needed when this one was taken into use. */
  readonly oldestLive: number
  /** Everything in the file is durable elsewhere: it waits to be used again. */
  readonly free: boolean
}

/** The header block of a journal file: FILE_HEADER_BYTES bytes. */
export function encodeFileHeader(header: FileHeader): Uint8Array {
  const bytes = new Uint8Array(FILE_HEADER_BYTES)
  const view = new DataView(bytes.buffer)
  view.setUint32(4, FILE_MAGIC)
  view.setUint32(8, JOURNAL_VERSION)
  setInt64(view, 12, header.fileSequence)
  setInt64(view, 20, header.basePosition)
  setInt64(view, 28, header.oldestLive)
  view.setUint8(36, header.free ? 1 : 0)
  view.setUint32(40, header.salt)
  view.setUint32(0, crc32cRange(bytes, 4, 64, 0))
  return bytes
}

/**
 * What a journal file's header says, or null when the file was never taken into use. Throws
 * FormatError for a file of a newer format.
 */
export function decodeFileHeader(bytes: Uint8Array): FileHeader | null {
  if (bytes.length < 64) return null
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (view.getUint32(4) !== FILE_MAGIC) return null
  if (crc32cRange(bytes, 4, 64, 0) !== view.getUint32(0)) return null
  const version = view.getUint32(8)
  if (version > JOURNAL_VERSION) {
    throw new FormatError(`A journal file has format ${version}, newer than ${JOURNAL_VERSION}`)
  }
  return {
    fileSequence: getInt64(view, 12),
    basePosition: getInt64(view, 20),
    oldestLive: getInt64(view, 28),
    free: view.getUint8(36) !== 0,
    salt: view.getUint32(40),
  }
}
