// What a simulated disk remembers of files and directories: what is durable, what every later
// operation changed, and which mixtures of the two a power cut may leave behind.
//
// Files: pages of 4 KiB, never changed in place, so that states share them. After a crash every
// 512-byte sector of a page holds what it held at some moment since the last sync, each sector its
// own moment: kept, lost and torn writes, in any order. The size is that of some moment too.
// Directories: every entry holds what it held at some moment since the directory's last sync; a
// file's sync says nothing of its entry. That is the weakest reading of POSIX; ext4 is kinder.
import { assert } from '../../src/base/assert.ts'
import type { Prng } from '../../src/base/prng.ts'

/** Bytes of a page of the cache, and of a sector, the unit that a device writes whole. */
export const PAGE = 4096
export const SECTOR = 512

/** Chooses among possible states: 0 is the oldest (durable), `count` - 1 the newest. */
export type Choose = (count: number) => number

type Pages = Map<number, Uint8Array>

const zeros = new Uint8Array(PAGE)

/** One change of a file that is not yet known to be durable. */
interface FileChange {
  readonly sequence: number
  /** Size of the file with it; that of a later change, once that is durable. */
  size: number
  /** Pages as they were after the change. */
  readonly pages: Pages
  /** A truncation: pages from here on are gone. */
  readonly cutFrom: number
  /** False while an asynchronous write runs: no sync may take it for written. */
  complete: boolean
}

/** A file: its content now, its durable content, and the changes in between. */
export class FileNode {
  readonly kind = 'file'
  size = 0
  #pages: Pages
  #durableSize: number
  #durablePages: Pages
  #changes: FileChange[] = []
  readonly #underWay = new Set<FileChange>()
  #sequence = 0

  constructor(pages: Pages = new Map(), size = 0) {
    this.#pages = pages
    this.#durablePages = new Map(pages)
    this.#durableSize = size
    this.size = size
  }

  /** Pages that hold data: what the file costs. */
  get pageCount(): number {
    return this.#pages.size
  }

  /** Changes that a crash may lose. */
  get unsynced(): number {
    return this.#changes.length
  }

