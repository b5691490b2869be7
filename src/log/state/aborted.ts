// Aborted transactions of one segment: those whose abort marker lies in it. A read_committed reader
// is told of every one that overlaps what it was given, also of those that began long before.
// Entries stand in the order of their markers; each carries the last stable offset at that moment,
// which tells a reader when no later marker can reach back into its range. Pure.
import { assert } from '../../base/assert.ts'
import { FormatError } from '../../base/errors.ts'
import type { Reader } from '../../base/reader.ts'
import { offset, type Offset } from '../../base/units.ts'
import type { Writer } from '../../base/writer.ts'

/** One aborted transaction of one producer. */
export interface AbortedSpan {
  readonly producerId: number
  /** First offset of its data in this partition. */
  readonly firstOffset: Offset
  /** Offset of its abort marker. */
  readonly lastOffset: Offset
  /** Everything below was decided once the marker was there. */
  readonly lastStableOffset: Offset
}

const ENTRY_BYTES = 32

/** Aborted transactions in marker order. */
export class AbortedList {
  readonly #spans: AbortedSpan[] = []

  /** How many there are. */
  get length(): number {
    return this.#spans.length
  }

  /** All of them, borrowed. */
  get spans(): readonly AbortedSpan[] {
    return this.#spans
  }

  /** Adds one whose marker comes after all the others. */
  push(span: AbortedSpan): void {
    const last = this.#spans.at(-1)
    assert(span.firstOffset <= span.lastOffset, 'An aborted transaction begins before it ends')
    assert(last === undefined || last.lastOffset < span.lastOffset, 'Abort markers come in order')
    this.#spans.push(span)
  }

  /** Forgets those whose marker lies at or after `end`. */
  truncateFromEnd(end: Offset): void {
    this.#spans.length = this.#firstMarkerAt(end)
  }

  /**
   * Adds to `into` every aborted transaction with an offset in `[from, to)`. True when no later
   * segment can hold another one; else the caller goes on with the next segment.
   */
  collect(from: Offset, to: Offset, into: AbortedSpan[]): boolean {
    for (let i = this.#firstMarkerAt(from); i < this.#spans.length; i++) {
      const span = this.#spans[i] as AbortedSpan
      if (span.firstOffset < to) into.push(span)
      if (span.lastStableOffset >= to) return true
    }
    return false
  }

  /** Appends the count and 32 bytes an entry, from entry `first` on, to `to`. */
  encode(to: Writer, first = 0): void {
    to.uint32(this.#spans.length - first)
    for (let i = first; i < this.#spans.length; i++) {
      const span = this.#spans[i] as AbortedSpan
      to.int64(span.producerId)
      to.int64(span.firstOffset)
      to.int64(span.lastOffset)
      to.int64(span.lastStableOffset)
    }
  }

  /** Reads what `encode` wrote and adds it. Throws FormatError when cut short or out of order. */
  decode(from: Reader): void {
    const count = from.uint32()
    if (count > from.left / ENTRY_BYTES) throw new FormatError('An aborted list is cut short')
    let last: number = this.#spans.at(-1)?.lastOffset ?? -1
    for (let i = 0; i < count; i++) {
      const producerId = from.int64()
      const firstOffset = offset(from.int64())
      const lastOffset = offset(from.int64())
      const lastStableOffset = offset(from.int64())
      if (lastOffset <= last || firstOffset > lastOffset || firstOffset < 0) {
        throw new FormatError('An aborted list is out of order')
      }
      this.#spans.push({ producerId, firstOffset, lastOffset, lastStableOffset })
      last = lastOffset
    }
  }

  /** Index of the first entry whose marker lies at or after `from`. */
  #firstMarkerAt(from: Offset): number {
    let low = 0
    let high = this.#spans.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#spans[middle] as AbortedSpan).lastOffset < from) low = middle + 1
      else high = middle
    }
    return low
  }
}
