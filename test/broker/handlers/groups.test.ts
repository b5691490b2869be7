// The group handlers as a client meets them: every request goes through the wire in every version
// it has, and so does every answer.
import { beforeEach, describe, expect, test } from 'vitest'
import { ErrorCode } from '../../../src/base/error-codes.ts'
import { joinGroupHandler } from '../../../src/broker/handlers/11-join-group.ts'
import { heartbeatHandler } from '../../../src/broker/handlers/12-heartbeat.ts'
import { leaveGroupHandler } from '../../../src/broker/handlers/13-leave-group.ts'
import { syncGroupHandler } from '../../../src/broker/handlers/14-sync-group.ts'
import { describeGroupsHandler } from '../../../src/broker/handlers/15-describe-groups.ts'
import { listGroupsHandler } from '../../../src/broker/handlers/16-list-groups.ts'
import { deleteGroupsHandler } from '../../../src/broker/handlers/42-delete-groups.ts'
import { joinGroupRequest, joinGroupResponse } from '../../../src/wire/messages/11-join-group.ts'
import type {
  JoinGroupRequest,
  JoinGroupResponse,
} from '../../../src/wire/messages/11-join-group.ts'
import { heartbeatRequest, heartbeatResponse } from '../../../src/wire/messages/12-heartbeat.ts'
import { leaveGroupRequest, leaveGroupResponse } from '../../../src/wire/messages/13-leave-group.ts'
import { syncGroupRequest, syncGroupResponse } from '../../../src/wire/messages/14-sync-group.ts'
import {
  describeGroupsRequest,
  describeGroupsResponse,
} from '../../../src/wire/messages/15-describe-groups.ts'
import { listGroupsRequest, listGroupsResponse } from '../../../src/wire/messages/16-list-groups.ts'
import {
  deleteGroupsRequest,
  deleteGroupsResponse,
} from '../../../src/wire/messages/42-delete-groups.ts'
import type { Input } from '../../../src/wire/schema.ts'
import { bytes } from '../../group/classic/harness.ts'
import { Broker } from '../../group/fakes.ts'
import { api, versionsOf } from './calls.ts'

const E = ErrorCode

let broker: Broker
beforeEach(async () => {
  broker = await new Broker().lead()
})

const join = (version: number, request: Input<JoinGroupRequest> = {}) =>
  api(joinGroupRequest, joinGroupResponse, joinGroupHandler(broker.coordinator))(
    version,
    {
      groupId: 'g',
      sessionTimeoutMs: 10_000,
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata: bytes('meta') }],
      ...request,
      // Fields that a version does not know are not written.
      ...(version >= 1 ? { rebalanceTimeoutMs: 60_000 } : {}),
    },
    broker.clock,
  )

/** Joins as a client of that version does: twice, where it is told to. */
async function joined(version: number): Promise<JoinGroupResponse> {
  const first = await join(version)
  if (first.errorCode !== E.MEMBER_ID_REQUIRED) return first
  return join(version, { memberId: first.memberId })
}

const sync = api(syncGroupRequest, syncGroupResponse, (request, context) =>
  syncGroupHandler(broker.coordinator)(request, context),
)
const heartbeat = api(heartbeatRequest, heartbeatResponse, (request, context) =>
  heartbeatHandler(broker.coordinator)(request, context),
)
const leave = api(leaveGroupRequest, leaveGroupResponse, (request, context) =>
  leaveGroupHandler(broker.coordinator)(request, context),
)
const describeGroups = api(describeGroupsRequest, describeGroupsResponse, (request, context) =>
  describeGroupsHandler(broker.coordinator, () => 328)(request, context),
)
const list = api(listGroupsRequest, listGroupsResponse, (request, context) =>
  listGroupsHandler(broker.coordinator)(request, context),
)
const remove = api(deleteGroupsRequest, deleteGroupsResponse, (request, context) =>
  deleteGroupsHandler(broker.coordinator)(request, context),
)

