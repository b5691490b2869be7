// Blocks on a local disk, bounded in bytes: slots in one file, the index in memory. Blocks wait in
// a short queue and are written one at a time; what comes while it is full is not cached, so that a
// backfill leaves the disk to the log. Every hit is checked against the block's CRC: a slot that is
// stale, torn or rotten is a miss. An error of the disk turns the cache off until the next start,
// with one warning; a disk that is short of room only keeps it from growing. Neither fails a read.
//
//   open ──error of the disk──▶ off ──close()──▶ closed
//     └──────────close()─────────────────────────▲
import { assert } from '../../base/assert.ts'
import { FormatError, OperatingError } from '../../base/errors.ts'
import type { Supervisor } from '../../flow/supervisor.ts'
import type { Crypto } from '../../ports/crypto.ts'
import type { Disk } from '../../ports/disk.ts'
import type { Telemetry } from '../../ports/telemetry.ts'
import { BlockQueues } from './block-queues.ts'
import { BLOCK_BYTES_MAX } from './blocks.ts'
import type { BlockCache } from './blocks.ts'
import type { CacheCounts, CacheMetrics } from './cache-metrics.ts'
import { SlotFile } from './slot-file.ts'
import { decodeIndex, encodeIndex, INDEX_BYTES_MAX } from './slot-index.ts'
import type { SlotEntry } from './slot-index.ts'

/** What a cache on a disk is made of. */
export interface DiskBlocksOptions {
  readonly disk: Disk
  /** Directory for its files: `cache`. */
  readonly directory: string
  /** Bytes that its slots may take; rounded down to whole MiB, at least one. */
  readonly bytesMax: number
  /** Free bytes of the file system that it leaves to others. */
  readonly reserveBytes: number
  /** Blocks that may wait to be written, the one being written included. */
  readonly queueMax: number
  /** Blocks that are written between two writes of the index, which a clean stop writes too. */
  readonly indexEvery: number
  readonly crypto: Pick<Crypto, 'crc32c'>
  readonly metrics: CacheMetrics
  /** Its name in metrics. */
  readonly name: string
  readonly telemetry: Telemetry
  /** Watches the task that writes. */
  readonly supervisor: Supervisor
}

type Slot = Omit<SlotEntry, 'key' | 'kept'>

/** A block that is to be written. */
interface Waiting {
  readonly bytes: Uint8Array
  /** To be called when nobody looks at the bytes any more, if they are lent. */
  readonly done: (() => void) | undefined
}

/** Opens the cache with what it still has; one that is off if the disk does not let it. */
export async function openDiskBlocks(options: DiskBlocksOptions): Promise<DiskBlocks> {
  const blocks = new DiskBlocks(options)
  await blocks.open()
  return blocks
}

/** A BlockCache on a disk. `openDiskBlocks` makes one. */
export class DiskBlocks implements BlockCache {
  readonly #options: DiskBlocksOptions
  readonly #counts: CacheCounts
  readonly #queues: BlockQueues
  readonly #slots = new Map<string, Slot>()
  /** Blocks that wait to be written, in order; the first is being written. */
  readonly #waiting = new Map<string, Waiting>()
  /** The one that is being written. */
  #current: Waiting | null = null
  readonly #freeSlots: number[] = []
  #file: SlotFile | null = null
  #state: 'open' | 'off' | 'closed' = 'open'
  /** Slots that the file has room for, and may come to have. */
  #slotsMade = 0
  #slotsMax: number
  #writing: Promise<void> = Promise.resolve()
  #isWriting = false
  #writtenBlocks = 0

  constructor(options: DiskBlocksOptions) {
    assert(options.queueMax >= 1, 'A block may wait')
    this.#options = options
    this.#slotsMax = Math.max(1, Math.floor(options.bytesMax / BLOCK_BYTES_MAX))
    this.#queues = new BlockQueues(this.#slotsMax * BLOCK_BYTES_MAX)
    this.#counts = options.metrics.of(options.name, () => this.#queues.bytes)
  }

  /** What the cache did so far. */
  get counts(): CacheCounts {
    return this.#counts
  }

  /** Whether it caches: no error has turned it off. */
  get isOn(): boolean {
    return this.#state === 'open'
  }

  /** Bytes of the slots in use. */
  get usedBytes(): number {
    return this.#queues.bytes
  }

