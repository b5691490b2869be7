// The requests of the classic group protocol against one group: for each state, what a JoinGroup,
// SyncGroup, Heartbeat, LeaveGroup or commit means and which code it gets. A pure state machine:
// an event goes in, effects come out; deadlines are asked for (`earliestMs`) and fed back by
// `expire`. How generations follow each other, and the legal transitions: rebalance.ts.
import { assert, must } from '../../base/assert.ts'
import { ErrorCode } from '../../base/error-codes.ts'
import { Rebalance } from './rebalance.ts'
import { restoredMember, sameProtocols } from './roster.ts'
import type { Member } from './roster.ts'
import { joinFailed, noBytes, syncFailed } from './types.ts'
import type {
  ClassicLimits,
  GroupDescription,
  GroupEffect,
  GroupState,
  Instant,
  JoinEvent,
  MemberIdentity,
  StoredGroup,
  SyncEvent,
} from './types.ts'
import { describeGroup, joinReplyOf, storedForm, syncReplyOf } from './views.ts'

/** A static member's new id on its way to the log. */
interface Replacement {
  readonly memberId: string
  readonly ticket: number
  readonly canSkipAssignment: boolean
  /** The leader before: older clients must not take themselves for it. */
  readonly leaderBefore: string
}

type Effects = readonly GroupEffect[]

/** One classic group. Methods take effect at once and return what has to be done, in order. */
export class ClassicGroup {
  readonly #core: Rebalance
  readonly #limits: ClassicLimits
  readonly #replacements = new Map<number, Replacement>()

  constructor(groupId: string, limits: ClassicLimits) {
    this.#core = new Rebalance(groupId, limits)
    this.#limits = limits
  }

  /** The group as it was stored: nobody has to rejoin, every session begins anew [G20]. */
  static restore(stored: StoredGroup, limits: ClassicLimits, at: Instant): ClassicGroup {
    const group = new ClassicGroup(stored.groupId, limits)
    const members = stored.members.map((member) => restoredMember(member, stored.protocol))
    group.#core.restore(stored, at, members)
    return group
  }

  get state(): GroupState {
    return this.#core.state
  }

  get generation(): number {
    return this.#core.generation
  }

  /** null for a simple group: one that only stores offsets. */
  get protocolType(): string | null {
    return this.#core.protocolType
  }

  /** Topics its members read; null when the coordinator cannot know. */
  get topics(): ReadonlySet<string> | null {
    return this.#core.topics
  }

  get memberCount(): number {
    return this.#core.roster.size
  }

  /** Wall time of the last change of state; -1 when unknown. */
  get stateTimestampMs(): number {
    return this.#core.stateTimestampMs
  }

  /** Whether nobody is in it nor on the way to it. */
  get isVacant(): boolean {
    return this.state === 'Empty' && this.#core.roster.pending.size === 0
  }

  /** Monotonic moment before which `expire` has nothing to do; Infinity for never. */
  get earliestMs(): number {
    return this.#core.earliestMs
  }

