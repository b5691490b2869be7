// The way of one partition's changes into the log: group commit. Records that arrive in one turn,
// or while an append is under way, become one batch; there is one append at a time, so that order
// in the log is order of arrival. Whoever waits is told in that order too. After a failed append
// nothing is known of the log's end, so the journal is finished and its owner loads anew.
import { assert } from '../base/assert.ts'
import type { Clock } from '../ports/clock.ts'
import type { RecordTools } from '../record/section.ts'
import { packBatch } from './batches.ts'
import type { KeyValue } from './records.ts'

/** What a journal needs. */
export interface JournalOptions {
  readonly clock: Clock
  readonly tools: RecordTools
  readonly batchBytesMax: number
  readonly queuedRecordsMax: number
  /** Appends one batch; see OffsetsLog. */
  readonly append: (batch: Uint8Array) => Promise<{ readonly offset: number }>
  /** Called once, after the last waiter was dropped, with what the append failed with. */
  readonly onFailure: (reason: unknown) => void
}

interface Waiter {
  /** Count of records that must be durable. */
  readonly at: number
  readonly run: () => void
}

/** The journal of one partition, from one load to the next. */
export class Journal {
  readonly #options: JournalOptions
  #queue: KeyValue[] = []
  #waiters: Waiter[] = []
  /** Records taken in, and records known durable, since the beginning. */
  #taken = 0
  #durable = 0
  #isPlanned = false
  #isAppending = false
  #isClosed = false
  #marks: { readonly at: number; readonly run: (offset: number) => void }[] = []

  constructor(options: JournalOptions) {
    this.#options = options
  }

  /** Records taken in since the beginning. */
  get taken(): number {
    return this.#taken
  }

  /** Whether a request must be refused because too much waits already. */
  get isFull(): boolean {
    return this.#queue.length >= this.#options.queuedRecordsMax
  }

  /** Takes records in; they reach the log in this order. */
  append(records: readonly KeyValue[]): void {
    assert(!this.#isClosed, 'Journal takes records after its end')
    for (const record of records) this.#queue.push(record)
    this.#taken += records.length
    if (this.#isPlanned || this.#isAppending || this.#queue.length === 0) return
    this.#isPlanned = true
    this.#options.clock.turn(() => {
      this.#isPlanned = false
      this.#flush()
    })
  }

  /** Runs `run` once all taken in so far is durable; at once if it is. Never after a failure. */
  whenDurable(run: () => void): void {
    assert(!this.#isClosed, 'Journal is waited for after its end')
    if (this.#durable === this.#taken) run()
    else this.#waiters.push({ at: this.#taken, run })
  }

  /** Calls `run` with the first offset of the batch that brings the next record, once durable. */
  markNext(run: (offset: number) => void): void {
    this.#marks.push({ at: this.#taken, run })
  }

  /** Ends it without telling anyone; what the log still acknowledges is not looked at. */
  close(): void {
    this.#isClosed = true
    this.#queue = []
    this.#waiters = []
    this.#marks = []
  }

  #flush(): void {
    if (this.#isClosed || this.#queue.length === 0) return
    assert(!this.#isAppending, 'Journal appends two batches at a time')
    const { clock, tools, batchBytesMax, append } = this.#options
    const { batch, end } = packBatch(this.#queue, 0, batchBytesMax, clock.wallMs(), tools)
    this.#queue = end === this.#queue.length ? [] : this.#queue.slice(end)
    this.#isAppending = true
    append(batch).then(
      ({ offset }) => this.#acknowledged(offset, end),
      (reason: unknown) => this.#failed(reason),
    )
  }

  #acknowledged(offset: number, count: number): void {
    if (this.#isClosed) return
    this.#isAppending = false
    this.#durable += count
    const marks = this.#marks.filter(({ at }) => at < this.#durable)
    if (marks.length > 0) this.#marks = this.#marks.filter(({ at }) => at >= this.#durable)
    for (const { run } of marks) run(offset)
    // Begun before the waiters run, so that what they append shares the batch after.
    this.#flush()
    let done = 0
    for (const waiter of this.#waiters) {
      if (waiter.at > this.#durable) break
      done++
    }
    const ready = this.#waiters.splice(0, done)
    for (const { run } of ready) if (!this.#isClosed) run()
  }

  #failed(reason: unknown): void {
    if (this.#isClosed) return
    this.close()
    this.#options.onFailure(reason)
  }
}
