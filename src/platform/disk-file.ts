// One open file over node:fs, the same on Node, Deno and Bun. Synchronous positional writes for the
// journal, where a hop to another thread costs more than the copy into the page cache; thread-pool
// writes and reads for segments. Loops over short writes, which no runtime reports as errors.
//
//   sound ──EIO on a write, any failed sync──▶ broken        (for ever: no write, no sync after it)
//
// A failed fsync is never retried: the kernel drops the dirty pages and reports success the next
// time (the "fsyncgate" of 2018), so that a second answer would be a lie.
import * as fs from 'node:fs'
import * as fsp from 'node:fs/promises'
import { assert } from '../base/assert.ts'
import { OperatingError } from '../base/errors.ts'
import { alignDown, KiB, MiB } from '../base/units.ts'
import { DIRECT_ALIGNMENT } from '../ports/disk.ts'
import type { DiskFile } from '../ports/disk.ts'
import { diskError, errnoOf } from './disk-error.ts'

/**
 * Most buffers in one writev call: below IOV_MAX, 1024 on Linux, which two runtimes do not mind.
 */
const WRITEV_PARTS_MAX = 1000

/** Largest single read or write call: the kernel stops just below 2 GiB anyhow. */
const CALL_BYTES_MAX = 512 * MiB

/** Where writev is one call per buffer, parts are gathered in memory of this size first. */
const GATHER_BYTES = 256 * KiB

/** Deno's writev is a write per buffer (3 to 5 times slower for small parts than copying them). */
const gathers = 'Deno' in globalThis

/** Lent from one `writeNow` to the next; every use ends before its call returns. */
let gatherMemory = new Uint8Array(0)

/** Makes a write durable before it returns, without the rest of the file. Absent on Windows. */
const O_DSYNC = (fs.constants as Partial<typeof fs.constants>).O_DSYNC ?? 0

/** What a file is made of; `path` is for messages, `full` where the system finds it. */
export interface OpenFile {
  readonly path: string
  readonly full: string
  readonly fd: number
  readonly direct: boolean
}

/** A DiskFile over a file descriptor, which it owns from now on. */
export class PlatformFile implements DiskFile {
  readonly path: string
  readonly direct: boolean
  readonly #full: string
  readonly #fd: number
  #closed = false
  #running = 0
  #broken: OperatingError | null = null

  constructor(file: OpenFile) {
    this.path = file.path
    this.direct = file.direct
    this.#full = file.full
    this.#fd = file.fd
  }

  writeNow(at: number, parts: readonly Uint8Array[]): void {
    assert(!this.direct, 'writeNow is not for direct files')
    assert(Number.isSafeInteger(at) && at >= 0, 'writeNow takes a position')
    this.#mustBeSound()
    try {
      const [only] = parts
      if (parts.length === 1 && only !== undefined) this.#writeOne(at, only)
      else if (gathers) this.#writeGathered(at, parts)
      else this.#writeMany(at, parts)
    } catch (error) {
      throw this.#failed('write to', error)
    }
  }

  #writeOne(at: number, bytes: Uint8Array): void {
    let done = 0
    while (done < bytes.length) {
      const length = Math.min(bytes.length - done, CALL_BYTES_MAX)
      const count = fs.writeSync(this.#fd, bytes, done, length, at + done)
      if (count <= 0) throw stuck(this.path)
      done += count
    }
  }

  #writeMany(at: number, parts: readonly Uint8Array[]): void {
    let position = at
    let next = 0
    while (next < parts.length) {
      const group = parts.slice(next, next + WRITEV_PARTS_MAX)
      next += group.length
      let left = 0
      for (const part of group) left += part.length
      if (left === 0) continue
      let written = fs.writevSync(this.#fd, group, position)
      position += written
      left -= written
      if (left === 0) continue
      if (written <= 0) throw stuck(this.path)
      // A short write: finish this group part by part.
      for (const part of group) {
        if (written >= part.length) {
          written -= part.length
          continue
        }
        this.#writeOne(position, part.subarray(written))
        position += part.length - written
        written = 0
      }
    }
  }

