// Clients that behave as real consumers do (rejoin when told, heartbeat, compute assignments when
// they lead) against one group, with crashes, leaves, slow stores and the passing of time drawn at
// random. What must hold is checked at every answer and once more after everything has settled.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ErrorCode } from '../../../src/base/error-codes.ts'
import { ClassicGroup } from '../../../src/group/classic/group.ts'
import type { JoinReply, StoredGroup, SyncReply } from '../../../src/group/classic/types.ts'
import { World } from './harness.ts'

const E = ErrorCode
const PARTITIONS = 6

/** What all clients have seen, kept to check it against itself. */
class Witness {
  readonly leaders = new Map<number, string>()
  readonly owners = new Map<string, string>()
  newest = 0

  joined(reply: JoinReply, owner: (memberId: string) => string): void {
    expect(reply.generation).toBeGreaterThanOrEqual(this.newest)
    this.newest = reply.generation
    if (reply.members.length === 0) return
    const leader = owner(reply.memberId)
    expect(this.leaders.get(reply.generation) ?? leader).toBe(leader)
    this.leaders.set(reply.generation, leader)
  }

  assigned(generation: number, owner: string, reply: SyncReply): void {
    for (const partition of new TextDecoder().decode(reply.assignment).split(',')) {
      if (partition === '') continue
      const key = `${generation}/${partition}`
      expect(this.owners.get(key) ?? owner, 'one owner per partition and generation').toBe(owner)
      this.owners.set(key, owner)
    }
  }
}

class Client {
  readonly world: World
  readonly witness: Witness
  readonly instanceId: string | null
  memberId = ''
  generation = -1
  isIn = false
  joinTicket: number | null = null
  syncTicket: number | null = null
  readonly #owners: Map<string, string>

  constructor(
    world: World,
    witness: Witness,
    owners: Map<string, string>,
    instance: string | null,
  ) {
    this.world = world
    this.witness = witness
    this.instanceId = instance
    this.#owners = owners
  }

  get isIdle(): boolean {
    return this.joinTicket === null && this.syncTicket === null
  }

  join(): void {
    if (!this.isIdle) return
    this.isIn = true
    const { memberId, instanceId } = this
    const version = { memberIdRequired: true, canSkipAssignment: true }
    this.joinTicket = this.world.join({ memberId, instanceId, ...version })
    this.receive()
  }

  /** Takes what has been answered. */
  receive(): void {
    const join = this.joinTicket === null ? undefined : this.world.joins.get(this.joinTicket)
    if (join !== undefined) this.#onJoin(join)
    const sync = this.syncTicket === null ? undefined : this.world.syncs.get(this.syncTicket)
    if (sync !== undefined) this.#onSync(sync)
  }

  heartbeat(): void {
    this.receive()
    if (!this.isIn || !this.isIdle) return
    const code = this.world.heartbeat(this.memberId, this.generation, this.instanceId)
    if (code === E.NONE) return
    expect(code).toBe(E.REBALANCE_IN_PROGRESS)
    this.join()
  }

  /** Falls silent; whatever it waits for is answered to nobody. */
  crash(): void {
    this.joinTicket = null
    this.syncTicket = null
    this.#forget()
  }

  leave(): void {
    if (!this.isIn || !this.isIdle) return
    const { memberId, instanceId } = this
    expect(this.world.leave({ memberId, instanceId })).toEqual([0])
    this.#forget()
  }

  #forget(): void {
    this.isIn = false
    this.memberId = ''
    this.generation = -1
  }

  #onJoin(reply: JoinReply): void {
    this.joinTicket = null
    expect([E.NONE, E.MEMBER_ID_REQUIRED, E.REBALANCE_IN_PROGRESS]).toContain(reply.code)
    if (reply.code === E.MEMBER_ID_REQUIRED) this.memberId = reply.memberId
    if (reply.code !== E.NONE) return this.join()
    this.memberId = reply.memberId
    this.generation = reply.generation
    this.#owners.set(reply.memberId, this.instanceId ?? reply.memberId)
    this.witness.joined(reply, (memberId) => this.#owners.get(memberId) ?? memberId)
    const assignments: Record<string, string> = {}
    if (!reply.skipAssignment) {
      for (let partition = 0; partition < PARTITIONS; partition++) {
        const member = reply.members[partition % Math.max(1, reply.members.length)]
        if (member === undefined) continue
        const before = assignments[member.memberId]
        assignments[member.memberId] =
          before === undefined ? `${partition}` : `${before},${partition}`
      }
    }
    const { instanceId } = this
    this.syncTicket = this.world.sync(reply.memberId, reply.generation, { assignments, instanceId })
    this.receive()
  }

  #onSync(reply: SyncReply): void {
    this.syncTicket = null
    expect([E.NONE, E.REBALANCE_IN_PROGRESS]).toContain(reply.code)
    if (reply.code !== E.NONE) return this.join()
    this.witness.assigned(this.generation, this.instanceId ?? this.memberId, reply)
  }
}

