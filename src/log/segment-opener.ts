// Opens the segments of one partition in ascending order, each from its own file: a sealed one by
// the footer at its end, a growing one from its last checkpoint and a scan of what follows. The
// state of the partition is carried along: epochs from every segment that brings new ones,
// producers from the last snapshot before whatever comes next.
import { must } from '../base/assert.ts'
import { FormatError } from '../base/errors.ts'
import type { Offset } from '../base/units.ts'
import type { DiskFile } from '../ports/disk.ts'
import { DIRECT_ALIGNMENT } from '../ports/disk.ts'
import { SegmentBytes } from './cache/segment-bytes.ts'
import type { LogHost, PartitionIdentity } from './log-host.ts'
import { partitionDirectory } from './log-host.ts'
import { Segment, segmentPath, tailPath } from './segment.ts'
import { scanFile } from './segment/batch-scan.ts'
import { SealedSegment } from './segment/sealed-segment.ts'
import { SegmentBuilder } from './segment/segment-builder.ts'
import { readEnd, readStub, soundFooter } from './segment/segment-ends.ts'
import type { SegmentFooter } from './segment/segment-format.ts'
import { SectionKind, sectionOf } from './segment/segment-format.ts'
import { SegmentTail } from './segment/segment-tail.ts'
import { AbortedList } from './state/aborted.ts'
import type { Lineage } from './state/lineage.ts'
import type { PartitionState } from './state/partition-state.ts'
import { PRODUCERS_MAX } from './state/partition-state.ts'

/** Bytes of the section that holds an empty list of aborted transactions. */
const EMPTY_ABORTED_BYTES = 4

/** Offsets without valid batches between the segment's valid ones and others behind them. */
export interface Hole {
  readonly from: Offset
  readonly to: Offset
}

/** A segment that was opened. */
export interface OpenedSegment {
  readonly segment: Segment
  /** What is damaged or was never written, before batches that are whole; null when nothing is. */
  readonly hole: Hole | null
}

/** How a segment's file ends. */
interface SegmentEnd {
  readonly size: number
  /** Null when it was not sealed. */
  readonly footer: SegmentFooter | null
}

/** Ends read ahead of the segment that is opened, so that a start does not wait for each file. */
const ENDS_AHEAD = 32

/** Opens one partition's segments. */
export class SegmentOpener {
  readonly #host: LogHost
  readonly #identity: PartitionIdentity
  readonly #state: PartitionState
  /** Names in the partition's directory when it was listed. */
  readonly #names: ReadonlySet<string>
  /** Ends of segments that were asked for ahead of their turn, by base offset. */
  readonly #ends = new Map<Offset, Promise<SegmentEnd>>()
  #first = true
  /** The last sealed segment, while its producers were not asked for yet. */
  #snapshot: SealedSegment | null = null

  constructor(
    host: LogHost,
    identity: PartitionIdentity,
    state: PartitionState,
    names: readonly string[],
  ) {
    this.#host = host
    this.#identity = identity
    this.#state = state
    this.#names = new Set(names)
  }

  /**
   * Opens the segment that begins at `base`, the first of `pending`, which are all that are not
   * open yet. Whoever asks has opened those before it.
   */
  async open(base: Offset, pending: readonly Offset[]): Promise<OpenedSegment> {
    for (let i = 0; i < pending.length && i < ENDS_AHEAD; i++)
      void this.#end(must(pending[i], 'a base'))
    const { size, footer } = await this.#end(base)
    this.#ends.delete(base)
    if (footer === null) return this.#openGrowing(base, size)
    return { segment: await this.#openSealed(base, size, footer), hole: null }
  }

  /** Exclusive end of the sealed segment that begins at `base`; null when it is not sealed. */
  async endOf(base: Offset): Promise<Offset | null> {
    const { footer } = await this.#end(base)
    this.#ends.delete(base)
    return footer?.endOffset ?? null
  }

  #end(base: Offset): Promise<SegmentEnd> {
    let end = this.#ends.get(base)
    if (end === undefined) {
      end = this.#readEnd(base)
      // Told to whoever opens the segment; nobody may come to it.
      end.catch(() => undefined)
      this.#ends.set(base, end)
    }
    return end
  }

