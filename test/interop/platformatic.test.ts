// @platformatic/kafka 2.12.1, unmodified, against a broker of this process: a client of the current
// protocol versions, with no code in common with kafkajs.
import {
  Admin,
  ConfigResourceTypes,
  Consumer,
  MessagesStreamModes,
  Producer,
  ProduceAcks,
} from '@platformatic/kafka'
import type { ConfigDescription, Message } from '@platformatic/kafka'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { must } from '../../src/base/assert.ts'
import type { RunningBroker } from '../../src/main.ts'
import type { Sample } from './broker.ts'
import { addressOf, brokerForTests, nameOf, samples, shown, until } from './broker.ts'

const TIME_0 = 1_700_000_000_000n

let broker: RunningBroker
let admin: Admin

beforeAll(async () => {
  broker = await brokerForTests()
  admin = new Admin(base())
})
afterAll(async () => {
  await admin.close()
  await broker.close()
})

const base = () => ({
  clientId: 'interop',
  bootstrapBrokers: [addressOf(broker)],
  retries: 3,
  retryDelay: 50,
})

async function topicOf(partitions = 1): Promise<string> {
  const topic = nameOf('platformatic')
  await admin.createTopics({ topics: [topic], partitions, replicas: 1 })
  return topic
}

type Sent = Parameters<Producer['send']>[0]
type Options = Omit<Sent, 'messages'> & { readonly partition?: number }

/** Sends samples, or numbers up to `count`, to one partition. */
async function send(topic: string, what: readonly Sample[] | number, options: Options = {}) {
  const producer = new Producer(base())
  const { partition = 0, ...rest } = options
  const records =
    typeof what === 'number'
      ? Array.from({ length: what }, (_, i) => ({
          key: null,
          value: Buffer.from(String(i)),
          headers: {},
        }))
      : what
  const messages = records.map(({ key, value, headers }, i) => ({
    topic,
    partition,
    timestamp: TIME_0 + BigInt(i),
    // The client takes absence for null.
    ...(key === null ? {} : { key }),
    ...(value === null ? {} : { value }),
    headers: new Map(Object.entries(headers).map(([name, bytes]) => [Buffer.from(name), bytes])),
  }))
  try {
    return await producer.send({ ...rest, messages })
  } finally {
    await producer.close()
  }
}

type Got = Message<Buffer, Buffer, Buffer, Buffer>

interface ReadOptions {
  readonly groupId?: string
  readonly from?: bigint
  readonly count: number
}

/** Reads `count` records from an offset, or from where the group stands, and commits them. */
async function read(topic: string, { groupId, from, count }: ReadOptions): Promise<Got[]> {
  const consumer = new Consumer({ ...base(), groupId: groupId ?? nameOf('g'), maxWaitTime: 100 })
  const got: Got[] = []
  try {
    const stream = await consumer.consume({
      topics: [topic],
      autocommit: false,
      ...(groupId === undefined
        ? {
            mode: MessagesStreamModes.MANUAL,
            offsets: [{ topic, partition: 0, offset: from ?? 0n }],
          }
        : { mode: MessagesStreamModes.COMMITTED, fallbackMode: 'earliest' as const }),
    })
    for await (const message of stream) {
      got.push(message)
      if (groupId !== undefined) await message.commit()
      if (got.length === count) break
    }
  } finally {
    await consumer.close(true)
  }
  return got
}

/** The client says undefined, against its own types, where a key or a value is null. */
const shownMessage = ({ key, value, headers }: Got): string =>
  shown({
    key: key ?? null,
    value: value ?? null,
    headers: Object.fromEntries([...headers].map(([name, bytes]) => [name.toString(), bytes])),
  })

