// Consumer groups over the wire: members on connections of their own, rebalances among them, and
// the offsets they leave. What the coordinator decides in detail is told in test/group.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { must } from '../../src/base/assert.ts'
import { ErrorCode } from '../../src/base/error-codes.ts'
import type { JoinGroupResponse } from '../../src/wire/messages/11-join-group.ts'
import { utf8 } from '../record/support.ts'
import type { Client } from './harness.ts'
import { Lab, until, versionsOf } from './harness.ts'
import { Api, createTopic } from './requests.ts'

let lab: Lab
let client: Client

beforeAll(async () => {
  lab = await Lab.memory()
  client = await lab.client()
})
afterAll(() => lab.close())

let names = 0
const newGroup = (): string => `group-${++names}`
const text = new TextDecoder()

/** A member of a group on a connection of its own. */
class Member {
  readonly client: Client
  readonly group: string
  readonly instanceId: string | null
  id = ''
  generation = -1

  private constructor(client: Client, group: string, instanceId: string | null) {
    this.client = client
    this.group = group
    this.instanceId = instanceId
  }

  static async connect(group: string, instanceId: string | null = null): Promise<Member> {
    return new Member(await lab.client(), group, instanceId)
  }

  async join(options: { version?: number; metadata?: string; sessionMs?: number } = {}) {
    const { version = 9, metadata = 'meta', sessionMs = 10_000 } = options
    const ask = (): Promise<JoinGroupResponse> =>
      this.client.call(Api.joinGroup, version, {
        groupId: this.group,
        sessionTimeoutMs: sessionMs,
        memberId: this.id,
        protocolType: 'consumer',
        protocols: [{ name: 'range', metadata: utf8(metadata) }],
        ...(version >= 1 ? { rebalanceTimeoutMs: 10_000 } : {}),
        ...(version >= 5 ? { groupInstanceId: this.instanceId } : {}),
      })
    let answer = await ask()
    if (answer.errorCode === ErrorCode.MEMBER_ID_REQUIRED) {
      this.id = answer.memberId
      answer = await ask()
    }
    if (answer.errorCode === 0) {
      this.id = answer.memberId
      this.generation = answer.generationId
    }
    return answer
  }

  async sync(assignments: Readonly<Record<string, string>> = {}, version = 5) {
    const answer = await this.client.call(Api.syncGroup, version, {
      groupId: this.group,
      generationId: this.generation,
      memberId: this.id,
      assignments: Object.entries(assignments).map(([memberId, assignment]) => ({
        memberId,
        assignment: utf8(assignment),
      })),
      ...(version >= 3 ? { groupInstanceId: this.instanceId } : {}),
      ...(version >= 5 ? { protocolType: 'consumer', protocolName: 'range' } : {}),
    })
    return { code: answer.errorCode, assignment: text.decode(answer.assignment) }
  }

  async heartbeat(version = 4): Promise<number> {
    const answer = await this.client.call(Api.heartbeat, version, {
      groupId: this.group,
      generationId: this.generation,
      memberId: this.id,
      ...(version >= 3 ? { groupInstanceId: this.instanceId } : {}),
    })
    return answer.errorCode
  }

  async commit(topic: string, committedOffset: number, version = 9): Promise<number | undefined> {
    const answer = await this.client.call(Api.offsetCommit, version, {
      groupId: this.group,
      generationIdOrMemberEpoch: this.generation,
      memberId: this.id,
      ...(version >= 7 ? { groupInstanceId: this.instanceId } : {}),
      topics: [
        {
          name: topic,
          partitions: [{ partitionIndex: 0, committedOffset, committedMetadata: '' }],
        },
      ],
    })
    return answer.topics[0]?.partitions[0]?.errorCode
  }

  leave() {
    return this.client.call(Api.leaveGroup, 5, {
      groupId: this.group,
      members: [{ memberId: this.id, groupInstanceId: this.instanceId }],
    })
  }
}

/** A committed offset, or -1. */
const committed = async (groupId: string, topic: string, version = 8): Promise<number> => {
  const topics = [{ name: topic, partitionIndexes: [0] }]
  const answer = await client.call(
    Api.offsetFetch,
    version,
    version >= 8 ? { groups: [{ groupId, topics }] } : { groupId, topics },
  )
  const found = version >= 8 ? answer.groups[0]?.topics : answer.topics
  return must(found?.[0]?.partitions[0], 'partition').committedOffset
}

