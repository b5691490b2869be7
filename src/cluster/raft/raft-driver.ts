// Runs one node of the metadata quorum: feeds the pure core with ticks, messages and proposals,
// and carries out its Readies, one at a time: persist, send, apply, advance. Everything proposed
// while a sync runs goes into the next one together. It knows neither what entries mean nor how
// messages travel; both are callbacks.
//
// A failure of storage, of a callback or of the core latches: nothing is acknowledged any more,
// all who wait are told, and the owner is called once, to stop the process.
import { assert } from '../../base/assert.ts'
import { OperatingError } from '../../base/errors.ts'
import type { Term } from '../../base/units.ts'
import type { Cancel, Clock } from '../../ports/clock.ts'
import type { Membership, NodeId } from '../../raft/membership.ts'
import type { Entry, HardState, Message, Snapshot } from '../../raft/messages.ts'
import { entryBytes } from '../../raft/messages.ts'
import type { ProposeOutcome } from '../../raft/raft.ts'
import { Raft } from '../../raft/raft.ts'
import type { Ready } from '../../raft/ready.ts'
import type { RaftOptions } from '../../raft/state.ts'
import type { RaftStorage, Recovered } from './raft-storage.ts'
import { RaftWaiters } from './raft-waiters.ts'

/** Who leads, as far as this node knows. */
export interface Leadership {
  /** This node leads and its state machine holds everything that was committed before. */
  readonly leading: boolean
  /** 0 when unknown. */
  readonly leader: NodeId
  readonly term: Term
}

/** What the driver needs, and what it calls. Callbacks are synchronous and never nested. */
export interface RaftDriverOptions {
  /** `id` and `disk` are those of `recovered`. */
  readonly raft: Omit<RaftOptions, 'id' | 'disk'>
  readonly storage: RaftStorage
  readonly recovered: Recovered
  readonly clock: Pick<Clock, 'after' | 'turn'>
  readonly tickMs: number
  /** Bytes of applied entries after which a snapshot is taken and the log shortened. */
  readonly snapshotAfterBytes: number
  /** Entries kept behind a snapshot, so that a slow follower needs no snapshot. */
  readonly keepEntries: number
  /** Sends to a peer, at best once, in any order; the owner may drop it. */
  send(message: Message): void
  /** Applies the next `data` entry. It was committed, and comes once, in order. */
  apply(entry: Entry): void
  /** Replaces the state machine by this image. */
  restore(snapshot: Snapshot): void
  /** The image of the state machine after everything applied so far; the driver owns the bytes. */
  takeSnapshot(): Uint8Array
  /** Leadership or the known leader changed. */
  onLeadership(now: Leadership): void
  /** Called at most once, with the failure that ended this node's part. */
  onFailure(error: unknown): void
}

/** A running node. `start` it, feed it with `receive`, `close` it. */
export class RaftDriver {
  readonly #options: RaftDriverOptions
  readonly #raft: Raft
  readonly #waiters = new RaftWaiters()
  #nextRead = 1
  #applied: number
  #bytesSinceSnapshot = 0
  #leadership: Leadership
  /** The term whose first entry this node applied as its leader. */
  #leadingTerm: Term | null = null
  #cancelTick: Cancel | null = null
  #scheduled = false
  #busy = false
  #running: Promise<void> = Promise.resolve()
  #closing: Promise<void> | null = null
  #persisted: HardState
  #failed = false

  constructor(options: RaftDriverOptions) {
    const { recovered } = options
    assert(options.tickMs > 0, 'A tick takes no time')
    const identity = { id: recovered.nodeId, disk: recovered.diskId }
    this.#options = options
    this.#raft = new Raft({ ...options.raft, ...identity }, recovered)
    this.#applied = recovered.snapshot.index
    this.#persisted = recovered.hardState
    this.#leadership = { leading: false, leader: this.#raft.leader, term: this.#raft.term }
  }

  /** Who leads, as told by the last `onLeadership`. */
  get leadership(): Leadership {
    return this.#leadership
  }

  /** Index of the last entry in the state machine. */
  get applied(): number {
    return this.#applied
  }

