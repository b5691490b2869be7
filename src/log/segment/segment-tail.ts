// The sidecar of an active segment, `<base>.tail`: checkpoints of what its trailer will say,
// appended about every 16 MiB of data and at a clean close. It only shortens recovery: when it is
// missing or its end is damaged, the segment is scanned from the last good checkpoint, or from 0.
// One block is one checkpoint, so a torn block loses no consistency; index and aborted entries are
// written once, producers and lineage whole each time. The caller syncs the data before it appends
// a block.
import { assert } from '../../base/assert.ts'
import { FormatError } from '../../base/errors.ts'
import type { Reader } from '../../base/reader.ts'
import { MiB, type Offset } from '../../base/units.ts'
import type { Crypto } from '../../ports/crypto.ts'
import type { DiskFile } from '../../ports/disk.ts'
import { AbortedList } from '../state/aborted.ts'
import { Lineage } from '../state/lineage.ts'
import { decodeProducers } from '../state/producer-snapshot.ts'
import type { ProducerLimits } from '../state/producers.ts'
import { SegmentBuilder } from './segment-builder.ts'
import {
  TAIL_HEADER_BYTES,
  decodeTailBlock,
  encodeTailBlock,
  tailBlockBytes,
  type TailBlock,
  type TailParts,
} from './tail-block.ts'

/** Data appended to a segment between two checkpoints, about: what an unclean restart scans. */
export const CHECKPOINT_BYTES: number = 16 * MiB
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

/** A checkpoint that waits for its data to be durable. */
export interface PreparedCheckpoint {
  readonly at: number
  readonly bytes: Uint8Array
  readonly mark: BlockMark
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
    let producers: Reader | null = null
    let closed = false
    let at = 0
    for (;;) {
      const block = await readBlock(file, at, size, crypto)
      if (block === null || !continues(block, marks.at(-1), baseOffset, dataSize)) break
      builder.restore(block.state, { first: block.firstIndex, bytes: block.indexView })
      if (block.firstAborted !== aborted.length) throw new FormatError('A tail skips entries')
      aborted.decode(block.rest)
      lineage = Lineage.decode(block.rest)
      producers = block.rest
      closed = block.closed
      at += block.length
      marks.push(markOf(builder, aborted, at))
    }
    if (at < size) await file.truncate(at)
    const tail = new SegmentTail(file, options, marks)
    if (producers === null) return { tail, checkpoint: null }
    const state = decodeProducers(producers, producerLimits)
    const whole = closed && at === size
    return { tail, checkpoint: { builder, aborted, lineage, producers: state, closed: whole } }
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
   * A checkpoint of this moment, to be written once all the data that the builder has taken by now
   * is durable: else the checkpoint could outlive its data. One at a time.
   */
  prepare(parts: TailParts, close: 'closed' | 'open'): PreparedCheckpoint {
    const { builder, aborted } = parts
    const last = this.#marks.at(-1)
    assert(builder.baseOffset === this.#options.baseOffset, 'A tail belongs to its segment')
    assert(last === undefined || builder.dataLength >= last.dataLength, 'Checkpoints go forward')
    builder.settle()
    // The newest entry may have been provisional in the block before: it is stated again.
    const firstIndex = Math.max((last?.indexCount ?? 0) - 1, 0)
    const at = last?.fileEnd ?? 0
    const bytes = encodeTailBlock(this.#options.crypto, parts, {
      closed: close === 'closed',
      at,
      firstIndex,
      firstAborted: last?.abortedCount ?? 0,
    })
    return { at, bytes, mark: markOf(builder, aborted, at + bytes.length) }
  }

  /**
   * Writes a prepared checkpoint; it is in the OS when this returns, durable after the file's
   * `sync`.
   */
  write(prepared: PreparedCheckpoint): void {
    assert((this.#marks.at(-1)?.fileEnd ?? 0) === prepared.at, 'Checkpoints are written in order')
    this.#file.writeNow(prepared.at, [prepared.bytes])
    this.#marks.push(prepared.mark)
  }

  /** Prepares and writes: for data that is durable already. */
  append(parts: TailParts, close: 'closed' | 'open'): void {
    this.write(this.prepare(parts, close))
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
  block: TailBlock,
  last: BlockMark | undefined,
  baseOffset: Offset,
  dataSize: number,
): boolean {
  const { state } = block
  if (state.baseOffset !== baseOffset || state.dataLength > dataSize) return false
  return state.dataLength >= (last?.dataLength ?? 0)
}

/** The block at `at`; null when there is none that is whole and undamaged. */
async function readBlock(
  file: DiskFile,
  at: number,
  size: number,
  crypto: Crypto,
): Promise<TailBlock | null> {
  if (size - at < TAIL_HEADER_BYTES) return null
  const front = new Uint8Array(TAIL_HEADER_BYTES)
  if ((await file.read(at, front)) < front.length) return null
  const length = tailBlockBytes(front)
  if (length === 0 || length > size - at) return null
  const block = new Uint8Array(length)
  if ((await file.read(at, block)) < length) return null
  return decodeTailBlock(crypto, block, at)
}
