// kafkajs 2.2.4, unmodified, against a broker of this process: the client that most of JavaScript
// has, old protocol versions throughout.
import type { Consumer, KafkaMessage } from 'kafkajs'
import kafkajs from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { must } from '../../src/base/assert.ts'
import type { RunningBroker } from '../../src/main.ts'
import { createCompression } from '../../src/platform/compression.ts'
import type { Codec } from '../../src/ports/compression.ts'
import { addressOf, brokerForTests, nameOf, samples, shown, until } from './broker.ts'

const { CompressionCodecs, CompressionTypes, ConfigResourceTypes, Kafka, logLevel } = kafkajs
const TIME_0 = 1_700_000_000_000

let broker: RunningBroker
let kafka: InstanceType<typeof Kafka>
let admin: ReturnType<InstanceType<typeof Kafka>['admin']>

beforeAll(async () => {
  // kafkajs has gzip; its other codecs are plugged in by the application.
  const compression = createCompression()
  const plug = (codec: Codec) => () => ({
    compress: ({ buffer }: { buffer: Uint8Array }) =>
      Promise.resolve(Buffer.from(compression.compress(codec, buffer))),
    decompress: (bytes: Uint8Array) =>
      Promise.resolve(Buffer.from(compression.decompress(codec, bytes, 64 << 20))),
  })
  CompressionCodecs[CompressionTypes.Snappy] = plug('snappy')
  CompressionCodecs[CompressionTypes.LZ4] = plug('lz4')
  CompressionCodecs[CompressionTypes.ZSTD] = plug('zstd')
  broker = await brokerForTests()
  kafka = new Kafka({
    brokers: [addressOf(broker)],
    logLevel: logLevel.NOTHING,
    retry: { initialRetryTime: 50, retries: 5 },
  })
  admin = kafka.admin()
  await admin.connect()
})
afterAll(async () => {
  await admin.disconnect()
  await broker.close()
})

async function topicOf(numPartitions = 1): Promise<string> {
  const topic = nameOf('kafkajs')
  await admin.createTopics({ topics: [{ topic, numPartitions }], waitForLeaders: true })
  return topic
}

type SendOptions = Omit<Parameters<ReturnType<typeof kafka.producer>['send']>[0], 'topic'>

async function send(topic: string, options: SendOptions, idempotent = false) {
  const producer = kafka.producer({ idempotent })
  await producer.connect()
  try {
    return await producer.send({ topic, ...options })
  } finally {
    await producer.disconnect()
  }
}

const numbers = (count: number, partition = 0) =>
  Array.from({ length: count }, (_, i) => ({
    partition,
    value: String(i),
    timestamp: String(TIME_0 + i),
  }))

const sampleMessages = samples.map((sample) => ({ ...sample, headers: { ...sample.headers } }))

type Got = KafkaMessage & { readonly partition: number }

interface ReadOptions {
  readonly groupId?: string
  readonly from?: string
  readonly count: number
}

/** Joins a group, reads `count` records, from an offset if asked, and leaves. */
async function read(topic: string, { groupId, from, count }: ReadOptions): Promise<Got[]> {
  const consumer = kafka.consumer({ groupId: groupId ?? nameOf('g'), maxWaitTimeInMs: 100 })
  const got: Got[] = []
  await consumer.connect()
  try {
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    await consumer.run({
      eachMessage: ({ partition, message }) => {
        if (got.length < count) got.push({ partition, ...message })
        return Promise.resolve()
      },
    })
    if (from !== undefined) {
      consumer.seek({ topic, partition: 0, offset: from })
      got.length = 0
    }
    await until(() => got.length === count)
  } finally {
    await consumer.disconnect()
  }
  return got
}

const shownMessage = ({ key, value, headers }: KafkaMessage): string =>
  shown({ key, value, headers: (headers ?? {}) as Record<string, Buffer> })

