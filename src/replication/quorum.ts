// Counting the data quorum of one partition in one epoch: who of the copyset has acknowledged how
// far, and what therefore is the high watermark. The W-th largest acknowledged end is held by W
// replicas; an acknowledgement counts only once it covers the epoch's start, so the high watermark
// stands still in a new epoch until W replicas hold that start and the tail below it. A new epoch
// is a new object: copyset and quorums never change within one. It knows no replicas' addresses and
// no bytes. With one replica an acknowledgement is one comparison and one store.
import { assert } from '../base/assert.ts'
import { OperatingError } from '../base/errors.ts'
import type { LeaderEpoch, Offset } from '../base/units.ts'
import { offset } from '../base/units.ts'

/** A replica by its broker's node id. */
export type ReplicaId = number

/** Largest copyset. */
export const COPYSET_MAX = 16

/** How many must hold a record before it is acknowledged (W), and answer before a seal is (R). */
export interface QuorumSizes {
  readonly copyset: readonly ReplicaId[]
  readonly writeQuorum: number
  readonly sealQuorum: number
  /** `available` accepts W + R ≤ N: acknowledged records can then be lost. */
  readonly consistency: 'safe' | 'available'
}

/** One epoch of one partition. */
export interface QuorumEpoch extends QuorumSizes {
  readonly epoch: LeaderEpoch
  /** End offset of the previous epoch, which is where this one begins. */
  readonly start: Offset
  /** Highest high watermark known when the epoch was opened. */
  readonly highWatermark: Offset
}

/**
 * Why such quorums cannot be, or null. With W + R > N every seal meets every acknowledged record at
 * one replica at least (INV-26); without it, only a topic that asked for availability may go on.
 */
export function quorumProblem(sizes: QuorumSizes): string | null {
  const { copyset, writeQuorum: w, sealQuorum: r, consistency } = sizes
  const n = copyset.length
  if (n < 1 || n > COPYSET_MAX) return `a copyset has 1 to ${COPYSET_MAX} replicas, not ${n}`
  if (new Set(copyset).size !== n) return 'a replica appears twice in the copyset'
  if (!Number.isInteger(w) || w < 1 || w > n)
    return `a write quorum of ${w} does not fit ${n} replicas`
  if (!Number.isInteger(r) || r < 1 || r > n)
    return `a seal quorum of ${r} does not fit ${n} replicas`
  if (w + r <= n && consistency === 'safe') {
    return `${w} + ${r} is not more than ${n}: a failover could lose acknowledged records`
  }
  return null
}

/** Acknowledgements of one epoch. Not for use in another. */
export class DataQuorum {
  readonly epoch: LeaderEpoch
  readonly start: Offset
  readonly copyset: readonly ReplicaId[]
  readonly writeQuorum: number
  readonly sealQuorum: number
  /** Acknowledged ends in the copyset's order; -1 before a replica holds the epoch's start. */
  readonly #ends: Float64Array
  /** The same in descending order, kept sorted by every acknowledgement. */
  readonly #sorted: Float64Array
  #highWatermark: Offset

  /** Throws `refused` for quorums that cannot be or are unsafe without having been asked for. */
  constructor(options: QuorumEpoch) {
    const problem = quorumProblem(options)
    if (problem !== null) throw new OperatingError('refused', `Cannot open an epoch: ${problem}`)
    assert(options.start >= 0, 'An epoch starts before the log')
    assert(options.highWatermark <= options.start, 'A high watermark lies above the epoch start')
    this.epoch = options.epoch
    this.start = options.start
    this.copyset = [...options.copyset]
    this.writeQuorum = options.writeQuorum
    this.sealQuorum = options.sealQuorum
    this.#ends = new Float64Array(options.copyset.length).fill(-1)
    this.#sorted = new Float64Array(options.copyset.length).fill(-1)
    this.#highWatermark = options.highWatermark
  }

  /** End (exclusive) of what the write quorum holds. Never goes back. */
  get highWatermark(): Offset {
    return this.#highWatermark
  }

  /** The quorum holds the epoch's start: appends of this epoch can be acknowledged from now on. */
  get isOpen(): boolean {
    return (this.#sorted[this.writeQuorum - 1] ?? -1) >= 0
  }

  /** What `replica` has acknowledged in this epoch, or null before it holds the start. */
  acknowledgedEnd(replica: ReplicaId): Offset | null {
    const end = this.#ends[this.copyset.indexOf(replica)] ?? -1
    return end < 0 ? null : offset(end)
  }

  /**
   * `replica` holds everything below `end` at the level asked, the epoch's start included if `end`
   * reaches it. Late and repeated acknowledgements change nothing; strangers' do not count. Returns
   * the high watermark.
   */
  acknowledge(replica: ReplicaId, end: Offset): Offset {
    const ends = this.#ends
    if (ends.length === 1) {
      if (replica !== this.copyset[0] || end < this.start) return this.#highWatermark
      if (end > (ends[0] ?? -1)) {
        ends[0] = end
        this.#sorted[0] = end
        this.#raise(end)
      }
      return this.#highWatermark
    }
    const at = this.copyset.indexOf(replica)
    if (at < 0 || end < this.start) return this.#highWatermark
    const before = ends[at] ?? -1
    if (end <= before) return this.#highWatermark
    ends[at] = end
    this.#lift(before, end)
    const reached = this.#sorted[this.writeQuorum - 1] ?? -1
    if (reached >= 0) this.#raise(offset(reached))
    return this.#highWatermark
  }

  /** Replaces one `before` by the larger `end` in descending order; moves what lies between. */
  #lift(before: number, end: number): void {
    const sorted = this.#sorted
    let at = sorted.lastIndexOf(before)
    assert(at >= 0, 'An acknowledged end is not among the sorted ones')
    while (at > 0 && (sorted[at - 1] ?? 0) < end) {
      sorted[at] = sorted[at - 1] ?? 0
      at -= 1
    }
    sorted[at] = end
  }

  #raise(to: Offset): void {
    assert(to >= this.start, 'A high watermark moves before the epoch is open')
    if (to > this.#highWatermark) this.#highWatermark = to
  }
}
