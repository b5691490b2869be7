// Latencies in fixed memory: 64 steps for each power of two of nanoseconds, so that a quantile is
// at most 1.6 % off, and histograms of several processes add up. The same steps as in load.c.

const STEPS = 64
const POWERS = 48

/** Counts of latencies by size. */
export class Histogram {
  readonly #counts: Float64Array
  #count = 0
  #maxNs = 0

  constructor(counts: readonly number[] = [], maxNs = 0) {
    this.#counts = new Float64Array(STEPS * POWERS)
    this.#counts.set(counts)
    for (const count of counts) this.#count += count
    this.#maxNs = maxNs
  }

  /** Counts one latency in milliseconds. */
  add(ms: number): void {
    const ns = Math.max(0, ms * 1e6)
    const shift = ns < STEPS ? 0 : Math.floor(Math.log2(ns)) - 5
    const index = shift * STEPS + Math.floor(ns / 2 ** shift)
    this.#counts[index] = (this.#counts[index] ?? 0) + 1
    this.#count++
    if (ns > this.#maxNs) this.#maxNs = ns
  }

  /** Forgets all. */
  clear(): void {
    this.#counts.fill(0)
    this.#count = this.#maxNs = 0
  }

  /** Adds what another process counted. */
  merge(other: { readonly counts: readonly number[]; readonly maxNs: number }): void {
    other.counts.forEach((count, index) => {
      this.#counts[index] = (this.#counts[index] ?? 0) + count
      this.#count += count
    })
    this.#maxNs = Math.max(this.#maxNs, other.maxNs)
  }

  /** For `merge`. */
  toJSON(): { counts: number[]; maxNs: number } {
    return { counts: [...this.#counts], maxNs: this.#maxNs }
  }

  /** The latency that `share` of all are below, in microseconds; the middle of its step. */
  quantileUs(share: number): number {
    let seen = 0
    for (const [index, count] of this.#counts.entries()) {
      seen += count
      if (count === 0 || seen <= share * this.#count) continue
      const middle = (index % STEPS) + (index >= STEPS ? 0.5 : 0)
      return (middle * 2 ** Math.floor(index / STEPS)) / 1000
    }
    return this.#maxNs / 1000
  }

  /** The fields of a generator's result. */
  result(): { p50_us: number; p99_us: number; p999_us: number; max_us: number } {
    return {
      p50_us: round(this.quantileUs(0.5)),
      p99_us: round(this.quantileUs(0.99)),
      p999_us: round(this.quantileUs(0.999)),
      max_us: round(this.#maxNs / 1000),
    }
  }
}

const round = (value: number): number => Math.round(value * 10) / 10
