import { describe, expect, test } from 'vitest'
import { ErrorCode } from '../../../src/base/error-codes.ts'
import { ClassicGroup } from '../../../src/group/classic/group.ts'
import { bytes, protocols, World } from './harness.ts'

const E = ErrorCode

describe('ClassicGroup.join()', () => {
  test('gives a dynamic member an id and asks it to come back with it, from version 4 [G1]', () => {
    const world = new World()
    const reply = world.joined(world.join({ memberIdRequired: true }))
    expect(reply).toMatchObject({ code: E.MEMBER_ID_REQUIRED, memberId: 'm1', generation: -1 })
    expect(world.group.state).toBe('Empty')
    const again = world.join({ memberId: 'm1', memberIdRequired: true })
    world.pass(0)
    expect(world.joined(again)).toMatchObject({ code: 0, memberId: 'm1', generation: 1 })
  })

  test('lets a version 3 member join directly [G1]', () => {
    const world = new World()
    const ticket = world.join()
    world.pass(0)
    expect(world.joined(ticket)).toMatchObject({ code: 0, memberId: 'm1', leader: 'm1' })
  })

  test('forgets an id that does not come back within the session timeout [G1]', () => {
    const world = new World()
    world.join({ memberIdRequired: true })
    expect(world.group.isVacant).toBe(false)
    world.pass(10_000)
    expect(world.group.isVacant).toBe(true)
    const late = world.join({ memberId: 'm1', memberIdRequired: true })
    expect(world.joined(late).code).toBe(E.UNKNOWN_MEMBER_ID)
  })

  test('holds a rebalance for a member that was given an id and is on its way [G4]', () => {
    const world = new World()
    const [a] = world.stable(1)
    world.join({ memberIdRequired: true })
    const rejoin = world.join({ memberId: a })
    expect(world.joins.has(rejoin)).toBe(false)
    world.pass(10_000)
    expect(world.joined(rejoin)).toMatchObject({ code: 0, generation: 2 })
  })

  test('waits the initial delay, extended by new members up to the rebalance timeout [G3]', () => {
    const world = new World({ initialDelayMs: 3000 })
    const first = world.join({ rebalanceTimeoutMs: 7000 })
    world.pass(2000)
    const second = world.join({ rebalanceTimeoutMs: 7000 })
    world.pass(1000)
    expect(world.joins.has(first)).toBe(false)
    world.pass(2000)
    const third = world.join({ rebalanceTimeoutMs: 7000 })
    world.pass(1000)
    expect(world.joins.has(third)).toBe(false)
    world.pass(1000)
    for (const ticket of [first, second, third]) {
      expect(world.joined(ticket)).toMatchObject({ code: 0, generation: 1 })
    }
  })

  test('ends the initial delay when nobody new came [G3]', () => {
    const world = new World({ initialDelayMs: 3000 })
    const ticket = world.join()
    world.pass(2999)
    expect(world.joins.has(ticket)).toBe(false)
    world.pass(1)
    expect(world.joined(ticket).generation).toBe(1)
  })

  test('ends a rebalance when all known members rejoined [G4]', () => {
    const world = new World()
    const [a, b] = world.stable(2)
    const newcomer = world.join()
    expect(world.group.state).toBe('PreparingRebalance')
    const rejoinA = world.join({ memberId: a })
    const rejoinB = world.join({ memberId: b })
    for (const ticket of [newcomer, rejoinA, rejoinB]) {
      expect(world.joined(ticket)).toMatchObject({ code: 0, generation: 2 })
    }
  })

  test('drops a dynamic member that does not rejoin in time, though it is alive [G4]', () => {
    const world = new World()
    const [a, b] = world.stable(2)
    const rejoin = world.join({ memberId: a })
    for (let i = 0; i < 12; i++) {
      world.pass(5000)
      if (i < 11) expect(world.heartbeat(b as string, 1)).toBe(E.REBALANCE_IN_PROGRESS)
    }
    expect(world.joined(rejoin)).toMatchObject({ code: 0, generation: 2 })
    expect(world.heartbeat(b as string, 1)).toBe(E.UNKNOWN_MEMBER_ID)
  })

  test('keeps a silent static member until its session ends [G4]', () => {
    const world = new World()
    const first = world.join({ instanceId: 'i1', rebalanceTimeoutMs: 3000 })
    const second = world.join({ rebalanceTimeoutMs: 3000 })
    world.pass(0)
    const [staticId, id] = [world.joined(first).memberId, world.joined(second).memberId]
    world.sync(id, 1)
    world.sync(staticId, 1)
    expect(world.group.state).toBe('Stable')
    const rejoin = world.join({
      memberId: id,
      protocols: protocols('other', 'range'),
      rebalanceTimeoutMs: 3000,
    })
    world.pass(3000)
    const reply = world.joined(rejoin)
    expect(reply).toMatchObject({ code: 0, generation: 2, leader: id })
    expect(reply.members.map((member) => member.memberId).sort()).toEqual([staticId, id].sort())
    world.sync(id, 2)
    for (let i = 0; i < 3; i++) {
      world.pass(2500)
      world.heartbeat(id, 2)
    }
    expect(world.group.state).toBe('PreparingRebalance')
    expect(world.group.memberCount).toBe(1)
  })

  test('shows all members to the leader and nobody to the others [G5]', () => {
    const world = new World()
    const tickets = [world.join(), world.join(), world.join()]
    world.pass(0)
    const replies = tickets.map((ticket) => world.joined(ticket))
    expect(new Set(replies.map((reply) => reply.generation))).toEqual(new Set([1]))
    expect(new Set(replies.map((reply) => reply.leader))).toEqual(new Set(['m1']))
    expect(replies.map((reply) => reply.members.length)).toEqual([3, 0, 0])
    expect(replies[0]?.members[1]).toEqual({
      memberId: 'm2',
      instanceId: null,
      metadata: bytes('meta-range'),
    })
  })

  test('chooses by votes among the protocols that all support [G5]', () => {
    const world = new World()
    const tickets = [
      world.join({ protocols: protocols('sticky', 'range', 'robin') }),
      world.join({ protocols: protocols('range', 'robin') }),
      world.join({ protocols: protocols('robin', 'range') }),
      world.join({ protocols: protocols('cooperative', 'robin', 'range') }),
    ]
    world.pass(0)
    expect(world.joined(tickets[0] as number).protocol).toBe('range')
  })

  test('refuses a member without a common protocol, another type, or nothing at all [G6]', () => {
    const world = new World()
    const code = (options: Parameters<World['join']>[0]): number =>
      world.joined(world.join(options)).code
    expect(code({ protocols: [] })).toBe(E.INCONSISTENT_GROUP_PROTOCOL)
    expect(code({ protocolType: '' })).toBe(E.INCONSISTENT_GROUP_PROTOCOL)
    const [a] = world.stable(1)
    expect(code({ protocols: protocols('robin') })).toBe(E.INCONSISTENT_GROUP_PROTOCOL)
    expect(code({ protocolType: 'connect' })).toBe(E.INCONSISTENT_GROUP_PROTOCOL)
    expect(code({ memberId: a, protocolType: 'connect' })).toBe(E.INCONSISTENT_GROUP_PROTOCOL)
    expect(world.group.state).toBe('Stable')
  })

  test('rebalances whenever the leader rejoins a stable group [G7]', () => {
    const world = new World()
    const [leader, follower] = world.stable(2)
    world.join({ memberId: leader })
    expect(world.group.state).toBe('PreparingRebalance')
    expect(world.heartbeat(follower as string, 1)).toBe(E.REBALANCE_IN_PROGRESS)
  })

  test('gives a follower that changed nothing the current generation [G7]', () => {
    const world = new World()
    const [leader, follower] = world.stable(2)
    const reply = world.joined(world.join({ memberId: follower }))
    expect(reply).toMatchObject({ code: 0, generation: 1, leader, members: [] })
    expect(world.group.state).toBe('Stable')
    world.join({ memberId: follower, protocols: protocols('range', 'robin') })
    expect(world.group.state).toBe('PreparingRebalance')
  })

  test('repeats a lost answer while the generation is completing [G8]', () => {
    const world = new World()
    const first = world.join()
    world.pass(0)
    const reply = world.joined(first)
    const again = world.joined(world.join({ memberId: reply.memberId }))
    expect(again).toEqual(reply)
    expect(world.group.state).toBe('CompletingRebalance')
  })

  test('refuses more members than the group may have, and none that is in [G14]', () => {
    const world = new World({ membersMax: 2 })
    const [leader, follower] = world.stable(2)
    const late = world.joined(world.join())
    expect(late).toMatchObject({ code: E.GROUP_MAX_SIZE_REACHED, memberId: '' })
    const rejoinA = world.join({ memberId: leader })
    const rejoinB = world.join({ memberId: follower })
    expect(world.joined(rejoinA).code).toBe(0)
    expect(world.joined(rejoinB).code).toBe(0)
  })

  test('refuses ids beyond the bound of those that are on their way', () => {
    const world = new World({ pendingJoinsMax: 1 })
    world.join({ memberIdRequired: true })
    const second = world.joined(world.join({ memberIdRequired: true }))
    expect(second.code).toBe(E.COORDINATOR_NOT_AVAILABLE)
  })

  test('answers a join that a later one of the same member displaces', () => {
    const world = new World()
    const [leader] = world.stable(2)
    const first = world.join({ memberId: leader })
    const second = world.join({ memberId: leader })
    expect(world.joined(first).code).toBe(E.REBALANCE_IN_PROGRESS)
    expect(world.joins.has(second)).toBe(false)
  })

  test('removes a new member that waited too long for its first answer', () => {
    const world = new World({ newMemberJoinTimeoutMs: 20_000 })
    const ids = world.stable(1, { rebalanceTimeoutMs: 60_000 })
    const newcomer = world.join()
    for (let i = 0; i < 4; i++) {
      world.pass(5000)
      world.heartbeat(ids[0] as string, 1)
    }
    expect(world.joined(newcomer).code).toBe(E.UNKNOWN_MEMBER_ID)
  })
})

