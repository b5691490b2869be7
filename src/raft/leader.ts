// What a leader does: append, replicate, commit, confirm reads, hand leadership over, and stop
// when it no longer reaches a majority. An entry is committed by counting only if it is of the
// leader's own term (5.4.2), and the leader counts its own copy only once that is durable.
import { assert, must } from '../base/assert.ts'
import type { Membership, NodeId } from './membership.ts'
import { encodeMembership, isSingleStep, isVoter, voterOf } from './membership.ts'
import type { AppendReply, EntryKind, HeartbeatReply, Message, ReadRequest } from './messages.ts'
import { NOBODY, entryBytes } from './messages.ts'
import type { Progress } from './progress.ts'
import { isAlone, majority, majorityValue } from './quorum.ts'
import { appendEntries } from './follower.ts'
import type { ReadAsk, State } from './state.ts'
import { becomeFollower, becomeLeader, isEligible, members, send, syncProgress } from './state.ts'

const NO_BYTES = new Uint8Array(0)

/** Opens the term that was won: an empty entry, so that older entries can be committed below it. */
export function lead(s: State): void {
  becomeLeader(s)
  appendOwn(s, 'empty', NO_BYTES)
  broadcastAppend(s)
}

/** Appends one entry of the own term; it is sent with the next `broadcastAppend`. */
export function appendOwn(s: State, kind: EntryKind, data: Uint8Array): number {
  assert(s.role === 'leader', 'Only a leader appends')
  const entry = { index: s.log.lastIndex + 1, term: s.term, kind, data }
  appendEntries(s, [entry])
  s.uncommittedBytes += entryBytes(entry)
  if (kind === 'membership') syncProgress(s)
  if (s.bugs.has('ack-before-durable')) commitCounted(s)
  return entry.index
}

/**
 * Whether `next` may be proposed now: in this term something is committed, and no change is open.
 */
export function mayChange(s: State, next: Membership): boolean {
  if (s.bugs.has('two-changes-at-once')) return next.voters.length > 0
  if (s.log.termAt(s.log.committed) !== s.term) return false
  if (s.history.latestIndex > s.log.committed) return false
  return isSingleStep(members(s), next)
}

/** Appends a membership, in force at once. */
export const appendMembership = (s: State, next: Membership): number =>
  appendOwn(s, 'membership', encodeMembership(next))

/** Sends everyone what it lacks, as far as its window allows. */
export function broadcastAppend(s: State): void {
  for (const id of s.progress.keys()) feed(s, id)
}

function feed(s: State, id: NodeId): void {
  while (sendAppend(s, id, false)) continue
}

/**
 * Sends one append, or a snapshot when the log no longer reaches back. `bare` allows no entries.
 */
function sendAppend(s: State, id: NodeId, bare: boolean): boolean {
  const progress = must(s.progress.get(id), 'A follower has no progress')
  if (progress.paused) return false
  const prevIndex = progress.next - 1
  const prevTerm = s.log.termAt(prevIndex)
  if (prevTerm === null) {
    if (progress.active) sendSnapshot(s, id, progress)
    return false
  }
  const entries = s.log.slice({
    from: progress.next,
    to: s.log.lastIndex + 1,
    bytesMax: s.options.appendBytesMax,
  })
  if (entries.length === 0 && !bare) return false
  send(s, { type: 'append', to: id, prevIndex, prevTerm, commit: s.log.committed, entries })
  progress.sent(prevIndex + entries.length, entries.length)
  progress.commitTold = s.log.committed
  return entries.length > 0
}

function sendSnapshot(s: State, id: NodeId, progress: Progress): void {
  assert(s.snapshot.index >= s.log.baseIndex, 'A snapshot does not reach the log')
  progress.becomeSnapshot(s.snapshot.index)
  progress.snapshotAge = 0
  send(s, { type: 'snapshot', to: id, snapshot: s.snapshot })
}

