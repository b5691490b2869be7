import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ErrorCode } from '../../src/base/error-codes.ts'
import type { JoinReply } from '../../src/group/classic/types.ts'
import { commitOffsets, deleteOffsets, fetchOffsets } from '../../src/group/offset-service.ts'
import type { CommitRequest, FetchReply } from '../../src/group/offset-service.ts'
import type { JoinRequest } from '../../src/group/partition.ts'
import { bytes, protocols } from './classic/harness.ts'
import { Broker, LIMITS } from './fakes.ts'

const E = ErrorCode
const nobody = { memberId: '', instanceId: null }

const joinRequest = (options: Partial<JoinRequest> = {}): JoinRequest => ({
  memberId: '',
  instanceId: null,
  clientId: 'c',
  clientHost: '/h',
  sessionTimeoutMs: 10_000,
  rebalanceTimeoutMs: 60_000,
  protocolType: 'consumer',
  protocols: protocols('range'),
  memberIdRequired: false,
  canSkipAssignment: true,
  ...options,
})

const commitRequest = (
  offset: number,
  options: Partial<CommitRequest> & { topic?: string; partition?: number; metadata?: string } = {},
): CommitRequest => ({
  groupId: 'g',
  who: nobody,
  generation: -1,
  retentionMs: -1,
  unknownGroupCode: E.ILLEGAL_GENERATION,
  items: [
    {
      topic: options.topic ?? 'orders',
      partition: options.partition ?? 0,
      topicId: null,
      offset,
      leaderEpoch: 1,
      metadata: options.metadata ?? null,
    },
  ],
  ...options,
})

/** Watches a promise without waiting for it. */
function watch<T>(value: Promise<T> | T): { result: T | undefined } {
  const seen: { result: T | undefined } = { result: undefined }
  void Promise.resolve(value).then((result) => {
    seen.result = result
  })
  return seen
}

async function commit(broker: Broker, request: CommitRequest): Promise<number | undefined> {
  const seen = watch(commitOffsets(broker.coordinator, request))
  await broker.clock.settle()
  return seen.result?.[0]
}

async function fetch(broker: Broker, groupId = 'g'): Promise<FetchReply> {
  const seen = watch(fetchOffsets(broker.coordinator, groupId, null, true))
  await broker.clock.settle()
  return seen.result as FetchReply
}

const offsetsOf = (reply: FetchReply): number[] =>
  reply.topics.flatMap(({ partitions }) => partitions.map(({ offset }) => offset))

/** A stable group of members that join at once; the leader first. */
async function stable(
  broker: Broker,
  groupId: string,
  requests: JoinRequest[],
): Promise<JoinReply[]> {
  const joins = requests.map((request) => watch(broker.coordinator.join(groupId, request)))
  await broker.clock.pass(0)
  const replies = joins.map(({ result }) => result as JoinReply)
  const leader = replies[0]?.leader ?? ''
  const assignments = new Map(
    replies.map(({ memberId }) => [memberId, bytes(`to ${memberId}`)] as const),
  )
  for (const { memberId, generation } of replies) {
    void broker.coordinator.sync(groupId, {
      memberId,
      instanceId: null,
      generation,
      protocolType: null,
      protocol: null,
      assignments: memberId === leader ? assignments : new Map(),
    })
  }
  await broker.clock.settle()
  return replies.sort((a, b) => Number(b.memberId === leader) - Number(a.memberId === leader))
}

/** Fills an empty group with a member, or empties it. */
async function toggle(broker: Broker, groupId: string): Promise<void> {
  const group = broker.coordinator.describe(groupId)
  const members = group === null || typeof group === 'number' ? [] : group.members
  if (members.length === 0) await stable(broker, groupId, [joinRequest()])
  else void broker.coordinator.leave(groupId, members)
}

