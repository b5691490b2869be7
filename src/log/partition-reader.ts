// Reads of one partition: finds the batch that contains an offset and hands out whole batches from
// it on. Bytes in the write cache are borrowed and pinned until they were sent, or copied once
// readers have pinned as much of it as they may; what is only in a file comes through the disk
// reader. A reader that goes on where it stopped finds its place by a small table of hints.
import { assert, must } from '../base/assert.ts'
import type { Offset } from '../base/units.ts'
import { offset } from '../base/units.ts'
import type { Chunk } from './cache/arena.ts'
import { type BatchCursor } from './cache/batch-cursor.ts'
import type { DiskRead, DiskReader } from './cache/disk-reader.ts'
import type { PartitionLog } from './partition-log.ts'
import type { LogRead, ReadLimits } from './cache/log-read.ts'
import type { Segment } from './segment.ts'

/** Readers' places remembered per partition. */
const HINTS = 8

const nothing = (): void => undefined

/** An empty answer at `from`. */
export const emptyRead = (from: Offset): LogRead => ({
  parts: [],
  bytes: 0,
  nextOffset: from,
  release: nothing,
})

/** Finds and borrows batches of one partition. */
export class PartitionReader {
  readonly #log: PartitionLog
  readonly #disk: DiskReader
  readonly #cursor: BatchCursor
  readonly #hintOffsets = new Float64Array(HINTS).fill(-1)
  readonly #hintPositions = new Float64Array(HINTS)
  readonly #hintSegments: (Segment | null)[] = new Array<Segment | null>(HINTS).fill(null)
  #nextHint = 0

  constructor(log: PartitionLog, disk: DiskReader, cursor: BatchCursor) {
    this.#log = log
    this.#disk = disk
    this.#cursor = cursor
  }

