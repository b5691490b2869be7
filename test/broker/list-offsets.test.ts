// ListOffsets and OffsetForLeaderEpoch over the wire: the special places, look-ups exact to the
// record, and the epochs that belong to them.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { must } from '../../src/base/assert.ts'
import { ErrorCode } from '../../src/base/error-codes.ts'
import { CODECS } from '../../src/ports/compression.ts'
import { buildBatch } from '../../src/record/builder.ts'
import type { Codec } from '../../src/ports/compression.ts'
import { tools, utf8 } from '../record/support.ts'
import type { Client } from './harness.ts'
import { batchesIn, batchOf, Lab, until, versionsOf } from './harness.ts'
import type { TopicRef } from './requests.ts'
import { Api, createTopic, deleteRecords, fetch, listOffset, produce } from './requests.ts'

let lab: Lab
let client: Client
const NOW = Date.now()

beforeAll(async () => {
  lab = await Lab.memory()
  client = await lab.client()
})
afterAll(() => lab.close())

/** A topic whose records have these times, batch by batch, in ms before now. */
const timed = async (
  batches: readonly (readonly number[])[],
  options: { codec?: Codec; configs?: Record<string, string> } = {},
): Promise<TopicRef> => {
  const topic = await createTopic(client, options)
  for (const times of batches) {
    const records = times.map((ago) => ({ timestampMs: NOW - ago, key: null, value: utf8('v') }))
    const batch = buildBatch(records, { codec: options.codec ?? 'none' }, tools)
    expect((await produce(client, topic, batch)).errorCode).toBe(0)
  }
  return topic
}

const look = async (topic: TopicRef, timestamp: number, version = 11) => {
  const {
    errorCode,
    offset,
    timestamp: found,
  } = await listOffset(client, topic, timestamp, {
    version,
  })
  return [errorCode, offset, found]
}

const EPOCH = expect.any(Number) as number