describe('ClassicGroup.join() of static members', () => {
  const start = (canSkipAssignment: boolean) => {
    const world = new World()
    const a = world.join({ instanceId: 'a', canSkipAssignment })
    const b = world.join({ instanceId: 'b', canSkipAssignment })
    world.pass(0)
    const ids = [a, b].map((ticket) => world.joined(ticket).memberId)
    const [idA = '', idB = ''] = ids
    world.sync(idB, 1, { instanceId: 'b' })
    world.sync(idA, 1, { instanceId: 'a', assignments: { [idA]: 'one', [idB]: 'two' } })
    return { world, idA, idB }
  }

  test('replaces a restarted follower without a rebalance and fences its old id [G12]', () => {
    const { world, idA, idB } = start(true)
    const reply = world.joined(world.join({ instanceId: 'b', canSkipAssignment: true }))
    expect(reply).toMatchObject({ code: 0, generation: 1, leader: idA, skipAssignment: false })
    expect(reply.memberId).not.toBe(idB)
    expect(world.group.state).toBe('Stable')
    expect(world.heartbeat(idB, 1, 'b')).toBe(E.FENCED_INSTANCE_ID)
    expect(world.heartbeat(idB, 1)).toBe(E.UNKNOWN_MEMBER_ID)
    expect(world.heartbeat(reply.memberId, 1, 'b')).toBe(0)
    expect(world.assignment(world.sync(reply.memberId, 1, { instanceId: 'b' }))).toBe('two')
    expect(world.joined(world.join({ memberId: idB, instanceId: 'b' })).code).toBe(
      E.FENCED_INSTANCE_ID,
    )
  })

  test('tells a restarted leader to skip the assignment, from version 9 [G12]', () => {
    const { world } = start(true)
    const reply = world.joined(world.join({ instanceId: 'a', canSkipAssignment: true }))
    expect(reply).toMatchObject({ code: 0, generation: 1, skipAssignment: true })
    expect(reply.leader).toBe(reply.memberId)
    expect(reply.members).toHaveLength(2)
  })

  test('hides from an older restarted leader that it leads [G12]', () => {
    const { world, idA } = start(false)
    const reply = world.joined(world.join({ instanceId: 'a' }))
    expect(reply).toMatchObject({ code: 0, generation: 1, leader: idA, members: [] })
    expect(reply.memberId).not.toBe(idA)
  })

  test('answers a restarted member only once its new id is durable [G12]', () => {
    const { world } = start(true)
    world.holds = true
    const ticket = world.join({ instanceId: 'b', canSkipAssignment: true })
    expect(world.joins.has(ticket)).toBe(false)
    const stored = world.stores.at(-1)?.group
    expect(stored?.members.find((member) => member.instanceId === 'b')?.assignment).toEqual(
      bytes('two'),
    )
    world.release()
    expect(world.joined(ticket).code).toBe(0)
  })

  test('lets a rebalance answer a restarted member when one began meanwhile [G12]', () => {
    const { world, idA } = start(true)
    world.holds = true
    const restarted = world.join({ instanceId: 'b', canSkipAssignment: true })
    const leader = world.join({ memberId: idA, instanceId: 'a' })
    expect(world.joined(restarted)).toMatchObject({ code: 0, generation: 2 })
    expect(world.joined(leader)).toMatchObject({ code: 0, generation: 2 })
    world.release()
    expect(world.waiting).toBe(0)
  })

  test('rebalances if the restarted member changes the chosen protocol [G12]', () => {
    const world = new World()
    const a = world.join({ instanceId: 'a', protocols: protocols('range', 'robin') })
    const b = world.join({ protocols: protocols('range', 'robin') })
    world.pass(0)
    world.sync(world.joined(b).memberId, 1)
    world.sync(world.joined(a).memberId, 1)
    world.join({ instanceId: 'a', protocols: protocols('robin') })
    expect(world.group.state).toBe('PreparingRebalance')
  })

  test('answers the waiting join of a fenced member with FENCED_INSTANCE_ID [G12]', () => {
    const { world, idB } = start(true)
    const old = world.join({ memberId: idB, instanceId: 'b', protocols: protocols('range', 'x') })
    const restarted = world.join({ instanceId: 'b' })
    expect(world.joined(old).code).toBe(E.FENCED_INSTANCE_ID)
    expect(world.joins.has(restarted)).toBe(false)
  })

  test('begins again when a static member restarts while the leader assigns [G12]', () => {
    const world = new World()
    const a = world.join({ instanceId: 'a' })
    const b = world.join({ instanceId: 'b' })
    world.pass(0)
    const idB = world.joined(b).memberId
    const parked = world.sync(idB, 1, { instanceId: 'b' })
    world.join({ instanceId: 'a' })
    expect(world.joined(a).code).toBe(0)
    expect(world.synced(parked).code).toBe(E.REBALANCE_IN_PROGRESS)
    expect(world.group.state).toBe('PreparingRebalance')
  })

  test('replaces a static member of a full group [G14]', () => {
    const world = new World({ membersMax: 1 })
    const first = world.join({ instanceId: 'a' })
    world.pass(0)
    world.sync(world.joined(first).memberId, 1)
    expect(world.joined(world.join({ instanceId: 'a' })).code).toBe(0)
    expect(world.joined(world.join({ instanceId: 'b' })).code).toBe(E.GROUP_MAX_SIZE_REACHED)
  })
})

