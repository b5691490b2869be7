// What one partition remembers of one producer: its epoch, its last five batches, its transaction.
// The window is one flat array of numbers made once, so that following a batch allocates nothing.
// Rules live in producers.ts; this knows only how to keep and find.
import { assert } from '../../base/assert.ts'
import { offset, type Offset } from '../../base/units.ts'

/** Batches remembered per producer: as many as Kafka's clients keep in flight. */
export const WINDOW_BATCHES = 5

/** "No offset", as on the wire. */
export const NONE: Offset = offset(-1)

/** Numbers per batch: first sequence, last sequence, base offset, end offset, timestamp. */
const FIELDS = 5

/** One producer on one partition. */
export class ProducerEntry {
  readonly producerId: number
  /** -1 until the first batch or marker. */
  epoch = -1
  /** Epoch of the coordinator that wrote the last marker; -1 before the first. */
  coordinatorEpoch = -1
  /** Timestamp of the newest batch or marker, as its records say. */
  lastTimestamp = -1
  /** Broker time of the newest batch or marker. */
  touchedMs: number
  /** First offset of the open transaction; -1 when none is. */
  transactionStart: Offset = NONE
  /** How many batches the window holds. */
  count = 0
  /** Where the oldest of them stands in the ring. */
  #oldest = 0
  readonly #window: number[] = new Array<number>(WINDOW_BATCHES * FIELDS).fill(0.5)

  constructor(producerId: number, touchedMs: number) {
    this.producerId = producerId
    this.touchedMs = touchedMs
  }

  /** Sequence of the newest record; -1 when the window is empty. */
  get lastSequence(): number {
    return this.count === 0 ? -1 : (this.#window[this.#at(this.count - 1) + 1] as number)
  }

  /** Enters `epoch`; the window of another one is forgotten. */
  moveTo(epoch: number): void {
    if (epoch === this.epoch) return
    this.epoch = epoch
    this.count = 0
    this.#oldest = 0
  }

  /** Remembers a batch, and forgets the oldest when there are five. */
  push(
    firstSequence: number,
    lastSequence: number,
    baseOffset: Offset,
    endOffset: Offset,
    timestampMs: number,
  ): void {
    if (this.count === WINDOW_BATCHES) this.#oldest = (this.#oldest + 1) % WINDOW_BATCHES
    else this.count++
    const at = this.#at(this.count - 1)
    this.#window[at] = firstSequence
    this.#window[at + 1] = lastSequence
    this.#window[at + 2] = baseOffset
    this.#window[at + 3] = endOffset
    this.#window[at + 4] = timestampMs
  }

  /** Which batch of the window has exactly these sequences; -1 if none. */
  find(firstSequence: number, lastSequence: number): number {
    for (let i = this.count - 1; i >= 0; i--) {
      const at = this.#at(i)
      if (this.#window[at] === firstSequence && this.#window[at + 1] === lastSequence) return i
    }
    return -1
  }

  /** First sequence of batch `i`, counted from the oldest. */
  firstSequenceAt(i: number): number {
    return this.#window[this.#at(i)] as number
  }

  /** Last sequence of batch `i`. */
  lastSequenceAt(i: number): number {
    return this.#window[this.#at(i) + 1] as number
  }

  /** First offset of batch `i`. */
  baseOffsetAt(i: number): Offset {
    return offset(this.#window[this.#at(i) + 2] as number)
  }

  /** Exclusive end offset of batch `i`. */
  endOffsetAt(i: number): Offset {
    return offset(this.#window[this.#at(i) + 3] as number)
  }

  /** Largest timestamp of batch `i` in milliseconds. */
  timestampAt(i: number): number {
    return this.#window[this.#at(i) + 4] as number
  }

  #at(i: number): number {
    assert(i < this.count, 'A producer window holds the batch asked for')
    return ((this.#oldest + i) % WINDOW_BATCHES) * FIELDS
  }
}
