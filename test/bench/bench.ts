// What every row is given: the options of the run, the load generator, Kafka where it is there, and
// the one way to put a load on a target and read what it cost.
import type { KafkaHome } from './kafka/kafka.ts'
import type { LoadClient } from './load/client.ts'
import type { LoadMode, LoadOptions, LoadResult } from './load/options.ts'
import { cpuSeconds, residentMib } from './process.ts'
import type { Figures, RowReport } from './report.ts'
import { startBare } from './targets/bare.ts'
import { startOurs } from './targets/ours.ts'
import type { AckAfter, System, Target, TopicSpec } from './targets/target.ts'

/** Sampling interval of resident memory under load. */
const SAMPLE_MS = 100

/** The options of a run. */
export interface Plan {
  /** How often each system is measured; figures are medians. */
  readonly rounds: number
  /** Seconds of one measurement, after the warm-up. */
  readonly seconds: number
  readonly warmup: number
  /** Where data directories are made. */
  readonly parent: string
  readonly isQuick: boolean
}

/** The means of one run of the bench. */
export interface Bench {
  readonly plan: Plan
  /** The systems that were asked for. */
  readonly systems: readonly System[]
  readonly load: LoadClient
  readonly kafka: KafkaHome | null
  say(text: string): void
  /** The reports of the rows so far: a row may compare with earlier ones. */
  readonly reports: readonly RowReport[]
}

/** One row of the table. */
export interface Row {
  readonly name: string
  readonly title: string
  run(bench: Bench): Promise<Pick<RowReport, 'figures' | 'checks' | 'skipped'>>
}

/** Settings of our broker in every row, so that memory is comparable. */
export const OUR_SETTINGS: Readonly<Record<string, string>> = {
  'cache.bytes': String(128 * 1024 * 1024),
}

/** Starts one of the systems; null where it was not asked for or, for Kafka, is not there. */
export function startSystem(
  bench: Bench,
  system: System,
  options: { readonly ackAfter: AckAfter; readonly settings?: Readonly<Record<string, string>> },
): Promise<Target | null> {
  const { parent } = bench.plan
  if (!bench.systems.includes(system)) return Promise.resolve(null)
  const settings = { ...OUR_SETTINGS, ...options.settings }
  if (system === 'bare') return startBare(options.ackAfter, parent)
  if (system === 'ours') return startOurs({ parent, settings })
  return bench.kafka?.start(parent) ?? Promise.resolve(null)
}

let topics = 0

/** Makes a topic of a new name, hands it to `work`, and deletes it. */
export async function withTopic<T>(
  target: Target,
  topic: Omit<TopicSpec, 'name'>,
  work: (name: string) => Promise<T>,
): Promise<T> {
  const name = `bench-${String(topics++)}`
  await target.makeTopic({ ...topic, name })
  const result = await work(name)
  await target.dropTopic(name)
  return result
}

/** Runs one load on one target, and measures what it cost the target. */
export async function measure(
  bench: Bench,
  target: Target,
  mode: LoadMode,
  load: Partial<LoadOptions>,
): Promise<{ readonly figures: Figures; readonly result: LoadResult }> {
  const options = { seconds: bench.plan.seconds, warmup: bench.plan.warmup, ...load }
  const cpu = cpuSeconds(target.pid)
  let loadedMib = residentMib(target.pid)
  const timer = setInterval(() => {
    loadedMib = Math.max(loadedMib ?? 0, residentMib(target.pid) ?? 0) || null
  }, SAMPLE_MS)
  try {
    const result = await bench.load.run(mode, { ...options, port: target.port })
    const used = cpu === null ? null : (cpuSeconds(target.pid) ?? 0) - cpu
    const reading = mode === 'fetch' || mode === 'random'
    const seconds = (result.seconds ?? options.seconds) + (reading ? 0 : options.warmup)
    const mib = (result.mib_per_s ?? 0) * seconds
    const figures: Figures = {
      perSecond: result.requests_per_s ?? 0,
      mibPerS: result.mib_per_s ?? 0,
      p50Us: result.p50_us,
      p99Us: result.p99_us,
      cpuMsPerMib: used === null || mib === 0 ? null : (used * 1000) / mib,
      idleMib: null,
      loadedMib,
    }
    return { figures, result }
  } finally {
    clearInterval(timer)
  }
}
