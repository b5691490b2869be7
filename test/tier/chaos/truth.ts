// What a partition must hold, as its clients know it: every batch that its leader took, how far
// they were acknowledged, and where the log starts by what was promised. It outlives the processes;
// a crash cuts what was not acknowledged, a restore what the bucket did not have.
import { must } from '../../../src/base/assert.ts'

/** One batch as it was appended. */
export interface KnownBatch {
  /** Offsets `[base, end)`. */
  readonly base: number
  readonly end: number
  readonly bytes: Uint8Array
  /** Timestamp of each record in ms. */
  readonly times: readonly number[]
}

/** The truth about one partition. */
export class Truth {
  #batches: KnownBatch[] = []
  /** Exclusive end of what was acknowledged. */
  acked = 0
  /** Where the log starts for sure: what was deleted and answered. */
  start = 0
  /** The highest log start that was asked for. */
  asked = 0
  /** The highest log start that any leader has made durable. */
  durableStart = 0

  /** Exclusive end of what was appended. */
  get end(): number {
    return this.#batches.at(-1)?.end ?? this.#first
  }

  /** Where the batches begin while there are none. */
  #first = 0

  get batches(): readonly KnownBatch[] {
    return this.#batches
  }

  /** Takes a batch that continues the log. */
  append(batch: KnownBatch): void {
    if (batch.base !== this.end) throw new Error(`Appended at ${batch.base}, not at ${this.end}`)
    this.#batches.push(batch)
  }

  /** Takes a history that was there before the first process. */
  begin(batches: readonly KnownBatch[]): void {
    this.#batches = [...batches]
    this.acked = this.end
  }

  /** Forgets what lies at and above `end`. */
  cutTo(end: number): void {
    while ((this.#batches.at(-1)?.end ?? 0) > end) this.#batches.pop()
    this.#first = Math.max(this.#first, this.#batches.length === 0 ? end : 0)
    this.acked = Math.min(this.acked, end)
  }

  /** What an archive that ends at `end` and starts at `start` has is the truth from now on. */
  restart(end: number, start: number): void {
    this.cutTo(end)
    const first = Math.max(start, end)
    // Where a log starts in the middle of a batch, what is left of it is not archived.
    if (this.end < first) this.#batches = []
    this.#first = first
    this.start = start
    this.asked = start
    this.durableStart = start
    this.acked = this.end
  }

  /** Place in `batches` of the one that holds `offset`, or of the first behind it. */
  at(offset: number): number {
    let low = 0
    let high = this.#batches.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (must(this.#batches[middle], 'A batch').end <= offset) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Bytes of the batches that end behind `from`. */
  bytesFrom(from: number): number {
    let bytes = 0
    for (let i = this.at(from); i < this.#batches.length; i++) {
      bytes += must(this.#batches[i], 'A batch').bytes.length
    }
    return bytes
  }

  /** The first record of `[from, to)` at or after `timeMs`; -1 when there is none. */
  find(timeMs: number, from: number, to: number): number {
    for (let i = this.at(from); i < this.#batches.length; i++) {
      const { base, times } = must(this.#batches[i], 'A batch')
      if (base >= to) return -1
      const found = times.findIndex((time, n) => base + n >= from && time >= timeMs)
      if (found >= 0) return base + found < to ? base + found : -1
    }
    return -1
  }

  /**
   * What is wrong with `bytes`, which should be whole batches from the one that holds `from` on;
   * null when they are right. `end` hears where they end.
   */
  compare(bytes: Uint8Array, from: number, end: (offset: number) => void): string | null {
    let at = 0
    let i = this.at(from)
    while (at < bytes.length) {
      const batch = this.#batches[i]
      if (batch === undefined) return `there is more than was appended, behind ${this.end}`
      const same = Buffer.compare(bytes.subarray(at, at + batch.bytes.length), batch.bytes) === 0
      if (!same) return `offsets ${batch.base} to ${batch.end} are not what was appended`
      at += batch.bytes.length
      i++
    }
    end(i === this.at(from) ? from : must(this.#batches[i - 1], 'A batch').end)
    return null
  }
}
