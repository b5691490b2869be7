// One partition's log on one broker: a chain of segments of which the last is active. It assigns
// offsets, copies batches into the write cache, tells the journal what was appended in a turn, and
// rolls and seals segments. What is acknowledged when, and who may read up to where, is decided
// above it; how bytes reach the file is decided below it, in SegmentBytes.
//
//   opening ──▶ open ──▶ closed        (deleted partitions are closed, then their files removed)
import { assert, must } from '../base/assert.ts'
import { crc32cRange } from '../base/crc32c.ts'
import { leaderEpoch, offset } from '../base/units.ts'
import type { LeaderEpoch, Offset } from '../base/units.ts'
import {
  BATCH_PREFIX_BYTES,
  batchBytesOf,
  lastOffsetDeltaOf,
  maxTimestampOf,
} from './segment/batch-view.ts'
import type { Journal } from './journal/journal.ts'
import type { JournalOwner } from './journal/journal-file.ts'
import { FrameKind, uuidBytes } from './journal/journal-format.ts'
import type { DirtyLog, LogHost, LogSettings, PartitionIdentity } from './log-host.ts'
import { LogBounds, type LogStarts } from './log-start.ts'
import { Segment } from './segment.ts'
import type { PartitionState } from './state/partition-state.ts'
import type { SegmentBytes } from './cache/segment-bytes.ts'

/** What the leader of a partition hears from its local log. */
export interface LogListener {
  /** The local replica holds everything below `end` at the level its topic asks for. */
  held(end: Offset): void
  /** The local journal was given everything below `end`. */
  written(end: Offset): void
  /** The disk is full: whatever is not `written` yet waits for room, maybe for long. */
  delayed(): void
}

/** The log of one partition. All methods that change it are called by one writer. */
export class PartitionLog implements JournalOwner, DirtyLog {
  readonly identity: PartitionIdentity
  readonly state: PartitionState
  readonly host: LogHost
  readonly #topicIdBytes: Uint8Array
  #settings: LogSettings
  /** All segments, ascending; the last is active. */
  readonly segments: Segment[]
  readonly #bounds: LogBounds
  #nextOffset: Offset
  #epoch: LeaderEpoch
  #persistedEnd: Offset
  #persisting: Promise<void> | null = null
  #closed = false

  // What was appended since the journal was last told.
  #stagedTo: number
  /** Parts of segment files that may be written once the journal holds the log up to `end`. */
  #awaited: { readonly bytes: SegmentBytes; readonly to: number; readonly end: Offset }[] = []
  #wanted: LogSettings | null = null
  /** Ends when segments are replaced or dropped no more. */
  #changing: Promise<void> = Promise.resolve()
  /** Whoever compacts this log: is ended before its files are closed. */
  compacting: { abort(): Promise<void> } | null = null
  #runBase = 0
  #runDigest = 0
  /** In the log's list of partitions with something to stage; kept by the log. */
  dirty = false
  /** Appends up to here were staged in the journal, or need no journal. */
  stagedEnd: Offset

  /** Whoever decides what is acknowledged; set once by the leader of the partition. */
  listener: LogListener | null = null

  constructor(
    host: LogHost,
    identity: PartitionIdentity,
    settings: LogSettings,
    opened: {
      readonly segments: Segment[]
      readonly state: PartitionState
      readonly logStart: Offset
      readonly localStart: Offset
      readonly nextOffset: Offset
      readonly persistedEnd: Offset
    },
  ) {
    assert(opened.segments.length > 0, 'A partition log has an active segment')
    assert(opened.localStart <= opened.nextOffset, 'A log does not start behind its end')
    this.host = host
    this.identity = identity
    this.#topicIdBytes = uuidBytes(identity.topicId)
    this.#settings = settings
    this.segments = opened.segments
    this.state = opened.state
    this.#bounds = new LogBounds({ log: opened.logStart, local: opened.localStart }, (starts) =>
      host.saveLogStart(identity, starts),
    )
    this.#nextOffset = opened.nextOffset
    this.#persistedEnd = opened.persistedEnd
    this.#epoch = opened.state.lineage.latestEpoch ?? leaderEpoch(0)
    this.#stagedTo = this.active.bytes.length
    this.stagedEnd = opened.nextOffset
    if (settings.ackAfter !== 'memory') this.active.bytes.restrict(this.#stagedTo)
  }