describe('kafkajs', () => {
  test.each([
    ['none', CompressionTypes.None],
    ['gzip', CompressionTypes.GZIP],
    ['snappy', CompressionTypes.Snappy],
    ['lz4', CompressionTypes.LZ4],
    ['zstd', CompressionTypes.ZSTD],
  ])('gets back what it sent with compression %s', async (_, compression) => {
    const topic = await topicOf()
    const [sent] = await send(topic, { messages: sampleMessages, compression })
    expect(sent).toMatchObject({ errorCode: 0, baseOffset: '0' })
    const got = await read(topic, { count: samples.length })
    expect(got.map(shownMessage)).toEqual(samples.map(shown))
    expect(got.map(({ offset }) => offset)).toEqual(samples.map((_sample, i) => String(i)))
  })

  test.each([0, 1, -1])('sends with acks %i', async (acks) => {
    const topic = await topicOf()
    await send(topic, { messages: sampleMessages, acks })
    const got = await read(topic, { count: samples.length })
    expect(got.map(shownMessage)).toEqual(samples.map(shown))
  })

  test('sends idempotently, batch after batch', async () => {
    const topic = await topicOf()
    const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 })
    await producer.connect()
    for (let i = 0; i < 20; i++) {
      const [sent] = await producer.send({ topic, messages: numbers(5) })
      expect(sent?.baseOffset).toBe(String(i * 5))
    }
    await producer.disconnect()
    expect(await admin.fetchTopicOffsets(topic)).toMatchObject([{ high: '100', low: '0' }])
  })

  test('sends a record of 1 MiB, and is refused one above max.message.bytes by name', async () => {
    const topic = await topicOf()
    const value = Buffer.alloc((1 << 20) - 200, 'm')
    await send(topic, { messages: [{ value }] })
    const [got] = await read(topic, { count: 1 })
    expect(must(got, 'record').value?.equals(value)).toBe(true)
    const above = send(topic, { messages: [{ value: Buffer.alloc(2 << 20) }] })
    await expect(above).rejects.toMatchObject({ type: 'MESSAGE_TOO_LARGE' })
  })

  test('reads from an offset, and finds offsets by time', async () => {
    const topic = await topicOf()
    await send(topic, { messages: numbers(100) })
    const [got] = await read(topic, { from: '42', count: 1 })
    expect(got).toMatchObject({ offset: '42', timestamp: String(TIME_0 + 42) })
    const at = await admin.fetchTopicOffsetsByTimestamp(topic, TIME_0 + 33)
    expect(at).toEqual([{ partition: 0, offset: '33' }])
    const late = await admin.fetchTopicOffsetsByTimestamp(topic, TIME_0 + 10_000_000)
    expect(late).toEqual([{ partition: 0, offset: '100' }])
  })

  test('a group resumes where it committed', async () => {
    const topic = await topicOf()
    const groupId = nameOf('g')
    await send(topic, { messages: numbers(10) })
    await read(topic, { groupId, count: 10 })
    await send(topic, { messages: numbers(3) })
    const got = await read(topic, { groupId, count: 3 })
    expect(got.map(({ offset }) => offset)).toEqual(['10', '11', '12'])
  })

  test('two members share partitions, and one takes over when the other leaves', async () => {
    const topic = await topicOf(4)
    const groupId = nameOf('g')
    const got = new Set<string>()
    const assigned = new Map<Consumer, number>()
    const join = async (): Promise<Consumer> => {
      const consumer = kafka.consumer({ groupId, heartbeatInterval: 100, maxWaitTimeInMs: 100 })
      consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
        assigned.set(consumer, payload.memberAssignment[topic]?.length ?? 0)
      })
      await consumer.connect()
      await consumer.subscribe({ topics: [topic], fromBeginning: true })
      await consumer.run({
        eachMessage: ({ partition, message }) => {
          got.add(`${partition}/${message.offset}`)
          return Promise.resolve()
        },
      })
      return consumer
    }
    const first = await join()
    const second = await join()
    try {
      await until(() => assigned.get(first) === 2 && assigned.get(second) === 2)
      const messages = [0, 1, 2, 3].flatMap((partition) => numbers(5, partition))
      await send(topic, { messages })
      await until(() => got.size === 20)
      await second.disconnect()
      await until(() => assigned.get(first) === 4)
      await send(topic, { messages })
      await until(() => got.size === 40)
    } finally {
      await first.disconnect()
      await second.disconnect()
    }
  })

  test('administers topics, partitions and configurations', async () => {
    const topic = nameOf('kafkajs')
    const configEntries = [{ name: 'retention.ms', value: '3600000' }]
    const created = await admin.createTopics({
      topics: [{ topic, numPartitions: 2, configEntries }],
    })
    expect(created).toBe(true)
    expect(await admin.createTopics({ topics: [{ topic }] })).toBe(false)
    expect(await admin.listTopics()).toContain(topic)
    await admin.createPartitions({ topicPartitions: [{ topic, count: 3 }] })
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
    expect(topics[0]?.partitions.map(({ partitionId }) => partitionId).sort()).toEqual([0, 1, 2])
    const type = ConfigResourceTypes.TOPIC
    await admin.alterConfigs({
      validateOnly: false,
      resources: [{ type, name: topic, configEntries: [{ name: 'retention.ms', value: '7' }] }],
    })
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type, name: topic, configNames: ['retention.ms'] }],
    })
    expect(resources[0]?.configEntries).toMatchObject([
      { configName: 'retention.ms', configValue: '7', isDefault: false },
    ])
    const cluster = await admin.describeCluster()
    expect(cluster.brokers).toEqual([{ nodeId: 1, ...broker.kafka }])
    await admin.deleteTopics({ topics: [topic] })
    expect(await admin.listTopics()).not.toContain(topic)
    const again = admin.deleteTopics({ topics: [topic] })
    const cause = { type: 'UNKNOWN_TOPIC_OR_PARTITION' }
    await expect(again).rejects.toMatchObject({ cause })
  })

  test('administers offsets, records and groups', async () => {
    const topic = await topicOf()
    const groupId = nameOf('g')
    await send(topic, { messages: numbers(10) })
    // It deletes only where it knows the leaders, and asks for those with the offsets.
    expect(await admin.fetchTopicOffsets(topic)).toMatchObject([{ low: '0', high: '10' }])
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '4' }] })
    expect(await admin.fetchTopicOffsets(topic)).toMatchObject([{ low: '4', high: '10' }])
    await admin.setOffsets({ groupId, topic, partitions: [{ partition: 0, offset: '6' }] })
    const committed = await admin.fetchOffsets({ groupId, topics: [topic] })
    expect(committed).toMatchObject([{ topic, partitions: [{ partition: 0, offset: '6' }] }])
    const [got] = await read(topic, { groupId, count: 4 })
    expect(got?.offset).toBe('6')
    const { groups } = await admin.listGroups()
    expect(groups).toContainEqual({ groupId, protocolType: 'consumer' })
    const described = await admin.describeGroups([groupId])
    expect(described.groups).toMatchObject([{ groupId, state: 'Empty', members: [] }])
    await admin.deleteGroups([groupId])
    const after = await admin.listGroups()
    expect(after.groups.map((group) => group.groupId)).not.toContain(groupId)
  })
})