describe('ClassicGroup.sync()', () => {
  test('hands out the leader’s assignment once it is durable [G9]', () => {
    const world = new World()
    const tickets = [world.join(), world.join(), world.join()]
    world.pass(0)
    const [a = '', b = '', c = ''] = tickets.map((ticket) => world.joined(ticket).memberId)
    const follower = world.sync(b, 1)
    world.holds = true
    const leader = world.sync(a, 1, { assignments: { [a]: 'A', [b]: 'B', stranger: 'X' } })
    expect(world.syncs.size).toBe(0)
    expect(world.group.state).toBe('CompletingRebalance')
    world.release()
    expect(world.assignment(leader)).toBe('A')
    expect(world.assignment(follower)).toBe('B')
    expect(world.synced(follower)).toMatchObject({ protocol: 'range', protocolType: 'consumer' })
    // A member that the leader left out gets an empty byte array.
    expect(world.synced(world.sync(c, 1))).toMatchObject({ code: 0, assignment: bytes('') })
  })

  test('keeps the first assignment when a leader asks twice [G9]', () => {
    const world = new World()
    const ticket = world.join()
    world.pass(0)
    const id = world.joined(ticket).memberId
    world.holds = true
    const first = world.sync(id, 1, { assignments: { [id]: 'first' } })
    const second = world.sync(id, 1, { assignments: { [id]: 'second' } })
    expect(world.stores).toHaveLength(1)
    world.release()
    expect(world.synced(first).code).toBe(E.REBALANCE_IN_PROGRESS)
    expect(world.assignment(second)).toBe('first')
  })

  test('drops an assignment that a new rebalance overtook on its way to the log', () => {
    const world = new World()
    const ticket = world.join()
    world.pass(0)
    const id = world.joined(ticket).memberId
    world.holds = true
    const sync = world.sync(id, 1, { assignments: { [id]: 'old' } })
    world.join()
    expect(world.synced(sync).code).toBe(E.REBALANCE_IN_PROGRESS)
    world.release()
    expect(world.group.state).toBe('PreparingRebalance')
  })

  test('refuses wrong generations, strangers, other protocols and an unfinished join [G9]', () => {
    const world = new World()
    const [a, b] = world.stable(2)
    const code = (ticket: number): number => world.synced(ticket).code
    expect(code(world.sync(b as string, 0))).toBe(E.ILLEGAL_GENERATION)
    expect(code(world.sync('nobody', 1))).toBe(E.UNKNOWN_MEMBER_ID)
    expect(code(world.sync(b as string, 1, { protocol: 'x' }))).toBe(E.INCONSISTENT_GROUP_PROTOCOL)
    expect(code(world.sync(b as string, 1, { protocolType: 'x' }))).toBe(
      E.INCONSISTENT_GROUP_PROTOCOL,
    )
    expect(code(world.sync(b as string, 1, { protocol: 'range' }))).toBe(0)
    world.join({ memberId: a })
    expect(code(world.sync(b as string, 1))).toBe(E.REBALANCE_IN_PROGRESS)
  })

  test('expels members that joined but never synchronised [G11]', () => {
    const world = new World()
    const tickets = [
      world.join({ rebalanceTimeoutMs: 15_000 }),
      world.join({ rebalanceTimeoutMs: 15_000 }),
    ]
    world.pass(0)
    const [a = '', b = ''] = tickets.map((ticket) => world.joined(ticket).memberId)
    const leader = world.sync(a, 1, { assignments: { [a]: 'A' } })
    expect(world.synced(leader).code).toBe(0)
    for (let i = 0; i < 3; i++) {
      expect(world.heartbeat(a, 1)).toBe(0)
      expect(world.heartbeat(b, 1)).toBe(0)
      world.pass(5000)
    }
    expect(world.group.state).toBe('PreparingRebalance')
    expect(world.heartbeat(b, 1)).toBe(E.UNKNOWN_MEMBER_ID)
    expect(world.heartbeat(a, 1)).toBe(E.REBALANCE_IN_PROGRESS)
  })

  test('tells all who wait when the log refuses the assignment, and begins again', () => {
    const world = new World()
    const ticket = world.join()
    world.pass(0)
    const id = world.joined(ticket).memberId
    world.holds = true
    const sync = world.sync(id, 1)
    const token = world.held[0] as number
    world.apply(world.group.storeRefused(token, E.UNKNOWN_SERVER_ERROR, world.at))
    expect(world.synced(sync).code).toBe(E.UNKNOWN_SERVER_ERROR)
    expect(world.group.state).toBe('PreparingRebalance')
  })
})