  /**
   * Whole batches from the one that contains `from`, which lies in [log start, limits.end).
   * Synchronous when they are cached.
   */
  read(from: Offset, limits: ReadLimits): LogRead | Promise<LogRead> {
    assert(from >= this.#log.localStart, 'A read begins in what is here')
    if (from >= limits.end) {
      // A reader at the tail will ask for this offset again: remember where it will stand.
      const active = this.#log.active
      if (from === this.#log.nextOffset) this.#hint(from, active, active.bytes.length)
      return emptyRead(from)
    }
    const segment = this.#segmentOf(from)
    const position = this.#cachedPosition(segment, from)
    if (position < 0) return this.#fromDisk(segment, from, limits)
    return this.#fromCache(segment, position, from, limits)
  }

  /** Bytes from `from` to `end` as far as positions are known without reading; for min_bytes. */
  bytesBetween(from: Offset, end: Offset): number {
    if (from >= end) return 0
    let sum = 0
    const segments = this.#log.segments
    for (let i = segments.length - 1; i >= 0; i--) {
      const segment = must(segments[i], 'segment')
      if (segment.base >= end) continue
      const to = end >= segment.end ? segment.dataLength : this.#roughPosition(segment, end)
      const start = from <= segment.base ? 0 : this.#roughPosition(segment, from)
      sum += Math.max(to - start, 0)
      if (segment.base <= from) break
    }
    return Math.max(sum, 1)
  }

  #roughPosition(segment: Segment, at: Offset): number {
    for (let i = 0; i < HINTS; i++) {
      if (this.#hintOffsets[i] === at && this.#hintSegments[i] === segment) {
        return this.#hintPositions[i] as number
      }
    }
    if (at >= segment.end) return segment.dataLength
    const exact = this.#cachedPosition(segment, at)
    return exact >= 0 ? exact : 0
  }

  #segmentOf(at: Offset): Segment {
    const segments = this.#log.segments
    let low = 0
    let high = segments.length - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if (must(segments[middle], 'segment').base <= at) low = middle
      else high = middle - 1
    }
    return must(segments[low], 'A log has segments')
  }

  /** Position of the batch that contains `at`, or -1 when it is not in memory. */
  #cachedPosition(segment: Segment, at: Offset): number {
    const bytes = segment.bytes
    for (let i = 0; i < HINTS; i++) {
      if (this.#hintOffsets[i] === at && this.#hintSegments[i] === segment) {
        const position = this.#hintPositions[i] as number
        return position >= bytes.cachedFrom && position < bytes.length ? position : -1
      }
    }
    const index = segment.index
    if (index === null || bytes.chunks.length === 0) return -1
    const entry = index.floor(at)
    if (entry < 0) return -1
    let start = index.positionAt(entry)
    if (start < bytes.cachedFrom) {
      // The interval begins on disk; the next one may begin in memory and still lie at or below.
      if (entry + 1 >= index.length || index.offsetAt(entry + 1) > at) return -1
      start = index.positionAt(entry + 1)
      if (start < bytes.cachedFrom) return -1
    }
    const cursor = this.#cursor
    let more = cursor.seek(bytes, start)
    while (more && cursor.endOffset <= at) more = cursor.next()
    return more ? cursor.position : -1
  }

  #fromCache(segment: Segment, start: number, from: Offset, limits: ReadLimits): LogRead {
    const bytes = segment.bytes
    const cursor = this.#cursor
    const stop = start + limits.maxBytes
    let end = start
    let nextOffset = from
    const jump = this.#jump(segment, start, stop, limits.end)
    if (jump > start) end = jump
    let more = cursor.seek(bytes, end)
    if (more) nextOffset = offset(cursor.baseOffset)
    while (more && cursor.baseOffset < limits.end) {
      const after = cursor.position + cursor.length
      if (after > stop && !(end === start && limits.atLeastOne)) break
      end = after
      nextOffset = offset(cursor.endOffset)
      if (after >= stop) break
      more = cursor.next()
    }
    if (end === start) return emptyRead(from)
    this.#hint(nextOffset, segment, end)
    if (!bytes.host.arena.mayPin(end - start)) {
      // Slow readers hold their share of the cache already: this one takes a copy.
      const copy = new Uint8Array(end - start)
      bytes.copy(start, copy)
      return { parts: [copy], bytes: end - start, nextOffset, release: nothing }
    }
    const parts: Uint8Array[] = []
    const pinned: Chunk[] = []
    bytes.views(start, end, parts, pinned)
    return { parts, bytes: end - start, nextOffset, release: () => bytes.unpin(pinned) }
  }

  /**
   * The last known batch boundary that a read from `start` may reach without looking at headers.
   */
  #jump(segment: Segment, start: number, stop: number, end: Offset): number {
    const index = segment.index
    if (index === null) return -1
    let entry = index.floorPosition(Math.min(stop, segment.bytes.length))
    const bound = index.floor(end)
    if (entry > bound) entry = bound
    return entry < 0 ? -1 : Math.max(index.positionAt(entry), start)
  }

  async #fromDisk(segment: Segment, from: Offset, limits: ReadLimits): Promise<LogRead> {
    let read: DiskRead
    try {
      read = await this.#fromFile(segment, from, limits)
    } catch (error) {
      // Compaction has put another in its place, which has what is left of the same offsets.
      const replaced = segment.removed && !this.#log.closed && from >= this.#log.localStart
      if (!replaced || this.#segmentOf(from) === segment) throw error
      return this.read(from, limits)
    }
    const isEnd = read.bytes === 0 && read.endPosition >= segment.dataLength
    if (!isEnd || segment === this.#log.active) return read
    // Compaction has removed the segment's last batches: the next one is in a later segment.
    return this.read(offset(Math.max(segment.end, this.#log.localStart)), limits)
  }

  async #fromFile(segment: Segment, from: Offset, limits: ReadLimits): Promise<DiskRead> {
    const hinted = this.#hintOffsets.indexOf(from)
    const known = hinted >= 0 && this.#hintSegments[hinted] === segment
    const position = known
      ? (this.#hintPositions[hinted] as number)
      : await segment.positionOf(from)
    const read = await this.#disk.read(segment, position, from, limits)
    if (read.bytes > 0) this.#hint(read.nextOffset, segment, read.endPosition)
    return read
  }

  #hint(at: Offset, segment: Segment, position: number): void {
    // The next segment's first batch is found by its base; a hint at the end of one is useless.
    if (segment !== this.#log.active && position >= segment.dataLength) return
    let slot = this.#hintOffsets.indexOf(at)
    if (slot < 0) {
      slot = this.#nextHint
      this.#nextHint = (slot + 1) % HINTS
    }
    this.#hintOffsets[slot] = at
    this.#hintPositions[slot] = position
    this.#hintSegments[slot] = segment
  }
}