describe('GroupCoordinator', () => {
  test('sends requests away where it does not lead and while it loads [G19]', async () => {
    const broker = new Broker()
    const { coordinator } = broker
    expect(coordinator.heartbeat('g', nobody, 1)).toBe(E.NOT_COORDINATOR)
    expect(await coordinator.join('g', joinRequest())).toMatchObject({ code: E.NOT_COORDINATOR })
    expect(await commit(broker, commitRequest(1))).toBe(E.NOT_COORDINATOR)
    expect((await fetch(broker)).code).toBe(E.NOT_COORDINATOR)
    expect(coordinator.describe('g')).toBe(E.NOT_COORDINATOR)
    broker.log.holdsReads = true
    await broker.lead()
    expect(await coordinator.join('g', joinRequest())).toMatchObject({
      code: E.COORDINATOR_LOAD_IN_PROGRESS,
    })
    expect(await commit(broker, commitRequest(1))).toBe(E.COORDINATOR_LOAD_IN_PROGRESS)
    expect((await fetch(broker)).code).toBe(E.COORDINATOR_LOAD_IN_PROGRESS)
    expect(coordinator.list()).toBe(E.COORDINATOR_LOAD_IN_PROGRESS)
    // Its heartbeats are believed: a member is not driven out by a move of its coordinator.
    expect(coordinator.heartbeat('g', nobody, 1)).toBe(E.NONE)
    broker.log.release()
    await broker.clock.settle()
    expect(await commit(broker, commitRequest(1))).toBe(0)
  })

  test('a partition that is resigned while it loads stays resigned', async () => {
    const broker = new Broker()
    broker.log.holdsReads = true
    await broker.lead()
    const index = broker.coordinator.partitionFor('g')
    broker.coordinator.resign(index)
    broker.log.release()
    await broker.clock.settle()
    expect(broker.coordinator.heartbeat('g', nobody, 1)).toBe(E.NOT_COORDINATOR)
    expect(broker.clock.timers.size).toBe(0)
  })

  test('refuses bad names and session timeouts out of range [G2]', async () => {
    const { coordinator } = await new Broker().lead()
    const code = async (groupId: string, options: Partial<JoinRequest>): Promise<number> =>
      (await coordinator.join(groupId, joinRequest(options))).code
    expect(await code('', {})).toBe(E.INVALID_GROUP_ID)
    expect(await code('g', { sessionTimeoutMs: 5999 })).toBe(E.INVALID_SESSION_TIMEOUT)
    expect(await code('g', { sessionTimeoutMs: 1_800_001 })).toBe(E.INVALID_SESSION_TIMEOUT)
    expect(await code('g', { instanceId: 'x'.repeat(20_000) })).toBe(E.INVALID_REQUEST)
    expect(await code('x'.repeat(2000), {})).toBe(E.INVALID_GROUP_ID)
    expect(await code('g', { memberId: 'm' })).toBe(E.UNKNOWN_MEMBER_ID)
    expect(coordinator.heartbeat('', nobody, 0)).toBe(E.INVALID_GROUP_ID)
    expect(coordinator.heartbeat('g', nobody, 0)).toBe(E.UNKNOWN_MEMBER_ID)
    expect(coordinator.groupCount).toBe(0)
  })

  test('takes no more groups than it may have', async () => {
    const broker = await new Broker({ groupsMax: 1 }).lead()
    expect(await commit(broker, commitRequest(1, { groupId: 'a' }))).toBe(0)
    expect(await commit(broker, commitRequest(1, { groupId: 'b' }))).toBe(
      E.COORDINATOR_NOT_AVAILABLE,
    )
    const reply = await broker.coordinator.join('b', joinRequest())
    expect(reply.code).toBe(E.COORDINATOR_NOT_AVAILABLE)
  })

  test('keeps nothing of a group whose only member never came back with its id [G1]', async () => {
    const broker = await new Broker().lead()
    const reply = await broker.coordinator.join('g', joinRequest({ memberIdRequired: true }))
    expect(reply).toMatchObject({ code: E.MEMBER_ID_REQUIRED, memberId: 'c-u1' })
    expect(broker.coordinator.groupCount).toBe(1)
    await broker.clock.pass(10_000)
    expect(broker.coordinator.groupCount).toBe(0)
    expect(broker.clock.timers.size).toBe(0)
    expect(broker.log.appends).toBe(0)
  })

  test('another broker goes on with members and offsets, and no rebalance [G20]', async () => {
    const first = await new Broker().lead()
    const [leader, follower] = await stable(first, 'g', [joinRequest(), joinRequest()])
    const who = { memberId: leader?.memberId ?? '', instanceId: null }
    expect(await commit(first, commitRequest(42, { who, generation: 1 }))).toBe(0)
    const described = first.coordinator.describe('g')
    for (let i = 0; i < LIMITS.offsetsPartitions; i++) first.coordinator.resign(i)
    expect(first.coordinator.heartbeat('g', who, 1)).toBe(E.NOT_COORDINATOR)

    const second = await new Broker({}, { log: first.log, clock: first.clock }).lead()
    expect(second.coordinator.describe('g')).toEqual(described)
    for (const { memberId } of [leader, follower] as JoinReply[]) {
      expect(second.coordinator.heartbeat('g', { memberId, instanceId: null }, 1)).toBe(0)
    }
    expect(offsetsOf(await fetch(second))).toEqual([42])
    expect(await commit(second, commitRequest(43, { who, generation: 1 }))).toBe(0)
    // Who does not go on there is noticed there.
    await second.clock.pass(20_000)
    expect(second.coordinator.describe('g')).toMatchObject({ state: 'Empty' })
  })

  test('resigning answers everybody who waits [G19]', async () => {
    const broker = await new Broker().lead()
    const [leader] = await stable(broker, 'g', [joinRequest(), joinRequest()])
    const join = watch(
      broker.coordinator.join('g', joinRequest({ memberId: leader?.memberId ?? '' })),
    )
    broker.log.holds = true
    const committed = watch(commitOffsets(broker.coordinator, commitRequest(1, { groupId: 'x' })))
    broker.coordinator.close()
    await broker.clock.settle()
    expect(join.result?.code).toBe(E.NOT_COORDINATOR)
    expect(committed.result).toEqual([E.NOT_COORDINATOR])
    expect(broker.clock.timers.size).toBe(0)
  })

  test('after a failed append sends all away and returns to what the log has', async () => {
    const broker = await new Broker().lead()
    expect(await commit(broker, commitRequest(1))).toBe(0)
    broker.log.failure = 'retry'
    expect(await commit(broker, commitRequest(2))).toBe(E.COORDINATOR_NOT_AVAILABLE)
    expect(await commit(broker, commitRequest(3))).toBe(E.COORDINATOR_NOT_AVAILABLE)
    broker.log.failure = null
    await broker.clock.pass(LIMITS.reloadDelayMs)
    expect(offsetsOf(await fetch(broker))).toEqual([1])
  })

  test('believes the log about an append that failed and was written all the same', async () => {
    const broker = await new Broker().lead()
    broker.log.failure = 'retry'
    broker.log.failsAfterWriting = true
    expect(await commit(broker, commitRequest(2))).toBe(E.COORDINATOR_NOT_AVAILABLE)
    broker.log.failure = null
    await broker.clock.pass(LIMITS.reloadDelayMs)
    expect(offsetsOf(await fetch(broker))).toEqual([2])
  })

  test('is no coordinator once an append was fenced, until told to lead again', async () => {
    const broker = await new Broker().lead()
    broker.log.failure = 'fenced'
    expect(await commit(broker, commitRequest(2))).toBe(E.NOT_COORDINATOR)
    expect((await fetch(broker)).code).toBe(E.NOT_COORDINATOR)
    broker.log.failure = null
    await broker.lead()
    expect(await commit(broker, commitRequest(2))).toBe(0)
  })

  test('tries again to load a log that could not be read', async () => {
    const broker = new Broker()
    const index = broker.coordinator.partitionFor('g')
    broker.log.batches.set(index, [{ offset: 0, bytes: new Uint8Array(100) }])
    await broker.lead()
    expect(broker.telemetry.events).toContain('group.load-failed')
    expect(await commit(broker, commitRequest(1))).toBe(E.COORDINATOR_NOT_AVAILABLE)
    broker.log.batches.clear()
    await broker.clock.pass(LIMITS.reloadDelayMs)
    expect(await commit(broker, commitRequest(1))).toBe(0)
  })

  test('does not take its own sleep for the silence of its members', async () => {
    const broker = await new Broker().lead()
    const [leader] = await stable(broker, 'g', [joinRequest()])
    broker.clock.nowMs += 60_000
    await broker.clock.pass(0)
    const who = { memberId: leader?.memberId ?? '', instanceId: null }
    expect(broker.coordinator.heartbeat('g', who, 1)).toBe(0)
    expect(broker.coordinator.counters.lateTimers.value).toBe(1)
  })

  test('begins again when a group is too large for a record', async () => {
    const broker = await new Broker({ batchBytesMax: 400 }).lead()
    const join = watch(broker.coordinator.join('g', joinRequest()))
    await broker.clock.pass(0)
    const { memberId, generation } = join.result as JoinReply
    const sync = watch(
      broker.coordinator.sync('g', {
        memberId,
        instanceId: null,
        generation,
        protocolType: null,
        protocol: null,
        assignments: new Map([[memberId, new Uint8Array(500)]]),
      }),
    )
    await broker.clock.settle()
    expect(sync.result?.code).toBe(E.UNKNOWN_SERVER_ERROR)
    expect(broker.coordinator.describe('g')).toMatchObject({ state: 'PreparingRebalance' })
    expect(broker.coordinator.counters.refusedStores.value).toBe(1)
  })

  test('lists and counts its groups', async () => {
    const broker = await new Broker().lead()
    broker.coordinator.start()
    await stable(broker, 'a', [joinRequest()])
    await commit(broker, commitRequest(1, { groupId: 'b' }))
    expect(new Set(broker.coordinator.list() as object[])).toEqual(
      new Set([
        { groupId: 'a', protocolType: 'consumer', state: 'Stable' },
        { groupId: 'b', protocolType: '', state: 'Empty' },
      ]),
    )
    const states = broker.telemetry.gauges.get('stratalog_groups')?.() ?? []
    expect(new Set(states as Iterable<unknown>)).toEqual(
      new Set([
        [{ state: 'Stable' }, 1],
        [{ state: 'Empty' }, 1],
      ]),
    )
    broker.coordinator.close()
  })
})

