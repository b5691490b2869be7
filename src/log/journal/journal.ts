// The one append-only log that all partitions of a broker share, so that one sync makes the
// appends of thousands of partitions durable. Frames are staged during a turn and written at its
// end in one call; a sync runs beside the turns and covers whatever was written when it began.
//
// Files have a fixed size, are filled with zeros ahead of use and are recycled once every append
// in them is durable in its segment: rewriting allocated pages is several times faster than growing
// a file. When no recycled file is ready the current one grows past its size: slower, never wrong.
// A file is marked free, durably, before it is used again: new frames under an old header would
// look like damage. Headers are made durable by themselves, without the frames behind them: those
// of topics that do not ask for a sync need never reach the device, because their segments do.
//
// A failed write or sync latches the journal: its state on the device is then unknown, so nothing
// is acknowledged any more, and the failed sync is never tried again. A write without room stalls
// it: what was staged waits, unacknowledged, and is written when there is some.
//
//   running ◀──unstall── stalled ◀──no room── running ──▶ latched        Recovery is elsewhere.
import { assert, must } from '../../base/assert.ts'
import { OperatingError } from '../../base/errors.ts'
import { MiB } from '../../base/units.ts'
import type { Disk } from '../../ports/disk.ts'
import type { JournalOwner } from './journal-file.ts'
import { JOURNAL_DIRECTORY, JournalFile, journalPath, markFree } from './journal-file.ts'
import type { Frame } from './journal-format.ts'
import { FILE_HEADER_BYTES, FRAME_HEADER_BYTES, encodeFileHeader } from './journal-format.ts'
import { StagedFrames } from './staged-frames.ts'

/** Sizes of the journal, in bytes and files. */
export interface JournalOptions {
  /** Size of one file. */
  readonly fileBytes: number
  /** Files kept ready or in use while checkpoints keep up. */
  readonly filesTarget: number
  /** Above this many files in use, producers are held back. */
  readonly filesMax: number
}

/** What the journal tells its owner. */
export interface JournalEvents {
  /** Everything below journal position `position` is durable. */
  onDurable(position: number): void
  /** The journal has failed and is latched. */
  onFailure(error: unknown): void
  /** There was no room, for another file or for what was staged: `unstall` when there may be. */
  onTrouble(error: unknown): void
  /** The current file was completed, or a file became free. */
  onRotate(): void
}

/** What recovery found, for the journal to go on from. */
export interface JournalStart {
  /** Files whose appends are not all durable elsewhere, oldest first. */
  readonly inUse: readonly JournalFile[]
  /**
   * Files to be reused, oldest first. Those that are live are freed in that order: a newer one
   * freed before an older one would be a gap, if a power cut left them so.
   */
  readonly spare: readonly JournalFile[]
  readonly nextSlot: number
  readonly nextSequence: number
  readonly nextPosition: number
  /** A random number that no earlier run has used: 32 bits, unsigned. */
  readonly salt: number
}

type FrameFields = Omit<Frame, 'topicId' | 'length' | 'durable'> & {
  readonly topicIdBytes: Uint8Array
}

/** The shared write-ahead log. */
export class Journal {
  readonly #disk: Disk
  readonly #options: JournalOptions
  readonly #events: JournalEvents
  #current: JournalFile
  readonly #full: JournalFile[] = []
  readonly #spare: JournalFile[] = []
  #nextSlot: number
  #nextSequence: number
  readonly #salt: number
  #preparing: Promise<void> | null = null
  #closed = false
  #trouble = false
  #failure: unknown = undefined

  readonly #staged = new StagedFrames()
  #stalled = false
  #fresh = true
  /** The current file's header. */
  #header: Uint8Array = new Uint8Array(0)

  #durable: number
  #syncWanted = false
  #syncing: Promise<void> | null = null
  #anchoring: Promise<void> | null = null
  #unsynced = new Set<JournalFile>()
  /** Bytes written to journal files, ever; for metrics. */
  bytesWritten = 0
  /** Syncs completed, ever; for metrics. */
  syncs = 0

  private constructor(
    disk: Disk,
    options: JournalOptions,
    events: JournalEvents,
    start: JournalStart,
    current: JournalFile,
  ) {
    this.#disk = disk
    this.#options = options
    this.#events = events
    this.#current = current
    this.#full.push(...start.inUse)
    this.#spare.push(...start.spare.filter((file) => file !== current))
    this.#nextSlot = start.nextSlot
    this.#nextSequence = start.nextSequence
    this.#salt = start.salt
    this.#durable = start.nextPosition
  }

