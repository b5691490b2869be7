// A small disk in memory that can lose power: what was written and not synced survives sector by
// sector at random, directory entries survive as a random prefix of what was not synced. Operations
// can be made to fail. Enough for the raft directory; paths are flat names under directories.
import { OperatingError } from '../../src/base/errors.ts'
import type { Disk, DiskFile, OpenOptions } from '../../src/ports/disk.ts'

const SECTOR = 512

interface Inode {
  now: Uint8Array
  durable: Uint8Array
}

type Entries = Map<string, Inode>

export class CrashDisk implements Disk {
  #now: Entries = new Map()
  #durable: Entries = new Map()
  /** Directory operations not yet synced, in order. */
  #pending: { readonly directory: string; readonly apply: (entries: Entries) => void }[] = []
  syncs = 0
  /** Throws this from the next sync or write, when set. */
  failNext: Error | null = null
  /** Planted bugs: syncs of files, or of directories, that do nothing. */
  skipFileSync = false
  skipDirectorySync = false
  /** Awaited by every sync, when set. */
  gate: Promise<void> | null = null

  #check(): void {
    const failure = this.failNext
    this.failNext = null
    if (failure !== null) throw failure
  }

  async #sync(inode: Inode): Promise<void> {
    if (this.gate !== null) await this.gate
    this.#check()
    this.syncs += 1
    if (this.skipFileSync) return
    inode.durable = Uint8Array.from(inode.now)
  }

  #write(inode: Inode, at: number, bytes: Uint8Array): void {
    if (at + bytes.length > inode.now.length) {
      const grown = new Uint8Array(at + bytes.length)
      grown.set(inode.now)
      inode.now = grown
    }
    inode.now.set(bytes, at)
  }

  #change(path: string, apply: (entries: Entries) => void): void {
    apply(this.#now)
    this.#pending.push({ directory: path.split('/').slice(0, -1).join('/'), apply })
  }

  async open(path: string, options: OpenOptions): Promise<DiskFile> {
    let inode = this.#now.get(path)
    if (options.mode === 'create') {
      if (inode !== undefined) throw new OperatingError('refused', `Cannot create ${path}`)
      const fresh: Inode = { now: new Uint8Array(0), durable: new Uint8Array(0) }
      this.#change(path, (entries) => entries.set(path, fresh))
      inode = fresh
    }
    if (inode === undefined) throw new OperatingError('absent', `Cannot open ${path}`)
    return this.#file(path, inode)
  }

  #file(path: string, inode: Inode): DiskFile {
    return {
      path,
      direct: false,
      writeNow: (at, parts) => {
        this.#check()
        let position = at
        for (const part of parts) {
          this.#write(inode, position, part)
          position += part.length
        }
      },
      writeBehind: async (at, bytes) => this.#write(inode, at, bytes),
      writeThrough: () => Promise.reject(new Error('The quorum syncs whole files')),
      read: async (at, into) => {
        const found = inode.now.subarray(at, at + into.length)
        into.set(found)
        return found.length
      },
      sync: () => this.#sync(inode),
      truncate: async (size) => {
        const cut = new Uint8Array(size)
        cut.set(inode.now.subarray(0, size))
        inode.now = cut
      },
      size: async () => inode.now.length,
      close: async () => undefined,
    }
  }

  async rename(from: string, to: string): Promise<void> {
    this.#change(to, (entries) => {
      const inode = entries.get(from)
      if (inode === undefined) return
      entries.delete(from)
      entries.set(to, inode)
    })
  }

  async remove(path: string): Promise<void> {
    if (this.#now.has(path)) this.#change(path, (entries) => entries.delete(path))
  }

  async makeDirectory(): Promise<void> {}

  async list(path: string): Promise<readonly string[]> {
    const prefix = `${path}/`
    const names = [...this.#now.keys()].filter((name) => name.startsWith(prefix))
    return names.map((name) => name.slice(prefix.length)).sort()
  }

  async syncDirectory(path: string): Promise<void> {
    this.#check()
    this.syncs += 1
    if (this.skipDirectorySync) return
    for (const change of this.#pending) {
      if (change.directory === path) change.apply(this.#durable)
    }
    this.#pending = this.#pending.filter((change) => change.directory !== path)
  }

  async freeBytes(): Promise<number> {
    return 1e9
  }

  async lock(): Promise<() => Promise<void>> {
    return async () => undefined
  }

  /**
   * What comes back if power is lost now: one of the legal states, drawn from `random` in [0, 1).
   * This disk stays with whoever still writes to it.
   */
  crash(random: () => number): CrashDisk {
    const out = new CrashDisk()
    out.skipFileSync = this.skipFileSync
    out.skipDirectorySync = this.skipDirectorySync
    const keep = Math.floor(random() * (this.#pending.length + 1))
    const survivors = new Map(this.#durable)
    for (const change of this.#pending.slice(0, keep)) change.apply(survivors)
    for (const [path, inode] of survivors) {
      const size = random() < 0.5 ? inode.now.length : inode.durable.length
      const after = new Uint8Array(size)
      for (let at = 0; at < size; at += SECTOR) {
        const from = random() < 0.5 ? inode.now : inode.durable
        const sector = from.subarray(at, Math.min(at + SECTOR, size))
        after.set(sector, at)
      }
      out.put(path, after)
    }
    return out
  }

  /** The bytes of a file, to be looked at or spoiled in place. */
  bytes(path: string): Uint8Array {
    const inode = this.#now.get(path)
    if (inode === undefined) throw new Error(`No file ${path}`)
    return inode.now
  }

  /** Replaces a file. */
  put(path: string, bytes: Uint8Array): void {
    const inode = { now: Uint8Array.from(bytes), durable: Uint8Array.from(bytes) }
    this.#now.set(path, inode)
    this.#durable.set(path, inode)
  }

  /** An independent copy of what is there now, all of it durable. */
  copy(): CrashDisk {
    const out = new CrashDisk()
    for (const [path, inode] of this.#now) out.put(path, inode.now)
    return out
  }
}

/** A seeded source of floats in [0, 1), with CRC-32C beside it, as the storage needs them. */
export function testCrypto(seed: number): {
  crc32c: (bytes: Uint8Array, seed?: number) => number
  randomBytes: (count: number) => Uint8Array
  random: () => number
} {
  let state = seed >>> 0
  const random = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
  const randomBytes = (count: number): Uint8Array =>
    Uint8Array.from({ length: count }, () => Math.floor(random() * 256))
  return { crc32c, randomBytes, random }
}

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0)
  return crc >>> 0
})

/** CRC-32C continued from `seed`, as the Crypto port defines it. */
export function crc32c(bytes: Uint8Array, seed = 0): number {
  let crc = ~seed >>> 0
  for (const byte of bytes) crc = (crc >>> 8) ^ (TABLE[(crc ^ byte) & 255] as number)
  return ~crc >>> 0
}
