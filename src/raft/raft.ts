// One node of the metadata quorum, as a pure machine behind one door: `step` a message in, `tick`
// time, `propose` bytes; take out a Ready, make it durable, send and apply what it holds, then say
// `advance`. Modelled after etcd-io/raft. Nothing here waits, and nothing here knows what a broker
// is. Snapshots travel in one message and entries since the last one are kept in memory: this is
// made for metadata of megabytes, not for data.
import { assert } from '../base/assert.ts'
import { FormatError } from '../base/errors.ts'
import type { Term } from '../base/units.ts'
import { term as asTerm } from '../base/units.ts'
import { campaign, onVote, onVoteReply, ownVoteDurable, tickElection } from './election.ts'
import { onAppend, onHeartbeat, onSnapshot } from './follower.ts'
import {
  advanceCommit,
  appendMembership,
  appendOwn,
  askRead,
  beginReadRound,
  broadcastAppend,
  mayChange,
  onAppendReply,
  onHeartbeatReply,
  onRead,
  tickLeader,
  transferTo,
} from './leader.ts'
import { RaftLog } from './log.ts'
import type { Membership, NodeId } from './membership.ts'
import { MembershipHistory, decodeMembership } from './membership.ts'
import type { Entry, HardState, Message, Snapshot } from './messages.ts'
import { NOBODY } from './messages.ts'
import { Tally } from './quorum.ts'
import type { Ready } from './ready.ts'
import { takeReady } from './ready.ts'
import type { RaftOptions, Role, State } from './state.ts'
import { becomeFollower, hasLease, mayCampaign, members, send } from './state.ts'

/**
 * What a node finds on its disk. A first start brings a snapshot at index 0 with the first
 * members.
 */
export interface RaftStart {
  readonly hardState: HardState
  /** Already in the state machine. */
  readonly snapshot: Snapshot
  /** Without gaps, from at most `snapshot.index + 1` on. */
  readonly entries: readonly Entry[]
}

/** Where a proposal was put; it is committed when an entry of that index and term is applied. */
export interface Proposed {
  readonly index: number
  readonly term: Term
}

/** The outcome of a proposal: accepted, not the leader (or handing over), or too much in flight. */
export type ProposeOutcome = Proposed | 'not-leader' | 'busy'

/** The node. Between `ready` and `advance` it may be stepped, ticked and proposed to. */
export class Raft {
  readonly #s: State
  #taken: Ready | null = null

  /** Throws FormatError when a membership entry on disk cannot be read. */
  constructor(options: RaftOptions, start: RaftStart) {
    assert(options.id > 0, 'A node has no id')
    assert(options.electionTicks > options.heartbeatTicks, 'Elections outpace heartbeats')
    this.#s = initialState(options, start)
  }

  get id(): NodeId {
    return this.#s.options.id
  }

  get term(): Term {
    return this.#s.term
  }

  get vote(): NodeId {
    return this.#s.vote
  }

  get role(): Role {
    return this.#s.role
  }

  /** The leader of this term as far as known; 0 if not. */
  get leader(): NodeId {
    return this.#s.leader
  }

  get committed(): number {
    return this.#s.log.committed
  }

  /** Last index handed out to be applied. */
  get applied(): number {
    return this.#s.log.applied
  }

  get lastIndex(): number {
    return this.#s.log.lastIndex
  }

  /** Index before the first entry still held. */
  get baseIndex(): number {
    return this.#s.log.baseIndex
  }

  /**
   * Term of the entry at `index`; null where the log holds none (before its base, after its end).
   */
  termAt(index: number): Term | null {
    return this.#s.log.termAt(index)
  }

