// The state of one node and the steps between roles. Every other file of this folder is a set of
// functions over this state: election, leader, follower; raft.ts puts them behind one door. All
// of it is synchronous and reads neither clock nor randomness: ticks come in, and the jitter of
// election timeouts is drawn from the seed it was given.
//
// Legal transitions:
//   follower      ──timeout──▶ pre-candidate      candidate ──majority──▶ leader
//   follower      ──timeout-now──▶ candidate      leader    ──no quorum, or removed──▶ follower
//   pre-candidate ──majority──▶ candidate         any       ──higher term──▶ follower
//   pre-candidate | candidate ──leader of this term, or lost──▶ follower
//   pre-candidate | candidate ──timeout──▶ pre-candidate
import { assert } from '../base/assert.ts'
import type { Term } from '../base/units.ts'
import { term as asTerm } from '../base/units.ts'
import type { RaftLog } from './log.ts'
import type { Membership, MembershipHistory, NodeId } from './membership.ts'
import { isMember, isVoter } from './membership.ts'
import type { HardState, Message, Snapshot } from './messages.ts'
import { NOBODY } from './messages.ts'
import { Progress } from './progress.ts'
import { Tally } from './quorum.ts'

/** What a node is at the moment. */
export type Role = 'follower' | 'pre-candidate' | 'candidate' | 'leader'

/**
 * Bugs that tests plant to see that the simulator finds them; empty in production. Each names the
 * rule it breaks.
 */
export type PlantedBug =
  | 'count-duplicate-votes'
  | 'count-lost-disk'
  | 'commit-old-term'
  | 'commit-unmatched'
  | 'small-majority'
  | 'vote-for-stale-log'
  | 'forget-vote'
  | 'ack-before-durable'
  | 'keep-conflicts'
  | 'lead-while-cut-off'
  | 'apply-twice'
  | 'two-changes-at-once'
  | 'read-without-round'

/** Settings of one node. Ticks are counted by the caller. */
export interface RaftOptions {
  readonly id: NodeId
  /** Identity of this node's disk, 32 bits; a replaced disk must have another one. */
  readonly disk: number
  /** Seeds the jitter of election timeouts; 32 bits, different on every node and start. */
  readonly seed: number
  /** A follower campaigns after [electionTicks, 2 × electionTicks) ticks of silence. */
  readonly electionTicks: number
  readonly heartbeatTicks: number
  /** Ticks after which a snapshot that was not acknowledged is sent again. */
  readonly snapshotTicks: number
  /** Bytes of entries in one append; a larger single entry still goes alone. */
  readonly appendBytesMax: number
  /** Appends in flight to one follower. */
  readonly inflightMax: number
  /** Bytes of proposals that are not yet committed; more are answered `busy`. */
  readonly uncommittedBytesMax: number
  /** Reads waiting for confirmation; more are refused. */
  readonly readsMax: number
  readonly bugs?: ReadonlySet<PlantedBug>
}

/** A read waiting to be confirmed, or just confirmed. */
export interface ReadAsk {
  readonly id: number
  readonly from: NodeId
}

/** A confirmed read: serve it once `index` is applied; -1 when leadership was lost: ask again. */
export interface ReadState {
  readonly id: number
  readonly index: number
}

/** Reads that share one round of heartbeats. */
export interface ReadRound {
  readonly round: number
  readonly index: number
  readonly asks: readonly ReadAsk[]
}

/** Everything a node knows. Changed only by the functions of this folder. */
export interface State {
  readonly options: RaftOptions
  readonly bugs: ReadonlySet<PlantedBug>
  readonly log: RaftLog
  history: MembershipHistory
  snapshot: Snapshot

  term: Term
  vote: NodeId
  role: Role
  leader: NodeId
  /** Ticks since the leader was heard, or since the leader last checked its quorum. */
  electionElapsed: number
  heartbeatElapsed: number
  /** Ticks of silence after which this node campaigns; drawn anew with every change of role. */
  patience: number
  random: number

  tally: Tally
  readonly progress: Map<NodeId, Progress>
  transferee: NodeId
  transferAge: number
  uncommittedBytes: number
  /** Reads not yet in a round, reads in one, and the last round begun. */
  readAsks: ReadAsk[]
  readRounds: ReadRound[]
  round: number

  /** What waits to be handed out. */
  outbox: Message[]
  reads: ReadState[]
  install: Snapshot | null
  handed: HardState
}

/** A message without the fields that `send` fills in. */
type Draft<M> = M extends Message ? Omit<M, 'from' | 'disk' | 'term'> & { term?: Term } : never