  /** First offset that is kept, here or in the archive. */
  get logStart(): Offset {
    return this.#bounds.log
  }

  /** First offset that is kept here. What lies below, down to the log start, is archived. */
  get localStart(): Offset {
    return this.#bounds.local
  }

  /** Exclusive end of what was appended. */
  get nextOffset(): Offset {
    return this.#nextOffset
  }

  /** Epoch of the current leader. */
  get epoch(): LeaderEpoch {
    return this.#epoch
  }

  /** Everything below is durable in segment files. */
  get persistedEnd(): Offset {
    return this.#persistedEnd
  }

  get settings(): LogSettings {
    return this.#settings
  }

  get closed(): boolean {
    return this.#closed
  }

  /** The segment that takes appends. */
  get active(): Segment {
    return must(this.segments.at(-1), 'A partition log has an active segment')
  }

  /** Bytes of batches in all segments. */
  get sizeBytes(): number {
    let sum = 0
    for (const segment of this.segments) sum += segment.dataLength
    return sum
  }

  /**
   * Takes new settings; they hold from the next append on. A log that was acknowledged from memory
   * goes on so for a moment, until the journal can take over without a gap.
   */
  configure(settings: LogSettings): void {
    const joins = this.#settings.ackAfter === 'memory' && settings.ackAfter !== 'memory'
    if (!joins) {
      this.#wanted = null
      this.#settings = settings
      return
    }
    const joining = this.#wanted !== null
    this.#settings = { ...settings, ackAfter: 'memory' }
    this.#wanted = settings
    if (!joining) this.host.background('join the journal', this.#joinJournal())
  }

  /**
   * Lets the journal take over: everything up to some position is made durable in the segment, and
   * what was appended meanwhile is journaled from the write cache, where it still is.
   */
  async #joinJournal(): Promise<void> {
    while (this.#wanted !== null && !this.#closed) {
      await this.persist()
      const { bytes } = this.active
      const from = bytes.synced
      const whole = this.segments.every((one) => one === this.active || one.sealed !== null)
      if (this.#wanted === null || this.#closed || !whole || bytes.cachedFrom > from) continue
      this.#stagedTo = from
      this.#runDigest = 0
      const prefix = new Uint8Array(BATCH_PREFIX_BYTES)
      let more = this.host.cursor.seek(bytes, from)
      if (more) this.#runBase = this.host.cursor.baseOffset
      while (more) {
        bytes.copy(this.host.cursor.position, prefix)
        this.#runDigest = crc32cRange(prefix, 0, BATCH_PREFIX_BYTES, this.#runDigest)
        more = this.host.cursor.next()
      }
      this.#settings = this.#wanted
      this.#wanted = null
      bytes.restrict(bytes.length)
      this.host.markDirty(this)
    }
  }

  /**
   * Opens epoch `epoch` at the current end. Zero-width: it takes no offset (the first record of a
   * topic is 0), but is journaled like an append. Refuses an epoch that is not newer.
   */
  startEpoch(epoch: LeaderEpoch): void {
    const latest = this.state.lineage.latestEpoch
    assert(latest === null || epoch > latest, 'A new epoch is newer than all before it')
    this.state.lineage.append(epoch, this.#nextOffset)
    this.stage(this.host.journal)
    this.#epoch = epoch
    this.host.journal.stage(
      {
        kind: FrameKind.epochStart,
        topicIdBytes: this.#topicIdBytes,
        partition: this.identity.index,
        epoch,
        baseOffset: this.#nextOffset,
        segmentBase: this.active.base,
        position: this.active.bytes.length,
        digest: 0,
      },
      [],
      this,
      this.#nextOffset,
    )
    this.host.markDirty(this)
  }

  /**
   * Appends one validated batch: gives it the next offsets, writes base offset and epoch into
   * `batch` itself (both lie outside its CRC) and copies it into the write cache. Returns the base
   * offset, or -1 when the cache cannot take it. `batch` may be reused afterwards.
   */
  append(batch: Uint8Array, nowMs: number): Offset {
    assert(!this.#closed, 'A closed log takes no appends')
    assert(batchBytesOf(batch, 0) === batch.length, 'An append is one whole batch')
    if (this.#mustRoll(batch, nowMs)) this.roll()
    const active = this.active
    const base = this.#nextOffset
    stampBatch(batch, base, this.#epoch)
    const position = active.bytes.length
    if (!active.bytes.append(batch)) return offset(-1)
    if (position === this.#stagedTo) {
      this.#runBase = base
      this.#runDigest = 0
    }
    this.#runDigest = crc32cRange(batch, 0, BATCH_PREFIX_BYTES, this.#runDigest)
    active.noteBatch(batch, nowMs)
    this.state.follow(batch, 0, batch.length, nowMs, active.aborted)
    this.#nextOffset = offset(base + lastOffsetDeltaOf(batch, 0) + 1)
    this.host.markDirty(this)
    return base
  }

  /** Tells the journal what was appended since the last call, if this partition's mode uses it. */
  stage(journal: Journal): void {
    if (this.#closed) return
    const bytes = this.active.bytes
    const from = this.#stagedTo
    const to = bytes.length
    this.stagedEnd = this.#nextOffset
    if (from === to) return
    this.#stagedTo = to
    if (this.#settings.ackAfter === 'memory') {
      bytes.allow(Infinity)
      return
    }
    this.#awaited.push({ bytes, to, end: this.#nextOffset })
    const parts: Uint8Array[] = []
    bytes.views(from, to, parts, null)
    journal.stage(
      {
        kind: FrameKind.append,
        topicIdBytes: this.#topicIdBytes,
        partition: this.identity.index,
        epoch: this.#epoch,
        baseOffset: this.#runBase,
        segmentBase: this.active.base,
        position: from,
        digest: this.#runDigest,
      },
      parts,
      this,
      this.#nextOffset,
    )
  }

  held(end: Offset): void {
    let count = 0
    for (const { bytes, to, end: due } of this.#awaited) {
      if (due > end) break
      bytes.allow(to)
      count++
    }
    if (count > 0) this.#awaited.splice(0, count)
    this.listener?.held(end)
  }

  written(end: Offset): void {
    this.listener?.written(end)
  }

  delayed(): void {
    this.listener?.delayed()
  }

  /** Bytes that are only in memory, and in the journal if the topic uses it. */
  get unflushedBytes(): number {
    return this.active.bytes.length - this.active.bytes.flushed
  }

  /** Gives everything appended so far to the segment file, not necessarily durably. */
  flush(): Promise<void> {
    return this.active.bytes.flush()
  }

  #mustRoll(batch: Uint8Array, nowMs: number): boolean {
    const active = this.active
    const length = active.bytes.length
    if (length === 0) return false
    if (length + batch.length > this.#settings.segmentBytes) return true
    if (this.#nextOffset - active.base + lastOffsetDeltaOf(batch, 0) >= 0x7fffffff) return true
    const first = active.firstAppendMs
    return (
      first >= 0 && Math.max(nowMs, maxTimestampOf(batch, 0)) - first >= this.#settings.segmentMs
    )
  }

  /** Ends the active segment and begins the next at the current end. No-op on an empty one. */
  roll(): void {
    const active = this.active
    if (active.bytes.length === 0) return
    this.stage(this.host.journal)
    active.finish(this.state)
    this.host.background(`seal ${active.bytes.path}`, active.seal())
    const next = Segment.create(this.host, this.identity, this.#nextOffset)
    if (this.#settings.ackAfter !== 'memory') next.bytes.restrict(0)
    this.segments.push(next)
    this.#stagedTo = 0
    assert(this.active.base === this.#nextOffset, 'A new segment begins at the end of the log')
  }

  /** Makes everything appended so far durable in segment files. Concurrent calls share one pass. */
  async persist(): Promise<void> {
    while (this.#persisting !== null) await this.#persisting
    this.#persisting = this.#persistOnce()
    try {
      await this.#persisting
    } finally {
      this.#persisting = null
    }
  }

  async #persistOnce(): Promise<void> {
    if (this.#closed) return
    const end = this.#nextOffset
    for (const segment of [...this.segments]) {
      await segment.persist(this.state).catch((error: unknown) => {
        if (!segment.removed) throw error
      })
    }
    if (end > this.#persistedEnd) this.#persistedEnd = end
  }

  /**
   * Moves the log start up to `to`: whole segments below it are dropped, and the start itself is
   * made durable before this resolves. Never moves it down. Throws `closed` when that had not
   * begun when the log was closed.
   */
  async advanceLogStart(to: Offset): Promise<void> {
    assert(to <= this.#nextOffset, 'The log start stays at or below the end')
    if (to <= this.logStart) return
    await this.#bounds.save({ log: to, local: to })
    this.#bounds.raise({ log: to, local: to })
    this.state.truncateFront(this.logStart)
    await this.dropSegmentsBelow(to)
  }

  /** Removes sealed segments whose offsets all lie below `to`, which is then the log start. */
  dropSegmentsBelow(to: Offset): Promise<void> {
    return this.#drop(to, (base) => ({ log: base, local: base }))
  }

  /**
   * Removes sealed segments whose offsets all lie below `to` from this disk. The caller vouches for
   * it that the archive has them; the log start stays where it is.
   */
  dropArchivedBelow(to: Offset): Promise<void> {
    return this.#drop(to, (base) => ({ log: this.logStart, local: base }))
  }

  /**
   * The starts are made durable first: a power cut may bring removed files back, and may leave
   * nothing else to tell the next offset.
   */
  async #drop(to: Offset, startsFor: (base: Offset) => LogStarts): Promise<void> {
    await this.alone(async () => {
      const kept = this.segments.find((_, i) => (this.segments[i + 1]?.base ?? Infinity) > to)
      if (kept === undefined || kept === this.segments[0]) return
      const starts = startsFor(kept.base)
      await this.#bounds.save(starts)
      // Closed meanwhile: what lies below goes when the log is opened again.
      if (this.#closed) return
      this.#bounds.raise(starts)
      const gone: Segment[] = []
      while (this.segments.length > 1) {
        const next = must(this.segments[1], 'A second segment')
        if (next.base > to) break
        gone.push(must(this.segments.shift(), 'A first segment'))
      }
      for (const segment of gone) await segment.remove()
    })
  }

  /** Runs a change of the sealed segments, one at a time. */
  alone(change: () => Promise<void>): Promise<void> {
    const run = this.#changing.then(change)
    this.#changing = run.catch(() => undefined)
    return run
  }

  /** Writes everything to its segment with an end mark, so that the next open needs no scan. */
  async close(): Promise<void> {
    if (this.#closed) return
    await this.persist()
    await this.active.markEnd(this.state)
    await this.abandon()
  }

  /** Closes files and gives memory back without writing anything more. */
  async abandon(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    const saved = this.#bounds.close()
    await this.compacting?.abort()
    for (const segment of [...this.segments]) await segment.close()
    await this.#persisting?.catch(() => undefined)
    // Segments that are being dropped are closed and removed by then, too.
    await Promise.all([saved, this.#changing])
  }
}

/** Writes base offset and leader epoch into a batch: bytes [0, 8) and [12, 16). */
export function stampBatch(batch: Uint8Array, base: Offset, epoch: LeaderEpoch): void {
  const high = Math.floor(base / 4294967296)
  batch[0] = high >>> 24
  batch[1] = high >>> 16
  batch[2] = high >>> 8
  batch[3] = high
  batch[4] = base >>> 24
  batch[5] = base >>> 16
  batch[6] = base >>> 8
  batch[7] = base
  batch[12] = epoch >>> 24
  batch[13] = epoch >>> 16
  batch[14] = epoch >>> 8
  batch[15] = epoch
}
