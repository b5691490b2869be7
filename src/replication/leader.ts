// The leader of one partition: validates and de-duplicates what producers send, appends it to the
// local log, counts acknowledgements in the quorum of the partition's epoch, and moves the high
// watermark, which answers producers and wakes readers. With a copyset of one the local replica is
// the quorum; followers join by acknowledging through the same door.
//
//   leading ──▶ resigned (deleted, or another broker leads: all waiters get NOT_LEADER)
import { assert } from '../base/assert.ts'
import { ErrorCode } from '../base/error-codes.ts'
import { OperatingError } from '../base/errors.ts'
import type { LeaderEpoch, Offset } from '../base/units.ts'
import { offset } from '../base/units.ts'
import type { Lineage } from '../log/state/lineage.ts'
import { type ArchivedLimits, failedRead, newerOf, readArchived } from './archived.ts'
import type { AbortedSpan } from '../log/state/aborted.ts'
import type { LogListener, PartitionLog } from '../log/partition-log.ts'
import type { PartitionReader } from '../log/partition-reader.ts'
import { findMaxTimestamp, findTimestamp } from '../log/timestamp-search.ts'
import type { LogStore } from '../log/log-store.ts'
import { recompress } from '../record/builder.ts'
import * as header from '../record/header.ts'
import type { RecordTools } from '../record/section.ts'
import { BatchVerdict, validateBatch } from '../record/validate.ts'
import type {
  AbortedTransaction,
  AppendOutcome,
  Isolation,
  Partition,
  PartitionOffsets,
  ReadOutcome,
  TimestampHit,
} from './partition.ts'
import { DataQuorum } from './quorum.ts'
import type { TopicRules } from './topic-rules.ts'
import type { PartitionTier } from '../tier/partition-tier.ts'
import { Waiters } from './waiters.ts'

const NONE = offset(-1)
const NO_INDEXES: readonly number[] = []
/** What an archived offset counts for in a fetch: there is always enough behind it. */
const ARCHIVED_BYTES = 2 ** 31
/** Longest that a look-up waits for a sync that does not end. */
const READABLE_WAIT_MS = 5000

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** What a leader works with. */
export interface LeaderDeps {
  readonly store: LogStore
  readonly log: PartitionLog
  readonly reader: PartitionReader
  readonly tools: RecordTools
  /** Id of this broker: the replica that acknowledges local appends. */
  readonly replicaId: number
}

