// Compacted topics as clients see them: what is left, in which order, at which offsets, while they
// go on producing and reading, and after a restart.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { must } from '../../src/base/assert.ts'
import { ErrorCode } from '../../src/base/error-codes.ts'
import * as header from '../../src/record/header.ts'
import { readAll } from '../record/support.ts'
import type { Client } from './harness.ts'
import { batchOf, batchesIn, Lab, recordsIn, until } from './harness.ts'
import type { TopicRef } from './requests.ts'
import {
  Api,
  createTopic,
  deleteRecords,
  fetch,
  listOffset,
  newProducer,
  produce,
} from './requests.ts'

let lab: Lab
let client: Client

beforeEach(async () => {
  lab = await Lab.disk({ 'log.cleaner.backoff.ms': '20' })
  client = await lab.client()
})
afterEach(() => lab.close())

/** Every append begins a segment, and whatever is sealed is compacted at once. */
const eager = { 'segment.ms': '1', 'min.cleanable.dirty.ratio': '0', 'retention.ms': '-1' }

const compactedTopic = (configs: Record<string, string> = {}): Promise<TopicRef> =>
  createTopic(client, { configs: { 'cleanup.policy': 'compact', ...eager, ...configs } })

/** Appends one record; its time is ahead of the one before, so that a segment begins with it. */
let clock = Date.now() - 1_000_000
async function put(
  topic: TopicRef,
  key: string,
  value: string | null,
  options: Parameters<typeof batchOf>[1] = {},
): Promise<number> {
  clock += 10
  const batch = batchOf([value], { key, timestampMs: clock, ...options })
  const answer = await produce(client, topic, batch)
  expect(answer.errorCode).toBe(0)
  return answer.baseOffset
}

/** Everything from an offset on; one fetch gives no more than one segment has. */
async function read(topic: TopicRef, from = 0): Promise<[number, string | null][]> {
  const seen: [number, string | null][] = []
  for (let at = from; ;) {
    const { records, highWatermark } = await fetch(client, topic, at)
    const last = batchesIn(records).at(-1)
    seen.push(...recordsIn(records))
    if (last === undefined || last.lastOffset + 1 >= highWatermark) return seen
    at = last.lastOffset + 1
  }
}

const settled = (topic: TopicRef, records: number): Promise<[number, string | null][]> =>
  until(
    () => read(topic),
    (seen) => seen.length <= records,
  )

