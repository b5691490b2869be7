// Fetch sessions (KIP-227) over the wire, by name and by id: what the client must repeat, what it
// is told again, and how it recovers when the broker has forgotten it.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { must } from '../../src/base/assert.ts'
import { ErrorCode } from '../../src/base/error-codes.ts'
import type { FetchResponse } from '../../src/wire/messages/01-fetch.ts'
import type { Client } from './harness.ts'
import { batchOf, Lab, valuesIn } from './harness.ts'
import type { TopicRef } from './requests.ts'
import { Api, createTopic, deleteRecords, fetchBody, produce } from './requests.ts'

const SLOTS = 8
let lab: Lab
let client: Client

beforeAll(async () => {
  lab = await Lab.memory({ 'max.incremental.fetch.session.cache.slots': String(SLOTS) })
  client = await lab.client()
})
afterAll(() => lab.close())

/** Speaks to the broker within one session. */
class Session {
  readonly #topic: TopicRef
  readonly #version: number
  id = 0
  epoch = 0

  constructor(topic: TopicRef, version: number) {
    this.#topic = topic
    this.#version = version
  }

  /** Fetches what is named here, [partition, offset] each, and what the session remembers. */
  async fetch(
    wishes: readonly (readonly [number, number])[],
    options: { forget?: readonly number[]; maxWaitMs?: number; version?: number } = {},
  ): Promise<FetchResponse> {
    const { name, topicId } = this.#topic
    const { forget = [], maxWaitMs = 0 } = options
    const body = fetchBody(this.#topic, 0, { maxWaitMs })
    const answer = await client.call(Api.fetch, options.version ?? this.#version, {
      ...body,
      sessionId: this.id,
      sessionEpoch: this.epoch,
      topics:
        wishes.length === 0
          ? []
          : [
              {
                topic: name,
                topicId,
                partitions: wishes.map(([partition, fetchOffset]) => ({
                  partition,
                  fetchOffset,
                  currentLeaderEpoch: -1,
                  partitionMaxBytes: 1 << 20,
                })),
              },
            ],
      forgottenTopicsData:
        forget.length === 0 ? [] : [{ topic: name, topicId, partitions: forget }],
    })
    if (answer.errorCode === 0) {
      if (this.epoch === 0) this.id = answer.sessionId
      this.epoch = this.epoch === 0x7fffffff ? 1 : this.epoch + 1
    }
    return answer
  }
}

/** What an answer says, as partition and values. */
const told = ({ responses }: FetchResponse): [number, (string | null)[]][] =>
  responses.flatMap(({ partitions }) =>
    partitions.map(({ partitionIndex, records }): [number, (string | null)[]] => [
      partitionIndex,
      valuesIn(records),
    ]),
  )