describe('commitOffsets() and fetchOffsets()', () => {
  test('answer only once the commit is durable, and show nothing that is not', async () => {
    const broker = await new Broker().lead()
    broker.log.holds = true
    const committed = watch(commitOffsets(broker.coordinator, commitRequest(7)))
    const fetched = watch(fetchOffsets(broker.coordinator, 'g', null, false))
    await broker.clock.settle()
    expect(committed.result).toBeUndefined()
    expect(fetched.result).toBeUndefined()
    broker.log.release()
    await broker.clock.settle()
    expect(committed.result).toEqual([0])
    expect(offsetsOf(fetched.result as FetchReply)).toEqual([7])
  })

  test('put the commits of a turn, and later ones meanwhile, into one append each', async () => {
    const broker = await new Broker({ offsetsPartitions: 1 }).lead()
    broker.log.holds = true
    const seen = Array.from({ length: 500 }, (_, i) =>
      watch(commitOffsets(broker.coordinator, commitRequest(i, { groupId: `g${i}` }))),
    )
    await broker.clock.settle()
    expect(broker.log.appends).toBe(1)
    for (let i = 0; i < 300; i++) {
      seen.push(watch(commitOffsets(broker.coordinator, commitRequest(i, { groupId: `h${i}` }))))
    }
    await broker.clock.settle()
    expect(broker.log.appends).toBe(1)
    broker.log.release()
    await broker.clock.settle()
    expect(broker.log.appends).toBe(2)
    expect(seen.every(({ result }) => result?.[0] === 0)).toBe(true)
  })

  test('answer each commit with its own append, not with the one before', async () => {
    const broker = await new Broker().lead()
    broker.log.holds = true
    const first = watch(commitOffsets(broker.coordinator, commitRequest(1)))
    await broker.clock.settle()
    const second = watch(commitOffsets(broker.coordinator, commitRequest(2)))
    broker.log.releaseOnce()
    await broker.clock.settle()
    expect(first.result).toEqual([0])
    expect(second.result).toBeUndefined()
    broker.log.releaseOnce()
    await broker.clock.settle()
    expect(second.result).toEqual([0])
  })

  test('split what is too large for one batch, in order', async () => {
    const broker = await new Broker({ offsetsPartitions: 1, batchBytesMax: 1000 }).lead()
    const seen = Array.from({ length: 100 }, (_, i) =>
      watch(commitOffsets(broker.coordinator, commitRequest(i))),
    )
    await broker.clock.settle()
    expect(seen.every(({ result }) => result?.[0] === 0)).toBe(true)
    expect(broker.log.appends).toBeGreaterThan(5)
    for (const { bytes } of broker.log.batches.get(0) ?? []) {
      expect(bytes.length).toBeLessThanOrEqual(1000)
    }
    expect(offsetsOf(await fetch(broker))).toEqual([99])
  })

  test('refuse what would wait beyond the bound', async () => {
    const broker = await new Broker({ queuedRecordsMax: 10, offsetsPartitions: 1 }).lead()
    broker.log.holds = true
    const seen = Array.from({ length: 12 }, (_, i) =>
      watch(commitOffsets(broker.coordinator, commitRequest(i))),
    )
    broker.log.release()
    await broker.clock.settle()
    expect(seen.map(({ result }) => result?.[0])).toEqual([
      ...Array.from({ length: 10 }, () => 0),
      E.COORDINATOR_NOT_AVAILABLE,
      E.COORDINATOR_NOT_AVAILABLE,
    ])
  })

  test('make a simple group for a commit without a generation only [O1]', async () => {
    const broker = await new Broker().lead()
    expect(await commit(broker, commitRequest(1, { generation: 3 }))).toBe(E.ILLEGAL_GENERATION)
    expect(
      await commit(
        broker,
        commitRequest(1, { generation: 3, unknownGroupCode: E.GROUP_ID_NOT_FOUND }),
      ),
    ).toBe(E.GROUP_ID_NOT_FOUND)
    expect(broker.coordinator.groupCount).toBe(0)
    expect(await commit(broker, commitRequest(1))).toBe(0)
    expect(broker.coordinator.describe('g')).toMatchObject({ state: 'Empty', protocolType: '' })
  })

  test('refuse a stranger’s commit to a group with members [O2]', async () => {
    const broker = await new Broker().lead()
    await stable(broker, 'g', [joinRequest()])
    expect(await commit(broker, commitRequest(1))).toBe(E.UNKNOWN_MEMBER_ID)
  })

  test('bound the metadata in bytes, partition by partition [O4]', async () => {
    const broker = await new Broker().lead()
    const item = { topic: 't', topicId: null, offset: 1, leaderEpoch: -1 }
    const items = [
      'x'.repeat(4096),
      'x'.repeat(4097),
      'é'.repeat(2048),
      'é'.repeat(2049),
      null,
    ].map((metadata, partition) => ({ ...item, partition, metadata }))
    const seen = watch(commitOffsets(broker.coordinator, { ...commitRequest(0), items }))
    await broker.clock.settle()
    const tooLarge = E.OFFSET_METADATA_TOO_LARGE
    expect(seen.result).toEqual([0, tooLarge, 0, tooLarge, 0])
    const reply = await fetch(broker)
    expect(reply.topics[0]?.partitions.map(({ metadata }) => metadata)).toEqual([
      'x'.repeat(4096),
      'é'.repeat(2048),
      '',
    ])
  })

  test('answer -1 without an error for what was never committed [O5] [O10]', async () => {
    const broker = await new Broker().lead()
    await commit(broker, commitRequest(0))
    const topics = [{ topic: 'orders', topicId: null, partitions: [0, 1] }]
    const seen = watch(fetchOffsets(broker.coordinator, 'g', topics, true))
    const strange = watch(fetchOffsets(broker.coordinator, 'nobody', topics, true))
    await broker.clock.settle()
    const none = { code: 0, offset: -1, leaderEpoch: -1, metadata: '' }
    expect(seen.result?.topics[0]?.partitions).toEqual([
      { partition: 0, code: 0, offset: 0, leaderEpoch: 1, metadata: '' },
      { partition: 1, ...none },
    ])
    expect(strange.result?.topics[0]?.partitions.map(({ offset }) => offset)).toEqual([-1, -1])
    expect((await fetch(broker, 'nobody')).topics).toEqual([])
    expect(broker.coordinator.groupCount).toBe(1)
  })

  test('show nothing of a topic that was deleted and made again [O10]', async () => {
    const broker = await new Broker().lead()
    const [old, now] = ['0a'.repeat(16), '0b'.repeat(16)].map((hex) =>
      hex.replace(/(.{8})(.{4})(.{4})(.{4})(.*)/, '$1-$2-$3-$4-$5'),
    ) as [string, string]
    const [item] = commitRequest(5).items
    const items = item === undefined ? [] : [{ ...item, topicId: old }]
    await commit(broker, commitRequest(5, { items }))
    const at = async (topicId: string | null): Promise<number[]> => {
      const topics = [{ topic: 'orders', topicId, partitions: [0] }]
      const seen = watch(fetchOffsets(broker.coordinator, 'g', topics, true))
      await broker.clock.settle()
      return offsetsOf(seen.result as FetchReply)
    }
    expect(await at(old)).toEqual([5])
    expect(await at(null)).toEqual([5])
    expect(await at(now)).toEqual([-1])
  })
})

