// Reads batches from segment files by direct I/O, verified by CRC before anybody sees them, in
// windows of page-aligned memory from a budget of its own, so that a backfill never pushes the hot
// tail out of the write cache. A reader that goes on finds its next window already being read. How
// many read at once is bounded, and so is how many windows may wait to be sent: beyond it answers
// are copies, so that readers who never take theirs hold no windows.
import { assert, must } from '../../base/assert.ts'
import { OperatingError } from '../../base/errors.ts'
import type { Offset } from '../../base/units.ts'
import { MiB, alignDown, alignUp, offset } from '../../base/units.ts'
import { Semaphore } from '../../flow/semaphore.ts'
import type { Crypto } from '../../ports/crypto.ts'
import { DIRECT_ALIGNMENT, pageAlignedMemory } from '../../ports/disk.ts'
import {
  BATCH_HEADER_BYTES,
  BATCH_PREFIX_BYTES,
  baseOffsetOf,
  batchBytesOf,
  crcOf,
  lastOffsetDeltaOf,
} from '../segment/batch-view.ts'
import type { LogRead, ReadLimits } from './log-read.ts'
import type { Segment } from '../segment.ts'

/** Bytes read at once. */
const WINDOW_BYTES = MiB
/** Reads that may wait for their turn: more than a broker has connections. */
const WAITING_MAX = 100_000

/** A read that also tells where in the file it ended. */
export interface DiskRead extends LogRead {
  readonly endPosition: number
}

interface Window {
  readonly key: string
  readonly memory: Uint8Array
  /** Position in the file of the first byte. */
  readonly from: number
  filled: number
  ready: Promise<void>
  pins: number
  /** Not from the budget: dropped after use. */
  readonly loose: boolean
  usedAt: number
}

/** The disk lane of one broker. */
export class DiskReader {
  readonly #crypto: Crypto
  readonly #budget: number
  readonly #windows = new Map<string, Window>()
  readonly #idle: Uint8Array[] = []
  readonly #lane: Semaphore
  #allocated = 0
  /** Answers that hold a window. */
  #lent = 0
  #uses = 0
  /** Bytes read from files, for metrics. */
  bytesRead = 0

  /** `budgetBytes` of memory for windows; at least four. */
  constructor(crypto: Crypto, budgetBytes: number) {
    this.#crypto = crypto
    this.#budget = Math.max(4, Math.floor(budgetBytes / WINDOW_BYTES))
    this.#lane = new Semaphore({ unitsMax: this.#budget >> 1, waitersMax: WAITING_MAX })
  }

  /**
   * Whole batches of `segment` from the one that contains `from`; `position` is a batch boundary
   * at or before it. Throws `corrupt` when a batch fails its CRC.
   */
  read(segment: Segment, position: number, from: Offset, limits: ReadLimits): Promise<DiskRead> {
    return this.#lane.with(1, () => this.#read(segment, position, from, limits))
  }

