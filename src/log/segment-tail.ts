// The sidecar of an active segment, `<base>.tail`: checkpoints of what its trailer will say, appended
// about every 16 MiB of data and at a clean close. It only shortens recovery: when it is missing or
// its end is damaged, the segment is scanned from the last good checkpoint, or from 0. One block is
// one checkpoint, so a torn block loses no consistency; index and aborted entries are written once,
// producers and lineage whole each time. The caller syncs the data before it appends a block.
//
//   block: magic u32 · kind u8 · version u8 · 0 u16 · payload length u32 · crc u32, seeded with the
//   block's position, over the rest · base i64 · end i64 · data length i64 · batches i64
//   · records i64 · min timestamp i64 · max timestamp i64 · max epoch i32 · first index entry u32
//   · first aborted entry u32 · index bytes u32 · payload = index · aborted · lineage · producers
import { assert } from '../base/assert.ts'
import { FormatError } from '../base/errors.ts'
import { Reader } from '../base/reader.ts'
import { MiB, leaderEpoch, offset, type Offset } from '../base/units.ts'
import { Writer } from '../base/writer.ts'
import type { Crypto } from '../ports/crypto.ts'
import type { DiskFile } from '../ports/disk.ts'
import { AbortedList } from './aborted.ts'
import { Lineage } from './lineage.ts'
import { decodeProducers, encodeProducers } from './producer-snapshot.ts'
import { Producers, type ProducerLimits } from './producers.ts'
import { SegmentBuilder, type SegmentState } from './segment-builder.ts'

/** Data appended to a segment between two checkpoints, about: what an unclean restart scans. */
export const CHECKPOINT_BYTES: number = 16 * MiB
/** A larger block is taken for damage. */
export const TAIL_BLOCK_BYTES_MAX: number = 64 * MiB

const MAGIC = 0x53545442
const VERSION = 1
const CHECKPOINT = 1
const CLOSED = 2
const HEADER_BYTES = 88
const CRC_AT = 12

/** Everything that a checkpoint keeps; the parts stay their owners'. */
export interface TailParts {
  readonly builder: SegmentBuilder
  /** Aborted transactions whose markers lie in this segment. */
  readonly aborted: AbortedList
  /** Lineage of the segment, with an epoch that begins at its very end. */
  readonly lineage: Lineage
  readonly producers: Producers
}

/** The last good checkpoint of a tail file. */
export interface TailCheckpoint extends TailParts {
  /** True when it was written by a clean close and nothing stands behind it. */
  readonly closed: boolean
}

/** What a tail file belongs to, and how its parts are made. */
export interface TailOptions {
  readonly crypto: Crypto
  readonly baseOffset: Offset
  readonly producerLimits: ProducerLimits
  readonly indexInterval?: number
}

/** One block in the file and how far it goes. */
interface BlockMark {
  readonly fileEnd: number
  readonly dataLength: number
  readonly indexCount: number
  readonly abortedCount: number
}

interface BlockHeader {
  readonly kind: number
  readonly payloadLength: number
  readonly crc: number
  readonly state: SegmentState
  readonly firstIndex: number
  readonly firstAborted: number
  readonly indexBytes: number
}

/** Writer of one tail file. One writer; it does not own the file. */
export class SegmentTail {
  readonly #file: DiskFile
  readonly #options: TailOptions
  readonly #marks: BlockMark[]

  private constructor(file: DiskFile, options: TailOptions, marks: BlockMark[]) {
    this.#file = file
    this.#options = options
    this.#marks = marks
  }

  /** The tail of a new segment; `file` is empty. */
  static create(file: DiskFile, options: TailOptions): SegmentTail {
    return new SegmentTail(file, options, [])
  }