describe('JoinGroup', () => {
  test.each(versionsOf(joinGroupRequest))(
    'version %i joins an empty group [G1]',
    async (version) => {
      const reply = await joined(version)
      expect(reply).toMatchObject({ errorCode: 0, generationId: 1, protocolName: 'range' })
      expect(reply.leader).toBe(reply.memberId)
      expect(reply.memberId).toMatch(/^client-/)
      expect(reply.members).toEqual([
        { memberId: reply.memberId, groupInstanceId: null, metadata: bytes('meta') },
      ])
      expect(reply.protocolType).toBe(version >= 7 ? 'consumer' : null)
    },
  )

  test.each(versionsOf(joinGroupRequest))(
    'version %i asks for an id first from version 4 on [G1]',
    async (version) => {
      const reply = await join(version)
      expect(reply.errorCode).toBe(version >= 4 ? E.MEMBER_ID_REQUIRED : 0)
    },
  )

  test.each(versionsOf(joinGroupRequest))(
    'version %i gets its errors [G2] [G6]',
    async (version) => {
      expect((await join(version, { groupId: '' })).errorCode).toBe(E.INVALID_GROUP_ID)
      expect((await join(version, { sessionTimeoutMs: 1 })).errorCode).toBe(
        E.INVALID_SESSION_TIMEOUT,
      )
      const reply = await join(version, { protocols: [] })
      expect(reply.errorCode).toBe(E.INCONSISTENT_GROUP_PROTOCOL)
      expect(reply.protocolName).toBe(version >= 7 ? null : '')
    },
  )

  test('version 0 takes the session timeout for its rebalance timeout', async () => {
    const { memberId } = await join(0)
    await sync(0, { groupId: 'g', memberId, generationId: 1 }, broker.clock)
    const record = broker.coordinator.partitions().flatMap(({ shard }) => [...shard.records()])[0]
    expect(record).toMatchObject({
      group: { members: [{ rebalanceTimeoutMs: 10_000, clientHost: '/127.0.0.1' }] },
    })
  })

  test('version 9 tells a static leader that comes back to skip the assignment [G12]', async () => {
    const first = await join(9, { groupInstanceId: 'i' })
    const { memberId } = first
    const member = { groupId: 'g', memberId, generationId: 1, groupInstanceId: 'i' }
    await sync(5, { ...member, assignments: [{ memberId, assignment: bytes('A') }] }, broker.clock)
    const again = await join(9, { groupInstanceId: 'i' })
    expect(again).toMatchObject({ errorCode: 0, generationId: 1, skipAssignment: true })
    expect(again.memberId).not.toBe(memberId)
    expect((await heartbeat(4, member, broker.clock)).errorCode).toBe(E.FENCED_INSTANCE_ID)
  })
})

describe('SyncGroup, Heartbeat and LeaveGroup', () => {
  test.each(versionsOf(syncGroupRequest))('SyncGroup version %i [G9]', async (version) => {
    const { memberId } = await joined(5)
    const request = {
      groupId: 'g',
      memberId,
      generationId: 1,
      assignments: [{ memberId, assignment: bytes('A') }],
    }
    const names = version >= 5 ? { protocolType: 'consumer', protocolName: 'range' } : {}
    const reply = await sync(version, { ...request, ...names }, broker.clock)
    expect(reply).toMatchObject({ errorCode: 0, assignment: bytes('A') })
    expect(reply.protocolName).toBe(version >= 5 ? 'range' : null)
    const stale = await sync(version, { ...request, generationId: 0 }, broker.clock)
    expect(stale.errorCode).toBe(E.ILLEGAL_GENERATION)
    if (version < 5) return
    const other = await sync(version, { ...request, ...names, protocolName: 'x' }, broker.clock)
    expect(other.errorCode).toBe(E.INCONSISTENT_GROUP_PROTOCOL)
  })

  test.each(versionsOf(heartbeatRequest))('Heartbeat version %i [G10]', async (version) => {
    const { memberId } = await joined(5)
    const request = { groupId: 'g', memberId, generationId: 1 }
    expect((await heartbeat(version, request, broker.clock)).errorCode).toBe(0)
    const stranger = { ...request, memberId: 'x' }
    expect((await heartbeat(version, stranger, broker.clock)).errorCode).toBe(E.UNKNOWN_MEMBER_ID)
  })

  test.each(versionsOf(leaveGroupRequest))('LeaveGroup version %i [G13]', async (version) => {
    const { memberId } = await joined(5)
    if (version < 3) {
      const stranger = await leave(version, { groupId: 'g', memberId: 'x' }, broker.clock)
      expect(stranger.errorCode).toBe(E.UNKNOWN_MEMBER_ID)
      const reply = await leave(version, { groupId: 'g', memberId }, broker.clock)
      expect(reply.errorCode).toBe(0)
    } else {
      const members = [{ memberId: 'x' }, { memberId }]
      const reply = await leave(version, { groupId: 'g', members }, broker.clock)
      expect(reply).toMatchObject({
        errorCode: 0,
        members: [
          { memberId: 'x', errorCode: E.UNKNOWN_MEMBER_ID },
          { memberId, errorCode: 0 },
        ],
      })
    }
    expect(broker.coordinator.describe('g')).toMatchObject({ state: 'Empty' })
  })

  test('LeaveGroup of an unknown group has a code for each member [G13]', async () => {
    const reply = await leave(5, { groupId: 'no', members: [{ memberId: 'a' }] }, broker.clock)
    expect(reply).toMatchObject({ errorCode: 0, members: [{ errorCode: E.UNKNOWN_MEMBER_ID }] })
  })
})