describe('ClassicGroup.heartbeat()', () => {
  test('renews the session in every state with members [G10]', () => {
    const world = new World()
    const [a, b] = world.stable(2)
    for (let i = 0; i < 5; i++) {
      world.pass(9000)
      expect(world.heartbeat(a as string, 1)).toBe(0)
      expect(world.heartbeat(b as string, 1)).toBe(0)
    }
    world.join({ memberId: a })
    for (let i = 0; i < 5; i++) {
      world.pass(9000)
      expect(world.heartbeat(b as string, 1)).toBe(E.REBALANCE_IN_PROGRESS)
    }
  })

  test('is refused for strangers, old generations and an empty group [G10]', () => {
    const world = new World()
    expect(world.heartbeat('m1', 0)).toBe(E.UNKNOWN_MEMBER_ID)
    const [a] = world.stable(1)
    expect(world.heartbeat(a as string, 2)).toBe(E.ILLEGAL_GENERATION)
    expect(world.heartbeat(a as string, 1, 'nobody')).toBe(E.UNKNOWN_MEMBER_ID)
  })

  test('is a sign of life already while the generation completes [G10]', () => {
    const world = new World()
    const ticket = world.join()
    world.pass(0)
    expect(world.heartbeat(world.joined(ticket).memberId, 1)).toBe(0)
  })

  test('removes a silent member and rebalances the others', () => {
    const world = new World()
    const [a, b] = world.stable(2)
    world.pass(6000)
    world.heartbeat(a as string, 1)
    world.pass(4000)
    expect(world.group.state).toBe('PreparingRebalance')
    expect(world.heartbeat(b as string, 1)).toBe(E.UNKNOWN_MEMBER_ID)
  })

  test('blames nobody for the coordinator’s own sleep', () => {
    const world = new World()
    const [a] = world.stable(1)
    world.nowMs += 60_000
    world.group.forgive(50_000, world.at)
    world.apply(world.group.expire(world.at))
    expect(world.heartbeat(a as string, 1)).toBe(0)
  })
})

