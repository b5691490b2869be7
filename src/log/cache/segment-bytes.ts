// The bytes of one segment: a file, and before it the chunks of the write cache that hold its
// newest part. Appends copy into chunks; full chunks go to the file behind the acknowledgement in
// single large direct writes; chunks stay as the hot tail until the arena wants them back. A
// partial last block is written from a copy, padded with zeros, and rewritten later. Nothing is
// written beyond `flushableTo`: the log behind the journal allows what the journal already has, so
// that a hole in the file is either in the journal or true damage. It knows nothing of batches or
// recovery.
import { assert, must } from '../../base/assert.ts'
import { OperatingError } from '../../base/errors.ts'
import { KiB, alignDown } from '../../base/units.ts'
import type { Disk } from '../../ports/disk.ts'
import { DIRECT_ALIGNMENT } from '../../ports/disk.ts'
import type { Arena, Chunk, ChunkOwner } from './arena.ts'
import type { Directories } from '../directories.ts'
import { SegmentFile } from '../segment-file.ts'
import type { SegmentPlace } from '../segment-file.ts'

/** Writes of one segment that run at the same time. */
const WRITES_IN_FLIGHT_MAX = 4

/** What the bytes of a segment need from the log they belong to. */
export interface SegmentHost {
  readonly disk: Disk
  readonly directories: Directories
  readonly arena: Arena
  /**
   * Size class that a partition's next chunk should have, given how many bytes it appended lately.
   */
  chunkClass(segment: SegmentBytes): number
  /** A write of segment bytes failed; `full` failures are retried by `retryWrites`. */
  onWriteFailure(segment: SegmentBytes, error: unknown): void
  /** Unflushed bytes have become fewer. */
  onFlushed(): void
}

/** One segment's bytes, [0, length). */
export class SegmentBytes implements ChunkOwner {
  readonly host: SegmentHost
  readonly directory: string
  readonly path: string
  /** Bytes appended. */
  length: number
  /** Bytes [0, synced) are durable in the file. */
  synced: number
  /** Chunks in ascending, gapless order; the last one ends at `length` when there are any. */
  readonly chunks: Chunk[] = []
  /** Bytes appended since the segment was opened in this process; steers chunk sizes. */
  appended = 0
  readonly #file: SegmentFile
  #inFlight = 0
  #flushableTo = Infinity
  /** How many of the oldest chunks the arena may evict. */
  #handed = 0
  #forcedTo = 0
  #failure: unknown = undefined
  #closed = false
  #waiters: { readonly to: number; readonly done: (error?: unknown) => void }[] = []
  /** The bytes of the last partial block when no chunk holds them. */
  #stub: Uint8Array | null

  constructor(
    host: SegmentHost,
    place: SegmentPlace,
    state: {
      readonly length: number
      readonly synced: number
      readonly exists: boolean
      readonly stub: Uint8Array | null
    },
  ) {
    assert(state.synced <= state.length, 'No more is durable than was appended')
    this.host = host
    this.directory = place.directory
    this.path = place.path
    this.length = state.length
    this.synced = state.synced
    this.#file = new SegmentFile(host, place, state.exists)
    this.#stub = state.stub
  }

  /** Position of the first byte that is in memory; `length` when none is. */
  get cachedFrom(): number {
    return this.chunks[0]?.position ?? this.length
  }

  /** Exclusive end of the bytes that the file has been given, whether durable or not. */
  get flushed(): number {
    for (const chunk of this.chunks) {
      if (chunk.flushed < chunk.fill) return chunk.position + chunk.flushed
    }
    return this.length
  }

  /** Why writing failed, or undefined. */
  get failure(): unknown {
    return this.#failure
  }

  /**
   * Copies `bytes` to the end. Returns false, having copied nothing, when the arena cannot take
   * them; the caller holds producers back long before that.
   */
  append(bytes: Uint8Array): boolean {
    let from = 0
    const added: Chunk[] = []
    let chunk = this.chunks.at(-1)
    let room = chunk === undefined || chunk.retired ? 0 : chunk.room
    while (room < bytes.length) {
      const next = this.#newChunk(added.length === 0 && room === 0 && this.chunks.length === 0)
      if (next === null) {
        for (const unused of added) this.host.arena.release(unused)
        return false
      }
      added.push(next)
      room += next.room
    }
    let nextAdded = 0
    while (from < bytes.length) {
      if (chunk === undefined || chunk.retired || chunk.room === 0) {
        chunk = must(added[nextAdded++], 'A chunk was taken for these bytes')
        chunk.position = this.length - chunk.fill
        assert(chunk.position % DIRECT_ALIGNMENT === 0, 'Chunks begin on a block')
        this.chunks.push(chunk)
        this.#stub = null
      }
      const count = Math.min(chunk.room, bytes.length - from)
      const part = count === bytes.length ? bytes : bytes.subarray(from, from + count)
      chunk.bytes.set(part, chunk.fill)
      chunk.fill += count
      this.length += count
      from += count
      if (chunk.room === 0) this.host.arena.retire(chunk)
    }
    this.appended += bytes.length
    this.host.arena.account(bytes.length)
    if (chunk !== undefined && (chunk.retired || nextAdded > 0)) this.#pump()
    return true
  }

