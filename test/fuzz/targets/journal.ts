// Fuzz target: whatever the files of a journal hold, replay ends with frames or with a sentence
// that refuses to start, and the frames it hands out are a prefix of those that were written. The
// first byte chooses: bytes as they are, the same with checksums made right, or a valid journal of
// two files that the rest of the input damages.
import { crc32cRange } from '../../../src/base/crc32c.ts'
import { FormatError, OperatingError } from '../../../src/base/errors.ts'
import {
  FILE_HEADER_BYTES,
  FRAME_HEADER_BYTES,
  FrameKind,
  encodeFileHeader,
  uuidBytes,
  writeFrameHeader,
} from '../../../src/log/journal/journal-format.ts'
import { replayJournal } from '../../../src/log/journal/journal-recovery.ts'
import { createMemoryDisk } from '../../../src/platform/memory-disk.ts'
import { crypto, makeBatch } from '../../log/batches.ts'

export const name = 'journal'

const topicIdBytes = uuidBytes('00000000-0000-4000-8000-0000000000aa')
const FILE_BYTES = 8_192

/** A journal of two files, and where each frame ends. */
const SALT = 0x5a17

const valid = makeJournal()

interface Made {
  readonly files: readonly Uint8Array[]
  /** For each frame: its file, its end in the file, its first offset. */
  readonly frames: readonly { file: number; end: number; offset: number }[]
}

function makeJournal(): Made {
  const files: Uint8Array[] = []
  const frames: { file: number; end: number; offset: number }[] = []
  let base = 0
  let offset = 0
  let position = 0
  for (let file = 0; file < 2; file++) {
    const bytes = new Uint8Array(FILE_BYTES)
    const header = { salt: SALT, fileSequence: file + 1, basePosition: base }
    bytes.set(encodeFileHeader({ ...header, oldestLive: 1, free: false }))
    let at = FILE_HEADER_BYTES
    for (let i = 0; i < 8; i++) {
      const batch = makeBatch({ base: offset, size: 20 + i * 30 })
      addFrame(bytes, at, batch, { file, base, offset, position })
      at += FRAME_HEADER_BYTES + batch.length
      frames.push({ file, end: at, offset })
      offset++
      position += batch.length
    }
    base += at
    files.push(bytes)
  }
  return { files, frames }
}

function addFrame(
  bytes: Uint8Array,
  at: number,
  batch: Uint8Array,
  where: { file: number; base: number; offset: number; position: number },
): void {
  const frame = {
    kind: FrameKind.append,
    length: batch.length,
    topicIdBytes,
    partition: 0,
    epoch: 0,
    baseOffset: where.offset,
    segmentBase: 0,
    position: where.position,
    digest: crc32cRange(batch, 0, 21, 0),
    durable: 0,
  }
  const place = { salt: SALT, fileSequence: where.file + 1, filePosition: at }
  writeFrameHeader(bytes, new DataView(bytes.buffer), at, frame, place)
  bytes.set(batch, at + FRAME_HEADER_BYTES)
}

/** The valid journal's files, and damages to it. */
export function seeds(): Uint8Array[] {
  const damages = [[], [0, 0, 0], [16, 200, 1], [24, 0, 9, 40, 7, 1]]
  return [
    ...valid.files.flatMap((file) => [0, 1].map((mode) => Uint8Array.from([mode, ...file]))),
    ...damages.map((damage) => Uint8Array.from([2, ...damage])),
  ]
}

/** One input; throws only when an oracle is broken. */
export async function run(bytes: Uint8Array): Promise<void> {
  const mode = (bytes[0] ?? 0) % 3
  const rest = bytes.subarray(1)
  if (mode === 2) return damaged(rest)
  const half = rest.length > FILE_BYTES ? FILE_BYTES : rest.length
  const files = [rest.slice(0, half), rest.slice(half)].filter((file) => file.length > 0)
  if (mode === 1) for (const file of files) repair(file)
  await replay(files)
}

