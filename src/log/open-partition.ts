// Opens one partition's log from its directory: sealed segments by their footers, the others from
// their last checkpoint by a scan of what follows, and behind that the frames that the journal
// still has. A torn end is cut. Damage below data that is known to have been acknowledged is never
// cut: the partition refuses to open and says where, and nothing on disk is touched. What the
// journal had of it then is kept beside its segments, and is replayed first by the next opening.
//
//   begin ──▶ (replay a frame)* ──▶ finish        (whichever throws has given everything back)
import { assert, must } from '../base/assert.ts'
import { OperatingError } from '../base/errors.ts'
import { leaderEpoch, offset } from '../base/units.ts'
import type { Offset } from '../base/units.ts'
import { batchBytesOf } from './segment/batch-view.ts'
import type { Frame } from './journal/journal-format.ts'
import { FrameKind } from './journal/journal-format.ts'
import { SET_ASIDE_NAME, readSetAside, removeSetAside } from './journal/set-aside.ts'
import type { LogHost, LogSettings, PartitionIdentity } from './log-host.ts'
import { partitionDirectory } from './log-host.ts'
import { type LogStarts, loadLogStart } from './log-start.ts'
import { isUnfinished } from './compaction/cleaned-file.ts'
import { PartitionLog } from './partition-log.ts'
import { PartitionState } from './state/partition-state.ts'
import { Segment, segmentPath, tailPath } from './segment.ts'
import { endOfBatches } from './segment/segment-ends.ts'
import type { Hole } from './segment-opener.ts'
import { SegmentOpener } from './segment-opener.ts'

/** Opens or makes the log of a partition that the journal says nothing of. */
export async function openPartition(
  host: LogHost,
  identity: PartitionIdentity,
  settings: LogSettings,
): Promise<PartitionLog> {
  const opening = await PartitionOpening.begin(host, identity, settings)
  return opening.finish()
}

/** A partition's log while it is being opened. */
export class PartitionOpening {
  readonly identity: PartitionIdentity
  readonly #host: LogHost
  readonly #settings: LogSettings
  readonly #state: PartitionState
  readonly #opener: SegmentOpener
  readonly #segments: Segment[] = []
  /** Segments on disk that wait for the journal to complete the one before them, ascending. */
  #pending: Offset[] = []
  /** Where valid batches end in the last segment although others follow; null when none do. */
  #hole: Hole | null = null
  #starts: LogStarts = { log: offset(0), local: offset(0) }
  /** Whether frames are kept beside the segments from an opening that failed. */
  readonly #hasKept: boolean
  /** Whether the directory had something when it was listed. */
  readonly #hasFiles: boolean

  private constructor(
    host: LogHost,
    identity: PartitionIdentity,
    settings: LogSettings,
    names: readonly string[],
  ) {
    this.#host = host
    this.identity = identity
    this.#settings = settings
    this.#state = new PartitionState(settings.producerExpirationMs)
    this.#opener = new SegmentOpener(host, identity, this.#state, names)
    this.#hasKept = names.includes(SET_ASIDE_NAME)
    this.#hasFiles = names.length > 0
  }

