// The way of a fetch request: reads what every partition has, answers at once if that is enough,
// and else waits for any of them to grow, for the wait to expire, or for the connection to close.
// Records go out from where they lie. Fetch sessions are a matter of their own (fetch-session.ts);
// here a request is the full list of partitions it speaks of.
import { ErrorCode } from '../../base/error-codes.ts'
import { FormatError } from '../../base/errors.ts'
import type { Reader } from '../../base/reader.ts'
import { leaderEpoch, offset } from '../../base/units.ts'
import type { Cancel, Clock } from '../../ports/clock.ts'
import type { Counter } from '../../ports/telemetry.ts'
import type { Leader } from '../../replication/leader.ts'
import type { Isolation, ReadOutcome } from '../../replication/partition.ts'
import { decodeFetchRequest } from '../../wire/fast/fetch-request.ts'
import type { NodeEndpoint } from '../../wire/messages/01-fetch.ts'
import type { FetchedPartition, FetchedTopic } from '../../wire/fast/fetch-response.ts'
import { encodeFetchResponse } from '../../wire/fast/fetch-response.ts'
import type { RequestSource } from './connection-host.ts'
import type { SessionFetch } from './fetch-session.ts'
import type { FetchSessions } from './fetch-session.ts'
import type { RequestContext } from '../handler.ts'
import type { Partitions, TopicEntry } from '../partitions.ts'
import type { ResponseMemory } from './response-memory.ts'
import type { ResponseSlot } from './response-queue.ts'

const FIRST_VERSION = 4
const LAST_VERSION = 18
const FIRST_TOPIC_ID = 13
/** From here on an answer says who leads in place of whom the client asked (KIP-951). */
const FIRST_LEADER = 16
/** Up to here clients do not know the storage error [F20]. */
const LAST_WITHOUT_STORAGE_ERROR = 5

/** What the path works with. */
export interface FetchDeps {
  readonly partitions: Partitions
  readonly sessions: FetchSessions
  readonly clock: Clock
  readonly memory: ResponseMemory
  /** Most bytes of one answer: `fetch.max.bytes`. */
  readonly bytesMax: number
  readonly metrics: { readonly requests: Counter; readonly bytes: Counter }
  /** A live broker as clients of the listener that is advertised so reach it. */
  reach(id: number, advertised: RequestContext['advertised']): NodeAddress | undefined
}

/** Where a broker is. */
export interface NodeAddress {
  readonly host: string
  readonly port: number
  readonly rack: string | null
}

/** One partition of a fetch while it is being answered. */
interface Part {
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

/** Handles fetch requests of all connections. */
export class FetchPath {
  readonly #deps: FetchDeps

  constructor(deps: FetchDeps) {
    this.#deps = deps
  }

  /** Answers into `slot`; null when that was possible at once. */
  handle(
    source: RequestSource,
    slot: ResponseSlot,
    reader: Reader,
    context: RequestContext,
  ): Promise<void> | null {
    const { version } = context
    if (version < FIRST_VERSION || version > LAST_VERSION) {
      throw new FormatError(`Fetch version ${version} is not served`)
    }
    const request = decodeFetchRequest(version, reader)
    // Bytes behind the body are skipped, as in Kafka.
    this.#deps.metrics.requests.value++
    const session = this.#deps.sessions.begin(request, version >= FIRST_TOPIC_ID)
    if (session.code !== 0) {
      this.#send(source, slot, session, [], 0, context)
      return null
    }
    const task = new FetchTask(this.#deps, source, slot, session, {
      version,
      isolation: request.isolationLevel === 1 ? 1 : 0,
      minBytes: request.minBytes,
      maxBytes: Math.min(Math.max(request.maxBytes, 0), this.#deps.bytesMax),
      maxWaitMs: request.maxWaitMs,
    })
    const parts = task.run()
    if (!(parts instanceof Promise)) {
      this.#send(source, slot, session, parts, task.reservedBytes, context)
      return null
    }
    return parts.then((late) =>
      this.#send(source, slot, session, late, task.reservedBytes, context),
    )
  }

  #send(
    source: RequestSource,
    slot: ResponseSlot,
    session: SessionFetch,
    parts: readonly Part[],
    reservedBytes: number,
    context: RequestContext,
  ): void {
    const { memory, metrics } = this.#deps
    const topics: FetchedTopic[] = []
    const releases: (() => void)[] = []
    let bytes = 0
    let open: { topic: string; topicId: string; partitions: FetchedPartition[] } | null = null
    for (const part of parts) {
      const told = answerOf(part, slot.version)
      if (part.read !== null) {
        releases.push(part.read.release)
        bytes += part.read.bytes
      }
      if (!session.tells(part, told)) continue
      if (open === null || open.topicId !== part.topicId || open.topic !== part.topic) {
        open = { topic: part.topic, topicId: part.topicId, partitions: [] }
        topics.push(open)
      }
      open.partitions.push(told)
    }
    memory.give(reservedBytes - bytes)
    const release = (): void => {
      for (const one of releases) one()
      memory.give(bytes)
    }
    if (source.closed) {
      release()
      return
    }
    const frame = encodeFetchResponse(slot, {
      throttleTimeMs: 0,
      errorCode: session.code,
      sessionId: session.id,
      topics,
      nodeEndpoints: this.#endpoints(parts, context),
    })
    metrics.bytes.value += frame.bytes
    slot.parts = frame.parts
    slot.release = release
    slot.state = 2
    source.answered()
  }

