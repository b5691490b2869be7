// One open file of a simulated disk: the port's contract, step by step, with time passing and
// faults striking in between. It changes a FileNode and asks its host for everything else.
import { assert } from '../../src/base/assert.ts'
import { OperatingError } from '../../src/base/errors.ts'
import { DIRECT_ALIGNMENT } from '../../src/ports/disk.ts'
import type { DiskFile } from '../../src/ports/disk.ts'
import type { DiskCall } from './disk-faults.ts'
import { PAGE } from './disk-nodes.ts'
import type { FileNode } from './disk-nodes.ts'

/** What a file needs of its disk. */
export interface FileHost {
  /** Which life of the process this is. */
  readonly life: number
  /** Bytes that a write may still allocate. */
  readonly room: number
  /** Resolves after a drawn time; never, if the process dies meanwhile. */
  delay(kind: 'transferMs' | 'syncMs' | 'entriesMs'): Promise<void>
  /** Throws when a fault befalls the call; returns whether it is misdirected. */
  strike(call: DiskCall, action: string): boolean
  /** An integer in [0, end). */
  draw(end: number): number
  /** The file was closed. */
  forget(file: SimFile): void
}

/** What a simulated file is opened as. */
export interface SimFileOptions {
  readonly path: string
  readonly direct: boolean
  readonly writable: boolean
}

/** A DiskFile of a simulated disk. */
export class SimFile implements DiskFile {
  readonly path: string
  readonly direct: boolean
  readonly #writable: boolean
  readonly #host: FileHost
  readonly #node: FileNode
  readonly #life: number
  #closed = false
  #running = 0
  #broken: OperatingError | null = null

  constructor(host: FileHost, node: FileNode, options: SimFileOptions) {
    this.#host = host
    this.#node = node
    this.#life = host.life
    this.path = options.path
    this.direct = options.direct
    this.#writable = options.writable
  }

  writeNow(at: number, parts: readonly Uint8Array[]): void {
    assert(!this.direct, 'writeNow is not for direct files')
    this.#mustBeSound()
    let position = at
    for (const part of parts) {
      this.#put(position, part)()
      position += part.length
    }
  }

  writeBehind(at: number, bytes: Uint8Array): Promise<void> {
    this.#mustBeAligned(at, bytes)
    return this.#run(async () => {
      this.#mustBeSound()
      const before = new Uint8Array(bytes)
      const complete = this.#put(at, bytes)
      await this.#host.delay('transferMs')
      const same = Buffer.compare(before, bytes) === 0
      assert(same, 'The bytes of a write do not change before it settles')
      complete()
    })
  }

  writeThrough(at: number, bytes: Uint8Array): Promise<void> {
    assert(!this.direct, 'writeThrough is not for direct files')
    return this.#run(async () => {
      this.#mustBeSound()
      const before = new Uint8Array(bytes)
      const size = at + bytes.length
      const complete = this.#put(at, bytes)
      const settle = this.#node.settleLast(size)
      await this.#host.delay('syncMs')
      assert(Buffer.compare(before, bytes) === 0, 'The bytes of a write do not change')
      const call = { kind: 'sync', path: this.path, at, length: bytes.length } as const
      try {
        this.#host.strike(call, 'write through to')
      } catch (error) {
        throw this.#latched(error)
      }
      complete()
      settle()
    })
  }

  /** Changes the file, or throws after changing a part of it; returns the mark of completion. */
  #put(at: number, bytes: Uint8Array): () => void {
    if (!this.#writable) throw failure('refused', 'write to', this.path, 'EBADF')
    const call = { kind: 'write', path: this.path, at, length: bytes.length } as const
    try {
      const needed = Math.max(0, at + bytes.length - this.#node.size)
      if (needed > this.#host.room) throw failure('full', 'write to', this.path, 'ENOSPC')
      const elsewhere = this.#host.strike(call, 'write to')
      const position = elsewhere ? this.#misdirected(at) : at
      return this.#node.write(position, bytes)
    } catch (error) {
      // Some of it may have got through before the failure.
      this.#node.write(at, bytes.subarray(0, this.#host.draw(bytes.length + 1)))()
      throw this.#latched(error)
    }
  }

  #misdirected(at: number): number {
    const pages = Math.max(1, Math.floor(this.#node.size / PAGE))
    const other = this.#host.draw(pages) * PAGE + (at % PAGE)
    return other === at ? other + PAGE : other
  }

  async read(at: number, into: Uint8Array): Promise<number> {
    this.#mustBeAligned(at, into)
    let count = 0
    await this.#run(async () => {
      await this.#host.delay('transferMs')
      const call = { kind: 'read', path: this.path, at, length: into.length } as const
      this.#host.strike(call, 'read from')
      count = this.#node.read(at, into)
    })
    return count
  }

  sync(): Promise<void> {
    return this.#run(async () => {
      this.#mustBeSound()
      const sync = this.#node.beginSync()
      await this.#host.delay('syncMs')
      try {
        this.#host.strike({ kind: 'sync', path: this.path, at: 0, length: 0 }, 'sync')
      } catch (error) {
        sync.fail()
        throw this.#latched(error)
      }
      if (this.#broken !== null) throw this.#broken
      sync.succeed()
    })
  }

  truncate(size: number): Promise<void> {
    return this.#run(async () => {
      this.#mustBeSound()
      this.#node.truncate(size)
      await this.#host.delay('entriesMs')
    })
  }

  async size(): Promise<number> {
    await this.#run(() => this.#host.delay('entriesMs'))
    return this.#node.size
  }

  async close(): Promise<void> {
    if (this.#closed) return
    assert(this.#running === 0, 'A file is closed while an operation on it runs')
    this.#closed = true
    this.#host.forget(this)
  }

  /** Its process has died. */
  endWrites(): void {
    this.#node.endWrites()
  }

  async #run(operation: () => Promise<void>): Promise<void> {
    this.#mustBeAlive()
    this.#running++
    try {
      await operation()
    } finally {
      this.#running--
    }
  }

  #mustBeAlive(): void {
    assert(this.#life === this.#host.life, 'A dead process does not act')
    assert(!this.#closed, 'A closed file is used')
  }

  #mustBeSound(): void {
    this.#mustBeAlive()
    if (this.#broken !== null) throw this.#broken
  }

  #mustBeAligned(at: number, bytes: Uint8Array): void {
    assert(Number.isSafeInteger(at) && at >= 0, 'A file operation takes a position')
    if (!this.direct) return
    assert(at % DIRECT_ALIGNMENT === 0, 'A direct operation begins at an aligned position')
    assert(bytes.length % DIRECT_ALIGNMENT === 0, 'A direct operation has an aligned length')
    assert(bytes.byteOffset % DIRECT_ALIGNMENT === 0, 'A direct operation uses aligned memory')
  }

  #latched(error: unknown): unknown {
    if (error instanceof OperatingError && error.kind === 'broken') this.#broken ??= error
    return error
  }
}

/** An OperatingError as the real disk words it. */
export const failure = (
  kind: 'absent' | 'refused' | 'broken' | 'full' | 'corrupt',
  action: string,
  path: string,
  why: string,
): OperatingError => new OperatingError(kind, `Cannot ${action} ${path}: ${why}`)
