// A tiered topic as its clients see it: sealed segments go to the object store, local bytes go, and
// nobody who fetches, by offset or by time, notices where the records come from.
import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import * as path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openMemoryStore } from '../../adapters/object-store/memory.ts'
import { must } from '../../src/base/assert.ts'
import { ErrorCode } from '../../src/base/error-codes.ts'
import { Settings } from '../../src/config/settings.ts'
import type { ObjectStore } from '../../src/ports/object-store.ts'
import { batchOf, Client, Lab, openBroker, recordsIn, until } from './harness.ts'
import type { TopicRef } from './requests.ts'
import { Api, createTopic, deleteRecords, fetch, listOffset, produce } from './requests.ts'

const SETTINGS = {
  'tier.check.interval.ms': '20',
  'log.retention.check.interval.ms': '50',
  'tier.delete.grace.ms': '0',
}
const TIERED = {
  'remote.storage.enable': 'true',
  'segment.bytes': String(1024 * 1024),
  'local.retention.bytes': '1',
}
const EARLIEST_LOCAL = -4
const LATEST_TIERED = -5
const EARLIEST_PENDING = -6

const VALUE = 'v'.repeat(50_000)
const RECORDS = 100
const START_MS = Date.now() - 1_000_000

let lab: Lab
let client: Client

beforeEach(async () => {
  lab = await Lab.disk(SETTINGS)
  client = await lab.client()
})
afterEach(() => lab.close())

/** About five segments, a record a batch, a second between their timestamps. */
async function fill(topic: TopicRef): Promise<void> {
  for (let i = 0; i < RECORDS; i++) {
    const batch = batchOf([`${i} ${VALUE}`], { timestampMs: START_MS + i * 1000 })
    await produce(client, topic, batch)
  }
}

const place = async (topic: TopicRef, timestamp: number): Promise<number> =>
  (await listOffset(client, topic, timestamp, { version: 11 })).offset

/** Waits until only the last sealed segment and the active one are here. */
const localStart = (topic: TopicRef): Promise<number> =>
  until(
    () => place(topic, EARLIEST_LOCAL),
    (offset) => offset > RECORDS - 45,
  )

/** Everything from `from` on, by one fetch after the other. */
async function replay(topic: TopicRef, from = 0): Promise<[number, string | null][]> {
  const all: [number, string | null][] = []
  for (let next = from; next < RECORDS;) {
    const { records, errorCode } = await fetch(client, topic, next, { maxBytes: 300_000 })
    expect(errorCode).toBe(0)
    const some = recordsIn(records).filter(([offset]) => offset >= next)
    expect(some.length).toBeGreaterThan(0)
    all.push(...some)
    next = (some.at(-1)?.[0] ?? next) + 1
  }
  return all
}

/** Names of the objects of the bucket, which by default is a directory beside the data. */
const objects = (pattern: RegExp): string[] =>
  fs
    .readdirSync(path.join(must(lab.directory, 'directory'), 'store'), { recursive: true })
    .map(String)
    .filter((name) => pattern.test(name))

const SEGMENT = /seg\/\d{20}-\d+-[0-9a-f]{16}\.seg$/

const digest = (records: readonly (readonly [number, string | null])[]): string =>
  createHash('sha256').update(JSON.stringify(records)).digest('hex')

