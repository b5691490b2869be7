// Kafka's own clients against both brokers: ProducerPerformance and ConsumerPerformance with
// records of 100 bytes. Here the client is half of the machine's work, on both sides alike.
import { startSystem, withTopic } from '../bench.ts'
import type { Bench, Row } from '../bench.ts'
import type { KafkaHome } from '../kafka/kafka.ts'
import { medianFigures } from '../report.ts'
import type { Figures, RowReport } from '../report.ts'
import { SYSTEMS } from '../targets/target.ts'
import type { Target } from '../targets/target.ts'
import { checksOf } from './produce.ts'

const RECORDS = 3_000_000
const RECORDS_QUICK = 500_000
const RECORD_BYTES = 100
const TOPIC = { partitions: 1, ackAfter: 'write' } as const
const MiB = 1024 * 1024

const recordsOf = (bench: Bench): number => (bench.plan.isQuick ? RECORDS_QUICK : RECORDS)

const figuresOf = (perSecond: number, latencies: { p50Us: number; p99Us: number }): Figures => ({
  perSecond,
  mibPerS: (perSecond * RECORD_BYTES) / MiB,
  ...latencies,
  ...{ cpuMsPerMib: null, idleMib: null, loadedMib: null },
})

async function produceWith(
  kafka: KafkaHome,
  target: Target,
  load: { readonly topic: string; readonly records: number },
): Promise<Figures> {
  const printed = await kafka.tool('org.apache.kafka.tools.ProducerPerformance', [
    ...['--topic', load.topic, '--num-records', String(load.records)],
    ...['--record-size', String(RECORD_BYTES), '--throughput', '-1', '--producer-props'],
    ...[`bootstrap.servers=127.0.0.1:${String(target.port)}`, 'acks=all'],
    ...['batch.size=65536', 'linger.ms=5'],
  ])
  const line = printed.trim().split('\n').at(-1) ?? ''
  const found = /([\d.]+) records\/sec.*?(\d+) ms 50th.*?(\d+) ms 99th/.exec(line)
  if (found === null) throw new Error(`ProducerPerformance printed ${line}`)
  const [, perSecond, p50, p99] = found.map(Number)
  return figuresOf(perSecond ?? 0, { p50Us: (p50 ?? 0) * 1000, p99Us: (p99 ?? 0) * 1000 })
}

async function consumeWith(
  kafka: KafkaHome,
  target: Target,
  load: { readonly topic: string; readonly records: number },
): Promise<Figures> {
  const printed = await kafka.tool('org.apache.kafka.tools.ConsumerPerformance', [
    ...['--topic', load.topic, '--bootstrap-server', `127.0.0.1:${String(target.port)}`],
    ...['--messages', String(load.records), '--timeout', '60000'],
  ])
  const [head = '', line = ''] = printed.trim().split('\n').slice(-2)
  const column = head.split(',').findIndex((name) => name.trim() === 'fetch.nMsg.sec')
  const perSecond = Number(line.split(',')[column]?.trim())
  if (!Number.isFinite(perSecond)) throw new Error(`ConsumerPerformance printed ${printed}`)
  return figuresOf(perSecond, { p50Us: 0, p99Us: 0 })
}

const row = (
  name: string,
  title: string,
  limit: number,
  work: (bench: Bench, kafka: KafkaHome, target: Target) => Promise<Figures>,
): Row => ({
  name,
  title,
  run: async (bench) => {
    const { kafka } = bench
    if (kafka === null) return { figures: {}, checks: [], skipped: 'no Java or no Maven' }
    const targets: { readonly target: Target; readonly all: Figures[] }[] = []
    for (const system of SYSTEMS.slice(1)) {
      const target = await startSystem(bench, system, { ackAfter: 'write' })
      if (target !== null) targets.push({ target, all: [] })
    }
    for (let round = 0; round <= bench.plan.rounds; round++) {
      for (const { target, all } of targets) {
        const one = await work(bench, kafka, target)
        bench.say(`  ${target.system}: ${one.perSecond.toFixed(0)} records/s`)
        // The first is a warm-up.
        if (round > 0) all.push(one)
      }
    }
    for (const { target } of targets) await target.remove()
    const figures: RowReport['figures'] = Object.fromEntries(
      targets.map(({ target, all }) => [target.system, medianFigures(all)]),
    )
    return { figures, checks: checksOf({ timesKafka: limit }, figures) }
  },
})

/** Kafka's producer, batches of 64 KiB and 5 ms of linger. */
export const producerTool: Row = row(
  'producer-tool',
  'ProducerPerformance, records',
  1.3,
  (bench, kafka, target) =>
    withTopic(target, TOPIC, (topic) =>
      produceWith(kafka, target, { topic, records: recordsOf(bench) }),
    ),
)

/** Kafka's consumer. */
export const consumerTool: Row = row(
  'consumer-tool',
  'ConsumerPerformance, records',
  1,
  (bench, kafka, target) =>
    withTopic(target, TOPIC, async (topic) => {
      const load = { topic, records: recordsOf(bench) }
      await produceWith(kafka, target, load)
      return consumeWith(kafka, target, load)
    }),
)
