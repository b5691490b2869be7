// Fetch over the wire: what is in range, when it answers and when it waits, what fits, and what
// stands beside the records. Waiting is seen by order, never by the clock: a request that waits is
// answered after the event that wakes it.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { must } from '../../src/base/assert.ts'
import { ErrorCode } from '../../src/base/error-codes.ts'
import { createClock } from '../../src/platform/clock.ts'
import type { Clock } from '../../src/ports/clock.ts'
import {
  Client,
  batchesIn,
  batchOf,
  Lab,
  openBroker,
  recordsIn,
  valuesIn,
  versionsOf,
} from './harness.ts'
import type { FetchOptions, TopicRef } from './requests.ts'
import {
  Api,
  createTopic,
  deleteRecords,
  fetch,
  fetchBody,
  listOffset,
  produce,
} from './requests.ts'

let lab: Lab
let client: Client
let other: Client

beforeAll(async () => {
  lab = await Lab.memory({ 'fetch.max.bytes': '40000' })
  client = await lab.client()
  other = await lab.client()
})
afterAll(() => lab.close())

/** A topic with one batch for each list of values. */
const filled = async (
  batches: readonly (readonly string[])[],
  options: { partitions?: number; configs?: Record<string, string> } = {},
): Promise<TopicRef> => {
  const topic = await createTopic(client, options)
  for (const values of batches) await produce(client, topic, batchOf(values))
  return topic
}

/** Whether a fetch is still waiting after a later request of another client was answered. */
const waits = async (fetching: Promise<unknown>): Promise<boolean> => {
  let done = false
  const note = (): void => {
    done = true
  }
  fetching.then(note, note)
  for (let i = 0; i < 3; i++) await other.call(Api.apiVersions, 0, {})
  return !done
}

/** Longer than a test may take. */
const LONG = { maxWaitMs: 60_000 }

