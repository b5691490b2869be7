// The way of a fetch request: reads what every partition has, answers at once if that is enough,
// and else waits for any of them to grow, for the wait to expire, or for the connection to close.
// Records go out from where they lie. What happens to one request between is fetch-task.ts's
// charge. Fetch sessions are a matter of their own (fetch-session.ts); here a request is the full
// list of partitions it speaks of.
import { ErrorCode } from '../../base/error-codes.ts'
import { FormatError } from '../../base/errors.ts'
import type { Reader } from '../../base/reader.ts'
import type { Counter } from '../../ports/telemetry.ts'
import { decodeFetchRequest } from '../../wire/fast/fetch-request.ts'
import type { NodeEndpoint } from '../../wire/messages/01-fetch.ts'
import type { FetchedPartition, FetchedTopic } from '../../wire/fast/fetch-response.ts'
import { encodeFetchResponse } from '../../wire/fast/fetch-response.ts'
import type { RequestSource } from './connection-host.ts'
import type { SessionFetch } from './fetch-session.ts'
import type { FetchSessions } from './fetch-session.ts'
import type { RequestContext } from '../handler.ts'
import { FIRST_TOPIC_ID, FetchTask, type FetchTaskDeps, type Part } from './fetch-task.ts'
import type { ResponseSlot } from './response-queue.ts'

const FIRST_VERSION = 4
const LAST_VERSION = 18
/** Up to here clients do not know the storage error [F20]. */
const LAST_WITHOUT_STORAGE_ERROR = 5

/** What the path works with. */
export interface FetchDeps extends FetchTaskDeps {
  readonly sessions: FetchSessions
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