/** Queues a message for the next Ready, with this node's name, disk and (unless given) term. */
export function send(s: State, draft: Draft<Message>): void {
  assert(draft.to !== s.options.id, 'A node sends to itself')
  assert(draft.to !== NOBODY, 'A node sends to nobody')
  const { id, disk } = s.options
  s.outbox.push({ ...draft, from: id, disk, term: draft.term ?? s.term })
}

/** The membership in force. */
export const members = (s: State): Membership => s.history.latest

/** Everyone else, voters and learners. */
export const others = (s: State): readonly NodeId[] => {
  const { voters, learners } = members(s)
  return [...voters.map((voter) => voter.id), ...learners].filter((id) => id !== s.options.id)
}

/** This node's vote counts: it is a voter and has the disk that the membership names. */
export const isEligible = (s: State): boolean => isVoter(members(s), s.options.id, s.options.disk)

/**
 * May campaign: it votes, or it did until an entry that is not yet committed. A leader that was
 * removing itself may be the only one with a log that can win (dissertation 4.2.2); its own ballot
 * then does not count.
 */
export const mayCampaign = (s: State): boolean =>
  isEligible(s) || isVoter(s.history.at(s.log.committed), s.options.id, s.options.disk)

/** A leader was heard within the shortest election timeout: its lease stands. */
export const hasLease = (s: State): boolean =>
  s.leader !== NOBODY && s.electionElapsed < s.options.electionTicks

/** A new draw of how long to wait before campaigning (mulberry32 over the seed). */
function drawPatience(s: State): void {
  s.random = (s.random + 0x6d2b79f5) >>> 0
  let mixed = s.random
  mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
  const unit = ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  s.patience = s.options.electionTicks + Math.floor(unit * s.options.electionTicks)
  assert(s.patience >= s.options.electionTicks, 'An election timeout is too short')
}

/** What every change of role has in common. */
function leave(s: State, role: Role): void {
  for (const ask of s.readAsks) dropRead(s, ask)
  for (const round of s.readRounds) for (const ask of round.asks) dropRead(s, ask)
  s.readAsks = []
  s.readRounds = []
  s.progress.clear()
  s.transferee = NOBODY
  s.transferAge = 0
  s.uncommittedBytes = 0
  s.electionElapsed = 0
  s.heartbeatElapsed = 0
  s.tally = new Tally(s.bugs.has('count-duplicate-votes'))
  s.role = role
  drawPatience(s)
}

function dropRead(s: State, ask: ReadAsk): void {
  if (ask.from === s.options.id) s.reads.push({ id: ask.id, index: -1 })
}

/** Raises the term and forgets the vote of the old one. */
function raiseTerm(s: State, to: Term): void {
  assert(to >= s.term, 'A term goes back')
  if (to === s.term) return
  s.term = to
  s.vote = NOBODY
}

/** Follows `leader` (or waits for one) in `term`. */
export function becomeFollower(s: State, to: Term, leader: NodeId): void {
  assert(leader !== s.options.id, 'A node follows itself')
  raiseTerm(s, to)
  leave(s, 'follower')
  s.leader = leader
}

/** Asks around whether an election could be won, without disturbing anyone's term. */
export function becomePreCandidate(s: State): void {
  assert(s.role !== 'leader', 'A leader campaigns')
  leave(s, 'pre-candidate')
  s.leader = NOBODY
}

/** Opens a new term and votes for itself; the vote counts once it is durable. */
export function becomeCandidate(s: State): void {
  assert(s.role !== 'leader', 'A leader campaigns')
  assert(mayCampaign(s), 'A node without a vote campaigns')
  raiseTerm(s, asTerm(s.term + 1))
  leave(s, 'candidate')
  s.vote = s.options.id
  s.leader = NOBODY
}

/** Leads the term in which it just won. The caller appends the term's first entry. */
export function becomeLeader(s: State): void {
  assert(s.role === 'candidate', 'A node leads without an election')
  assert(s.vote === s.options.id, 'A leader did not vote for itself')
  leave(s, 'leader')
  s.leader = s.options.id
  s.round = 0
  syncProgress(s)
}

/** Keeps one Progress for everyone else in the membership in force. Leaders only. */
export function syncProgress(s: State): void {
  assert(s.role === 'leader', 'Only a leader tracks progress')
  for (const id of s.progress.keys()) {
    if (!isMember(members(s), id)) s.progress.delete(id)
  }
  for (const id of others(s)) {
    if (s.progress.has(id)) continue
    const fresh = new Progress(s.log.lastIndex + 1, s.options.inflightMax)
    // Give a new member one whole check of the quorum to show itself.
    fresh.active = true
    s.progress.set(id, fresh)
  }
  assert(s.progress.size === others(s).length, 'Progress and membership disagree')
}
