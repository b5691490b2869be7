// A sealed segment: batches, trailer, footer, never written again. Opening it costs one read of the
// file's last 4 KiB; the index and the aborted list are read when first needed and kept in a cache
// with a bound that all segments share, so that 10,000 segments cost 10,000 footers and no more.
// It answers with byte ranges; who reads and serves the batches in them is not its business.
import { OperatingError } from '../../base/errors.ts'
import { Reader } from '../../base/reader.ts'
import { alignDown, alignUp, offset, type LeaderEpoch, type Offset } from '../../base/units.ts'
import { Writer } from '../../base/writer.ts'
import type { Crypto } from '../../ports/crypto.ts'
import { DIRECT_ALIGNMENT, pageAlignedPiece, type DiskFile } from '../../ports/disk.ts'
import { AbortedList, type AbortedSpan } from '../state/aborted.ts'
import { Lineage } from '../state/lineage.ts'
import { decodeProducers, encodeProducers } from '../state/producer-snapshot.ts'
import type { ProducerLimits, Producers } from '../state/producers.ts'
import type { SegmentBuilder } from './segment-builder.ts'
import {
  SectionKind,
  checkSection,
  decodeFooter,
  encodeTrailer,
  sectionOf,
  type Section,
  type SectionPlace,
  type SegmentFooter,
} from './segment-format.ts'
import { encodeHashes, type SegmentHashes } from './segment-hash.ts'
import { SparseIndex } from './sparse-index.ts'

/** What is read of a file here; a caller may open the file only when it is read. */
export type SegmentSource = Pick<DiskFile, 'path' | 'direct' | 'read' | 'size'>

/** Bytes at a file's end that hold the footer and the largest table. */
export const FOOTER_READ_BYTES = 4096

/** Bytes `[from, to)` of a segment file. */
export interface ByteRange {
  readonly from: number
  readonly to: number
}

/** The parts of a sealed segment that lookups need in memory. */
export interface LoadedIndex {
  readonly index: SparseIndex
  readonly aborted: AbortedList
}

/** What the batches of a compacted segment do not tell any more. */
export interface CompactedRange {
  /** Exclusive end of the segment's offsets, whether its last batches are there or not. */
  readonly endOffset: Offset
  /** As in the footer. */
  readonly cleanedTo: Offset
  /** Newest epoch that the segment had a batch of. */
  readonly maxEpoch: LeaderEpoch
}

/** What sealing writes behind the data. */
export interface SealParts {
  readonly builder: SegmentBuilder
  /** What compaction says of the segment that it made; absent for any other. */
  readonly compacted?: CompactedRange
  readonly aborted: AbortedList
  readonly lineage: Lineage
  /** State at the segment's end. */
  readonly producers: Producers
  readonly hashes?: SegmentHashes
}

/** The trailer that seals a segment: to be written at `builder.dataLength`, as the file's end. */
export function sealTrailer(crypto: Crypto, parts: SealParts): Uint8Array {
  const { builder, aborted, lineage, producers, hashes, compacted } = parts
  builder.settle()
  const section = (kind: number, encode: (to: Writer) => void): Section => {
    const to = new Writer(1024)
    encode(to)
    return { kind, bytes: to.bytes() }
  }
  const sections = [
    { kind: SectionKind.index, bytes: builder.index.entryBytes() },
    section(SectionKind.aborted, (to) => aborted.encode(to)),
    section(SectionKind.lineage, (to) => lineage.encode(to)),
    section(SectionKind.producers, (to) => encodeProducers(producers, to)),
  ]
  if (hashes !== undefined) sections.push({ kind: SectionKind.hashes, bytes: encodeHashes(hashes) })
  return encodeTrailer(crypto, {
    state: {
      baseOffset: builder.baseOffset,
      endOffset: compacted?.endOffset ?? builder.endOffset,
      dataLength: builder.dataLength,
      batchCount: builder.batchCount,
      recordCount: builder.recordCount,
      minTimestamp: builder.minTimestamp,
      maxTimestamp: builder.maxTimestamp,
      maxEpoch: compacted?.maxEpoch ?? builder.maxEpoch,
    },
    compacted: compacted !== undefined,
    cleanedTo: compacted?.cleanedTo ?? offset(0),
    indexInterval: builder.indexInterval,
    sections,
  })
}

/** Bytes `[at, at + length)` of a file in one read. Throws `corrupt` when the file ends before. */
export async function readRange(
  file: SegmentSource,
  at: number,
  length: number,
): Promise<Uint8Array> {
  const from = file.direct ? alignDown(at, DIRECT_ALIGNMENT) : at
  const room = file.direct ? alignUp(at - from + length, DIRECT_ALIGNMENT) : length
  const buffer = file.direct ? pageAlignedPiece(room) : new Uint8Array(room)
  const filled = await file.read(from, buffer)
  if (filled < at - from + length) {
    throw new OperatingError('corrupt', `Cannot read ${file.path}: it ends at ${from + filled}`)
  }
  return buffer.subarray(at - from, at - from + length)
}

/** Reads a footer. Throws FormatError when the file does not end like a sealed segment. */
export async function readFooter(crypto: Crypto, file: SegmentSource): Promise<SegmentFooter> {
  const size = await file.size()
  const length = Math.min(size, FOOTER_READ_BYTES)
  return decodeFooter(crypto, await readRange(file, size - length, length), size)
}

