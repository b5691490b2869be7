// What the program tells about itself. Metrics are plain objects that hot paths touch without a
// look-up; whoever exposes them reads them when asked. Names follow Prometheus: base units,
// `_total` for counters.

/** A number that only grows. Hot paths write `counter.value += n`. */
export interface Counter {
  value: number
}

/** A distribution in fixed buckets. */
export interface Histogram {
  /** Counts one observation, in the unit of the histogram's name. */
  observe(value: number): void
}

/** Fixed labels of one metric instance. */
export type Labels = Readonly<Record<string, string>>

/** Where metrics are registered and events are logged. */
export interface Telemetry {
  /** The counter of that name and labels; the same one when asked again. */
  counter(name: string, help: string, labels?: Labels): Counter
  /** The histogram of that name and labels; `buckets` are ascending upper bounds. */
  histogram(name: string, help: string, buckets: readonly number[], labels?: Labels): Histogram
  /** A gauge computed when scraped. The last registration of a name wins. */
  gauge(name: string, help: string, read: () => number | Iterable<readonly [Labels, number]>): void
  /** One event worth a line in the log. */
  log(
    level: 'debug' | 'info' | 'warn' | 'error',
    event: string,
    fields?: Readonly<Record<string, unknown>>,
  ): void
}

/** Latency buckets in seconds: 50 µs to 10 s. */
export const LATENCY_BUCKETS_S: readonly number[] = [
  0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5,
  5, 10,
]