  async #readEnd(base: Offset): Promise<SegmentEnd> {
    const { disk, crypto } = this.#host
    const file = await disk.open(segmentPath(this.#identity, base), { mode: 'read', direct: true })
    try {
      const size = await file.size()
      if (size === 0) return { size, footer: null }
      return { size, footer: soundFooter(crypto, await readEnd(file, size), size) }
    } finally {
      await file.close()
    }
  }

  /** Takes the producers from the last sealed segment, if a later snapshot has not come since. */
  async settle(): Promise<void> {
    const sealed = this.#snapshot
    if (sealed === null) return
    this.#snapshot = null
    this.#state.producers = await sealed.producers(this.#limits())
  }

  async #openSealed(base: Offset, size: number, footer: SegmentFooter): Promise<Segment> {
    const host = this.#host
    const path = segmentPath(this.#identity, base)
    const bytes = new SegmentBytes(
      host,
      { directory: partitionDirectory(this.#identity), path },
      { length: footer.dataLength, synced: footer.dataLength, exists: true, stub: null },
    )
    const sealed = new SealedSegment(host.crypto, bytes.source(size), host.indexes, footer)
    let aborted = new AbortedList()
    const list = sectionOf(footer, SectionKind.aborted)
    if (list !== null && list.length > EMPTY_ABORTED_BYTES) aborted = (await sealed.load()).aborted
    if (this.#first || footer.maxEpoch > (this.#state.lineage.latestEpoch ?? -1)) {
      this.#follow(await sealed.lineage())
    }
    this.#first = false
    this.#snapshot = sealed
    const growing = { builder: null, tail: null, tailFile: null }
    return new Segment(host, { base, bytes, aborted, sealed, ...growing })
  }

  #follow(lineage: Lineage): void {
    const known = this.#state.lineage
    for (const { epoch, start } of lineage.entries()) {
      if (epoch > (known.latestEpoch ?? -1)) known.append(epoch, start)
    }
  }

  #limits(): { producersMax: number; expirationMs: number } {
    const { expirationMs } = this.#state.producers.limits
    return { producersMax: PRODUCERS_MAX, expirationMs }
  }

  async #openGrowing(base: Offset, size: number): Promise<OpenedSegment> {
    const { disk, crypto } = this.#host
    const path = segmentPath(this.#identity, base)
    const nowMs = this.#host.clock.wallMs()
    const loaded = await this.#loadTail(base, path, size)
    this.#first = false
    if (loaded.builder === null) await this.settle()
    this.#snapshot = null
    const builder = loaded.builder ?? new SegmentBuilder(base, crypto)
    const aborted = loaded.aborted ?? new AbortedList()
    const checkpointed = builder.dataLength
    let hole: Hole | null = null
    const file = await disk.open(path, { mode: 'write', direct: true })
    let stub: Uint8Array | null
    try {
      // Also behind a checkpoint of a clean close: the segment may have grown since.
      const range = {
        from: builder.dataLength,
        to: size,
        nextOffset: builder.endOffset,
        epoch: builder.maxEpoch,
      }
      let behindGap = false
      const result = await scanFile(crypto, file, range, (bytes, at, length, position) => {
        behindGap ||= position !== builder.dataLength
        if (behindGap) return
        builder.append(bytes, at, length)
        this.#state.follow(bytes, at, length, nowMs, aborted)
      })
      if (result.outcome === 'corrupt') {
        const gap = must(result.gaps[0], 'A corrupt scan names a gap')
        hole = { from: gap.fromOffset, to: gap.toOffset }
      } else if (result.outcome === 'torn' || size - builder.dataLength >= DIRECT_ALIGNMENT) {
        // Durable at once: what was cut must not come back behind what is appended next. The zeros
        // that fill the last block are no cut.
        await file.truncate(builder.dataLength)
        await file.sync()
      }
      stub = await readStub(file, builder.dataLength)
    } catch (error) {
      await loaded.file?.close()
      throw error
    } finally {
      await file.close()
    }
    const bytes = new SegmentBytes(
      this.#host,
      { directory: partitionDirectory(this.#identity), path },
      { length: builder.dataLength, synced: checkpointed, exists: true, stub },
    )
    const { tail, file: tailFile } = loaded
    const parts = { base, bytes, aborted, builder, sealed: null, tail, tailFile }
    return { segment: new Segment(this.#host, parts), hole }
  }

  async #loadTail(
    base: Offset,
    path: string,
    size: number,
  ): Promise<{
    readonly builder: SegmentBuilder | null
    readonly aborted: AbortedList | null
    readonly tail: SegmentTail | null
    readonly file: DiskFile | null
  }> {
    const { disk, crypto } = this.#host
    const name = tailPath(path)
    const none = { builder: null, aborted: null, tail: null, file: null }
    if (!this.#names.has(name.slice(name.lastIndexOf('/') + 1))) return none
    const file = await disk.open(name, { mode: 'write' })
    const options = { crypto, baseOffset: base, producerLimits: this.#limits() }
    const loaded = await SegmentTail.load(file, size, options).catch(async (error: unknown) => {
      if (error instanceof FormatError) return null
      await file.close()
      throw error
    })
    if (loaded === null) {
      // Of another version: it only shortens recovery, so it is begun anew when it is next needed.
      await file.close()
      return none
    }
    const { tail, checkpoint } = loaded
    if (checkpoint === null) return { ...none, tail, file }
    this.#state.producers = checkpoint.producers
    this.#follow(checkpoint.lineage)
    const { builder, aborted } = checkpoint
    return { builder, aborted, tail, file }
  }
}
