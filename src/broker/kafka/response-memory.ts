// Memory of answers that are on their way, of all connections together. A fetch asks before it
// reads and may take an eighth of what is left, so that many slow readers get ever smaller answers
// instead of ever more memory; with too little left it waits. What clients have not taken is
// counted too. While either is short the broker is "crowded": it reads on only from clients that
// take their answers, and those that take nothing are closed by the listener. It knows no records
// and no sockets.
import { assert } from '../../base/assert.ts'
import { KiB, MiB } from '../../base/units.ts'

/** Largest share of what is left that one answer may take. */
const SHARE = 8
/**
 * Reserved at least while reading, because a reader gets a whole batch even if it asks for less.
 */
const RESERVED_MIN = MiB
/** Below this much for one answer, fetches wait. */
const GRANT_MIN = 64 * KiB
/** Waiting fetches that are woken by each answer that has left. */
const WOKEN_AT_ONCE = 8

/** The bytes of answers that have not left the broker. */
export class ResponseMemory {
  readonly budgetBytes: number
  #usedBytes = 0
  #queuedBytes = 0
  readonly #waiting = new Set<() => void>()

  /** `budgetBytes` for records of fetches; the last answers may exceed it by a batch each. */
  constructor(budgetBytes: number) {
    assert(budgetBytes >= MiB, 'The budget of answers holds at least one common batch')
    this.budgetBytes = budgetBytes
  }

  /** Bytes reserved for or held by answers to fetches. */
  get usedBytes(): number {
    return this.#usedBytes
  }

  /** Bytes of all answers that clients have not taken. */
  get queuedBytes(): number {
    return this.#queuedBytes
  }

  /** Whether whoever does not take its answers is in the way of others. */
  get crowded(): boolean {
    return this.#left() < GRANT_MIN || this.#queuedBytes > this.budgetBytes
  }

  /** Most bytes that one answer may have now. */
  #left(): number {
    return Math.floor((this.budgetBytes - this.#usedBytes) / SHARE)
  }

  /** Reserves memory for an answer of at most `wanted` bytes; 0 when it has to wait. */
  reserve(wanted: number): number {
    const left = this.#left()
    if (left < GRANT_MIN) return 0
    const granted = Math.min(Math.max(wanted, RESERVED_MIN), left)
    this.#usedBytes += granted
    return granted
  }

  /** Gives back what was reserved and not used; negative for a batch larger than was reserved. */
  give(bytes: number): void {
    this.#usedBytes -= bytes
    assert(this.#usedBytes >= 0, 'No more memory of answers comes back than was reserved')
    if (bytes <= 0 || this.#waiting.size === 0) return
    let left = WOKEN_AT_ONCE
    for (const run of this.#waiting) {
      if (left-- === 0 || this.#left() < GRANT_MIN) return
      this.#waiting.delete(run)
      run()
    }
  }

  /** Calls `run` once when there may be memory; returns how to forget it. */
  onFreed(run: () => void): () => void {
    this.#waiting.add(run)
    return () => this.#waiting.delete(run)
  }

  /** A connection's queue has grown, or shrunk, by `bytes`. */
  queued(bytes: number): void {
    this.#queuedBytes += bytes
    assert(this.#queuedBytes >= 0, 'No more leaves the queues than went into them')
  }
}
