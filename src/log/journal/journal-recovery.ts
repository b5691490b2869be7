// What a broker does with its journal when it starts: reads the files in the order they were
// written, verifies every frame, and hands the frames of each partition to its opening. The first
// invalid frame ends the journal if nothing valid follows, or if what follows was never known to be
// durable: then it is a torn tail, whose appends were not acknowledged. Otherwise acknowledged
// bytes are damaged, and the start is refused with a sentence; nothing is touched.
import { crc32cRange } from '../../base/crc32c.ts'
import { OperatingError } from '../../base/errors.ts'
import type { Crypto } from '../../ports/crypto.ts'
import type { Disk } from '../../ports/disk.ts'
import {
  BATCH_HEADER_BYTES,
  BATCH_PREFIX_BYTES,
  batchBytesOf,
  crcOf,
} from '../segment/batch-view.ts'
import type { JournalStart } from './journal.ts'
import { JOURNAL_DIRECTORY, JournalFile, journalPath } from './journal-file.ts'
import type { FileHeader, Frame } from './journal-format.ts'
import {
  FILE_HEADER_BYTES,
  FRAME_HEADER_BYTES,
  FrameKind,
  decodeFileHeader,
  readFrameHeader,
} from './journal-format.ts'

/** One journal file as recovery found it. */
interface FoundFile {
  readonly slot: number
  readonly size: number
  /** Null for a file that was made ready and never used. */
  readonly header: FileHeader | null
}

/** What a replay did. */
export interface ReplayResult {
  readonly frames: number
  readonly bytes: number
  /** Bytes of a torn tail that were dropped. */
  readonly torn: boolean
  readonly start: JournalStart
}

/** A frame that was found valid. */
export interface ValidFrame {
  readonly frame: Frame
  readonly payload: Uint8Array
}

/** Takes the frames of one file of the journal, in order; they are borrowed until it resolves. */
export type FramesTaker = (frames: readonly ValidFrame[]) => Promise<void>

/**
 * Reads the journal of `disk` and hands `take` every valid frame, file by file, unless `skip` (a
 * clean shutdown left nothing in it). The files are handed back for reuse.
 */
export async function replayJournal(
  disk: Disk,
  crypto: Crypto,
  options: { readonly fileBytes: number; readonly skip: boolean },
  take: FramesTaker,
): Promise<ReplayResult> {
  const found = await findFiles(disk)
  const replay = new Replay(crypto, take)
  if (!options.skip) {
    for (const file of liveFiles(found)) await replay.file(disk, file)
    replay.finish()
  }
  const spare: JournalFile[] = []
  found.sort((a, b) => sequenceOf(a) - sequenceOf(b))
  for (const { slot, size, header } of found) {
    const opened = await disk.open(journalPath(slot), { mode: 'write' })
    const file = new JournalFile(slot, opened, size >= options.fileBytes)
    file.sequence = header?.fileSequence ?? 0
    file.salt = header?.salt ?? 0
    file.live = header?.free === false
    spare.push(file)
  }
  return {
    frames: replay.frames,
    bytes: replay.bytes,
    torn: replay.torn,
    start: {
      salt: randomSalt(crypto),
      inUse: [],
      spare,
      nextSlot: Math.max(-1, ...found.map((file) => file.slot)) + 1,
      nextSequence: Math.max(0, ...found.map(sequenceOf)) + 1,
      // Beyond anything written, so that positions of this run and the last never mix.
      nextPosition: Math.max(
        0,
        ...found.map(({ header, size }) => (header === null ? 0 : header.basePosition + size)),
      ),
    },
  }
}

/**
 * Hands the frames of a journal that was replayed, and not touched since, to another `take`.
 * Returns how many there were.
 */
export async function rereadJournal(
  disk: Disk,
  crypto: Crypto,
  take: FramesTaker,
): Promise<number> {
  const replay = new Replay(crypto, take)
  for (const file of liveFiles(await findFiles(disk))) await replay.file(disk, file)
  replay.finish()
  return replay.frames
}

/** A random number for the seeds of a run's frames: 32 bits, unsigned. */
export const randomSalt = (crypto: Crypto): number =>
  new DataView(Uint8Array.from(crypto.randomBytes(4)).buffer).getUint32(0)

/** The files that are needed, in the order in which they were written. */
function liveFiles(found: readonly FoundFile[]): readonly FoundFile[] {
  const live = found.filter((file) => file.header?.free === false)
  live.sort((a, b) => sequenceOf(a) - sequenceOf(b))
  const oldest = live.at(-1)?.header?.oldestLive ?? 0
  return live.filter((file) => sequenceOf(file) >= oldest)
}

const sequenceOf = (file: FoundFile): number => file.header?.fileSequence ?? 0