  async #read(
    segment: Segment,
    position: number,
    from: Offset,
    limits: ReadLimits,
  ): Promise<DiskRead> {
    let limit = segment.readableFromFile
    let next = position
    let size = WINDOW_BYTES
    for (;;) {
      const window = await this.#window(segment, next, size, limit)
      let at = next - window.from
      let span: number
      try {
        // Step over batches below the one asked for.
        span = this.#check(segment, window, at)
        while (span > 0 && endOf(window.memory, at) <= from) {
          at += span
          span = this.#check(segment, window, at)
        }
        if (span > 0) return this.#collect(segment, window, at, from, limits, limit)
      } catch (error) {
        this.#unpin(window)
        throw error
      }
      const before = { next, size, limit }
      next = window.from + at
      this.#unpin(window)
      if (next - span > limit || next >= limit) {
        // What is asked for, or its end, is only in memory: have it written, then read it.
        if (next >= segment.dataLength) return emptyAt(from, next)
        await segment.bytes.flush()
        limit = segment.readableFromFile
      }
      // A batch that straddles the window's end is read from its own start, a large one whole.
      size = Math.max(WINDOW_BYTES, alignUp(DIRECT_ALIGNMENT - span, DIRECT_ALIGNMENT))
      this.forget(segment.readKey, alignDown(next, DIRECT_ALIGNMENT))
      if (before.next === next && before.size >= size && before.limit === limit) {
        throw new OperatingError('corrupt', `Cannot read a batch at ${next} of ${segment.path}`)
      }
    }
  }

  #collect(
    segment: Segment,
    window: Window,
    start: number,
    from: Offset,
    limits: ReadLimits,
    limit: number,
  ): DiskRead {
    let end = start
    let nextOffset = from
    for (;;) {
      const span = this.#spanOf(segment, window, end)
      // What is damaged is refused when it is asked for; what stands before it is served.
      if (!(span > 0) || baseOffsetOf(window.memory, end) >= limits.end) break
      const tooMuch = end + span - start > limits.maxBytes
      if (tooMuch && !(end === start && limits.atLeastOne)) break
      nextOffset = offset(endOf(window.memory, end))
      end += span
    }
    const endPosition = window.from + end
    if (end === start) {
      this.#unpin(window)
      return emptyAt(from, endPosition)
    }
    if (endPosition < limit) this.#prefetch(segment, endPosition, limit)
    const bytes = end - start
    const view = window.memory.subarray(start, end)
    if (this.#lent >= this.#budget >> 2 && !window.loose) {
      const copy = Uint8Array.from(view)
      this.#unpin(window)
      return { parts: [copy], bytes, nextOffset, endPosition, release: () => undefined }
    }
    this.#lent++
    const release = (): void => {
      this.#lent--
      this.#unpin(window)
    }
    return { parts: [view], bytes, nextOffset, endPosition, release }
  }

  /** Like `#spanOf`, but throws `corrupt` for a damaged batch. */
  #check(segment: Segment, window: Window, at: number): number {
    const span = this.#spanOf(segment, window, at)
    if (Number.isNaN(span)) throw corrupt(segment, window.from + at)
    return span
  }

  /**
   * Length of the valid batch at `at`; 0 at the window's end; minus its length when cut short; NaN
   * when it is damaged.
   */
  #spanOf(segment: Segment, window: Window, at: number): number {
    if (at + BATCH_HEADER_BYTES > window.filled)
      return at >= window.filled ? 0 : -BATCH_HEADER_BYTES
    const length = batchBytesOf(window.memory, at)
    if (length < BATCH_HEADER_BYTES || length > segment.dataLength) return NaN
    if (at + length > window.filled) return -length
    const body = window.memory.subarray(at + BATCH_PREFIX_BYTES, at + length)
    return this.#crypto.crc32c(body) === crcOf(window.memory, at) ? length : NaN
  }

  async #window(segment: Segment, position: number, size: number, limit: number): Promise<Window> {
    const found = this.#find(segment, position, size, limit)
    if (found !== null) {
      found.pins++
      await this.#ready(found)
      return found
    }
    const window = this.#start(segment, position, size, limit)
    window.pins++
    await this.#ready(window)
    return window
  }

  async #ready(window: Window): Promise<void> {
    try {
      await window.ready
    } catch (error) {
      this.#drop(window)
      this.#unpin(window)
      throw error
    }
  }

  #find(segment: Segment, position: number, size: number, limit: number): Window | null {
    const from = alignDown(position, DIRECT_ALIGNMENT)
    const window = this.#windows.get(`${segment.readKey}:${from}`)
    if (window === undefined || window.memory.length < size) return null
    // The file has grown since: what the window lacks is now there.
    if (window.filled > 0 && window.filled < window.memory.length && from + window.filled < limit) {
      this.#drop(window)
      return null
    }
    window.usedAt = ++this.#uses
    return window
  }

  #prefetch(segment: Segment, position: number, limit: number): void {
    if (this.#find(segment, position, 1, limit) !== null) return
    if (this.#allocated >= this.#budget && this.#idle.length === 0 && !this.#evictOne()) return
    const window = this.#start(segment, position, WINDOW_BYTES, limit)
    window.ready.catch(() => this.#drop(window))
  }

  #start(segment: Segment, position: number, size: number, limit: number): Window {
    const from = alignDown(position, DIRECT_ALIGNMENT)
    const loose = size > WINDOW_BYTES
    const memory = loose ? pageAlignedMemory(alignUp(size, 65536)) : this.#memory()
    const key = `${segment.readKey}:${from}`
    const window: Window = {
      key,
      memory,
      from,
      filled: 0,
      ready: Promise.resolve(),
      pins: 0,
      loose,
      usedAt: ++this.#uses,
    }
    if (!loose) this.#windows.set(key, window)
    window.ready = (async (): Promise<void> => {
      const got = await segment.bytes.read(from, memory)
      window.filled = Math.min(got, limit - from)
      this.bytesRead += got
      assert(window.filled >= 0, 'A window begins inside the readable bytes')
    })()
    return window
  }

  #memory(): Uint8Array {
    const idle = this.#idle.pop()
    if (idle !== undefined) return idle
    if (this.#allocated >= this.#budget && this.#evictOne()) {
      return must(this.#idle.pop(), 'An evicted window leaves its memory')
    }
    // Above the budget by the reads of the lane at most: few windows are held by answers.
    this.#allocated++
    return pageAlignedMemory(WINDOW_BYTES)
  }

  #evictOne(): boolean {
    let oldest: Window | null = null
    for (const window of this.#windows.values()) {
      if (window.pins > 0 || window.filled === 0) continue
      if (oldest === null || window.usedAt < oldest.usedAt) oldest = window
    }
    if (oldest === null) return false
    this.#windows.delete(oldest.key)
    this.#idle.push(oldest.memory)
    return true
  }

  #unpin(window: Window): void {
    assert(window.pins > 0, 'Only a pinned window is let go')
    window.pins--
    if (this.#windows.get(window.key) !== window && window.pins === 0 && !window.loose) {
      this.#giveBack(window.memory)
    }
  }

  /** Forgets the window of a file that begins at `from`, or all of them when it is going away. */
  forget(readKey: string, from?: number): void {
    if (from !== undefined) {
      const window = this.#windows.get(`${readKey}:${from}`)
      if (window !== undefined) this.#drop(window)
      return
    }
    for (const window of [...this.#windows.values()]) {
      if (window.key.startsWith(`${readKey}:`)) this.#drop(window)
    }
  }

  #drop(window: Window): void {
    if (this.#windows.get(window.key) !== window) return
    this.#windows.delete(window.key)
    if (window.pins === 0)
      void window.ready.catch(() => undefined).then(() => this.#giveBack(window.memory))
  }

  #giveBack(memory: Uint8Array): void {
    if (this.#allocated > this.#budget) this.#allocated--
    else this.#idle.push(memory)
  }

  /** Bytes of window memory, for metrics. */
  get memoryBytes(): number {
    return this.#allocated * WINDOW_BYTES
  }
}

/** Exclusive end of the offsets of the batch at `at`. */
const endOf = (bytes: Uint8Array, at: number): number =>
  baseOffsetOf(bytes, at) + lastOffsetDeltaOf(bytes, at) + 1

const corrupt = (segment: Segment, position: number): OperatingError =>
  new OperatingError('corrupt', `Cannot read ${segment.path}: the batch at ${position} is damaged`)

const emptyAt = (from: Offset, endPosition: number): DiskRead => ({
  parts: [],
  bytes: 0,
  nextOffset: from,
  endPosition,
  release: () => undefined,
})
