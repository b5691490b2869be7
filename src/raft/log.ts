// The replicated log of one node, in memory: the entries after a base, how many of them the disk
// holds, how many are committed and how many were handed out to be applied. It knows Raft's
// matching rules and nothing of roles, time or files.
//
// base ≤ applied ≤ committed ≤ last, and base ≤ stable ≤ last. Entries in (stable, handed] lie in
// a Ready whose persistence is under way. Cutting the tail pulls `stable` and `handed` back, so
// that an entry counts as durable only when exactly that entry was written.
import { assert, must } from '../base/assert.ts'
import type { Term } from '../base/units.ts'
import { term } from '../base/units.ts'
import type { Entry } from './messages.ts'
import { entryBytes } from './messages.ts'

/** Where a log begins and what of it is known at start. */
export interface LogStart {
  readonly baseIndex: number
  readonly baseTerm: Term
  /** Entries that the disk holds: baseIndex + 1 and on, without gaps. */
  readonly entries: readonly Entry[]
  /** Known to be committed; everything up to `applied` is in the state machine already. */
  readonly committed: number
  readonly applied: number
}

/** Entries by index; positions are absolute and survive compaction. */
export class RaftLog {
  #baseIndex: number
  #baseTerm: Term
  #entries: Entry[]
  #stable: number
  #handed: number
  #committed: number
  #applied: number

  constructor(start: LogStart) {
    this.#baseIndex = start.baseIndex
    this.#baseTerm = start.baseTerm
    this.#entries = [...start.entries]
    this.#stable = this.lastIndex
    this.#handed = this.lastIndex
    this.#committed = start.committed
    this.#applied = start.applied
    assert(start.applied >= start.baseIndex, 'A log was applied before its base')
    assert(start.committed >= start.applied, 'A log was applied beyond its commit')
    assert(start.committed <= this.lastIndex, 'A log is committed beyond its end')
    assert(
      this.#entries.every((e, i) => e.index === start.baseIndex + 1 + i),
      'A log has a gap',
    )
  }

  /** Index before the first entry held. */
  get baseIndex(): number {
    return this.#baseIndex
  }

  get lastIndex(): number {
    return this.#baseIndex + this.#entries.length
  }

  get lastTerm(): Term {
    return this.#entries.at(-1)?.term ?? this.#baseTerm
  }

  /** Last index that is durable on this node's disk. */
  get stable(): number {
    return this.#stable
  }

  get committed(): number {
    return this.#committed
  }

  /** Last index handed out to be applied. */
  get applied(): number {
    return this.#applied
  }

  /** Term of the entry at `index`; null before the base or after the end. */
  termAt(index: number): Term | null {
    if (index === this.#baseIndex) return this.#baseTerm
    if (index < this.#baseIndex || index > this.lastIndex) return null
    return this.at(index).term
  }

  /** The entry at `index`, which must be held. */
  at(index: number): Entry {
    return must(this.#entries[index - this.#baseIndex - 1], 'An index lies outside the log')
  }

  /** Entries [from, to) up to `bytesMax`, but at least one if there is one. */
  slice(range: { readonly from: number; readonly to: number; readonly bytesMax: number }): Entry[] {
    assert(range.from > this.#baseIndex, 'A slice begins before the log')
    assert(range.to <= this.lastIndex + 1, 'A slice ends after the log')
    const out: Entry[] = []
    let bytes = 0
    for (let index = range.from; index < range.to; index++) {
      const entry = this.at(index)
      bytes += entryBytes(entry)
      if (out.length > 0 && bytes > range.bytesMax) break
      out.push(entry)
    }
    return out
  }

  /** Whether a log that ends at (index, term) holds at least what this one does (5.4.1). */
  isUpToDate(end: { readonly index: number; readonly term: Term }): boolean {
    if (end.term !== this.lastTerm) return end.term > this.lastTerm
    return end.index >= this.lastIndex
  }

  /**
   * Largest index at or below `index` whose term is at most `at`: where two logs may still agree.
   */
  findConflict(index: number, at: Term): { readonly index: number; readonly term: Term } {
    for (let i = Math.min(index, this.lastIndex); i > this.#baseIndex; i--) {
      const here = this.at(i).term
      if (here <= at) return { index: i, term: here }
    }
    // At or below the base: everything here is committed, so the leader has it as well.
    return { index: Math.min(index, this.#baseIndex), term: term(Math.min(this.#baseTerm, at)) }
  }

  /** Appends entries that follow the end. */
  append(entries: readonly Entry[]): void {
    for (const entry of entries) {
      assert(entry.index === this.lastIndex + 1, 'An appended entry leaves a gap')
      assert(entry.term >= this.lastTerm, 'An appended entry goes back in term')
      this.#entries.push(entry)
    }
  }

  /** Cuts entries from `from` on. What is committed is never cut. */
  cut(from: number): void {
    assert(from > this.#committed, 'A committed entry would be cut')
    assert(from > this.#baseIndex, 'A log would be cut below its base')
    this.#entries.length = Math.min(this.#entries.length, from - this.#baseIndex - 1)
    this.#stable = Math.min(this.#stable, from - 1)
    this.#handed = Math.min(this.#handed, from - 1)
  }

  /**
   * First of `entries` that this log lacks or holds with another term; 0 when it holds them all.
   */
  firstNew(entries: readonly Entry[]): number {
    for (const entry of entries) {
      if (this.termAt(entry.index) !== entry.term) return entry.index
    }
    return 0
  }

  /** Raises the commit index; never lowers it. */
  commitTo(index: number): boolean {
    assert(index <= this.lastIndex, 'A commit lies beyond the log')
    if (index <= this.#committed) return false
    this.#committed = index
    return true
  }

  /** Whether entries wait to be handed out for persistence. */
  get hasUnstable(): boolean {
    return this.#handed < this.lastIndex
  }

  /** Hands out all entries not yet handed out; `persisted` says when they are durable. */
  handUnstable(): readonly Entry[] {
    const out = this.#entries.slice(this.#handed - this.#baseIndex)
    this.#handed = this.lastIndex
    return out
  }

  /** What was handed out, and not cut since, is durable. */
  persisted(): void {
    assert(this.#handed >= this.#stable, 'A log lost durable entries')
    this.#stable = this.#handed
  }

  /** Hands out the next committed entries to be applied, each exactly once. */
  handCommitted(bytesMax: number): readonly Entry[] {
    if (this.#applied === this.#committed) return []
    const out = this.slice({ from: this.#applied + 1, to: this.#committed + 1, bytesMax })
    this.#applied += out.length
    assert(this.#applied <= this.#committed, 'An entry is applied before it is committed')
    return out
  }

  /** Replaces everything by a snapshot that another node sent. */
  reset(index: number, at: Term): void {
    assert(index > this.#committed, 'A snapshot would take the log back')
    this.#baseIndex = index
    this.#baseTerm = at
    this.#entries = []
    this.#stable = index
    this.#handed = index
    this.#committed = index
    this.#applied = index
  }

  /** Forgets entries up to `to`, which were applied and are covered by a snapshot. */
  compact(to: number): void {
    if (to <= this.#baseIndex) return
    assert(to <= this.#applied, 'An entry is compacted before it was applied')
    assert(to <= this.#stable, 'An entry is compacted before it was durable')
    const at = must(this.termAt(to), 'A compacted entry is not in the log')
    this.#entries = this.#entries.slice(to - this.#baseIndex)
    this.#baseIndex = to
    this.#baseTerm = at
  }
}