async function findFiles(disk: Disk): Promise<FoundFile[]> {
  const names = await disk.list(JOURNAL_DIRECTORY)
  const found: FoundFile[] = []
  for (const name of names) {
    if (!/^\d{8}\.wal$/.test(name)) continue
    const slot = Number(name.slice(0, 8))
    const file = await disk.open(journalPath(slot), { mode: 'read' })
    try {
      const head = new Uint8Array(FILE_HEADER_BYTES)
      const got = await file.read(0, head)
      found.push({ slot, size: await file.size(), header: decodeFileHeader(head.subarray(0, got)) })
    } finally {
      await file.close()
    }
  }
  return found
}

/** The state of one pass over all files. */
class Replay {
  readonly #crypto: Crypto
  readonly #take: FramesTaker
  frames = 0
  bytes = 0
  torn = false
  /** Journal position of the first invalid frame; -1 while all were valid. */
  #brokenAt = -1
  /** The file and byte of that position. */
  #brokenIn = ''
  /** The file and byte where the last file's frames ended. */
  #endedIn = ''
  /** Where the next file must go on; -1 before the first. */
  #next = -1
  /** The furthest position that any frame knew to be durable. */
  #durable = 0

  constructor(crypto: Crypto, take: FramesTaker) {
    this.#crypto = crypto
    this.#take = take
  }

  async file(disk: Disk, found: FoundFile): Promise<void> {
    const header = found.header
    if (header === null) return
    const file = await disk.open(journalPath(found.slot), { mode: 'read' })
    let bytes: Uint8Array
    try {
      bytes = new Uint8Array(found.size)
      const got = await file.read(0, bytes)
      bytes = bytes.subarray(0, got)
    } finally {
      await file.close()
    }
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    if (this.#next >= 0 && this.#next !== header.basePosition && this.#brokenAt < 0) {
      this.#brokenAt = this.#next
      this.#brokenIn = `behind ${this.#endedIn}`
      this.torn = true
    }
    const valid: ValidFrame[] = []
    let at = FILE_HEADER_BYTES
    for (;;) {
      const { salt, fileSequence } = header
      const place = { salt, fileSequence, filePosition: at }
      const frame = readFrameHeader(bytes, view, at, place)
      if (frame === null) break
      const payload = bytes.subarray(
        at + FRAME_HEADER_BYTES,
        at + FRAME_HEADER_BYTES + frame.length,
      )
      if (!payloadIsValid(this.#crypto, frame, payload)) break
      // Frames behind a torn one are not applied: their appends come after unacknowledged ones.
      if (frame.durable > this.#durable) this.#durable = frame.durable
      if (this.#brokenAt < 0) valid.push({ frame, payload })
      at += FRAME_HEADER_BYTES + frame.length
    }
    await this.#take(valid)
    this.frames += valid.length
    for (const { payload } of valid) this.bytes += payload.length
    this.#next = header.basePosition + at
    this.#endedIn = `${journalPath(found.slot)}, byte ${at}`
    this.#look(bytes, view, header, at)
  }

  /** Notes whether the file ends here, and looks for frames behind an invalid one. */
  #look(bytes: Uint8Array, view: DataView, header: FileHeader, end: number): void {
    for (let at = end; at + FRAME_HEADER_BYTES <= bytes.length; at++) {
      const magic = bytes.indexOf(0x53, at + 4)
      if (magic < 0) break
      at = magic - 4
      if (bytes[at + 5] !== 0x46) continue
      const { salt, fileSequence } = header
      const place = { salt, fileSequence, filePosition: at }
      const frame = readFrameHeader(bytes, view, at, place)
      if (frame === null) continue
      if (this.#brokenAt < 0) {
        this.#brokenAt = header.basePosition + end
        this.#brokenIn = this.#endedIn
      }
      if (frame.durable > this.#durable) this.#durable = frame.durable
      this.torn = true
      at += FRAME_HEADER_BYTES + frame.length - 1
    }
  }

  /** Refuses when something that was known to be durable is invalid. */
  finish(): void {
    if (this.#brokenAt < 0 || this.#durable <= this.#brokenAt) return
    throw new OperatingError(
      'corrupt',
      `Cannot start: the journal is damaged at position ${this.#brokenAt} (${this.#brokenIn}), ` +
        `below position ${this.#durable} that was durable, so acknowledged records would be ` +
        'missing; nothing was changed. Restore that file as it was, or the whole data directory ' +
        'from a backup; `stratalog dump` of that file shows what is left in it',
    )
  }
}

/** Whether the payload is what was written: batches whose CRCs hold and whose prefixes add up. */
export function payloadIsValid(crypto: Crypto, frame: Frame, payload: Uint8Array): boolean {
  if (payload.length !== frame.length) return false
  if (frame.kind !== FrameKind.append) return frame.length === 0
  let digest = 0
  let at = 0
  while (at < payload.length) {
    if (payload.length - at < BATCH_HEADER_BYTES) return false
    const length = batchBytesOf(payload, at)
    if (length < BATCH_HEADER_BYTES || length > payload.length - at) return false
    digest = crc32cRange(payload, at, at + BATCH_PREFIX_BYTES, digest)
    const body = payload.subarray(at + BATCH_PREFIX_BYTES, at + length)
    if (crypto.crc32c(body) !== crcOf(payload, at)) return false
    at += length
  }
  return digest === frame.digest
}
