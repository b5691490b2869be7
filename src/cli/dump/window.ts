// A file read front to back through one buffer: what `dump` needs to print files larger than
// memory. A view is good until the next one is asked for. It knows no format.
import { basename, dirname } from 'node:path'
import { FormatError, OperatingError } from '../../base/errors.ts'
import { openDisk } from '../../platform/disk.ts'
import type { DiskFile } from '../../ports/disk.ts'

/** Bytes read at once. */
export const WINDOW_BYTES = 1 << 20

/** An open file and the part of it that was read last. */
export class FileWindow {
  readonly file: DiskFile
  /** Bytes of the file when it was opened; what is appended later is not shown. */
  readonly size: number
  #buffer = new Uint8Array(WINDOW_BYTES)
  #start = 0
  #filled = 0

  private constructor(file: DiskFile, size: number) {
    this.file = file
    this.size = size
  }

  /** Opens the file at `path` for reading. Throws OperatingError when it cannot. */
  static async open(path: string): Promise<FileWindow> {
    const disk = await openDisk(dirname(path))
    const file = await disk.open(basename(path), { mode: 'read' })
    return new FileWindow(file, await file.size())
  }

  /**
   * Bytes `[at, at + length)` of the file, fewer where it ends: borrowed until the next call. Takes
   * as much memory as it is asked for, so the caller bounds `length`.
   */
  async view(at: number, length: number): Promise<Uint8Array> {
    const end = Math.min(at + length, this.size)
    if (end <= at) return new Uint8Array(0)
    if (at < this.#start || end > this.#start + this.#filled) {
      const room = Math.max(end - at, WINDOW_BYTES)
      if (room !== this.#buffer.length) this.#buffer = new Uint8Array(room)
      this.#start = at
      this.#filled = await this.file.read(at, this.#buffer)
    }
    return this.#buffer.subarray(at - this.#start, Math.min(end - this.#start, this.#filled))
  }

  /** Closes the file. */
  close(): Promise<void> {
    return this.file.close()
  }
}

/** Bytes that are wrong, and bytes of a version that this one cannot read. */
const DAMAGE_KINDS: readonly string[] = ['corrupt', 'refused']

/** What `run` gives, or the error by which it says that bytes are damaged. */
export async function attempt<T>(
  run: () => T | Promise<T>,
): Promise<T | FormatError | OperatingError> {
  try {
    return await run()
  } catch (error) {
    if (error instanceof FormatError) return error
    if (error instanceof OperatingError && DAMAGE_KINDS.includes(error.kind)) return error
    throw error
  }
}

/** True for what `attempt` gives when it failed. */
export const isDamage = (value: unknown): value is FormatError | OperatingError =>
  value instanceof FormatError || value instanceof OperatingError
