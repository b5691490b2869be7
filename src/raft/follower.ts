// What a node does with the word of a leader: append, heartbeat, snapshot. A leader's log is the
// truth; where the own one differs, its uncommitted tail is cut and replaced. Answers leave with
// the Ready that also carries the entries they speak of, so they are sent only when those are
// durable.
import { assert } from '../base/assert.ts'
import { decodeMembership, MembershipHistory } from './membership.ts'
import type { AppendRequest, Entry, Heartbeat, SnapshotRequest } from './messages.ts'
import type { State } from './state.ts'
import { becomeFollower, send } from './state.ts'

/** A leader of this term spoke: follow it, and start waiting anew. */
export function heardLeader(s: State, from: number): void {
  assert(s.role !== 'leader', 'Two leaders in one term')
  if (s.role !== 'follower' || s.leader !== from) becomeFollower(s, s.term, from)
  s.electionElapsed = 0
}

/** Appends entries to the log and brings their memberships into force. */
export function appendEntries(s: State, entries: readonly Entry[]): void {
  s.log.append(entries)
  for (const entry of entries) {
    if (entry.kind === 'membership') s.history.push(entry.index, decodeMembership(entry.data))
  }
}

/** Cuts the log from `from` on, and the memberships with it. */
function cutEntries(s: State, from: number): void {
  if (from > s.log.lastIndex) return
  s.log.cut(from)
  s.history.cut(from)
}

/** AppendEntries (5.3), with the conflict hint of etcd: at most one probe per term that differs. */
export function onAppend(s: State, message: AppendRequest): void {
  assert(message.term === s.term, 'An append of another term came through')
  heardLeader(s, message.from)
  const { prevIndex, prevTerm, entries } = message
  if (prevIndex < s.log.committed) {
    // What is committed is the leader's as well: it need not look further back than that.
    accept(s, message.from, s.log.committed)
    return
  }
  if (s.log.termAt(prevIndex) !== prevTerm) {
    const hint = s.log.findConflict(prevIndex, prevTerm)
    send(s, {
      type: 'append-reply',
      to: message.from,
      rejected: true,
      index: prevIndex,
      hintIndex: hint.index,
      hintTerm: hint.term,
    })
    return
  }
  const from = s.log.firstNew(entries)
  if (from > 0) {
    const fresh = entries.filter((entry) => entry.index >= from)
    if (s.bugs.has('keep-conflicts')) {
      appendEntries(
        s,
        fresh.filter((entry) => entry.index > s.log.lastIndex),
      )
    } else {
      cutEntries(s, from)
      appendEntries(s, fresh)
    }
  }
  const matched = prevIndex + entries.length
  // Entries beyond `matched` may be another leader's: what the leader committed there says
  // nothing.
  s.log.commitTo(Math.min(message.commit, matched))
  assert(s.log.lastIndex >= matched, 'An accepted append was not appended')
  accept(s, message.from, matched)
}

function accept(s: State, to: number, index: number): void {
  send(s, { type: 'append-reply', to, rejected: false, index, hintIndex: 0, hintTerm: s.term })
}

/** A heartbeat commits the entry it names, if this log holds that very entry. */
export function onHeartbeat(s: State, message: Heartbeat): void {
  assert(message.term === s.term, 'A heartbeat of another term came through')
  heardLeader(s, message.from)
  const { commit, commitTerm } = message
  if (s.log.termAt(commit) === commitTerm) s.log.commitTo(commit)
  else if (s.bugs.has('commit-unmatched')) s.log.commitTo(Math.min(commit, s.log.lastIndex))
  send(s, { type: 'heartbeat-reply', to: message.from, round: message.round })
}

/** Takes the leader's snapshot in place of the log, unless the log already reaches as far. */
export function onSnapshot(s: State, message: SnapshotRequest): void {
  assert(message.term === s.term, 'A snapshot of another term came through')
  heardLeader(s, message.from)
  const { snapshot } = message
  if (snapshot.index <= s.log.committed) {
    accept(s, message.from, s.log.committed)
    return
  }
  if (s.log.termAt(snapshot.index) === snapshot.term) {
    // The log holds the very entry: committing it is cheaper than starting over.
    s.log.commitTo(snapshot.index)
    accept(s, message.from, s.log.committed)
    return
  }
  s.log.reset(snapshot.index, snapshot.term)
  s.history = new MembershipHistory(snapshot.index, snapshot.membership)
  s.snapshot = snapshot
  s.install = snapshot
  assert(s.log.lastIndex === snapshot.index, 'A snapshot was not installed')
  accept(s, message.from, snapshot.index)
}