test('the coordinator is found by every version, its topic made on the way [G18]', async () => {
  for (const version of versionsOf(Api.findCoordinator)) {
    const body = version >= 4 ? { coordinatorKeys: ['a', 'b'], keyType: 0 } : { key: 'a' }
    const found = await until(
      () => client.call(Api.findCoordinator, version, body),
      (answer) =>
        answer.coordinators.every(({ errorCode }) => errorCode === 0) && answer.errorCode === 0,
    )
    const told = version >= 4 ? found.coordinators : [found]
    expect(told.map(({ host, port }) => ({ host, port }))).toEqual(told.map(() => lab.broker.kafka))
    expect(told.map(({ nodeId }) => nodeId)).toEqual(told.map(() => 1))
  }
  const { topics } = await client.call(Api.metadata, 12, { topics: null })
  const offsets = topics.find(({ name }) => name === '__consumer_offsets')
  expect([offsets?.isInternal, offsets?.partitions.length]).toEqual([true, 50])
})

describe('a group', () => {
  test.each(versionsOf(Api.joinGroup))(
    'takes members by JoinGroup version %i and hands out what its leader says [G1, G5, G9, G16]',
    async (version) => {
      const group = newGroup()
      const leader = await Member.connect(group)
      const first = await leader.join({ version })
      expect(first.errorCode).toBe(0)
      expect(first.leader).toBe(leader.id)
      expect(first.members.map(({ metadata }) => text.decode(metadata))).toEqual(['meta'])
      expect((await leader.sync({ [leader.id]: 'all' }, Math.min(version, 5))).assignment).toBe(
        'all',
      )
      expect(await leader.heartbeat(Math.min(version, 4))).toBe(0)

      const follower = await Member.connect(group)
      const joining = follower.join({ version, metadata: 'theirs' })
      // The follower's join makes the group prepare; the leader hears of it and joins again.
      await until(
        () => leader.heartbeat(),
        (code) => code === ErrorCode.REBALANCE_IN_PROGRESS,
      )
      const again = await leader.join({ version })
      const second = await joining
      expect([again.generationId, second.generationId]).toEqual([2, 2])
      expect(second.members).toEqual([])
      expect(again.members).toHaveLength(2)
      const waiting = follower.sync({}, Math.min(version, 5))
      const mine = await leader.sync({ [leader.id]: 'left', [follower.id]: '\u0000right' })
      expect([mine.assignment, (await waiting).assignment]).toEqual(['left', '\u0000right'])
      await leader.client.close()
      await follower.client.close()
    },
  )

  test('of many members settles on one generation [G3, G4, G21]', async () => {
    const group = newGroup()
    const members = await Promise.all(Array.from({ length: 8 }, () => Member.connect(group)))
    const settle = async (member: Member): Promise<string> => {
      for (;;) {
        const joined = await member.join()
        expect(joined.errorCode).toBe(0)
        const ids = joined.members.map(({ memberId }) => memberId)
        const plan = Object.fromEntries(ids.map((id) => [id, `for ${id}`]))
        const { code, assignment } = await member.sync(plan)
        if (code === ErrorCode.REBALANCE_IN_PROGRESS) continue
        expect([code, assignment]).toEqual([0, `for ${member.id}`])
        const beat = await member.heartbeat()
        if (beat === 0 && (await isWhole())) return assignment
        await until(
          async () => [await member.heartbeat(), await isWhole()] as const,
          ([now, whole]) => now === ErrorCode.REBALANCE_IN_PROGRESS || (now === 0 && whole),
        )
        if ((await member.heartbeat()) === 0) return assignment
      }
    }
    const isWhole = async (): Promise<boolean> => {
      const { groups } = await client.call(Api.describeGroups, 5, { groups: [group] })
      return groups[0]?.groupState === 'Stable' && groups[0].members.length === members.length
    }
    await Promise.all(members.map(settle))
    expect(new Set(members.map(({ generation }) => generation)).size).toBe(1)
    for (const member of members) await member.client.close()
  })

  test('keeps a member whose connection closes, until its session ends [W10, G13]', async () => {
    const group = newGroup()
    const member = await Member.connect(group)
    await member.join()
    await member.sync({ [member.id]: 'all' })
    await member.client.close()
    const back = await Member.connect(group)
    back.id = member.id
    back.generation = member.generation
    expect(await back.heartbeat()).toBe(0)
    const left = await back.leave()
    expect([left.errorCode, left.members.map(({ errorCode }) => errorCode)]).toEqual([0, [0]])
    expect(await back.heartbeat()).toBe(ErrorCode.UNKNOWN_MEMBER_ID)
    await back.client.close()
  })

  test('fences a static member by its successor without a rebalance [G12]', async () => {
    const group = newGroup()
    const first = await Member.connect(group, 'i-1')
    await first.join()
    await first.sync({ [first.id]: 'mine' })
    const second = await Member.connect(group, 'i-1')
    const joined = await second.join()
    expect(joined.generationId).toBe(first.generation)
    expect(second.id).not.toBe(first.id)
    expect((await second.sync()).assignment).toBe('mine')
    expect(await first.heartbeat()).toBe(ErrorCode.FENCED_INSTANCE_ID)
    expect(await first.commit('x', 1)).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    await first.client.close()
    await second.client.close()
  })

  test('refuses what it must [G2, G6, G9, G10]', async () => {
    const group = newGroup()
    const member = await Member.connect(group)
    for (const sessionMs of [5999, 1_800_001]) {
      const { errorCode } = await member.join({ sessionMs })
      expect(errorCode).toBe(ErrorCode.INVALID_SESSION_TIMEOUT)
    }
    const nobody = await Member.connect('')
    expect((await nobody.join()).errorCode).toBe(ErrorCode.INVALID_GROUP_ID)
    await member.join()
    await member.sync({ [member.id]: 'a' })
    const stranger = await client.call(Api.joinGroup, 3, {
      groupId: group,
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 10_000,
      protocolType: 'consumer',
      protocols: [{ name: 'other', metadata: utf8('') }],
    })
    expect(stranger.errorCode).toBe(ErrorCode.INCONSISTENT_GROUP_PROTOCOL)
    member.generation++
    expect(await member.heartbeat()).toBe(ErrorCode.ILLEGAL_GENERATION)
    expect((await member.sync()).code).toBe(ErrorCode.ILLEGAL_GENERATION)
    await member.client.close()
    await nobody.client.close()
  })

  test('is described, listed and deleted by every version [G17, G22]', async () => {
    const group = newGroup()
    const member = await Member.connect(group)
    await member.join()
    await member.sync({ [member.id]: 'part' })
    for (const version of versionsOf(Api.describeGroups)) {
      const { groups } = await client.call(Api.describeGroups, version, {
        groups: [group, 'nobody'],
      })
      expect(groups[0]).toMatchObject({ groupState: 'Stable', protocolType: 'consumer' })
      const [seen] = must(groups[0], 'group').members
      expect([seen?.memberId, seen?.clientId, seen?.clientHost]).toEqual([
        member.id,
        'test',
        '/127.0.0.1',
      ])
      expect(text.decode(seen?.memberAssignment)).toBe('part')
      const code = version >= 6 ? ErrorCode.GROUP_ID_NOT_FOUND : 0
      expect(groups[1]).toMatchObject({ groupState: 'Dead', errorCode: code })
    }
    for (const version of versionsOf(Api.listGroups)) {
      const listed = await client.call(Api.listGroups, version, {})
      expect(listed.groups.map(({ groupId }) => groupId)).toContain(group)
      if (version < 4) continue
      const empty = await client.call(Api.listGroups, version, { statesFilter: ['Empty'] })
      expect(empty.groups.map(({ groupId }) => groupId)).not.toContain(group)
    }
    const remove = async (version: number) =>
      (await client.call(Api.deleteGroups, version, { groupsNames: [group] })).results[0]?.errorCode
    for (const version of versionsOf(Api.deleteGroups)) {
      expect(await remove(version)).toBe(ErrorCode.NON_EMPTY_GROUP)
    }
    await member.leave()
    expect(await remove(2)).toBe(0)
    expect(await remove(2)).toBe(ErrorCode.GROUP_ID_NOT_FOUND)
    await member.client.close()
  })
})