  /**
   * Reads the checkpoints that describe at most `dataSize` bytes of data and cuts off the rest of
   * the file. The checkpoint is null when there is none. Throws FormatError if a block with a good
   * CRC makes no sense: then the file is of another version, and the caller starts it anew.
   */
  static async load(
    file: DiskFile,
    dataSize: number,
    options: TailOptions,
  ): Promise<{ readonly tail: SegmentTail; readonly checkpoint: TailCheckpoint | null }> {
    const size = await file.size()
    const { crypto, baseOffset, producerLimits } = options
    const builder = new SegmentBuilder(baseOffset, crypto, options.indexInterval)
    const aborted = new AbortedList()
    const marks: BlockMark[] = []
    let lineage = new Lineage()
    let producers: Uint8Array | null = null
    let kind = CHECKPOINT
    let at = 0
    for (;;) {
      const block = await readBlock(file, at, size, crypto)
      if (block === null || !continues(block, marks.at(-1), baseOffset, dataSize)) break
      const from = new Reader(block.payload)
      const entries = { first: block.header.firstIndex, bytes: from.raw(block.header.indexBytes) }
      builder.restore(block.header.state, entries)
      if (block.header.firstAborted !== aborted.length)
        throw new FormatError('A tail skips entries')
      aborted.decode(from)
      lineage = Lineage.decode(from)
      producers = block.payload.subarray(from.at)
      kind = block.header.kind
      at += HEADER_BYTES + block.payload.length
      marks.push(markOf(builder, aborted, at))
    }
    if (at < size) await file.truncate(at)
    const tail = new SegmentTail(file, options, marks)
    if (producers === null) return { tail, checkpoint: null }
    const parts = { builder, aborted, lineage }
    const state = decodeProducers(new Reader(producers), producerLimits)
    const closed = kind === CLOSED && at === size
    return { tail, checkpoint: { ...parts, producers: state, closed } }
  }

  /** Bytes of data that the newest checkpoint describes; 0 when there is none. */
  get dataLength(): number {
    return this.#marks.at(-1)?.dataLength ?? 0
  }

  /** True when the data has grown by so much that a checkpoint is due. */
  due(dataLength: number): boolean {
    return dataLength - this.dataLength >= CHECKPOINT_BYTES
  }

