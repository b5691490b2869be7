// One fetch between its request and its answer: looks at every partition it speaks of, reads if
// that is enough, and else waits until something changes. Records that are only archived are read
// side by side, beside those that are here, and hold nobody up for long.
import { ErrorCode } from '../../base/error-codes.ts'
import { leaderEpoch, offset } from '../../base/units.ts'
import type { Cancel, Clock } from '../../ports/clock.ts'
import type { Leader } from '../../replication/leader.ts'
import type { Isolation, ReadOutcome } from '../../replication/partition.ts'
import type { Partitions, TopicEntry } from '../partitions.ts'
import type { RequestSource } from './connection-host.ts'
import type { SessionFetch } from './fetch-session.ts'
import type { ResponseMemory } from './response-memory.ts'
import type { ResponseSlot } from './response-queue.ts'

/** First version that names topics by their ids. */
export const FIRST_TOPIC_ID = 13
/** From here on an answer says who leads in place of whom the client asked (KIP-951). */
const FIRST_LEADER = 16
/** Archived partitions of one fetch that are read at the same time; the others wait their turn. */
const ARCHIVED_AT_ONCE = 16

/** What a fetch works with. */
export interface FetchTaskDeps {
  readonly partitions: Partitions
  readonly clock: Clock
  readonly memory: ResponseMemory
  /** Longest that a fetch waits for archived records, in ms: `remote.fetch.max.wait.ms`. */
  archivedWaitMs(): number
}

/** What a fetch asks for, in sum. */
export interface FetchLimits {
  readonly version: number
  readonly isolation: Isolation
  readonly minBytes: number
  readonly maxBytes: number
  readonly maxWaitMs: number
}

/** How much an answer has room for, and whether it has nothing yet. */
interface Room {
  readonly left: number
  readonly empty: boolean
}

/** One partition of a fetch while it is being answered. */
export interface Part {
  readonly topic: string
  readonly topicId: string
  readonly index: number
  readonly offset: number
  readonly bytesMax: number
  readonly leader: Leader | null
  /** An error that was found before reading. */
  readonly code: number
  readonly diverging: { readonly epoch: number; readonly endOffset: number } | null
  /** Who leads the partition, for a client that did not know. */
  readonly currentLeader: { readonly leaderId: number; readonly leaderEpoch: number } | null
  read: ReadOutcome | null
}

/** One fetch from the first look to its answer. */
export class FetchTask {
  readonly #deps: FetchTaskDeps
  readonly #source: RequestSource
  readonly #slot: ResponseSlot
  readonly #session: SessionFetch
  readonly #limits: FetchLimits
  /**
   * Reserved of the memory of answers once the parts are known; whoever gets them gives it back.
   */
  reservedBytes = 0

  constructor(
    deps: FetchTaskDeps,
    source: RequestSource,
    slot: ResponseSlot,
    session: SessionFetch,
    limits: FetchLimits,
  ) {
    this.#deps = deps
    this.#source = source
    this.#slot = slot
    this.#session = session
    this.#limits = limits
  }

  run(): readonly Part[] | Promise<readonly Part[]> {
    const opening = this.#open()
    if (opening !== null) return opening.then(() => this.#look(this.#deadline()))
    return this.#look(this.#deadline())
  }

  #deadline(): number {
    return this.#deps.clock.monotonicMs() + this.#limits.maxWaitMs
  }

  /** Opens partitions that nobody has used yet; null when there are none. */
  #open(): Promise<unknown> | null {
    let missing: Promise<unknown>[] | null = null
    for (const wish of this.#session.wishes) {
      const topic = this.#topic(wish)
      if (topic === null || !this.#deps.partitions.isClosed(topic, wish.partition)) continue
      missing ??= []
      missing.push(this.#deps.partitions.lead(topic, wish.partition))
    }
    return missing === null ? null : Promise.all(missing)
  }

  #topic(wish: SessionFetch['wishes'][number]): TopicEntry | null {
    const { partitions } = this.#deps
    return this.#limits.version >= FIRST_TOPIC_ID
      ? partitions.byId(wish.topicId)
      : partitions.byName(wish.topic)
  }

