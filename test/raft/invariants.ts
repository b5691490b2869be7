// The judge of the raft simulation: it sees every node from outside, remembers what was promised,
// and throws when one of the invariants INV-01 to INV-13 is broken. It shares no code with the
// core beyond types, so that a bug there is not repeated here.
import type { Membership, Voter } from '../../src/raft/membership.ts'
import { decodeMembership } from '../../src/raft/membership.ts'
import type { Entry, Message } from '../../src/raft/messages.ts'
import type { Raft } from '../../src/raft/raft.ts'

export class Violation extends Error {
  override name = 'Violation'
}

const check = (holds: boolean, text: string): void => {
  if (!holds) throw new Violation(text)
}

/** What the judge may look at of a node. */
export interface Seen {
  readonly id: number
  readonly raft: Raft
  readonly disk: DiskModel
}

/** What survives a crash, as the storage would bring it back. */
export interface DiskModel {
  readonly id: number
  term: number
  vote: number
  commit: number
  snapshotIndex: number
  last: number
}

interface Committed {
  readonly term: number
  readonly inTerm: number
}

const needed = (members: Membership): number => Math.floor(members.voters.length / 2) + 1

/** Whether two majorities, one of each, could have no voter in common. Small sets, brute force. */
export function hasDisjointMajorities(a: Membership, b: Membership): boolean {
  const same = (x: Voter, y: Voter): boolean => x.id === y.id && x.disk === y.disk
  const shared = a.voters.filter((voter) => b.voters.some((other) => same(voter, other))).length
  const ownA = a.voters.length - shared
  const ownB = b.voters.length - shared
  const fromShared = Math.max(0, needed(a) - ownA) + Math.max(0, needed(b) - ownB)
  return fromShared <= shared
}

export class Judge {
  readonly #leaders = new Map<number, number>()
  readonly #entries = new Map<string, string>()
  readonly #memberships = new Map<string, Membership>()
  readonly #committed = new Map<number, Committed>()
  readonly #applied: string[] = []
  /** What each disk ever held durably: `index:term`, and the newest snapshot. */
  readonly #held = new Map<number, { keys: Set<string>; snapshot: number }>()
  /** Granted votes by term: disk → candidate. */
  readonly #votes = new Map<number, Map<number, number>>()
  readonly #seenCommit = new Map<Raft, number>()
  readonly #first: Membership
  commits = 0
  elections = 0

  constructor(first: Membership) {
    this.#first = first
  }

  /** Largest index known to be committed anywhere. */
  get maxCommitted(): number {
    return this.commits
  }