  /**
   * Appends a checkpoint; it is in the OS when this returns, and durable after the file's `sync`.
   * All of the data that the builder has taken must be durable, or a checkpoint could outlive it.
   */
  append(parts: TailParts, close: 'closed' | 'open'): void {
    const { builder, aborted } = parts
    const last = this.#marks.at(-1)
    assert(builder.baseOffset === this.#options.baseOffset, 'A tail belongs to its segment')
    assert(last === undefined || builder.dataLength >= last.dataLength, 'Checkpoints go forward')
    builder.settle()
    // The newest entry may have been provisional in the block before: it is stated again.
    const firstIndex = Math.max((last?.indexCount ?? 0) - 1, 0)
    const at = last?.fileEnd ?? 0
    const kind = close === 'closed' ? CLOSED : CHECKPOINT
    const abortedCount = last?.abortedCount ?? 0
    const bytes = encodeBlock(this.#options.crypto, parts, { kind, at, firstIndex, abortedCount })
    this.#file.writeNow(at, [bytes])
    this.#marks.push(markOf(builder, aborted, at + bytes.length))
  }

  /**
   * Forgets the checkpoints that go beyond `dataLength`: the segment was cut there. The caller then
   * loads the file again and scans from its checkpoint.
   */
  async truncate(dataLength: number): Promise<void> {
    let keep = this.#marks.length
    while (keep > 0 && (this.#marks[keep - 1] as BlockMark).dataLength > dataLength) keep--
    if (keep === this.#marks.length) return
    this.#marks.length = keep
    await this.#file.truncate(this.#marks.at(-1)?.fileEnd ?? 0)
  }
}

const markOf = (builder: SegmentBuilder, aborted: AbortedList, fileEnd: number): BlockMark => ({
  fileEnd,
  dataLength: builder.dataLength,
  indexCount: builder.index.length,
  abortedCount: aborted.length,
})

/** True when the block belongs to the segment and goes on from the one before it. */
function continues(
  block: { readonly header: BlockHeader },
  last: BlockMark | undefined,
  baseOffset: Offset,
  dataSize: number,
): boolean {
  const { state } = block.header
  if (state.baseOffset !== baseOffset || state.dataLength > dataSize) return false
  return state.dataLength >= (last?.dataLength ?? 0)
}

function encodeBlock(
  crypto: Crypto,
  parts: TailParts,
  place: {
    readonly kind: number
    readonly at: number
    readonly firstIndex: number
    readonly abortedCount: number
  },
): Uint8Array {
  const { builder, aborted, lineage, producers } = parts
  const entries = builder.index.entryBytes(place.firstIndex)
  const to = new Writer(HEADER_BYTES + entries.length + 4096)
  to.uint32(MAGIC)
  to.uint8(place.kind)
  to.uint8(VERSION)
  to.uint16(0)
  to.uint32(0)
  to.uint32(0)
  to.int64(builder.baseOffset)
  to.int64(builder.endOffset)
  to.int64(builder.dataLength)
  to.int64(builder.batchCount)
  to.int64(builder.recordCount)
  to.int64(builder.minTimestamp)
  to.int64(builder.maxTimestamp)
  to.int32(builder.maxEpoch)
  to.uint32(place.firstIndex)
  to.uint32(place.abortedCount)
  to.uint32(entries.length)
  assert(to.at === HEADER_BYTES, 'A tail block header has its size')
  to.raw(entries)
  aborted.encode(to, place.abortedCount)
  lineage.encode(to)
  encodeProducers(producers, to)
  to.patchUint32(8, to.at - HEADER_BYTES)
  const bytes = to.bytes()
  assert(bytes.length <= TAIL_BLOCK_BYTES_MAX, 'A tail block keeps its bound')
  to.patchUint32(CRC_AT, blockCrc(crypto, bytes, place.at))
  return bytes
}

/** CRC of a whole block but the CRC itself, seeded with its position so that it fits only there. */
function blockCrc(crypto: Crypto, block: Uint8Array, at: number): number {
  const front = crypto.crc32c(block.subarray(0, CRC_AT), at >>> 0)
  return crypto.crc32c(block.subarray(CRC_AT + 4), front)
}

/** The block at `at`; null when there is none that is whole and undamaged. */
async function readBlock(
  file: DiskFile,
  at: number,
  size: number,
  crypto: Crypto,
): Promise<{ readonly header: BlockHeader; readonly payload: Uint8Array } | null> {
  if (size - at < HEADER_BYTES) return null
  const front = new Uint8Array(HEADER_BYTES)
  if ((await file.read(at, front)) < HEADER_BYTES) return null
  const from = new Reader(front)
  if (from.uint32() !== MAGIC) return null
  const length = new Reader(front, 8).uint32()
  if (length > TAIL_BLOCK_BYTES_MAX || length > size - at - HEADER_BYTES) return null
  const block = new Uint8Array(HEADER_BYTES + length)
  if ((await file.read(at, block)) < block.length) return null
  const crc = new Reader(block, CRC_AT).uint32()
  if (blockCrc(crypto, block, at) !== crc) return null
  return { header: decodeHeader(new Reader(block)), payload: block.subarray(HEADER_BYTES) }
}

function decodeHeader(from: Reader): BlockHeader {
  from.take(4)
  const kind = from.uint8()
  if (from.uint8() !== VERSION) throw new FormatError('A segment tail has an unknown version')
  from.take(2)
  const payloadLength = from.uint32()
  const crc = from.uint32()
  const state = {
    baseOffset: offset(from.int64()),
    endOffset: offset(from.int64()),
    dataLength: from.int64(),
    batchCount: from.int64(),
    recordCount: from.int64(),
    minTimestamp: from.int64(),
    maxTimestamp: from.int64(),
    maxEpoch: leaderEpoch(from.int32()),
  }
  const firstIndex = from.uint32()
  const firstAborted = from.uint32()
  const indexBytes = from.uint32()
  return { kind, payloadLength, crc, state, firstIndex, firstAborted, indexBytes }
}