/** A partition led by this broker. */
export class Leader implements Partition, LogListener {
  readonly topicId: string
  readonly topic: string
  readonly index: number
  readonly log: PartitionLog
  /** The partition's archive; null while its topic is not tiered. */
  tier: PartitionTier | null = null
  readonly #store: LogStore
  readonly #reader: PartitionReader
  readonly #tools: RecordTools
  readonly #replicaId: number
  readonly #quorum: DataQuorum
  #rules: Mutable<TopicRules>
  #highWatermark: Offset
  /** The local journal has everything below. */
  #writtenEnd: Offset
  /** End of what producers with acks=1 were told is here, or soon will be. */
  #promised = NONE
  #resigned = false
  readonly #acknowledged = new Waiters()
  readonly #written = new Waiters()
  #watchers = new Set<() => void>()
  readonly #verdict = new BatchVerdict()
  readonly #outcome: Mutable<AppendOutcome> = {
    code: 0,
    baseOffset: NONE,
    endOffset: NONE,
    logAppendTimeMs: -1,
    message: null,
    badRecordIndexes: NO_INDEXES,
  }

  constructor(
    deps: LeaderDeps,
    topic: { readonly id: string; readonly name: string; readonly index: number },
    rules: TopicRules,
    epoch: LeaderEpoch,
  ) {
    this.topicId = topic.id
    this.topic = topic.name
    this.index = topic.index
    this.log = deps.log
    this.#store = deps.store
    this.#reader = deps.reader
    this.#tools = deps.tools
    this.#replicaId = deps.replicaId
    this.#rules = { ...rules }
    const latest = this.log.state.lineage.latestEpoch
    if (latest === null || epoch > latest) this.log.startEpoch(epoch)
    // With one replica all that recovery kept is committed: nobody else could disagree.
    this.#highWatermark = this.log.nextOffset
    this.#writtenEnd = this.#highWatermark
    this.#quorum = new DataQuorum({
      copyset: [deps.replicaId],
      writeQuorum: 1,
      sealQuorum: 1,
      consistency: 'safe',
      epoch: this.log.epoch,
      start: this.#highWatermark,
      highWatermark: this.#highWatermark,
    })
    this.log.listener = this
  }

  get leaderEpoch(): LeaderEpoch {
    return this.log.epoch
  }

  get offsets(): PartitionOffsets {
    return {
      logStart: this.log.logStart,
      lastStable: this.#lastStable(),
      highWatermark: this.#highWatermark,
      logEnd: this.log.nextOffset,
    }
  }

  get sizeBytes(): number {
    return this.log.sizeBytes
  }

  /** Takes changed topic settings. */
  configure(rules: TopicRules): void {
    this.#rules = { ...rules }
  }

  append(batch: Uint8Array, produceVersion: number): AppendOutcome {
    const outcome = this.#outcome
    outcome.logAppendTimeMs = -1
    outcome.message = null
    outcome.badRecordIndexes = NO_INDEXES
    outcome.baseOffset = NONE
    outcome.endOffset = NONE
    if (this.#resigned) return this.#refuse(ErrorCode.NOT_LEADER_OR_FOLLOWER, null)
    if (this.#store.failure !== null) {
      return this.#refuse(ErrorCode.KAFKA_STORAGE_ERROR, 'The broker cannot write to its disk')
    }
    if (this.#store.full) {
      return this.#refuse(ErrorCode.KAFKA_STORAGE_ERROR, 'The broker has too little free disk')
    }
    const rules = this.#rules
    const nowMs = this.#store.clock.wallMs()
    rules.nowMs = nowMs
    rules.produceVersion = produceVersion
    const verdict = this.#verdict
    if (!validateBatch(batch, rules, this.#tools, verdict)) {
      outcome.badRecordIndexes = verdict.badIndexes
      return this.#refuse(verdict.code, verdict.message)
    }
    if (verdict.transactional) {
      // No coordinator is served that could end it, and readers of committed records would wait
      // for its end for ever.
      return this.#refuse(ErrorCode.INVALID_TXN_STATE, 'Transactions are not served')
    }
    if (verdict.producerId >= 0 && this.#checkProducer(verdict)) return outcome
    return this.#appendValid(batch, nowMs)
  }

  /** Whether the producer check has already decided the outcome: a duplicate or a refusal. */
  #checkProducer(verdict: BatchVerdict): boolean {
    const outcome = this.#outcome
    const found = this.log.state.producers.check(verdict, false)
    if (found.code !== 0) {
      this.#refuse(found.code, null)
      return true
    }
    if (!found.duplicate) return false
    outcome.code = 0
    outcome.baseOffset = found.baseOffset
    outcome.endOffset = found.endOffset
    if (this.#rules.timestampType === 'append') outcome.logAppendTimeMs = found.timestampMs
    return true
  }

  #appendValid(batch: Uint8Array, nowMs: number): AppendOutcome {
    const outcome = this.#outcome
    const rules = this.#rules
    let stored = batch
    if (rules.compression !== 'producer' && rules.compression !== this.#verdict.codec) {
      stored = recompress(batch, rules.compression, this.#tools, rules.decompressedMax)
      if (stored.length > rules.maxBytes) {
        return this.#refuse(ErrorCode.MESSAGE_TOO_LARGE, 'Recompressed batch exceeds the limit')
      }
    }
    if (rules.timestampType === 'append') {
      header.setLogAppendTime(stored, 0, nowMs)
      outcome.logAppendTimeMs = nowMs
    } else if (this.#verdict.maxTimestampDiffers) {
      header.setMaxTimestamp(stored, 0, this.#verdict.maxTimestamp)
    }
    const base = this.log.append(stored, nowMs)
    if (base < 0) {
      return this.#refuse(ErrorCode.KAFKA_STORAGE_ERROR, 'The write cache is full; try again')
    }
    outcome.code = 0
    outcome.baseOffset = base
    outcome.endOffset = this.log.nextOffset
    assert(outcome.endOffset > base, 'A batch takes at least one offset')
    return outcome
  }

  #refuse(code: number, message: string | null): AppendOutcome {
    this.#outcome.code = code
    this.#outcome.message = message
    return this.#outcome
  }

  /** Appends a batch of the broker's own, such as a group's records; it is taken as valid. */
  appendOwn(batch: Uint8Array): AppendOutcome {
    const outcome = this.#outcome
    outcome.logAppendTimeMs = -1
    outcome.message = null
    outcome.badRecordIndexes = NO_INDEXES
    outcome.baseOffset = NONE
    outcome.endOffset = NONE
    if (this.#resigned) return this.#refuse(ErrorCode.NOT_LEADER_OR_FOLLOWER, null)
    const { failure, stalled } = this.#store
    if (failure !== null || stalled) return this.#refuse(ErrorCode.KAFKA_STORAGE_ERROR, null)
    const base = this.log.append(batch, this.#store.clock.wallMs())
    if (base < 0) return this.#refuse(ErrorCode.KAFKA_STORAGE_ERROR, null)
    outcome.code = 0
    outcome.baseOffset = base
    outcome.endOffset = this.log.nextOffset
    return outcome
  }

  acknowledged(end: Offset, deadlineMs: number, done: (code: number) => void): void {
    if (end <= this.#highWatermark) done(0)
    else if (this.#resigned) done(ErrorCode.NOT_LEADER_OR_FOLLOWER)
    else this.#acknowledged.add(end, deadlineMs, done)
  }

  appended(end: Offset, done: (code: number) => void): void {
    if (end <= this.#highWatermark) return done(0)
    if (end > this.#promised) this.#promised = end
    this.#written.add(end, Infinity, done)
  }

  /**
   * Resolves once readers may see all that producers with acks=1 have been told is here; null if
   * they do. Those are answered before the sync, so who then asks where the log ends waits for it.
   * With followers acks=1 promises readers nothing, and nobody waits.
   */
  readable(): Promise<void> | null {
    const end = this.#promised
    if (end <= this.#highWatermark || this.#resigned) return null
    if (this.#quorum.copyset.length > 1) return null
    const deadlineMs = this.#store.clock.monotonicMs() + READABLE_WAIT_MS
    return new Promise((resolve) => this.#acknowledged.add(end, deadlineMs, () => resolve()))
  }

  /** The local journal has everything below `end`: what acks=1 waits for. */
  written(end: Offset): void {
    this.#writtenEnd = end
    this.#written.reach(end)
  }

  /**
   * The disk is full: producers are told, as they are while it is. Their batches keep their offsets
   * and are in the log once there is room, so a repeat of an idempotent one is known.
   */
  delayed(): void {
    this.#written.fail(ErrorCode.KAFKA_STORAGE_ERROR)
    this.#acknowledged.failAbove(this.#writtenEnd, ErrorCode.KAFKA_STORAGE_ERROR)
  }

  /** The local replica holds everything below `end` at the level the topic asks for. */
  held(end: Offset): void {
    const before = this.#highWatermark
    const after = this.#quorum.acknowledge(this.#replicaId, end)
    if (after <= before) return
    assert(after <= this.log.nextOffset, 'The high watermark stays in the log')
    this.#highWatermark = after
    this.#acknowledged.reach(after)
    this.#wake()
  }

  /** Fails produce requests that waited too long; called by the broker's clock. */
  expire(nowMs: number): void {
    if (this.#acknowledged.size > 0) this.#acknowledged.expire(nowMs, ErrorCode.REQUEST_TIMED_OUT)
  }

  /** Stops leading: every waiter is told. */
  resign(code: number): void {
    if (this.#resigned) return
    this.#resigned = true
    this.log.listener = null
    this.#acknowledged.fail(code)
    this.#written.fail(code)
    this.#wake()
  }

  read(
    from: Offset,
    limits: {
      readonly maxBytes: number
      readonly atLeastOne: boolean
      readonly isolation: Isolation
      readonly signal?: AbortSignal
    },
  ): ReadOutcome | Promise<ReadOutcome> {
    if (from < this.log.logStart || from > this.log.nextOffset) {
      return failedRead(ErrorCode.OFFSET_OUT_OF_RANGE, from)
    }
    const end = limits.isolation === 1 ? this.#lastStable() : this.#highWatermark
    if (from < this.log.localStart) return this.#readArchived(from, { ...limits, end })
    const read = this.#reader.read(from, {
      end,
      maxBytes: limits.maxBytes,
      atLeastOne: limits.atLeastOne,
    })
    if (!(read instanceof Promise)) {
      return {
        code: 0,
        parts: read.parts,
        bytes: read.bytes,
        nextOffset: read.nextOffset,
        aborted: limits.isolation === 1 ? this.#abortedIn(from, read.nextOffset) : null,
        release: read.release,
      }
    }
    return read.then(
      (found) => ({
        code: 0,
        parts: found.parts,
        bytes: found.bytes,
        nextOffset: found.nextOffset,
        aborted: limits.isolation === 1 ? this.#abortedIn(from, found.nextOffset) : null,
        release: () => found.release(),
      }),
      (error: unknown) => this.#readFailure(error, from),
    )
  }

  /** Reads what is on this disk no more. */
  #readArchived(from: Offset, limits: ArchivedLimits): Promise<ReadOutcome> {
    if (this.tier === null) {
      return Promise.resolve(failedRead(ErrorCode.KAFKA_STORAGE_ERROR, from))
    }
    return readArchived(this.tier, from, limits).then(
      // Of what is archived the last batches may be compacted away: what is here goes on.
      (read) =>
        read.bytes === 0 && read.nextOffset > from ? this.read(read.nextOffset, limits) : read,
      (error: unknown) => this.#readFailure(error, from),
    )
  }

  #readFailure(error: unknown, from: Offset): ReadOutcome {
    // A segment that retention dropped while it was being read is simply out of range now.
    if (from < this.log.logStart) return failedRead(ErrorCode.OFFSET_OUT_OF_RANGE, from)
    const isUnwanted = error instanceof OperatingError && error.kind === 'closed'
    if (!isUnwanted) this.#store.reportReadError(error)
    return failedRead(ErrorCode.KAFKA_STORAGE_ERROR, from)
  }

  readableBytes(from: Offset, isolation: Isolation): number {
    const end = isolation === 1 ? this.#lastStable() : this.#highWatermark
    if (from < this.log.logStart) return 0
    if (from < this.log.localStart) return ARCHIVED_BYTES
    return this.#reader.bytesBetween(from, end)
  }

  watch(wake: () => void): () => void {
    this.#watchers.add(wake)
    return () => this.#watchers.delete(wake)
  }

  async findTimestamp(timestampMs: number, isolation: Isolation): Promise<TimestampHit | null> {
    const end = isolation === 1 ? this.#lastStable() : this.#highWatermark
    for (;;) {
      const { localStart } = this.log
      const archived = await this.#archive?.findTimestamp(this.#tools, timestampMs)
      if (archived !== undefined && archived !== null) return archived
      const seam = this.log.localStart
      // What has left the disk meanwhile was looked for neither there nor here.
      if (seam > localStart) continue
      const local = await findTimestamp(this.log, this.#reader, this.#tools, timestampMs, end)
      if (this.log.localStart === seam) return local
    }
  }

  async findMaxTimestamp(): Promise<TimestampHit | null> {
    const local = await findMaxTimestamp(this.log, this.#reader, this.#tools, this.#highWatermark)
    const archived = (await this.#archive?.findMaxTimestamp(this.#tools)) ?? null
    return newerOf(archived, local)
  }

  /** The archive, when it has records that this disk has not. */
  get #archive(): PartitionTier | null {
    return this.log.logStart < this.log.localStart ? this.tier : null
  }

  get #lineage(): Lineage {
    return this.#archive?.lineage() ?? this.log.state.lineage
  }

  endOfEpoch(epoch: LeaderEpoch): { readonly epoch: LeaderEpoch; readonly end: Offset } | null {
    return this.#lineage.endOfEpoch(epoch, this.log.nextOffset)
  }

  /** Epoch of the record at `at`, or the current one at the end of the log. */
  epochAt(at: number): LeaderEpoch {
    return this.#lineage.epochAt(offset(at)) ?? this.log.epoch
  }

  async deleteRecords(to: Offset): Promise<{ readonly code: number; readonly logStart: Offset }> {
    if (to < 0 || to > this.#highWatermark) {
      return { code: ErrorCode.OFFSET_OUT_OF_RANGE, logStart: NONE }
    }
    await this.log.advanceLogStart(to)
    this.#wake()
    return { code: 0, logStart: this.log.logStart }
  }

  #lastStable(): Offset {
    return this.log.state.lastStable(this.#highWatermark)
  }

  #abortedIn(from: Offset, to: Offset): AbortedTransaction[] {
    const spans: AbortedSpan[] = []
    for (const segment of this.log.segments) {
      if (segment.end <= from) continue
      if (segment.aborted.collect(from, to, spans)) break
    }
    return spans.map(({ producerId, firstOffset }) => ({ producerId, firstOffset }))
  }

  #wake(): void {
    if (this.#watchers.size === 0) return
    const waiting = this.#watchers
    this.#watchers = new Set()
    for (const wake of waiting) wake()
  }
}