const withoutTime = (group: StoredGroup): StoredGroup => ({ ...group, stateTimestampMs: 0 })

function run(steps: readonly (readonly [number, number])[], initialDelayMs: number): World {
  const world = new World({ initialDelayMs })
  const witness = new Witness()
  const owners = new Map<string, string>()
  const clients = [null, null, null, 's1', null, 's2'].map(
    (instance) => new Client(world, witness, owners, instance),
  )
  const pass = (ms: number): void => {
    world.pass(ms)
    for (const client of clients) client.heartbeat()
  }
  for (const [who, what] of steps) {
    const client = clients[who % clients.length] as Client
    if (what < 4) client.join()
    else if (what < 8) pass(what * 400)
    else if (what === 8) client.leave()
    else if (what === 9) client.crash()
    else if (what === 10) world.holds = !world.holds
    else world.release()
    client.receive()
  }
  world.holds = false
  world.release()
  for (let i = 0; i < 60; i++) pass(2500)
  const live = clients.filter((client) => client.isIn)
  expect(world.waiting, 'every join and sync is answered').toBe(0)
  expect(live.every((client) => client.isIdle)).toBe(true)
  expect(world.group.state).toBe(live.length === 0 ? 'Empty' : 'Stable')
  expect(new Set(world.group.describe().members.map((member) => member.memberId))).toEqual(
    new Set(live.map((client) => client.memberId)),
  )
  if (live.length > 0) {
    const generation = world.group.generation
    const owned = Array.from({ length: PARTITIONS }, (_, i) =>
      witness.owners.get(`${generation}/${i}`),
    )
    expect(
      owned.every((owner) => owner !== undefined),
      'every partition has an owner',
    ).toBe(true)
  }
  return world
}

describe('ClassicGroup under random clients', () => {
  const step = fc.tuple(fc.nat({ max: 5 }), fc.nat({ max: 11 }))

  test('one owner per partition, no member lost, joins answered [INV-51] [G21] [G5]', () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 120 }),
        fc.constantFrom(0, 3000),
        (steps, delay) => void run(steps, delay),
      ),
      { numRuns: 250 },
    )
  })

  test('is after replay of its last stored form what it was before [G20]', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 80 }), (steps) => {
        const world = run(steps, 0)
        const last = world.stores.at(-1)?.group
        if (last === undefined) return
        expect(withoutTime(world.group.toStored())).toEqual(withoutTime(last))
        const replayed = ClassicGroup.restore(last, world.limits, world.at)
        expect(replayed.toStored()).toEqual(last)
        expect(replayed.describe()).toEqual(world.group.describe())
      }),
      { numRuns: 100 },
    )
  })
})

describe('ClassicGroup with 1,000 members', () => {
  test('stabilises, follows a departure and lives for five minutes of heartbeats [G21]', () => {
    const world = new World({ initialDelayMs: 3000 })
    const witness = new Witness()
    const owners = new Map<string, string>()
    const clients = Array.from({ length: 1000 }, () => new Client(world, witness, owners, null))
    for (const client of clients) client.join()
    const beat = (): void => {
      world.pass(3000)
      for (const client of clients) client.heartbeat()
    }
    for (let i = 0; i < 25; i++) beat()
    expect(world.group.state).toBe('Stable')
    expect(world.group.memberCount).toBe(1000)
    const generation = world.group.generation
    for (let i = 0; i < 100; i++) beat()
    expect(world.group.generation).toBe(generation)
    clients[500]?.leave()
    for (let i = 0; i < 3; i++) beat()
    expect(world.group).toMatchObject({ state: 'Stable', memberCount: 999 })
    expect(world.group.generation).toBe(generation + 1)
    expect(world.waiting).toBe(0)
  })
})