/** Three bytes are one damage: where (two) and what is written there. */
async function damaged(rest: Uint8Array): Promise<void> {
  const files = valid.files.map((file) => Uint8Array.from(file))
  let first = Infinity
  for (let i = 0; i + 3 <= rest.length; i += 3) {
    const [high = 0, low = 0, value = 0] = rest.subarray(i, i + 3)
    const at = (high * 256 + low) % (2 * FILE_BYTES)
    const file = files[Math.floor(at / FILE_BYTES)] as Uint8Array
    if (file[at % FILE_BYTES] === value) continue
    file[at % FILE_BYTES] = value
    first = Math.min(first, at)
  }
  const offsets = await replay(files)
  if (offsets === null) return
  offsets.forEach((offset, i) => {
    // A file whose header is damaged is not one; that its frames are missing, their partition sees.
    if (offset !== (offsets[0] ?? 0) + i) throw new Error('Frames come out of order')
  })
  // A header's padding is no data; the first 64 bytes of each file are.
  const header = first % FILE_BYTES < FILE_HEADER_BYTES
  if (header) return
  const whole = valid.frames.filter((frame) => frame.file * FILE_BYTES + frame.end <= first)
  if (offsets.length < whole.length) throw new Error('Frames before the damage are lost')
}

/** Offsets of the frames replayed; null when the start was refused. */
async function replay(files: readonly Uint8Array[]): Promise<number[] | null> {
  const disk = createMemoryDisk(1 << 20)
  await disk.makeDirectory('journal')
  for (const [slot, bytes] of files.entries()) {
    const file = await disk.open(`journal/${String(slot).padStart(8, '0')}.wal`, { mode: 'create' })
    file.writeNow(0, [bytes])
    await file.close()
  }
  const offsets: number[] = []
  try {
    const options = { fileBytes: FILE_BYTES, skip: false }
    await replayJournal(disk, crypto, options, (frames) => {
      for (const { frame, payload } of frames) {
        if (payload.length !== frame.length) throw new Error('A payload has another length')
        offsets.push(frame.baseOffset)
      }
      return Promise.resolve()
    })
    return offsets
  } catch (error) {
    const refused = error instanceof OperatingError && error.kind === 'corrupt'
    if (refused || error instanceof FormatError) return null
    throw error
  }
}

/** Makes checksums right: of the header, and of every frame that its length leads to. */
function repair(file: Uint8Array): void {
  if (file.length < FILE_HEADER_BYTES) return
  const view = new DataView(file.buffer, file.byteOffset, file.length)
  view.setUint32(4, 0x534c4a31)
  view.setUint32(8, 1)
  view.setUint32(12, 0)
  view.setUint32(0, crc32cRange(file, 4, 64, 0))
  const sequence = view.getUint32(16)
  for (let at = FILE_HEADER_BYTES; at + FRAME_HEADER_BYTES <= file.length;) {
    view.setUint16(at + 4, 0x5346)
    view.setUint8(at + 6, 1)
    const room = file.length - at - FRAME_HEADER_BYTES
    const length = Math.min(view.getUint32(at + 8), room)
    view.setUint32(at + 8, length)
    repairBatches(file, view, at + FRAME_HEADER_BYTES, length, at)
    const seed = (Math.imul(sequence, 0x9e3779b1) ^ Math.imul(at, 0x85ebca6b)) >>> 0
    view.setUint32(at, crc32cRange(file, at + 4, at + FRAME_HEADER_BYTES, seed))
    at += FRAME_HEADER_BYTES + length
  }
}

function repairBatches(
  file: Uint8Array,
  view: DataView,
  from: number,
  length: number,
  frame: number,
): void {
  let digest = 0
  for (let at = from; at + 61 <= from + length;) {
    const size = Math.min(Math.max(view.getInt32(at + 8) + 12, 61), from + length - at)
    view.setInt32(at + 8, size - 12)
    view.setUint32(at + 17, crypto.crc32c(file.subarray(at + 21, at + size)))
    digest = crc32cRange(file, at, at + 21, digest)
    at += size
  }
  view.setUint32(frame + 12, digest)
}
