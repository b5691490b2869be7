// What a leader knows of one follower, and how much it may send it. A follower whose end is
// unknown is probed with one append at a time; once they agree, appends are pipelined up to a
// window; one that needs entries the leader no longer has is sent a snapshot and nothing else
// meanwhile.
//
//   probe ──ack──▶ replicate ──reject──▶ probe
//   probe|replicate ──entries compacted──▶ snapshot ──ack or patience lost──▶ probe
//
// match < next always; match never goes back while the follower keeps its disk.
import { assert } from '../base/assert.ts'

/** How a follower is being fed. */
export type ProgressState = 'probe' | 'replicate' | 'snapshot'

/** One follower as its leader sees it. */
export class Progress {
  state: ProgressState = 'probe'
  /** Durable at the follower and equal to the leader's log up to here. */
  match = 0
  /** Next index to send. */
  next: number
  /** Disk of the follower that `match` was reported from; null before its first word. */
  disk: number | null = null
  /** Said anything since the last check of the quorum. */
  active = false
  /** Last read round that the follower confirmed. */
  round = 0
  /** Commit index that the last append told the follower. */
  commitTold = 0
  /** In probe: an append is out, wait for its answer or a heartbeat's. */
  probing = false
  /** In snapshot: index of the one that was sent. */
  snapshotIndex = 0
  /** In snapshot: ticks since it was sent. */
  snapshotAge = 0
  /** Ends of the appends in flight, oldest first. */
  readonly #inflight: number[] = []
  readonly #inflightMax: number

  constructor(next: number, inflightMax: number) {
    assert(next >= 1, 'A follower is fed from before the first entry')
    assert(inflightMax >= 1, 'A window holds no append')
    this.next = next
    this.#inflightMax = inflightMax
  }

  /** Nothing may be sent until the follower speaks. */
  get paused(): boolean {
    if (this.state === 'probe') return this.probing
    if (this.state === 'replicate') return this.#inflight.length >= this.#inflightMax
    return true
  }

  /** Number of appends in flight. */
  get inflight(): number {
    return this.#inflight.length
  }

  /** Starts over from just after what is known to match (or after a snapshot that was acked). */
  becomeProbe(): void {
    this.next = this.match + 1
    this.#enter('probe')
  }

  becomeReplicate(): void {
    this.next = this.match + 1
    this.#enter('replicate')
  }

  becomeSnapshot(index: number): void {
    assert(index > this.match, 'A snapshot holds nothing new for the follower')
    this.#enter('snapshot')
    this.snapshotIndex = index
  }

  #enter(state: ProgressState): void {
    this.state = state
    this.probing = false
    this.snapshotIndex = 0
    this.#inflight.length = 0
    assert(this.match < this.next, 'A follower is fed what it has')
  }

  /** The follower came back with another disk: what it told before was another voter's word. */
  forget(disk: number): void {
    this.disk = disk
    this.match = 0
    this.round = 0
    this.next = Math.max(1, this.next)
    this.#enter('probe')
  }

  /** An append whose last entry is `end` goes out (`count` entries; 0 for a bare probe). */
  sent(end: number, count: number): void {
    assert(this.state !== 'snapshot', 'An append is sent beside a snapshot')
    assert(end >= this.match, 'An append ends before what matches')
    if (this.state === 'probe') {
      this.probing = true
      return
    }
    if (count === 0) return
    assert(this.#inflight.length < this.#inflightMax, 'A window overflows')
    this.next = end + 1
    this.#inflight.push(end)
  }

  /** The follower holds everything up to `index`. Returns whether that is news. */
  acknowledged(index: number): boolean {
    while (this.#inflight.length > 0 && (this.#inflight[0] ?? 0) <= index) this.#inflight.shift()
    const news = index > this.match
    if (news) {
      this.match = index
      this.probing = false
    }
    this.next = Math.max(this.next, index + 1)
    assert(this.match < this.next, 'A follower is fed what it has')
    return news
  }

  /**
   * The follower refused an append after `rejected`, and may match at `hint` at most. Returns
   * false for an answer to something older than what is known by now.
   */
  refused(rejected: number, hint: number): boolean {
    if (this.state === 'snapshot') return false
    if (this.state === 'replicate') {
      if (rejected <= this.match) return false
      this.becomeProbe()
      return true
    }
    if (this.next - 1 !== rejected) return false
    this.next = Math.max(Math.min(rejected, hint + 1), this.match + 1)
    this.probing = false
    return true
  }

  /** A heartbeat was answered: the line works, so a lost append may be sent again. */
  heard(): void {
    this.active = true
    this.probing = false
    if (this.state === 'replicate' && this.paused) this.#inflight.shift()
  }
}