  #writeGathered(at: number, parts: readonly Uint8Array[]): void {
    if (gatherMemory.length === 0) gatherMemory = new Uint8Array(GATHER_BYTES)
    let position = at
    let held = 0
    const flush = (): void => {
      this.#writeOne(position, gatherMemory.subarray(0, held))
      position += held
      held = 0
    }
    for (const part of parts) {
      if (part.length > GATHER_BYTES - held) flush()
      if (part.length > GATHER_BYTES) {
        this.#writeOne(position, part)
        position += part.length
      } else {
        gatherMemory.set(part, held)
        held += part.length
      }
    }
    flush()
  }

  writeBehind(at: number, bytes: Uint8Array): Promise<void> {
    this.#mustBeAligned(at, bytes)
    return this.#run('write to', async () => {
      this.#mustBeSound()
      let done = 0
      while (done < bytes.length) {
        const length = Math.min(bytes.length - done, CALL_BYTES_MAX)
        const count = await this.#write(bytes, done, length, at + done)
        if (count <= 0) throw stuck(this.path)
        done += count
        // A direct write must go on from an aligned position; a few bytes are written twice.
        if (this.direct && done < bytes.length) {
          const aligned = alignDown(done, DIRECT_ALIGNMENT)
          if (aligned === done - count) throw stuck(this.path)
          done = aligned
        }
      }
    })
  }

  /**
   * By a descriptor of its own, because a sync of this one would wait for all that the file has
   * dirty. Where there is none to be had, that is what is done.
   */
  async writeThrough(at: number, bytes: Uint8Array): Promise<void> {
    assert(!this.direct, 'writeThrough is not for direct files')
    assert(Number.isSafeInteger(at) && at >= 0, 'A file operation takes a position')
    await this.#run('write through to', async () => {
      this.#mustBeSound()
      const flags = fs.constants.O_WRONLY | O_DSYNC
      const through = O_DSYNC === 0 ? null : await fsp.open(this.#full, flags).catch(() => null)
      if (through === null) {
        await this.writeBehind(at, bytes)
        return this.sync()
      }
      try {
        for (let done = 0; done < bytes.length;) {
          const { bytesWritten } = await through.write(bytes, done, bytes.length - done, at + done)
          if (bytesWritten <= 0) throw stuck(this.path)
          done += bytesWritten
        }
      } catch (error) {
        // For want of room it may be tried again: unlike a sync, it then writes again.
        throw noRoom.has(errnoOf(error)) ? error : this.#break('write through to', error)
      } finally {
        await through.close()
      }
    })
  }

  #write(bytes: Uint8Array, from: number, length: number, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      fs.write(this.#fd, bytes, from, length, position, (error, count) => {
        if (error) reject(error)
        else resolve(count)
      })
    })
  }

  async read(at: number, into: Uint8Array): Promise<number> {
    this.#mustBeAligned(at, into)
    let done = 0
    await this.#run('read from', async () => {
      while (done < into.length) {
        const length = Math.min(into.length - done, CALL_BYTES_MAX)
        const count = await this.#read(into, done, length, at + done)
        done += count
        // A direct read that is not a whole number of blocks has met the end of the file.
        if (count === 0 || (this.direct && count % DIRECT_ALIGNMENT !== 0)) return
      }
    })
    return done
  }

  #read(into: Uint8Array, from: number, length: number, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      fs.read(this.#fd, into, from, length, position, (error, count) => {
        if (error) reject(error)
        else resolve(count)
      })
    })
  }

  sync(): Promise<void> {
    return this.#run('sync', () => {
      this.#mustBeSound()
      return new Promise((resolve, reject) => {
        fs.fdatasync(this.#fd, (error) => {
          if (error) reject(this.#break('sync', error))
          else if (this.#broken === null) resolve()
          else reject(this.#broken)
        })
      })
    })
  }

  truncate(size: number): Promise<void> {
    assert(Number.isSafeInteger(size) && size >= 0, 'truncate takes a size')
    return this.#run('truncate', () => {
      this.#mustBeSound()
      return new Promise((resolve, reject) => {
        fs.ftruncate(this.#fd, size, (error) => (error ? reject(error) : resolve()))
      })
    })
  }

  async size(): Promise<number> {
    let size = 0
    await this.#run('measure', () => {
      return new Promise((resolve, reject) => {
        fs.fstat(this.#fd, (error, stats) => {
          if (error) return reject(error)
          size = stats.size
          resolve()
        })
      })
    })
    return size
  }

  close(): Promise<void> {
    if (this.#closed) return Promise.resolve()
    assert(this.#running === 0, 'A file is closed while an operation on it runs')
    this.#closed = true
    return new Promise((resolve, reject) => {
      fs.close(this.#fd, (error) => {
        if (error) reject(diskError(`close ${this.path}`, error))
        else resolve()
      })
    })
  }

  async #run(action: string, operation: () => Promise<void>): Promise<void> {
    assert(!this.#closed, 'A closed file is used')
    this.#running++
    try {
      await operation()
    } catch (error) {
      throw this.#failed(action, error)
    } finally {
      this.#running--
    }
  }

  #mustBeSound(): void {
    assert(!this.#closed, 'A closed file is used')
    if (this.#broken !== null) throw this.#broken
  }

  #mustBeAligned(at: number, bytes: Uint8Array): void {
    assert(Number.isSafeInteger(at) && at >= 0, 'A file operation takes a position')
    if (!this.direct) return
    assert(at % DIRECT_ALIGNMENT === 0, 'A direct operation begins at an aligned position')
    assert(bytes.length % DIRECT_ALIGNMENT === 0, 'A direct operation has an aligned length')
    assert(bytes.byteOffset % DIRECT_ALIGNMENT === 0, 'A direct operation uses aligned memory')
  }

  #failed(action: string, error: unknown): OperatingError {
    if (errnoOf(error) !== 'EIO') return diskError(`${action} ${this.path}`, error)
    if (action !== 'read from') return this.#break(action, error)
    return new OperatingError('corrupt', `Cannot ${action} ${this.path}: EIO`, error)
  }

  #break(action: string, error: unknown): OperatingError {
    this.#broken ??= new OperatingError(
      'broken',
      `Cannot ${action} ${this.path}: ${errnoOf(error) || String(error)}`,
      error,
    )
    return this.#broken
  }
}

const noRoom = new Set(['ENOSPC', 'EDQUOT'])

const stuck = (path: string): OperatingError =>
  new OperatingError('broken', `Cannot write to ${path}: the system takes no more bytes`)