  #newChunk(first: boolean): Chunk | null {
    const chunk = this.host.arena.take(this.host.chunkClass(this), this)
    if (chunk === null) return null
    const stub = first ? this.#stub : null
    if (stub !== null) {
      chunk.bytes.set(stub)
      chunk.fill = chunk.flushed = chunk.issued = stub.length
    }
    return chunk
  }

  /** No more bytes follow: the last chunk becomes evictable once it is flushed. */
  finish(): void {
    const last = this.chunks.at(-1)
    if (last !== undefined && !last.retired) {
      this.host.arena.retire(last)
      this.#handOver()
    }
    this.#pump()
  }

  /** Resolves when all bytes appended so far were given to the file. */
  flush(): Promise<void> {
    const to = this.length
    this.#forcedTo = Math.max(this.#forcedTo, to)
    return new Promise((resolve, reject) => {
      const done = (error?: unknown): void => {
        if (error === undefined) resolve()
        else
          reject(
            error instanceof Error ? error : new OperatingError('broken', 'A write failed', error),
          )
      }
      if (this.#failure !== undefined) done(this.#failure)
      else if (this.#closed) done(closed(this.path))
      else if (this.flushed >= to) resolve()
      else {
        this.#waiters.push({ to, done })
        this.#pump()
      }
    })
  }

  /** Resolves when all bytes appended so far are durable in the file. */
  async sync(): Promise<void> {
    const to = this.length
    if (this.synced >= to) return
    await this.flush()
    await this.#file.sync()
    this.synced = Math.max(this.synced, to)
  }

  /** Nothing at or behind `to` is written to the file until `allow` says so. */
  restrict(to: number): void {
    this.#flushableTo = to
  }

  /** Bytes below `to` may be written to the file. */
  allow(to: number): void {
    if (to <= this.#flushableTo) return
    this.#flushableTo = to
    this.#pump()
  }

  /** Reads from the file as many bytes as it has; throws `closed` when the segment is gone. */
  read(at: number, into: Uint8Array): Promise<number> {
    return this.#file.read(at, into)
  }

  /** Keeps the file open until the returned function is called. */
  hold(): Promise<() => void> {
    return this.#file.hold()
  }

  /** The file as something to read, for whoever knows its size: a sealed segment's sections. */
  source(size: number): {
    readonly path: string
    readonly direct: boolean
    read(at: number, into: Uint8Array): Promise<number>
    size(): Promise<number>
  } {
    return {
      path: this.path,
      direct: true,
      read: (at, into) => this.read(at, into),
      size: () => Promise.resolve(size),
    }
  }

  /** Closes the handle of a file that nobody has read since the last call. */
  async closeIdleFile(): Promise<void> {
    if (this.#inFlight === 0 && this.flushed === this.length) await this.#file.closeIdle()
  }

  /** Tries again what failed for want of room. */
  retryWrites(): void {
    if (this.#failure === undefined) return
    this.#failure = undefined
    this.#pump()
  }

  /**
   * Adds views of bytes [from, to), which must be in memory, to `parts`. With `pinned` each chunk
   * is kept until `unpin`; without, the views are valid until the caller's turn ends.
   */
  views(from: number, to: number, parts: Uint8Array[], pinned: Chunk[] | null): void {
    assert(from >= this.cachedFrom, 'Only cached bytes are viewed')
    assert(to <= this.length, 'Only appended bytes are viewed')
    let i = this.#chunkAt(from)
    let at = from
    while (at < to) {
      const chunk = must(this.chunks[i++], 'Chunks are gapless')
      const end = Math.min(to, chunk.position + chunk.fill)
      parts.push(chunk.bytes.subarray(at - chunk.position, end - chunk.position))
      if (pinned !== null) {
        this.host.arena.pin(chunk)
        pinned.push(chunk)
      }
      at = end
    }
  }

  /** The chunk that holds byte `position`, which must be cached. */
  chunkAt(position: number): Chunk {
    return must(this.chunks[this.#chunkAt(position)], 'The byte is cached')
  }

  /** Copies [at, at + into.length) from memory. */
  copy(at: number, into: Uint8Array): void {
    let i = this.#chunkAt(at)
    let done = 0
    while (done < into.length) {
      const chunk = must(this.chunks[i++], 'Chunks are gapless')
      const from = at + done - chunk.position
      const count = Math.min(chunk.fill - from, into.length - done)
      into.set(chunk.bytes.subarray(from, from + count), done)
      done += count
    }
  }

  /** Lets go of chunks that `views` pinned, also after `close`. */
  unpin(pinned: readonly Chunk[]): void {
    for (const chunk of pinned) this.host.arena.unpin(chunk)
  }

  /** Index of the chunk that holds byte `position`. */
  #chunkAt(position: number): number {
    let low = 0
    let high = this.chunks.length - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if (must(this.chunks[middle], 'chunk').position <= position) low = middle
      else high = middle - 1
    }
    return low
  }

  /** The arena has taken the oldest chunk back. */
  evict(chunk: Chunk): void {
    assert(this.chunks[0] === chunk, 'Chunks of a segment are evicted oldest first')
    this.chunks.shift()
    this.#handed--
  }

  /** Tells the arena which chunks it may take, oldest first. */
  #handOver(): void {
    for (;;) {
      const chunk = this.chunks[this.#handed]
      if (chunk === undefined || !chunk.retired || chunk.flushed < chunk.fill) return
      this.#handed++
      this.host.arena.handOver(chunk)
    }
  }

  /**
   * Lets go of all chunks when everything is flushed and unpinned, keeping only the last partial
   * block: for partitions that went quiet. Returns whether it did.
   */
  shrink(): boolean {
    const last = this.chunks.at(-1)
    if (last === undefined || last.retired) return false
    for (const chunk of this.chunks) {
      if (chunk.flushed < chunk.fill || chunk.issued > chunk.flushed) return false
    }
    const from = alignDown(last.fill, DIRECT_ALIGNMENT)
    this.#stub = from === last.fill ? null : Uint8Array.from(last.bytes.subarray(from, last.fill))
    for (const chunk of this.chunks) this.host.arena.release(chunk)
    this.chunks.length = 0
    this.#handed = 0
    return true
  }

  /** Gives back all memory and closes the file; unflushed bytes are forgotten, waiters told. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#tellWaiters(closed(this.path))
    await this.#file.close()
    for (const chunk of this.chunks) this.host.arena.release(chunk)
    this.chunks.length = 0
    this.#handed = 0
  }

  #pump(): void {
    if (this.#failure !== undefined || this.#closed) return
    for (const chunk of this.chunks) {
      if (this.#inFlight >= WRITES_IN_FLIGHT_MAX) return
      const forced = Math.min(this.#forcedTo - chunk.position, chunk.fill)
      const needed = chunk.retired ? chunk.fill : forced
      const allowed = this.#flushableTo - chunk.position
      if (needed <= chunk.flushed || chunk.issued > chunk.flushed || allowed < needed) continue
      this.#write(chunk, Math.min(chunk.fill, allowed))
    }
  }

  #write(chunk: Chunk, target: number): void {
    const { arena } = this.host
    const from = alignDown(chunk.issued, DIRECT_ALIGNMENT)
    const whole = alignDown(target, DIRECT_ALIGNMENT)
    const work: Promise<void>[] = []
    chunk.issued = target
    this.#inFlight++
    if (whole > from) {
      work.push(this.#file.write(chunk.position + from, chunk.bytes.subarray(from, whole)))
    }
    if (target > whole) {
      // Appends go on in this block while it is written, so it goes from a copy.
      const block = arena.takeBlock()
      block.fill(0).set(chunk.bytes.subarray(whole, target))
      const give = (): void => arena.giveBlock(block)
      work.push(this.#file.write(chunk.position + whole, block).finally(give))
    }
    void Promise.allSettled(work).then((outcomes) => {
      this.#inFlight--
      const failed = outcomes.find((outcome) => outcome.status === 'rejected')
      if (failed === undefined) this.#wrote(chunk, target)
      else {
        chunk.issued = chunk.flushed
        this.#fail(failed.reason)
      }
    })
  }

  #wrote(chunk: Chunk, target: number): void {
    if (this.#closed || chunk.owner !== this) return
    this.host.arena.account(chunk.flushed - target)
    chunk.flushed = target
    this.#handOver()
    const flushed = this.flushed
    const waiting = this.#waiters
    this.#waiters = []
    for (const waiter of waiting) {
      if (waiter.to <= flushed) waiter.done()
      else this.#waiters.push(waiter)
    }
    this.#pump()
    this.host.onFlushed()
  }

  #fail(error: unknown): void {
    if (this.#closed) return
    this.#failure = error
    this.#tellWaiters(error)
    this.host.onWriteFailure(this, error)
  }

  #tellWaiters(error: unknown): void {
    const waiting = this.#waiters
    this.#waiters = []
    for (const waiter of waiting) waiter.done(error)
  }
}

const closed = (path: string): OperatingError =>
  new OperatingError('closed', `Cannot use ${path}: it is closed`)

/** The largest chunk class that suits a partition which appended `bytes` lately. */
export function chunkClassFor(bytes: number): number {
  if (bytes >= 2048 * KiB) return 3
  if (bytes >= 256 * KiB) return 2
  return bytes >= 32 * KiB ? 1 : 0
}