  /** Opens the files. Called once, before anything else. */
  async open(): Promise<void> {
    assert(this.#file === null, 'A cache is opened once')
    const { disk, directory } = this.#options
    await this.#guarded(async () => {
      const { file, slots } = await SlotFile.open(disk, `${directory}/blocks`, this.#slotsMax)
      this.#file = file
      this.#slotsMade = slots
      const entries = await this.#readIndex(slots)
      const taken = new Set(entries.map(({ slot }) => slot))
      for (const { key, slot, length, crc, kept } of entries) {
        this.#slots.set(key, { slot, length, crc })
        this.#queues.restore(key, BLOCK_BYTES_MAX, kept)
      }
      for (let slot = slots - 1; slot >= 0; slot--) {
        if (!taken.has(slot)) this.#freeSlots.push(slot)
      }
    })
  }

  async get(key: string): Promise<Uint8Array | null> {
    const waiting = this.#waiting.get(key)
    const found = waiting === undefined ? await this.#read(key) : Uint8Array.from(waiting.bytes)
    if (found === null) {
      this.#counts.misses.value++
      return null
    }
    this.#counts.hits.value++
    this.#counts.hitBytes.value += found.length
    return found
  }

  put(key: string, bytes: Uint8Array, done?: () => void): void {
    assert(bytes.length > 0, 'A block has bytes')
    assert(bytes.length <= BLOCK_BYTES_MAX, 'A block is at most 1 MiB')
    if (!this.#isWanted(key, bytes)) {
      done?.()
      return
    }
    this.#unwait(key)
    this.#waiting.set(key, { bytes, done })
    if (this.#isWriting) return
    this.#isWriting = true
    this.#writing = this.#writeAll()
    this.#options.supervisor.watch('block cache writer', this.#writing)
  }

  #isWanted(key: string, bytes: Uint8Array): boolean {
    if (this.#state !== 'open') return false
    const known = this.#slots.get(key)
    if (known?.length === bytes.length && known.crc === this.#options.crypto.crc32c(bytes)) {
      return false
    }
    this.#forget(key)
    const hasRoom = this.#waiting.size < this.#options.queueMax || this.#waiting.has(key)
    if (!hasRoom) this.#counts.refused.value++
    return hasRoom
  }

  /** Has a block wait no longer; one that is being written is let go when that has ended. */
  #unwait(key: string): void {
    const waiting = this.#waiting.get(key)
    this.#waiting.delete(key)
    if (waiting !== undefined && waiting !== this.#current) waiting.done?.()
  }

  drop(keyPrefix: string): void {
    for (const key of this.#waiting.keys()) if (key.startsWith(keyPrefix)) this.#unwait(key)
    for (const key of this.#slots.keys()) if (key.startsWith(keyPrefix)) this.#forget(key)
  }

  /** Resolves once nothing waits to be written. */
  async idle(): Promise<void> {
    while (this.#isWriting) await this.#writing
  }

  async close(): Promise<void> {
    if (this.#state === 'closed') return
    const wasOn = this.#state === 'open'
    this.#state = 'closed'
    for (const key of this.#waiting.keys()) this.#unwait(key)
    await this.#writing
    await this.#orWarn(async () => (wasOn ? this.#writeIndex() : undefined))
    await this.#orWarn(async () => this.#file?.close())
    this.#slots.clear()
    this.#queues.clear()
  }

  async #read(key: string): Promise<Uint8Array | null> {
    const slot = this.#slots.get(key)
    const file = this.#file
    if (slot === undefined || file === null || this.#state !== 'open') return null
    const bytes = await this.#guarded(() => file.read(slot.slot, slot.length))
    // Meanwhile the block may have gone, and its slot may hold another.
    if (bytes === null || this.#slots.get(key) !== slot) return null
    const sound = bytes.length === slot.length
    if (!sound || this.#options.crypto.crc32c(bytes) !== slot.crc) {
      this.#counts.torn.value++
      this.#forget(key)
      return null
    }
    this.#queues.touch(key)
    return bytes
  }

  /** Writes what waits until nothing does. */
  async #writeAll(): Promise<void> {
    for (;;) {
      const next = this.#waiting.entries().next()
      if (next.done === true || this.#state !== 'open') {
        this.#isWriting = false
        return
      }
      const [key, waiting] = next.value
      this.#current = waiting
      await this.#guarded(() => this.#writeBlock(key, waiting))
      this.#current = null
      // A block of that key may have been dropped, or replaced by another.
      if (this.#waiting.get(key) === waiting) this.#waiting.delete(key)
      waiting.done?.()
    }
  }

  async #writeBlock(key: string, waiting: Waiting): Promise<void> {
    const { bytes } = waiting
    const file = this.#file
    if (file === null) return
    const slot = await this.#takeSlot()
    if (slot === null) return
    const crc = this.#options.crypto.crc32c(bytes)
    await file.write(slot, bytes)
    if (this.#state !== 'open') return
    if (this.#waiting.get(key) !== waiting) {
      this.#freeSlots.push(slot)
      return
    }
    // Room was made when the slot was taken; a drop meanwhile has made more.
    for (const gone of this.#queues.admit(key, BLOCK_BYTES_MAX)) this.#evict(gone)
    this.#slots.set(key, { slot, length: bytes.length, crc })
    assert(this.#slots.size === this.#queues.count, 'Every block stands in a queue')
    this.#writtenBlocks++
    if (this.#writtenBlocks % this.#options.indexEvery === 0) await this.#writeIndex()
  }

  /** A slot that nobody uses; null when there is none to be had. */
  async #takeSlot(): Promise<number | null> {
    const free = this.#freeSlots.pop()
    if (free !== undefined) return free
    if (this.#slotsMade < this.#slotsMax) {
      const left = (await this.#options.disk.freeBytes()) - this.#options.reserveBytes
      if (left >= BLOCK_BYTES_MAX) return this.#slotsMade++
      this.#stopGrowing()
    }
    if (this.#slotsMax === 0) return null
    for (const gone of this.#queues.makeRoom(BLOCK_BYTES_MAX)) this.#evict(gone)
    return this.#freeSlots.pop() ?? null
  }

  /** The disk is short of room: what the cache has must do until the next start. */
  #stopGrowing(): void {
    this.#slotsMax = this.#slotsMade
    const usedBytes = this.#slotsMade * BLOCK_BYTES_MAX
    this.#options.telemetry.log('info', 'block cache stops growing', { usedBytes })
    if (usedBytes === 0) return
    for (const gone of this.#queues.shrink(usedBytes)) this.#evict(gone)
  }

  #evict(key: string): void {
    this.#counts.evictions.value++
    const slot = this.#slots.get(key)
    assert(slot !== undefined, 'What is evicted was there')
    this.#slots.delete(key)
    this.#freeSlots.push(slot.slot)
  }

  #forget(key: string): void {
    const slot = this.#slots.get(key)
    if (slot === undefined) return
    this.#slots.delete(key)
    this.#queues.remove(key)
    this.#freeSlots.push(slot.slot)
  }

  async #readIndex(slots: number): Promise<readonly SlotEntry[]> {
    const { disk, directory, crypto } = this.#options
    if (!(await disk.list(directory)).includes('index')) return []
    const file = await disk.open(`${directory}/index`, { mode: 'read' })
    try {
      const size = await file.size()
      if (size > INDEX_BYTES_MAX) return []
      const bytes = new Uint8Array(size)
      const count = await file.read(0, bytes)
      return decodeIndex(bytes.subarray(0, count), slots, crypto)
    } catch (error) {
      if (error instanceof FormatError) return []
      throw error
    } finally {
      await file.close()
    }
  }

  async #writeIndex(): Promise<void> {
    const { disk, directory, crypto } = this.#options
    const bytes = encodeIndex(this.#entries(), crypto)
    await disk.remove(`${directory}/index.new`)
    const file = await disk.open(`${directory}/index.new`, { mode: 'create' })
    try {
      await file.writeBehind(0, bytes)
    } finally {
      await file.close()
    }
    await disk.rename(`${directory}/index.new`, `${directory}/index`)
  }

  *#entries(): Generator<SlotEntry> {
    for (const { key, kept } of this.#queues.entries()) {
      const slot = this.#slots.get(key)
      assert(slot !== undefined, 'What stands in a queue has a slot')
      yield { key, kept, ...slot }
    }
  }

  /** Does something with the disk; null when that failed, which turns the cache off. */
  async #guarded<T>(act: () => Promise<T>): Promise<T | null> {
    try {
      return await act()
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error
      // Too many reads wait: a miss, no fault of the disk.
      if (error.kind !== 'retry') this.#turnOff(error)
      return null
    }
  }

  async #orWarn(act: () => Promise<void>): Promise<void> {
    try {
      await act()
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error
      this.#options.telemetry.log('warn', 'block cache was not closed cleanly', { error })
    }
  }

  #turnOff(error: OperatingError): void {
    if (this.#state !== 'open') return
    this.#state = 'off'
    this.#waiting.clear()
    this.#slots.clear()
    this.#queues.clear()
    this.#options.telemetry.log('warn', 'block cache is off', { error })
  }
}
