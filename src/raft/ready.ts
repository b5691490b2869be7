// What a node wants done, in one value. The order is the contract: make `hardState`, `snapshot`
// and `entries` durable, then send `messages`, then install `snapshot` and apply `committed`,
// then call `advance`. Nothing in `messages` may leave before that durability: votes and
// acknowledgements are promises.
import { assert } from '../base/assert.ts'
import type { Entry, HardState, Message, Snapshot } from './messages.ts'
import type { ReadState, State } from './state.ts'

/** Bytes of committed entries handed out at once, so that a long backlog is applied in portions. */
const COMMITTED_BYTES_MAX = 4 * 1024 * 1024

/** One portion of work. Its arrays belong to the caller. */
export interface Ready {
  /** New term, vote or commit hint; null when none changed. */
  readonly hardState: HardState | null
  /** Whether something must be durable before `messages` leave; a commit hint alone need not be. */
  readonly mustSync: boolean
  /** A leader's snapshot: replaces the log on disk and the state machine; null for none. */
  readonly snapshot: Snapshot | null
  /** To append to the log on disk. The first may lie at or below its end: it replaces that tail. */
  readonly entries: readonly Entry[]
  readonly messages: readonly Message[]
  /** To apply, in order, each exactly once. */
  readonly committed: readonly Entry[]
  /** Reads that may be served once their index is applied. */
  readonly reads: readonly ReadState[]
}

/** Takes out what waits; null when nothing does. */
export function takeReady(s: State): Ready | null {
  const forgets = s.bugs.has('forget-vote')
  const now: HardState = { term: s.term, vote: s.vote, commit: s.log.committed }
  const promised = now.term !== s.handed.term || now.vote !== s.handed.vote
  const changed = promised || now.commit !== s.handed.commit
  const snapshot = s.install
  const entries = s.log.hasUnstable ? s.log.handUnstable() : []
  const committed = s.log.handCommitted(COMMITTED_BYTES_MAX)
  const idle = s.outbox.length === 0 && s.reads.length === 0 && committed.length === 0
  if (!changed && snapshot === null && entries.length === 0 && idle) return null
  const ready: Ready = {
    hardState: changed ? (forgets ? { ...now, vote: 0 } : now) : null,
    mustSync: promised || snapshot !== null || entries.length > 0,
    snapshot,
    entries,
    messages: s.outbox,
    committed: s.bugs.has('apply-twice') ? again(committed) : committed,
    reads: s.reads,
  }
  s.handed = now
  s.install = null
  s.outbox = []
  s.reads = []
  assert(!s.log.hasUnstable, 'Entries were left behind')
  assert(s.log.applied <= s.log.committed, 'An entry is applied before it is committed')
  return ready
}

/** The planted bug: the first entry of every portion of four or more comes once more. */
function again(committed: readonly Entry[]): readonly Entry[] {
  return committed.length < 4 ? committed : [...committed, ...committed.slice(0, 1)]
}
