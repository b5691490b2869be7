// The members of one classic group and the counts that decide its rebalances: who waits for a
// join, who was given an id and has not come back, which static member owns which instance id,
// and how many members support each protocol. All counts are kept as members change, so that a
// thousand joins cost a thousand steps. It knows nothing of states, replies or time.
import { assert, must } from '../../base/assert.ts'
import { equalBytes } from '../../base/bytes.ts'
import { ErrorCode } from '../../base/error-codes.ts'
import type { GroupProtocol, MemberIdentity, StoredMember } from './types.ts'

/** One member. Mutable; only the roster and the group change it. */
export interface Member {
  readonly id: string
  readonly instanceId: string | null
  readonly clientId: string
  readonly clientHost: string
  sessionTimeoutMs: number
  rebalanceTimeoutMs: number
  protocols: readonly GroupProtocol[]
  assignment: Uint8Array
  /** The JoinGroup that waits, if any. Changed by the roster only. */
  joinTicket: number | null
  /** The SyncGroup that waits, if any. */
  syncTicket: number | null
  /** True until its first JoinGroup was answered: it cannot heartbeat yet. */
  isNew: boolean
  /** True from the answer to its JoinGroup until its SyncGroup. */
  owesSync: boolean
  /** Monotonic deadline of its session; does not count while a known member's request waits. */
  deadlineMs: number
}

/** Whether both lists name the same protocols in the same order with the same bytes. */
export const sameProtocols = (
  a: readonly GroupProtocol[],
  b: readonly GroupProtocol[],
): boolean => {
  if (a.length !== b.length) return false
  return a.every((one, i) => {
    const other = b[i]
    return (
      other !== undefined && one.name === other.name && equalBytes(one.metadata, other.metadata)
    )
  })
}

/** The metadata a member offered for `protocol`; null when it does not support it. */
export const metadataFor = (member: Member, protocol: string | null): Uint8Array | null =>
  member.protocols.find((offered) => offered.name === protocol)?.metadata ?? null

/** A member as it comes back from the log: of its protocols only the chosen one was stored. */
export const restoredMember = (stored: StoredMember, protocol: string | null): Member => ({
  id: stored.memberId,
  instanceId: stored.instanceId,
  clientId: stored.clientId,
  clientHost: stored.clientHost,
  sessionTimeoutMs: stored.sessionTimeoutMs,
  rebalanceTimeoutMs: stored.rebalanceTimeoutMs,
  protocols: [{ name: protocol ?? '', metadata: stored.subscription }],
  assignment: stored.assignment,
  joinTicket: null,
  syncTicket: null,
  isNew: false,
  owesSync: false,
  deadlineMs: 0,
})

/** A known member whose request waits cannot heartbeat, so its silence means nothing. */
export const isWaiting = (member: Member): boolean =>
  !member.isNew && (member.joinTicket !== null || member.syncTicket !== null)

/** Members by id, in the order in which they joined. */
export class Roster {
  readonly #members = new Map<string, Member>()
  /** instance id → member id */
  readonly #static = new Map<string, string>()
  /** protocol name → how many members offer it */
  readonly #support = new Map<string, number>()
  /** Ids handed out that have not come back, with the deadline of each. */
  readonly pending: Map<string, number> = new Map()
  leader: string | null = null
  #awaiting = 0

  get size(): number {
    return this.#members.size
  }

  /** Members whose JoinGroup waits. */
  get awaiting(): number {
    return this.#awaiting
  }

  /** Whether nobody is missing: neither a known member nor one that was given an id. */
  get allJoined(): boolean {
    return this.#members.size === this.#awaiting && this.pending.size === 0
  }

  get(id: string): Member | undefined {
    return this.#members.get(id)
  }

  values(): IterableIterator<Member> {
    return this.#members.values()
  }

  /** The member id that owns `instanceId`, if any does. */
  ownerOf(instanceId: string): string | undefined {
    return this.#static.get(instanceId)
  }

