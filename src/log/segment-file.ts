// The file of one segment: opened when first used, made with its directories if it does not exist,
// closed when nobody has read it for a while, and never closed while an operation on it runs. It
// knows positions and bytes, not what is written there or in which order.
//
//   absent ──use──▶ open ◀──use/closeIdle──▶ resting ──close──▶ closed
import { OperatingError } from '../base/errors.ts'
import type { Disk, DiskFile } from '../ports/disk.ts'
import type { Directories } from './directories.ts'

/** Where a segment's file lies, relative to the data directory. */
export interface SegmentPlace {
  readonly directory: string
  readonly path: string
}

/** One segment file and its handle. */
export class SegmentFile {
  readonly path: string
  readonly #place: SegmentPlace
  readonly #disk: Disk
  readonly #directories: Directories
  #file: DiskFile | null = null
  #opening: Promise<DiskFile> | null = null
  #exists: boolean
  /** Whether its directory entry is durable; if it never became so, that is tried again. */
  #anchored: boolean
  #users = 0
  #usedLately = false
  #closed = false
  #whenIdle: (() => void)[] = []

  constructor(
    deps: { readonly disk: Disk; readonly directories: Directories },
    place: SegmentPlace,
    exists: boolean,
  ) {
    this.#disk = deps.disk
    this.#directories = deps.directories
    this.#place = place
    this.path = place.path
    this.#exists = exists
    this.#anchored = exists
  }

  /** Reads up to `into.length` bytes from `at`; returns how many. Aligned, as for a direct file. */
  read(at: number, into: Uint8Array): Promise<number> {
    this.#usedLately = true
    return this.#use((file) => file.read(at, into))
  }

  /** Writes all of `bytes` at `at`, both aligned; they must not change until it settles. */
  write(at: number, bytes: Uint8Array): Promise<void> {
    return this.#use((file) => file.writeBehind(at, bytes))
  }

  /** Makes what was written durable. */
  sync(): Promise<void> {
    return this.#use((file) => file.sync())
  }

  /**
   * Opens the file and keeps the handle until the returned function is called: another file is
   * about to take its name.
   */
  async hold(): Promise<() => void> {
    let letGo: () => void = () => undefined
    const held = new Promise<void>((resolve) => {
      letGo = resolve
    })
    await new Promise<void>((resolve, reject) => {
      this.#use(() => {
        resolve()
        return held
      }).catch(reject)
    })
    return letGo
  }

  /** Closes the handle if nobody has read since the last call; it opens again when used. */
  async closeIdle(): Promise<void> {
    const idle = !this.#usedLately && this.#users === 0
    this.#usedLately = false
    const file = this.#file
    if (!idle || file === null) return
    this.#file = null
    await file.close()
  }

  /** Waits for what runs and closes; whatever comes later fails with `closed`. */
  async close(): Promise<void> {
    this.#closed = true
    while (this.#users > 0) await new Promise<void>((resolve) => this.#whenIdle.push(resolve))
    const file = this.#file
    this.#file = null
    await file?.close()
  }

  async #use<T>(act: (file: DiskFile) => Promise<T>): Promise<T> {
    if (this.#closed) throw new OperatingError('closed', `Cannot use ${this.path}: it is closed`)
    this.#users++
    try {
      return await act(this.#file ?? (await this.#open()))
    } finally {
      this.#users--
      if (this.#users === 0) {
        const waiting = this.#whenIdle
        this.#whenIdle = []
        for (const done of waiting) done()
      }
    }
  }

  #open(): Promise<DiskFile> {
    this.#opening ??= this.#openOnce().then(
      (file) => {
        this.#opening = null
        this.#file = file
        return file
      },
      (error: unknown) => {
        this.#opening = null
        throw error
      },
    )
    return this.#opening
  }

  async #openOnce(): Promise<DiskFile> {
    const { directory, path } = this.#place
    if (this.#anchored) return this.#disk.open(path, { mode: 'write', direct: true })
    await this.#directories.make(directory)
    const mode = this.#exists ? 'write' : 'create'
    const file = await this.#disk.open(path, { mode, direct: true })
    this.#exists = true
    try {
      await this.#disk.syncDirectory(directory)
    } catch (error) {
      await file.close()
      throw error
    }
    this.#anchored = true
    return file
  }
}
