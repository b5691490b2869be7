// A sealed segment of the local disk on its way to the bucket. The object is the file byte for byte
// up to the end of the batches; behind them stands the same trailer, with the SHA-256 tree that a
// local file does without. Everything is read once: while the store takes the bytes they are
// checked, batch by batch and against the index that was kept while they were written, and hashed.
// A segment that is not what was acknowledged fails its own upload.
//
//   opened ──read from the front to the end──▶ whole ──entry()
import { assert, must } from '../../base/assert.ts'
import { equalBytes } from '../../base/bytes.ts'
import { FormatError, OperatingError } from '../../base/errors.ts'
import { Reader } from '../../base/reader.ts'
import { alignUp, type LeaderEpoch, type Offset } from '../../base/units.ts'
import type { Pace } from '../../flow/pace.ts'
import type { Crypto } from '../../ports/crypto.ts'
import { DIRECT_ALIGNMENT } from '../../ports/disk.ts'
import type { ObjectSource } from '../../ports/object-store.ts'
import { AbortedList } from '../../log/state/aborted.ts'
import { decodeProducers } from '../../log/state/producer-snapshot.ts'
import { baseOffsetOf, maxTimestampOf } from '../../log/segment/batch-view.ts'
import { readFooter, readRange, type SegmentSource } from '../../log/segment/sealed-segment.ts'
import { SegmentBuilder } from '../../log/segment/segment-builder.ts'
import {
  FOOTER_BYTES,
  SECTION_ROW_BYTES,
  SectionKind,
  checkSection,
  encodeTrailer,
  type Section,
  type SegmentFooter,
} from '../../log/segment/segment-format.ts'
import { HASH_BYTES, encodeHashes, hashRoot } from '../../log/segment/segment-hash.ts'
import { BLOCK_BYTES, BlockTableBuilder } from '../manifest/block-table.ts'
import type { SegmentEntry } from '../manifest/entry.ts'
import { BatchStream } from './batch-stream.ts'
import { PartMemory } from './part-memory.ts'

/** However many producers a partition may remember now. */
const ANY_PRODUCERS = { producersMax: Number.MAX_SAFE_INTEGER, expirationMs: 1 }

/** By whom and as what a segment is archived. */
export interface ArchiveName {
  readonly epoch: LeaderEpoch
  /** 16 hex digits. */
  readonly nonce: string
  /** First offset that shall be read from it: its own, unless others are archived already. */
  readonly base: Offset
}

/** How a segment is read. */
export interface SegmentObjectOptions {
  /** For its pieces; they are made anew, if absent. */
  readonly memory?: PartMemory
  /** Holds up hashing while producers wait; none does, if absent. */
  readonly pace?: Pace | undefined
}

/** A local segment as an object. It does not own the file. */
export class SegmentObject implements ObjectSource {
  readonly size: number
  readonly #crypto: Crypto
  readonly #file: SegmentSource
  readonly #memory: PartMemory
  readonly #pace: Pace | undefined
  readonly #footer: SegmentFooter
  readonly #sections: readonly Section[]
  readonly #hashes: Uint8Array[] = []
  /** Hashes of blocks that were handed out before it was their turn to be checked. */
  readonly #early = new Map<number, Uint8Array>()
  readonly #builder: SegmentBuilder
  readonly #blocks: BlockTableBuilder
  readonly #batches: BatchStream
  /** Data below is checked and hashed; what follows waits for its turn. */
  #checkedTo = 0
  #checking: Promise<void> = Promise.resolve()
  #trailer: Uint8Array | null = null
  #root: Uint8Array | null = null