  /** Reads what the directory has. Throws `corrupt` when it cannot be trusted. */
  static async begin(
    host: LogHost,
    identity: PartitionIdentity,
    settings: LogSettings,
  ): Promise<PartitionOpening> {
    const directory = partitionDirectory(identity)
    const names = await host.disk.list(directory)
    const opening = new PartitionOpening(host, identity, settings, names)
    return opening.#orGiveBack(async () => {
      await opening.#readDirectory(directory, names)
      if (opening.#hasKept) {
        await readSetAside(host, directory, (frame, payload) => opening.#apply(frame, payload))
      }
      return opening
    })
  }

  async #readDirectory(directory: string, names: readonly string[]): Promise<void> {
    this.#starts = await loadLogStart(this.#host.disk, directory, names)
    const bases = names
      .filter((name) => /^\d{20}\.seg$/.test(name))
      .map((name) => offset(Number(name.slice(0, 20))))
    bases.sort((a, b) => a - b)
    // Segments wholly below the local start were removed; a power cut may have brought them back.
    // The next one's base does not tell where one ends: it may be of those that compaction
    // replaced.
    while (bases.length > 1 && must(bases[1], 'A second base') <= this.#starts.local) {
      const first = must(bases[0], 'A first base')
      if (((await this.#opener.endOf(first)) ?? 0) > this.#starts.local) break
      await this.#removeSegment(first)
      bases.shift()
    }
    for (const name of names) {
      if (isUnfinished(name)) await this.#host.disk.remove(`${directory}/${name}`)
    }
    this.#pending = bases
    await this.#openPending()
  }

  /** Does a step; when it fails, gives back the memory and the files that the opening holds. */
  async #orGiveBack<T>(step: () => Promise<T>): Promise<T> {
    try {
      return await step()
    } catch (error) {
      for (const segment of this.#segments) await segment.close()
      throw error
    }
  }

  get #end(): Offset {
    return this.#segments.at(-1)?.end ?? this.#starts.local
  }

  async #removeSegment(base: Offset): Promise<void> {
    const path = segmentPath(this.identity, base)
    await this.#host.disk.remove(path)
    await this.#host.disk.remove(tailPath(path))
  }

  /** Opens segments as long as each begins where the one before it ends. */
  async #openPending(): Promise<void> {
    for (;;) {
      const base = this.#pending[0]
      if (base === undefined) return
      const before = this.#segments.at(-1)
      // A log start is saved before what lies below it is removed, so nothing else may be missing.
      if (this.#end < base) return
      if (before !== undefined) {
        if (before.end > base) {
          await this.#dropReplaced(before, base)
          continue
        }
        await this.#cutHole()
        // Sealed before the next is opened: its trailer tells of the producers at its own end.
        await this.#finishSegment(before)
      }
      const { segment, hole } = await this.#opener.open(base, this.#pending)
      this.#pending.shift()
      this.#segments.push(segment)
      if (hole !== null) this.#hole = hole
    }
  }

  /**
   * Removes a segment that a compacted one has replaced: a power cut has brought it back. Nothing
   * else explains a sealed segment that lies wholly inside of another one.
   */
  async #dropReplaced(by: Segment, base: Offset): Promise<void> {
    const end = by.sealed?.footer.compacted === true ? await this.#opener.endOf(base) : null
    if (end === null || end > by.end) throw this.#damaged(by.path, base, by.end)
    await this.#removeSegment(base)
    this.#pending.shift()
  }

  /**
   * Applies one frame of the journal, in journal order. Batches that the segment already has are
   * skipped. Throws `corrupt` when the frame does not continue the log.
   */
  replay(frame: Frame, payload: Uint8Array): Promise<void> {
    return this.#orGiveBack(() => this.#apply(frame, payload))
  }

  async #apply(frame: Frame, payload: Uint8Array): Promise<void> {
    if (frame.kind === FrameKind.epochStart) {
      const epoch = leaderEpoch(frame.epoch)
      const latest = this.#state.lineage.latestEpoch ?? -1
      if (epoch > latest && frame.baseOffset === this.#end) {
        this.#state.lineage.append(epoch, offset(frame.baseOffset))
      }
      return
    }
    if (this.#endsBelow(frame)) await this.#removeLeftovers()
    if (this.#beheaded(frame) && endOfBatches(payload) <= this.#starts.local) return
    let segment = this.#segments.at(-1)
    // The frame's own segment was sealed, and then replaced together with those before it.
    if (segment?.sealed?.footer.compacted === true && frame.segmentBase < segment.end) return
    if (segment === undefined || frame.segmentBase > segment.base) {
      segment = await this.#segmentOf(frame)
    }
    if (frame.segmentBase < segment.base || segment.sealed !== null) return
    await this.#opener.settle()
    const have = segment.bytes.length - frame.position
    if (have < 0) throw this.#damaged(segment.path, segment.end, frame.baseOffset)
    // The hole lies in what the journal still has: it was never vouched for by the segment alone.
    await this.#cutHole()
    if (have >= payload.length) return
    const nowMs = this.#host.clock.wallMs()
    let at = 0
    while (at < payload.length) {
      const length = batchBytesOf(payload, at)
      if (at >= have) {
        const batch = payload.subarray(at, at + length)
        if (!segment.bytes.append(batch)) {
          await this.#makeRoom(segment)
          assert(segment.bytes.append(batch), 'Recovery leaves room in the cache')
        }
        segment.noteBatch(batch, nowMs)
        this.#state.follow(batch, 0, length, nowMs, segment.aborted)
      }
      at += length
    }
    const { arena } = this.#host
    if (arena.heldBytes > arena.capacityBytes / 4) await this.#makeRoom(segment)
  }

  /**
   * Whether what lies between the segments and the one of `frame` is below the log start: a power
   * cut has brought back removed segments, but not those that were removed after them.
   */
  #endsBelow(frame: Frame): boolean {
    const before = this.#segments.at(-1)
    return (
      before !== undefined &&
      before.end < frame.segmentBase &&
      frame.segmentBase <= this.#starts.local
    )
  }

  /** Whether its segment was removed and the journal has let go of that segment's beginning. */
  #beheaded(frame: Frame): boolean {
    if (frame.position === 0) return false
    const last = this.#segments.at(-1)
    if (last === undefined) return true
    const base = offset(frame.segmentBase)
    return base > last.base && base >= last.end && !this.#pending.includes(base)
  }

  async #removeLeftovers(): Promise<void> {
    await this.#opener.settle()
    for (const segment of this.#segments) await segment.remove()
    this.#segments.length = 0
    this.#hole = null
  }

  /** Cuts the last segment's file where its valid batches end. */
  async #cutHole(): Promise<void> {
    const last = this.#segments.at(-1)
    if (this.#hole === null || last === undefined) return
    const file = await this.#host.disk.open(last.path, { mode: 'write' })
    try {
      await file.truncate(last.bytes.length)
      await file.sync()
    } finally {
      await file.close()
    }
    this.#hole = null
  }

  /** Leaves nothing of a segment in the cache that cannot be evicted. */
  async #makeRoom(segment: Segment): Promise<void> {
    await segment.bytes.flush()
    segment.bytes.shrink()
  }

  /** The segment that the first frame for it belongs to: from disk, or a new one. */
  async #segmentOf(frame: Frame): Promise<Segment> {
    const base = offset(frame.segmentBase)
    const before = this.#segments.at(-1)
    // Everything before this frame was skipped or applied, so the segment before is complete.
    const follows = before === undefined ? base <= this.#starts.local : base === before.end
    if (!follows || (before === undefined && frame.position > 0)) {
      throw this.#damaged(segmentPath(this.identity, base), this.#end, frame.baseOffset)
    }
    await this.#cutHole()
    if (before !== undefined) await this.#finishSegment(before)
    await this.#openPending()
    const opened = this.#segments.at(-1)
    if (opened !== undefined && opened !== before) return opened
    const made = Segment.create(this.#host, this.identity, base)
    this.#segments.push(made)
    return made
  }

  async #finishSegment(segment: Segment): Promise<void> {
    if (segment.sealed !== null) return
    if (!segment.finished) segment.finish(this.#state)
    await segment.seal()
  }

  /** The open log, everything in it durable in its segments. */
  finish(): Promise<PartitionLog> {
    return this.#orGiveBack(async () => {
      const log = await this.#toLog()
      // What was only in the page cache must not be lost below what is journaled from now on; that
      // goes for the names of files as well, whose maker may have been killed before it synced
      // them.
      await log.persist()
      await this.#anchor()
      if (this.#hasKept) await removeSetAside(this.#host.disk, partitionDirectory(this.identity))
      return log
    })
  }

  /** Makes durable which files the directory has, if it has any. */
  async #anchor(): Promise<void> {
    const { disk, directories } = this.#host
    const directory = partitionDirectory(this.identity)
    if (!this.#hasFiles && this.#segments.every(({ bytes }) => bytes.length === 0)) return
    await directories.make(directory)
    await disk.syncDirectory(directory)
  }

  async #toLog(): Promise<PartitionLog> {
    await this.#opener.settle()
    if (this.#hole !== null && this.#settings.ackAfter === 'fsync') {
      const path = must(this.#segments.at(-1), 'A hole is in a segment').path
      throw this.#damaged(path, this.#hole.from, this.#hole.to)
    }
    await this.#cutHole()
    await this.#dropUnreachable()
    for (const segment of this.#segments.slice(0, -1)) await this.#finishSegment(segment)
    const last = this.#segments.at(-1)
    if (last === undefined) {
      this.#segments.push(Segment.create(this.#host, this.identity, this.#starts.local))
    } else if (last.end < this.#starts.local) {
      // Records were deleted that had not been durable: their offsets are used up all the same.
      await this.#removeLeftovers()
      this.#segments.push(Segment.create(this.#host, this.identity, this.#starts.local))
    } else if (last.sealed !== null) {
      this.#segments.push(Segment.create(this.#host, this.identity, last.end))
    }
    const first = must(this.#segments[0], 'A log has a segment')
    const nextOffset = must(this.#segments.at(-1), 'A log has a segment').end
    const localStart = offset(Math.max(this.#starts.local, first.base))
    const isArchived = this.#starts.log < this.#starts.local
    return new PartitionLog(this.#host, this.identity, this.#settings, {
      segments: this.#segments,
      state: this.#state,
      logStart: isArchived ? this.#starts.log : localStart,
      localStart,
      nextOffset,
      persistedEnd: first.base,
    })
  }

  /**
   * Cuts what neither the segments nor the journal lead to: bytes behind the last valid batch, and
   * segments behind a gap. They were never acknowledged as durable, because no segment byte of an
   * `fsync` topic is written before the journal has it.
   */
  async #dropUnreachable(): Promise<void> {
    const { disk } = this.#host
    for (const base of this.#pending) {
      if (this.#settings.ackAfter === 'fsync') {
        throw this.#damaged(segmentPath(this.identity, base), this.#end, base)
      }
      await this.#removeSegment(base)
    }
    if (this.#pending.length > 0) await disk.syncDirectory(partitionDirectory(this.identity))
    this.#pending = []
  }

  #damaged(path: string, from: number, to: number): OperatingError {
    return new OperatingError(
      'corrupt',
      `Cannot open partition ${this.identity.index} of topic ${this.identity.topicId}: ` +
        `offsets ${from} to ${to} are damaged or missing at ${path}; nothing was changed`,
    )
  }
}
