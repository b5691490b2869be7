// How a classic group moves from one generation to the next. Legal transitions, and why:
//
//   Empty → PreparingRebalance                a first member joins
//   Stable, CompletingRebalance → PreparingRebalance   members come, go or change
//   PreparingRebalance → CompletingRebalance  all known members joined, or time is up
//   PreparingRebalance → Empty                nobody is left
//   CompletingRebalance → Stable              the leader's assignment is durable
//   any → Dead                                deleted, or led by another broker now
//
// It owns the deadlines and answers the requests that wait. It does not know which request led
// to a step: that is group.ts.
import { assert } from '../../base/assert.ts'
import { ErrorCode } from '../../base/error-codes.ts'
import { isWaiting, Roster } from './roster.ts'
import type { Member } from './roster.ts'
import { joinFailed, noBytes, syncFailed } from './types.ts'
import type {
  ClassicLimits,
  GroupEffect,
  GroupState,
  Instant,
  JoinReply,
  StoredGroup,
  SyncReply,
} from './types.ts'
import { joinedMembers, joinReplyOf, storedForm, syncReplyOf } from './views.ts'
import { CONSUMER_PROTOCOL_TYPE, unionOfTopics } from './subscription.ts'

const PREVIOUS: Readonly<Record<GroupState, readonly GroupState[]>> = {
  Empty: ['PreparingRebalance'],
  PreparingRebalance: ['Empty', 'Stable', 'CompletingRebalance'],
  CompletingRebalance: ['PreparingRebalance'],
  Stable: ['CompletingRebalance'],
  Dead: ['Empty', 'PreparingRebalance', 'CompletingRebalance', 'Stable'],
}

const NEVER = Number.POSITIVE_INFINITY

/** The heart of one classic group. Effects pile up until `take`. */
export class Rebalance {
  readonly groupId: string
  readonly roster: Roster = new Roster()
  readonly #limits: ClassicLimits
  #state: GroupState = 'Empty'
  #previous: GroupState = 'Empty'
  #generation = 0
  #protocolType: string | null = null
  #protocol: string | null = null
  #topics: ReadonlySet<string> | null = null
  #stateTimestampMs = -1
  #joinDeadlineMs = NEVER
  #syncDeadlineMs = NEVER
  /** While the first rebalance waits for more members. */
  #initial: { readonly delayMs: number; readonly remainingMs: number } | null = null
  /** Whether a member came while the first rebalance waited. */
  #grew = false
  /** The assignment that is being made durable. */
  #assigning: { token: number; assignments: ReadonlyMap<string, Uint8Array> } | null = null
  /** Members that were told of this generation and have not synchronised. */
  #owing = 0
  #tokens = 0
  #earliestMs = NEVER
  #effects: GroupEffect[] = []

  constructor(groupId: string, limits: ClassicLimits) {
    this.groupId = groupId
    this.#limits = limits
  }

  get state(): GroupState {
    return this.#state
  }

  get generation(): number {
    return this.#generation
  }

  get protocolType(): string | null {
    return this.#protocolType
  }

  get protocol(): string | null {
    return this.#protocol
  }

  /** Topics its members subscribe to; null when the coordinator cannot know. */
  get topics(): ReadonlySet<string> | null {
    return this.#topics
  }

  /** Wall time of the last change of state; -1 when unknown. */
  get stateTimestampMs(): number {
    return this.#stateTimestampMs
  }

  /** No deadline passes before this moment; there may be none at it. Infinity without any. */
  get earliestMs(): number {
    return this.#earliestMs
  }

  /** Whether the leader's assignment is on its way to the log. */
  get isAssigning(): boolean {
    return this.#assigning !== null
  }

  /** Hands over what has to be done since the last call. */
  take(): readonly GroupEffect[] {
    const effects = this.#effects
    if (effects.length > 0) this.#effects = []
    return effects
  }