describe('a tiered topic', () => {
  test('is read across the seam as if nothing had moved [INV-68]', async () => {
    const topic = await createTopic(client, { configs: TIERED })
    await fill(topic)
    const before = digest(await replay(topic))
    const local = await localStart(topic)
    expect(await place(topic, -2)).toBe(0)
    const pending = await place(topic, EARLIEST_PENDING)
    expect(pending).toBeGreaterThanOrEqual(local)
    expect(await place(topic, LATEST_TIERED)).toBe(pending - 1)
    expect(digest(await replay(topic))).toBe(before)
    expect((await replay(topic, local - 3)).map(([offset]) => offset)).toEqual(
      Array.from({ length: RECORDS - local + 3 }, (_, i) => local - 3 + i),
    )
  })

  test('finds archived records by time', async () => {
    const topic = await createTopic(client, { configs: TIERED })
    await fill(topic)
    await localStart(topic)
    for (const i of [0, 1, 17, 42, 63]) {
      const hit = await listOffset(client, topic, START_MS + i * 1000 - 1, { version: 11 })
      expect([hit.offset, hit.timestamp]).toEqual([i, START_MS + i * 1000])
    }
    expect(await place(topic, -3)).toBe(RECORDS - 1)
  })

  test('outlives a restart, clean or not, and goes on where it was', async () => {
    const topic = await createTopic(client, { configs: TIERED })
    await fill(topic)
    const before = digest(await replay(topic))
    const local = await localStart(topic)
    client = await lab.restart()
    expect(await place(topic, EARLIEST_LOCAL)).toBe(local)
    expect(await place(topic, -2)).toBe(0)
    expect(digest(await replay(topic))).toBe(before)
    const copy = await lab.killedCopy()
    try {
      const other = client
      client = await copy.client()
      expect(digest(await replay(topic))).toBe(before)
      client = other
    } finally {
      await copy.close()
    }
  })

  test('forgets records that are deleted, and their objects', async () => {
    const topic = await createTopic(client, { configs: TIERED })
    await fill(topic)
    await localStart(topic)
    const { lowWatermark } = await deleteRecords(client, topic, 50)
    expect(lowWatermark).toBe(50)
    expect(await place(topic, -2)).toBe(50)
    const below = await fetch(client, topic, 49)
    expect(below.errorCode).toBe(ErrorCode.OFFSET_OUT_OF_RANGE)
    expect((await replay(topic, 50)).length).toBe(RECORDS - 50)
    await until(
      () => Promise.resolve(objects(SEGMENT)),
      (left) => left.every((name) => Number(/(\d{20})-/.exec(name)?.[1]) > 30),
    )
  })

  test('is gone from the bucket once it is deleted', async () => {
    const topic = await createTopic(client, { configs: TIERED })
    await fill(topic)
    await localStart(topic)
    expect(objects(SEGMENT).length).toBeGreaterThan(2)
    await client.call(Api.deleteTopics, 6, { topics: [{ name: topic.name }], timeoutMs: 1000 })
    await until(
      () => Promise.resolve(objects(new RegExp(topic.topicId))),
      (left) => left.length === 0,
    )
    await until(
      () => Promise.resolve(objects(/gone\//)),
      (left) => left.length === 0,
    )
  })

  test('has its small segments merged, which nobody notices', async () => {
    const topic = await createTopic(client, { configs: TIERED })
    const count = 230
    for (let i = 0; i < count; i++) await produce(client, topic, batchOf([`${i} ${VALUE}`]))
    const sizes = async (): Promise<number[]> => {
      await until(
        () => place(topic, EARLIEST_PENDING),
        (offset) => offset >= count - 30,
      )
      const root = path.join(must(lab.directory, 'directory'), 'store')
      // One that is merged may go between the listing and the look.
      return objects(SEGMENT)
        .map((name) => fs.statSync(path.join(root, name), { throwIfNoEntry: false })?.size ?? 0)
        .sort((a, b) => a - b)
    }
    await until(sizes, (all) => (all.at(-1) ?? 0) > 8e6 && all.length < 8)
    const all: number[] = []
    for (let next = 0; next < count; next = (all.at(-1) ?? 0) + 1) {
      const { records } = await fetch(client, topic, next)
      const some = recordsIn(records).filter(([offset]) => offset >= next)
      expect(some.map(([offset, value]) => value === `${offset} ${VALUE}`)).not.toContain(false)
      all.push(...some.map(([offset]) => offset))
    }
    expect(all).toEqual(Array.from({ length: count }, (_, i) => i))
  })
})

describe('a fetch of what is far away', () => {
  test('keeps to its wait, and finds what has come meanwhile [F22]', async () => {
    const near = openMemoryStore()
    let held: Promise<void> = Promise.resolve()
    let letGo = (): void => undefined
    const far: ObjectStore = {
      traits: near.traits,
      put: (...all) => near.put(...all),
      get: async (key, options) => {
        if (key.includes('/seg/')) await held
        return near.get(key, options)
      },
      head: (...all) => near.head(...all),
      list: (...all) => near.list(...all),
      delete: (...all) => near.delete(...all),
      close: () => near.close(),
    }
    const settings = new Settings(
      new Map([...Object.entries(SETTINGS), ['listeners', 'PLAINTEXT://127.0.0.1:0']]),
    )
    const broker = await openBroker({ store: far }, settings)
    const own = client
    client = await Client.connect(broker.address)
    try {
      const topic = await createTopic(client, { configs: TIERED })
      await fill(topic)
      await localStart(topic)
      held = new Promise((resolve) => {
        letGo = resolve
      })
      const beganMs = performance.now()
      const empty = await fetch(client, topic, 0, { maxWaitMs: 100 })
      expect(performance.now() - beganMs).toBeLessThan(5_000)
      expect([empty.errorCode, recordsIn(empty.records)]).toEqual([0, []])
      letGo()
      expect((await replay(topic)).length).toBe(RECORDS)
    } finally {
      letGo()
      await client.close()
      await broker.close()
      client = own
    }
  })
})
