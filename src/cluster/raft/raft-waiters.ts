// Those who wait for the metadata quorum: proposals until their entry is applied here, reads until
// their index is. Nobody waits for ever: a lost leadership, a failure, a close or (for reads,
// whose messages may be lost) a number of ticks ends it with an error that says what is known.
import { assert } from '../../base/assert.ts'
import { OperatingError } from '../../base/errors.ts'
import type { Term } from '../../base/units.ts'
import type { Entry } from '../../raft/messages.ts'
import type { Proposed } from '../../raft/raft.ts'
import type { ReadState } from '../../raft/state.ts'

interface ProposalWaiter {
  readonly term: Term
  readonly resolve: (done: { readonly index: number }) => void
  readonly reject: (error: unknown) => void
}

interface ReadWaiter {
  /** Index that must be applied; null until the leader named it. */
  index: number | null
  ticksLeft: number
  readonly resolve: (index: number) => void
  readonly reject: (error: unknown) => void
}

const lostError = (): OperatingError =>
  new OperatingError(
    'fenced',
    'Cannot tell whether metadata was committed: leadership was lost meanwhile',
  )

const retryRead = (why: string): OperatingError =>
  new OperatingError('retry', `Cannot read metadata: ${why}`)

/** The promises that one driver has handed out. */
export class RaftWaiters {
  readonly #proposals = new Map<number, ProposalWaiter>()
  readonly #reads = new Map<number, ReadWaiter>()

  /** Waits for the entry at that index and term. */
  proposal(proposed: Proposed): Promise<{ readonly index: number }> {
    // Leadership was lost and won again meanwhile, and the entry that stood there is gone.
    const stale = this.#proposals.get(proposed.index)
    assert(stale === undefined || stale.term < proposed.term, 'Two proposals share an index')
    stale?.reject(lostError())
    return new Promise((resolve, reject) => {
      this.#proposals.set(proposed.index, { term: proposed.term, resolve, reject })
    })
  }

  /** Waits for the read `id` to be confirmed and applied, at most `ticks` ticks. */
  read(id: number, ticks: number): Promise<number> {
    assert(!this.#reads.has(id), 'Two reads share an id')
    assert(ticks > 0, 'A read has no time')
    return new Promise((resolve, reject) => {
      this.#reads.set(id, { index: null, ticksLeft: ticks, resolve, reject })
    })
  }

  /**
   * `entry` was applied: whoever proposed it is told, and whoever proposed another in its place.
   */
  applied(entry: Entry): void {
    const waiter = this.#proposals.get(entry.index)
    if (waiter === undefined) return
    this.#proposals.delete(entry.index)
    if (waiter.term === entry.term) waiter.resolve({ index: entry.index })
    else waiter.reject(lostError())
  }

  /** This node does not lead: what it proposed may be committed by another leader, or never. */
  leadershipLost(): void {
    for (const waiter of this.#proposals.values()) waiter.reject(lostError())
    this.#proposals.clear()
  }

  /** The leader named a read's index, or -1 when it lost leadership. */
  confirmed(read: ReadState): void {
    const waiter = this.#reads.get(read.id)
    if (waiter === undefined) return
    if (read.index >= 0) {
      waiter.index = read.index
      return
    }
    this.#reads.delete(read.id)
    waiter.reject(retryRead('leadership was lost'))
  }

  /** Everything up to `index` is applied: reads at or below it are served. */
  serve(index: number): void {
    for (const [id, read] of this.#reads) {
      if (read.index === null || read.index > index) continue
      this.#reads.delete(id)
      read.resolve(read.index)
    }
  }

  /** One tick: reads whose time is over are given up. */
  tick(): void {
    for (const [id, read] of this.#reads) {
      read.ticksLeft -= 1
      if (read.ticksLeft > 0) continue
      this.#reads.delete(id)
      read.reject(retryRead('the leader did not answer'))
    }
  }

  /** Nothing will be resolved any more. */
  rejectAll(error: OperatingError): void {
    for (const waiter of this.#proposals.values()) waiter.reject(error)
    for (const read of this.#reads.values()) read.reject(error)
    this.#proposals.clear()
    this.#reads.clear()
  }
}
