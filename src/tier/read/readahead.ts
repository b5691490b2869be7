// Who reads on where they stopped, and how far ahead of them it is worth to read. A reader's place
// is remembered by the offset that it will ask for next. The second read in a row begins to read
// ahead by twice what was asked for, every further one doubles that, up to a bound. What is read
// ahead comes in requests of some size, so that a long read costs few of them; a reader who does
// not come back is forgotten, and what was read ahead for it is let go.
import type { Offset } from '../../base/units.ts'
import { BLOCK_BYTES } from '../manifest/block-table.ts'
import type { SegmentEntry } from '../manifest/entry.ts'
import type { Blocks, SegmentPlace } from './blocks.ts'
import type { Block } from './read-memory.ts'

/** Readers remembered per partition. */
const STREAMS_MAX = 16
/** Farthest that is read ahead of one reader, in blocks. */
export const WINDOW_MAX = 32
/** Blocks of one request, where the reader is fast enough and the segment has as many. */
const STRIDE = 8

/** What a read has found. */
export interface ColdBatches {
  readonly parts: readonly Uint8Array[]
  readonly bytes: number
  readonly nextOffset: Offset
  /** Position in the segment's data behind the last batch. */
  readonly endPosition: number
  /** Blocks that were read from there on, the first maybe in part: a next read begins with them. */
  readonly rest: readonly Block[]
  /** Lets go of all that was read. */
  release(): void
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

  /** What a read from `from` on has found, and the segments behind `place`, as far as is known. */
  after(
    place: SegmentPlace,
    following: readonly SegmentPlace[],
    from: Offset,
    read: ColdBatches,
  ): void {
    const before = this.#streams.get(from)
    this.#streams.delete(from)
    const ended = read.nextOffset >= place.entry.end || read.endPosition >= place.entry.dataLength
    const places = ended ? following : [place, ...following]
    const here = places[0]
    if (here === undefined) return
    const asked = Math.ceil(read.bytes / BLOCK_BYTES)
    const grown = before === undefined ? 0 : Math.max(before.window * 2, asked * 2)
    const window = Math.min(grown, WINDOW_MAX)
    const other = this.#streams.get(read.nextOffset)
    // Somebody who has come further stands there already, for whom more was read ahead.
    if (other !== undefined && other.window > window) return
    const ahead = window > 0 ? this.#keep(place, ended, read) : []
    const next = ended ? 0 : Math.floor(read.endPosition / BLOCK_BYTES) + read.rest.length
    ahead.push(...this.#window(places, next, window, before?.ahead ?? []))
    this.#streams.delete(read.nextOffset)
    this.#streams.set(read.nextOffset, {
      position: ended ? -1 : read.endPosition,
      entry: here.entry,
      window,
      ahead,
    })
    for (const [offset, oldest] of this.#streams) {
      if (this.#streams.size <= STREAMS_MAX) break
      this.#streams.delete(offset)
      for (const { place: gone, from: low, to: high } of oldest.ahead) {
        this.#blocks.forget(gone, low, high)
      }
    }
  }

  /** Keeps what was read already and the next read begins with. */
  #keep(place: SegmentPlace, ended: boolean, { endPosition, rest }: ColdBatches): Ahead[] {
    if (ended) return []
    const from = Math.floor(endPosition / BLOCK_BYTES)
    rest.forEach((block, i) => this.#blocks.keep(place, from + i, block))
    return [{ place, from, to: from + rest.length }]
  }

  /**
   * Reads `window` blocks ahead, from block `first` of the first place on; of them `before` were
   * asked for already.
   */
  #window(
    places: readonly SegmentPlace[],
    first: number,
    window: number,
    before: readonly Ahead[],
  ): Ahead[] {
    const stride = Math.max(Math.min(STRIDE, window, this.#blocks.aheadBlocksMax), 1)
    const ahead: Ahead[] = []
    let from = first
    let left = window
    for (const place of places) {
      const { length } = place.entry.blocks
      const known = before.findLast((one) => one.place.entry.nonce === place.entry.nonce)
      let to = Math.max(Math.min(known?.to ?? 0, length, from + left), from)
      // They wait longer: their reader is still there.
      if (to > from) this.#blocks.readAhead(place, from, to)
      left -= to - from
      while (to < length) {
        // What is left of a segment goes with the last request rather than in one of its own.
        const count = length - to <= stride * 1.5 ? length - to : stride
        if (count > left || !this.#blocks.readAhead(place, to, to + count)) break
        left -= count
        to += count
      }
      if (to > from) ahead.push({ place, from, to })
      if (to < length) break
      from = 0
    }
    return ahead
  }
}
