// Keeps a partition of `__consumer_offsets` small without a compactor. When the log holds many
// more records than live state needs, all live state is written again, slice by slice between
// other changes, and then the log before the first slice is let go. That is safe at any moment:
// whatever was live when the rewrite began has, by its end, a record at or behind its beginning,
// be it the rewritten one, a newer value or a tombstone.
import type { Journal } from './journal.ts'
import { encodeRecord } from './records.ts'
import type { GroupRecord } from './records.ts'
import type { Shard } from './shard.ts'

/** Records of one slice: small, so that commits are not kept waiting. */
const SLICE_RECORDS = 500

/** Whether a log of `records` records, of which `live` are needed, should be written again. */
export const isWorthRewriting = (records: number, live: number, recordsMin: number): boolean =>
  records - live >= recordsMin && records >= 4 * live

/** What a rewrite needs. */
export interface RewriteOptions {
  readonly shard: Shard
  readonly journal: Journal
  /** Records that were in the log when it was loaded. */
  readonly recordsBefore: number
  readonly recordsMin: number
  /** Lets the log forget what lies before an offset. */
  readonly trim: (before: number) => void
}

/** Rewrites one partition's log when that is worth it; one rewrite at a time. */
export class Rewrite {
  readonly #options: RewriteOptions
  /** Records in the log, less those taken in by the journal. */
  #recordsBase: number
  #isRunning = false

  constructor(options: RewriteOptions) {
    this.#options = options
    this.#recordsBase = options.recordsBefore
  }

  /** Begins a rewrite if it is time; cheap to ask after every change. */
  consider(): void {
    const { shard, journal, recordsMin } = this.#options
    if (this.#isRunning) return
    const records = this.#recordsBase + journal.taken
    if (!isWorthRewriting(records, shard.liveRecords, recordsMin)) return
    this.#isRunning = true
    this.#recordsBase = -journal.taken
    let first = -1
    journal.markNext((offset) => {
      first = offset
    })
    this.#slice(shard.records(), () => {
      this.#isRunning = false
      // With nothing live there was no slice, and the log waits for the next rewrite.
      if (first !== -1) this.#options.trim(first)
    })
  }

  #slice(records: Generator<GroupRecord>, done: () => void): void {
    const { journal } = this.#options
    const slice: GroupRecord[] = []
    while (slice.length < SLICE_RECORDS) {
      const next = records.next()
      if (next.done === true) break
      slice.push(next.value)
    }
    if (slice.length === 0) return done()
    journal.append(slice.map(encodeRecord))
    journal.whenDurable(() => this.#slice(records, done))
  }
}
