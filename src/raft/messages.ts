// The vocabulary of the metadata quorum: entries, what must be durable, what nodes say to each
// other. Plain values without behaviour, so that a transport, a log file and a simulator can carry
// them. Log indexes are plain numbers counted from 1; 0 stands for "before the first". The shape
// follows "In Search of an Understandable Consensus Algorithm" (Ongaro, Ousterhout 2014) and
// Ongaro's dissertation; it knows nothing of what the entries mean.
import type { Term } from '../base/units.ts'
import type { Membership, NodeId } from './membership.ts'

/** Stands for "no node" in votes and leader hints. */
export const NOBODY: NodeId = 0

/**
 * `data` is the user's; `empty` opens a leader's term; `membership` carries an encoded Membership.
 */
export type EntryKind = 'data' | 'empty' | 'membership'

/** One slot of the replicated log. `data` is owned by the entry: nobody changes it afterwards. */
export interface Entry {
  readonly index: number
  readonly term: Term
  readonly kind: EntryKind
  readonly data: Uint8Array
}

/**
 * What a node must remember across a crash besides its log. `term` and `vote` must be durable
 * before any message that depends on them; `commit` is a hint and may lag.
 */
export interface HardState {
  readonly term: Term
  readonly vote: NodeId
  readonly commit: number
}

/** The state machine's image after `index`, with the membership in force there. */
export interface Snapshot {
  readonly index: number
  readonly term: Term
  readonly membership: Membership
  readonly data: Uint8Array
}

/** What every message carries. `disk` names the sender's disk: a lost disk is another voter. */
interface Envelope {
  readonly from: NodeId
  readonly to: NodeId
  readonly disk: number
  readonly term: Term
}

/** Asks for a vote; with `pre` only whether it would be granted (dissertation 9.6). */
export interface VoteRequest extends Envelope {
  readonly type: 'vote'
  readonly pre: boolean
  /** The leader asked for this election: the lease of a live leader does not stand against it. */
  readonly transfer: boolean
  readonly lastIndex: number
  readonly lastTerm: Term
}

/** Answers a vote request. A granted pre-vote echoes the term asked for, else the sender's own. */
export interface VoteReply extends Envelope {
  readonly type: 'vote-reply'
  readonly pre: boolean
  readonly granted: boolean
}

/** Replicates `entries`, which follow (prevIndex, prevTerm); empty as a probe. */
export interface AppendRequest extends Envelope {
  readonly type: 'append'
  readonly prevIndex: number
  readonly prevTerm: Term
  readonly commit: number
  readonly entries: readonly Entry[]
}

/**
 * Answers append, snapshot and messages of a deposed leader. Accepted: the sender durably holds
 * the leader's log up to `index`. Rejected: `index` is the refused prevIndex and the largest
 * possible match lies at or below `hintIndex`, whose term at the sender is `hintTerm`.
 */
export interface AppendReply extends Envelope {
  readonly type: 'append-reply'
  readonly rejected: boolean
  readonly index: number
  readonly hintIndex: number
  readonly hintTerm: Term
}

/**
 * Keeps followers loyal, tells them what is committed, and numbers a round of read confirmation.
 */
export interface Heartbeat extends Envelope {
  readonly type: 'heartbeat'
  readonly commit: number
  /** Term of the leader's entry at `commit`: who holds that entry holds all before it (5.3). */
  readonly commitTerm: Term
  readonly round: number
}

/** Confirms that the sender still followed this leader in `round`. */
export interface HeartbeatReply extends Envelope {
  readonly type: 'heartbeat-reply'
  readonly round: number
}

/** Replaces the log of a follower that is behind the leader's first entry. */
export interface SnapshotRequest extends Envelope {
  readonly type: 'snapshot'
  readonly snapshot: Snapshot
}

/** Tells a caught-up follower to campaign at once (leadership transfer, dissertation 3.10). */
export interface TimeoutNow extends Envelope {
  readonly type: 'timeout-now'
}

/** A follower asks the leader for a read index; `id` is the asker's own. */
export interface ReadRequest extends Envelope {
  readonly type: 'read'
  readonly id: number
}

/** The index up to which the asker must have applied before it may answer read `id`. */
export interface ReadReply extends Envelope {
  readonly type: 'read-reply'
  readonly id: number
  readonly index: number
}

/** Everything one node says to another. */
export type Message =
  | VoteRequest
  | VoteReply
  | AppendRequest
  | AppendReply
  | Heartbeat
  | HeartbeatReply
  | SnapshotRequest
  | TimeoutNow
  | ReadRequest
  | ReadReply

/** Bytes that an entry is counted with against the bounds of messages and queues. */
export const entryBytes = (entry: Entry): number => entry.data.length + 32