describe('deleting', () => {
  test('a group takes its offsets with it and needs to be empty [G22]', async () => {
    const broker = await new Broker().lead()
    expect(await broker.coordinator.delete('g')).toBe(E.GROUP_ID_NOT_FOUND)
    const [leader] = await stable(broker, 'g', [joinRequest()])
    expect(await broker.coordinator.delete('g')).toBe(E.NON_EMPTY_GROUP)
    const who = { memberId: leader?.memberId ?? '', instanceId: null }
    await commit(broker, commitRequest(5, { who, generation: 1 }))
    const left = watch(broker.coordinator.leave('g', [who]))
    await broker.clock.settle()
    expect(left.result).toEqual({ code: 0, codes: [0] })
    const deleted = watch(broker.coordinator.delete('g'))
    await broker.clock.settle()
    expect(deleted.result).toBe(0)
    expect(broker.coordinator.describe('g')).toBeNull()
    const again = await new Broker({}, { log: broker.log }).lead()
    expect(again.state()).toEqual([])
  })

  test('a group with a commit under way leaves nothing behind [G22]', async () => {
    const broker = await new Broker().lead()
    await commit(broker, commitRequest(1))
    broker.log.holds = true
    const committed = watch(commitOffsets(broker.coordinator, commitRequest(2, { partition: 9 })))
    const deleted = watch(broker.coordinator.delete('g'))
    broker.log.release()
    await broker.clock.settle()
    expect([committed.result, deleted.result]).toEqual([[0], 0])
    const again = await new Broker({}, { log: broker.log }).lead()
    expect(again.state()).toEqual([])
  })

  test('offsets spares the topics that members read [G22]', async () => {
    const broker = await new Broker().lead()
    const subscription = Uint8Array.of(0, 0, 0, 0, 0, 1, 0, 4, 0x72, 0x65, 0x61, 0x64)
    const request = joinRequest({ protocols: [{ name: 'range', metadata: subscription }] })
    const [leader] = await stable(broker, 'g', [request])
    const who = { memberId: leader?.memberId ?? '', instanceId: null }
    for (const topic of ['read', 'unread']) {
      await commit(broker, commitRequest(5, { who, generation: 1, topic }))
    }
    const seen = watch(
      deleteOffsets(broker.coordinator, 'g', [
        { topic: 'read', partition: 0 },
        { topic: 'unread', partition: 0 },
        { topic: 'unread', partition: 1 },
      ]),
    )
    await broker.clock.settle()
    expect(seen.result).toEqual({ code: 0, codes: [E.GROUP_SUBSCRIBED_TO_TOPIC, 0, 0] })
    expect((await fetch(broker)).topics.map(({ topic }) => topic)).toEqual(['read'])
    expect(await deleteOffsets(broker.coordinator, 'x', [])).toMatchObject({
      code: E.GROUP_ID_NOT_FOUND,
    })
  })

  test('topics takes their offsets from all groups', async () => {
    const broker = await new Broker().lead()
    for (const groupId of ['a', 'b']) {
      await commit(broker, commitRequest(1, { groupId, topic: 'gone' }))
      await commit(broker, commitRequest(2, { groupId, topic: 'kept' }))
    }
    broker.coordinator.topicsDeleted(new Set(['gone']))
    await broker.clock.settle()
    expect(offsetsOf(await fetch(broker, 'a'))).toEqual([2])
    const again = await new Broker({}, { log: broker.log }).lead()
    expect(again.state()).toEqual(broker.state())
  })

  test('what nobody uses comes with time [O8]', async () => {
    const broker = await new Broker({ expiryIntervalMs: 86_400_000 }).lead()
    broker.coordinator.start()
    await commit(broker, commitRequest(1, { groupId: 'simple' }))
    const [leader] = await stable(broker, 'g', [joinRequest({ sessionTimeoutMs: 1_800_000 })])
    const who = { memberId: leader?.memberId ?? '', instanceId: null }
    await commit(broker, commitRequest(1, { who, generation: 1 }))
    await broker.clock.pass(6 * 86_400_000)
    expect(broker.coordinator.groupCount).toBe(2)
    await broker.clock.pass(3 * 86_400_000)
    expect(broker.coordinator.groupCount).toBe(0)
    expect(broker.coordinator.counters.expired.value).toBe(3)
    const again = await new Broker({}, { log: broker.log }).lead()
    expect(again.state()).toEqual([])
    broker.coordinator.close()
  })
})