/** Tells everyone that this leader lives, what it may commit, and the current read round. */
export function broadcastHeartbeat(s: State): void {
  const commit = s.log.committed
  const commitTerm = must(s.log.termAt(commit), 'A committed entry has no term')
  for (const to of s.progress.keys()) {
    send(s, { type: 'heartbeat', to, commit, commitTerm, round: s.round })
  }
}

/** What a voter has reached, or 0 if it is not there with the disk that votes. */
function reached(
  s: State,
  voter: { readonly id: NodeId; readonly disk: number },
  of: (progress: Progress) => number,
  own: number,
): number {
  if (voter.id === s.options.id) return voter.disk === s.options.disk ? own : 0
  const progress = s.progress.get(voter.id)
  if (progress === undefined) return 0
  if (progress.disk !== voter.disk && !s.bugs.has('count-lost-disk')) return 0
  return of(progress)
}

/** Commits what a majority holds, if it is of this term. Returns whether the commit index moved. */
export function commitCounted(s: State): boolean {
  assert(s.role === 'leader', 'Only a leader counts')
  const own = s.bugs.has('ack-before-durable') ? s.log.lastIndex : s.log.stable
  const index = majorityValue(
    members(s),
    (id, disk) => reached(s, { id, disk }, (progress) => progress.match, own),
    s.bugs.has('small-majority'),
  )
  if (index <= s.log.committed) return false
  if (s.log.termAt(index) !== s.term && !s.bugs.has('commit-old-term')) return false
  for (let i = s.log.committed + 1; i <= index; i++) {
    s.uncommittedBytes = Math.max(0, s.uncommittedBytes - entryBytes(s.log.at(i)))
  }
  s.log.commitTo(index)
  return true
}

/** After anything that may have moved the majority: commit, tell, and leave if removed. */
export function advanceCommit(s: State): void {
  if (!commitCounted(s)) return
  for (const id of s.progress.keys()) {
    if (!sendAppend(s, id, true)) continue
    feed(s, id)
  }
  const settled = s.history.latestIndex <= s.log.committed
  if (settled && !isEligible(s)) becomeFollower(s, s.term, NOBODY)
}

/** The follower's progress, after noting which disk speaks. Null for a stranger. */
function hear(s: State, message: Message): Progress | null {
  const progress = s.progress.get(message.from)
  if (progress === undefined) return null
  if (progress.disk === null) progress.disk = message.disk
  else if (progress.disk !== message.disk) progress.forget(message.disk)
  progress.active = true
  return progress
}

/** A follower accepted or refused an append or a snapshot. */
export function onAppendReply(s: State, message: AppendReply): void {
  assert(s.role === 'leader', 'Only a leader is answered')
  const progress = hear(s, message)
  if (progress === null) return
  if (message.rejected) {
    const hint = s.log.findConflict(message.hintIndex, message.hintTerm)
    if (progress.refused(message.index, hint.index)) sendAppend(s, message.from, true)
    return
  }
  assert(message.index <= s.log.lastIndex, 'A follower acknowledged what was never sent')
  const news = progress.acknowledged(message.index)
  const agreed = message.index === progress.match
  if (progress.state === 'probe' && agreed) progress.becomeReplicate()
  if (progress.state === 'snapshot' && s.log.termAt(progress.match) !== null) {
    progress.becomeReplicate()
  }
  if (news) advanceCommit(s)
  // Counting may have deposed this leader: it was the removed one.
  if (s.role !== 'leader') return
  feed(s, message.from)
  // It was still being probed when the commit index moved: tell it now, not at the next heartbeat.
  if (progress.commitTold < s.log.committed) sendAppend(s, message.from, true)
  if (s.transferee === message.from) pushTransfer(s)
}

/** A follower confirmed a heartbeat: the line is good, and so is this leader in that round. */
export function onHeartbeatReply(s: State, message: HeartbeatReply): void {
  assert(s.role === 'leader', 'Only a leader is answered')
  const progress = hear(s, message)
  if (progress === null) return
  progress.heard()
  progress.round = Math.max(progress.round, message.round)
  if (progress.match < s.log.lastIndex || progress.state === 'probe') {
    sendAppend(s, message.from, true)
  }
  releaseReads(s)
}

