// Fetch sessions (KIP-227): a client that fetches the same thousand partitions again and again
// names only what changed, and is told only what changed. The cache is bounded; a client whose
// session was evicted is told so and starts anew. One class holds the cache, one a session's
// partitions; what a partition has to say is decided by the fetch path.
import { ErrorCode } from '../../base/error-codes.ts'
import type { Crypto } from '../../ports/crypto.ts'
import type { FetchPartition, FetchRequest } from '../../wire/messages/01-fetch.ts'
import type { FetchedPartition } from '../../wire/fast/fetch-response.ts'

const INITIAL_EPOCH = 0
const FINAL_EPOCH = -1
const EPOCH_MAX = 2147483647

/** A partition that a fetch asks for. */
export interface FetchWish extends FetchPartition {
  readonly topic: string
  readonly topicId: string
}

/** What a fetch asks for, once its session has been looked up. */
export interface SessionFetch {
  /** 0, or the error that fails the whole fetch. */
  readonly code: number
  /** Session to name in the answer; 0 for none. */
  readonly id: number
  /** Partitions to read, in the client's order. */
  readonly wishes: readonly FetchWish[]
  /** Whether the answer names this partition: always but in an incremental one without news. */
  tells(
    key: { readonly topic: string; readonly topicId: string; readonly index: number },
    told: FetchedPartition,
  ): boolean
}

interface Remembered {
  wish: FetchWish
  highWatermark: number
  logStart: number
}

interface Session {
  readonly id: number
  readonly usesIds: boolean
  nextEpoch: number
  /** In the order in which they were named. */
  readonly partitions: Map<string, Remembered>
}

const keyOf = (topic: string, topicId: string, index: number, usesIds: boolean): string =>
  `${usesIds ? topicId : topic}/${index}`

const always = (): boolean => true

/** The sessions of one broker. */
export class FetchSessions {
  readonly #crypto: Crypto
  readonly #sessionsMax: number
  /** Least recently used first. */
  readonly #sessions = new Map<number, Session>()

  constructor(crypto: Crypto, sessionsMax: number) {
    this.#crypto = crypto
    this.#sessionsMax = sessionsMax
  }

  /** Sessions held. */
  get size(): number {
    return this.#sessions.size
  }

  /** Looks up or makes the session of a request and tells what it asks for. */
  begin(request: FetchRequest, usesIds: boolean): SessionFetch {
    const { sessionId, sessionEpoch } = request
    if (sessionEpoch === FINAL_EPOCH || sessionEpoch === INITIAL_EPOCH) {
      this.#sessions.delete(sessionId)
      const wishes = wishesOf(request)
      if (sessionEpoch === FINAL_EPOCH || wishes.length === 0) {
        return { code: 0, id: 0, wishes, tells: always }
      }
      return this.#create(wishes, usesIds)
    }
    const session = this.#sessions.get(sessionId)
    if (session === undefined) return failed(ErrorCode.FETCH_SESSION_ID_NOT_FOUND)
    if (session.usesIds !== usesIds) return failed(ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR)
    if (session.nextEpoch !== sessionEpoch) return failed(ErrorCode.INVALID_FETCH_SESSION_EPOCH)
    session.nextEpoch = sessionEpoch === EPOCH_MAX ? 1 : sessionEpoch + 1
    this.#sessions.delete(sessionId)
    this.#sessions.set(sessionId, session)
    return this.#continue(session, request)
  }

  #create(wishes: readonly FetchWish[], usesIds: boolean): SessionFetch {
    if (this.#sessionsMax <= 0) return { code: 0, id: 0, wishes, tells: always }
    for (const oldest of this.#sessions.keys()) {
      if (this.#sessions.size < this.#sessionsMax) break
      this.#sessions.delete(oldest)
    }
    const session: Session = {
      id: this.#newId(),
      usesIds,
      nextEpoch: 1,
      partitions: new Map(),
    }
    for (const wish of wishes) remember(session, wish)
    this.#sessions.set(session.id, session)
    return {
      code: 0,
      id: session.id,
      wishes,
      tells: (key, told) => {
        note(session, key, told)
        return true
      },
    }
  }

  #continue(session: Session, request: FetchRequest): SessionFetch {
    for (const { topic, topicId, partitions } of request.forgottenTopicsData) {
      for (const index of partitions) {
        session.partitions.delete(keyOf(topic, topicId, index, session.usesIds))
      }
    }
    for (const wish of wishesOf(request)) remember(session, wish)
    if (session.partitions.size === 0) this.#sessions.delete(session.id)
    return {
      code: 0,
      id: session.partitions.size === 0 ? 0 : session.id,
      wishes: [...session.partitions.values()].map(({ wish }) => wish),
      tells: (key, told) => note(session, key, told),
    }
  }

  #newId(): number {
    for (;;) {
      const bytes = this.#crypto.randomBytes(4)
      const view = new DataView(bytes.buffer, bytes.byteOffset, 4)
      const id = view.getUint32(0) & 0x7fffffff
      if (id !== 0 && !this.#sessions.has(id)) return id
    }
  }
}

const failed = (code: number): SessionFetch => ({ code, id: 0, wishes: [], tells: always })

function wishesOf(request: FetchRequest): FetchWish[] {
  const wishes: FetchWish[] = []
  for (const { topic, topicId, partitions } of request.topics) {
    for (const partition of partitions) wishes.push({ ...partition, topic, topicId })
  }
  return wishes
}

/** Adds a partition to a session, or changes what it asks for. */
function remember(session: Session, wish: FetchWish): void {
  const key = keyOf(wish.topic, wish.topicId, wish.partition, session.usesIds)
  const known = session.partitions.get(key)
  if (known === undefined) session.partitions.set(key, { wish, highWatermark: -1, logStart: -1 })
  else known.wish = wish
}

/** Notes what a partition is told, and says whether that is news. */
function note(
  session: Session,
  key: { readonly topic: string; readonly topicId: string; readonly index: number },
  told: FetchedPartition,
): boolean {
  const name = keyOf(key.topic, key.topicId, key.index, session.usesIds)
  const known = session.partitions.get(name)
  if (known === undefined) return true
  const news =
    told.bytes > 0 ||
    told.errorCode !== 0 ||
    told.divergingEpoch !== null ||
    told.preferredReadReplica !== -1 ||
    told.highWatermark !== known.highWatermark ||
    told.logStartOffset !== known.logStart
  // After an error the watermark is forgotten, so that the next good state is told again.
  known.highWatermark = told.errorCode === 0 ? told.highWatermark : -1
  known.logStart = told.logStartOffset
  if (told.bytes > 0) {
    // Partitions with data go to the end, so that a full answer does not starve the others.
    session.partitions.delete(name)
    session.partitions.set(name, known)
  }
  return news
}
