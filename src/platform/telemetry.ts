// The Telemetry port: a registry of metric families that is read as text when somebody scrapes, and
// the log. One per process. A name has one type for ever, and counters end in `_total`; breaking
// that is a bug and asserted. What a gauge throws costs that gauge its lines and nothing else.
import { assert } from '../base/assert.ts'
import type { Counter, Histogram, Labels } from '../ports/telemetry.ts'
import { exposition, familyName } from './metrics/exposition.ts'
import type { MetricsFormat } from './metrics/exposition.ts'
import { BucketHistogram, isMetricName, seriesOf } from './metrics/family.ts'
import type { CounterSeries, Family, ReadGauge } from './metrics/family.ts'
import { createLogger } from './logger.ts'
import type { Logger, LoggerOptions } from './logger.ts'
import { watchProcess } from './metrics/process.ts'
import type { ScrapedTelemetry } from './metrics/process.ts'

/** The telemetry of a program: the port, and what its owner does with it. */
export interface ProgramTelemetry extends ScrapedTelemetry {
  /** All metrics as text. */
  render(format: MetricsFormat): string
  /** Stops measuring the process and writes what is left of the log. Idempotent. */
  close(): void
}

/** What a telemetry is made of. */
export interface TelemetryOptions extends LoggerOptions {
  /** Whether the process's own metrics are there too. */
  readonly processMetrics: boolean
}

/** The telemetry of this process. */
export function createTelemetry(options: TelemetryOptions): ProgramTelemetry {
  const telemetry = new PlatformTelemetry(createLogger(options))
  if (options.processMetrics) telemetry.onClose(watchProcess(telemetry))
  return telemetry
}

class PlatformTelemetry implements ProgramTelemetry {
  /** By family name, which for counters lacks `_total`, in the order of registration. */
  readonly #families = new Map<string, Family>()
  readonly #logger: Logger
  readonly #scrapes: (() => void)[] = []
  readonly #closes: (() => void)[] = []
  readonly #gaugeFailures: Counter

  constructor(logger: Logger) {
    this.#logger = logger
    this.#gaugeFailures = this.counter(
      'stratalog_telemetry_gauge_failures_total',
      'Gauges that could not be read and were left out of a scrape.',
    )
    const dropped = this.counter(
      'stratalog_telemetry_log_dropped_total',
      'Log lines dropped because standard error did not take them.',
    )
    this.onScrape(() => {
      dropped.value = logger.dropped
    })
  }

  counter(name: string, help: string, labels: Labels = {}): Counter {
    assert(isMetricName(name), 'A metric name is a word')
    assert(name.endsWith('_total'), 'The name of a counter ends in _total')
    const key = familyName(name)
    const family = this.#families.get(key) ?? newCounter(name, help)
    assert(family.kind === 'counter', 'A metric name has one type')
    this.#families.set(key, family)
    return seriesOf(family.series, labels, (pairs): CounterSeries => ({ labels: pairs, value: 0 }))
  }

  histogram(
    name: string,
    help: string,
    buckets: readonly number[],
    labels: Labels = {},
  ): Histogram {
    assert(isMetricName(name), 'A metric name is a word')
    const family = this.#families.get(name) ?? newHistogram(name, help)
    assert(family.kind === 'histogram', 'A metric name has one type')
    this.#families.set(name, family)
    return seriesOf(family.series, labels, (pairs) => new BucketHistogram(pairs, buckets))
  }

  gauge(name: string, help: string, read: ReadGauge): void {
    assert(isMetricName(name), 'A metric name is a word')
    assert(!name.endsWith('_total'), 'Only the name of a counter ends in _total')
    const known = this.#families.get(name)
    assert(known === undefined || known.kind === 'gauge', 'A metric name has one type')
    this.#families.set(name, { kind: 'gauge', name, help, read })
  }

  log(
    level: 'debug' | 'info' | 'warn' | 'error',
    event: string,
    fields?: Readonly<Record<string, unknown>>,
  ): void {
    this.#logger.log(level, event, fields)
  }

  onScrape(run: () => void): void {
    this.#scrapes.push(run)
  }

  onClose(run: () => void): void {
    this.#closes.push(run)
  }

  render(format: MetricsFormat): string {
    for (const run of this.#scrapes) run()
    return exposition(this.#families.values(), format, (metric, error) => {
      this.#gaugeFailures.value++
      this.log('warn', 'gauge failed', { metric, error })
    })
  }

  close(): void {
    for (const run of this.#closes.splice(0)) run()
    this.#logger.flush()
  }
}

const newCounter = (name: string, help: string): Family => ({
  kind: 'counter',
  name,
  help,
  series: new Map(),
})

const newHistogram = (name: string, help: string): Family => ({
  kind: 'histogram',
  name,
  help,
  series: new Map(),
})
