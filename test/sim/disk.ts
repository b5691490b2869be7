// A disk in memory that behaves as badly as a real one may: nothing is durable before its sync,
// a crash leaves any legal mixture of old and new, calls take virtual time and fail on demand. The
// crash model is in disk-nodes.ts; this file is the port, the process that uses it, and its death.
import { assert, must } from '../../src/base/assert.ts'
import type { Prng } from '../../src/base/prng.ts'
import type { Disk, DiskFile, OpenOptions } from '../../src/ports/disk.ts'
import type { Scheduler } from './clock.ts'
import { DiskFaults } from './disk-faults.ts'
import type { DiskCall } from './disk-faults.ts'
import { failure, SimFile } from './disk-file.ts'
import type { FileHost } from './disk-file.ts'
import { DirectoryNode, FileNode, PAGE } from './disk-nodes.ts'
import type { Choose, Node } from './disk-nodes.ts'

/** Virtual milliseconds that calls take: uniform in [least, most). */
export interface DiskLatencies {
  readonly transferMs: readonly [number, number]
  readonly syncMs: readonly [number, number]
  readonly entriesMs: readonly [number, number]
}

/** How a simulated disk is. */
export interface SimDiskOptions {
  readonly latencies?: DiskLatencies
  readonly capacityBytes?: number
  /** Whether the file system has direct I/O. */
  readonly direct?: boolean
  /** Whether room that a crash leaves unwritten may hold other data than zeros. */
  readonly garbage?: boolean
}

const fastDevice: DiskLatencies = {
  transferMs: [0.01, 0.2],
  syncMs: [0.1, 2],
  entriesMs: [0.05, 0.5],
}

/** A Disk that one simulated process uses at a time. */
export class SimDisk implements Disk, FileHost {
  readonly faults: DiskFaults
  readonly #scheduler: Scheduler
  readonly #prng: Prng
  readonly #options: SimDiskOptions
  #root: DirectoryNode
  /** Counts lives of the process: what an earlier one began never ends. */
  #life = 0
  readonly #locks = new Set<string>()
  readonly #open = new Set<SimFile>()

  constructor(
    scheduler: Scheduler,
    prng: Prng,
    options: SimDiskOptions = {},
    root?: DirectoryNode,
  ) {
    this.#scheduler = scheduler
    this.#prng = prng
    this.#options = options
    this.#root = root ?? new DirectoryNode()
    this.faults = new DiskFaults(prng.fork())
  }

  async open(path: string, options: OpenOptions): Promise<DiskFile> {
    await this.#entries('open', path)
    const [parent, name] = this.#parent(path)
    let node = parent?.entries.get(name)
    if (options.mode === 'create') {
      if (parent === null) throw failure('absent', 'create', path, 'ENOENT')
      if (node !== undefined) throw failure('refused', 'create', path, 'EEXIST')
      node = new FileNode()
      parent.change(new Map([[name, node]]))
    }
    if (node === undefined) throw failure('absent', 'open', path, 'ENOENT')
    if (node.kind === 'directory') throw failure('refused', 'open', path, 'EISDIR')
    const direct = options.direct === true && this.#options.direct !== false
    const file = new SimFile(this, node, { path, direct, writable: options.mode !== 'read' })
    this.#open.add(file)
    return file
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#entries('entries', from)
    const [source, fromName] = this.#parent(from)
    const [target, toName] = this.#parent(to)
    const node = source?.entries.get(fromName)
    if (source === null || node === undefined) throw failure('absent', 'rename', from, 'ENOENT')
    if (target === null) throw failure('absent', 'rename', to, 'ENOENT')
    if (source === target) {
      const change = new Map<string, Node | null>([[fromName, null]])
      target.change(change.set(toName, node))
      return
    }
    target.change(new Map([[toName, node]]))
    source.change(new Map([[fromName, null]]))
  }

  async remove(path: string): Promise<void> {
    await this.#entries('entries', path)
    const [parent, name] = this.#parent(path)
    const node = parent?.entries.get(name)
    if (parent === null || node === undefined) return
    if (node.kind === 'directory') empty(node)
    parent.change(new Map([[name, null]]))
  }

  async makeDirectory(path: string): Promise<void> {
    await this.#entries('entries', path)
    let at = this.#root
    for (const name of names(path)) {
      let next = at.entries.get(name)
      if (next?.kind === 'file') throw failure('refused', 'make the directory', path, 'EEXIST')
      if (next === undefined) {
        next = new DirectoryNode()
        at.change(new Map([[name, next]]))
      }
      at = next
    }
  }

  async list(path: string): Promise<readonly string[]> {
    await this.#entries('entries', path)
    const node = this.#find(path)
    if (node === null) return []
    if (node.kind === 'file') throw failure('absent', 'list', path, 'ENOTDIR')
    return [...node.entries]
      .map(([name, entry]) => name + (entry.kind === 'directory' ? '/' : ''))
      .sort()
  }

  async syncDirectory(path: string): Promise<void> {
    const node = this.#find(path)
    if (node === null) throw failure('absent', 'sync the directory', path, 'ENOENT')
    assert(node.kind === 'directory', 'syncDirectory takes a directory')
    const succeed = node.beginSync()
    await this.delay('syncMs')
    this.strike({ kind: 'syncDirectory', path, at: 0, length: 0 }, 'sync the directory')
    succeed()
  }