describe('the log of a partition', () => {
  test('is written again and trimmed when most of it is superseded', async () => {
    const broker = await new Broker({ offsetsPartitions: 1, rewriteRecordsMin: 100 }).lead()
    for (let i = 0; i < 60; i++) await commit(broker, commitRequest(i, { groupId: `g${i}` }))
    await stable(broker, 'members', [joinRequest(), joinRequest()])
    for (let i = 0; i < 1000; i++) {
      void commitOffsets(broker.coordinator, commitRequest(i, { groupId: `g${i % 7}` }))
      if (i % 20 === 0) await broker.clock.settle()
    }
    await broker.clock.settle()
    expect(broker.telemetry.events).toContain('group.log.trimmed')
    expect(broker.log.records(0)).toBeLessThan(500)
    const again = await new Broker({ offsetsPartitions: 1 }, { log: broker.log }).lead()
    expect(again.state()).toEqual(broker.state())
    expect(again.coordinator.describe('members')).toEqual(broker.coordinator.describe('members'))
  })

  test('replays to the state it was written from, whatever was done [G20] [O9]', async () => {
    const step = fc.tuple(fc.nat({ max: 6 }), fc.nat({ max: 3 }), fc.nat({ max: 2 }))
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 60 }),
        fc.constantFrom(3, 1_000_000),
        async (steps, rewriteRecordsMin) => {
          const broker = await new Broker({ offsetsPartitions: 2, rewriteRecordsMin }).lead()
          for (const [what, who, topic] of steps) {
            const groupId = `g${who}`
            const options = { groupId, topic: `t${topic}` }
            if (what < 3) void commitOffsets(broker.coordinator, commitRequest(what, options))
            else if (what === 3) {
              const target = { topic: `t${topic}`, partition: 0 }
              void deleteOffsets(broker.coordinator, groupId, [target])
            } else if (what === 4) void broker.coordinator.delete(groupId)
            else if (what === 5) broker.coordinator.topicsDeleted(new Set([`t${topic}`]))
            else await toggle(broker, groupId)
          }
          await broker.clock.settle()
          const again = await new Broker({ offsetsPartitions: 2 }, { log: broker.log }).lead()
          expect(again.state()).toEqual(broker.state())
          for (const groupId of ['g0', 'g1', 'g2', 'g3']) {
            const before = broker.coordinator.describe(groupId)
            expect(again.coordinator.describe(groupId)).toEqual(before)
          }
          broker.coordinator.close()
        },
      ),
      { numRuns: 40 },
    )
  })
})