describe('ClassicGroup.leave()', () => {
  test('removes a batch by member id or instance id with a code for each [G13]', () => {
    const world = new World()
    const tickets = [world.join({ instanceId: 'a' }), world.join({ instanceId: 'b' }), world.join()]
    world.pass(0)
    const [a = '', b = '', c = ''] = tickets.map((ticket) => world.joined(ticket).memberId)
    for (const id of [b, c, a]) world.sync(id, 1)
    const pending = world.joined(world.join({ memberIdRequired: true })).memberId
    const codes = world.leave(
      { memberId: '', instanceId: 'a' },
      { memberId: 'wrong', instanceId: 'b' },
      { memberId: '', instanceId: 'zzz' },
      { memberId: '', instanceId: null },
      'nobody',
      pending,
      c,
    )
    expect(codes).toEqual([
      0,
      E.FENCED_INSTANCE_ID,
      E.UNKNOWN_MEMBER_ID,
      E.UNKNOWN_MEMBER_ID,
      E.UNKNOWN_MEMBER_ID,
      0,
      0,
    ])
    expect(world.group.memberCount).toBe(1)
    expect(world.group.state).toBe('PreparingRebalance')
  })

  test('empties the group when the last member goes, and stores that', () => {
    const world = new World()
    const [a] = world.stable(1)
    expect(world.leave(a as string)).toEqual([0])
    expect(world.group.state).toBe('Empty')
    expect(world.stores.at(-1)?.group).toMatchObject({
      generation: 2,
      members: [],
      protocol: null,
      leader: null,
      protocolType: 'consumer',
    })
  })

  test('ends a rebalance that waited only for who left', () => {
    const world = new World()
    const [a, b] = world.stable(2)
    const rejoin = world.join({ memberId: a })
    world.leave(b as string)
    expect(world.joined(rejoin)).toMatchObject({ code: 0, generation: 2 })
  })

  test('answers the waiting requests of a member that leaves', () => {
    const world = new World()
    const [a, b] = world.stable(2)
    const rejoin = world.join({ memberId: a })
    world.leave(a as string)
    expect(world.joined(rejoin).code).toBe(E.UNKNOWN_MEMBER_ID)
    expect(world.heartbeat(b as string, 1)).toBe(E.REBALANCE_IN_PROGRESS)
  })

  test('passes the lead on when the leader leaves', () => {
    const world = new World()
    const [a, b] = world.stable(2)
    world.leave(a as string)
    const reply = world.joined(world.join({ memberId: b }))
    expect(reply).toMatchObject({ code: 0, generation: 2, leader: b })
    expect(reply.members).toHaveLength(1)
  })
})