  /** Takes over what was stored: the group goes on where it was, with a fresh session for all. */
  restore(stored: StoredGroup, at: Instant, members: readonly Member[]): void {
    assert(this.#stateTimestampMs === -1, 'Rebalance restores a group that is in use')
    this.#state = members.length === 0 ? 'Empty' : 'Stable'
    this.#previous = this.#state
    this.#generation = stored.generation
    this.#protocolType = stored.protocolType === '' ? null : stored.protocolType
    this.#protocol = stored.protocol
    this.#stateTimestampMs = stored.stateTimestampMs
    for (const member of members) {
      this.roster.add(member)
      this.touch(member, at)
    }
    if (stored.leader !== null && this.roster.get(stored.leader)) this.roster.leader = stored.leader
    this.#topics = this.#subscriptions()
  }

  /** Whether a rebalance may begin: not while one is preparing, not when dead. */
  get canPrepare(): boolean {
    return PREVIOUS.PreparingRebalance.includes(this.#state)
  }

  /** Adds a member whose JoinGroup waits, and goes on from there. */
  admit(member: Member, protocolType: string, at: Instant): void {
    assert(member.joinTicket !== null, 'Rebalance admits a member that waits for nothing')
    if (this.roster.size === 0) this.#protocolType = protocolType
    assert(this.#protocolType === protocolType, 'Rebalance admits a member of another type')
    if (this.#initial !== null) this.#grew = true
    this.roster.add(member)
    this.setDeadline(member, at.monotonicMs + this.#limits.newMemberJoinTimeoutMs)
    this.prepareOrComplete(at)
  }

  prepareOrComplete(at: Instant): void {
    if (this.canPrepare) this.prepare(at)
    else this.completeIfAllJoined(at)
  }

  /** Begins a rebalance. Members that wait for an assignment are sent back to join. */
  prepare(at: Instant): void {
    const isInitial = this.#state === 'Empty'
    this.#assigning = null
    this.#syncDeadlineMs = NEVER
    this.#owing = 0
    for (const member of this.roster.values()) {
      member.owesSync = false
      if (this.#state !== 'CompletingRebalance') continue
      member.assignment = noBytes
      this.replySync(member, syncFailed(ErrorCode.REBALANCE_IN_PROGRESS), at)
    }
    this.#transition('PreparingRebalance', at)
    if (!isInitial) {
      if (this.roster.allJoined) this.#complete(at)
      else this.#setJoinDeadline(at.monotonicMs + this.roster.rebalanceTimeoutMs())
      return
    }
    const delayMs = this.#limits.initialDelayMs
    const remainingMs = Math.max(this.roster.rebalanceTimeoutMs() - delayMs, 0)
    this.#initial = { delayMs, remainingMs }
    this.#grew = false
    this.#setJoinDeadline(at.monotonicMs + delayMs)
  }

  /** Ends the joining phase if nobody is missing; the first rebalance waits its time. */
  completeIfAllJoined(at: Instant): void {
    if (this.#state !== 'PreparingRebalance' || this.#previous === 'Empty') return
    if (this.roster.allJoined) this.#complete(at)
  }

  /** Answers a member's waiting requests with `code` and removes it; the caller goes on. */
  expel(member: Member, code: number, at: Instant): void {
    this.replyJoin(member, joinFailed(code, ''), at)
    this.replySync(member, syncFailed(code), at)
    if (member.owesSync) this.#owing--
    this.roster.remove(member.id)
  }

  /** The moment at which `member` counts as gone. */
  setDeadline(member: Member, deadlineMs: number): void {
    member.deadlineMs = deadlineMs
    if (deadlineMs < this.#earliestMs) this.#earliestMs = deadlineMs
  }

  /** A sign of life: a full session from now. */
  touch(member: Member, at: Instant): void {
    this.setDeadline(member, at.monotonicMs + member.sessionTimeoutMs)
  }

  /** Remembers an id that was handed out until `deadlineMs`. */
  expect(memberId: string, deadlineMs: number): void {
    this.roster.pending.set(memberId, deadlineMs)
    if (deadlineMs < this.#earliestMs) this.#earliestMs = deadlineMs
  }

  /** The coordinator slept for `byMs`: deadlines move, and every member has a full session. */
  forgive(byMs: number, at: Instant): void {
    assert(byMs >= 0, 'Rebalance shortens its deadlines')
    for (const [id, dueMs] of this.roster.pending) this.roster.pending.set(id, dueMs + byMs)
    for (const member of this.roster.values()) {
      const session = at.monotonicMs + member.sessionTimeoutMs
      member.deadlineMs = Math.max(member.deadlineMs + byMs, session)
    }
    this.#joinDeadlineMs += byMs
    this.#syncDeadlineMs += byMs
    this.#findEarliest()
  }

  /** Does what is due: sessions first, then the joining phase, then missing syncs. */
  expire(at: Instant): void {
    if (this.#state === 'Dead') return
    this.#expireMembers(at)
    if (this.#joinDeadlineMs <= at.monotonicMs) this.#joinTimeIsUp(at)
    if (this.#syncDeadlineMs <= at.monotonicMs) this.#syncTimeIsUp(at)
    this.#findEarliest()
  }

  /** What has to be durable before the members may work by `assignments`. */
  assign(assignments: ReadonlyMap<string, Uint8Array>): void {
    assert(this.#state === 'CompletingRebalance', 'Rebalance assigns outside its state')
    assert(this.#assigning === null, 'Rebalance assigns twice in one generation')
    this.#assigning = { token: this.store(assignments), assignments }
  }

  /** Emits a store of the group as it is, with `assignments` in place of the members' own. */
  store(assignments: ReadonlyMap<string, Uint8Array> | null): number {
    const token = ++this.#tokens
    this.#effects.push({ kind: 'store', token, group: storedForm(this, assignments) })
    return token
  }

  /** If the assignment behind `token` is the present one, it is durable: hand it out. */
  assigned(token: number, at: Instant): void {
    const assigning = this.#assigning
    if (assigning === null || assigning.token !== token) return
    assert(this.#state === 'CompletingRebalance', 'Rebalance stored an assignment too late')
    this.#assigning = null
    this.#transition('Stable', at)
    for (const member of this.roster.values()) {
      member.assignment = assigning.assignments.get(member.id) ?? noBytes
      this.replySync(member, syncReplyOf(this, member), at)
    }
  }

  /** The log refused the assignment behind `token`: tell those who wait, begin again. */
  refused(token: number, code: number, at: Instant): void {
    if (this.#assigning === null || this.#assigning.token !== token) return
    for (const member of this.roster.values()) this.replySync(member, syncFailed(code), at)
    this.prepare(at)
  }

  /** A member synchronised: it owes nothing any more. */
  hasSynced(member: Member): void {
    if (!member.owesSync) return
    member.owesSync = false
    if (--this.#owing === 0) this.#syncDeadlineMs = NEVER
  }

  /** Ends the group: every request that waits gets `code`. */
  end(code: number, at: Instant): void {
    if (this.#state === 'Dead') return
    for (const member of this.roster.values()) {
      this.replyJoin(member, joinFailed(code, member.id), at)
      this.replySync(member, syncFailed(code), at)
    }
    this.#assigning = null
    this.#transition('Dead', at)
    this.#earliestMs = NEVER
  }

  /** Answers a member's JoinGroup if one waits; its session begins. */
  replyJoin(member: Member, reply: JoinReply, at: Instant): boolean {
    const ticket = this.roster.unpark(member)
    if (ticket === null) return false
    this.joined(ticket, reply)
    this.touch(member, at)
    return true
  }

  /** Answers a member's SyncGroup if one waits; its session begins anew. */
  replySync(member: Member, reply: SyncReply, at: Instant): void {
    if (member.syncTicket === null) return
    this.synced(member.syncTicket, reply)
    member.syncTicket = null
    this.touch(member, at)
  }

  joined(ticket: number, reply: JoinReply): void {
    this.#effects.push({ kind: 'joined', ticket, reply })
  }

  synced(ticket: number, reply: SyncReply): void {
    this.#effects.push({ kind: 'synced', ticket, reply })
  }

  #transition(to: GroupState, at: Instant): void {
    assert(PREVIOUS[to].includes(this.#state), 'Rebalance makes an illegal transition')
    this.#previous = this.#state
    this.#state = to
    this.#stateTimestampMs = at.wallMs
  }

  #setJoinDeadline(deadlineMs: number): void {
    this.#joinDeadlineMs = deadlineMs
    if (deadlineMs < this.#earliestMs) this.#earliestMs = deadlineMs
  }

  #complete(at: Instant): void {
    this.#joinDeadlineMs = NEVER
    this.#initial = null
    for (const member of [...this.roster.values()]) {
      // A static member that is restarting keeps its place until its session ends (KIP-345).
      if (member.joinTicket === null && member.instanceId === null) this.roster.remove(member.id)
    }
    if (this.roster.size > 0 && !this.roster.electJoined()) {
      // Only silent static members: wait until they come or their sessions end.
      this.#setJoinDeadline(at.monotonicMs + this.roster.rebalanceTimeoutMs())
      return
    }
    this.#generation++
    if (this.roster.size === 0) {
      this.#protocol = null
      this.#topics = this.#subscriptions()
      this.#transition('Empty', at)
      this.store(null)
      return
    }
    this.#protocol = this.roster.selectProtocol()
    this.#topics = this.#subscriptions()
    this.#transition('CompletingRebalance', at)
    for (const member of this.roster.values()) {
      member.isNew = false
      member.owesSync = this.replyJoin(member, joinReplyOf(this, member), at)
      if (member.owesSync) this.#owing++
    }
    this.#syncDeadlineMs = at.monotonicMs + this.roster.rebalanceTimeoutMs()
    this.#earliestMs = Math.min(this.#earliestMs, this.#syncDeadlineMs)
  }

  #expireMembers(at: Instant): void {
    const now = at.monotonicMs
    let isChanged = false
    for (const [id, deadlineMs] of this.roster.pending) {
      if (deadlineMs > now) continue
      this.roster.remove(id)
      isChanged = true
    }
    const expired = Array.from(this.roster.values()).filter(
      (member) => member.deadlineMs <= now && !isWaiting(member),
    )
    for (const member of expired) this.expel(member, ErrorCode.UNKNOWN_MEMBER_ID, at)
    if (expired.length > 0) this.prepareOrComplete(at)
    else if (isChanged) this.completeIfAllJoined(at)
  }

  #joinTimeIsUp(at: Instant): void {
    assert(this.#state === 'PreparingRebalance', 'Rebalance waits for joins outside its state')
    const initial = this.#initial
    if (initial === null || !this.#grew || initial.remainingMs === 0) return this.#complete(at)
    this.#grew = false
    this.#initial = {
      delayMs: Math.min(this.#limits.initialDelayMs, initial.remainingMs),
      remainingMs: Math.max(initial.remainingMs - initial.delayMs, 0),
    }
    this.#setJoinDeadline(at.monotonicMs + this.#initial.delayMs)
  }

  #syncTimeIsUp(at: Instant): void {
    this.#syncDeadlineMs = NEVER
    const missing = Array.from(this.roster.values()).filter((member) => member.owesSync)
    assert(missing.length === this.#owing, 'Rebalance miscounts the members that owe a sync')
    for (const member of missing) this.expel(member, ErrorCode.UNKNOWN_MEMBER_ID, at)
    this.prepare(at)
  }

  #findEarliest(): void {
    let earliest = Math.min(this.#joinDeadlineMs, this.#syncDeadlineMs)
    for (const dueMs of this.roster.pending.values()) earliest = Math.min(earliest, dueMs)
    for (const member of this.roster.values()) {
      if (member.deadlineMs < earliest && !isWaiting(member)) earliest = member.deadlineMs
    }
    this.#earliestMs = earliest
  }

  #subscriptions(): ReadonlySet<string> | null {
    if (this.#protocolType !== CONSUMER_PROTOCOL_TYPE) return null
    return unionOfTopics(joinedMembers(this).map((member) => member.metadata))
  }
}
