// One segment of a partition's log, from its first batch to its removal: its bytes, its index while
// it is needed in memory, the sidecar that shortens recovery while it grows, and the sealed form
// that any reader of the file can use.
//
//   active ──finish──▶ finishing ──seal──▶ sealed ──remove, or retire for another──▶ removed
import { assert, must } from '../base/assert.ts'
import type { Offset } from '../base/units.ts'
import { offset } from '../base/units.ts'
import { AbortedList } from './state/aborted.ts'
import type { LogHost, PartitionIdentity } from './log-host.ts'
import { offsetName, partitionDirectory } from './log-host.ts'
import type { PartitionState } from './state/partition-state.ts'
import { SealedSegment, sealTrailer } from './segment/sealed-segment.ts'
import { SegmentBuilder } from './segment/segment-builder.ts'
import { SegmentBytes } from './cache/segment-bytes.ts'
import { FOOTER_BYTES, decodeFooter } from './segment/segment-format.ts'
import { SegmentTail } from './segment/segment-tail.ts'
import type { SparseIndex } from './segment/sparse-index.ts'
import type { DiskFile } from '../ports/disk.ts'

/** Data appended since the last sidecar checkpoint that makes another one worth its write. */
const TAIL_EVERY_BYTES = 1 << 20

/** Segments that this process has made, so that two of the same name can be told apart. */
let segmentsMade = 0

/** A segment and what is known of it. */
export class Segment {
  readonly base: Offset
  readonly bytes: SegmentBytes
  readonly aborted: AbortedList
  /** What reads of its file are remembered by: no other segment ever has the same. */
  readonly readKey: string
  readonly #host: LogHost
  #builder: SegmentBuilder | null
  #sealed: SealedSegment | null
  #tail: SegmentTail | null = null
  #tailFile: DiskFile | null = null
  #trailer: Uint8Array | null = null
  #sealing: Promise<void> | null = null
  /** When the first batch came, in wall ms; -1 before. For rolling by time. */
  firstAppendMs = -1
  #removed = false

  constructor(
    host: LogHost,
    parts: {
      readonly base: Offset
      readonly bytes: SegmentBytes
      readonly aborted: AbortedList
      readonly builder: SegmentBuilder | null
      readonly sealed: SealedSegment | null
      readonly tail: SegmentTail | null
      readonly tailFile: DiskFile | null
    },
  ) {
    assert(parts.builder !== null || parts.sealed !== null, 'A segment has an index somewhere')
    this.#host = host
    this.base = parts.base
    this.bytes = parts.bytes
    this.readKey = `${this.path}#${++segmentsMade}`
    this.aborted = parts.aborted
    this.#builder = parts.builder
    this.#sealed = parts.sealed
    this.#tail = parts.tail
    this.#tailFile = parts.tailFile
    if (parts.builder !== null && parts.builder.batchCount > 0)
      this.firstAppendMs = parts.builder.minTimestamp
  }

  /** A new, empty active segment. Nothing is on disk before its first bytes are flushed. */
  static create(host: LogHost, identity: PartitionIdentity, base: Offset): Segment {
    return new Segment(host, {
      base,
      bytes: newBytes(host, identity, base),
      aborted: new AbortedList(),
      builder: new SegmentBuilder(base, host.crypto),
      sealed: null,
      tail: null,
      tailFile: null,
    })
  }

  get sealed(): SealedSegment | null {
    return this.#sealed
  }

  /** The index while it is in memory; null for sealed segments that are not cached. */
  get index(): SparseIndex | null {
    return this.#builder?.index ?? null
  }

  /** Exclusive end of the segment's offsets. */
  get end(): Offset {
    return this.#builder?.endOffset ?? must(this.#sealed, 'sealed').footer.endOffset
  }

  /** Bytes of batches. */
  get dataLength(): number {
    return this.bytes.length
  }

