// What is counted: a family is one metric name, a series one set of labels under it. Hot paths hold
// a series and touch plain numbers; everything that costs (names, labels, text) is paid when a
// series is registered or scraped. It knows nothing of text formats.
import { assert } from '../../base/assert.ts'
import type { Counter, Histogram, Labels } from '../../ports/telemetry.ts'

/**
 * Label sets one family may have. Further ones are counted together, under labels whose values
 * are all OTHER: a label that clients choose must not become a leak.
 */
export const SERIES_MAX = 2_000

/** Value of every label of the series that takes what is above SERIES_MAX. */
export const OTHER = 'other'

/** Labels in the order of their names. */
export type LabelPairs = readonly (readonly [name: string, value: string])[]

/** A counter and what it is labelled with. */
export interface CounterSeries extends Counter {
  readonly labels: LabelPairs
}

/** A distribution and what it is labelled with. */
export interface HistogramSeries extends Histogram {
  readonly labels: LabelPairs
  /** Ascending upper bounds, inclusive. */
  readonly bounds: readonly number[]
  /** Observations per bucket, not cumulated; one more than bounds, for those above the last. */
  readonly counts: Float64Array
  /** Sum of all observations. */
  readonly sum: number
}

/** Computes a gauge when it is scraped. */
export type ReadGauge = () => number | Iterable<readonly [Labels, number]>

/** One metric name. */
export type Family =
  | {
      readonly kind: 'counter'
      readonly name: string
      readonly help: string
      readonly series: Map<string, CounterSeries>
    }
  | {
      readonly kind: 'histogram'
      readonly name: string
      readonly help: string
      readonly series: Map<string, HistogramSeries>
    }
  | {
      readonly kind: 'gauge'
      readonly name: string
      readonly help: string
      readonly read: ReadGauge
    }

const METRIC_NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/
const LABEL_NAME = /^(?!__)[a-zA-Z_][a-zA-Z0-9_]*$/

/** Whether `name` may name a metric. */
export const isMetricName = (name: string): boolean => METRIC_NAME.test(name)

/** The labels in the order of their names. Asserts that the names are legal. */
export function labelPairs(labels: Labels): LabelPairs {
  const pairs = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1))
  for (const [name] of pairs) {
    assert(LABEL_NAME.test(name), 'A label name is a word that does not begin with __')
    assert(name !== 'le', 'The label le belongs to histogram buckets')
  }
  return pairs
}

/** The series of `labels`, made by `make` if there is none and there is room. */
export function seriesOf<Series>(
  series: Map<string, Series>,
  labels: Labels,
  make: (pairs: LabelPairs) => Series,
): Series {
  const pairs = labelPairs(labels)
  const key = JSON.stringify(pairs)
  const known = series.get(key)
  if (known !== undefined) return known
  if (series.size < SERIES_MAX || pairs.every(([, value]) => value === OTHER)) {
    const made = make(pairs)
    series.set(key, made)
    return made
  }
  return seriesOf(series, Object.fromEntries(pairs.map(([name]) => [name, OTHER])), make)
}

/** A histogram in fixed buckets. */
export class BucketHistogram implements HistogramSeries {
  readonly labels: LabelPairs
  readonly bounds: readonly number[]
  readonly counts: Float64Array
  #sum = 0

  constructor(labels: LabelPairs, bounds: readonly number[]) {
    assert(bounds.length > 0, 'A histogram has buckets')
    for (let i = 1; i < bounds.length; i++) {
      assert((bounds[i] ?? 0) > (bounds[i - 1] ?? 0), 'Bucket bounds ascend')
    }
    this.labels = labels
    // The bucket above all others is always there; a caller that names it means the same.
    this.bounds = bounds.at(-1) === Infinity ? bounds.slice(0, -1) : bounds
    this.counts = new Float64Array(this.bounds.length + 1)
  }

  get sum(): number {
    return this.#sum
  }

  observe(value: number): void {
    const { bounds, counts } = this
    let low = 0
    let high = bounds.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (value <= (bounds[middle] as number)) high = middle
      else low = middle + 1
    }
    counts[low] = (counts[low] as number) + 1
    this.#sum += value
  }
}
