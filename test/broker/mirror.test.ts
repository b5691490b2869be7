// A topic whose archive lies in two stores, as its clients and its operator see it: listed by name,
// read whichever store is away, moved while it is produced to, and restored from either.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openMemoryStore } from '../../adapters/object-store/memory.ts'
import { OperatingError } from '../../src/base/errors.ts'
import { ErrorCode } from '../../src/base/error-codes.ts'
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
import { decodeSnapshot } from '../../src/cluster/snapshot.ts'
import { newestSnapshot } from '../../src/tier/bucket/snapshot.ts'
import { parseKey } from '../../src/tier/keys.ts'
import { listAll } from '../../src/tier/audit/listing.ts'
import { Client, batchOf, openBroker, recordsIn, until } from './harness.ts'
import type { TopicRef } from './requests.ts'
import { Api, createTopic, fetch, listOffset, produce } from './requests.ts'

const SETTINGS = new Map([
  ['listeners', 'PLAINTEXT://127.0.0.1:0'],
  ['store.mirrors', 'cold=memory:'],
  ['tier.check.interval.ms', '20'],
  ['tier.snapshot.interval.ms', '20'],
  ['tier.delete.grace.ms', '50'],
  ['tier.cache.memory.bytes', '1048576'],
  ['tier.cache.bytes', '0'],
  ['log.retention.check.interval.ms', '50'],
])
const TIERED = {
  'remote.storage.enable': 'true',
  'segment.bytes': String(1024 * 1024),
  'local.retention.bytes': '1',
}
const VALUE = 'v'.repeat(50_000)
const EARLIEST_LOCAL = -4

/** A store that can be away. */
class Switched {
  isAway = false
  readonly store: ObjectStore

  constructor(url: string) {
    const inner = openMemoryStore()
    const away = <T>(work: () => Promise<T>): Promise<T> =>
      this.isAway ? Promise.reject(new OperatingError('retry', `${url} is away`)) : work()
    this.store = {
      traits: { ...inner.traits, url },
      put: (key, body, options) => away(() => inner.put(key, body, options)),
      get: (key, options) => away(() => inner.get(key, options)),
      head: (key, call) => away(() => inner.head(key, call)),
      list: (options) => away(() => inner.list(options)),
      delete: (keys, call) => away(() => inner.delete(keys, call)),
      // A broker that stops does not take its bucket with it.
      close: () => Promise.resolve(),
    }
  }

  async segments(): Promise<number> {
    let count = 0
    for await (const { key } of listAll(this.store, '')) {
      if (parseKey(key)?.kind === 'segment') count++
    }
    return count
  }
}

let main: Switched
let cold: Switched
let broker: Broker
let client: Client

const start = async (disk: Disk): Promise<void> => {
  const ports = { disk, store: main.store, mirrors: { cold: cold.store } }
  broker = await openBroker(ports, new Settings(SETTINGS))
  client = await Client.connect(broker.address)
}
const stop = async (): Promise<void> => {
  await client.close()
  await broker.close()
}

beforeEach(async () => {
  main = new Switched('memory:main')
  cold = new Switched('memory:cold')
  await start(createMemoryDisk(1 << 30))
})
afterEach(() => stop())

async function fill(topic: TopicRef, from: number, to: number): Promise<void> {
  for (let i = from; i < to; i++) await produce(client, topic, batchOf([`${i} ${VALUE}`]))
}

async function replay(topic: TopicRef, end: number): Promise<string[]> {
  const all: string[] = []
  while (all.length < end) {
    const { records, errorCode } = await fetch(client, topic, all.length, { maxBytes: 300_000 })
    expect(errorCode).toBe(0)
    const some = recordsIn(records).filter(([offset]) => offset >= all.length)
    all.push(...some.map(([, value]) => value?.split(' ', 1)[0] ?? ''))
  }
  return all
}

const numbers = (count: number): string[] => Array.from({ length: count }, (_, i) => String(i))

const isLocalBehind = (topic: TopicRef, offset: number): Promise<number> =>
  until(
    async () => (await listOffset(client, topic, EARLIEST_LOCAL, { version: 11 })).offset,
    (start) => start > offset,
  )

async function list(topic: TopicRef, stores: string): Promise<number> {
  const configs = [{ name: 'tier.stores', configOperation: 0, value: stores }]
  const resources = [{ resourceType: 2, resourceName: topic.name, configs }]
  const answer = await client.call(Api.incrementalAlterConfigs, 1, { resources })
  return answer.responses[0]?.errorCode ?? -1
}

describe('a topic in two stores', () => {
  test('keeps its records here until both have them, and is read whichever is away', async () => {
    const configs = { ...TIERED, 'tier.stores': 'main,cold', 'tier.ack.stores': '2' }
    const topic = await createTopic(client, { configs })
    cold.isAway = true
    await fill(topic, 0, 100)
    await until(
      () => main.segments(),
      (count) => count >= 3,
    )
    const { offset } = await listOffset(client, topic, EARLIEST_LOCAL, { version: 11 })
    expect(offset).toBe(0)
    cold.isAway = false
    await isLocalBehind(topic, 40)
    expect(await cold.segments()).toBe(await main.segments())
    for (const away of [main, cold]) {
      away.isAway = true
      expect(await replay(topic, 100)).toEqual(numbers(100))
      away.isAway = false
    }
  })

  test('moves from one to the other while it is produced to', async () => {
    const topic = await createTopic(client, { configs: TIERED })
    await fill(topic, 0, 60)
    await isLocalBehind(topic, 10)
    expect(await list(topic, 'cold')).toBe(0)
    await fill(topic, 60, 140)
    await until(
      () => main.segments(),
      (count) => count === 0,
    )
    await isLocalBehind(topic, 90)
    main.isAway = true
    expect(await replay(topic, 140)).toEqual(numbers(140))
  })

  test('refuses a store that this broker does not have', async () => {
    const topic = await createTopic(client, { configs: TIERED })
    expect(await list(topic, 'main,elsewhere')).toBe(ErrorCode.INVALID_CONFIG)
  })

  test('comes back from the copy, and the other bucket follows the life that was restored', async () => {
    const configs = { ...TIERED, 'tier.stores': 'main,cold' }
    const topic = await createTopic(client, { configs })
    await fill(topic, 0, 100)
    await isLocalBehind(topic, 40)
    await until(
      () => cold.segments(),
      (count) => count >= 4,
    )
    await until(
      () => newestSnapshot(cold.store, createCrypto(), () => undefined),
      (found) =>
        found !== null && decodeSnapshot(found.metadata).topicById(topic.topicId) !== undefined,
    )
    await stop()
    const disk = createMemoryDisk(1 << 30)
    const ports = { clock: createClock(), crypto: createCrypto(), compression: createCompression() }
    const telemetry = createTelemetry({ level: 'error', processMetrics: false })
    const restored = await restoreCluster(
      { ...ports, telemetry, disk, store: cold.store },
      new Settings(SETTINGS),
      () => undefined,
    )
    expect(restored.records).toBeGreaterThan(60)
    await start(disk)
    const { offset: end } = await listOffset(client, topic, -1)
    expect(await replay(topic, end)).toEqual(numbers(end))
    await fill(topic, end, end + 60)
    // The list says that the original is in main: it goes there again, from the restored copy.
    await isLocalBehind(topic, end)
    cold.isAway = true
    expect(await replay(topic, end + 60)).toEqual(numbers(end + 60))
  })
})