describe('ClassicGroup.checkCommit()', () => {
  const commit = (world: World, memberId: string, generation: number): number =>
    world.group.checkCommit({ memberId, instanceId: null }, generation, world.at, false)

  test('takes a commit without a generation only while the group is empty [O1, O2]', () => {
    const world = new World()
    expect(commit(world, '', -1)).toBe(0)
    world.stable(1)
    expect(commit(world, '', -1)).toBe(E.UNKNOWN_MEMBER_ID)
  })

  test('refuses strangers and old generations [O2]', () => {
    const world = new World()
    const [a = ''] = world.stable(1)
    expect(commit(world, a, 1)).toBe(0)
    expect(commit(world, a, 0)).toBe(E.ILLEGAL_GENERATION)
    expect(commit(world, 'nobody', 1)).toBe(E.UNKNOWN_MEMBER_ID)
  })

  test('refuses while a generation completes, not while one is prepared [O3]', () => {
    const world = new World()
    const [a = '', b = ''] = world.stable(2)
    world.join({ memberId: a })
    expect(commit(world, b, 1)).toBe(0)
    world.join({ memberId: b })
    expect(commit(world, b, 2)).toBe(E.REBALANCE_IN_PROGRESS)
  })

  test('renews the session of the member that commits [G15]', () => {
    const world = new World()
    const [a = ''] = world.stable(1)
    for (let i = 0; i < 4; i++) {
      world.pass(9000)
      expect(commit(world, a, 1)).toBe(0)
    }
    expect(world.group.state).toBe('Stable')
  })
})