  /** Opens the journal behind whatever recovery left. */
  static async open(
    disk: Disk,
    options: JournalOptions,
    events: JournalEvents,
    start: JournalStart,
  ): Promise<Journal> {
    await disk.makeDirectory(JOURNAL_DIRECTORY)
    await disk.syncDirectory('.')
    for (const file of start.spare) if (file.live) await markFree(file)
    let current = start.spare[0]
    let nextSlot = start.nextSlot
    if (current === undefined) {
      const file = await disk.open(journalPath(nextSlot), { mode: 'create' })
      current = new JournalFile(nextSlot, file, false)
      nextSlot++
    }
    // Also for those that were there: whoever made them may have been killed before this.
    await disk.syncDirectory(JOURNAL_DIRECTORY)
    const journal = new Journal(disk, options, events, { ...start, nextSlot }, current)
    journal.#take(current, start.nextPosition)
    journal.#prepareSpare()
    return journal
  }

  /** Journal position behind everything written. */
  get position(): number {
    return this.#current.basePosition + this.#current.at
  }

  /** Everything below this journal position is on the device. */
  get durablePosition(): number {
    return this.#durable
  }

  /** Completed files that still wait for a checkpoint, oldest first. */
  get full(): readonly JournalFile[] {
    return this.#full
  }

  /** Too many files wait for a checkpoint: hold producers back. */
  get pressed(): boolean {
    return this.#full.length >= this.#options.filesMax
  }

  /** Why the journal is latched, or undefined. */
  get failure(): unknown {
    return this.#failure
  }

