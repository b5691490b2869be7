// Who takes part: voters, each bound to the disk it votes with, and learners that only follow. A
// change replaces one voter at most (dissertation 4.1), so that any majority of the old set and
// any majority of the new one share a node. The latest membership in a node's log is in force
// from the moment it is appended, committed or not, and is taken back when the entry is cut off
// again. It refuses to know addresses.
import { assert, must } from '../base/assert.ts'
import { FormatError } from '../base/errors.ts'
import { Reader } from '../base/reader.ts'
import { Writer } from '../base/writer.ts'

/**
 * A node of the quorum: a positive integer, the broker's node id plus one or any other bijection.
 */
export type NodeId = number

/**
 * A voter and the identity of the disk that holds its promises (KIP-853's directory id, 32 bits).
 */
export interface Voter {
  readonly id: NodeId
  readonly disk: number
}

/** Voters and learners, each ascending by id; nobody is both. */
export interface Membership {
  readonly voters: readonly Voter[]
  readonly learners: readonly NodeId[]
}

/** Nobody: what a node that has yet to hear from a leader knows. */
export const NO_MEMBERS: Membership = { voters: [], learners: [] }

/** Voters and learners together may not exceed this. */
export const MEMBERS_MAX = 1024

const FORMAT = 1

/** Sorts members; asserts that nobody appears twice. */
export const membership = (
  voters: readonly Voter[],
  learners: readonly NodeId[] = [],
): Membership => {
  const all = [...voters.map((voter) => voter.id), ...learners]
  assert(new Set(all).size === all.length, 'A member appears twice')
  assert(all.length <= MEMBERS_MAX, 'Too many members')
  return {
    voters: [...voters].sort((a, b) => a.id - b.id),
    learners: [...learners].sort((a, b) => a - b),
  }
}

/** The voter of that id, or null. */
export const voterOf = (members: Membership, id: NodeId): Voter | null =>
  members.voters.find((voter) => voter.id === id) ?? null

/** True when `id` votes with exactly that disk. */
export const isVoter = (members: Membership, id: NodeId, disk: number): boolean =>
  voterOf(members, id)?.disk === disk

/** True when `id` is a voter (with any disk) or a learner. */
export const isMember = (members: Membership, id: NodeId): boolean =>
  voterOf(members, id) !== null || members.learners.includes(id)

/**
 * Whether `next` may directly follow `now`: at most one voter added or removed, and at least one
 * left. A voter with another disk counts as one removed and one added, hence as two steps.
 */
export function isSingleStep(now: Membership, next: Membership): boolean {
  if (next.voters.length === 0) return false
  const added = next.voters.filter((voter) => !isVoter(now, voter.id, voter.disk)).length
  const removed = now.voters.filter((voter) => !isVoter(next, voter.id, voter.disk)).length
  return added + removed <= 1
}

/** Bytes of a membership entry: format u8, counts u16, voters (id i64, disk u32), learners i64. */
export function encodeMembership(members: Membership): Uint8Array {
  assert(members.voters.length + members.learners.length <= MEMBERS_MAX, 'Too many members')
  const out = new Writer(5 + members.voters.length * 12 + members.learners.length * 8)
  out.uint8(FORMAT)
  out.uint16(members.voters.length)
  out.uint16(members.learners.length)
  for (const voter of members.voters) {
    out.int64(voter.id)
    out.uint32(voter.disk)
  }
  for (const id of members.learners) out.int64(id)
  return out.copy()
}

/** The inverse of `encodeMembership`; throws FormatError on anything else. */
export function decodeMembership(bytes: Uint8Array): Membership {
  const input = new Reader(bytes)
  if (input.uint8() !== FORMAT) throw new FormatError('A membership has an unknown format')
  const voterCount = input.uint16()
  const learnerCount = input.uint16()
  if (voterCount + learnerCount > MEMBERS_MAX) throw new FormatError('A membership is too large')
  const voters: Voter[] = []
  const learners: NodeId[] = []
  const seen = new Set<NodeId>()
  const member = (previous: NodeId): NodeId => {
    const id = input.int64()
    if (id <= previous || seen.has(id)) throw new FormatError('A membership is out of order')
    seen.add(id)
    return id
  }
  for (let i = 0; i < voterCount; i++) {
    const id = member(voters.at(-1)?.id ?? 0)
    voters.push({ id, disk: input.uint32() })
  }
  for (let i = 0; i < learnerCount; i++) learners.push(member(learners.at(-1) ?? 0))
  if (input.left !== 0) throw new FormatError('A membership has bytes after its end')
  return { voters, learners }
}

interface Step {
  readonly index: number
  readonly members: Membership
}

/** The memberships that one node's log holds, so that cutting the log takes them back. */
export class MembershipHistory {
  #steps: Step[]

  /** Begins with what was in force at `index`, the snapshot's. */
  constructor(index: number, members: Membership) {
    this.#steps = [{ index, members }]
  }

  /** In force now: the last one in the log. */
  get latest(): Membership {
    return must(this.#steps.at(-1), 'A membership history is empty').members
  }

  /** Index of the entry that brought `latest`. */
  get latestIndex(): number {
    return must(this.#steps.at(-1), 'A membership history is empty').index
  }

  /** The membership in force at `index`, which must not lie before the first one known. */
  at(index: number): Membership {
    const step = this.#steps.findLast((candidate) => candidate.index <= index)
    return must(step, 'A membership was asked for before the first one known').members
  }

  /** A membership entry was appended at `index`. */
  push(index: number, members: Membership): void {
    assert(index > this.latestIndex, 'A membership is appended before the latest one')
    this.#steps.push({ index, members })
  }

  /** The log was cut: entries from `index` on are gone. */
  cut(index: number): void {
    while (this.#steps.length > 1 && this.latestIndex >= index) this.#steps.pop()
    assert(this.latestIndex < index, 'A log was cut below its snapshot')
  }

  /** Forgets what came before the one in force at `index`. */
  compact(index: number): void {
    const at = this.#steps.findLastIndex((step) => step.index <= index)
    assert(at >= 0, 'A membership history is compacted before its first')
    this.#steps = this.#steps.slice(at)
  }
}
