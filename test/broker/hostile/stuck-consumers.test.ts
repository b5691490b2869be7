// Consumers that ask for records and never read them, beside clients that mind their manners.
import { afterEach, expect, it } from 'vitest'
import { KiB, MiB } from '../../../src/base/units.ts'
import type { RunningBroker } from '../../../src/main.ts'
import { startBroker } from '../../../src/main.ts'
import { build } from '../../record/support.ts'
import { fetchFrame, fetchOnce, HostileClient, produce } from './client.ts'

const BATCH = build([{ timestampMs: 1, key: null, value: new Uint8Array(256 * KiB).fill(120) }])
const CACHE = 16 * MiB

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

/** Produces until the topic exists and takes `count` batches; fails at the first refusal. */
async function produceAll(client: HostileClient, topic: string, count: number): Promise<void> {
  for (let i = 0; i < count; i++) expect(await produce(client, topic, BATCH)).toBe(0)
}

async function created(client: HostileClient, topic: string): Promise<void> {
  const { createTopicsRequest, createTopicsResponse } =
    await import('../../../src/wire/messages/19-create-topics.ts')
  const answer = await client.ask(createTopicsRequest, createTopicsResponse, 7, {
    topics: [{ name: topic, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }],
    timeoutMs: 10_000,
  })
  expect(answer?.topics[0]?.errorCode).toBe(0)
}

it('one stuck consumer does not keep the write cache from a producer', async () => {
  broker = await startBroker({ memory: true, settings: { 'cache.bytes': String(CACHE) } })
  const producer = await connect()
  await created(producer, 'stuck')
  await produceAll(producer, 'stuck', 8)
  const stuck = await connect()
  stuck.socket.pause()
  for (let i = 0; i < 20; i++) stuck.send(fetchFrame('stuck', { offset: 0, maxBytes: 8 * MiB }))
  await produceAll(producer, 'stuck', 200)
  const reader = await connect()
  expect(await fetchOnce(reader, 'stuck', { offset: 200, maxBytes: MiB })).toMatchObject({
    code: 0,
  })
})