describe('ClassicGroup.restore()', () => {
  test('goes on with generation, members and assignments, and needs no rebalance [G20]', () => {
    const world = new World()
    const [a = '', b = ''] = world.stable(2)
    const stored = world.stores.at(-1)?.group
    if (stored === undefined) throw new Error('nothing was stored')
    const after = new World()
    after.nowMs = 5
    after.group = ClassicGroup.restore(stored, after.limits, after.at)
    expect(after.group.toStored()).toEqual(stored)
    expect(after.group.describe()).toEqual({
      ...world.group.describe(),
      members: expect.anything(),
    })
    expect(after.heartbeat(a, 1)).toBe(0)
    expect(after.assignment(after.sync(b, 1))).toBe(`to-${b}`)
    expect(after.group.checkCommit({ memberId: b, instanceId: null }, 1, after.at, false)).toBe(0)
    after.pass(10_000)
    expect(after.group.state).toBe('Empty')
  })

  test('knows its static members again [G20]', () => {
    const world = new World()
    const ticket = world.join({ instanceId: 'a' })
    world.pass(0)
    world.sync(world.joined(ticket).memberId, 1, { instanceId: 'a' })
    const stored = world.group.toStored()
    const after = new World()
    after.group = ClassicGroup.restore(stored, after.limits, after.at)
    const reply = after.joined(after.join({ instanceId: 'a', freshMemberId: 'new' }))
    expect(reply).toMatchObject({ code: 0, generation: 1, memberId: 'new' })
  })
})

describe('ClassicGroup.end()', () => {
  test('answers everybody who waits and takes no one in', () => {
    const world = new World()
    const [a = ''] = world.stable(2)
    const join = world.join({ memberId: a })
    world.apply(world.group.end(E.NOT_COORDINATOR, world.at))
    expect(world.joined(join).code).toBe(E.NOT_COORDINATOR)
    expect(world.joined(world.join()).code).toBe(E.COORDINATOR_NOT_AVAILABLE)
    expect(world.heartbeat(a, 1)).toBe(E.COORDINATOR_NOT_AVAILABLE)
    expect(world.group.earliestMs).toBe(Number.POSITIVE_INFINITY)
  })
})