/** Indexes of sealed segments in memory, least recently used out first. */
export class IndexCache {
  readonly #bytesMax: number
  readonly #loaded = new Map<SealedSegment, LoadedIndex>()
  #bytes = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** Bytes of memory that the loaded indexes take. */
  get bytes(): number {
    return this.#bytes
  }

  /** How many segments have theirs loaded. */
  get size(): number {
    return this.#loaded.size
  }

  /** The index of `segment` if it is loaded, which makes it the last to go. */
  get(segment: SealedSegment): LoadedIndex | null {
    const loaded = this.#loaded.get(segment)
    if (loaded === undefined) return null
    this.#loaded.delete(segment)
    this.#loaded.set(segment, loaded)
    return loaded
  }

  /** Takes an index; others go until the bound holds. One above the bound is not kept at all. */
  put(segment: SealedSegment, loaded: LoadedIndex): void {
    this.drop(segment)
    this.#loaded.set(segment, loaded)
    this.#bytes += costOf(loaded)
    for (const oldest of this.#loaded.keys()) {
      if (this.#bytes <= this.#bytesMax) break
      this.drop(oldest)
    }
  }

  /** Forgets the index of a segment that is closed or deleted. */
  drop(segment: SealedSegment): void {
    const loaded = this.#loaded.get(segment)
    if (loaded === undefined) return
    this.#loaded.delete(segment)
    this.#bytes -= costOf(loaded)
  }
}

/** Memory of a loaded index: its entries, about 100 bytes per aborted span, 500 for the objects. */
const costOf = ({ index, aborted }: LoadedIndex): number =>
  index.memoryBytes + aborted.length * 100 + 500

/** One sealed segment. It does not own the file. */
export class SealedSegment {
  readonly footer: SegmentFooter
  readonly #crypto: Crypto
  readonly #file: SegmentSource
  readonly #cache: IndexCache
  #loading: Promise<LoadedIndex> | null = null

  constructor(crypto: Crypto, file: SegmentSource, cache: IndexCache, footer: SegmentFooter) {
    this.#crypto = crypto
    this.#file = file
    this.#cache = cache
    this.footer = footer
  }

  /** Opens by footer alone. Throws FormatError when the file is no whole sealed segment. */
  static async open(
    crypto: Crypto,
    file: SegmentSource,
    cache: IndexCache,
  ): Promise<SealedSegment> {
    return new SealedSegment(crypto, file, cache, await readFooter(crypto, file))
  }

  /**
   * Index and aborted list: from the cache, else read and checked. Throws FormatError on damage.
   */
  async load(): Promise<LoadedIndex> {
    const cached = this.#cache.get(this)
    if (cached !== null) return cached
    this.#loading ??= this.#read()
    const loading = this.#loading
    return loading.finally(() => {
      if (this.#loading === loading) this.#loading = null
    })
  }

  /** Where to look for the batch with `target`: at most one interval and its last batch. */
  async positionOf(target: Offset): Promise<ByteRange> {
    const { index } = await this.load()
    const i = index.floor(target)
    if (i < 0) return { from: 0, to: 0 }
    return { from: index.positionAt(i), to: index.endOf(i, this.footer.dataLength) }
  }

  /**
   * Where to look for the first batch with a timestamp at or after `timestampMs`; null when the
   * segment has none. Compaction may have removed the record that a batch's header promises: then
   * the search goes on behind the range.
   */
  async positionOfTimestamp(timestampMs: number): Promise<ByteRange | null> {
    if (this.footer.batchCount === 0 || this.footer.maxTimestamp < timestampMs) return null
    const { index } = await this.load()
    const i = index.firstReaching(timestampMs)
    if (i < 0) return null
    return { from: index.positionAt(i), to: index.endOf(i, this.footer.dataLength) }
  }

  /** Adds aborted transactions in `[from, to)` to `into`; true when later segments have none. */
  async collectAborted(from: Offset, to: Offset, into: AbortedSpan[]): Promise<boolean> {
    const { aborted } = await this.load()
    return aborted.collect(from, to, into)
  }

  /** The leader epochs of the segment's offsets. */
  async lineage(): Promise<Lineage> {
    return Lineage.decode(
      new Reader(await this.#section(sectionOf(this.footer, SectionKind.lineage))),
    )
  }

  /** Producer state at the segment's end. */
  async producers(limits: ProducerLimits): Promise<Producers> {
    const bytes = await this.#section(sectionOf(this.footer, SectionKind.producers))
    return decodeProducers(new Reader(bytes), limits)
  }

  /** Forgets what is loaded. */
  close(): void {
    this.#cache.drop(this)
  }

  async #read(): Promise<LoadedIndex> {
    const { footer } = this
    const entries = await this.#section(sectionOf(footer, SectionKind.index))
    const index = SparseIndex.decode(footer.baseOffset, entries, footer.dataLength)
    const aborted = new AbortedList()
    aborted.decode(new Reader(await this.#section(sectionOf(footer, SectionKind.aborted))))
    const loaded = { index, aborted }
    this.#cache.put(this, loaded)
    return loaded
  }

  async #section(place: SectionPlace | null): Promise<Uint8Array> {
    if (place === null) {
      throw new OperatingError('corrupt', `Cannot use ${this.#file.path}: a section is missing`)
    }
    const bytes = await readRange(this.#file, place.position, place.length)
    checkSection(this.#crypto, place, bytes)
    return bytes
  }
}
