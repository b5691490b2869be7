// Who reads on where they stopped, and how far ahead of them it is worth to read. A reader's place
// is remembered by the offset that it will ask for next. The second read in a row begins to read
// ahead by twice what was asked for, every further one doubles that, up to a bound; a reader who
// does not come back is forgotten, and what was read ahead for it is let go.
import type { Offset } from '../../base/units.ts'
import { BLOCK_BYTES } from '../manifest/block-table.ts'
import type { SegmentEntry } from '../manifest/entry.ts'
import type { Blocks, SegmentPlace } from './blocks.ts'

/** Readers remembered per partition. */
const STREAMS_MAX = 16
/** Farthest that is read ahead of one reader, in blocks. */
export const WINDOW_MAX = 32
/** Blocks that one request should have at least, once it is worth to read ahead. */
const STRIDE_MAX = 8

/** What a read has found. */
export interface ColdBatches {
  readonly parts: readonly Uint8Array[]
  readonly bytes: number
  readonly nextOffset: Offset
  /** Position in the segment's data behind the last batch. */
  readonly endPosition: number
}

/** Blocks `[from, to)` of a segment that were read ahead. */
interface Ahead {
  readonly place: SegmentPlace
  readonly from: number
  readonly to: number
}

/** A reader that may go on. */
interface Stream {
  /** Where its next batch begins; -1 at the beginning of another segment. */
  readonly position: number
  readonly entry: SegmentEntry
  /** Blocks to read ahead from the reader's place on; 0 for who has read only once. */
  readonly window: number
  readonly ahead: readonly Ahead[]
}

/** Reads ahead of one partition's readers. */
export class Readahead {
  readonly #blocks: Blocks
  /** By the offset that comes next, the one that was heard of last at the end. */
  readonly #streams = new Map<Offset, Stream>()

  constructor(blocks: Blocks) {
    this.#blocks = blocks
  }

  /**
   * Where the batch that begins with `from` lies in `entry`, if a reader stopped there; else -1.
   */
  position(entry: SegmentEntry, from: Offset): number {
    const stream = this.#streams.get(from)
    return stream !== undefined && stream.entry.nonce === entry.nonce ? stream.position : -1
  }

  /** Whether a reader stopped at `from`. */
  knows(from: Offset): boolean {
    return this.#streams.has(from)
  }

  /** A read of blocks `[first, end)` from `from` on is about to be made. */
  before(place: SegmentPlace, from: Offset, first: number, end: number): void {
    const stream = this.#streams.get(from)
    if (stream === undefined || stream.window === 0) return
    // The part that is wanted now is asked for together with what comes behind it.
    this.#ahead(place, first, Math.max(end, first + Math.min(stream.window, STRIDE_MAX)))
  }

  /** What a read from `from` on has found, and the segments behind `place`, as far as is known. */
  after(
    place: SegmentPlace,
    following: readonly SegmentPlace[],
    from: Offset,
    read: ColdBatches,
  ): void {
    const before = this.#streams.get(from)
    this.#streams.delete(from)
    const ended = read.nextOffset >= place.entry.end
    const places = ended ? following : [place, ...following]
    const here = places[0]
    if (here === undefined) return
    const asked = Math.ceil(read.bytes / BLOCK_BYTES)
    const grown = before === undefined ? 0 : Math.max(before.window * 2, asked * 2)
    const window = Math.min(grown, WINDOW_MAX)
    const at = ended ? 0 : Math.floor(read.endPosition / BLOCK_BYTES)
    this.#streams.set(read.nextOffset, {
      position: ended ? -1 : read.endPosition,
      entry: here.entry,
      window,
      ahead: this.#window(places, at, window),
    })
    for (const [offset, oldest] of this.#streams) {
      if (this.#streams.size <= STREAMS_MAX) break
      this.#streams.delete(offset)
      for (const { place: gone, from: low, to: high } of oldest.ahead) {
        this.#blocks.forget(gone, low, high)
      }
    }
  }

  /** Reads `window` blocks ahead, from block `at` of the first place on. */
  #window(places: readonly SegmentPlace[], at: number, window: number): Ahead[] {
    const ahead: Ahead[] = []
    let from = at
    let left = window
    for (const place of places) {
      if (left <= 0) break
      const to = Math.min(from + left, place.entry.blocks.length)
      this.#ahead(place, from, to)
      ahead.push({ place, from, to })
      left -= to - from
      from = 0
    }
    return ahead
  }

  /** In requests of bounded size, so that the first blocks are there before the last. */
  #ahead(place: SegmentPlace, from: number, to: number): void {
    for (let at = from; at < to; at += STRIDE_MAX) {
      this.#blocks.readAhead(place, at, Math.min(at + STRIDE_MAX, to))
    }
  }
}