describe('ListOffsets', () => {
  test.each(versionsOf(Api.listOffsets))(
    'in version %i knows the ends [L1, L2]',
    async (version) => {
      const topic = await timed([[30, 20], [10]])
      for (const isolationLevel of [0, 1]) {
        const latest = await listOffset(client, topic, -1, { version, isolationLevel })
        expect(latest).toMatchObject({ errorCode: 0, offset: 3, timestamp: -1 })
        expect(latest.leaderEpoch >= 0).toBe(version >= 4)
      }
      expect(await look(topic, -2, version)).toEqual([0, 0, -1])
      await deleteRecords(client, topic, 2)
      expect(await look(topic, -2, version)).toEqual([0, 2, -1])
    },
  )

  test('knows the other places from their versions on [L3, L4]', async () => {
    const topic = await timed([[30, 10], [20]])
    const since: [number, number, unknown][] = [
      [-3, 7, [0, 1, NOW - 10]],
      [-4, 8, [0, 0, -1]],
      [-5, 9, [0, -1, -1]],
      [-6, 11, [0, -1, -1]],
    ]
    for (const [place, first, answer] of since) {
      for (const version of versionsOf(Api.listOffsets)) {
        const expected = version < first ? [ErrorCode.UNSUPPORTED_VERSION, -1, -1] : answer
        expect([place, version, await look(topic, place, version)]).toEqual([
          place,
          version,
          expected,
        ])
      }
    }
    expect(await look(topic, -7)).toEqual([ErrorCode.UNSUPPORTED_VERSION, -1, -1])
  })

  test.each(CODECS)('finds records by time inside %s batches [L5]', async (codec) => {
    const topic = await timed([[90, 80, 70], [60, 50], [40]], { codec })
    expect(await look(topic, 0)).toEqual([0, 0, NOW - 90])
    expect(await look(topic, NOW - 80)).toEqual([0, 1, NOW - 80])
    expect(await look(topic, NOW - 79)).toEqual([0, 2, NOW - 70])
    expect(await look(topic, NOW - 69)).toEqual([0, 3, NOW - 60])
    expect(await look(topic, NOW - 55)).toEqual([0, 4, NOW - 50])
    expect(await look(topic, NOW - 40)).toEqual([0, 5, NOW - 40])
    expect(await look(topic, NOW - 39)).toEqual([0, -1, -1])
    expect(await look(topic, NOW + 1_000_000)).toEqual([0, -1, -1])
  })

  test('finds the earliest match though times run backwards [L5, L9]', async () => {
    const topic = await timed([[50, 10, 90], [100], [5], [60]])
    expect(await look(topic, NOW - 95)).toEqual([0, 0, NOW - 50])
    expect(await look(topic, NOW - 20)).toEqual([0, 1, NOW - 10])
    expect(await look(topic, NOW - 9)).toEqual([0, 4, NOW - 5])
    expect(await look(topic, NOW - 4)).toEqual([0, -1, -1])
  })

  test('finds nothing before the log start [L2, L5]', async () => {
    const topic = await timed([[90, 80, 70], [60]])
    await deleteRecords(client, topic, 1)
    expect(await look(topic, 0)).toEqual([0, 1, NOW - 80])
    await deleteRecords(client, topic, 4)
    expect(await look(topic, 0)).toEqual([0, -1, -1])
    expect(await look(topic, -3)).toEqual([0, -1, -1])
  })

  test('finds the first of the records that have the largest time [L3]', async () => {
    const topic = await timed([
      [50, 10, 20],
      [10, 60],
    ])
    expect(await look(topic, -3)).toEqual([0, 1, NOW - 10])
    expect(await look(await timed([]), -3)).toEqual([0, -1, -1])
  })

  test('finds append times where the topic has those [L5]', async () => {
    const topic = await timed([[1e9, 1e9]], {
      configs: { 'message.timestamp.type': 'LogAppendTime' },
    })
    const [, offset, found] = await look(topic, NOW - 1000)
    expect(offset).toBe(0)
    expect(found).toBeGreaterThanOrEqual(NOW)
  })

  test('never reports what is above the high watermark [L6]', async () => {
    const topic = await timed([[10]])
    const sent = produce(client, topic, batchOf(['in flight'], { timestampMs: NOW + 60_000 }))
    const other = await lab.client()
    const { offset } = await listOffset(other, topic, NOW + 30_000)
    const end = (await listOffset(other, topic, -1)).offset
    expect(offset === -1 || offset < end).toBe(true)
    await sent
    await other.close()
  })

  test('refuses a partition that is named twice, and no other [L7]', async () => {
    const topic = await createTopic(client, { partitions: 3 })
    const wish = (partitionIndex: number) => ({ partitionIndex, timestamp: -1 })
    const ask = async (topics: readonly (readonly number[])[]) => {
      const answer = await client.call(Api.listOffsets, 7, {
        topics: topics.map((indexes) => ({ name: topic.name, partitions: indexes.map(wish) })),
      })
      return answer.topics.flatMap(({ partitions }) =>
        partitions.map(({ partitionIndex, errorCode }) => [partitionIndex, errorCode]),
      )
    }
    expect(await ask([[0, 1, 0]])).toEqual([[0, 42], [1, 0], [0, 42]]) // prettier-ignore
    const apart = await ask([[0, 1], [1, 2]]) // prettier-ignore
    expect(apart).toEqual([[0, 0], [1, 42], [1, 42], [2, 0]]) // prettier-ignore
  })

  test('tells what it does not know, and checks the epoch [L1]', async () => {
    const topic = await timed([[10]])
    const ask = async (name: string, partitionIndex: number, currentLeaderEpoch: number) => {
      const answer = await client.call(Api.listOffsets, 9, {
        topics: [{ name, partitions: [{ partitionIndex, currentLeaderEpoch, timestamp: -1 }] }],
      })
      return answer.topics[0]?.partitions[0]?.errorCode
    }
    expect(await ask('absent', 0, -1)).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    expect(await ask(topic.name, 1, -1)).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    expect(await ask(topic.name, 0, 1000)).toBe(ErrorCode.UNKNOWN_LEADER_EPOCH)
    expect(await ask(topic.name, 0, -1)).toBe(0)
  })
})