describe('@platformatic/kafka', () => {
  test.each(['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const)(
    'gets back what it sent with compression %s',
    async (compression) => {
      const topic = await topicOf()
      const { offsets } = await send(topic, samples, { compression })
      expect(offsets).toEqual([{ topic, partition: 0, offset: 0n }])
      const got = await read(topic, { count: samples.length })
      expect(got.map(shownMessage)).toEqual(samples.map(shown))
      expect(got.map(({ offset }) => Number(offset))).toEqual(samples.map((_, i) => i))
    },
  )

  test.each([ProduceAcks.NO_RESPONSE, ProduceAcks.LEADER, ProduceAcks.ALL])(
    'sends with acks %i',
    async (acks) => {
      const topic = await topicOf()
      await send(topic, samples, { acks })
      const got = await read(topic, { count: samples.length })
      expect(got.map(shownMessage)).toEqual(samples.map(shown))
    },
  )

  test('sends idempotently, batch after batch', async () => {
    const topic = await topicOf()
    const producer = new Producer({ ...base(), idempotent: true })
    for (let i = 0; i < 20; i++) {
      const message = { topic, partition: 0, value: Buffer.from(String(i)) }
      const { offsets } = await producer.send({ messages: [message, message] })
      expect(offsets).toEqual([{ topic, partition: 0, offset: BigInt(i * 2) }])
    }
    await producer.close()
  })

  test('sends a record of 1 MiB', async () => {
    const topic = await topicOf()
    const value = Buffer.alloc((1 << 20) - 200, 'm')
    await send(topic, [{ key: null, value, headers: {} }])
    const [got] = await read(topic, { count: 1 })
    expect(must(got, 'record').value.equals(value)).toBe(true)
  })

  test('reads from an offset, and finds offsets by time', async () => {
    const topic = await topicOf()
    await send(topic, 100)
    const [got] = await read(topic, { from: 42n, count: 1 })
    expect(got).toMatchObject({ offset: 42n, timestamp: TIME_0 + 42n })
    const offsetAt = async (timestamp: bigint): Promise<bigint | undefined> => {
      const partitions = [{ partitionIndex: 0, timestamp }]
      const [listed] = await admin.listOffsets({ topics: [{ name: topic, partitions }] })
      return listed?.partitions[0]?.offset
    }
    expect(await offsetAt(TIME_0 + 33n)).toBe(33n)
    expect(await offsetAt(TIME_0 + 1_000_000n)).toBe(-1n)
    expect(await offsetAt(-1n)).toBe(100n)
    expect(await offsetAt(-2n)).toBe(0n)
    expect(await offsetAt(-3n)).toBe(99n)
  })

  test('a group resumes where it committed', async () => {
    const topic = await topicOf()
    const groupId = nameOf('g')
    await send(topic, 10)
    await read(topic, { groupId, count: 7 })
    const got = await read(topic, { groupId, count: 3 })
    expect(got.map(({ offset }) => offset)).toEqual([7n, 8n, 9n])
  })

  test('two members share partitions, and one takes over when the other leaves', async () => {
    const topic = await topicOf(4)
    const groupId = nameOf('g')
    const member = async (): Promise<Consumer> => {
      const consumer = new Consumer({ ...base(), groupId, heartbeatInterval: 100 })
      consumer.topics.track(topic)
      await consumer.joinGroup()
      return consumer
    }
    const share = ({ assignments }: Consumer): number =>
      assignments?.find((each) => each.topic === topic)?.partitions.length ?? 0
    const first = await member()
    const second = await member()
    try {
      await until(() => share(first) === 2 && share(second) === 2)
      const [described] = (await admin.describeGroups({ groups: [groupId] })).values()
      expect(described).toMatchObject({ state: 'Stable' })
      expect(described?.members.size).toBe(2)
      await second.close(true)
      await until(() => share(first) === 4)
    } finally {
      await first.close(true)
      await second.close(true)
    }
  })

  test('administers topics, partitions and configurations', async () => {
    const topic = nameOf('platformatic')
    const configs = [{ name: 'retention.ms', value: '3600000' }]
    const [created] = await admin.createTopics({
      topics: [topic],
      partitions: 2,
      replicas: 1,
      configs,
    })
    expect(created).toMatchObject({ name: topic, partitions: 2, replicas: 1 })
    const twice = admin.createTopics({ topics: [topic], partitions: 2, replicas: 1 })
    await expect(twice).rejects.toThrow()
    expect(await admin.listTopics()).toContain(topic)
    await admin.createPartitions({ topics: [{ name: topic, count: 3, assignments: null }] })
    const { topics } = await admin.metadata({ topics: [topic] })
    expect(topics.get(topic)?.partitionsCount).toBe(3)
    const resource = { resourceType: ConfigResourceTypes.TOPIC, resourceName: topic }
    const change = { name: 'retention.ms', configOperation: 0, value: '7' } as const
    await admin.incrementalAlterConfigs({ resources: [{ ...resource, configs: [change] }] })
    const described: ConfigDescription[] = await admin.describeConfigs({
      resources: [{ ...resource, configurationKeys: ['retention.ms'] }],
    })
    expect(described[0]?.configs).toMatchObject([{ name: 'retention.ms', value: '7' }])
    await admin.deleteTopics({ topics: [topic] })
    expect(await admin.listTopics()).not.toContain(topic)
  })

  test('lists partitions in log directories before and after they hold something', async () => {
    const topic = await topicOf(2)
    const sizes = async (): Promise<[number, bigint][]> => {
      const topics = [{ name: topic, partitions: [0, 1] }]
      const [described] = await admin.describeLogDirs({ topics })
      const held = described?.results[0]?.topics.find(({ name }) => name === topic)
      return (held?.partitions ?? []).map((each) => [each.partitionIndex, each.partitionSize])
    }
    expect(await sizes()).toEqual([
      [0, 0n],
      [1, 0n],
    ])
    await send(topic, 10, { partition: 1 })
    const [, [, size] = [1, 0n]] = await sizes()
    expect(size).toBeGreaterThan(0n)
  })

  test('administers offsets, records and groups', async () => {
    const topic = await topicOf()
    const groupId = nameOf('g')
    await send(topic, 10)
    const upTo = [{ name: topic, partitions: [{ partition: 0, offset: 4n }] }]
    const [deleted] = await admin.deleteRecords({ topics: upTo })
    expect(deleted?.partitions).toEqual([{ partition: 0, lowWatermark: 4n }])
    const partitionOffsets = [{ partition: 0, offset: 6n }]
    await admin.alterConsumerGroupOffsets({ groupId, topics: [{ name: topic, partitionOffsets }] })
    const [listed] = await admin.listConsumerGroupOffsets({ groups: [groupId] })
    expect(listed?.topics[0]?.partitions).toMatchObject([{ committedOffset: 6n }])
    const [got] = await read(topic, { groupId, count: 1 })
    expect(got?.offset).toBe(6n)
    expect([...(await admin.listGroups()).keys()]).toContain(groupId)
    await admin.deleteConsumerGroupOffsets({
      groupId,
      topics: [{ name: topic, partitionIndexes: [0] }],
    })
    await admin.deleteGroups({ groups: [groupId] })
    expect([...(await admin.listGroups()).keys()]).not.toContain(groupId)
  })
})
