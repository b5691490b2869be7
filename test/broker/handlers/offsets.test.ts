// The offset handlers through the wire, in every version they have.
import { beforeEach, describe, expect, test } from 'vitest'
import { ErrorCode } from '../../../src/base/error-codes.ts'
import { offsetCommitHandler } from '../../../src/broker/handlers/08-offset-commit.ts'
import { offsetFetchHandler } from '../../../src/broker/handlers/09-offset-fetch.ts'
import { offsetDeleteHandler } from '../../../src/broker/handlers/47-offset-delete.ts'
import type { KnownTopic, TopicLookup } from '../../../src/broker/handlers/group-topics.ts'
import {
  offsetCommitRequest,
  offsetCommitResponse,
} from '../../../src/wire/messages/08-offset-commit.ts'
import {
  offsetFetchRequest,
  offsetFetchResponse,
} from '../../../src/wire/messages/09-offset-fetch.ts'
import {
  offsetDeleteRequest,
  offsetDeleteResponse,
} from '../../../src/wire/messages/47-offset-delete.ts'
import { Broker } from '../../group/fakes.ts'
import { api, versionsOf } from './calls.ts'

const E = ErrorCode
const ORDERS = '00000000-0000-0000-0000-00000000000a'
const STRANGE = '00000000-0000-0000-0000-00000000000b'

let broker: Broker
let known: KnownTopic[]
beforeEach(async () => {
  broker = await new Broker().lead()
  known = [{ topic: 'orders', topicId: ORDERS, partitions: 2 }]
})

const topics: TopicLookup = {
  byName: (name) => known.find(({ topic }) => topic === name),
  byId: (id) => known.find(({ topicId }) => topicId === id),
}
const commit = api(offsetCommitRequest, offsetCommitResponse, (request, context) =>
  offsetCommitHandler(broker.coordinator, topics)(request, context),
)
const fetch = api(offsetFetchRequest, offsetFetchResponse, (request, context) =>
  offsetFetchHandler(broker.coordinator, topics)(request, context),
)
const remove = api(offsetDeleteRequest, offsetDeleteResponse, (request, context) =>
  offsetDeleteHandler(broker.coordinator, topics)(request, context),
)

const named = (version: number, name: string, topicId: string): object =>
  version >= 10 ? { topicId } : { name }

async function commitOrders(offset: number): Promise<void> {
  const partitions = [{ partitionIndex: 0, committedOffset: offset, committedMetadata: 'note' }]
  const request = { groupId: 'g', topics: [{ name: 'orders', partitions }] }
  const reply = await commit(9, request, broker.clock)
  expect(reply.topics[0]?.partitions[0]?.errorCode).toBe(0)
}

describe('OffsetCommit', () => {
  test.each(versionsOf(offsetCommitRequest))('version %i [O7] [O1]', async (version) => {
    const partition = (partitionIndex: number): object => ({
      partitionIndex,
      committedOffset: 40 + partitionIndex,
      committedMetadata: null,
    })
    const request = {
      groupId: 'g',
      topics: [
        { ...named(version, 'strange', STRANGE), partitions: [partition(0)] },
        {
          ...named(version, 'orders', ORDERS),
          partitions: [partition(0), partition(2), partition(1)],
        },
      ],
    }
    const reply = await commit(version, request, broker.clock)
    const codes = reply.topics.map((topic) => topic.partitions.map(({ errorCode }) => errorCode))
    const unknown = version >= 10 ? E.UNKNOWN_TOPIC_ID : E.UNKNOWN_TOPIC_OR_PARTITION
    expect(codes).toEqual([[unknown], [0, E.UNKNOWN_TOPIC_OR_PARTITION, 0]])
    expect(reply.topics[1]).toMatchObject(named(version, 'orders', ORDERS))
    const fetched = await fetch(5, { groupId: 'g', topics: null }, broker.clock)
    expect(fetched.topics[0]?.partitions.map(({ committedOffset }) => committedOffset)).toEqual([
      40, 41,
    ])
    const member = { groupId: 'no', generationIdOrMemberEpoch: 3, memberId: 'm' }
    const refused = await commit(version, { ...request, ...member }, broker.clock)
    const code = version >= 9 ? E.GROUP_ID_NOT_FOUND : E.ILLEGAL_GENERATION
    expect(refused.topics[1]?.partitions[0]?.errorCode).toBe(code)
  })

  test.each([2, 3, 4])('version %i may ask for a retention [O8]', async (version) => {
    const partitions = [{ partitionIndex: 0, committedOffset: 1, committedMetadata: null }]
    const request = {
      groupId: 'g',
      retentionTimeMs: 60_000,
      topics: [{ name: 'orders', partitions }],
    }
    await commit(version, request, broker.clock)
    const record = broker.coordinator.partitions().flatMap(({ shard }) => [...shard.records()])[0]
    const expireMs = broker.clock.wallMs() + 60_000
    expect(record).toMatchObject({ committed: { expireMs } })
  })

  test('of nothing is answered without a group [O7]', async () => {
    expect(await commit(9, { groupId: 'g', topics: [] }, broker.clock)).toMatchObject({
      topics: [],
    })
    expect(broker.coordinator.groupCount).toBe(0)
  })
})