  /** Adds a member, which may have been pending. The first one leads. */
  add(member: Member): void {
    assert(!this.#members.has(member.id), 'Roster adds a member twice')
    if (member.instanceId !== null) {
      assert(!this.#static.has(member.instanceId), 'Roster gives an instance id two owners')
      this.#static.set(member.instanceId, member.id)
    }
    this.#members.set(member.id, member)
    this.#count(member.protocols, 1)
    if (member.joinTicket !== null) this.#awaiting++
    this.pending.delete(member.id)
    this.leader ??= member.id
  }

  /** Removes a member or a pending id; its waiting requests must have been answered. */
  remove(id: string): void {
    const member = this.#members.get(id)
    if (member !== undefined) {
      assert(member.joinTicket === null, 'Roster removes a member whose join still waits')
      assert(member.syncTicket === null, 'Roster removes a member whose sync still waits')
      this.#members.delete(id)
      this.#count(member.protocols, -1)
      if (member.instanceId !== null) this.#static.delete(member.instanceId)
    }
    this.pending.delete(id)
    if (this.leader === id) this.leader = this.#members.keys().next().value ?? null
  }

  /** Gives a static member a new id; all else it has stays. Its place in the order is last. */
  replace(oldId: string, newId: string): Member {
    const old = must(this.#members.get(oldId), 'Roster replaces a member it does not have')
    assert(old.instanceId !== null, 'Roster replaces a member that is not static')
    const wasLeader = this.leader === oldId
    this.remove(oldId)
    const member: Member = { ...old, id: newId }
    this.add(member)
    if (wasLeader) this.leader = newId
    return member
  }

  /** What a JoinGroup changes in a member that is already there. */
  update(
    member: Member,
    joined: {
      readonly protocols: readonly GroupProtocol[]
      readonly sessionTimeoutMs: number
      readonly rebalanceTimeoutMs: number
    },
  ): void {
    this.#count(member.protocols, -1)
    member.protocols = joined.protocols
    this.#count(member.protocols, 1)
    member.sessionTimeoutMs = joined.sessionTimeoutMs
    member.rebalanceTimeoutMs = joined.rebalanceTimeoutMs
  }

  /** Parks a JoinGroup; returns the one it displaces, if any. */
  park(member: Member, ticket: number): number | null {
    const displaced = member.joinTicket
    if (displaced === null) this.#awaiting++
    member.joinTicket = ticket
    return displaced
  }

  /** Takes the JoinGroup that waits, if any. */
  unpark(member: Member): number | null {
    const ticket = member.joinTicket
    if (ticket !== null) this.#awaiting--
    member.joinTicket = null
    return ticket
  }

  /** 0 if `who` is a member, else UNKNOWN_MEMBER_ID or FENCED_INSTANCE_ID. */
  check(who: MemberIdentity): number {
    if (who.instanceId !== null) {
      const owner = this.#static.get(who.instanceId)
      if (owner === undefined) return ErrorCode.UNKNOWN_MEMBER_ID
      if (owner !== who.memberId) return ErrorCode.FENCED_INSTANCE_ID
    }
    return this.#members.has(who.memberId) ? ErrorCode.NONE : ErrorCode.UNKNOWN_MEMBER_ID
  }

  /** Whether every member supports one of `protocols`. */
  supports(protocols: readonly GroupProtocol[]): boolean {
    return protocols.some(({ name }) => (this.#support.get(name) ?? 0) === this.#members.size)
  }

  /** The longest rebalance timeout of all members; 0 when there is none. */
  rebalanceTimeoutMs(): number {
    let longest = 0
    for (const { rebalanceTimeoutMs } of this.#members.values()) {
      if (rebalanceTimeoutMs > longest) longest = rebalanceTimeoutMs
    }
    return longest
  }

  /** Makes a member lead whose join waits; false if none does. The old leader stays if it waits. */
  electJoined(): boolean {
    const leader = this.leader === null ? undefined : this.#members.get(this.leader)
    if (leader === undefined) return false
    if (leader.joinTicket !== null) return true
    for (const member of this.#members.values()) {
      if (member.joinTicket === null) continue
      this.leader = member.id
      return true
    }
    return false
  }

  /**
   * The protocol that most members vote for, of those that all support; a member votes for the
   * first such one it offers. A tie goes to the one voted for first.
   */
  selectProtocol(): string {
    const votes = new Map<string, number>()
    for (const member of this.#members.values()) {
      const vote = member.protocols.find(
        ({ name }) => this.#support.get(name) === this.#members.size,
      )
      assert(vote !== undefined, 'Roster has a member without a common protocol')
      votes.set(vote.name, (votes.get(vote.name) ?? 0) + 1)
    }
    let best: string | null = null
    let most = 0
    for (const [name, count] of votes) {
      if (count <= most) continue
      best = name
      most = count
    }
    return must(best, 'Roster selects a protocol for nobody')
  }

  #count(protocols: readonly GroupProtocol[], by: 1 | -1): void {
    // A list may name a protocol twice; the member still counts once.
    for (const name of new Set(protocols.map((protocol) => protocol.name))) {
      const count = (this.#support.get(name) ?? 0) + by
      assert(count >= 0, 'Roster counts a protocol below zero')
      if (count === 0) this.#support.delete(name)
      else this.#support.set(name, count)
    }
  }
}
