// What the process itself tells: processor time, memory, garbage collection, and how late the event
// loop is. Lateness is measured with a timer of our own and not with monitorEventLoopDelay, because
// that reports something else on each runtime: Node counts the interval between two ticks, Bun only
// what exceeds it, and Deno a thousandth of it.
import { PerformanceObserver } from 'node:perf_hooks'
import { clearInterval, setInterval } from 'node:timers'
import type { Telemetry } from '../../ports/telemetry.ts'

/** How often the event loop is asked whether it is late. */
const TICK_MS = 20

/** Bounds in seconds: a tick may be a millisecond late for no reason. */
const DELAY_BUCKETS_S = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** A telemetry that says when it is about to be read. */
export interface ScrapedTelemetry extends Telemetry {
  /** Calls `run` before every scrape. */
  onScrape(run: () => void): void
}

/** Registers the metrics of this process; returns what stops measuring them. */
export function watchProcess(telemetry: ScrapedTelemetry): () => void {
  watchResources(telemetry)
  const stops = [watchEventLoop(telemetry), watchCollections(telemetry)]
  return () => {
    for (const stop of stops) stop()
  }
}

function watchResources(telemetry: ScrapedTelemetry): void {
  const cpu = (mode: string): { value: number } =>
    telemetry.counter('process_cpu_seconds_total', 'Processor time used, by mode.', { mode })
  const user = cpu('user')
  const system = cpu('system')
  let memory = process.memoryUsage()
  telemetry.onScrape(() => {
    const used = process.cpuUsage()
    user.value = used.user / 1e6
    system.value = used.system / 1e6
    memory = process.memoryUsage()
  })
  const startS = Math.round(performance.timeOrigin) / 1000
  telemetry.gauge(
    'process_start_time_seconds',
    'When the process started, since 1970.',
    () => startS,
  )
  telemetry.gauge(
    'process_resident_memory_bytes',
    'Memory of the process that is in RAM.',
    () => memory.rss,
  )
  telemetry.gauge('stratalog_heap_bytes', 'Memory of JavaScript and of buffers, by kind.', () => [
    [{ kind: 'used' }, memory.heapUsed],
    [{ kind: 'reserved' }, memory.heapTotal],
    [{ kind: 'external' }, memory.external],
    [{ kind: 'array_buffers' }, memory.arrayBuffers],
  ])
}

function watchEventLoop(telemetry: Telemetry): () => void {
  const delay = telemetry.histogram(
    'stratalog_event_loop_delay_seconds',
    `How much later than asked a timer of ${TICK_MS} ms fired.`,
    DELAY_BUCKETS_S,
  )
  let last = performance.now()
  const timer = setInterval(() => {
    const now = performance.now()
    delay.observe(Math.max(0, now - last - TICK_MS) / 1000)
    last = now
  }, TICK_MS)
  timer.unref()
  return () => clearInterval(timer)
}

/** The words for the kinds of V8's collections, by their bits. */
const COLLECTIONS: readonly (readonly [bit: number, kind: string])[] = [
  [1, 'minor'],
  [2, 'minor'],
  [4, 'major'],
  [8, 'incremental'],
  [16, 'weak'],
]

/** Where the runtime tells of collections: Node. Elsewhere the series stay away. */
function watchCollections(telemetry: Telemetry): () => void {
  if ('Deno' in globalThis || 'Bun' in globalThis) return () => undefined
  const histogramOf = (kind: string): { observe(value: number): void } =>
    telemetry.histogram(
      'stratalog_gc_seconds',
      'Pauses of garbage collection, by kind.',
      [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1],
      { kind },
    )
  const byBit = new Map(COLLECTIONS.map(([bit, kind]) => [bit, histogramOf(kind)]))
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const { kind } = (entry as { detail?: { kind?: number } }).detail ?? {}
      byBit.get(kind ?? 0)?.observe(entry.duration / 1000)
    }
  })
  observer.observe({ entryTypes: ['gc'] })
  return () => observer.disconnect()
}