  /** Largest timestamp of a record in ms; -1 when there is none. */
  get maxTimestamp(): number {
    return this.#builder?.maxTimestamp ?? must(this.#sealed, 'sealed').footer.maxTimestamp
  }

  /** Bytes that may be read from the file: what was flushed. */
  get readableFromFile(): number {
    return this.bytes.flushed
  }

  get path(): string {
    return this.bytes.path
  }

  /** Whether the trailer is fixed and no more batches are taken. */
  get finished(): boolean {
    return this.#trailer !== null || this.#sealed !== null
  }

  /** Follows a batch that was just appended to `bytes`. */
  noteBatch(batch: Uint8Array, nowMs: number): void {
    const builder = must(this.#builder, 'An active segment has its builder')
    if (this.firstAppendMs < 0) this.firstAppendMs = nowMs
    builder.append(batch, 0, batch.length)
    assert(builder.dataLength === this.bytes.length, 'The index follows the bytes')
  }

  /** Ends the segment: its trailer is fixed from the state of this moment. */
  finish(state: PartitionState): void {
    const builder = must(this.#builder, 'An active segment has its builder')
    assert(this.#trailer === null, 'A segment is finished once')
    this.bytes.finish()
    this.#trailer = Uint8Array.from(
      sealTrailer(this.#host.crypto, {
        builder,
        aborted: this.aborted,
        lineage: state.lineage.slice(this.base, builder.endOffset),
        producers: state.producers,
      }),
    )
  }

  /** Flushes the data, writes the trailer behind it and makes all of it durable. */
  seal(): Promise<void> {
    assert(this.#trailer !== null, 'A segment is finished before it is sealed')
    this.#sealing ??= this.#sealOnce(this.#trailer).then(
      () => undefined,
      (error: unknown) => {
        this.#sealing = null
        throw error
      },
    )
    return this.#sealing
  }

  async #sealOnce(trailer: Uint8Array): Promise<void> {
    const { disk, crypto } = this.#host
    await this.bytes.flush()
    // The trailer begins inside a block: it goes through the page cache, on a handle of its own.
    const file = await disk.open(this.bytes.path, { mode: 'write' })
    const size = this.bytes.length + trailer.length
    try {
      // The footer follows once all it vouches for is durable: whoever finds it may trust the rest.
      const footer = trailer.length - FOOTER_BYTES
      await file.writeBehind(this.bytes.length, trailer.subarray(0, footer))
      await file.truncate(size - FOOTER_BYTES)
      await file.sync()
      await file.writeBehind(size - FOOTER_BYTES, trailer.subarray(footer))
      await file.sync()
    } finally {
      await file.close()
    }
    this.bytes.synced = this.bytes.length
    await this.#dropTail()
    const end = trailer.subarray(Math.max(0, trailer.length - 4096))
    assert(trailer.length >= FOOTER_BYTES, 'A trailer has a footer')
    this.#sealed = new SealedSegment(
      crypto,
      this.bytes.source(size),
      this.#host.indexes,
      decodeFooter(crypto, end, size),
    )
  }

  /**
   * Makes everything appended so far durable, and leaves a checkpoint where it shortens recovery.
   */
  async persist(state: PartitionState): Promise<void> {
    if (this.#sealed !== null || this.#removed) return
    if (this.#trailer !== null) return this.seal()
    if (this.bytes.synced >= this.bytes.length) return
    const wanted = this.bytes.length - (this.#tail?.dataLength ?? 0) >= TAIL_EVERY_BYTES
    const tail = wanted ? await this.#openTail(state) : null
    // The checkpoint is taken before the sync, so that it never tells of data that is not durable.
    const sealedMeanwhile = (): boolean => this.#trailer !== null
    if (tail === null || sealedMeanwhile())
      return this.#trailer !== null ? this.seal() : this.bytes.sync()
    const checkpoint = tail.prepare(this.#tailParts(state), 'open')
    await this.bytes.sync()
    if (!sealedMeanwhile()) tail.write(checkpoint)
  }

  /** Leaves a checkpoint with an end mark: the next open scans nothing. */
  async markEnd(state: PartitionState): Promise<void> {
    if (this.#sealed !== null || this.bytes.length === 0) return
    const tail = await this.#openTail(state)
    await this.bytes.sync()
    tail.write(tail.prepare(this.#tailParts(state), 'closed'))
    await this.#tailFile?.sync()
    await this.#host.disk.syncDirectory(this.bytes.directory)
  }

  #tailParts(state: PartitionState): {
    builder: SegmentBuilder
    aborted: AbortedList
    lineage: ReturnType<PartitionState['lineage']['slice']>
    producers: PartitionState['producers']
  } {
    const builder = must(this.#builder, 'An active segment has its builder')
    const lineage = state.lineage.slice(this.base, offset(Number.MAX_SAFE_INTEGER))
    return { builder, aborted: this.aborted, lineage, producers: state.producers }
  }

  async #openTail(state: PartitionState): Promise<SegmentTail> {
    if (this.#tail !== null) return this.#tail
    const { disk, crypto } = this.#host
    await this.#host.directories.make(this.bytes.directory)
    const path = tailPath(this.bytes.path)
    await disk.remove(path)
    const file = await disk.open(path, { mode: 'create' })
    this.#tailFile = file
    this.#tail = SegmentTail.create(file, {
      crypto,
      baseOffset: this.base,
      producerLimits: state.producers.limits,
    })
    return this.#tail
  }

  async #dropTail(): Promise<void> {
    await this.#tailFile?.close()
    this.#tailFile = null
    this.#tail = null
    await this.#host.disk.remove(tailPath(this.bytes.path))
  }

  /** Position of a batch at or before the one that contains `at`. */
  async positionOf(at: Offset): Promise<number> {
    const index = await this.loadIndex()
    const entry = index.floor(at)
    return entry < 0 ? 0 : index.positionAt(entry)
  }

  /** The index, read from the file if it is not in memory. */
  async loadIndex(): Promise<SparseIndex> {
    if (this.#builder !== null) return this.#builder.index
    return (await must(this.#sealed, 'A segment without builder is sealed').load()).index
  }

  /** Lets go of the index once no bytes are cached, and of the file when nobody has read it. */
  async relax(): Promise<void> {
    if (this.#sealed === null) return
    if (this.bytes.chunks.length === 0) this.#builder = null
    await this.bytes.closeIdleFile()
  }

  /** Whether its files are gone or going. */
  get removed(): boolean {
    return this.#removed
  }

  /**
   * Closes a segment whose name another file has taken. Whoever reads it then finds the other.
   */
  async retire(): Promise<void> {
    this.#removed = true
    await this.close()
  }

  /** Closes the segment and removes its files. */
  async remove(): Promise<void> {
    this.#removed = true
    await this.close()
    await this.#host.disk.remove(this.bytes.path)
    await this.#host.disk.remove(tailPath(this.bytes.path))
  }

  /** Closes files and gives memory back. */
  async close(): Promise<void> {
    await this.bytes.close()
    await this.#sealing?.catch(() => undefined)
    this.#sealed?.close()
    this.#host.forgetReads(this.readKey)
    await this.#tailFile?.close()
    this.#tailFile = null
  }
}

/** Path of a segment's sidecar. */
export const tailPath = (segmentPath: string): string => `${segmentPath.slice(0, -4)}.tail`

/** Path of a segment file. */
export const segmentPath = (identity: PartitionIdentity, base: number): string =>
  `${partitionDirectory(identity)}/${offsetName(base)}.seg`

/** Bytes of a segment that does not exist yet. */
function newBytes(host: LogHost, identity: PartitionIdentity, base: Offset): SegmentBytes {
  return new SegmentBytes(
    host,
    { directory: partitionDirectory(identity), path: segmentPath(identity, base) },
    { length: 0, synced: 0, exists: false, stub: null },
  )
}