  /** Reads if enough is there; else waits until something changes and looks again. */
  #look(deadlineMs: number): readonly Part[] | Promise<readonly Part[]> {
    const parts = this.#session.wishes.map((wish) => this.#part(wish))
    const { clock, memory } = this.#deps
    const nowMs = clock.monotonicMs()
    const last = nowMs >= deadlineMs
    const ready = last || this.#enough(parts)
    if (ready) {
      this.reservedBytes = memory.reserve(this.#limits.maxBytes)
      // Without memory the last look answers without records, and so does one that tells of errors.
      if (this.reservedBytes > 0 || last || parts.some(({ code }) => code !== 0)) {
        return this.#read(parts)
      }
    }
    const waiting = new Promise<void>((resolve) => {
      const cancels: Cancel[] = []
      let woken = false
      const wake = (): void => {
        if (woken) return
        woken = true
        for (const cancel of cancels) cancel()
        resolve()
      }
      // A connection that closes drops its slots: nobody waits for them any longer.
      this.#slot.release = wake
      cancels.push(clock.after(deadlineMs - nowMs, wake))
      if (ready) {
        cancels.push(memory.onFreed(wake))
        return
      }
      for (const part of parts) {
        if (part.leader === null) continue
        // Tells the reader's place, so that the read after the wake needs no search.
        this.#touch(part)
        cancels.push(part.leader.watch(wake))
      }
    })
    return waiting.then(() => {
      this.#slot.release = null
      return this.#source.closed ? [] : this.#look(deadlineMs)
    })
  }

