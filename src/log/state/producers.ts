// Idempotent producers and transactions of one partition: what is a retry, what is out of order,
// which transactions are open, where the last stable offset is. `check` decides and changes
// nothing; `update` and `complete` follow what was appended, on the leader and on replicas and in
// recovery alike, and refuse nothing, because what is in the log has been decided.
//
//   unknown ──batch──▶ known ──transactional batch──▶ open ──marker──▶ known ──idle──▶ unknown
//
// Pure and without a clock: the caller tells the time. Nothing is allocated for a known producer.
// It does not know which partitions a transaction holds; the coordinator does (KIP-98, KIP-890).
import { assert } from '../../base/assert.ts'
import { ErrorCode } from '../../base/error-codes.ts'
import { offset, type Offset } from '../../base/units.ts'
import type { AbortedSpan } from './aborted.ts'
import type { MarkerValue } from '../segment/batch-view.ts'
import { OpenTransactions } from './open-transactions.ts'
import { NONE, ProducerEntry } from './producer-entry.ts'

/** The fields of a batch that matter here. A caller on the hot path fills the same object again. */
export interface ProducerBatch {
  /** -1 when the producer is not idempotent; such batches never come here. */
  producerId: number
  producerEpoch: number
  /**
   * Sequence of the first record; -1 for a coordinator's own transactional writes, which have none.
   */
  baseSequence: number
  lastOffsetDelta: number
  transactional: boolean
  maxTimestamp: number
}

/** What `check` found. The object is reused: valid until the next `check`. */
export interface ProducerVerdict {
  /** 0, or the Kafka error code with which the batch must be refused. */
  readonly code: number
  /** True for a repeat of a batch in the window: answer with the fields below, append nothing. */
  readonly duplicate: boolean
  /** First offset, exclusive end and timestamp of the original; -1 unless a duplicate. */
  readonly baseOffset: Offset
  readonly endOffset: Offset
  readonly timestampMs: number
}

/** A transaction marker as it stands in the log, or is about to. */
export interface ProducerMarker extends MarkerValue {
  readonly producerId: number
  readonly producerEpoch: number
}

/** What DescribeProducers tells of one producer. */
export interface ProducerDescription {
  readonly producerId: number
  readonly producerEpoch: number
  /** -1 when the window is empty. */
  readonly lastSequence: number
  readonly lastTimestamp: number
  /** -1 when no marker was seen. */
  readonly coordinatorEpoch: number
  /** -1 when no transaction is open. */
  readonly transactionStart: Offset
}

/** Limits of one partition's producer state. */
export interface ProducerLimits {
  /** Producers remembered; above it the longest idle ones without a transaction are forgotten. */
  readonly producersMax: number
  /** Idle time after which a producer is forgotten: `producer.id.expiration.ms`. */
  readonly expirationMs: number
}

/** `sequence + count`, wrapping from 2^31 - 1 to 0. */
export function advanceSequence(sequence: number, count: number): number {
  const sum = sequence + count
  return sum > 0x7fffffff ? sum - 0x80000000 : sum
}

interface MutableVerdict {
  code: number
  duplicate: boolean
  baseOffset: Offset
  endOffset: Offset
  timestampMs: number
}

