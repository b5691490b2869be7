// One file of the journal: where it lies, how far it is written, and whose appends in it must be
// durable elsewhere before it may be used again. It decides nothing; the journal does.
import type { DiskFile } from '../../ports/disk.ts'
import { FILE_HEADER_BYTES, encodeFileHeader } from './journal-format.ts'

/** Where the journal's files lie, relative to the data directory. */
export const JOURNAL_DIRECTORY = 'journal'

/** Path of a journal file by its slot number. */
export const journalPath = (slot: number): string =>
  `${JOURNAL_DIRECTORY}/${String(slot).padStart(8, '0')}.wal`

/**
 * Whoever has appends in a journal file that it must make durable elsewhere before the file is
 * recycled.
 */
export interface JournalOwner {
  /** Every append that ends at or below this offset is durable outside the journal. */
  readonly persistedEnd: number
  /** Makes everything appended so far durable outside the journal. */
  persist(): Promise<void>
}

/** One journal file. */
export class JournalFile {
  readonly slot: number
  readonly file: DiskFile
  /** Whether its blocks are allocated, so that writing does not grow it. */
  filled: boolean
  sequence = 0
  /** Random number of the run that took it into use. */
  salt = 0
  /** Whether its header says that recovery needs it. */
  live = false
  /** Whether that header is durable: only then may the next file be written. */
  anchored = false
  /** Journal position of the file's byte 0. */
  basePosition = 0
  /** Where the next frame goes, in the file. */
  at = FILE_HEADER_BYTES
  /** Owners with appends in it, and up to which offset each must have persisted. */
  readonly owners = new Map<JournalOwner, number>()

  constructor(slot: number, file: DiskFile, filled: boolean) {
    this.slot = slot
    this.file = file
    this.filled = filled
  }
}

/**
 * Says in the file's header that recovery does not need it, and makes that durable. Without room it
 * may leave a torn header, which says the same; it can be tried again.
 */
export async function markFree(file: JournalFile): Promise<void> {
  const { salt, sequence: fileSequence, basePosition } = file
  const header = { salt, fileSequence, basePosition, oldestLive: fileSequence, free: true }
  await file.file.writeThrough(0, encodeFileHeader(header))
  file.live = false
}
