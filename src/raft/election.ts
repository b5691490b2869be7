// Elections: who may ask, who may grant, and when one is won. A node first asks whether it would
// win (pre-vote), so that one which was cut off does not depose a working leader by its mere
// return; and nobody listens to candidates while a leader holds its lease.
import { assert } from '../base/assert.ts'
import type { VoteReply, VoteRequest } from './messages.ts'
import { NOBODY } from './messages.ts'
import type { Term } from '../base/units.ts'
import { term as asTerm } from '../base/units.ts'
import type { NodeId } from './membership.ts'
import { voterOf } from './membership.ts'
import { isAlone } from './quorum.ts'
import { lead } from './leader.ts'
import type { State } from './state.ts'
import {
  becomeCandidate,
  becomeFollower,
  becomePreCandidate,
  mayCampaign,
  members,
  others,
  send,
} from './state.ts'

/**
 * One tick of anyone but a leader: a voter campaigns when its patience is over, one alone at once.
 */
export function tickElection(s: State): void {
  assert(s.role !== 'leader', 'A leader waits for an election')
  s.electionElapsed += 1
  if (!mayCampaign(s) || s.install !== null) return
  const alone = isAlone(members(s), s.options.id, s.options.disk)
  // A candidate that is alone waits for its own vote to become durable, nothing else.
  if (alone && s.role === 'candidate') return
  if (alone || s.electionElapsed >= s.patience) campaign(s, 'pre')
}

/** Asks for votes: `pre` first asks whether, `transfer` asks over a living leader's lease. */
export function campaign(s: State, how: 'pre' | 'real' | 'transfer'): void {
  assert(mayCampaign(s), 'A node without a vote campaigns')
  const pre = how === 'pre'
  if (pre) becomePreCandidate(s)
  else becomeCandidate(s)
  const term: Term = pre ? asTerm(s.term + 1) : s.term
  for (const to of others(s)) {
    if (voterOf(members(s), to) === null) continue
    send(s, {
      type: 'vote',
      to,
      term,
      pre,
      transfer: how === 'transfer',
      lastIndex: s.log.lastIndex,
      lastTerm: s.log.lastTerm,
    })
  }
  // Its own pre-vote binds it to nothing; its own vote counts when `ownVoteDurable` says so.
  if (pre) count(s, { from: s.options.id, disk: s.options.disk, granted: true })
}

/** The candidate's own vote of the current term is on disk. */
export function ownVoteDurable(s: State): void {
  assert(s.role === 'candidate', 'A vote for itself is counted by no candidate')
  assert(s.vote === s.options.id, 'A candidate voted for another')
  count(s, { from: s.options.id, disk: s.options.disk, granted: true })
}

function count(
  s: State,
  ballot: { readonly from: NodeId; readonly disk: number; readonly granted: boolean },
): void {
  const voter = voterOf(members(s), ballot.from)
  const trusted = s.bugs.has('count-lost-disk') && voter !== null ? voter.disk : ballot.disk
  s.tally.record(ballot.from, { disk: trusted, granted: ballot.granted })
  const outcome = s.tally.outcome(members(s), s.bugs.has('small-majority'))
  if (outcome === 'pending') return
  if (outcome === 'lost') becomeFollower(s, s.term, NOBODY)
  else if (s.role === 'pre-candidate') campaign(s, 'real')
  else lead(s)
}

/**
 * Grants or refuses a vote (5.2, 5.4.1). A granted vote is durable before the reply leaves. A node
 * answers whether or not it takes itself for a voter: its membership may be the older one. A disk
 * that replaced a voter's answers too, and is not counted, because the reply names the disk.
 */
export function onVote(s: State, message: VoteRequest): void {
  assert(message.term >= s.term, 'A vote of an old term came through')
  const free = s.vote === message.from || (s.vote === NOBODY && s.leader === NOBODY)
  const may = free || (message.pre && message.term > s.term)
  const current =
    s.log.isUpToDate({ index: message.lastIndex, term: message.lastTerm }) ||
    s.bugs.has('vote-for-stale-log')
  const granted = may && current
  if (granted && !message.pre) {
    assert(message.term === s.term, 'A vote is given to another term')
    s.vote = message.from
    s.electionElapsed = 0
  }
  const term = granted ? message.term : s.term
  send(s, { type: 'vote-reply', to: message.from, term, pre: message.pre, granted })
}

/** Counts a reply to the campaign that is running; replies to earlier ones are void. */
export function onVoteReply(s: State, message: VoteReply): void {
  const asked = message.pre ? 'pre-candidate' : 'candidate'
  if (s.role !== asked) return
  if (message.pre && message.granted && message.term !== s.term + 1) return
  if (!message.pre) assert(message.term === s.term, 'A vote of another term is counted')
  count(s, { from: message.from, disk: message.disk, granted: message.granted })
}