/** Producer state of one partition. One writer. */
export class Producers {
  readonly limits: ProducerLimits
  readonly #entries = new Map<number, ProducerEntry>()
  readonly #open = new OpenTransactions()
  readonly #verdict: MutableVerdict = {
    code: 0,
    duplicate: false,
    baseOffset: NONE,
    endOffset: NONE,
    timestampMs: -1,
  }

  constructor(limits: ProducerLimits) {
    assert(limits.producersMax > 0, 'Producers need room for one')
    this.limits = limits
  }

  /** How many producers are remembered. */
  get size(): number {
    return this.#entries.size
  }

  /**
   * Decides on a client's batch: append it, answer it as a repeat, or refuse it. Changes nothing.
   * `epochBumps` tells that its transaction's coordinator raises the epoch with every transaction
   * (transaction version 2), so that an unknown producer can only be at sequence 0.
   */
  check(batch: ProducerBatch, epochBumps: boolean): ProducerVerdict {
    const verdict = this.#verdict
    verdict.duplicate = false
    verdict.baseOffset = NONE
    verdict.endOffset = NONE
    verdict.timestampMs = -1
    const entry = this.#entries.get(batch.producerId)
    if (entry === undefined) {
      verdict.code = this.#checkUnknown(batch, epochBumps)
      return verdict
    }
    if (batch.baseSequence >= 0 && batch.producerEpoch === entry.epoch) {
      const lastSequence = advanceSequence(batch.baseSequence, batch.lastOffsetDelta)
      const i = entry.find(batch.baseSequence, lastSequence)
      if (i >= 0) {
        verdict.code = 0
        verdict.duplicate = true
        verdict.baseOffset = entry.baseOffsetAt(i)
        verdict.endOffset = entry.endOffsetAt(i)
        verdict.timestampMs = entry.timestampAt(i)
        return verdict
      }
    }
    verdict.code = checkKnown(entry, batch)
    return verdict
  }

  /**
   * Follows a data batch that was appended at `[base, base + lastOffsetDelta]`. `nowMs` is the
   * broker's time, by which idleness is measured: record timestamps are the client's to invent.
   */
  update(batch: ProducerBatch, base: Offset, nowMs: number): void {
    assert(batch.producerId >= 0, 'Only batches with a producer id have producer state')
    const entry = this.#entry(batch.producerId, nowMs)
    entry.moveTo(batch.producerEpoch)
    const end = offset(base + batch.lastOffsetDelta + 1)
    if (batch.baseSequence >= 0) {
      const last = advanceSequence(batch.baseSequence, batch.lastOffsetDelta)
      entry.push(batch.baseSequence, last, base, end, batch.maxTimestamp)
    }
    entry.lastTimestamp = batch.maxTimestamp
    entry.touchedMs = nowMs
    if (batch.transactional && entry.transactionStart === NONE) {
      entry.transactionStart = base
      this.#open.begin(batch.producerId, base)
    }
  }

  /**
   * 0 when a coordinator's marker may be appended, else its error code. With transaction version 2
   * a marker's epoch is above its data's, so an equal one is only a repeat of a finished ending.
   */
  checkMarker(marker: ProducerMarker, transactionVersion: number): number {
    const entry = this.#entries.get(marker.producerId)
    if (entry === undefined) return ErrorCode.NONE
    const repeat = marker.producerEpoch === entry.epoch && entry.transactionStart === NONE
    const least = transactionVersion >= 2 && !repeat ? entry.epoch + 1 : entry.epoch
    if (marker.producerEpoch < least) return ErrorCode.INVALID_PRODUCER_EPOCH
    return marker.coordinatorEpoch < entry.coordinatorEpoch
      ? ErrorCode.TRANSACTION_COORDINATOR_FENCED
      : ErrorCode.NONE
  }

  /**
   * Follows a marker appended at `at`. The aborted transaction it ends, for the aborted list; null
   * when it commits, or when no transaction of that producer was open here.
   */
  complete(
    marker: ProducerMarker,
    at: Offset,
    timestampMs: number,
    nowMs: number,
  ): AbortedSpan | null {
    const entry = this.#entry(marker.producerId, nowMs)
    entry.moveTo(marker.producerEpoch)
    entry.coordinatorEpoch = marker.coordinatorEpoch
    entry.lastTimestamp = timestampMs
    entry.touchedMs = nowMs
    const firstOffset = entry.transactionStart
    if (firstOffset === NONE) return null
    entry.transactionStart = NONE
    this.#open.end(marker.producerId, firstOffset, at)
    if (marker.commit) return null
    const lastStableOffset = this.#open.firstUndecided() ?? offset(at + 1)
    return { producerId: marker.producerId, firstOffset, lastOffset: at, lastStableOffset }
  }

  /**
   * First offset that is not stable: of the oldest transaction that is open, or whose marker lies
   * at or above `highWatermark`; null when there is none. The last stable offset is the smaller of
   * it and the high watermark, raised to the log start.
   */
  firstUnstable(highWatermark: Offset): Offset | null {
    return this.#open.firstUnstable(highWatermark)
  }

  /** Forgets producers idle for longer than their expiration, but none with an open transaction. */
  expire(nowMs: number): number {
    let expired = 0
    for (const [id, entry] of this.#entries) {
      if (entry.transactionStart !== NONE) continue
      if (nowMs - entry.touchedMs < this.limits.expirationMs) continue
      this.#entries.delete(id)
      expired++
    }
    return expired
  }

  /** Every producer that is remembered, for DescribeProducers. */
  describe(): ProducerDescription[] {
    return Array.from(this.#entries.values(), (entry) => ({
      producerId: entry.producerId,
      producerEpoch: entry.epoch,
      lastSequence: entry.lastSequence,
      lastTimestamp: entry.lastTimestamp,
      coordinatorEpoch: entry.coordinatorEpoch,
      transactionStart: entry.transactionStart,
    }))
  }

  /** Its entries and transactions, borrowed: for the snapshot alone. */
  get parts(): {
    readonly entries: Iterable<ProducerEntry>
    readonly count: number
    readonly open: OpenTransactions
  } {
    return { entries: this.#entries.values(), count: this.#entries.size, open: this.#open }
  }

  /**
   * Takes an entry that was read from a snapshot; `open` transactions are taken in offset order.
   */
  adopt(entry: ProducerEntry): void {
    assert(!this.#entries.has(entry.producerId), 'A snapshot names a producer once')
    this.#entries.set(entry.producerId, entry)
  }

  #checkUnknown(batch: ProducerBatch, epochBumps: boolean): number {
    if (epochBumps && batch.transactional && batch.baseSequence > 0) {
      return ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER
    }
    // Full of open transactions only when a coordinator leaves them hanging: retriable for clients.
    if (this.#entries.size >= this.limits.producersMax && this.#open.count >= this.#entries.size) {
      return ErrorCode.NOT_ENOUGH_REPLICAS
    }
    return ErrorCode.NONE
  }

  #entry(producerId: number, nowMs: number): ProducerEntry {
    const known = this.#entries.get(producerId)
    if (known !== undefined) return known
    if (this.#entries.size >= this.limits.producersMax) this.#evict()
    const entry = new ProducerEntry(producerId, nowMs)
    this.#entries.set(producerId, entry)
    return entry
  }

  /**
   * Forgets the longest idle sixty-fourth, so that the search for them is paid once per so many.
   */
  #evict(): void {
    const idle = [...this.#entries.values()].filter((entry) => entry.transactionStart === NONE)
    idle.sort((a, b) => a.touchedMs - b.touchedMs)
    idle.length = Math.min(idle.length, Math.max(1, Math.floor(this.limits.producersMax / 64)))
    for (const entry of idle) this.#entries.delete(entry.producerId)
  }
}

/** 0 when `batch` may follow on what `entry` remembers and is not a repeat, else the error code. */
function checkKnown(entry: ProducerEntry, batch: ProducerBatch): number {
  if (batch.producerEpoch < entry.epoch) return ErrorCode.INVALID_PRODUCER_EPOCH
  if (batch.baseSequence >= 0) {
    // The window is empty after an epoch began with a marker: then -1 + 1 asks for sequence 0.
    const fresh = batch.producerEpoch > entry.epoch
    const expected = fresh ? 0 : advanceSequence(entry.lastSequence, 1)
    if (batch.baseSequence !== expected) return ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER
  }
  if (entry.transactionStart !== NONE && !batch.transactional) return ErrorCode.INVALID_TXN_STATE
  return ErrorCode.NONE
}