  #touch(part: Part): void {
    if (part.leader === null) return
    const at = offset(part.offset)
    if (at !== part.leader.offsets.highWatermark) return
    const read = part.leader.read(at, { maxBytes: 0, atLeastOne: false, isolation: 0 })
    if (!(read instanceof Promise)) read.release()
  }

  #part(wish: SessionFetch['wishes'][number]): Part {
    const { partitions } = this.#deps
    const topic = this.#topic(wish)
    const base = {
      topic: wish.topic,
      topicId: wish.topicId,
      index: wish.partition,
      offset: wish.fetchOffset,
      bytesMax: wish.partitionMaxBytes,
      diverging: null,
      currentLeader: null,
      read: null,
    }
    const refuse = (code: number): Part => ({
      ...base,
      leader: null,
      code,
      currentLeader: topic === null ? null : this.#leaderFor(code, topic, wish.partition),
    })
    if (topic === null) {
      return refuse(
        this.#limits.version >= FIRST_TOPIC_ID
          ? ErrorCode.UNKNOWN_TOPIC_ID
          : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
      )
    }
    const leader = topic.leaders[wish.partition]
    if (leader === undefined) {
      if (partitions.describe(topic.id, wish.partition) === undefined) {
        return refuse(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
      }
      const broken = partitions.isBroken(topic.id, wish.partition)
      return refuse(broken ? ErrorCode.KAFKA_STORAGE_ERROR : ErrorCode.NOT_LEADER_OR_FOLLOWER)
    }
    const epoch = wish.currentLeaderEpoch
    if (epoch >= 0 && epoch < leader.leaderEpoch) return refuse(ErrorCode.FENCED_LEADER_EPOCH)
    if (epoch > leader.leaderEpoch) return refuse(ErrorCode.UNKNOWN_LEADER_EPOCH)
    const { logStart, logEnd } = leader.offsets
    if (wish.lastFetchedEpoch >= 0) {
      const known = leader.endOfEpoch(leaderEpoch(wish.lastFetchedEpoch))
      // Nothing is known of that epoch here: there is no place to name from which to go on.
      if (known === null) return { ...base, leader, code: ErrorCode.OFFSET_OUT_OF_RANGE }
      if (known.epoch < wish.lastFetchedEpoch || known.end < wish.fetchOffset) {
        const diverging = { epoch: known.epoch, endOffset: known.end }
        return { ...base, leader, code: 0, diverging }
      }
    }
    if (wish.fetchOffset < logStart || wish.fetchOffset > logEnd) {
      return { ...base, leader, code: ErrorCode.OFFSET_OUT_OF_RANGE }
    }
    return { ...base, leader, code: 0 }
  }

  /**
   * Who leads, where `code` says that the client was wrong about it and its version can be told.
   */
  #leaderFor(code: number, topic: TopicEntry, index: number): Part['currentLeader'] {
    if (this.#limits.version < FIRST_LEADER) return null
    if (code !== ErrorCode.NOT_LEADER_OR_FOLLOWER && code !== ErrorCode.FENCED_LEADER_EPOCH) {
      return null
    }
    const known = this.#deps.partitions.describe(topic.id, index)
    if (known === undefined) return null
    return { leaderId: known.leader, leaderEpoch: known.leaderEpoch }
  }

  /** Whether the answer need not wait: an error, enough bytes, or nothing to wait for. */
  #enough(parts: readonly Part[]): boolean {
    const { minBytes, maxBytes, maxWaitMs, isolation } = this.#limits
    const wanted = Math.min(minBytes, maxBytes)
    if (maxWaitMs <= 0 || parts.length === 0 || wanted <= 0) return true
    let bytes = 0
    for (const part of parts) {
      if (part.code !== 0 || part.diverging !== null || part.leader === null) return true
      const there = part.leader.readableBytes(offset(part.offset), isolation)
      bytes += Math.min(there, Math.max(part.bytesMax, 1))
      if (bytes >= wanted && bytes > 0) return true
    }
    return false
  }

  /** Reads partition after partition until the answer is full. */
  #read(parts: Part[]): readonly Part[] | Promise<readonly Part[]> {
    if (parts.some(isArchived)) return this.#readArchived(parts)
    let left = Math.min(this.#limits.maxBytes, this.reservedBytes)
    let empty = this.reservedBytes > 0
    for (let i = 0; i < parts.length; i++) {
      const part = parts[i] as Part
      const outcome = this.#readOne(part, { left, empty })
      if (outcome instanceof Promise) return this.#readRest(parts, i, { left, empty }, outcome)
      part.read = outcome
      if (outcome !== null && outcome.bytes > 0) {
        left -= outcome.bytes
        empty = false
      }
    }
    return parts
  }

  /** Goes on with the part at `from`, whose read is `pending` if that has begun. */
  async #readRest(
    parts: Part[],
    from: number,
    room: Room,
    pending: Promise<ReadOutcome> | null = null,
  ): Promise<readonly Part[]> {
    let { left, empty } = room
    for (let i = from; i < parts.length; i++) {
      const part = parts[i] as Part
      const begun = i === from ? pending : null
      const outcome = await (begun ?? this.#readOne(part, { left, empty }))
      part.read = outcome
      if (outcome !== null && outcome.bytes > 0) {
        left -= outcome.bytes
        empty = false
      }
    }
    return parts
  }

  /**
   * With archived partitions among them: those are asked for side by side, the others are read
   * meanwhile. What is slow is waited for only so long; it comes into the cache, and with the next
   * fetch. A client that goes away ends its reads.
   */
  async #readArchived(parts: Part[]): Promise<readonly Part[]> {
    const gone = new AbortController()
    this.#slot.release = () => gone.abort()
    const room = { left: Math.min(this.#limits.maxBytes, this.reservedBytes), empty: true }
    const slow = parts.filter(isArchived).filter((_, i) => i < ARCHIVED_AT_ONCE)
    const coming = slow.map((part) => this.#readOne(part, room, gone.signal))
    const quick = parts.filter((part) => !isArchived(part))
    await this.#readRest(quick, 0, { ...room, empty: this.reservedBytes > 0 })
    let left = room.left
    for (const { read } of quick) left -= read?.bytes ?? 0
    for (const [i, part] of slow.entries()) {
      const outcome = coming[i] ?? null
      const read = await this.#inTime(outcome)
      // What has no room any more is in the cache when it is asked for again.
      const fits = read !== null && (read.bytes <= left || left === room.left)
      if (read !== null && !fits) read.release()
      part.read = fits ? read : null
      if (fits) left -= read.bytes
    }
    this.#slot.release = null
    return parts
  }

  /** What `outcome` gives, or null when it takes too long; then it is let go of when it comes. */
  async #inTime(outcome: ReadOutcome | Promise<ReadOutcome> | null): Promise<ReadOutcome | null> {
    if (!(outcome instanceof Promise)) return outcome
    let cancel: Cancel = () => undefined
    const late = new Promise<null>((resolve) => {
      cancel = this.#deps.clock.after(this.#deps.archivedWaitMs(), () => resolve(null))
    })
    const first = await Promise.race([outcome, late])
    cancel()
    if (first === null) void outcome.then((read) => read.release())
    return first
  }

  #readOne(
    part: Part,
    { left, empty }: Room,
    signal?: AbortSignal,
  ): ReadOutcome | Promise<ReadOutcome> | null {
    if (part.leader === null || part.code !== 0 || part.diverging !== null) return null
    if (left <= 0 && !empty) return null
    return part.leader.read(offset(part.offset), {
      maxBytes: Math.max(0, Math.min(left, part.bytesMax)),
      atLeastOne: empty,
      isolation: this.#limits.isolation,
      ...(signal === undefined ? {} : { signal }),
    })
  }
}

/** Whether what is wanted of a partition lies only in its archive. */
const isArchived = ({ leader, offset: at, code, diverging }: Part): boolean =>
  leader !== null && code === 0 && diverging === null && at < leader.log.localStart