describe('OffsetFetch', () => {
  const single = versionsOf(offsetFetchRequest).filter((version) => version < 8)
  const several = versionsOf(offsetFetchRequest).filter((version) => version >= 8)

  test.each(single)('version %i, one group [O5]', async (version) => {
    await commitOrders(7)
    const asked = [{ name: 'orders', partitionIndexes: [0, 1] }]
    const reply = await fetch(version, { groupId: 'g', topics: asked }, broker.clock)
    expect(reply.errorCode).toBe(0)
    expect(reply.topics[0]?.partitions).toMatchObject([
      { partitionIndex: 0, committedOffset: 7, metadata: 'note', errorCode: 0 },
      { partitionIndex: 1, committedOffset: -1, metadata: '', errorCode: 0 },
    ])
    if (version < 2) return
    const all = await fetch(version, { groupId: 'g', topics: null }, broker.clock)
    expect(all.topics[0]?.partitions).toHaveLength(1)
    const none = await fetch(version, { groupId: 'no', topics: null }, broker.clock)
    expect(none).toMatchObject({ errorCode: 0, topics: [] })
  })

  test.each(single)(
    'version %i reports a failed look-up, never offset 0 [O10] [G19]',
    async (version) => {
      broker.coordinator.resign(broker.coordinator.partitionFor('g'))
      const asked = [{ name: 'orders', partitionIndexes: [0] }]
      const reply = await fetch(version, { groupId: 'g', topics: asked }, broker.clock)
      if (version >= 2) expect(reply).toMatchObject({ errorCode: E.NOT_COORDINATOR, topics: [] })
      else {
        expect(reply.topics[0]?.partitions).toMatchObject([
          { committedOffset: -1, errorCode: E.NOT_COORDINATOR },
        ])
      }
    },
  )

  test.each(several)('version %i, several groups [O5]', async (version) => {
    await commitOrders(7)
    const orders = { ...named(version, 'orders', ORDERS), partitionIndexes: [1, 0] }
    const strange = { ...named(version, 'strange', STRANGE), partitionIndexes: [0] }
    const groups = [
      { groupId: 'g', topics: [strange, orders] },
      { groupId: 'g', topics: null },
      { groupId: 'no', topics: [orders] },
    ]
    const reply = await fetch(version, { groups, requireStable: true }, broker.clock)
    expect(reply.groups.map(({ errorCode }) => errorCode)).toEqual([0, 0, 0])
    const found = reply.groups.map((group) =>
      group.topics.map((topic) => topic.partitions.map(({ committedOffset }) => committedOffset)),
    )
    expect(found).toEqual([[[-1], [-1, 7]], [[7]], [[-1, -1]]])
    const code = version >= 10 ? E.UNKNOWN_TOPIC_ID : 0
    expect(reply.groups[0]?.topics[0]?.partitions[0]?.errorCode).toBe(code)
    expect(reply.groups[1]?.topics[0]).toMatchObject(named(version, 'orders', ORDERS))
  })

  test('version 10 leaves out topics that are gone [O5]', async () => {
    await commitOrders(7)
    known = []
    const reply = await fetch(10, { groups: [{ groupId: 'g', topics: null }] }, broker.clock)
    expect(reply.groups).toMatchObject([{ errorCode: 0, topics: [] }])
  })

  test.each([8, 9, 10])('version %i has a code for each group [G19]', async (version) => {
    broker.coordinator.close()
    const topics = [{ ...named(version, 'orders', ORDERS), partitionIndexes: [0] }]
    const reply = await fetch(version, { groups: [{ groupId: 'g', topics }] }, broker.clock)
    expect(reply.groups).toMatchObject([{ errorCode: E.COORDINATOR_NOT_AVAILABLE, topics: [] }])
  })
})

describe('OffsetDelete', () => {
  test('takes offsets partition by partition [G22]', async () => {
    await commitOrders(7)
    const partitions = [{ partitionIndex: 0 }, { partitionIndex: 1 }]
    const asked = [
      { name: 'strange', partitions: [{ partitionIndex: 0 }] },
      { name: 'orders', partitions },
    ]
    const reply = await remove(0, { groupId: 'g', topics: asked }, broker.clock)
    expect(reply.errorCode).toBe(0)
    expect(reply.topics.map((topic) => topic.partitions.map(({ errorCode }) => errorCode))).toEqual(
      [[E.UNKNOWN_TOPIC_OR_PARTITION], [0, 0]],
    )
    const again = await remove(0, { groupId: 'g', topics: asked }, broker.clock)
    expect(again).toMatchObject({ errorCode: E.GROUP_ID_NOT_FOUND, topics: [] })
  })
})