  /** Answers the JoinGroup now or parks it until the joining phase ends. */
  join(event: JoinEvent): Effects {
    if (!this.#hasRoom(event)) this.#turnAway(event)
    else if (event.memberId === '') this.#joinNew(event)
    else this.#joinKnown(event)
    return this.#core.take()
  }

  /** Answers the SyncGroup now or parks it until the leader's assignment is durable. */
  sync(event: SyncEvent): Effects {
    const code = this.#checkSync(event)
    if (code === ErrorCode.NONE) this.#acceptSync(event)
    else this.#core.synced(event.ticket, syncFailed(code))
    return this.#core.take()
  }

  /** The code for a Heartbeat; renews the session if there is one [G10]. */
  heartbeat(who: MemberIdentity, generation: number, at: Instant): number {
    const core = this.#core
    if (core.state === 'Dead') return ErrorCode.COORDINATOR_NOT_AVAILABLE
    const code = core.roster.check(who)
    if (code !== ErrorCode.NONE) return code
    if (generation !== core.generation) return ErrorCode.ILLEGAL_GENERATION
    this.#renew(who.memberId, at)
    if (core.state === 'PreparingRebalance') return ErrorCode.REBALANCE_IN_PROGRESS
    return ErrorCode.NONE
  }

  /** Removes members by id, or static ones by instance id alone; one code for each [G13]. */
  leave(
    leaving: readonly MemberIdentity[],
    at: Instant,
  ): { readonly codes: readonly number[]; readonly effects: Effects } {
    const codes = leaving.map((who) => this.#leaveOne(who, at))
    if (codes.includes(ErrorCode.NONE)) {
      if (this.state === 'Stable' || this.state === 'CompletingRebalance') this.#core.prepare(at)
      else this.#core.completeIfAllJoined(at)
    }
    return { codes, effects: this.#core.take() }
  }

  /** The code for an offset commit by `who`; renews the session [G15, O2, O3]. */
  checkCommit(
    who: MemberIdentity,
    generation: number,
    at: Instant,
    isTransactional: boolean,
  ): number {
    const core = this.#core
    if (core.state === 'Dead') return ErrorCode.COORDINATOR_NOT_AVAILABLE
    if (generation < 0 && core.state === 'Empty') return ErrorCode.NONE
    if (generation >= 0 || who.memberId !== '' || who.instanceId !== null) {
      const code = core.roster.check(who)
      if (code !== ErrorCode.NONE) return code
      if (generation !== core.generation) return ErrorCode.ILLEGAL_GENERATION
    } else if (!isTransactional) return ErrorCode.UNKNOWN_MEMBER_ID
    if (isTransactional) return ErrorCode.NONE
    if (core.state === 'CompletingRebalance') return ErrorCode.REBALANCE_IN_PROGRESS
    this.#renew(who.memberId, at)
    return ErrorCode.NONE
  }

  /** Does what is due at `at`. Calling it early is harmless. */
  expire(at: Instant): Effects {
    this.#core.expire(at)
    return this.#core.take()
  }

  /** The coordinator itself slept for `byMs`: nobody is to blame for what passed meanwhile. */
  forgive(byMs: number, at: Instant): void {
    this.#core.forgive(byMs, at)
  }

  /** The store effect with this token is durable. */
  stored(token: number, at: Instant): Effects {
    const replacement = this.#replacements.get(token)
    if (replacement === undefined) this.#core.assigned(token, at)
    else {
      this.#replacements.delete(token)
      this.#finishReplacement(replacement, at)
    }
    return this.#core.take()
  }

  /** The store effect with this token can never be durable: it is too large, say. */
  storeRefused(token: number, code: number, at: Instant): Effects {
    const replacement = this.#replacements.get(token)
    this.#replacements.delete(token)
    if (replacement === undefined) this.#core.refused(token, code, at)
    else if (this.state === 'Stable') this.#core.prepare(at)
    return this.#core.take()
  }

  /** Ends the group; all requests that wait are answered with `code`. */
  end(code: number, at: Instant): Effects {
    this.#core.end(code, at)
    this.#replacements.clear()
    return this.#core.take()
  }

  /** The group as it would be stored now. */
  toStored(): StoredGroup {
    return storedForm(this.#core, null)
  }

  describe(): GroupDescription {
    return describeGroup(this.#core)
  }

  #hasRoom(event: JoinEvent): boolean {
    const { state, roster } = this.#core
    if (state === 'Empty' || state === 'Dead') return true
    // A restarting static member replaces itself, so that it needs no room.
    const owner = event.instanceId === null ? undefined : roster.ownerOf(event.instanceId)
    const known = roster.get(event.memberId === '' ? (owner ?? '') : event.memberId)
    if (state !== 'PreparingRebalance') {
      return known !== undefined || roster.size < this.#limits.membersMax
    }
    // Who waits already is in; the last to rejoin a group that was shrunk are sent away.
    if (known !== undefined && known.joinTicket !== null) return true
    return roster.awaiting < this.#limits.membersMax
  }

  #turnAway(event: JoinEvent): void {
    const member = this.#core.roster.get(event.memberId)
    const code = ErrorCode.GROUP_MAX_SIZE_REACHED
    if (member === undefined) this.#core.roster.remove(event.memberId)
    else this.#core.expel(member, code, event.at)
    this.#core.joined(event.ticket, joinFailed(code, ''))
    this.#core.completeIfAllJoined(event.at)
  }

  #joinNew(event: JoinEvent): void {
    const core = this.#core
    const code = this.#checkProtocols(event)
    if (code !== ErrorCode.NONE) return core.joined(event.ticket, joinFailed(code, ''))
    const owner = event.instanceId === null ? undefined : core.roster.ownerOf(event.instanceId)
    if (owner !== undefined) return this.#replace(owner, event)
    if (event.instanceId !== null || !event.memberIdRequired) {
      return this.#admit(event.freshMemberId, event)
    }
    if (core.roster.pending.size >= this.#limits.pendingJoinsMax) {
      const full = joinFailed(ErrorCode.COORDINATOR_NOT_AVAILABLE, '')
      return core.joined(event.ticket, full)
    }
    core.expect(event.freshMemberId, event.at.monotonicMs + event.sessionTimeoutMs)
    core.joined(event.ticket, joinFailed(ErrorCode.MEMBER_ID_REQUIRED, event.freshMemberId))
  }

  #joinKnown(event: JoinEvent): void {
    const core = this.#core
    const code = this.#checkProtocols(event)
    if (code !== ErrorCode.NONE) return core.joined(event.ticket, joinFailed(code, event.memberId))
    if (core.roster.pending.has(event.memberId) && event.instanceId === null) {
      return this.#admit(event.memberId, event)
    }
    const who = core.roster.check(event)
    if (who !== ErrorCode.NONE) return core.joined(event.ticket, joinFailed(who, event.memberId))
    const member = must(core.roster.get(event.memberId), 'ClassicGroup checked a member away')
    const isSame = sameProtocols(member.protocols, event.protocols)
    const isLeader = core.roster.leader === member.id
    // The answer was lost, or a follower asks for nothing new: the generation stands [G7, G8].
    const stands =
      isSame && (core.state === 'CompletingRebalance' || (core.state === 'Stable' && !isLeader))
    if (stands && member.joinTicket === null) {
      core.touch(member, event.at)
      return core.joined(event.ticket, joinReplyOf(core, member))
    }
    core.roster.update(member, event)
    this.#park(member, event.ticket)
    core.prepareOrComplete(event.at)
  }

  #admit(memberId: string, event: JoinEvent): void {
    const member: Member = {
      id: memberId,
      instanceId: event.instanceId,
      clientId: event.clientId,
      clientHost: event.clientHost,
      sessionTimeoutMs: event.sessionTimeoutMs,
      rebalanceTimeoutMs: event.rebalanceTimeoutMs,
      protocols: event.protocols,
      assignment: noBytes,
      joinTicket: event.ticket,
      syncTicket: null,
      isNew: true,
      owesSync: false,
      deadlineMs: 0,
    }
    this.#core.admit(member, event.protocolType, event.at)
  }