describe('a compacted topic', () => {
  test('keeps the last value of each key at its offset [D1]', async () => {
    const topic = await compactedTopic()
    for (let i = 0; i < 12; i++) await put(topic, `k${i % 3}`, `v${i}`)
    await put(topic, 'active', 'x')
    expect(await settled(topic, 4)).toEqual([
      [9, 'v9'],
      [10, 'v10'],
      [11, 'v11'],
      [12, 'x'],
    ])
    expect((await listOffset(client, topic, -2)).offset).toBe(0)
    expect((await listOffset(client, topic, -1)).offset).toBe(13)
  })

  test('lets a consumer advance from any offset in a hole [F12]', async () => {
    const topic = await compactedTopic()
    for (let i = 0; i < 10; i++) await put(topic, 'k', `v${i}`)
    await settled(topic, 2)
    for (let from = 0; from < 9; from++) expect((await read(topic, from))[0]).toEqual([8, 'v8'])
    const { records } = await fetch(client, topic, 3)
    for (const { bytes } of batchesIn(records)) {
      for (const { offset } of readAll(bytes)) {
        expect(offset).toBeLessThanOrEqual(header.lastOffset(bytes, 0))
      }
    }
  })

  test('is read whole from the start while it is compacted [D1]', async () => {
    const topic = await compactedTopic()
    const last = new Map<string, number>()
    for (let i = 0; i < 120; i++) {
      last.set(`k${i % 7}`, await put(topic, `k${i % 7}`, `v${i}`))
      if (i % 10 !== 9) continue
      const seen = new Set<number>()
      let at = 0
      while (at <= i) {
        const { records, errorCode } = await fetch(client, topic, at, { partitionMaxBytes: 300 })
        expect(errorCode).toBe(0)
        const batches = batchesIn(records)
        for (const { bytes } of batches) for (const { offset } of readAll(bytes)) seen.add(offset)
        at = must(batches.at(-1), 'a batch').lastOffset + 1
      }
      for (const offset of last.values()) expect(seen).toContain(offset)
    }
    await settled(topic, 8)
  })

  test('lets an idempotent producer go on, after a restart too [D1]', async () => {
    const topic = await compactedTopic()
    const producer = { producerId: await newProducer(client), producerEpoch: 0 }
    for (let i = 0; i < 6; i++) await put(topic, 'k', `v${i}`, { ...producer, baseSequence: i })
    await put(topic, 'k', 'other')
    await put(topic, 'active', 'x')
    await settled(topic, 2)
    const again = { ...producer, baseSequence: 5 }
    expect(await put(topic, 'k', 'v5', again)).toBe(5)
    client = await lab.restart()
    expect(await put(topic, 'k', 'v5', again)).toBe(5)
    const gap = batchOf(['v'], { key: 'k', ...producer, baseSequence: 7 })
    expect((await produce(client, topic, gap)).errorCode).toBe(
      ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
    )
    expect(await put(topic, 'k', 'v6', { ...producer, baseSequence: 6 })).toBe(8)
  })

  test('drops records without key from before the policy, and refuses new ones [D1, P8]', async () => {
    const topic = await createTopic(client, { configs: eager })
    for (let i = 0; i < 3; i++) {
      clock += 10
      await produce(client, topic, batchOf(['no key'], { key: null, timestampMs: clock }))
    }
    await put(topic, 'k', 'v')
    await client.call(Api.incrementalAlterConfigs, 1, {
      resources: [
        {
          resourceType: 2,
          resourceName: topic.name,
          configs: [{ name: 'cleanup.policy', configOperation: 0, value: 'compact' }],
        },
      ],
      validateOnly: false,
    })
    const refused = await produce(client, topic, batchOf(['no key'], { key: null }))
    expect([refused.errorCode, refused.recordErrors.length]).toEqual([ErrorCode.INVALID_RECORD, 1])
    await put(topic, 'active', 'x')
    expect(await settled(topic, 2)).toEqual([
      [3, 'v'],
      [4, 'x'],
    ])
  })

  test('moves its start into a hole, and frees what lies before it [D3]', async () => {
    const topic = await compactedTopic({ 'cleanup.policy': 'compact,delete' })
    for (let i = 0; i < 10; i++) await put(topic, `k${i % 2}`, `v${i}`)
    await settled(topic, 3)
    expect(await deleteRecords(client, topic, 4)).toMatchObject({ errorCode: 0, lowWatermark: 4 })
    expect((await fetch(client, topic, 3)).errorCode).toBe(ErrorCode.OFFSET_OUT_OF_RANGE)
    expect((await read(topic, 4)).map(([offset]) => offset)).toContain(9)
    await deleteRecords(client, topic, 9)
    client = await lab.restart()
    expect(await read(topic, 9)).toEqual([[9, 'v9']])
    expect((await listOffset(client, topic, -2)).offset).toBe(9)
  })

  test('takes less room once it is compacted', async () => {
    const topic = await compactedTopic()
    const size = async (): Promise<number> => {
      const { results } = await client.call(Api.describeLogDirs, 4, { topics: null })
      const own = results[0]?.topics.find(({ name }) => name === topic.name)
      return must(own?.partitions[0], 'a partition').partitionSize
    }
    for (let i = 0; i < 10; i++) await put(topic, 'k', 'x'.repeat(1_000))
    await until(size, (bytes) => bytes < 2_500)
  })
})