  /** Changes the content at `at`; returns the mark that says the write is over. */
  write(at: number, bytes: Uint8Array): () => void {
    const pages: Pages = new Map()
    for (let done = 0; done < bytes.length;) {
      const index = Math.floor((at + done) / PAGE)
      const from = (at + done) % PAGE
      const count = Math.min(PAGE - from, bytes.length - done)
      const page = new Uint8Array(this.#pages.get(index) ?? zeros)
      page.set(bytes.subarray(done, done + count), from)
      pages.set(index, page)
      this.#pages.set(index, page)
      done += count
    }
    this.size = Math.max(this.size, bytes.length === 0 ? 0 : at + bytes.length)
    return this.#changed(pages, Infinity)
  }

  /** Sets the size; what was beyond it reads as zeros if the file grows again. */
  truncate(size: number): void {
    const pages: Pages = new Map()
    const cutFrom = Math.ceil(size / PAGE)
    if (size < this.size) {
      for (const index of this.#pages.keys()) if (index >= cutFrom) this.#pages.delete(index)
      const last = this.#pages.get(Math.floor(size / PAGE))
      if (size % PAGE !== 0 && last !== undefined) {
        const page = new Uint8Array(last).fill(0, size % PAGE)
        pages.set(Math.floor(size / PAGE), page)
        this.#pages.set(Math.floor(size / PAGE), page)
      }
    }
    const shrinks = size < this.size
    this.size = size
    this.#changed(pages, shrinks ? cutFrom : Infinity)()
  }

  #changed(pages: Pages, cutFrom: number): () => void {
    const sequence = ++this.#sequence
    const change: FileChange = { sequence, size: this.size, pages, cutFrom, complete: false }
    this.#changes.push(change)
    this.#underWay.add(change)
    return () => {
      this.#underWay.delete(change)
      change.complete = true
    }
  }

  /** Ends the writes of a process that has died: the system goes on with what it was given. */
  endWrites(): void {
    for (const change of this.#underWay) change.complete = true
    this.#underWay.clear()
  }

  /** Copies content from `at`; returns how many bytes there were. */
  read(at: number, into: Uint8Array): number {
    const length = Math.max(0, Math.min(into.length, this.size - at))
    for (let done = 0; done < length;) {
      const from = (at + done) % PAGE
      const count = Math.min(PAGE - from, length - done)
      const page = this.#pages.get(Math.floor((at + done) / PAGE)) ?? zeros
      into.set(page.subarray(from, from + count), done)
      done += count
    }
    return length
  }

  /** Begins a sync of the changes complete by now: returns what makes them durable, or fails. */
  beginSync(): { readonly succeed: () => void; readonly fail: () => void } {
    const caught = this.#changes.filter((change) => change.complete)
    return {
      succeed: () => this.#settle(caught),
      // The kernel has dropped the pages' dirty marks: no later sync will write them.
      fail: () => {
        for (const change of caught) change.complete = false
      },
    }
  }

  /**
   * For the write that was just begun: what makes it durable once it is over, and nothing else but
   * a size of at least `size`.
   */
  settleLast(size: number): () => void {
    const last = this.#changes.at(-1)
    assert(last !== undefined, 'A write was begun')
    return () => {
      const durable = Math.max(this.#durableSize, size)
      this.#settle([last])
      this.#durableSize = durable
    }
  }

  #settle(caught: readonly FileChange[]): void {
    const kept = new Set(this.#changes)
    for (const change of caught) {
      if (!change.complete || !kept.delete(change)) continue
      for (const index of this.#durablePages.keys()) {
        if (index >= change.cutFrom) this.#durablePages.delete(index)
      }
      for (const older of kept) {
        if (older.sequence > change.sequence) continue
        older.size = change.size
        for (const index of older.pages.keys()) {
          if (index >= change.cutFrom) older.pages.delete(index)
        }
      }
      for (const [index, page] of change.pages) {
        this.#durablePages.set(index, page)
        // An older change still under way has lost this page to a newer, durable one.
        for (const older of kept) if (older.sequence < change.sequence) older.pages.delete(index)
      }
      this.#durableSize = change.size
    }
    this.#changes = [...kept]
  }

  /** Flips one bit, in the cache and on the device. */
  flipBit(at: number, bit: number): void {
    assert(at < this.size, 'A bit rots inside a file')
    const index = Math.floor(at / PAGE)
    const flip = (page: Uint8Array | undefined): Uint8Array => {
      const copy = new Uint8Array(page ?? zeros)
      copy[at % PAGE] = (copy[at % PAGE] as number) ^ (1 << bit)
      return copy
    }
    this.#pages.set(index, flip(this.#pages.get(index)))
    this.#durablePages.set(index, flip(this.#durablePages.get(index)))
  }

  /** A state in which a crash may leave the file. */
  afterCrash(choose: Choose, garbage: Prng | null): FileNode {
    const changes = this.#changes
    const sizeAt = choose(changes.length + 1)
    const size = sizeAt === 0 ? this.#durableSize : (changes[sizeAt - 1] as FileChange).size
    const touched = new Set(this.#durablePages.keys())
    for (const change of changes) for (const index of change.pages.keys()) touched.add(index)
    const pages: Pages = new Map()
    for (const index of touched) {
      if (index * PAGE >= size) continue
      const versions = this.#versions(index)
      // Room that was allocated but not yet written may hold what others had left there.
      const fresh = versions[0] === null && index * PAGE >= this.#durableSize
      if (fresh && garbage?.chance(0.3) === true) versions[0] = garbage.bytes(PAGE)
      const page = versions.length === 1 ? versions[0] : mix(versions, choose)
      if (page !== null && page !== undefined) pages.set(index, page)
    }
    if (garbage !== null) this.#litter(pages, size, garbage)
    const last = pages.get(Math.floor(size / PAGE))
    if (last !== undefined && size % PAGE !== 0) {
      pages.set(Math.floor(size / PAGE), new Uint8Array(last).fill(0, size % PAGE))
    }
    return new FileNode(pages, size)
  }

  /** Contents of a page since the last sync, oldest first; null is a hole. */
  #versions(index: number): (Uint8Array | null)[] {
    const versions: (Uint8Array | null)[] = [this.#durablePages.get(index) ?? null]
    for (const change of this.#changes) {
      const page = change.pages.get(index)
      if (page !== undefined) versions.push(page)
      else if (index >= change.cutFrom) versions.push(null)
    }
    return versions
  }

  /** The same for pages that were never touched: holes that the grown size laid open. */
  #litter(pages: Pages, size: number, garbage: Prng): void {
    for (let index = Math.ceil(this.#durableSize / PAGE); index * PAGE < size; index++) {
      if (!pages.has(index) && garbage.chance(0.3)) pages.set(index, garbage.bytes(PAGE))
    }
  }
}

/** Takes a page from some version of it: whole, or every sector for itself. */
const mix = (versions: readonly (Uint8Array | null)[], choose: Choose): Uint8Array => {
  if (choose(2) === 0) return versions[choose(versions.length)] ?? zeros
  const page = new Uint8Array(PAGE)
  for (let from = 0; from < PAGE; from += SECTOR) {
    const version = versions[choose(versions.length)] ?? zeros
    page.set(version.subarray(from, from + SECTOR), from)
  }
  return page
}

/** A file or directory. */
export type Node = FileNode | DirectoryNode

/** One change of a directory: names and what they stand for afterwards (null: nothing). */
type EntryChange = ReadonlyMap<string, Node | null>

/** A directory: its entries now, its durable entries, and the changes in between. */
export class DirectoryNode {
  readonly kind = 'directory'
  readonly entries: Map<string, Node>
  #durable: Map<string, Node>
  #changes: EntryChange[] = []

  constructor(entries: Map<string, Node> = new Map()) {
    this.entries = entries
    this.#durable = new Map(entries)
  }

  /** Changes that a crash may lose. */
  get unsynced(): number {
    return this.#changes.length
  }

  /** Makes names stand for other nodes, in one step that a crash keeps or loses as a whole. */
  change(change: EntryChange): void {
    apply(this.entries, change)
    this.#changes.push(change)
  }

  /** Begins a sync: returns what makes the changes made by now durable. */
  beginSync(): () => void {
    const caught = [...this.#changes]
    return () => {
      const kept = new Set(this.#changes)
      for (const change of caught) if (kept.delete(change)) apply(this.#durable, change)
      this.#changes = [...kept]
    }
  }

  /** A state in which a crash may leave the directory and all below it. */
  afterCrash(choose: Choose, garbage: Prng | null): DirectoryNode {
    const names = new Map(this.#durable)
    // Each change is kept or lost for itself: the device owes them no order.
    for (const change of this.#changes) if (choose(2) === 1) apply(names, change)
    const entries = new Map<string, Node>()
    for (const [name, node] of names) entries.set(name, node.afterCrash(choose, garbage))
    return new DirectoryNode(entries)
  }
}

const apply = (entries: Map<string, Node>, change: EntryChange): void => {
  for (const [name, node] of change) {
    if (node === null) entries.delete(name)
    else entries.set(name, node)
  }
}
