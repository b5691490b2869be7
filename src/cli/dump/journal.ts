// `journal/NNNNNNNN.wal`: the file's header and each frame of its current lap. A recycled file has
// frames of earlier laps behind its end; their checksums are seeded otherwise, so they are none,
// and a last frame whose header is damaged cannot be told from one of them. A frame that does not
// verify while a later one does, or whose header does and whose payload does not, is a torn write
// or damage; below a position that a later frame knows durable, damage it is.
import { crc32cRange } from '../../base/crc32c.ts'
import {
  FILE_HEADER_BYTES,
  FRAME_HEADER_BYTES,
  FrameKind,
  decodeFileHeader,
  readFrameHeader,
} from '../../log/journal/journal-format.ts'
import type { FileHeader, Frame } from '../../log/journal/journal-format.ts'
import type { Crypto } from '../../ports/crypto.ts'
import { Field, HEADER_BYTES, batchLength, crc, int32At } from '../../record/header.ts'
import type { DumpRow, FileDecoder } from '../services.ts'
import { damageRow } from './rows.ts'
import { FileWindow, WINDOW_BYTES, attempt, isDamage } from './window.ts'

const kindNames = new Map<number, string>(
  Object.entries(FrameKind).map(([name, kind]) => [kind, name]),
)
/** Bytes at the front of a batch that its own checksum leaves out. */
const PREFIX_BYTES = Field.attributes
/** A longer batch cannot have come in. */
const BATCH_BYTES_MAX = 104_857_600

/** Reads journal files. */
export const journalDecoder = (crypto: Crypto): FileDecoder => ({
  name: 'journal',
  matches: (name, head) => {
    if (/^\d{8}\.wal$/.test(name)) return true
    return head.length >= 8 && int32At(head, 4) === 0x534c4a31
  },
  dump: (path) => dumpJournal(crypto, path),
})

async function* dumpJournal(crypto: Crypto, path: string): AsyncGenerator<DumpRow> {
  const window = await FileWindow.open(path)
  try {
    const head = await window.view(0, FILE_HEADER_BYTES)
    const header = await attempt(() => decodeFileHeader(head))
    if (isDamage(header)) {
      yield damageRow(0, FILE_HEADER_BYTES, header.message)
    } else if (header !== null) {
      yield { what: 'file', bytes: window.size, ...header }
      yield* new Walk(crypto, window, header).rows()
    } else if (head.every((byte) => byte === 0)) {
      yield { what: 'unused', bytes: window.size }
    } else {
      const text = 'no sound file header: no frame can be told from one of an earlier lap'
      yield damageRow(0, window.size, text)
    }
  } finally {
    await window.close()
  }
}

/** What the payload of an append holds. */
interface Payload {
  readonly valid: boolean
  readonly batches: number
  readonly records: number
}

/** One pass over the frames of a file. */
class Walk {
  readonly #crypto: Crypto
  readonly #window: FileWindow
  readonly #header: FileHeader

  constructor(crypto: Crypto, window: FileWindow, header: FileHeader) {
    this.#crypto = crypto
    this.#window = window
    this.#header = header
  }

  async *rows(): AsyncGenerator<DumpRow> {
    let at = FILE_HEADER_BYTES
    for (;;) {
      const frame = await this.#frameAt(at)
      if (frame !== null) {
        const end = at + FRAME_HEADER_BYTES + frame.length
        const payload = await this.#payload(frame, at + FRAME_HEADER_BYTES)
        yield frameRow(frame, at, payload)
        if (!payload.valid) {
          const text = 'the payload of a frame does not verify; a torn write, or damage'
          yield damageRow(at, Math.min(end, this.#window.size), text)
        }
        at = end
        continue
      }
      const next = await this.#search(at)
      if (next === null) break
      const { frame: found, position } = next
      const broken = this.#header.basePosition + at
      const text =
        found.durable > broken
          ? `frames are damaged that were durable up to position ${found.durable}`
          : 'no frame, but one behind it; a torn write, or damage'
      yield damageRow(at, position, text)
      at = position
    }
    yield { what: 'end', at, position: this.#header.basePosition + at }
  }

  async #frameAt(at: number): Promise<Frame | null> {
    return this.#frameIn(await this.#window.view(at, FRAME_HEADER_BYTES), 0, at)
  }

  #frameIn(bytes: Uint8Array, at: number, position: number): Frame | null {
    const { salt, fileSequence } = this.#header
    if (at + FRAME_HEADER_BYTES > bytes.length) return null
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    return readFrameHeader(bytes, view, at, { salt, fileSequence, filePosition: position })
  }

  /** The next valid frame behind `at`. */
  async #search(at: number): Promise<{ readonly frame: Frame; readonly position: number } | null> {
    let start = at + 1
    while (start + FRAME_HEADER_BYTES <= this.#window.size) {
      const bytes = await this.#window.view(start, WINDOW_BYTES)
      // The magic "SF" stands at byte 4 of a frame.
      for (let i = bytes.indexOf(0x53, 4); i >= 0; i = bytes.indexOf(0x53, i + 1)) {
        if (bytes[i + 1] !== 0x46) continue
        const frame = this.#frameIn(bytes, i - 4, start + i - 4)
        if (frame !== null) return { frame, position: start + i - 4 }
      }
      start += Math.max(bytes.length - FRAME_HEADER_BYTES + 1, 1)
    }
    return null
  }

  /** Walks the batches of a payload without taking it into memory as a whole. */
  async #payload(frame: Frame, from: number): Promise<Payload> {
    const end = from + frame.length
    let [digest, batches, records, at] = [0, 0, 0, from]
    const invalid = (): Payload => ({ valid: false, batches, records })
    if (frame.kind !== FrameKind.append) return { valid: frame.length === 0, batches, records }
    if (end > this.#window.size) return invalid()
    while (at < end) {
      const header = await this.#window.view(at, HEADER_BYTES)
      const length = header.length < HEADER_BYTES ? 0 : batchLength(header, 0)
      if (length < HEADER_BYTES || length > Math.min(BATCH_BYTES_MAX, end - at)) return invalid()
      const batch = await this.#window.view(at, length)
      digest = crc32cRange(batch, 0, PREFIX_BYTES, digest)
      if (this.#crypto.crc32c(batch.subarray(PREFIX_BYTES)) !== crc(batch, 0)) return invalid()
      batches++
      records += int32At(batch, Field.recordCount)
      at += length
    }
    return { valid: digest === frame.digest, batches, records }
  }
}

function frameRow(frame: Frame, at: number, payload: Payload): DumpRow {
  const { kind, length, topicId, partition, epoch, baseOffset, segmentBase, position } = frame
  const append = kind === FrameKind.append
  return {
    what: 'frame',
    at,
    kind: kindNames.get(kind) ?? kind,
    topicId,
    partition,
    epoch,
    baseOffset,
    ...(append ? { batches: payload.batches, records: payload.records } : {}),
    ...(append ? { segment: segmentBase, position, bytes: length } : {}),
    durable: frame.durable,
    valid: payload.valid,
  }
}