describe.each([7, 11, 12, 13, 18])('a session in version %i', (version) => {
  test('begins with a full fetch and goes on with what changed [S1, S4, S7]', async () => {
    const topic = await createTopic(client, { partitions: 3 })
    const session = new Session(topic, version)
    const first = await session.fetch([[0, 0], [1, 0], [2, 0]]) // prettier-ignore
    expect(first.sessionId).not.toBe(0)
    expect(told(first)).toEqual([[0, []], [1, []], [2, []]]) // prettier-ignore
    expect(told(await session.fetch([]))).toEqual([])
    await produce(client, topic, batchOf(['a']), { partition: 1 })
    const second = await session.fetch([])
    expect(second.sessionId).toBe(session.id)
    expect(told(second)).toEqual([[1, ['a']]])
    // The offset stays until the client moves it [S6].
    expect(told(await session.fetch([]))).toEqual([[1, ['a']]])
    expect(told(await session.fetch([[1, 1]]))).toEqual([])
    expect(told(await session.fetch([[0, 0]]))).toEqual([])
  })

  test('tells of a changed log start, of errors and of their end [S4, S5]', async () => {
    const topic = await createTopic(client)
    await produce(client, topic, batchOf(['a', 'b']))
    const session = new Session(topic, version)
    await session.fetch([[0, 2]])
    expect(told(await session.fetch([]))).toEqual([])
    await deleteRecords(client, topic, 1)
    const moved = await session.fetch([])
    expect(moved.responses[0]?.partitions[0]).toMatchObject({ errorCode: 0, logStartOffset: 1 })
    expect(told(await session.fetch([]))).toEqual([])
    const bad = await session.fetch([[0, 9]])
    expect(bad.responses[0]?.partitions[0]?.errorCode).toBe(ErrorCode.OFFSET_OUT_OF_RANGE)
    const still = await session.fetch([])
    expect(still.responses[0]?.partitions[0]?.errorCode).toBe(ErrorCode.OFFSET_OUT_OF_RANGE)
    const good = await session.fetch([[0, 2]])
    expect(good.responses[0]?.partitions[0]).toMatchObject({ errorCode: 0, highWatermark: 2 })
    expect(told(await session.fetch([]))).toEqual([])
  })

  test('forgets partitions, takes new ones and ends with the last [S6, S8]', async () => {
    const topic = await createTopic(client, { partitions: 2 })
    await produce(client, topic, batchOf(['a']))
    await produce(client, topic, batchOf(['b']), { partition: 1 })
    const session = new Session(topic, version)
    await session.fetch([[0, 0]])
    expect(told(await session.fetch([[1, 0]], { forget: [0] }))).toEqual([[1, ['b']]])
    const last = await session.fetch([], { forget: [1] })
    expect([last.errorCode, last.sessionId, last.responses]).toEqual([0, 0, []])
    expect((await session.fetch([])).errorCode).toBe(ErrorCode.FETCH_SESSION_ID_NOT_FOUND)
  })

  test('fails whole for a strange id or epoch, and goes on after [S2]', async () => {
    const topic = await createTopic(client)
    const session = new Session(topic, version)
    await session.fetch([[0, 0]])
    const { id, epoch } = session
    for (const wrong of [epoch + 1, epoch - 1 === 0 ? epoch + 2 : epoch - 1]) {
      session.epoch = wrong
      const answer = await session.fetch([])
      expect(answer.errorCode).toBe(ErrorCode.INVALID_FETCH_SESSION_EPOCH)
      expect([answer.sessionId, answer.responses]).toEqual([0, []])
    }
    session.epoch = epoch
    session.id = id ^ 1
    const answer = await session.fetch([[0, 0]])
    expect([answer.errorCode, answer.responses]).toEqual([ErrorCode.FETCH_SESSION_ID_NOT_FOUND, []])
    session.id = id
    expect((await session.fetch([])).errorCode).toBe(0)
  })

  test('waits for news like any fetch [S4]', async () => {
    const topic = await createTopic(client, { partitions: 2 })
    const session = new Session(topic, version)
    await session.fetch([[0, 0], [1, 0]]) // prettier-ignore
    const other = await lab.client()
    const waiting = session.fetch([], { maxWaitMs: 15_000 })
    await produce(other, topic, batchOf(['news']), { partition: 1 })
    expect(told(await waiting)).toEqual([[1, ['news']]])
    await other.close()
  })
})

test('a session by name is not used by id, nor the other way [S3]', async () => {
  const topic = await createTopic(client)
  for (const [made, used] of [
    [12, 13],
    [13, 12],
  ] as const) {
    // prettier-ignore
    const session = new Session(topic, made)
    await session.fetch([[0, 0]])
    const answer = await session.fetch([], { version: used })
    expect(answer.errorCode).toBe(ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR)
    expect((await session.fetch([])).errorCode).toBe(0)
  }
})

test('a fetch without a session has none, and a full one replaces the old [S1, S8]', async () => {
  const topic = await createTopic(client)
  const plain = await client.call(Api.fetch, 13, fetchBody(topic, 0, { sessionEpoch: -1 }))
  expect(plain.sessionId).toBe(0)
  for (const sessionEpoch of [0, -1]) {
    const session = new Session(topic, 13)
    await session.fetch([[0, 0]])
    const options = { sessionId: session.id, sessionEpoch }
    const next = await client.call(Api.fetch, 13, fetchBody(topic, 0, options))
    expect(next.errorCode).toBe(0)
    expect(next.sessionId === 0).toBe(sessionEpoch === -1)
    expect((await session.fetch([])).errorCode).toBe(ErrorCode.FETCH_SESSION_ID_NOT_FOUND)
  }
})

test('the cache is bounded, and who was evicted begins anew [S9]', async () => {
  const topic = await createTopic(client)
  await produce(client, topic, batchOf(['a']))
  const sessions = Array.from({ length: SLOTS + 1 }, () => new Session(topic, 13))
  for (const session of sessions) expect((await session.fetch([[0, 1]])).sessionId).not.toBe(0)
  const evicted = must(sessions[0], 'session')
  expect((await evicted.fetch([])).errorCode).toBe(ErrorCode.FETCH_SESSION_ID_NOT_FOUND)
  for (const session of sessions.slice(1)) expect((await session.fetch([])).errorCode).toBe(0)
  evicted.epoch = 0
  evicted.id = 0
  expect(told(await evicted.fetch([[0, 0]]))).toEqual([[0, ['a']]])
})