test.each(versionsOf(Api.offsetForLeaderEpoch))(
  'OffsetForLeaderEpoch in version %i tells where an epoch ends [E2]',
  async (version) => {
    const topic = await timed([[30, 20], [10]])
    const [batch] = batchesIn((await fetch(client, topic, 0)).records)
    const epoch = must(batch, 'batch').leaderEpoch
    const ask = async (leaderEpoch: number, currentLeaderEpoch = -1, partition = 0) => {
      const answer = await client.call(Api.offsetForLeaderEpoch, version, {
        topics: [
          { topic: topic.name, partitions: [{ partition, currentLeaderEpoch, leaderEpoch }] },
        ],
      })
      return answer.topics[0]?.partitions[0]
    }
    expect(await ask(epoch)).toMatchObject({ errorCode: 0, leaderEpoch: epoch, endOffset: 3 })
    expect(await ask(epoch + 1)).toMatchObject({ errorCode: 0, leaderEpoch: -1, endOffset: -1 })
    expect(await ask(-1)).toMatchObject({ errorCode: 0, leaderEpoch: -1, endOffset: -1 })
    expect((await ask(epoch, epoch + 1))?.errorCode).toBe(ErrorCode.UNKNOWN_LEADER_EPOCH)
    expect(await ask(epoch, -1, 5)).toMatchObject({
      errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
      leaderEpoch: -1,
      endOffset: EPOCH,
    })
  },
)

describe('DeleteRecords', () => {
  test.each(versionsOf(Api.deleteRecords))(
    'in version %i moves the start [A7]',
    async (version) => {
      const topic = await timed([[5, 4], [3], [2]])
      const ask = async (offset: number, name = topic.name) => {
        const answer = await client.call(Api.deleteRecords, version, {
          timeoutMs: 1000,
          topics: [{ name, partitions: [{ partitionIndex: 0, offset }] }],
        })
        const result = must(answer.topics[0]?.partitions[0], 'result')
        return [result.errorCode, result.lowWatermark]
      }
      expect(await ask(1)).toEqual([0, 1])
      expect(await ask(0)).toEqual([0, 1])
      for (const bad of [5, -2, -100]) expect(await ask(bad)).toEqual([1, -1])
      expect(await ask(-1)).toEqual([0, 4])
      expect(await look(topic, -2)).toEqual([0, 4, -1])
      expect(await ask(0, 'absent')).toEqual([ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, -1])
    },
  )

  test('is refused where records only compact [A7]', async () => {
    for (const [policy, code] of [
      ['compact', ErrorCode.POLICY_VIOLATION],
      ['compact,delete', 0],
    ] as const) {
      // prettier-ignore
      const topic = await createTopic(client, { configs: { 'cleanup.policy': policy } })
      await produce(client, topic, batchOf(['a']))
      expect((await deleteRecords(client, topic, 1)).errorCode).toBe(code)
    }
  })
})

test('retention by size and by time moves the log start over whole segments [D2, L2]', async () => {
  const own = await Lab.memory({ 'log.retention.check.interval.ms': '20' })
  const there = await own.client()
  const segments = { 'segment.bytes': '1048576' }
  const large = (timestampMs: number) => batchOf(['x'.repeat(600_000)], { timestampMs })
  const bounds: [Record<string, string>, number][] = [
    [{ 'retention.bytes': '1000000', 'retention.ms': '-1' }, NOW],
    [{ 'retention.ms': '60000' }, NOW - 3_600_000],
  ]
  for (const [configs, timestampMs] of bounds) {
    const topic = await createTopic(there, { configs: { ...segments, ...configs } })
    for (let i = 0; i < 5; i++) await produce(there, topic, large(timestampMs))
    await produce(there, topic, batchOf(['last'], { timestampMs: NOW }))
    const start = await until(
      async () => (await listOffset(there, topic, -2)).offset,
      (offset) => offset > 0,
    )
    expect(start).toBeLessThan(6)
    // It may move once more: a segment goes when it is sealed, and that takes its time.
    const read = await until(
      async () => {
        const first = (await listOffset(there, topic, -2)).offset
        return { first, ...(await fetch(there, topic, first, { maxBytes: 10_000_000 })) }
      },
      ({ errorCode }) => errorCode === 0,
    )
    expect(read.logStartOffset).toBe(read.first)
    expect((await fetch(there, topic, 0)).errorCode).toBe(ErrorCode.OFFSET_OUT_OF_RANGE)
    expect((await listOffset(there, topic, -1)).offset).toBe(6)
  }
  await own.close()
})