  async freeBytes(): Promise<number> {
    await this.delay('entriesMs')
    return Math.max(0, (this.#options.capacityBytes ?? 2 ** 40) - this.#usedBytes())
  }

  async lock(path: string): Promise<() => Promise<void>> {
    await this.delay('entriesMs')
    if (this.#locks.has(path)) throw failure('refused', 'lock', path, 'held by process 1')
    this.#locks.add(path)
    const life = this.#life
    let held = true
    return async () => {
      if (held && life === this.#life) this.#locks.delete(path)
      held = false
    }
  }

  /** Handles that the process has not closed. */
  get openFiles(): number {
    return this.#open.size
  }

  /** Power fails: the process is dead, and the disk holds one legal state, drawn from the seed. */
  crash(): void {
    const root = this.#drawImage(this.#prng)
    this.kill()
    this.#root = root
  }

  /** The process dies, the system does not: everything written stays, nothing it awaits settles. */
  kill(): void {
    for (const file of this.#open) file.endWrites()
    this.#life++
    this.#locks.clear()
    this.#open.clear()
  }

  /**
   * Up to `count` disks as a power cut now might leave them: first everything unsynced lost, then
   * everything kept, then mixtures from the seed. This disk is left as it is.
   */
  *crashImages(count: number): Generator<SimDisk> {
    const extremes: readonly Choose[] = [() => 0, (states) => states - 1]
    for (let i = 0; i < count; i++) {
      const choose = extremes[i]
      const prng = this.#prng.fork()
      const root = choose ? this.#root.afterCrash(choose, null) : this.#drawImage(prng)
      yield new SimDisk(this.#scheduler, prng, this.#options, root)
    }
  }

  /** Flips a random bit of a file, as a medium that rots does. */
  rot(path: string, at?: number): void {
    const node = this.#find(path)
    assert(node?.kind === 'file' && node.size > 0, 'Only bytes of a file rot')
    node.flipBit(at ?? this.#prng.below(node.size), this.#prng.below(8))
    this.faults.counts.rot++
  }

  /** Whether there is such a file now, for checks that stand outside the process. */
  has(path: string): boolean {
    return this.#find(path)?.kind === 'file'
  }

  /** The bytes of a file now, for checks that stand outside the process. */
  peek(path: string): Uint8Array {
    const node = this.#find(path)
    assert(node?.kind === 'file', 'Only files are peeked at')
    const bytes = new Uint8Array(node.size)
    node.read(0, bytes)
    return bytes
  }

  /** Which life of the process this is. */
  get life(): number {
    return this.#life
  }

  /** Resolves after a drawn time; never, if the process dies meanwhile. */
  delay(kind: keyof DiskLatencies): Promise<void> {
    const [least, most] = (this.#options.latencies ?? fastDevice)[kind]
    const life = this.#life
    return new Promise((resolve) => {
      this.#scheduler.schedule(least + this.#prng.float() * (most - least), () => {
        if (life === this.#life) resolve()
      })
    })
  }

  /** Throws when a fault befalls the call; returns whether it is misdirected. */
  strike(call: DiskCall, action: string): boolean {
    const fault = this.faults.strike(call)
    const kind = call.kind === 'read' ? 'corrupt' : 'broken'
    if (fault === 'EIO') throw failure(kind, action, call.path, 'EIO')
    if (fault === 'ENOSPC') throw failure('full', action, call.path, 'ENOSPC')
    return fault === 'misdirect'
  }

  /** Bytes that a write may still allocate. */
  get room(): number {
    const capacity = this.#options.capacityBytes
    return capacity === undefined ? Infinity : capacity - this.#usedBytes()
  }

  /** An integer in [0, end). */
  draw(end: number): number {
    return this.#prng.below(end)
  }

  /** A file was closed. */
  forget(file: SimFile): void {
    this.#open.delete(file)
  }

  async #entries(kind: 'open' | 'entries', path: string): Promise<void> {
    assert(names(path).length > 0 || path === '' || path === '.', 'A path names something')
    await this.delay('entriesMs')
    this.strike({ kind, path, at: 0, length: 0 }, 'reach')
  }

  #drawImage(prng: Prng): DirectoryNode {
    // Images of different temper: nearly all lost, evenly mixed, nearly all kept.
    const bias = prng.float()
    const choose: Choose = (count) => {
      if (count === 1) return 0
      if (prng.chance(bias)) return count - 1
      return prng.below(count)
    }
    return this.#root.afterCrash(choose, this.#options.garbage === true ? prng : null)
  }

  #usedBytes(): number {
    const count = (node: Node): number => {
      if (node.kind === 'file') return node.pageCount
      let pages = 0
      for (const entry of node.entries.values()) pages += count(entry)
      return pages
    }
    return count(this.#root) * PAGE
  }

  #find(path: string): Node | null {
    let at: Node = this.#root
    for (const name of names(path)) {
      const next: Node | undefined = at.kind === 'directory' ? at.entries.get(name) : undefined
      if (next === undefined) return null
      at = next
    }
    return at
  }

  #parent(path: string): readonly [DirectoryNode | null, string] {
    const parts = names(path)
    const name = must(parts.pop(), 'A file has a name')
    const node = this.#find(parts.join('/'))
    return [node?.kind === 'directory' ? node : null, name]
  }
}

const names = (path: string): string[] => {
  assert(!path.startsWith('/'), 'A disk path is relative')
  const parts = path.split('/').filter((name) => name !== '' && name !== '.')
  assert(!parts.includes('..'), 'A disk path stays below its root')
  return parts
}

const empty = (directory: DirectoryNode): void => {
  for (const [name, node] of [...directory.entries]) {
    if (node.kind === 'directory') empty(node)
    directory.change(new Map([[name, null]]))
  }
}