describe('a group of 1,000 members', () => {
  test('becomes stable, is stored in one record, and costs one timer [G21]', async () => {
    const broker = await new Broker({ initialDelayMs: 3000 }).lead()
    const joins = Array.from({ length: 1000 }, () =>
      watch(broker.coordinator.join('g', joinRequest())),
    )
    await broker.clock.pass(3000)
    await broker.clock.pass(3000)
    const replies = joins.map(({ result }) => result as JoinReply)
    expect(new Set(replies.map(({ generation }) => generation))).toEqual(new Set([1]))
    const syncs = replies.map(({ memberId, leader }) =>
      watch(
        broker.coordinator.sync('g', {
          memberId,
          instanceId: null,
          generation: 1,
          protocolType: null,
          protocol: null,
          assignments:
            memberId === leader
              ? new Map(replies.map((reply) => [reply.memberId, bytes(reply.memberId)]))
              : new Map(),
        }),
      ),
    )
    await broker.clock.settle()
    syncs.forEach(({ result }, i) => {
      expect(result?.assignment).toEqual(bytes(replies[i]?.memberId ?? ''))
    })
    expect(broker.log.appends).toBe(1)
    for (let i = 0; i < 40; i++) {
      await broker.clock.pass(3000)
      for (const { memberId } of replies) {
        const code = broker.coordinator.heartbeat('g', { memberId, instanceId: null }, 1)
        if (code !== 0) throw new Error(`a heartbeat got ${code}`)
      }
    }
    expect(broker.clock.timers.size).toBe(1)
    expect(broker.coordinator.describe('g')).toMatchObject({ state: 'Stable' })
  })
})