describe('DescribeGroups, ListGroups and DeleteGroups', () => {
  async function stable(): Promise<string> {
    const { memberId } = await joined(5)
    const assignments = [{ memberId, assignment: bytes('A') }]
    await sync(3, { groupId: 'g', memberId, generationId: 1, assignments }, broker.clock)
    return memberId
  }

  test.each(versionsOf(describeGroupsRequest))(
    'DescribeGroups version %i [G17]',
    async (version) => {
      const memberId = await stable()
      const flags = version >= 3 ? { includeAuthorizedOperations: true } : {}
      const reply = await describeGroups(version, { groups: ['g', 'no'], ...flags }, broker.clock)
      expect(reply.groups[0]).toMatchObject({
        errorCode: 0,
        groupId: 'g',
        groupState: 'Stable',
        protocolType: 'consumer',
        protocolData: 'range',
        authorizedOperations: version >= 3 ? 328 : -2147483648,
        members: [
          {
            memberId,
            clientId: 'client',
            clientHost: '/127.0.0.1',
            memberMetadata: bytes('meta'),
            memberAssignment: bytes('A'),
          },
        ],
      })
      expect(reply.groups[1]).toMatchObject({
        errorCode: version >= 6 ? E.GROUP_ID_NOT_FOUND : 0,
        errorMessage: version >= 6 ? 'Group no not found.' : null,
        groupState: 'Dead',
        members: [],
      })
    },
  )

  test('DescribeGroups shows no metadata before the group is stable [G17]', async () => {
    await joined(5)
    const reply = await describeGroups(5, { groups: ['g'] }, broker.clock)
    expect(reply.groups[0]).toMatchObject({
      groupState: 'CompletingRebalance',
      protocolData: '',
      members: [{ memberMetadata: bytes('') }],
    })
  })

  test.each(versionsOf(listGroupsRequest))('ListGroups version %i [G17]', async (version) => {
    await stable()
    const all = await list(version, {}, broker.clock)
    expect(all).toMatchObject({
      errorCode: 0,
      groups: [{ groupId: 'g', protocolType: 'consumer' }],
    })
    expect(all.groups[0]?.groupState).toBe(version >= 4 ? 'Stable' : '')
    expect(all.groups[0]?.groupType).toBe(version >= 5 ? 'classic' : '')
    if (version < 4) return
    const count = async (filter: object): Promise<number> =>
      (await list(version, filter, broker.clock)).groups.length
    expect(await count({ statesFilter: ['stable', 'Empty'] })).toBe(1)
    expect(await count({ statesFilter: ['Empty'] })).toBe(0)
    if (version < 5) return
    expect(await count({ typesFilter: ['Classic'] })).toBe(1)
    expect(await count({ typesFilter: ['consumer'] })).toBe(0)
  })

  test.each(versionsOf(deleteGroupsRequest))('DeleteGroups version %i [G22]', async (version) => {
    const memberId = await stable()
    const request = { groupsNames: ['g', 'no'] }
    expect(await remove(version, request, broker.clock)).toMatchObject({
      results: [
        { groupId: 'g', errorCode: E.NON_EMPTY_GROUP },
        { groupId: 'no', errorCode: E.GROUP_ID_NOT_FOUND },
      ],
    })
    await leave(0, { groupId: 'g', memberId }, broker.clock)
    const reply = await remove(version, request, broker.clock)
    expect(reply.results[0]).toEqual({ groupId: 'g', errorCode: 0 })
  })

  test('all say where they may not be asked [G19]', async () => {
    broker.coordinator.close()
    const code = E.COORDINATOR_NOT_AVAILABLE
    expect((await list(5, {}, broker.clock)).errorCode).toBe(code)
    const described = await describeGroups(6, { groups: ['g'] }, broker.clock)
    expect(described.groups[0]).toMatchObject({ errorCode: code, groupState: '' })
    const removed = await remove(2, { groupsNames: ['g'] }, broker.clock)
    expect(removed.results[0]?.errorCode).toBe(code)
  })
})
