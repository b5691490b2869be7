// Records of the story: produced one batch after the other by idempotent producers that never give
// up, hashed in the order of their offsets as they are acknowledged, and read back by a consumer of
// KafkaJS as it comes. What was acknowledged and what is read must have the same SHA-256.
import { createHash, randomBytes } from 'node:crypto'
import { Kafka, logLevel, type Consumer } from 'kafkajs'

export const PARTITIONS = 3
const VALUE_BYTES = 64 << 10
/** A batch stays below message.max.bytes. */
const VALUES_PER_BATCH = 15
/** Longest that a replay may stand still. */
const STILL_MS = 60_000

/** Of each partition: how many records, and the SHA-256 of their values in order. */
export type Sums = readonly { readonly records: number; readonly sha256: string }[]

const kafkaAt = (bootstrap: string): Kafka =>
  new Kafka({
    brokers: [bootstrap],
    logLevel: logLevel.NOTHING,
    connectionTimeout: 2_000,
    requestTimeout: 20_000,
    retry: { retries: 1_000_000, initialRetryTime: 20, maxRetryTime: 200 },
  })

/** Records on their way to a topic. */
export class Producing {
  readonly #bootstrap: string
  readonly #topic: string
  readonly #hashes = Array.from({ length: PARTITIONS }, () => createHash('sha256'))
  readonly #counts = Array.from({ length: PARTITIONS }, () => 0)
  /** Of values, which cannot be compressed. */
  acknowledgedBytes = 0

  constructor(bootstrap: string, topic: string) {
    this.#bootstrap = bootstrap
    this.#topic = topic
  }

  /** Produces `bytes` to all partitions together; resolves when all is acknowledged. */
  async run(bytes: number): Promise<void> {
    const each = Math.ceil(bytes / PARTITIONS / VALUE_BYTES)
    const partitions = Array.from({ length: PARTITIONS }, (_, partition) => partition)
    await Promise.all(partitions.map((partition) => this.#fill(partition, each)))
  }

  async #fill(partition: number, records: number): Promise<void> {
    const producer = kafkaAt(this.#bootstrap).producer({ idempotent: true, maxInFlightRequests: 1 })
    await producer.connect()
    const noise = randomBytes(VALUE_BYTES)
    for (let n = 0; n < records;) {
      const count = Math.min(VALUES_PER_BATCH, records - n)
      const messages = Array.from({ length: count }, (_, i) => {
        const value = Buffer.from(noise)
        value.write(`${String(partition)}:${String(n + i)};`)
        return { value, partition }
      })
      const [told] = await producer.send({ topic: this.#topic, acks: -1, messages })
      const base = Number(told?.baseOffset ?? -1)
      if (base !== n) throw new Error(`record ${String(n)} was given offset ${String(base)}`)
      for (const { value } of messages) this.#hashes[partition]?.update(value)
      n += count
      this.#counts[partition] = n
      this.acknowledgedBytes += count * VALUE_BYTES
    }
    await producer.disconnect()
  }

  /** What was acknowledged. To be called once. */
  sums(): Sums {
    return this.#hashes.map((hash, i) => ({
      records: this.#counts[i] ?? 0,
      sha256: hash.digest('hex'),
    }))
  }
}

/** Reads a topic from its beginning to its end, as any consumer does. */
export async function replay(bootstrap: string, topic: string): Promise<Sums> {
  const kafka = kafkaAt(bootstrap)
  const admin = kafka.admin()
  await admin.connect()
  const ends = Array.from({ length: PARTITIONS }, () => 0)
  for (const { partition, high } of await admin.fetchTopicOffsets(topic)) {
    ends[partition] = Number(high)
  }
  await admin.disconnect()
  const consumer = kafka.consumer({
    groupId: `replay-${String(process.pid)}-${String(performance.now())}`,
    maxBytesPerPartition: 8 << 20,
    maxBytes: 24 << 20,
  })
  await consumer.connect()
  try {
    return await readTo(consumer, topic, ends)
  } finally {
    await consumer.disconnect()
  }
}

async function readTo(consumer: Consumer, topic: string, ends: readonly number[]): Promise<Sums> {
  const hashes = ends.map(() => createHash('sha256'))
  const next = ends.map(() => 0)
  const { promise: done, resolve, reject } = Promise.withResolvers<undefined>()
  const isDone = (): boolean => next.every((offset, partition) => offset >= (ends[partition] ?? 0))
  const still = setTimeout(() => reject(new Error(`stands still at ${String(next)}`)), STILL_MS)
  consumer.on('consumer.crash', ({ payload }) => reject(payload.error))
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({
    autoCommit: false,
    eachBatch: async ({ batch }) => {
      for (const { offset, value } of batch.messages) {
        const wanted = next[batch.partition]
        if (Number(offset) !== wanted) {
          reject(new Error(`offset ${offset} of ${String(batch.partition)}, not ${String(wanted)}`))
        }
        hashes[batch.partition]?.update(value ?? '')
        next[batch.partition] = Number(offset) + 1
      }
      still.refresh()
      if (isDone()) resolve(undefined)
      return Promise.resolve()
    },
  })
  try {
    if (!isDone()) await done
  } finally {
    clearTimeout(still)
  }
  return hashes.map((hash, i) => ({ records: next[i] ?? 0, sha256: hash.digest('hex') }))
}