  /** A static member came back without its id: the old id is fenced from here on [G12]. */
  #replace(oldId: string, event: JoinEvent): void {
    const core = this.#core
    const old = must(core.roster.get(oldId), 'ClassicGroup maps an instance to nobody')
    const leaderBefore = core.roster.leader ?? ''
    core.replyJoin(old, joinFailed(ErrorCode.FENCED_INSTANCE_ID, oldId), event.at)
    core.replySync(old, syncFailed(ErrorCode.FENCED_INSTANCE_ID), event.at)
    const member = core.roster.replace(oldId, event.freshMemberId)
    core.roster.update(member, event)
    core.touch(member, event.at)
    this.#park(member, event.ticket)
    if (core.state === 'Stable' && core.roster.selectProtocol() === core.protocol) {
      const { canSkipAssignment, ticket } = event
      const replacement = { memberId: member.id, ticket, canSkipAssignment, leaderBefore }
      this.#replacements.set(core.store(null), replacement)
      return
    }
    // While the leader assigns, it may know the old id only: everybody joins again.
    assert(core.state !== 'Empty', 'ClassicGroup has a static member in an empty group')
    core.prepareOrComplete(event.at)
  }

  #finishReplacement(replacement: Replacement, at: Instant): void {
    const core = this.#core
    const member = core.roster.get(replacement.memberId)
    // Gone, answered, or part of a rebalance that began meanwhile and will answer it.
    if (member === undefined || member.joinTicket !== replacement.ticket) return
    if (core.state !== 'Stable') return
    const reply = joinReplyOf(core, member)
    const isLeader = core.roster.leader === member.id
    if (replacement.canSkipAssignment) {
      core.replyJoin(member, { ...reply, skipAssignment: isLeader }, at)
      return
    }
    core.replyJoin(member, { ...reply, leader: replacement.leaderBefore, members: [] }, at)
  }

  #park(member: Member, ticket: number): void {
    const displaced = this.#core.roster.park(member, ticket)
    // An older request of the same member, sent over a connection that broke: it lost its place.
    const code = ErrorCode.REBALANCE_IN_PROGRESS
    if (displaced !== null) this.#core.joined(displaced, joinFailed(code, member.id))
  }

  #checkProtocols(event: JoinEvent): number {
    const core = this.#core
    if (core.state === 'Dead') return ErrorCode.COORDINATOR_NOT_AVAILABLE
    const fits =
      core.state === 'Empty'
        ? event.protocolType !== '' && event.protocols.length > 0
        : event.protocolType === core.protocolType && core.roster.supports(event.protocols)
    return fits ? ErrorCode.NONE : ErrorCode.INCONSISTENT_GROUP_PROTOCOL
  }

  #checkSync(event: SyncEvent): number {
    const core = this.#core
    if (core.state === 'Dead') return ErrorCode.COORDINATOR_NOT_AVAILABLE
    const code = core.roster.check(event)
    if (code !== ErrorCode.NONE) return code
    if (event.generation !== core.generation) return ErrorCode.ILLEGAL_GENERATION
    const isOtherType = event.protocolType !== null && event.protocolType !== core.protocolType
    const isOther = event.protocol !== null && event.protocol !== core.protocol
    if (isOtherType || isOther) return ErrorCode.INCONSISTENT_GROUP_PROTOCOL
    if (core.state === 'PreparingRebalance') return ErrorCode.REBALANCE_IN_PROGRESS
    return ErrorCode.NONE
  }

  #acceptSync(event: SyncEvent): void {
    const core = this.#core
    const member = must(core.roster.get(event.memberId), 'ClassicGroup checked a member away')
    core.hasSynced(member)
    if (core.state === 'Stable') {
      core.touch(member, event.at)
      return core.synced(event.ticket, syncReplyOf(core, member))
    }
    assert(core.state === 'CompletingRebalance', 'ClassicGroup takes a sync outside its states')
    if (member.syncTicket !== null) {
      core.synced(member.syncTicket, syncFailed(ErrorCode.REBALANCE_IN_PROGRESS))
    }
    member.syncTicket = event.ticket
    // A leader that asks twice waits for its first assignment: a second one could differ.
    if (core.roster.leader !== member.id || core.isAssigning) return
    core.assign(event.assignments)
  }

  #leaveOne(who: MemberIdentity, at: Instant): number {
    const core = this.#core
    if (core.state === 'Dead') return ErrorCode.COORDINATOR_NOT_AVAILABLE
    if (who.memberId === '') {
      const owner = who.instanceId === null ? undefined : core.roster.ownerOf(who.instanceId)
      const member = owner === undefined ? undefined : core.roster.get(owner)
      if (member === undefined) return ErrorCode.UNKNOWN_MEMBER_ID
      core.expel(member, ErrorCode.UNKNOWN_MEMBER_ID, at)
      return ErrorCode.NONE
    }
    if (core.roster.pending.has(who.memberId)) {
      core.roster.remove(who.memberId)
      return ErrorCode.NONE
    }
    const code = core.roster.check(who)
    const member = core.roster.get(who.memberId)
    if (code === ErrorCode.NONE && member !== undefined) {
      core.expel(member, ErrorCode.UNKNOWN_MEMBER_ID, at)
    }
    return code
  }

  #renew(memberId: string, at: Instant): void {
    const member = this.#core.roster.get(memberId)
    if (member !== undefined) this.#core.touch(member, at)
  }
}
