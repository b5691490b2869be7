// A cluster that is lost, and comes back from its bucket alone: topics, settings, offsets of groups
// and every archived record, while whoever still runs in the old life is shut out.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openMemoryStore } from '../../adapters/object-store/memory.ts'
import type { Broker } from '../../src/broker/broker.ts'
import { restoreCluster } from '../../src/broker/tier/restore.ts'
import { Settings } from '../../src/config/settings.ts'
import { createClock } from '../../src/platform/clock.ts'
import { createCompression } from '../../src/platform/compression.ts'
import { createCrypto } from '../../src/platform/crypto.ts'
import { createMemoryDisk } from '../../src/platform/memory-disk.ts'
import { createTelemetry } from '../../src/platform/telemetry.ts'
import type { Disk } from '../../src/ports/disk.ts'
import type { ObjectStore } from '../../src/ports/object-store.ts'
import { Client, batchOf, openBroker, recordsIn, until } from './harness.ts'
import type { TopicRef } from './requests.ts'
import { Api, createTopic, fetch, listOffset, newProducer, produce } from './requests.ts'

const SETTINGS = new Map([
  ['listeners', 'PLAINTEXT://127.0.0.1:0'],
  ['tier.check.interval.ms', '20'],
  ['tier.snapshot.interval.ms', '20'],
  ['log.retention.check.interval.ms', '50'],
  ['offsets.topic.num.partitions', '2'],
  ['group.initial.rebalance.delay.ms', '0'],
])
const TIERED = {
  'remote.storage.enable': 'true',
  'segment.bytes': String(1024 * 1024),
  'local.retention.bytes': '1',
  'retention.ms': '-1',
}
const VALUE = 'v'.repeat(50_000)
const RECORDS = 100
const EARLIEST_PENDING = -6

let store: ObjectStore
let broker: Broker
let client: Client

const start = async (disk: Disk): Promise<void> => {
  broker = await openBroker({ disk, store }, new Settings(SETTINGS))
  client = await Client.connect(broker.address)
}
const stop = async (): Promise<void> => {
  await client.close()
  await broker.close()
}

beforeEach(async () => {
  store = openMemoryStore()
  await start(createMemoryDisk(1 << 30))
})
afterEach(() => stop())

const pending = async (topic: TopicRef): Promise<number> =>
  (await listOffset(client, topic, EARLIEST_PENDING, { version: 11 })).offset

async function replay(topic: TopicRef, end: number): Promise<[number, string | null][]> {
  const all: [number, string | null][] = []
  for (let next = 0; next < end;) {
    const { records, errorCode } = await fetch(client, topic, next, { maxBytes: 300_000 })
    expect(errorCode).toBe(0)
    const some = recordsIn(records).filter(([offset]) => offset >= next)
    expect(some.length).toBeGreaterThan(0)
    all.push(...some)
    next = (some.at(-1)?.[0] ?? next) + 1
  }
  return all.filter(([offset]) => offset < end)
}

const ports = (disk: Disk) => ({
  disk,
  store: keptOpen(store),
  clock: createClock(),
  crypto: createCrypto(),
  compression: createCompression(),
  telemetry: createTelemetry({ level: 'error', processMetrics: false }),
})

/** The broker closes its store when it ends; the bucket stays. */
const keptOpen = (inner: ObjectStore): ObjectStore => ({
  traits: inner.traits,
  put: (...all) => inner.put(...all),
  get: (...all) => inner.get(...all),
  head: (...all) => inner.head(...all),
  list: (...all) => inner.list(...all),
  delete: (...all) => inner.delete(...all),
  close: () => Promise.resolve(),
})

describe('restoreCluster()', () => {
  test('brings back topics, settings, offsets and every archived record', async () => {
    const topic = await createTopic(client, { configs: TIERED })
    const plain = await createTopic(client)
    await produce(client, plain, batchOf(['gone']))
    const producerId = await newProducer(client)
    for (let i = 0; i < RECORDS; i++) {
      const options = { producerId, producerEpoch: 0, baseSequence: i }
      await produce(client, topic, batchOf([`${i} ${VALUE}`], options))
    }
    const commit = {
      topics: [{ ...topic, partitions: [{ partitionIndex: 0, committedOffset: 7 }] }],
    }
    const { coordinators } = await client.call(Api.findCoordinator, 4, {
      keyType: 0,
      coordinatorKeys: ['readers'],
    })
    expect(coordinators[0]?.errorCode).toBeDefined()
    await until(
      () =>
        client.call(Api.offsetCommit, 8, {
          groupId: 'readers',
          generationIdOrMemberEpoch: -1,
          memberId: '',
          groupInstanceId: null,
          ...commit,
        }),
      ({ topics }) => topics[0]?.partitions[0]?.errorCode === 0,
    )
    const archived = await until(
      () => pending(topic),
      (offset) => offset > RECORDS - 25,
    )
    const before = await replay(topic, archived)
    const snapshots = async (): Promise<number> =>
      (await store.list({ prefix: 'meta/', limit: 100 })).objects.length
    await until(snapshots, (count) => count > 0)
    await new Promise((resolve) => setTimeout(resolve, 100))

    // The disk is lost; the process of the old life still runs.
    const old = { broker, client }
    const disk = createMemoryDisk(1 << 30)
    const told: string[] = []
    const restored = await restoreCluster(ports(disk), new Settings(SETTINGS), (text) => {
      told.push(text)
    })
    expect(told).toEqual([])
    expect(restored).toMatchObject({ partitions: 1, records: archived, emptyTopics: [plain.name] })
    expect(restored.groupRecords).toBeGreaterThan(0)
    await start(disk)
    expect(broker.clusterId).toBe(old.broker.clusterId)
    expect(await replay(topic, archived)).toEqual(before)
    const described = await client.call(Api.describeConfigs, 4, {
      resources: [
        { resourceType: 2, resourceName: topic.name, configurationKeys: ['retention.ms'] },
      ],
    })
    expect(described.results[0]?.configs[0]?.value).toBe('-1')
    const offsets = await until(
      () =>
        client.call(Api.offsetFetch, 8, {
          groups: [{ groupId: 'readers', topics: [{ name: topic.name, partitionIndexes: [0] }] }],
          requireStable: false,
        }),
      ({ groups }) => groups[0]?.errorCode === 0,
    )
    expect(offsets.groups[0]?.topics[0]?.partitions[0]?.committedOffset).toBe(7)
    // The last archived batch is known for what it is: a repeat is answered with its offset.
    const repeat = batchOf([`again`], {
      producerId,
      producerEpoch: 0,
      baseSequence: archived - 1,
    })
    const answer = await produce(client, topic, repeat)
    expect([answer.errorCode, answer.baseOffset]).toEqual([0, archived - 1])
    const next = await produce(client, topic, batchOf(['on']))
    expect(next.baseOffset).toBe(archived)

    // The old life may not archive any more.
    await old.client.close()
    await old.broker.close()
  })

  test('refuses a directory that is not empty and a bucket that is no archive', async () => {
    const disk = createMemoryDisk(1 << 20)
    await expect(
      restoreCluster(
        { ...ports(disk), store: openMemoryStore() },
        new Settings(SETTINGS),
        () => undefined,
      ),
    ).rejects.toThrow('it is no archive; check bucket and prefix')
    await disk.makeDirectory('topics')
    await expect(
      restoreCluster(ports(disk), new Settings(SETTINGS), () => undefined),
    ).rejects.toThrow('not empty')
  })
})
