// Transactions of one partition in the order in which they began: open ones, and ended ones whose
// marker the write quorum may not hold yet. Read_committed readers must not pass the first of them,
// or a failover that loses a marker would take back what they were shown.
import { assert } from '../../base/assert.ts'
import { offset, type Offset } from '../../base/units.ts'

/** One transaction: `markerOffset` is -1 while it is open. */
export interface TransactionSpan {
  readonly producerId: number
  readonly firstOffset: Offset
  markerOffset: number
}

/** Below this many entries, tidying is not worth its cost. */
const TIDY_LEAST = 64

/** Transactions that keep the last stable offset down. */
export class OpenTransactions {
  #spans: TransactionSpan[] = []
  /** Open ones by producer, of which each has one at most. */
  readonly #open = new Map<number, TransactionSpan>()
  #highWatermark = 0
  /** How many entries make a tidying worth its cost: twice what the last one left. */
  #tidyAt = TIDY_LEAST

  /** How many are open. */
  get count(): number {
    return this.#open.size
  }

  /** Open and lately ended ones, oldest first: borrowed. */
  get spans(): readonly TransactionSpan[] {
    return this.#spans
  }

  /** A transaction begins; later than all that are known. */
  begin(producerId: number, firstOffset: Offset): void {
    const last = this.#spans.at(-1)
    assert(last === undefined || last.firstOffset < firstOffset, 'Transactions begin in order')
    assert(!this.#open.has(producerId), 'A producer has one open transaction')
    if (this.#spans.length >= this.#tidyAt) this.#tidy()
    const span = { producerId, firstOffset, markerOffset: -1 }
    this.#spans.push(span)
    this.#open.set(producerId, span)
  }

  /** Its marker was appended at `markerOffset`. */
  end(producerId: number, firstOffset: Offset, markerOffset: Offset): void {
    const span = this.#open.get(producerId)
    assert(span !== undefined, 'A transaction that ends was open')
    assert(span.firstOffset === firstOffset, 'A transaction ends where it began')
    span.markerOffset = markerOffset
    this.#open.delete(producerId)
  }

  /** First offset of the oldest open one; null when none is. */
  firstUndecided(): Offset | null {
    if (this.#open.size === 0) return null
    for (const span of this.#spans) if (span.markerOffset < 0) return span.firstOffset
    return null
  }

  /**
   * First offset of the oldest that is open, or whose marker is at or above `highWatermark`; null
   * if none. Called whenever the high watermark moves: ended ones are forgotten by it.
   */
  firstUnstable(highWatermark: Offset): Offset | null {
    this.#highWatermark = highWatermark
    const first = this.#spans[0]
    if (first === undefined) return null
    if (this.#unstable(first)) return first.firstOffset
    this.#tidy()
    return this.#spans[0]?.firstOffset ?? null
  }

  /** Takes a lately ended one from a snapshot; in the order of their first offsets. */
  adopt(span: TransactionSpan): void {
    this.begin(span.producerId, span.firstOffset)
    if (span.markerOffset >= 0)
      this.end(span.producerId, span.firstOffset, offset(span.markerOffset))
  }

  #unstable(span: TransactionSpan): boolean {
    return span.markerOffset < 0 || span.markerOffset >= this.#highWatermark
  }

  /** Forgets those that keep nothing down any more. */
  #tidy(): void {
    this.#spans = this.#spans.filter((span) => this.#unstable(span))
    this.#tidyAt = Math.max(TIDY_LEAST, this.#spans.length * 2)
  }
}