  /**
   * Adds a frame to what the next `commit` writes. The parts must not change until then.
   * `ownerEnd` is the offset up to which `owner` must persist before this file is recycled.
   */
  stage(
    frame: FrameFields,
    parts: readonly Uint8Array[],
    owner: JournalOwner,
    ownerEnd: number,
  ): void {
    let length = 0
    for (const part of parts) length += part.length
    const size = FRAME_HEADER_BYTES + length
    if (this.#current.at + this.#staged.bytes + size > this.#options.fileBytes) {
      this.#rotateIfPossible()
    }
    if (this.#staged.crowded) this.commit()
    const { salt, sequence: fileSequence, at, owners } = this.#current
    const place = { salt, fileSequence, filePosition: at + this.#staged.bytes }
    this.#staged.add({ ...frame, length, durable: this.#durable }, place, parts)
    if (this.#stalled) this.#staged.own()
    owners.set(owner, ownerEnd)
  }

  /**
   * Writes what was staged to the OS; returns the journal position behind what was written. Throws
   * when latched. Without room for it the journal is stalled: look at that before acknowledging.
   */
  commit(): number {
    if (this.#failure !== undefined) {
      throw new OperatingError('broken', 'The journal has failed before', this.#failure)
    }
    const staged = this.#staged
    if (staged.bytes === 0 || this.#stalled) return this.position
    const current = this.#current
    let at = current.at
    let parts = staged.parts()
    if (this.#fresh) {
      this.#header = encodeFileHeader({
        salt: current.salt,
        fileSequence: current.sequence,
        basePosition: current.basePosition,
        oldestLive: this.#full[0]?.sequence ?? current.sequence,
        free: false,
      })
      current.live = true
      parts = [this.#header, ...parts]
      at = 0
    }
    try {
      current.file.writeNow(at, parts)
    } catch (error) {
      if (isFull(error)) {
        this.#stall(error)
        return this.position
      }
      this.#latch(error)
      throw error
    }
    this.#fresh = false
    current.at += staged.bytes
    this.bytesWritten += staged.bytes
    this.#unsynced.add(current)
    staged.clear()
    if (!current.filled) this.#rotateIfReady()
    if (!current.anchored) this.#anchor(current)
    return this.position
  }

  /**
   * A write without room is no latch, because what is on the device is known: the file as it was,
   * and behind it a part of these frames. None of them is acknowledged, a start would cut the torn
   * one, and the next try writes the same bytes to the same place.
   */
  #stall(error: unknown): void {
    this.#stalled = true
    this.#staged.own()
    this.#events.onTrouble(error)
  }

  /** There was no room for what is staged; it waits for `unstall` and a commit. */
  get stalled(): boolean {
    return this.#stalled
  }

  /** There may be room again: the next commit writes, and another file may be made. */
  unstall(): void {
    this.#stalled = false
    this.#trouble = false
  }

  /** Asks that all that is committed becomes durable; `onDurable` tells. Never blocks. */
  requestSync(): void {
    if (this.#syncing !== null) {
      this.#syncWanted = true
      return
    }
    this.#syncing = this.#sync().then(() => {
      this.#syncing = null
      if (this.#syncWanted && this.#failure === undefined) {
        this.#syncWanted = false
        this.requestSync()
      }
    })
  }

  /** Frees a completed file, once all its owners have persisted. */
  async release(file: JournalFile): Promise<void> {
    assert(this.#full[0] === file, 'Journal files are released oldest first')
    for (const [owner, end] of file.owners) assert(owner.persistedEnd >= end, 'Released too early')
    // What says that it is in use must not come after what says that it is free.
    await this.#anchoring
    try {
      await markFree(file)
    } catch (error) {
      // A file system that never overwrites needs room for this too; it is tried again.
      if (isFull(error)) throw error
      this.#latch(error)
      throw error
    }
    this.#unsynced.delete(file)
    await this.#syncing
    this.#full.shift()
    file.owners.clear()
    this.#trouble = false
    const surplus = !file.filled || this.#spare.length >= this.#options.filesTarget
    if (surplus) {
      await file.file.close()
      await this.#disk.remove(journalPath(file.slot))
    } else {
      // A file that grew past its size is cut back.
      if (file.at > this.#options.fileBytes) await file.file.truncate(this.#options.fileBytes)
      this.#spare.push(file)
    }
    this.#events.onRotate()
  }

  /** Forces the current file into the list of those a checkpoint empties. */
  seal(): void {
    this.commit()
    if (this.#current.at > FILE_HEADER_BYTES) this.#rotateIfReady()
  }

  /** The file being written, for a checkpoint that ends at a clean shutdown. */
  get current(): JournalFile {
    return this.#current
  }

  /** Waits for what runs and closes the files; nothing may be staged afterwards. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#preparing
    while (this.#syncing !== null) await this.#syncing
    await this.#anchoring
    for (const file of [this.#current, ...this.#full, ...this.#spare]) await file.file.close()
  }

  #take(file: JournalFile, position: number): void {
    file.sequence = this.#nextSequence++
    file.salt = this.#salt
    file.basePosition = position
    file.at = FILE_HEADER_BYTES
    file.owners.clear()
    file.anchored = false
    this.#fresh = true
  }

  /**
   * Makes a file's header durable. Without it the file's frames are nothing, and those of the next
   * would follow on a gap. Where there is no room for it, the next commit tries again.
   */
  #anchor(file: JournalFile): void {
    this.#anchoring ??= file.file.writeThrough(0, this.#header).then(
      () => {
        file.anchored = true
        this.#anchoring = null
      },
      (error: unknown) => {
        this.#anchoring = null
        if (isFull(error)) this.#events.onTrouble(error)
        else this.#latch(error)
      },
    )
  }

  #rotate(): void {
    assert(this.#staged.bytes === 0, 'A journal file ends with what was staged for it')
    const done = this.#current
    const next = must(this.#spare.shift(), 'A spare journal file')
    const position = this.position
    this.#full.push(done)
    this.#current = next
    this.#take(next, position)
    this.#prepareSpare()
    this.#events.onRotate()
  }

  /** Goes on in the next file if one is ready; else the current one grows while another is made. */
  #rotateIfPossible(): void {
    this.commit()
    if (this.#current.at === FILE_HEADER_BYTES) return
    if (this.#spare.length === 0) this.#prepareSpare()
    this.#rotateIfReady()
  }

  #rotateIfReady(): void {
    if (this.#stalled) return
    if (this.#spare.length > 0 && this.#current.anchored) this.#rotate()
  }

  #prepareSpare(): void {
    if (this.#preparing !== null || this.#closed || this.#trouble) return
    if (this.#spare.length > 0 || this.#full.length + 1 >= this.#options.filesMax) return
    this.#preparing = this.#fillOne().then(
      () => {
        this.#preparing = null
        this.#events.onRotate()
      },
      (error: unknown) => {
        // No room for another file: the current one goes on growing, and the disk-full rules apply.
        this.#preparing = null
        this.#trouble = true
        this.#events.onTrouble(error)
      },
    )
  }

  async #fillOne(): Promise<void> {
    const slot = this.#nextSlot++
    const file = await this.#disk.open(journalPath(slot), { mode: 'create' })
    try {
      const zeros = new Uint8Array(Math.min(MiB, this.#options.fileBytes))
      for (let at = 0; at < this.#options.fileBytes; at += MiB) {
        await file.writeBehind(at, zeros.subarray(0, Math.min(MiB, this.#options.fileBytes - at)))
        if (this.#closed) break
      }
      await file.sync()
      await this.#disk.syncDirectory(JOURNAL_DIRECTORY)
    } catch (error) {
      await file.close()
      await this.#disk.remove(journalPath(slot))
      throw error
    }
    this.#spare.push(new JournalFile(slot, file, !this.#closed))
  }

  async #sync(): Promise<void> {
    const upTo = this.position
    const files = [...this.#unsynced]
    this.#unsynced.clear()
    try {
      for (const file of files) {
        await file.file.sync()
        file.anchored = true
      }
    } catch (error) {
      this.#latch(error)
      return
    }
    this.syncs++
    this.#durable = upTo
    this.#events.onDurable(upTo)
  }

  #latch(error: unknown): void {
    if (this.#failure !== undefined) return
    this.#failure = error
    this.#events.onFailure(error)
  }
}

const isFull = (error: unknown): boolean => error instanceof OperatingError && error.kind === 'full'