describe('offsets', () => {
  test('are committed and fetched by every version [O1, O4, O5, E3]', async () => {
    const topic = await createTopic(client)
    for (const version of versionsOf(Api.offsetCommit)) {
      const groupId = newGroup()
      const partition = { partitionIndex: 0, committedOffset: 40 + version, committedMetadata: 'm' }
      const answer = await client.call(Api.offsetCommit, version, {
        groupId,
        generationIdOrMemberEpoch: -1,
        topics: [
          {
            ...topic,
            partitions: [{ ...partition, ...(version >= 6 ? { committedLeaderEpoch: 3 } : {}) }],
          },
        ],
      })
      expect(answer.topics[0]?.partitions[0]?.errorCode).toBe(0)
      for (const fetchVersion of versionsOf(Api.offsetFetch)) {
        const topics = [{ ...topic, partitionIndexes: [0] }]
        const batched = fetchVersion >= 8
        const found = await client.call(
          Api.offsetFetch,
          fetchVersion,
          batched ? { groups: [{ groupId, topics }] } : { groupId, topics },
        )
        const seen = must((batched ? found.groups[0]?.topics : found.topics)?.[0], 'topic')
        expect(seen.partitions[0]).toMatchObject({
          committedOffset: 40 + version,
          metadata: 'm',
          errorCode: 0,
          committedLeaderEpoch: version >= 6 && fetchVersion >= 5 ? 3 : -1,
        })
      }
    }
    expect(await committed('a group nobody knows', topic.name)).toBe(-1)
  })

  test('are refused for what does not exist [O1, O2, O4, O7]', async () => {
    const topic = await createTopic(client)
    const member = await Member.connect(newGroup())
    await member.join()
    await member.sync({ [member.id]: '' })
    expect(await member.commit(topic.name, 5)).toBe(0)
    expect(await member.commit('absent', 5)).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    const commit = async (changes: object, metadata = '') => {
      const answer = await client.call(Api.offsetCommit, 9, {
        groupId: member.group,
        generationIdOrMemberEpoch: member.generation,
        memberId: member.id,
        ...changes,
        topics: [
          {
            ...topic,
            partitions: [{ partitionIndex: 0, committedOffset: 99, committedMetadata: metadata }],
          },
        ],
      })
      return answer.topics[0]?.partitions[0]?.errorCode
    }
    const simple = { generationIdOrMemberEpoch: -1, memberId: '' }
    expect(await commit(simple)).toBe(ErrorCode.UNKNOWN_MEMBER_ID)
    expect(await commit({ memberId: 'x' })).toBe(ErrorCode.UNKNOWN_MEMBER_ID)
    expect(await commit({ generationIdOrMemberEpoch: 77 })).toBe(ErrorCode.ILLEGAL_GENERATION)
    expect(await commit({}, 'x'.repeat(4097))).toBe(ErrorCode.OFFSET_METADATA_TOO_LARGE)
    expect(await commit({ groupId: newGroup(), generationIdOrMemberEpoch: 1 })).toBe(
      ErrorCode.GROUP_ID_NOT_FOUND,
    )
    expect(await committed(member.group, topic.name)).toBe(5)
    expect(await commit({}, 'x'.repeat(4096))).toBe(0)
    await member.client.close()
  })

  test('in a commit wait for the assignment [O3]', async () => {
    const topic = await createTopic(client)
    const member = await Member.connect(newGroup())
    await member.join()
    expect(await member.commit(topic.name, 1)).toBe(ErrorCode.REBALANCE_IN_PROGRESS)
    await member.sync({ [member.id]: '' })
    expect(await member.commit(topic.name, 1)).toBe(0)
    await member.client.close()
  })

  test('of a deleted topic are forgotten, though nobody wrote or read it [O10]', async () => {
    const topic = await createTopic(client)
    const member = await Member.connect(newGroup())
    expect(await member.commit(topic.name, 7)).toBe(0)
    expect(await committed(member.group, topic.name)).toBe(7)
    await client.call(Api.deleteTopics, 6, { topics: [{ name: topic.name }], timeoutMs: 1000 })
    const all = { groups: [{ groupId: member.group, topics: null }] }
    await until(
      async () => (await client.call(Api.offsetFetch, 8, all)).groups[0]?.topics.length,
      (count) => count === 0,
    )
    await createTopic(client, { name: topic.name })
    expect(await committed(member.group, topic.name)).toBe(-1)
    await member.client.close()
  })

  test('are deleted one by one [G22]', async () => {
    const topic = await createTopic(client)
    const member = await Member.connect(newGroup())
    await member.commit(topic.name, 7)
    const answer = await client.call(Api.offsetDelete, 0, {
      groupId: member.group,
      topics: [{ name: topic.name, partitions: [{ partitionIndex: 0 }] }],
    })
    expect([answer.errorCode, answer.topics[0]?.partitions[0]?.errorCode]).toEqual([0, 0])
    expect(await committed(member.group, topic.name)).toBe(-1)
    await member.client.close()
  })
})