/** One tick of a leader: heartbeats, the check of the quorum, patience with snapshots. */
export function tickLeader(s: State): void {
  s.electionElapsed += 1
  s.heartbeatElapsed += 1
  for (const progress of s.progress.values()) {
    if (progress.state !== 'snapshot') continue
    progress.snapshotAge += 1
    if (progress.snapshotAge >= s.options.snapshotTicks) progress.becomeProbe()
  }
  s.transferAge += 1
  if (s.transferAge >= s.options.electionTicks) s.transferee = NOBODY
  if (s.electionElapsed >= s.options.electionTicks) {
    s.electionElapsed = 0
    checkQuorum(s)
    if (s.role !== 'leader') return
  }
  if (s.heartbeatElapsed >= s.options.heartbeatTicks) {
    s.heartbeatElapsed = 0
    broadcastHeartbeat(s)
  }
}

/** Steps down when fewer than a majority were heard since the last check. */
function checkQuorum(s: State): void {
  let active = 0
  for (const voter of members(s).voters) {
    active += reached(s, voter, (progress) => (progress.active ? 1 : 0), 1)
  }
  for (const progress of s.progress.values()) progress.active = false
  const cutOff = active < majority(members(s).voters.length)
  if (cutOff && !s.bugs.has('lead-while-cut-off')) becomeFollower(s, s.term, NOBODY)
}

/** Begins to hand leadership to a voter; proposals are refused until it is done or given up. */
export function transferTo(s: State, to: NodeId): boolean {
  assert(s.role === 'leader', 'Only a leader hands over')
  if (to === s.options.id || voterOf(members(s), to) === null) return false
  s.transferee = to
  s.transferAge = 0
  pushTransfer(s)
  return true
}

function pushTransfer(s: State): void {
  const to = s.transferee
  const progress = must(s.progress.get(to), 'A transferee has no progress')
  if (!isVoter(members(s), to, progress.disk ?? -1)) return
  if (progress.match === s.log.lastIndex) send(s, { type: 'timeout-now', to })
  else sendAppend(s, to, true)
}

/** Notes a read; it joins the next round. False when too many wait. */
export function askRead(s: State, ask: ReadAsk): boolean {
  assert(s.role === 'leader', 'Only a leader confirms reads')
  const waiting = s.readRounds.reduce((sum, round) => sum + round.asks.length, s.readAsks.length)
  if (waiting >= s.options.readsMax) return false
  s.readAsks.push(ask)
  return true
}

/** A follower asks; a full queue is silence, and the follower asks again. */
export function onRead(s: State, message: ReadRequest): void {
  askRead(s, { id: message.id, from: message.from })
}

/**
 * Gives the waiting reads one round of heartbeats (dissertation 6.4). Before an entry of the own
 * term is committed the leader does not know what is, and they wait.
 */
export function beginReadRound(s: State): void {
  if (s.role !== 'leader' || s.readAsks.length === 0) return
  if (s.log.termAt(s.log.committed) !== s.term) return
  s.round += 1
  s.readRounds.push({ round: s.round, index: s.log.committed, asks: s.readAsks })
  s.readAsks = []
  if (!isAlone(members(s), s.options.id, s.options.disk)) broadcastHeartbeat(s)
  releaseReads(s)
}

function releaseReads(s: State): void {
  const confirmed = s.bugs.has('read-without-round')
    ? s.round
    : majorityValue(members(s), (id, disk) =>
        reached(s, { id, disk }, (progress) => progress.round, s.round),
      )
  while (s.readRounds.length > 0) {
    const round = must(s.readRounds[0], 'A read round vanished')
    if (round.round > confirmed) return
    s.readRounds.shift()
    for (const { id, from } of round.asks) {
      if (from === s.options.id) s.reads.push({ id, index: round.index })
      else send(s, { type: 'read-reply', to: from, id, index: round.index })
    }
  }
}
