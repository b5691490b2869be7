// `bench`: how fast a cluster takes and gives records, seen by one client. It makes a topic of its
// own and deletes it again. The client is one process in JavaScript: on a machine that it shares
// with the broker the figures are the pair's, not the broker's.
import { randomBytes } from 'node:crypto'
import { Command } from 'commander'
import { KiB, MiB } from '../../base/units.ts'
import { CODECS } from '../../ports/compression.ts'
import type { Client } from '../client/client.ts'
import { fetchRecords } from '../client/fetcher.ts'
import { Producer } from '../client/producer.ts'
import { createTopic, deleteTopic } from '../client/topics.ts'
import type { RecordTools } from '../../record/section.ts'
import type { Io } from '../io.ts'
import { megabytes, printFacts, startProgress } from '../output.ts'
import type { Services } from '../services.ts'
import { oneOf, wholeNumber } from '../values.ts'
import { withClient, withListing } from './common.ts'
import { limitsCommand } from './limits.ts'
import type { ListingFlags } from './common.ts'

const ACKS = { all: -1, '1': 1 } as const
const PAYLOAD_BYTES = 4 * MiB

interface Flags extends ListingFlags {
  readonly records: string
  readonly recordBytes: string
  readonly batchBytes: string
  readonly partitions: string
  readonly compression: string
  readonly acks: string
}

interface Plan {
  readonly topic: string
  readonly records: number
  readonly recordBytes: number
  readonly batchBytes: number
  readonly partitions: number
  readonly codec: (typeof CODECS)[number]
  readonly acks: -1 | 1
}

/** The `bench` command. */
export function benchCommand(io: Io, recordTools: NonNullable<Services['recordTools']>): Command {
  return withListing(new Command('bench'))
    .description('produce and consume records on a topic of its own, and print how fast')
    .option('--records <n>', 'how many records', '1000000')
    .option('--record-bytes <n>', 'bytes of each value', '100')
    .option('--batch-bytes <n>', 'most bytes of a batch', '16384')
    .option('--partitions <n>', 'partitions of the topic', '1')
    .option('--compression <codec>', CODECS.join(', '), 'none')
    .option('--acks <all|1>', 'who must have a record', 'all')
    .addCommand(limitsCommand(io))
    .action(async (flags: Flags) => {
      const plan = planOf(flags)
      const tools = await recordTools()
      await withClient(flags, io, async (client) => {
        await createTopic(client, { name: plan.topic, partitions: plan.partitions, settings: [] })
        try {
          const facts = await measure(io, client, tools, plan)
          await printFacts(io, facts, flags.json === true)
        } finally {
          await deleteTopic(client, plan.topic)
        }
      })
    })
}

function planOf(flags: Flags): Plan {
  return {
    topic: `stratalog-bench-${randomBytes(4).toString('hex')}`,
    records: wholeNumber(flags.records, '--records', { least: 1, most: 1e10 }),
    recordBytes: wholeNumber(flags.recordBytes, '--record-bytes', { least: 1, most: MiB }),
    batchBytes: wholeNumber(flags.batchBytes, '--batch-bytes', { least: KiB, most: 16 * MiB }),
    partitions: wholeNumber(flags.partitions, '--partitions', { least: 1, most: 10_000 }),
    codec: oneOf(CODECS, flags.compression, '--compression'),
    acks: ACKS[oneOf(['all', '1'], flags.acks, '--acks')],
  }
}

async function measure(
  io: Io,
  client: Client,
  tools: RecordTools,
  plan: Plan,
): Promise<Record<string, string | number>> {
  const bytes = plan.records * plan.recordBytes
  const ackMs: number[] = []
  const produceMs = await timed(() => produceAll(io, client, tools, plan, ackMs))
  const consumeMs = await timed(() => consumeAll(io, client, tools, plan))
  ackMs.sort((a, b) => a - b)
  const at = (share: number): number => {
    const index = Math.min(ackMs.length - 1, Math.floor(ackMs.length * share))
    return Math.round((ackMs[index] ?? 0) * 100) / 100
  }
  const rate = (ms: number): number => Math.round(plan.records / (ms / 1000))
  return {
    records: plan.records,
    recordBytes: plan.recordBytes,
    batchBytes: plan.batchBytes,
    partitions: plan.partitions,
    acks: plan.acks === -1 ? 'all' : '1',
    compression: plan.codec,
    produceRecordsPerSecond: rate(produceMs),
    produceRate: `${megabytes(bytes / (produceMs / 1000))}/s`,
    ackP50Ms: at(0.5),
    ackP99Ms: at(0.99),
    ackP999Ms: at(0.999),
    consumeRecordsPerSecond: rate(consumeMs),
    consumeRate: `${megabytes(bytes / (consumeMs / 1000))}/s`,
  }
}

async function timed(work: () => Promise<void>): Promise<number> {
  const started = performance.now()
  await work()
  return performance.now() - started
}

async function produceAll(
  io: Io,
  client: Client,
  tools: RecordTools,
  plan: Plan,
  ackMs: number[],
): Promise<void> {
  const progress = startProgress(io, 'produced')
  const producer = await Producer.open(client, tools, {
    topic: plan.topic,
    acks: plan.acks,
    codec: plan.codec,
    idempotent: plan.acks === -1,
    batchBytes: plan.batchBytes,
    onAck: (ms) => ackMs.push(ms),
  })
  // Values are windows of one random block: neither equal nor costly to make.
  const payload = Uint8Array.from(randomBytes(PAYLOAD_BYTES))
  let from = 0
  for (let record = 0; record < plan.records; record++) {
    if (from + plan.recordBytes > payload.length) from = record % 64
    const value = payload.subarray(from, from + plan.recordBytes)
    from += plan.recordBytes
    const wait = producer.append({ timestampMs: Date.now(), key: null, value })
    if (wait !== undefined) await wait
    if (record % 1024 === 0) progress.show(record, record * plan.recordBytes)
    if (io.stopped.aborted) break
  }
  await producer.flush()
  progress.clear()
}

async function consumeAll(io: Io, client: Client, tools: RecordTools, plan: Plan): Promise<void> {
  const progress = startProgress(io, 'consumed')
  const starts = new Map(Array.from({ length: plan.partitions }, (_, index) => [index, 0]))
  const options = { topic: plan.topic, starts, ends: new Map(), isolation: 'uncommitted' } as const
  let records = 0
  for await (const part of fetchRecords(client, tools, options)) {
    for (const _record of part.records) records += 1
    progress.show(records, records * plan.recordBytes)
    if (records >= plan.records) break
  }
  progress.clear()
}
