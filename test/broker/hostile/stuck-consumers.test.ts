// Consumers that ask for records and never read them, beside clients that mind their manners.
import { afterEach, expect, it } from 'vitest'
import { KiB, MiB } from '../../../src/base/units.ts'
import type { RunningBroker } from '../../../src/main.ts'
import { startBroker } from '../../../src/main.ts'
import { metadataRequest } from '../../../src/wire/messages/03-metadata.ts'
import {
  createTopicsRequest,
  createTopicsResponse,
} from '../../../src/wire/messages/19-create-topics.ts'
import { build } from '../../record/support.ts'
import { fetchFrame, fetchOnce, frameOf, HostileClient, produce } from './client.ts'

const BATCH = build([{ timestampMs: 1, key: null, value: new Uint8Array(256 * KiB).fill(120) }])
const CACHE = { 'cache.bytes': String(16 * MiB) }

let broker: RunningBroker | null = null
const clients: HostileClient[] = []

afterEach(async () => {
  for (const client of clients.splice(0)) client.close()
  await broker?.close()
  broker = null
})

async function connect(): Promise<HostileClient> {
  if (broker === null) throw new Error('no broker')
  const client = await HostileClient.connect(broker.kafka.port)
  clients.push(client)
  return client
}

/** A client with a new topic of one partition. */
async function producerOf(topic: string): Promise<HostileClient> {
  const client = await connect()
  const answer = await client.ask(createTopicsRequest, createTopicsResponse, 7, {
    topics: [{ name: topic, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }],
    timeoutMs: 10_000,
  })
  expect(answer?.topics[0]?.errorCode).toBe(0)
  return client
}

/** Produces `count` batches; fails at the first refusal. */
async function produceAll(client: HostileClient, topic: string, count: number): Promise<void> {
  for (let i = 0; i < count; i++) expect(await produce(client, topic, BATCH)).toBe(0)
}

it('one stuck consumer does not keep the write cache from a producer', async () => {
  broker = await startBroker({ memory: true, settings: CACHE })
  const producer = await producerOf('stuck')
  await produceAll(producer, 'stuck', 8)
  const stuck = await connect()
  stuck.socket.pause()
  for (let i = 0; i < 20; i++) stuck.send(fetchFrame('stuck', { offset: 0, maxBytes: 8 * MiB }))
  await produceAll(producer, 'stuck', 200)
  const reader = await connect()
  const read = await fetchOnce(reader, 'stuck', { offset: 200, maxBytes: MiB })
  expect(read).toMatchObject({ code: 0 })
})

it('many stuck consumers cost bounded memory, and neither producer nor reader stops', async () => {
  broker = await startBroker({
    memory: true,
    settings: { ...CACHE, 'queued.max.response.bytes': String(16 * MiB) },
  })
  const producer = await producerOf('many')
  await produceAll(producer, 'many', 60)
  const before = process.memoryUsage().rss
  const stuck = await Promise.all(Array.from({ length: 100 }, () => connect()))
  for (const [i, client] of stuck.entries()) {
    client.socket.pause()
    // Some stand at the tail, some ask for what only the disk has.
    const offset = i % 2 === 0 ? 0 : 50
    for (let n = 0; n < 5; n++) client.send(fetchFrame('many', { offset, maxBytes: 8 * MiB }))
  }
  await produceAll(producer, 'many', 80)
  const growth = process.memoryUsage().rss - before
  // 16 MiB of answers, 48 MiB of windows, the segments of the disk that lies in memory, and slack.
  expect(growth).toBeLessThan(60 * MiB + 80 * BATCH.length + 100 * MiB)
  const reader = await connect()
  const startedMs = performance.now()
  let bytes = 0
  while (bytes === 0) {
    const read = await fetchOnce(reader, 'many', { offset: 139, maxBytes: MiB, maxWaitMs: 1000 })
    expect(read).toMatchObject({ code: 0 })
    bytes = read?.bytes ?? 1
  }
  // At worst the stuck are closed once others wait: the limit is 10 s, looked at every second.
  expect(performance.now() - startedMs).toBeLessThan(13_000)
}, 30_000)

it('a client that asks for metadata and never reads is held back alone', async () => {
  broker = await startBroker({
    memory: true,
    settings: { 'connection.response.max.bytes': '1048576' },
  })
  const producer = await producerOf('meta')
  const before = process.memoryUsage().rss
  const stuck = await Promise.all(Array.from({ length: 20 }, () => connect()))
  const topics = Array.from({ length: 200 }, (_, i) => ({ name: `a.topic.that.is.not.${i}` }))
  const frame = frameOf(metadataRequest, 9, { topics, allowAutoTopicCreation: false })
  for (const client of stuck) {
    client.socket.pause()
    for (let n = 0; n < 50; n++) client.send(frame)
  }
  await produceAll(producer, 'meta', 20)
  expect(process.memoryUsage().rss - before).toBeLessThan(400 * MiB)
})

it('a fetch that waits for days ends with its connection', async () => {
  broker = await startBroker({ memory: true })
  const producer = await producerOf('days')
  await produceAll(producer, 'days', 1)
  for (let i = 0; i < 100; i++) {
    const client = await connect()
    client.send(fetchFrame('days', { offset: 1, maxBytes: MiB, maxWaitMs: 0x7fffffff }))
    client.close()
  }
  await produceAll(producer, 'days', 1)
  expect(await fetchOnce(producer, 'days', { offset: 1, maxBytes: MiB })).toMatchObject({ code: 0 })
})
