// A broker whose cluster was restored elsewhere while it still runs: it goes on for its clients,
// says once why it archives no more, and touches nothing in the bucket.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openMemoryStore } from '../../adapters/object-store/memory.ts'
import type { Broker } from '../../src/broker/broker.ts'
import { restoreCluster } from '../../src/broker/tier/restore.ts'
import { Settings } from '../../src/config/settings.ts'
import { createClock } from '../../src/platform/clock.ts'
import { createCompression } from '../../src/platform/compression.ts'
import { createCrypto } from '../../src/platform/crypto.ts'
import { createMemoryDisk } from '../../src/platform/memory-disk.ts'
import { createTelemetry, type ProgramTelemetry } from '../../src/platform/telemetry.ts'
import type { ObjectStore } from '../../src/ports/object-store.ts'
import { Client, batchOf, openBroker, until } from './harness.ts'
import { Api, createTopic, listOffset, produce, type TopicRef } from './requests.ts'

const SETTINGS = new Settings(
  new Map([
    ['listeners', 'PLAINTEXT://127.0.0.1:0'],
    ['tier.check.interval.ms', '20'],
    ['tier.snapshot.interval.ms', '20'],
    ['tier.scrub.interval.ms', '20'],
    ['tier.delete.grace.ms', '0'],
  ]),
)
const TIERED = { 'remote.storage.enable': 'true', 'segment.bytes': String(1024 * 1024) }
const VALUE = 'v'.repeat(50_000)
const PER_SEGMENT = 20
/** A segment of the first epoch. */
const ORPHAN = /seg\/\d{20}-0-[0-9a-f]{16}\.seg$/

let store: ObjectStore
let said: string[]
let telemetry: ProgramTelemetry
let broker: Broker
let client: Client

beforeEach(async () => {
  store = openMemoryStore()
  said = []
  telemetry = createTelemetry({
    level: 'warn',
    processMetrics: false,
    write: (line) => void said.push(line),
  })
  broker = await openBroker({ store, telemetry }, SETTINGS)
  client = await Client.connect(broker.address)
})
afterEach(async () => {
  await client.close()
  await broker.close()
})

async function fill(topic: TopicRef, segments: number): Promise<void> {
  for (let i = 0; i < segments * PER_SEGMENT + 5; i++) {
    expect((await produce(client, topic, batchOf([`${i} ${VALUE}`]))).errorCode).toBe(0)
  }
}

const keys = async (): Promise<string[]> =>
  (await store.list({ prefix: '', limit: 1_000 })).objects.map(({ key }) => key)

/** Restores the cluster to another disk; its process never starts. */
async function restoreElsewhere(): Promise<void> {
  await restoreCluster(
    {
      disk: createMemoryDisk(1 << 30),
      store,
      clock: createClock(),
      crypto: createCrypto(),
      compression: createCompression(),
      telemetry: createTelemetry({ level: 'error', processMetrics: false }),
    },
    SETTINGS,
    () => undefined,
  )
}

/** How often archiving has failed. */
const failures = (): number =>
  Number(/^stratalog_tier_failures_total (\d+)/m.exec(telemetry.render('text'))?.[1])

test.each(['goes on to produce', 'creates a topic', 'deletes the topic'])(
  'a broker whose cluster lives on elsewhere harms nothing when a client %s',
  async (what) => {
    const topic = await createTopic(client, { configs: TIERED })
    await fill(topic, 2)
    await until(
      async () => (await listOffset(client, topic, -6, { version: 11 })).offset,
      (offset) => offset >= 2 * PER_SEGMENT,
    )
    await until(keys, (all) => all.some((key) => key.startsWith('meta/')))
    await restoreElsewhere()
    const before = await keys()
    if (what === 'goes on to produce') await fill(topic, 2)
    if (what === 'creates a topic') {
      await fill(await createTopic(client, { configs: TIERED }), 2)
    }
    if (what === 'deletes the topic') {
      await client.call(Api.deleteTopics, 6, { topics: [{ name: topic.name }], timeoutMs: 1000 })
    }
    // It is claimed again after a while, and that says nothing new.
    await until(
      () => Promise.resolve(failures()),
      (count) => count >= 2,
    )
    const after = await keys()
    expect(after).toEqual(expect.arrayContaining(before))
    // Data goes first: what it had begun to upload is an orphan, which the new life removes.
    const added = after.filter((key) => !before.includes(key))
    expect(added.filter((key) => what !== 'goes on to produce' || !ORPHAN.test(key))).toEqual([])
    expect(said).toHaveLength(1)
    expect(said[0]).toContain('was restored from it elsewhere and lives on there; stop this one')
    expect((await produce(client, await createTopic(client), batchOf(['on']))).errorCode).toBe(0)
  },
)