  get members(): Membership {
    return members(this.#s)
  }

  /** The newest snapshot known. */
  get snapshot(): Snapshot {
    return this.#s.snapshot
  }

  /** A leader that has committed in its term, hence knows all that ever was. */
  get isSettledLeader(): boolean {
    const s = this.#s
    return s.role === 'leader' && s.log.termAt(s.log.committed) === s.term
  }

  /** How each other member is being fed; empty unless leading. For status pages and tests. */
  progress(): readonly {
    readonly id: NodeId
    readonly state: string
    readonly match: number
    readonly next: number
    readonly active: boolean
  }[] {
    return [...this.#s.progress].map(([id, p]) => ({
      id,
      state: p.state,
      match: p.match,
      next: p.next,
      active: p.active,
    }))
  }

  /** One tick of time. */
  tick(): void {
    if (this.#s.role === 'leader') tickLeader(this.#s)
    else tickElection(this.#s)
  }

  /** Campaigns now, by pre-vote, if this node may. For operators and tests. */
  campaign(): void {
    if (this.#s.role !== 'leader' && mayCampaign(this.#s)) campaign(this.#s, 'pre')
  }

  /** Appends `data` to the log if this node leads. The log owns the bytes from then on. */
  propose(data: Uint8Array): ProposeOutcome {
    const s = this.#s
    if (s.role !== 'leader' || s.transferee !== NOBODY) return 'not-leader'
    if (s.uncommittedBytes > s.options.uncommittedBytesMax) return 'busy'
    const index = appendOwn(s, 'data', data)
    broadcastAppend(s)
    return { index, term: s.term }
  }

  /**
   * Changes who takes part. `busy` while another change is open or nothing of this term is
   * committed, `refused` for more than one voter at a time.
   */
  proposeMembership(next: Membership): ProposeOutcome | 'refused' {
    const s = this.#s
    if (s.role !== 'leader' || s.transferee !== NOBODY) return 'not-leader'
    if (!mayChange(s, next)) {
      const open = s.history.latestIndex > s.log.committed || !this.isSettledLeader
      return open ? 'busy' : 'refused'
    }
    const index = appendMembership(s, next)
    broadcastAppend(s)
    return { index, term: s.term }
  }

  /** Asks for a read index under the caller's `id`. False: no leader known, or too many waiting. */
  read(id: number): boolean {
    const s = this.#s
    if (s.role === 'leader') return askRead(s, { id, from: s.options.id })
    if (s.leader === NOBODY) return false
    send(s, { type: 'read', to: s.leader, id })
    return true
  }

  /** Begins to hand leadership to the voter `to`. False if this node cannot. */
  transferLeadership(to: NodeId): boolean {
    return this.#s.role === 'leader' && transferTo(this.#s, to)
  }

  /** Takes one message in. Messages for others, of old terms or from strangers change nothing. */
  step(message: Message): void {
    const s = this.#s
    if (message.to !== s.options.id || message.from === s.options.id) return
    if (!admit(s, message)) return
    switch (message.type) {
      case 'vote':
        return onVote(s, message)
      case 'vote-reply':
        return onVoteReply(s, message)
      case 'append':
        return onAppend(s, message)
      case 'heartbeat':
        return onHeartbeat(s, message)
      case 'snapshot':
        return onSnapshot(s, message)
      case 'append-reply':
        return s.role === 'leader' ? onAppendReply(s, message) : undefined
      case 'heartbeat-reply':
        return s.role === 'leader' ? onHeartbeatReply(s, message) : undefined
      case 'timeout-now':
        return s.role !== 'leader' && mayCampaign(s) ? campaign(s, 'transfer') : undefined
      case 'read':
        return s.role === 'leader' ? onRead(s, message) : undefined
      case 'read-reply':
        s.reads.push({ id: message.id, index: message.index })
        return undefined
    }
  }

  /** What to persist, send and apply next; null when there is nothing. One at a time. */
  ready(): Ready | null {
    assert(this.#taken === null, 'A Ready was taken before the last one was advanced')
    beginReadRound(this.#s)
    this.#taken = takeReady(this.#s)
    return this.#taken
  }

  /** The last Ready is durable, its messages are on their way, its entries are applied. */
  advance(): void {
    const taken = this.#taken
    assert(taken !== null, 'Nothing was taken that could be advanced')
    this.#taken = null
    const s = this.#s
    s.log.persisted()
    const durable = s.handed.term === s.term && s.handed.vote === s.vote
    if (s.role === 'candidate' && durable) ownVoteDurable(s)
    if (s.role === 'leader') advanceCommit(s)
  }

  /**
   * The snapshot that `data`, the state machine's image after the entry `index`, makes. `termAt`
   * of it must not be null: a leader's newer snapshot may have come in, and awaits its Ready.
   */
  snapshotAt(index: number, data: Uint8Array): Snapshot {
    const s = this.#s
    const at = s.log.termAt(index)
    assert(at !== null, 'A snapshot is taken outside the log')
    assert(index <= s.log.applied, 'A snapshot is taken of what was not applied')
    return { index, term: at, membership: s.history.at(index), data }
  }

  /** `snapshot` is durable: forget entries before it, but for the last `keep` ones. */
  compact(snapshot: Snapshot, keep: number): void {
    const s = this.#s
    if (snapshot.index <= s.snapshot.index) return
    assert(s.log.termAt(snapshot.index) === snapshot.term, 'A snapshot is of another log')
    s.snapshot = snapshot
    s.history.compact(snapshot.index)
    s.log.compact(Math.min(Math.max(s.log.baseIndex, snapshot.index - keep), s.log.stable))
  }
}

function initialState(options: RaftOptions, start: RaftStart): State {
  const { snapshot, entries, hardState } = start
  const first = entries[0]
  const history = new MembershipHistory(snapshot.index, snapshot.membership)
  for (const entry of entries) {
    if (entry.kind !== 'membership' || entry.index <= snapshot.index) continue
    history.push(entry.index, decodeMembership(entry.data))
  }
  // Entries at or below the snapshot are dropped, but for knowing the term of the base.
  const kept = entries.filter((entry) => entry.index > snapshot.index)
  if (first !== undefined && first.index > snapshot.index + 1) {
    throw new FormatError('The log begins after the snapshot ends')
  }
  const last = kept.at(-1)
  const log = new RaftLog({
    baseIndex: snapshot.index,
    baseTerm: snapshot.term,
    entries: kept,
    committed: Math.max(snapshot.index, Math.min(hardState.commit, last?.index ?? 0)),
    applied: snapshot.index,
  })
  const s: State = {
    options,
    bugs: options.bugs ?? new Set(),
    log,
    history,
    snapshot,
    term: asTerm(Math.max(hardState.term, log.lastTerm)),
    vote: hardState.term >= log.lastTerm ? hardState.vote : NOBODY,
    role: 'follower',
    leader: NOBODY,
    electionElapsed: 0,
    heartbeatElapsed: 0,
    patience: 0,
    random: options.seed >>> 0,
    tally: new Tally(),
    progress: new Map(),
    transferee: NOBODY,
    transferAge: 0,
    uncommittedBytes: 0,
    readAsks: [],
    readRounds: [],
    round: 0,
    outbox: [],
    reads: [],
    install: null,
    handed: hardState,
  }
  becomeFollower(s, s.term, NOBODY)
  return s
}

/** Terms (5.1): a newer one makes a follower, an older one is answered or ignored. */
function admit(s: State, message: Message): boolean {
  const leads =
    message.type === 'append' || message.type === 'heartbeat' || message.type === 'snapshot'
  if (message.term > s.term) {
    if (message.type === 'vote') {
      if (hasLease(s) && !message.transfer) return false
      if (message.pre) return true
    }
    if (message.type === 'vote-reply' && message.pre && message.granted) return true
    becomeFollower(s, message.term, leads ? message.from : NOBODY)
    return true
  }
  if (message.term === s.term) return true
  if (leads) {
    // A deposed leader that does not know: the reply's term tells it.
    const none = { rejected: true, index: 0, hintIndex: 0, hintTerm: s.term }
    send(s, { type: 'append-reply', to: message.from, ...none })
  } else if (message.type === 'vote' && message.pre) {
    send(s, { type: 'vote-reply', to: message.from, pre: true, granted: false })
  }
  return false
}
