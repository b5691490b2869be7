// A Disk that lives in memory and forgets everything with the process: for embedded brokers, in
// tests of those who build on Stratalog. It holds the port's contract, is bounded like a real disk,
// and never fails otherwise; it is not the simulator, which crashes.
import { assert, must } from '../base/assert.ts'
import { OperatingError } from '../base/errors.ts'
import type { OperatingErrorKind } from '../base/errors.ts'
import type { Disk, DiskFile, OpenOptions } from '../ports/disk.ts'

/** A memory disk of at most `bytesMax` bytes of file content; beyond it writes are `full`. */
export const createMemoryDisk = (bytesMax: number): Disk => new MemoryDisk(bytesMax)

/** What all files of a disk share. */
interface Budget {
  readonly bytesMax: number
  used: number
}

type Directory = Map<string, Directory | Content>

class MemoryDisk implements Disk {
  readonly #budget: Budget
  readonly #root: Directory = new Map()
  readonly #locks = new Set<string>()

  constructor(bytesMax: number) {
    this.#budget = { bytesMax, used: 0 }
  }

  async open(path: string, options: OpenOptions): Promise<DiskFile> {
    const [parent, name] = this.#parent(path)
    let node = parent?.get(name)
    if (options.mode === 'create') {
      if (parent === null) throw failure('absent', 'create', path)
      if (node !== undefined) throw failure('refused', 'create', path)
      node = new Content(this.#budget)
      parent.set(name, node)
    }
    if (node === undefined) throw failure('absent', 'open', path)
    if (node instanceof Map) throw failure('refused', 'open', path)
    return new MemoryFile(path, node, options.mode !== 'read')
  }

  async rename(from: string, to: string): Promise<void> {
    const [source, fromName] = this.#parent(from)
    const [target, toName] = this.#parent(to)
    const node = source?.get(fromName)
    if (source === null || node === undefined) throw failure('absent', 'rename', from)
    if (target === null) throw failure('absent', 'rename', to)
    const replaced = target.get(toName)
    if (replaced instanceof Map || (replaced !== undefined && node instanceof Map)) {
      throw failure('refused', 'rename', to)
    }
    if (replaced === node) return
    replaced?.unlink()
    source.delete(fromName)
    target.set(toName, node)
  }

  async remove(path: string): Promise<void> {
    const [parent, name] = this.#parent(path)
    const node = parent?.get(name)
    if (parent === null || node === undefined) return
    parent.delete(name)
    unlink(node)
  }

  async makeDirectory(path: string): Promise<void> {
    let at = this.#root
    for (const name of names(path)) {
      const next = at.get(name) ?? (new Map() as Directory)
      if (!(next instanceof Map)) throw failure('refused', 'make the directory', path)
      at.set(name, next)
      at = next
    }
  }

  async list(path: string): Promise<readonly string[]> {
    const node = this.#directory(names(path))
    if (node === null) return []
    return [...node].map(([name, entry]) => name + (entry instanceof Map ? '/' : '')).sort()
  }

  async syncDirectory(path: string): Promise<void> {
    if (this.#directory(names(path)) === null) throw failure('absent', 'sync the directory', path)
  }

  async freeBytes(): Promise<number> {
    return this.#budget.bytesMax - this.#budget.used
  }

  async lock(path: string): Promise<() => Promise<void>> {
    if (this.#locks.has(path)) throw failure('refused', 'lock', path)
    this.#locks.add(path)
    let held = true
    return async () => {
      if (held) this.#locks.delete(path)
      held = false
    }
  }

  #directory(path: readonly string[]): Directory | null {
    let at = this.#root
    for (const name of path) {
      const next = at.get(name)
      if (!(next instanceof Map)) return null
      at = next
    }
    return at
  }

  #parent(path: string): readonly [Directory | null, string] {
    const parts = names(path)
    const name = must(parts.pop(), 'A file has a name')
    return [this.#directory(parts), name]
  }
}

/** A file's bytes. They stay readable through open files after the entry is gone. */
class Content {
  size = 0
  #bytes = new Uint8Array(0)
  #linked = true
  readonly #budget: Budget

  constructor(budget: Budget) {
    this.#budget = budget
  }

  write(at: number, part: Uint8Array, path: string): void {
    if (part.length === 0) return
    this.resize(Math.max(this.size, at + part.length), path)
    this.#bytes.set(part, at)
  }

  resize(size: number, path: string): void {
    const growth = size - this.size
    if (this.#linked) {
      if (growth > this.#budget.bytesMax - this.#budget.used)
        throw failure('full', 'write to', path)
      this.#budget.used += growth
    }
    if (size > this.#bytes.length) {
      const bytes = new Uint8Array(Math.max(size, this.#bytes.length * 2))
      bytes.set(this.#bytes.subarray(0, this.size))
      this.#bytes = bytes
    }
    if (growth < 0) this.#bytes.fill(0, size, this.size)
    this.size = size
  }

  read(at: number, into: Uint8Array): number {
    const part = this.#bytes.subarray(
      Math.min(at, this.size),
      Math.min(at + into.length, this.size),
    )
    into.set(part)
    return part.length
  }

  unlink(): void {
    assert(this.#linked, 'A file is removed once')
    this.#linked = false
    this.#budget.used -= this.size
  }
}

class MemoryFile implements DiskFile {
  readonly path: string
  readonly direct = false
  readonly #content: Content
  readonly #writable: boolean
  #closed = false

  constructor(path: string, content: Content, writable: boolean) {
    this.path = path
    this.#content = content
    this.#writable = writable
  }

  writeNow(at: number, parts: readonly Uint8Array[]): void {
    this.#mustBeOpen(at)
    if (!this.#writable) throw failure('refused', 'write to', this.path)
    let position = at
    for (const part of parts) {
      this.#content.write(position, part, this.path)
      position += part.length
    }
  }

  async writeBehind(at: number, bytes: Uint8Array): Promise<void> {
    this.writeNow(at, [bytes])
  }

  async writeThrough(at: number, bytes: Uint8Array): Promise<void> {
    this.writeNow(at, [bytes])
  }

  async read(at: number, into: Uint8Array): Promise<number> {
    this.#mustBeOpen(at)
    return this.#content.read(at, into)
  }

  async sync(): Promise<void> {
    this.#mustBeOpen(0)
  }

  async truncate(size: number): Promise<void> {
    this.#mustBeOpen(size)
    this.#content.resize(size, this.path)
  }

  async size(): Promise<number> {
    this.#mustBeOpen(0)
    return this.#content.size
  }

  async close(): Promise<void> {
    this.#closed = true
  }

  #mustBeOpen(at: number): void {
    assert(!this.#closed, 'A closed file is used')
    assert(Number.isSafeInteger(at) && at >= 0, 'A file operation takes a position')
  }
}

const unlink = (node: Directory | Content): void => {
  if (node instanceof Content) node.unlink()
  else for (const entry of node.values()) unlink(entry)
}

const names = (path: string): string[] => {
  assert(!path.startsWith('/'), 'A disk path is relative')
  const parts = path.split('/').filter((name) => name !== '' && name !== '.')
  assert(!parts.includes('..'), 'A disk path stays below its root')
  return parts
}

const whys: Readonly<Partial<Record<OperatingErrorKind, string>>> = {
  absent: 'no such file or directory',
  full: 'no room',
  refused: 'taken, or of another kind',
}

const failure = (kind: OperatingErrorKind, action: string, path: string): OperatingError =>
  new OperatingError(kind, `Cannot ${action} ${path}: ${whys[kind] ?? kind}`)
