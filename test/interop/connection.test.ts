// What clients do to a connection that no table of messages tells: bytes behind a request, and
// closing it right after the last one.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Kafka, logLevel } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { RunningBroker } from '../../src/main.ts'
import { startBroker } from '../../src/main.ts'
import { metadataResponse } from '../../src/wire/messages/03-metadata.ts'
import { produceRequest } from '../../src/wire/messages/00-produce.ts'
import { buildBatch } from '../../src/record/builder.ts'
import { createCompression } from '../../src/platform/compression.ts'
import { createCrypto } from '../../src/platform/crypto.ts'
import { askFor, frame, frameOf, sendAndClose } from './raw.ts'

let broker: RunningBroker
let dataDir: string
const free = { host: '127.0.0.1', port: 0 }
const small = { 'journal.file.bytes': String(4 << 20), 'cache.bytes': String(32 << 20) }
const tools = { compression: createCompression(), crypto: createCrypto() }
const three = [1, 2, 3].map((n) => ({ timestampMs: n, key: null, value: Uint8Array.of(n) }))

beforeAll(async () => {
  // A disk that takes its time, so that a client may be gone before a partition is open.
  dataDir = await mkdtemp(join(tmpdir(), 'stratalog-interop-'))
  broker = await startBroker({ dataDir, kafka: free, http: free, settings: small })
})
afterAll(async () => {
  await broker.close()
  await rm(dataDir, { recursive: true, force: true })
})

const admin = async <T>(use: (admin: ReturnType<Kafka['admin']>) => Promise<T>): Promise<T> => {
  const { host, port } = broker.kafka
  const kafka = new Kafka({ brokers: [`${host}:${port}`], logLevel: logLevel.NOTHING })
  const client = kafka.admin()
  await client.connect()
  try {
    return await use(client)
  } finally {
    await client.disconnect()
  }
}

describe('KafkaConnection', () => {
  test('skips bytes behind a body, as librdkafka 2.16 sends them for all topics', async () => {
    // Its null list takes four bytes where one is meant; Kafka reads the first and skips the rest.
    const body = Uint8Array.of(0, 0, 0, 0, 1, 0, 0)
    const asked = frame({ key: 3, version: 13, flexible: true }, body)
    const answer = { schema: metadataResponse, version: 13, flexible: true }
    const { brokers } = await askFor(broker.kafka.port, [asked], answer)
    expect(brokers.map(({ port }) => port)).toEqual([broker.kafka.port])
  })

  test('appends what was sent with acks=0 before a close, partition open or not', async () => {
    const topic = 'sent-and-gone'
    await admin((client) =>
      client.createTopics({ topics: [{ topic, numPartitions: 8 }], waitForLeaders: true }),
    )
    for (let index = 0; index < 8; index++) {
      const one = frameOf(
        produceRequest,
        { version: 7, flexible: false },
        {
          transactionalId: null,
          acks: 0,
          timeoutMs: 1000,
          topicData: [
            { name: topic, partitionData: [{ index, records: buildBatch(three, {}, tools) }] },
          ],
        },
      )
      await sendAndClose(broker.kafka.port, [one, one])
    }
    await expect
      .poll(async () => {
        const offsets = await admin((client) => client.fetchTopicOffsets(topic))
        return offsets.map(({ offset }) => offset)
      })
      .toEqual(Array.from({ length: 8 }, () => '6'))
  })
})
