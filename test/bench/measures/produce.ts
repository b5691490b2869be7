// Produce rows: the same load on the bare server, on ours and on Kafka, in turns and several times;
// what comes out is the medians and their ratios. A row is data: load, level, targets.
import { measure, startSystem, withTopic } from '../bench.ts'
import type { Bench, Row } from '../bench.ts'
import type { LoadOptions } from '../load/options.ts'
import { residentMib, sleep } from '../process.ts'
import { medianFigures } from '../report.ts'
import type { Check, Figures, RowReport } from '../report.ts'
import { SYSTEMS } from '../targets/target.ts'
import type { AckAfter, System, Target } from '../targets/target.ts'

/**
 * Kafka's virtual machine compiles while it works: runs are not counted until one gains less than a
 * tenth over the one before, at least two and at most six.
 */
const KAFKA_WARMUPS_MIN = 2
const KAFKA_WARMUPS_MAX = 6
const KAFKA_GAIN = 1.1
/** Between two runs, so that one system's writing behind does not fall into the next one's time. */
const SETTLE_MS = 500

/** What is asked of a row; all that is given must hold. */
export interface ProduceTargets {
  /** Throughput at least this share of the bare server's. */
  readonly ofBare?: number
  /** Throughput at least this many times Kafka's. */
  readonly timesKafka?: number
  /** p50 and p99 at most this many times Kafka's, and p99 this many times the bare server's. */
  readonly p50OfKafka?: number
  readonly p99OfKafka?: number
  readonly p99OfBare?: number
  readonly p50Us?: number
  readonly p99Us?: number
  readonly perSecond?: number
}

/** A produce row. */
export interface ProduceRow {
  readonly name: string
  readonly title: string
  readonly ackAfter: AckAfter
  readonly load: Partial<LoadOptions>
  readonly targets: ProduceTargets
  /** Systems that cannot hold the load, or have no such level. */
  readonly without?: readonly System[]
}

/** A row of the table from its data. */
export function produceRow(row: ProduceRow): Row {
  return {
    name: row.name,
    title: row.title,
    run: async (bench) => {
      const figures = await produceFigures(bench, row)
      return { figures, checks: checksOf(row.targets, figures) }
    },
  }
}

/** Starts the systems of a row, lets them take turns, and returns the medians of each. */
export async function produceFigures(
  bench: Bench,
  row: Pick<ProduceRow, 'ackAfter' | 'load' | 'without'>,
): Promise<RowReport['figures']> {
  const targets: { target: Target; idleMib: number | null; all: Figures[] }[] = []
  for (const system of SYSTEMS) {
    if (row.without?.includes(system) === true) continue
    const target = await startSystem(bench, system, { ackAfter: row.ackAfter })
    if (target === null) continue
    await sleep(SETTLE_MS)
    targets.push({ target, idleMib: residentMib(target.pid), all: [] })
  }
  const kafka = targets.find(({ target }) => target.system === 'kafka')
  if (kafka !== undefined) await warmUp(bench, kafka.target, row)
  for (let round = 0; round < bench.plan.rounds; round++) {
    for (const { target, idleMib, all } of targets) {
      await sleep(SETTLE_MS)
      all.push({ ...(await produceOnce(bench, target, row)), idleMib })
    }
  }
  for (const { target } of targets) await target.remove()
  return Object.fromEntries(targets.map(({ target, all }) => [target.system, medianFigures(all)]))
}

async function warmUp(
  bench: Bench,
  target: Target,
  row: Pick<ProduceRow, 'ackAfter' | 'load'>,
): Promise<void> {
  let before = 0
  for (let i = 1; i <= (bench.plan.isQuick ? 1 : KAFKA_WARMUPS_MAX); i++) {
    const { perSecond } = await produceOnce(bench, target, row)
    if (i >= KAFKA_WARMUPS_MIN && perSecond < before * KAFKA_GAIN) return
    before = perSecond
  }
}

/** One measurement on a topic of its own. */
export function produceOnce(
  bench: Bench,
  target: Target,
  row: Pick<ProduceRow, 'ackAfter' | 'load'>,
): Promise<Figures> {
  const topic = { partitions: row.load.partitions ?? 1, ackAfter: row.ackAfter }
  return withTopic(target, topic, async (name) => {
    const { figures } = await measure(bench, target, 'produce', { ...row.load, topic: name })
    bench.say(
      `  ${target.system}: ${figures.perSecond.toFixed(0)}/s, p99 ${String(figures.p99Us)} µs`,
    )
    return figures
  })
}

/** The targets of a row as checks, as far as the systems they speak of were there. */
export function checksOf(targets: ProduceTargets, figures: RowReport['figures']): Check[] {
  const { bare, ours, kafka } = figures
  if (ours === undefined) return []
  const checks: Check[] = []
  const add = (
    limit: number | undefined,
    other: Figures | undefined,
    check: { what: string; unit: string; bound: Check['bound']; value: (one: Figures) => number },
  ): void => {
    if (limit === undefined || other === undefined) return
    const value = check.value(other)
    checks.push({ what: check.what, unit: check.unit, bound: check.bound, value, limit })
  }
  const speed = (one: Figures): number => ours.perSecond / one.perSecond
  const p99 = (one: Figures): number => ours.p99Us / one.p99Us
  const p50 = (one: Figures): number => ours.p50Us / one.p50Us
  const least = { bound: 'least' } as const
  const most = { bound: 'most' } as const
  add(targets.ofBare, bare, { what: 'of bare', unit: '%', ...least, value: speed })
  add(targets.timesKafka, kafka, { what: 'of Kafka', unit: 'x', ...least, value: speed })
  add(targets.p50OfKafka, kafka, { what: "p50 of Kafka's", unit: 'x', ...most, value: p50 })
  add(targets.p99OfKafka, kafka, { what: "p99 of Kafka's", unit: 'x', ...most, value: p99 })
  add(targets.p99OfBare, bare, { what: "p99 of bare's", unit: 'x', ...most, value: p99 })
  add(targets.p50Us, ours, { what: 'p50', unit: 'µs', ...most, value: (one) => one.p50Us })
  add(targets.p99Us, ours, { what: 'p99', unit: 'µs', ...most, value: (one) => one.p99Us })
  add(targets.perSecond, ours, { what: 'rate', unit: '/s', ...least, value: (o) => o.perSecond })
  return checks
}
