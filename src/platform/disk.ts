// The Disk port over node:fs, one file for Node, Deno and Bun: a directory tree with durable
// entries. Direct I/O is used where a probe read shows that the file system takes it. It knows
// nothing of what the files mean.
import * as fs from 'node:fs'
import * as fsp from 'node:fs/promises'
import * as nodePath from 'node:path'
import { assert } from '../base/assert.ts'
import { DIRECT_ALIGNMENT, pageAlignedMemory } from '../ports/disk.ts'
import type { Disk, DiskFile, OpenOptions } from '../ports/disk.ts'
import { PlatformFile } from './disk-file.ts'
import { diskError, errnoOf } from './disk-error.ts'
import { lockPath } from './process-lock.ts'

/** 0 where the system has no direct I/O (macOS, Windows). */
const O_DIRECT = fs.constants.O_DIRECT ?? 0

const flags = { read: 'r', write: 'r+', create: 'wx+' } as const

/**
 * Opens the directory `root` as a Disk, making it if it does not exist. Throws OperatingError when
 * it cannot.
 */
export const openDisk = async (root: string): Promise<Disk> => {
  const base = nodePath.resolve(root)
  try {
    const first = await fsp.mkdir(base, { recursive: true })
    if (first !== undefined) await syncChain(base, nodePath.dirname(first))
  } catch (error) {
    throw diskError(`open the directory ${base}`, error)
  }
  return new PlatformDisk(base)
}

class PlatformDisk implements Disk {
  readonly #base: string

  constructor(base: string) {
    this.#base = base
  }

  async open(path: string, options: OpenOptions): Promise<DiskFile> {
    const full = this.#full(path)
    try {
      const fd = await openDescriptor(full, flags[options.mode])
      if (options.direct !== true) return new PlatformFile({ path, full, fd, direct: false })
      // The file exists now, so that a file system without direct I/O leaves nothing half made.
      const directFd = await openDirect(full, options.mode)
      if (directFd === null) return new PlatformFile({ path, full, fd, direct: false })
      fs.closeSync(fd)
      return new PlatformFile({ path, full, fd: directFd, direct: true })
    } catch (error) {
      throw diskError(`${options.mode === 'create' ? 'create' : 'open'} ${path}`, error)
    }
  }

  async rename(from: string, to: string): Promise<void> {
    try {
      await fsp.rename(this.#full(from), this.#full(to))
    } catch (error) {
      throw diskError(`rename ${from} to ${to}`, error)
    }
  }

  async remove(path: string): Promise<void> {
    assert(path !== '' && path !== '.', 'A disk does not remove its root')
    try {
      // A file that is being made there at this moment is removed by another try.
      await fsp.rm(this.#full(path), { recursive: true, force: true, maxRetries: 3 })
    } catch (error) {
      throw diskError(`remove ${path}`, error)
    }
  }

  async makeDirectory(path: string): Promise<void> {
    try {
      await fsp.mkdir(this.#full(path), { recursive: true })
    } catch (error) {
      throw diskError(`make the directory ${path}`, error)
    }
  }

  async list(path: string): Promise<readonly string[]> {
    try {
      const entries = await fsp.readdir(this.#full(path), { withFileTypes: true })
      return entries.map((entry) => entry.name + (entry.isDirectory() ? '/' : '')).sort()
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return []
      throw diskError(`list ${path}`, error)
    }
  }

  async syncDirectory(path: string): Promise<void> {
    try {
      await syncOne(this.#full(path))
    } catch (error) {
      throw diskError(`sync the directory ${path}`, error)
    }
  }

  async freeBytes(): Promise<number> {
    try {
      const stats = await fsp.statfs(this.#base)
      return stats.bavail * stats.bsize
    } catch (error) {
      throw diskError(`measure the file system of ${this.#base}`, error)
    }
  }

  lock(path: string): Promise<() => Promise<void>> {
    return lockPath(this.#full(path))
  }

  #full(path: string): string {
    assertDiskPath(path)
    return nodePath.join(this.#base, path)
  }
}

/** Stops on a path that could leave the root. '' and '.' name the root itself. */
export const assertDiskPath = (path: string): void => {
  assert(!path.startsWith('/'), 'A disk path is relative')
  assert(!path.includes('\0') && !path.includes('\\'), 'A disk path has plain characters')
  for (const name of path.split('/')) assert(name !== '..', 'A disk path stays below its root')
}

const openDescriptor = (full: string, mode: string | number): Promise<number> =>
  new Promise((resolve, reject) => {
    fs.open(full, mode, (error, fd) => (error ? reject(error) : resolve(fd)))
  })

/** What the probe reads into; its content means nothing, so that all probes share it. */
let probeMemory: Uint8Array | null = null

/** A descriptor that bypasses the page cache, or null where there is no such thing. */
const openDirect = async (full: string, mode: OpenOptions['mode']): Promise<number | null> => {
  if (O_DIRECT === 0) return null
  const access = mode === 'read' ? fs.constants.O_RDONLY : fs.constants.O_RDWR
  let fd: number
  try {
    fd = await openDescriptor(full, access | O_DIRECT)
  } catch {
    return null
  }
  // Some file systems (FUSE, network) open with the flag and refuse the first operation.
  probeMemory ??= pageAlignedMemory(65536)
  const memory = probeMemory
  const works = await new Promise<boolean>((resolve) => {
    fs.read(fd, memory, 0, DIRECT_ALIGNMENT, 0, (error) => resolve(errnoOf(error) !== 'EINVAL'))
  })
  if (works) return fd
  fs.closeSync(fd)
  return null
}

const syncOne = async (full: string): Promise<void> => {
  const directory = await fsp.open(full, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

/** Syncs every directory from `from` up to and including its ancestor `to`. */
const syncChain = async (from: string, to: string): Promise<void> => {
  for (let at = from; ; at = nodePath.dirname(at)) {
    await syncOne(at)
    if (at === to || at === nodePath.dirname(at)) return
  }
}
