// The table as data: every row of `npm run bench`, in the order in which it is run and printed,
// with what is asked of it. A batch of 158 records of 100 bytes is 16 KiB and some.
import type { Row } from './bench.ts'
import { besideConnections, besidePartitions } from './measures/beside.ts'
import { heaviestMemory } from './measures/memory.ts'
import { deliveryRow, fetchFromCache, fetchFromDisk, randomReads } from './measures/read.ts'
import { startRows } from './measures/start.ts'
import { tierBeside, tierFar, tierThroughput } from './measures/tier.ts'
import { consumerTool, producerTool } from './measures/tools.ts'
import { partitionsRow } from './measures/partitions.ts'
import { produceRow } from './measures/produce.ts'
import type { ProduceRow } from './measures/produce.ts'
import type { AckAfter } from './targets/target.ts'

const ONE = { connections: 1, depth: 8 }
const SIXTEEN = { connections: 16, depth: 4 }
const SPREAD = { connections: 64, depth: 4, partitions: 16 }
const LARGE = { connections: 4, depth: 2, records: 9000 }
const SINGLE = { connections: 16, depth: 8, records: 1, bytes: 1024 }
const PIPELINED = { connections: 1, depth: 256, records: 1, bytes: 1024 }
const SLOW = { connections: 1, depth: 64, records: 1, bytes: 1024, rate: 1000 }
const BUSY = { connections: 4, depth: 64, records: 1, bytes: 1024, rate: 10_000 }

const produce = (
  name: string,
  title: string,
  load: ProduceRow['load'],
  targets: ProduceRow['targets'],
): ProduceRow => {
  const ackAfter = name.slice(name.lastIndexOf('-') + 1) as AckAfter
  return { name, title, ackAfter, load, targets }
}

/** The produce rows whose speed must not suffer from idle connections and partitions. */
export const CORE: readonly ProduceRow[] = [
  produce('one-write', '16 KiB, 1 × 8', ONE, { ofBare: 0.7, timesKafka: 5.5, p99OfKafka: 0.5 }),
  produce('sixteen-write', '16 KiB, 16 × 4', SIXTEEN, {
    ...{ ofBare: 0.7, timesKafka: 3, p99OfKafka: 0.25 },
  }),
  produce('spread-write', '16 KiB, 64 × 4 over 16 partitions', SPREAD, {
    ...{ ofBare: 0.7, timesKafka: 2, p99OfKafka: 0.5 },
  }),
  produce('one-fsync', '16 KiB, 1 × 8', ONE, { ofBare: 0.7, timesKafka: 5, p99OfKafka: 0.5 }),
  produce('sixteen-fsync', '16 KiB, 16 × 4', SIXTEEN, {
    ...{ ofBare: 0.7, timesKafka: 12, p99OfKafka: 0.5 },
  }),
  produce('spread-fsync', '16 KiB, 64 × 4 over 16 partitions', SPREAD, {
    ...{ ofBare: 0.7, timesKafka: 5.5, p99OfKafka: 0.5 },
  }),
]

const SIZES: readonly ProduceRow[] = [
  produce('large-write', '1 MiB, 4 × 2', LARGE, { ofBare: 0.7, timesKafka: 2.2 }),
  produce('large-fsync', '1 MiB, 4 × 2', LARGE, { ofBare: 0.7, timesKafka: 1.5 }),
  produce('single-write', '1 KiB one by one, 16 × 8', SINGLE, { ofBare: 0.5, timesKafka: 2.3 }),
  produce('single-fsync', '1 KiB one by one, 16 × 8', SINGLE, { ofBare: 0.5, timesKafka: 7 }),
  produce('pipelined-write', '1 KiB one by one, 1 × 256', PIPELINED, { perSecond: 90_000 }),
]

const MILLISECOND = { p99Us: 1000 }
const CLOSE = { p50OfKafka: 1, p99OfBare: 2 }
const PACED: readonly ProduceRow[] = [
  produce('slow-memory', '1 KiB at 1,000/s', SLOW, { ...CLOSE, ...MILLISECOND }),
  produce('slow-write', '1 KiB at 1,000/s', SLOW, { ...CLOSE, ...MILLISECOND }),
  produce('slow-fsync', '1 KiB at 1,000/s', SLOW, CLOSE),
  produce('busy-memory', '1 KiB at 10,000/s', BUSY, { ...CLOSE, ...MILLISECOND }),
  produce('busy-write', '1 KiB at 10,000/s', BUSY, { ...CLOSE, ...MILLISECOND }),
  // Kafka cannot hold this rate with a sync for every message.
  { ...produce('busy-fsync', '1 KiB at 10,000/s', BUSY, { p99OfBare: 2 }), without: ['kafka'] },
]

/** All rows. */
export const ROWS: readonly Row[] = [
  ...CORE.map(produceRow),
  partitionsRow,
  ...SIZES.map(produceRow),
  ...PACED.map(produceRow),
  deliveryRow,
  fetchFromCache,
  fetchFromDisk,
  randomReads,
  producerTool,
  consumerTool,
  ...startRows,
  ...CORE.slice(0, 2).flatMap((row) => [besideConnections(row), besidePartitions(row)]),
  heaviestMemory,
  tierThroughput,
  tierFar,
  tierBeside,
]
