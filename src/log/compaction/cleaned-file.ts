// The new file of a group of segments while it is written: `<base>.cleaned` beside them, batches
// from byte 0 on, then a trailer like that of any sealed segment. It is durable before it gets the
// name of the first of them. What is left of one that was not finished is worth nothing.
import { assert, must } from '../../base/assert.ts'
import { MiB, leaderEpoch } from '../../base/units.ts'
import type { LeaderEpoch, Offset } from '../../base/units.ts'
import type { DiskFile } from '../../ports/disk.ts'
import type { LogHost, PartitionIdentity } from '../log-host.ts'
import { partitionDirectory } from '../log-host.ts'
import { Segment, segmentPath } from '../segment.ts'
import { SegmentBytes } from '../cache/segment-bytes.ts'
import { SealedSegment, sealTrailer } from '../segment/sealed-segment.ts'
import { SegmentBuilder } from '../segment/segment-builder.ts'
import { decodeFooter } from '../segment/segment-format.ts'
import { AbortedList } from '../state/aborted.ts'
import { Lineage } from '../state/lineage.ts'
import { PRODUCERS_MAX } from '../state/partition-state.ts'

/** Bytes gathered before they are written. */
const PIECE_BYTES: number = MiB / 2

/** Ending of the names of files that are being written. */
const SUFFIX = '.cleaned'

/** Whether a name in a partition's directory is that of a file that was never finished. */
export const isUnfinished = (name: string): boolean => /^\d{20}\.cleaned$/.test(name)

/** A compacted segment in the making. One writer. */
export class CleanedFile {
  readonly path: string
  /** The name that the file gets in the end. */
  readonly target: string
  /** Bytes written so far. */
  bytesWritten = 0
  readonly #host: LogHost
  readonly #identity: PartitionIdentity
  readonly #sources: readonly Segment[]
  readonly #builder: SegmentBuilder
  #file: DiskFile | null = null
  #piece: Uint8Array = new Uint8Array(0)
  #filled = 0

  /** `sources` are the segments that it will replace: neighbours, oldest first, all sealed. */
  constructor(host: LogHost, identity: PartitionIdentity, sources: readonly Segment[]) {
    const { base } = must(sources[0], 'A group has a segment')
    this.#host = host
    this.#identity = identity
    this.#sources = sources
    this.#builder = new SegmentBuilder(base, host.crypto)
    this.target = segmentPath(identity, base)
    this.path = this.target.replace(/\.seg$/, SUFFIX)
  }

  /** Exclusive end of the offsets that the file stands for. */
  get end(): Offset {
    return must(this.#sources.at(-1), 'A group has a segment').end
  }

  /** Begins an empty file. */
  async begin(): Promise<void> {
    await this.#host.disk.remove(this.path)
    this.#file = await this.#host.disk.open(this.path, { mode: 'create' })
    this.#piece = new Uint8Array(PIECE_BYTES)
  }

  /** Adds one whole batch, which is copied. */
  async append(batch: Uint8Array): Promise<void> {
    this.#builder.append(batch, 0, batch.length)
    if (this.#filled + batch.length > PIECE_BYTES) await this.#flush()
    if (batch.length > PIECE_BYTES) return this.#write(Uint8Array.from(batch))
    this.#piece.set(batch, this.#filled)
    this.#filled += batch.length
  }

  async #flush(): Promise<void> {
    if (this.#filled === 0) return
    const piece = this.#piece.subarray(0, this.#filled)
    this.#filled = 0
    await this.#write(piece)
  }

  async #write(bytes: Uint8Array): Promise<void> {
    const at = this.bytesWritten
    this.bytesWritten += bytes.length
    await must(this.#file, 'A file that was begun').writeBehind(at, bytes)
  }

  /**
   * Seals the file and makes it durable. Returns the segment that it will be once it has its name.
   */
  async finish(cleanedTo: Offset): Promise<Segment> {
    await this.#flush()
    const dataLength = this.bytesWritten
    const { aborted, lineage, maxEpoch } = await this.#inherited()
    const last = must(must(this.#sources.at(-1), 'A last source').sealed, 'A sealed source')
    const limits = { producersMax: PRODUCERS_MAX, expirationMs: Number.MAX_SAFE_INTEGER }
    const { crypto } = this.#host
    const trailer = sealTrailer(crypto, {
      builder: this.#builder,
      aborted,
      lineage,
      producers: await last.producers(limits),
      compacted: { endOffset: this.end, cleanedTo, maxEpoch },
    })
    await this.#write(Uint8Array.from(trailer))
    const file = must(this.#file, 'A file that was begun')
    await file.sync()
    await this.#close()
    assert(this.#builder.dataLength === dataLength, 'The index follows the bytes')
    return this.#segment(trailer, aborted)
  }

  #segment(trailer: Uint8Array, aborted: AbortedList): Segment {
    const { crypto, indexes } = this.#host
    const length = this.#builder.dataLength
    const size = length + trailer.length
    const bytes = new SegmentBytes(
      this.#host,
      { directory: partitionDirectory(this.#identity), path: this.target },
      { length, synced: length, exists: true, stub: null },
    )
    const footer = decodeFooter(crypto, trailer.subarray(-4096), size)
    return new Segment(this.#host, {
      base: this.#builder.baseOffset,
      bytes,
      aborted,
      builder: null,
      sealed: new SealedSegment(crypto, bytes.source(size), indexes, footer),
      tail: null,
      tailFile: null,
    })
  }

  /** What the trailers of the sources say together. */
  async #inherited(): Promise<{
    readonly aborted: AbortedList
    readonly lineage: Lineage
    readonly maxEpoch: LeaderEpoch
  }> {
    const aborted = new AbortedList()
    const lineage = new Lineage()
    let maxEpoch = leaderEpoch(-1)
    for (const source of this.#sources) {
      const sealed = must(source.sealed, 'A sealed source')
      for (const span of source.aborted.spans) aborted.push(span)
      for (const { epoch, start } of (await sealed.lineage()).entries()) {
        if (epoch > (lineage.latestEpoch ?? -1)) lineage.append(epoch, start)
      }
      maxEpoch = leaderEpoch(Math.max(maxEpoch, sealed.footer.maxEpoch))
    }
    return { aborted, lineage, maxEpoch }
  }

  async #close(): Promise<void> {
    const file = this.#file
    this.#file = null
    this.#piece = new Uint8Array(0)
    await file?.close()
  }

  /** Closes the file and removes it; nothing when it has its name already. */
  async discard(): Promise<void> {
    await this.#close()
    await this.#host.disk.remove(this.path)
  }
}