  /** The addresses of leaders that parts tell of, each once. */
  #endpoints(parts: readonly Part[], { advertised }: RequestContext): NodeEndpoint[] {
    const endpoints: NodeEndpoint[] = []
    for (const { currentLeader } of parts) {
      if (currentLeader === null) continue
      const { leaderId: nodeId } = currentLeader
      const address = this.#deps.reach(nodeId, advertised)
      if (address === undefined || endpoints.some((known) => known.nodeId === nodeId)) continue
      const { host, port, rack } = address
      endpoints.push({ nodeId, host, port, rack })
    }
    return endpoints
  }
}

/** One fetch from the first look to its answer. */
class FetchTask {
  readonly #deps: FetchDeps
  readonly #source: RequestSource
  readonly #slot: ResponseSlot
  readonly #session: SessionFetch
  readonly #limits: {
    readonly version: number
    readonly isolation: Isolation
    readonly minBytes: number
    readonly maxBytes: number
    readonly maxWaitMs: number
  }
  /**
   * Reserved of the memory of answers once the parts are known; whoever gets them gives it back.
   */
  reservedBytes = 0

  constructor(
    deps: FetchDeps,
    source: RequestSource,
    slot: ResponseSlot,
    session: SessionFetch,
    limits: {
      readonly version: number
      readonly isolation: Isolation
      readonly minBytes: number
      readonly maxBytes: number
      readonly maxWaitMs: number
    },
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
    let left = Math.min(this.#limits.maxBytes, this.reservedBytes)
    let empty = this.reservedBytes > 0
    for (let i = 0; i < parts.length; i++) {
      const part = parts[i] as Part
      const outcome = this.#readOne(part, left, empty)
      if (outcome instanceof Promise) return this.#readRest(parts, i, outcome, left, empty)
      part.read = outcome
      if (outcome !== null && outcome.bytes > 0) {
        left -= outcome.bytes
        empty = false
      }
    }
    return parts
  }

  async #readRest(
    parts: Part[],
    at: number,
    pending: Promise<ReadOutcome>,
    leftBefore: number,
    emptyBefore: boolean,
  ): Promise<readonly Part[]> {
    let left = leftBefore
    let empty = emptyBefore
    for (let i = at; i < parts.length; i++) {
      const part = parts[i] as Part
      const outcome = i === at ? await pending : await this.#readOne(part, left, empty)
      part.read = outcome
      if (outcome !== null && outcome.bytes > 0) {
        left -= outcome.bytes
        empty = false
      }
    }
    return parts
  }

  #readOne(part: Part, left: number, empty: boolean): ReadOutcome | Promise<ReadOutcome> | null {
    if (part.leader === null || part.code !== 0 || part.diverging !== null) return null
    if (left <= 0 && !empty) return null
    return part.leader.read(offset(part.offset), {
      maxBytes: Math.max(0, Math.min(left, part.bytesMax)),
      atLeastOne: empty,
      isolation: this.#limits.isolation,
    })
  }
}

/** What a partition is answered with. */
function answerOf(part: Part, version: number): FetchedPartition {
  const { leader, read } = part
  let code = part.code !== 0 ? part.code : (read?.code ?? 0)
  if (code === ErrorCode.KAFKA_STORAGE_ERROR && version <= LAST_WITHOUT_STORAGE_ERROR) {
    code = ErrorCode.NOT_LEADER_OR_FOLLOWER
  }
  const known = leader !== null && code === 0
  const offsets = leader?.offsets
  return {
    partitionIndex: part.index,
    errorCode: code,
    highWatermark: known ? (offsets?.highWatermark ?? -1) : -1,
    lastStableOffset: known ? (offsets?.lastStable ?? -1) : -1,
    logStartOffset: known ? (offsets?.logStart ?? -1) : -1,
    divergingEpoch: part.diverging,
    currentLeader: part.currentLeader,
    snapshotId: null,
    abortedTransactions: read?.aborted ?? null,
    preferredReadReplica: -1,
    parts: read?.parts ?? [],
    bytes: read?.bytes ?? 0,
  }
}