  private constructor(
    crypto: Crypto,
    file: SegmentSource,
    footer: SegmentFooter,
    sections: readonly Section[],
    { memory, pace }: SegmentObjectOptions,
  ) {
    this.#crypto = crypto
    this.#file = file
    this.#memory = memory ?? new PartMemory(0)
    this.#pace = pace
    this.#footer = footer
    this.#sections = sections
    const hashBytes = (Math.ceil(footer.dataLength / BLOCK_BYTES) + 1) * HASH_BYTES
    const sectionBytes = sections.reduce((sum, { bytes }) => sum + bytes.length, 0)
    this.size =
      footer.dataLength +
      sectionBytes +
      hashBytes +
      (sections.length + 1) * SECTION_ROW_BYTES +
      FOOTER_BYTES
    this.#builder = new SegmentBuilder(footer.baseOffset, crypto, footer.indexInterval)
    this.#blocks = new BlockTableBuilder(footer.dataLength, footer.minTimestamp)
    this.#batches = new BatchStream(crypto, (headerView, length, position) => {
      this.#builder.append(headerView, 0, length)
      const delta = baseOffsetOf(headerView, 0) - footer.baseOffset
      this.#blocks.batch(position, delta, maxTimestampOf(headerView, 0))
    })
  }

  /** Reads the trailer of a sealed segment. Throws `corrupt` when it is damaged. */
  static async open(
    crypto: Crypto,
    file: SegmentSource,
    options: SegmentObjectOptions = {},
  ): Promise<SegmentObject> {
    try {
      const footer = await readFooter(crypto, file)
      const sections: Section[] = []
      for (const place of footer.sections) {
        if (place.kind === SectionKind.hashes) continue
        const bytes = Uint8Array.from(await readRange(file, place.position, place.length))
        checkSection(crypto, place, bytes)
        sections.push({ kind: place.kind, bytes })
      }
      return new SegmentObject(crypto, file, footer, sections, options)
    } catch (error) {
      if (!(error instanceof FormatError)) throw error
      throw new OperatingError('corrupt', `Cannot archive ${file.path}: ${error.message}`, error)
    }
  }

  get footer(): SegmentFooter {
    return this.#footer
  }

  async read(from: number, to: number): Promise<Uint8Array> {
    assert(from % BLOCK_BYTES === 0, 'An object is read from the border of a block')
    assert(from < to && to <= this.size, 'An object is read within its size')
    const { dataLength } = this.#footer
    const dataTo = Math.min(to, dataLength)
    const data = from < dataLength ? await this.#readData(from, dataTo) : new Uint8Array(0)
    if (to <= dataLength) return data
    await this.#checkRest()
    const trailer = this.#finish()
    const at = Math.max(from, dataLength)
    const all = new Uint8Array(to - from)
    all.set(data)
    all.set(trailer.subarray(at - dataLength, to - dataLength), at - from)
    return all
  }

  /** Checks and hashes what nobody has read, so that the object can be told of. */
  async complete(): Promise<void> {
    await this.#checkRest()
    this.#finish()
  }

  /** What a manifest says of the object, once it is complete. */
  entry(name: ArchiveName): SegmentEntry {
    const footer = this.#footer
    assert(this.#trailer !== null, 'An object is told of once it is complete')
    assert(name.base >= footer.baseOffset, 'An entry begins in its object')
    assert(name.base < footer.endOffset, 'An entry has offsets')
    return {
      base: name.base,
      end: footer.endOffset,
      objectBase: footer.baseOffset,
      epoch: name.epoch,
      nonce: name.nonce,
      objectBytes: this.size,
      dataLength: footer.dataLength,
      recordCount: footer.recordCount,
      minTimestamp: footer.minTimestamp,
      maxTimestamp: footer.maxTimestamp,
      hasAborted: this.#hasAborted(),
      stable: this.#stable(),
      root: must(this.#root, 'A root over all blocks'),
      blocks: this.#blocks.finish(),
    }
  }

  /** SHA-256 of block `i` of the data, once it was read. */
  hashOf(i: number): Uint8Array {
    return must(this.#hashes[i] ?? this.#early.get(i), 'A block that was read')
  }

  /** The bytes behind the data, once all of it was read. */
  get trailer(): Uint8Array {
    return must(this.#trailer, 'A trailer behind all data')
  }

  /** Bytes `[at, at + length)` of the file; `at` lies on the border of a block. */
  async #readWhole(at: number, length: number): Promise<Uint8Array> {
    const file = this.#file
    const buffer = this.#memory.take(file.direct ? alignUp(length, DIRECT_ALIGNMENT) : length)
    const filled = await file.read(at, buffer)
    if (filled < length) {
      throw new OperatingError('corrupt', `Cannot read ${file.path}: it ends at ${at + filled}`)
    }
    return buffer.subarray(0, length)
  }

  /** Takes back memory that a store has sent. */
  recycle(bytes: Uint8Array): void {
    this.#memory.give(bytes)
  }

  /**
   * Bytes `[from, to)` of the data. They are hashed before they are handed out, so that what the
   * store was given, the first time or again, is what the manifest will vouch for.
   */
  async #readData(from: number, to: number): Promise<Uint8Array> {
    const whole = Math.min(alignUp(to, BLOCK_BYTES), this.#footer.dataLength)
    const bytes = await this.#readWhole(from, whole - from)
    const blocks: Uint8Array[] = []
    for (let at = 0; at < bytes.length; at += BLOCK_BYTES) {
      blocks.push(bytes.subarray(at, Math.min(at + BLOCK_BYTES, bytes.length)))
    }
    // All at once, so that those of the next part stay behind these; one after the other in turns
    // of their own, so that nobody else waits for more than one.
    const hashing = blocks.map(async (block, i) => {
      await this.#pace?.turn()
      const hash = await this.#crypto.digest(block)
      this.#checking = this.#checking.then(() => this.#check(from / BLOCK_BYTES + i, block, hash))
    })
    await Promise.all(hashing)
    await this.#checking
    return bytes.subarray(0, to - from)
  }

  /** Checks what no reader has asked for yet, so that the trailer can be told. */
  async #checkRest(): Promise<void> {
    await this.#checking
    while (this.#checkedTo < this.#footer.dataLength) {
      const from = this.#checkedTo
      this.recycle(
        await this.#readData(from, Math.min(from + BLOCK_BYTES, this.#footer.dataLength)),
      )
    }
  }

  /** Follows block `i` when it is the next; any other is only compared with itself. */
  #check(i: number, block: Uint8Array, hash: Uint8Array): void {
    const known = this.#hashes[i] ?? this.#early.get(i)
    if (known !== undefined && !equalBytes(known, hash)) {
      throw this.#corrupt(`block ${i} reads differently each time`, undefined)
    }
    if (i > this.#hashes.length) this.#early.set(i, hash)
    if (i !== this.#hashes.length) return
    this.#push(block)
    this.#blocks.hash(i, hash)
    this.#hashes.push(hash)
    this.#early.delete(i)
    this.#checkedTo += block.length
  }

  #push(block: Uint8Array): void {
    this.#named(() => this.#batches.push(block))
  }

  /** What goes wrong when batches are followed is told with the file's name. */
  #named(follow: () => void): void {
    try {
      follow()
    } catch (error) {
      throw this.#corrupt(error instanceof Error ? error.message : String(error), error)
    }
  }

  /** Compares what passed by with what the segment says of itself; makes the object's trailer. */
  #finish(): Uint8Array {
    if (this.#trailer !== null) return this.#trailer
    const footer = this.#footer
    const builder = this.#builder
    assert(this.#checkedTo === footer.dataLength, 'All data is checked before its trailer is told')
    this.#named(() => this.#batches.finish())
    builder.settle()
    const index = this.#sections.find(({ kind }) => kind === SectionKind.index)
    const same =
      builder.batchCount === footer.batchCount &&
      builder.recordCount === footer.recordCount &&
      builder.minTimestamp === footer.minTimestamp &&
      builder.maxTimestamp === footer.maxTimestamp &&
      index !== undefined &&
      equalBytes(index.bytes, builder.index.entryBytes())
    if (!same) throw this.#corrupt('its batches are not those of its index', undefined)
    const { dataLength } = footer
    this.#root = hashRoot(this.#crypto, this.#hashes, dataLength)
    const hashes = encodeHashes({ blocks: this.#hashes, root: this.#root })
    this.#trailer = Uint8Array.from(
      encodeTrailer(this.#crypto, {
        state: footer,
        compacted: footer.compacted,
        cleanedTo: footer.cleanedTo,
        indexInterval: footer.indexInterval,
        sections: [...this.#sections, { kind: SectionKind.hashes, bytes: hashes }],
      }),
    )
    assert(dataLength + this.#trailer.length === this.size, 'An object is as large as announced')
    return this.#trailer
  }

  #hasAborted(): boolean {
    const section = this.#sections.find(({ kind }) => kind === SectionKind.aborted)
    if (section === undefined) return false
    const list = new AbortedList()
    list.decode(new Reader(section.bytes))
    return list.length > 0
  }

  /** Where the oldest transaction begins that was open at the segment's end; else that end. */
  #stable(): Offset {
    const section = this.#sections.find(({ kind }) => kind === SectionKind.producers)
    const { baseOffset, endOffset } = this.#footer
    if (section === undefined) return baseOffset
    const producers = decodeProducers(new Reader(section.bytes), ANY_PRODUCERS)
    return producers.parts.open.firstUndecided() ?? endOffset
  }

  #corrupt(what: string, cause: unknown): OperatingError {
    return new OperatingError('corrupt', `Cannot archive ${this.#file.path}: ${what}`, cause)
  }
}