describe('a fetch', () => {
  test.each(versionsOf(Api.fetch))('in version %i reads what was written [F1]', async (version) => {
    const topic = await filled([['a', 'b', 'c'], ['d']])
    for (const from of [0, 1, 2, 3]) {
      const read = await fetch(client, topic, from, { version })
      expect(read).toMatchObject({ partitionIndex: 0, errorCode: 0, highWatermark: 4 })
      // An offset inside a batch gets the whole batch; the client skips.
      expect(valuesIn(read.records)).toEqual(from < 3 ? ['a', 'b', 'c', 'd'] : ['d'])
      expect(read.logStartOffset).toBe(version >= 5 ? 0 : -1)
      expect(read.preferredReadReplica).toBe(-1)
      expect(read.divergingEpoch).toEqual({ epoch: -1, endOffset: -1 })
    }
  })

  test.each(versionsOf(Api.fetch))('in version %i tells its errors [W13, F16]', async (version) => {
    const absent = { name: 'absent', topicId: '33333333-3333-3333-3333-333333333333' }
    const topic = await filled([['a']])
    const unknown = await fetch(client, absent, 0, { version, ...LONG })
    expect(unknown.errorCode).toBe(
      version < 13 ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION : ErrorCode.UNKNOWN_TOPIC_ID,
    )
    const beyond = await fetch(client, topic, 0, { version, partition: 3, ...LONG })
    expect(beyond.errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    const high = await fetch(client, topic, 2, { version, ...LONG })
    expect(high.errorCode).toBe(ErrorCode.OFFSET_OUT_OF_RANGE)
    for (const { records, highWatermark } of [unknown, beyond, high]) {
      expect(records).toEqual(new Uint8Array(0))
      expect(highWatermark).toBe(-1)
    }
  })

  test('is in range from the log start to the log end [F2, F21]', async () => {
    const topic = await filled([['a'], ['b'], ['c', 'd']])
    const code = async (from: number) => (await fetch(client, topic, from)).errorCode
    expect(await Promise.all([-1, 0, 1, 4, 5].map(code))).toEqual([1, 0, 0, 0, 1])
    expect(await deleteRecords(client, topic, 3)).toMatchObject({ errorCode: 0, lowWatermark: 3 })
    expect(await Promise.all([0, 2, 3, 4, 5].map(code))).toEqual([1, 1, 0, 0, 1])
    const read = await fetch(client, topic, 3)
    expect(read.logStartOffset).toBe(3)
    // The log start lies inside a batch, which is given whole all the same.
    expect(recordsIn(read.records).map(([offset]) => offset)).toEqual([2, 3])
    const end = await fetch(client, topic, 4)
    expect([end.errorCode, end.records]).toEqual([0, new Uint8Array(0)])
  })

  test('that is stale does not read a topic made anew under the same name [F16]', async () => {
    const topic = await filled([['old']])
    await client.call(Api.deleteTopics, 6, { topics: [{ name: topic.name }], timeoutMs: 1000 })
    const anew = await createTopic(client, { name: topic.name })
    await produce(client, anew, batchOf(['new']))
    const stale = await fetch(client, topic, 0)
    expect([stale.errorCode, stale.records]).toEqual([
      ErrorCode.UNKNOWN_TOPIC_ID,
      new Uint8Array(0),
    ])
    expect(valuesIn((await fetch(client, anew, 0)).records)).toEqual(['new'])
    expect(valuesIn((await fetch(client, anew, 0, { version: 12 })).records)).toEqual(['new'])
  })

  test('has a list of aborted transactions if read committed [F8, F9]', async () => {
    const topic = await filled([['a']])
    for (const version of [4, 11, 16]) {
      const loose = await fetch(client, topic, 0, { version })
      const strict = await fetch(client, topic, 0, { version, isolationLevel: 1 })
      expect([loose.abortedTransactions, strict.abortedTransactions]).toEqual([null, []])
      expect([loose.lastStableOffset, strict.lastStableOffset]).toEqual([1, 1])
      expect(valuesIn(strict.records)).toEqual(['a'])
    }
  })

  test('checks the leader epoch that the client believes in [F13, F17]', async () => {
    const topic = await filled([['a']])
    const [batch] = batchesIn((await fetch(client, topic, 0)).records)
    const epoch = must(batch, 'batch').leaderEpoch
    expect(epoch).toBeGreaterThanOrEqual(0)
    for (const version of versionsOf(Api.fetch).filter((v) => v >= 9)) {
      const code = async (currentLeaderEpoch: number) =>
        (await fetch(client, topic, 0, { version, currentLeaderEpoch })).errorCode
      expect(await code(-1)).toBe(0)
      expect(await code(epoch)).toBe(0)
      expect(await code(epoch + 1)).toBe(ErrorCode.UNKNOWN_LEADER_EPOCH)
    }
  })

  test('with records of an epoch that was never here is out of range [F14]', async () => {
    const topic = await filled([['a', 'b']])
    const [batch] = batchesIn((await fetch(client, topic, 0)).records)
    const epoch = must(batch, 'batch').leaderEpoch
    for (const version of versionsOf(Api.fetch).filter((v) => v >= 12)) {
      const same = await fetch(client, topic, 2, { version, lastFetchedEpoch: epoch })
      expect([same.errorCode, same.divergingEpoch.epoch]).toEqual([0, -1])
      const read = await fetch(client, topic, 2, { version, lastFetchedEpoch: epoch + 3, ...LONG })
      // Kafka names a diverging epoch only if it knows one; an answer without would say nothing.
      expect([read.errorCode, read.divergingEpoch.epoch]).toEqual([
        ErrorCode.OFFSET_OUT_OF_RANGE,
        -1,
      ])
    }
  })
})

describe('a fetch is answered at once', () => {
  const empty: [string, FetchOptions][] = [
    ['max wait is 0', { maxWaitMs: 0 }],
    ['max wait is negative', { maxWaitMs: -1 }],
    ['min bytes is 0', { ...LONG, minBytes: 0 }],
    ['max bytes is 0', { ...LONG, minBytes: 1, maxBytes: 0 }],
    ['the epoch is unknown', { ...LONG, currentLeaderEpoch: 1000 }],
  ]
  test.each(empty)('when %s [F3]', async (_, options) => {
    const topic = await filled([])
    const read = await fetch(client, topic, 0, options)
    expect(read.records).toEqual(new Uint8Array(0))
  })

  test('when it asks for nothing [F3]', async () => {
    for (const version of versionsOf(Api.fetch)) {
      const answer = await client.call(Api.fetch, version, {
        ...fetchBody({ name: '', topicId: '' }, 0, LONG),
        topics: [],
      })
      expect(answer).toMatchObject({ errorCode: 0, sessionId: 0, responses: [] })
    }
  })

  test('when there is enough, also over several partitions [F3]', async () => {
    const topic = await filled([['x'.repeat(400)]], { partitions: 2 })
    await produce(client, topic, batchOf(['y'.repeat(400)]), { partition: 1 })
    const body = fetchBody(topic, 0, { ...LONG, minBytes: 800 })
    const [only] = must(body.topics[0], 'topic').partitions
    const both = [0, 1].map((partition) => ({ ...must(only, 'partition'), partition }))
    const topics = body.topics.map((one) => ({ ...one, partitions: both }))
    const answer = await client.call(Api.fetch, 16, { ...body, topics })
    expect(answer.responses[0]?.partitions.map(({ records }) => valuesIn(records).length)).toEqual([
      1, 1,
    ])
  })

  test('when min bytes is above what an answer may hold but that is there [F5]', async () => {
    const topic = await filled([['x'.repeat(500)], ['y'.repeat(500)]])
    const capped = { ...LONG, minBytes: 1_000_000, maxBytes: 600 }
    expect(valuesIn((await fetch(client, topic, 0, capped)).records)).toHaveLength(1)
    // Here the limit is the broker's own fetch.max.bytes of 40000.
    const large = await filled(Array.from({ length: 5 }, () => ['z'.repeat(9000)]))
    const much = { ...LONG, minBytes: 0x7fffffff, maxBytes: 0x7fffffff }
    expect(valuesIn((await fetch(client, large, 0, much)).records)).toHaveLength(4)
  })
})

describe('a fetch waits', () => {
  test('at the end of the log until somebody writes [F3]', async () => {
    const topic = await filled([['a']])
    for (const version of [4, 12, 18]) {
      const end = (await listOffset(other, topic, -1)).offset
      const fetching = fetch(client, topic, end, { version, ...LONG })
      expect(await waits(fetching)).toBe(true)
      await produce(other, topic, batchOf([`woken ${version}`]))
      expect(valuesIn((await fetching).records)).toEqual([`woken ${version}`])
    }
  })

  test('until there are min bytes [F3, F4]', async () => {
    const topic = await filled([])
    const isolation = [0, 1]
    for (const isolationLevel of isolation) {
      const from = (await listOffset(other, topic, -1)).offset
      const size = batchOf(['x'.repeat(100)]).length
      const fetching = fetch(client, topic, from, { ...LONG, minBytes: size * 3, isolationLevel })
      await produce(other, topic, batchOf(['x'.repeat(100)]))
      await produce(other, topic, batchOf(['x'.repeat(100)]))
      expect(await waits(fetching)).toBe(true)
      await produce(other, topic, batchOf(['x'.repeat(100)]))
      expect(valuesIn((await fetching).records)).toHaveLength(3)
    }
  })

  test('no longer than max wait, and then gives what there is [F3]', async () => {
    const topic = await filled([['few']])
    const read = await fetch(client, topic, 0, { maxWaitMs: 50, minBytes: 100_000 })
    expect(valuesIn(read.records)).toEqual(['few'])
    const end = await fetch(client, topic, 1, { maxWaitMs: 50 })
    expect([end.errorCode, end.records]).toEqual([0, new Uint8Array(0)])
  })

  test('until the topic is deleted [F3]', async () => {
    const topic = await filled([])
    const fetching = fetch(client, topic, 0, LONG)
    expect(await waits(fetching)).toBe(true)
    await other.call(Api.deleteTopics, 6, { topics: [{ name: topic.name }], timeoutMs: 1000 })
    expect((await fetching).errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_ID)
  })

  test('until records were deleted that it wanted [F3, F21]', async () => {
    const topic = await filled([['a'], ['b']])
    const fetching = fetch(client, topic, 0, { ...LONG, minBytes: 10_000 })
    expect(await waits(fetching)).toBe(true)
    await deleteRecords(other, topic, 2)
    expect((await fetching).errorCode).toBe(ErrorCode.OFFSET_OUT_OF_RANGE)
  })

  test('on any of its partitions, also over a sealed segment [F3]', async () => {
    const topic = await filled([], { partitions: 3, configs: { 'segment.bytes': '1048576' } })
    for (let i = 0; i < 3; i++) {
      await produce(client, topic, batchOf(['x'.repeat(500_000)]), { partition: 1 })
    }
    const body = fetchBody(topic, 0, LONG)
    const [only] = must(body.topics[0], 'topic').partitions
    const wish = must(only, 'partition')
    const partitions = [
      { ...wish, partition: 2 },
      { ...wish, partition: 1, fetchOffset: 3 },
    ]
    const fetching = client.call(Api.fetch, 16, {
      ...body,
      topics: body.topics.map((one) => ({ ...one, partitions })),
    })
    expect(await waits(fetching)).toBe(true)
    await produce(other, topic, batchOf(['one'.repeat(100_000)]), { partition: 1 })
    const parts = must((await fetching).responses[0], 'topic').partitions
    expect(parts.map(({ partitionIndex, records }) => [partitionIndex, recordsIn(records).length]))
      .toEqual([[2, 0], [1, 1]]) // prettier-ignore
  })
})

describe('the size of an answer', () => {
  const value = 'x'.repeat(1000)
  const size = batchOf([value]).length

  test('is at least one whole batch, whatever the limits [F6]', async () => {
    const topic = await filled([[value], [value], [value]])
    for (const limits of [{ partitionMaxBytes: 1 }, { maxBytes: 1 }, { partitionMaxBytes: 0 }]) {
      const read = await fetch(client, topic, 0, { ...limits, ...LONG })
      expect(recordsIn(read.records).map(([offset]) => offset)).toEqual([0])
    }
  })

  test('ends with a whole batch below both limits [F6, F7]', async () => {
    const topic = await filled([[value], [value], [value], [value]])
    const counts = async (options: FetchOptions) =>
      recordsIn((await fetch(client, topic, 0, options)).records).length
    expect(await counts({ partitionMaxBytes: size * 2 })).toBe(2)
    expect(await counts({ partitionMaxBytes: size * 3 - 1 })).toBe(2)
    expect(await counts({ maxBytes: size * 3 })).toBe(3)
    expect(await counts({ maxBytes: size * 4 - 1 })).toBe(3)
  })

  test('is shared by partitions in the order of the request [F6, F7]', async () => {
    const topic = await filled([[value], [value]], { partitions: 4 })
    for (const partition of [1, 2]) {
      await produce(client, topic, batchOf([value]), { partition })
    }
    const ask = async (order: readonly number[], maxBytes: number, partitionMaxBytes = 1 << 20) => {
      const body = fetchBody(topic, 0, { maxBytes, partitionMaxBytes })
      const [only] = must(body.topics[0], 'topic').partitions
      const partitions = order.map((partition) => ({ ...must(only, 'partition'), partition }))
      const topics = body.topics.map((one) => ({ ...one, partitions }))
      const answer = await client.call(Api.fetch, 16, { ...body, topics })
      const parts = must(answer.responses[0], 'topic').partitions
      for (const { errorCode, records } of parts) {
        expect(errorCode).toBe(0)
        expect(records).not.toBeNull()
      }
      return parts.map(({ partitionIndex, records }) => [partitionIndex, batchesIn(records).length])
    }
    // An empty partition in front takes nothing away; the first with records gets its batch.
    expect(await ask([3, 0, 1, 2], 1)).toEqual([[3, 0], [0, 1], [1, 0], [2, 0]]) // prettier-ignore
    expect(await ask([2, 0, 1], size * 2)).toEqual([[2, 1], [0, 1], [1, 0]]) // prettier-ignore
    expect(await ask([0, 1, 2], size * 3)).toEqual([[0, 2], [1, 1], [2, 0]]) // prettier-ignore
    // A batch above the partition's own limit is left out once something was returned.
    const less = size - 1
    expect(await ask([1, 0, 2], 1 << 20, less)).toEqual([[1, 1], [0, 0], [2, 0]]) // prettier-ignore
  })
})

test('a fetch whose connection closes while it waits is forgotten', async () => {
  const real = createClock()
  let waiting = 0
  const clock: Clock = {
    wallMs: () => real.wallMs(),
    monotonicMs: () => real.monotonicMs(),
    turn: (run) => real.turn(run),
    after: (delayMs, run) => {
      const cancel = real.after(delayMs, run)
      if (delayMs < 1_000_000) return cancel
      waiting++
      return () => {
        waiting--
        cancel()
      }
    },
  }
  const broker = await openBroker({ clock })
  const leaving = await Client.connect(broker.address)
  const topic = await createTopic(leaving)
  const fetching = fetch(leaving, topic, 0, { maxWaitMs: 2_000_000_000 })
  fetching.catch(() => undefined)
  await expect.poll(() => waiting).toBe(1)
  await leaving.close()
  await expect(fetching).rejects.toThrow('closed')
  await expect.poll(() => waiting).toBe(0)
  await broker.close()
})