  /** Who takes part, as this node's log has it. */
  get members(): Membership {
    return this.#raft.members
  }

  /** The core's view of each peer, for status pages; empty unless leading. */
  progress(): ReturnType<Raft['progress']> {
    return this.#raft.progress()
  }

  /**
   * Restores the snapshot, ticks once and carries out what follows. A quorum of one leads, and has
   * applied its whole log, when this resolves. Throws what stopped it, if anything did.
   */
  async start(): Promise<void> {
    assert(this.#cancelTick === null, 'A node is started twice')
    const { snapshot } = this.#options.recovered
    if (snapshot.index > 0) this.#options.restore(snapshot)
    this.#tick()
    this.#begin()
    await this.#running
    if (this.#failed) throw failedError()
  }

  /** Takes a message from a peer. */
  receive(message: Message): void {
    if (this.#stopped) return
    this.#guard(() => this.#raft.step(message))
    this.#wake()
  }

  /**
   * Resolves once `data` is committed and applied here. Rejects with `retry` when it was not taken
   * (this node does not lead, or too much is in flight), `fenced` when leadership was lost while
   * it waited: it may have been committed or not. The node owns the bytes.
   */
  propose(data: Uint8Array): Promise<{ readonly index: number }> {
    return this.#await(() => this.#raft.propose(data))
  }

  /** Changes who takes part, as `propose`; `refused` for more than one voter at a time. */
  changeMembership(next: Membership): Promise<{ readonly index: number }> {
    return this.#await(() => this.#raft.proposeMembership(next))
  }

  /** Resolves with an index once everything committed before this call is applied here. */
  read(): Promise<number> {
    if (this.#stopped) return Promise.reject(closedError())
    const id = this.#nextRead
    this.#nextRead += 1
    if (!this.#raft.read(id)) {
      return Promise.reject(new OperatingError('retry', 'Cannot read metadata: no leader is known'))
    }
    const waiting = this.#waiters.read(id, 4 * this.#options.raft.electionTicks)
    this.#wake()
    return waiting
  }

  /** Begins to hand leadership to a voter; false when this node cannot. */
  transferLeadership(to: NodeId): boolean {
    const begun = !this.#stopped && this.#raft.transferLeadership(to)
    this.#wake()
    return begun
  }

  /** Stops ticking, waits for the write under way, tells all who wait, closes the storage. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  get #stopped(): boolean {
    return this.#failed || this.#closing !== null
  }

  async #close(): Promise<void> {
    this.#cancelTick?.()
    await this.#running
    this.#waiters.rejectAll(closedError())
    // Of what the core holds only this much is known to be on disk as it stands.
    const { term, vote } = this.#persisted
    await this.#options.storage.close({ term, vote, commit: this.#applied })
  }

  #tick(): void {
    if (this.#stopped) return
    const { clock, tickMs } = this.#options
    this.#cancelTick = clock.after(tickMs, () => this.#tick())
    this.#guard(() => this.#raft.tick())
    this.#waiters.tick()
    this.#wake()
  }

  #await(propose: () => ProposeOutcome | 'refused'): Promise<{ readonly index: number }> {
    if (this.#stopped) return Promise.reject(closedError())
    const outcome = propose()
    if (typeof outcome === 'string') return Promise.reject(refusal(outcome, this.#raft.leader))
    this.#wake()
    return this.#waiters.proposal(outcome)
  }

  /** Runs the loop at the end of this turn, so that all of the turn's proposals share one sync. */
  #wake(): void {
    if (this.#scheduled || this.#busy || this.#stopped) return
    this.#scheduled = true
    this.#options.clock.turn(() => this.#begin())
  }

  #begin(): void {
    this.#scheduled = false
    if (this.#busy || this.#stopped) return
    this.#busy = true
    this.#running = this.#run()
  }

  /** The only place that takes Readies. Never rejects: a failure latches. */
  async #run(): Promise<void> {
    try {
      while (!this.#stopped) {
        const ready = this.#raft.ready()
        if (ready === null) break
        await this.#carryOut(ready)
      }
    } catch (error) {
      this.#fail(error)
    } finally {
      this.#busy = false
    }
  }

  async #carryOut(ready: Ready): Promise<void> {
    const { storage, send } = this.#options
    const early = this.#applyDurable(ready)
    if (ready.mustSync) await storage.persist(ready)
    if (ready.hardState !== null) this.#persisted = ready.hardState
    if (this.#failed) return
    for (const message of ready.messages) send(message)
    if (ready.snapshot !== null) this.#install(ready.snapshot)
    for (const entry of ready.committed.slice(early)) this.#apply(entry)
    this.#raft.advance()
    this.#noteLeadership()
    for (const read of ready.reads) this.#waiters.confirmed(read)
    this.#waiters.serve(this.#applied)
    if (this.#bytesSinceSnapshot >= this.#options.snapshotAfterBytes) await this.#compact()
  }

  /**
   * Applies what an earlier Ready made durable, before this one's sync: else every acknowledgement
   * would wait for the sync of those who came after it. Returns how many that were.
   */
  #applyDurable(ready: Ready): number {
    if (ready.snapshot !== null) return 0
    const firstNew = ready.entries[0]?.index ?? Number.POSITIVE_INFINITY
    let count = 0
    for (const entry of ready.committed) {
      if (entry.index >= firstNew) break
      this.#apply(entry)
      count += 1
    }
    return count
  }

  #apply(entry: Entry): void {
    assert(entry.index === this.#applied + 1, 'Entries are applied out of order')
    if (entry.kind === 'data') this.#options.apply(entry)
    this.#applied = entry.index
    this.#bytesSinceSnapshot += entryBytes(entry)
    const own = this.#raft.role === 'leader' && entry.term === this.#raft.term
    if (own) this.#leadingTerm = entry.term
    this.#waiters.applied(entry)
  }

  #install(snapshot: Snapshot): void {
    assert(snapshot.index > this.#applied, 'A snapshot takes the state machine back')
    this.#options.restore(snapshot)
    this.#applied = snapshot.index
    this.#bytesSinceSnapshot = 0
  }

  #noteLeadership(): void {
    const { role, leader, term } = this.#raft
    if (role !== 'leader') this.#waiters.leadershipLost()
    const before = this.#leadership
    // A leader of a new term has yet to apply that term's first entry.
    const leading = role === 'leader' && this.#leadingTerm === term
    if (before.leading === leading && before.leader === leader && before.term === term) return
    this.#leadership = { leading, leader, term }
    this.#options.onLeadership(this.#leadership)
  }

  async #compact(): Promise<void> {
    const { storage, takeSnapshot, keepEntries } = this.#options
    // A leader's snapshot has just replaced the log, and comes with the next Ready.
    if (this.#raft.termAt(this.#applied) === null) return
    const snapshot = this.#raft.snapshotAt(this.#applied, takeSnapshot())
    assert(snapshot.index === this.#applied, 'A snapshot is not of what was applied')
    this.#bytesSinceSnapshot = 0
    await storage.compact(snapshot, Math.max(0, snapshot.index - keepEntries))
    this.#raft.compact(snapshot, keepEntries)
  }

  /** The core throws only for bugs; they latch like a broken disk. */
  #guard(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.#fail(error)
    }
  }

  #fail(error: unknown): void {
    if (this.#failed) return
    this.#failed = true
    this.#cancelTick?.()
    this.#waiters.rejectAll(failedError(error))
    this.#options.onFailure(error)
  }
}

const closedError = (): OperatingError =>
  new OperatingError('closed', 'Cannot use the metadata quorum: this node is closing')

const failedError = (cause?: unknown): OperatingError =>
  new OperatingError('broken', 'Cannot use the metadata quorum: this node has failed', cause)

function refusal(why: 'not-leader' | 'busy' | 'refused', leader: NodeId): OperatingError {
  const reasons = {
    refused: 'only one voter may be added or removed at a time',
    busy: 'too much is waiting already',
    'not-leader': leader === 0 ? 'nobody leads' : `node ${leader} leads`,
  }
  const kind = why === 'refused' ? 'refused' : 'retry'
  return new OperatingError(kind, `Cannot propose metadata: ${reasons[why]}`)
}