  #holder(disk: number): { keys: Set<string>; snapshot: number } {
    const known = this.#held.get(disk)
    if (known !== undefined) return known
    const fresh = { keys: new Set<string>(), snapshot: 0 }
    this.#held.set(disk, fresh)
    return fresh
  }

  /** A log was appended to: INV-03, by induction over (index, term) → (term before, content). */
  appended(entries: readonly Entry[], prevTerm: number | null): void {
    let before = prevTerm
    for (const entry of entries) {
      const key = `${entry.index}:${entry.term}`
      const content = `${before ?? '?'}|${entry.kind}|${entry.data.join(',')}`
      const known = this.#entries.get(key)
      if (known === undefined) this.#entries.set(key, content)
      else if (before !== null) check(known === content, 'INV-03 two logs differ below one entry')
      if (entry.kind === 'membership') this.#memberships.set(key, decodeMembership(entry.data))
      before = entry.term
    }
  }

  /** Entries or a snapshot are durable on that disk. */
  persisted(disk: number, entries: readonly Entry[], snapshot: number): void {
    const holder = this.#holder(disk)
    for (const entry of entries) holder.keys.add(`${entry.index}:${entry.term}`)
    holder.snapshot = Math.max(holder.snapshot, snapshot)
  }

  /** A message leaves: INV-06, what it promises is durable on the sender's disk. */
  sent(disk: DiskModel, message: Message): void {
    if (message.type === 'vote' && message.pre) return
    if (message.type === 'vote-reply' && message.pre) return
    check(disk.term >= message.term, 'INV-06 a term was told before it was durable')
    if (message.type === 'vote-reply' && message.granted) {
      const kept = disk.term > message.term || disk.vote === message.to
      check(kept, 'INV-06 a vote was told before it was durable')
      this.#vote(message.term, disk.id, message.to)
    }
    if (message.type === 'vote') this.#vote(message.term, disk.id, message.from)
    if (message.type === 'append-reply' && !message.rejected) {
      check(disk.last >= message.index, 'INV-06 entries were acknowledged before they were durable')
    }
  }

  #vote(term: number, disk: number, candidate: number): void {
    const votes = this.#votes.get(term) ?? new Map<number, number>()
    this.#votes.set(term, votes)
    const before = votes.get(disk) ?? candidate
    check(before === candidate, 'INV-06 one disk voted twice in a term')
    votes.set(disk, candidate)
  }

  /** Looks at a node after anything happened to it. */
  look(node: Seen): void {
    if (node.raft.role === 'leader') this.#lookAtLeader(node)
    const before = this.#seenCommit.get(node.raft) ?? node.raft.baseIndex
    if (node.raft.committed > before) this.#commit(node, before)
    this.#seenCommit.set(node.raft, node.raft.committed)
  }

  #lookAtLeader({ id, raft, disk }: Seen): void {
    const known = this.#leaders.get(raft.term)
    check(known === undefined || known === id, 'INV-01 two leaders in one term')
    if (known !== undefined) return
    this.#leaders.set(raft.term, id)
    this.elections += 1
    for (let index = raft.baseIndex + 1; index <= this.maxCommitted; index++) {
      const committed = this.#committed.get(index)
      if (committed === undefined || committed.inTerm >= raft.term) continue
      check(raft.termAt(index) === committed.term, 'INV-04 a leader lacks a committed entry')
    }
    const votes = this.#votes.get(raft.term) ?? new Map<number, number>()
    if (disk.term === raft.term && disk.vote === id) votes.set(disk.id, id)
    const granted = raft.members.voters.filter((voter) => votes.get(voter.disk) === id).length
    check(granted >= needed(raft.members), 'INV-07 INV-12 a leader without a majority of voters')
  }

  #commit({ raft }: Seen, before: number): void {
    const top = raft.committed
    if (raft.role === 'leader') {
      check(raft.termAt(top) === raft.term, 'INV-09 an old entry was committed by counting')
      const key = `${top}:${raft.term}`
      const holding = raft.members.voters.filter(({ disk }) => {
        const holder = this.#holder(disk)
        return holder.keys.has(key) || holder.snapshot >= top
      })
      check(holding.length >= needed(raft.members), 'INV-06 committed without a durable majority')
    }
    for (let index = Math.max(before, raft.baseIndex) + 1; index <= top; index++) {
      const term = raft.termAt(index)
      if (term === null) throw new Violation('INV-04 a committed entry is not in the log')
      const known = this.#committed.get(index)
      check((known?.term ?? term) === term, 'INV-04 two entries were committed at one index')
      if (known === undefined) this.#committed.set(index, { term, inTerm: raft.term })
    }
    this.commits = Math.max(this.commits, top)
  }

  /** INV-10: the membership just proposed against the last committed one. */
  changed(raft: Raft, next: Membership): void {
    let settled = this.#first
    for (let index = this.maxCommitted; index > 0; index--) {
      const committed = this.#committed.get(index)
      const found = this.#memberships.get(`${index}:${committed?.term ?? -1}`)
      if (found === undefined) continue
      settled = found
      break
    }
    // A deposed leader may still append; its entry can never be committed.
    const stale = [...this.#leaders.keys()].some((term) => term > raft.term)
    check(stale || !hasDisjointMajorities(settled, next), 'INV-10 two disjoint majorities')
  }

  /** INV-05: one sequence of applied entries, the same for all. Returns its text so far. */
  applied(index: number, entry: Entry): void {
    const text = `${entry.term}|${entry.kind}|${entry.data.join(',')}`
    check(entry.index === index + 1, 'INV-05 entries are applied out of order or twice')
    const known = this.#applied[entry.index]
    if (known === undefined) this.#applied[entry.index] = text
    else check(known === text, 'INV-05 two nodes applied different entries')
  }

  /** INV-11: a state machine was restored to what was applied up to `index`, nothing else. */
  restored(index: number, hash: number): void {
    check(hash === this.hashUpTo(index), 'INV-11 a snapshot is not what was applied')
  }

  /** A node begins from its disk: what is committed and was ever durable there is there still. */
  recovered(disk: number, raft: Raft): void {
    const holder = this.#holder(disk)
    for (let index = raft.baseIndex + 1; index <= this.maxCommitted; index++) {
      const key = `${index}:${this.#committed.get(index)?.term ?? -1}`
      if (!holder.keys.has(key)) continue
      const kept = raft.termAt(index) === this.#committed.get(index)?.term
      check(kept, 'INV-11 a restart lost what was durable')
    }
  }

  /** Fingerprint of everything applied up to `index`. */
  hashUpTo(index: number): number {
    let hash = 2166136261
    for (let i = 1; i <= index; i++) {
      const text = this.#applied[i] ?? ''
      for (let at = 0; at < text.length; at++) {
        hash = Math.imul(hash ^ text.charCodeAt(at), 16777619)
      }
    }
    return hash >>> 0
  }

  /** A read was confirmed: it may not miss what was committed when it was asked for. */
  readServed(index: number, committedWhenAsked: number): void {
    check(index >= committedWhenAsked, 'A read misses what was committed before it')
  }

  /** INV-13: a leader that heard no majority for `silence` of its ticks must have stopped. */
  silent(silence: number, limit: number): void {
    check(silence <= limit, 'INV-13 a cut-off leader goes on')
  }
}
