// A store that repeats what may succeed later: with backoff, a limit for each attempt, a deadline
// for the whole call, and second requests for reads that are late. Only `retry` is repeated.
//
// A put under a condition may have happened though its answer was lost, and its repeat is then
// refused because of its own success. Whether it was cannot be told here: that takes the bytes'
// meaning. So `exists` and `conflict` stay what they are, and say with `mayBeOwn` that an earlier
// attempt may have been the one. Whoever puts conditionally writes a nonce and reads the object
// before giving up, also without `mayBeOwn`: some stores refuse while another put is merely on its
// way. And what was given up may still happen, after the call has failed or a repeat of it has
// succeeded: a put or a delete can take effect late.
import { assert, must } from '../../base/assert.ts'
import { OperatingError } from '../../base/errors.ts'
import { withRetries } from '../../flow/backoff.ts'
import type { Clock } from '../../ports/clock.ts'
import type {
  GetOptions,
  ListOptions,
  ObjectBytes,
  ObjectInfo,
  ObjectPage,
  ObjectSource,
  ObjectStore,
  PutOptions,
  PutResult,
  StoreCall,
  StoreTraits,
} from '../../ports/object-store.ts'
import type { Counter, Telemetry } from '../../ports/telemetry.ts'
import { attemptWithin, SharedSource } from './attempt.ts'
import { Hedging } from './hedging.ts'
import type { HedgeCounts, HedgeOptions } from './hedging.ts'

/** How calls are repeated. */
export interface RetryingOptions {
  readonly clock: Clock
  /** A float in [0, 1), for the jitter. */
  readonly random: () => number
  readonly telemetry: Telemetry
  /** Label of this store in metrics. */
  readonly name: string
  /** Attempts in all, the first included. */
  readonly attemptsMax: number
  /** Longest wait before the second attempt in ms; it doubles from there. */
  readonly baseMs: number
  /** No wait is longer, in ms. */
  readonly maxMs: number
  /** How long one attempt may last, in ms, without the time that its bytes may take. */
  readonly attemptMs: number
  /** How long a call may last that comes without a deadline, in ms, without that of its bytes. */
  readonly callMs: number
  /** How slowly bytes may travel: so much time is added to what an attempt may take. */
  readonly bytesPerSecondMin: number
  /** How reads are hedged; null: they are not. */
  readonly hedge: HedgeOptions | null
}

/** By when a call must be over. */
export interface Deadline {
  /** Monotonic time of the store's clock at which it fails with `retry`. */
  readonly deadlineMs?: number
}

/** What came of a put that may have been tried several times. */
export type RetriedPut =
  | Extract<PutResult, { readonly outcome: 'ok' }>
  | { readonly outcome: 'exists' | 'conflict'; readonly mayBeOwn?: true }

/** What the repeating did so far. */
export interface RetryCounts extends HedgeCounts {
  /** Attempts beyond the first of a call. */
  readonly retries: Counter
  /** Attempts that were not answered in time. */
  readonly timeouts: Counter
}

/**
 * A store that repeats. A call ends by its deadline, and at once with `closed` when its signal is
 * aborted. Reads of a source may be under way when its put has ended, but none begins any more.
 * The bytes of a put must not change after it either: an attempt that was given up may still send
 * them.
 */
export interface RetryingStore extends ObjectStore {
  put(
    key: string,
    body: Uint8Array | ObjectSource,
    options?: PutOptions & Deadline,
  ): Promise<RetriedPut>
  /** Reads an object. One that is large is read in ranges: without, time is given for 1 MiB. */
  get(key: string, options?: GetOptions & Deadline): Promise<ObjectBytes | null>
  head(key: string, call?: StoreCall & Deadline): Promise<ObjectInfo | null>
  list(options: ListOptions & Deadline): Promise<ObjectPage>
  delete(keys: readonly string[], call?: StoreCall & Deadline): Promise<void>
  /**
   * The same over another view of the same store, one that counts for a topic say. It shares what
   * is known of latencies and budgets, lives as long as this, and its `close` does nothing.
   */
  over(store: ObjectStore): RetryingStore
  readonly counts: RetryCounts
}

/** Repeats the calls of `store`, which is closed with it. */
export function retrying(store: ObjectStore, options: RetryingOptions): RetryingStore {
  assert(options.attemptsMax >= 1, 'A call is tried at least once')
  assert(options.bytesPerSecondMin > 0, 'Bytes travel')
  const retrier = new Retrier(options)
  const closeAll = async (): Promise<void> => {
    await retrier.close()
    await store.close()
  }
  return new RetriedView(retrier, store, closeAll)
}

/** Bytes that a read without a range is given time for. */
const UNKNOWN_BYTES = 1024 * 1024

interface Call extends StoreCall, Deadline {
  readonly what: string
  readonly bytes: number
}

/** What all views of a store share. */
class Retrier {
  readonly counts: RetryCounts
  readonly hedging: Hedging | null
  readonly #options: RetryingOptions
  readonly #running = new Map<AbortController, Promise<unknown>>()
  #closed = false

  constructor(options: RetryingOptions) {
    const { telemetry, name } = options
    const counter = (metric: string, help: string): Counter =>
      telemetry.counter(metric, help, { store: name })
    this.#options = options
    this.counts = {
      retries: counter(
        'stratalog_store_retries_total',
        'Requests to the object store that repeated a failed one.',
      ),
      timeouts: counter(
        'stratalog_store_timeouts_total',
        'Requests to the object store that were given up because no answer came.',
      ),
      hedges: counter(
        'stratalog_store_hedges_total',
        'Second requests to the object store for reads whose answer was late.',
      ),
      hedgesWon: counter(
        'stratalog_store_hedges_won_total',
        'Second requests that were answered before the first.',
      ),
    }
    this.hedging =
      options.hedge === null ? null : new Hedging(options.clock, options.hedge, this.counts)
  }

  /** Repeats `attempt` within the limits of the call. */
  async run<T>(
    call: Call,
    attempt: (signal: AbortSignal, number: number) => Promise<T>,
  ): Promise<T> {
    if (this.#closed) throw new OperatingError('closed', `Cannot ${call.what}: closed`)
    const controller = new AbortController()
    const abandon = (): void => {
      const cause: unknown = call.signal?.reason
      controller.abort(new OperatingError('closed', `Cannot ${call.what}: given up`, cause))
    }
    if (call.signal?.aborted === true) abandon()
    call.signal?.addEventListener('abort', abandon)
    const running = this.#repeat(call, controller.signal, attempt)
    this.#running.set(controller, running)
    try {
      return await running
    } finally {
      this.#running.delete(controller)
      call.signal?.removeEventListener('abort', abandon)
    }
  }

  /** Ends every call with `closed`, and refuses those that come. */
  async close(): Promise<void> {
    this.#closed = true
    const closed = new OperatingError('closed', 'Cannot wait for the object store: closed')
    const running = [...this.#running]
    for (const [controller] of running) controller.abort(closed)
    await Promise.allSettled(running.map(([, promise]) => promise))
  }

  async #repeat<T>(
    call: Call,
    signal: AbortSignal,
    attempt: (signal: AbortSignal, number: number) => Promise<T>,
  ): Promise<T> {
    const { clock, random, attemptsMax, baseMs, maxMs, attemptMs, callMs } = this.#options
    const bytesMs = (call.bytes / this.#options.bytesPerSecondMin) * 1000
    // Time for the bytes twice: a large put can be repeated once.
    const deadlineMs = call.deadlineMs ?? clock.monotonicMs() + callMs + 2 * bytesMs
    const limits = { firstMs: baseMs, waitMsMax: maxMs, attemptsMax, deadlineMs }
    let attempts = 0
    try {
      return await withRetries({ clock, random, signal }, limits, (number) => {
        attempts = number
        if (number > 1) this.counts.retries.value++
        const untilMs = Math.min(clock.monotonicMs() + attemptMs + bytesMs, deadlineMs)
        const timedOut = (): void => {
          this.counts.timeouts.value++
        }
        return attemptWithin({ clock, untilMs, signal, timedOut }, (own) => attempt(own, number))
      })
    } catch (error) {
      if (!(error instanceof OperatingError) || error.kind !== 'retry') throw error
      const tries = attempts === 1 ? '1 attempt' : `${attempts} attempts`
      const message = `Cannot ${call.what}: given up after ${tries}: ${error.message}`
      throw new OperatingError('retry', message, error, error.gist)
    }
  }
}

class RetriedView implements RetryingStore {
  readonly dropUploads?: (prefix: string, beforeMs: number, call?: StoreCall) => Promise<number>
  readonly sign?: (key: string, ttlMs: number) => Promise<string>
  readonly #retrier: Retrier
  readonly #store: ObjectStore
  readonly #close: () => Promise<void>

  constructor(retrier: Retrier, store: ObjectStore, close: () => Promise<void>) {
    this.#retrier = retrier
    this.#store = store
    this.#close = close
    if (store.dropUploads !== undefined) {
      this.dropUploads = (prefix, beforeMs, call) => this.#dropUploads(prefix, beforeMs, call)
    }
    if (store.sign !== undefined) this.sign = (key, ttlMs) => this.#sign(key, ttlMs)
  }

  get traits(): StoreTraits {
    return this.#store.traits
  }

  get counts(): RetryCounts {
    return this.#retrier.counts
  }

  over(store: ObjectStore): RetryingStore {
    return new RetriedView(this.#retrier, store, async () => {})
  }

  async put(
    key: string,
    body: Uint8Array | ObjectSource,
    options: PutOptions & Deadline = {},
  ): Promise<RetriedPut> {
    const source = body instanceof Uint8Array ? null : new SharedSource(body)
    const size = body instanceof Uint8Array ? body.length : body.size
    let attempts = 0
    const call = { ...options, what: `put ${key}`, bytes: size }
    const put = (signal: AbortSignal, number: number): Promise<PutResult> => {
      attempts = number
      const sent = body instanceof Uint8Array ? body : (source?.forAttempt(signal) ?? body)
      return this.#store.put(key, sent, { ...portOptions(options), signal })
    }
    try {
      const result = await this.#retrier.run(call, put)
      if (result.outcome === 'ok' || attempts === 1) return result
      return { ...result, mayBeOwn: true }
    } finally {
      source?.end()
    }
  }

  get(key: string, options: GetOptions & Deadline = {}): Promise<ObjectBytes | null> {
    const { range, memory } = options
    const size = range === undefined ? -1 : range.to - range.from
    const call = { ...options, what: `get ${key}`, bytes: size < 0 ? UNKNOWN_BYTES : size }
    const asked: GetOptions = {
      ...(range === undefined ? {} : { range }),
      ...(memory === undefined ? {} : { memory }),
    }
    const get = (signal: AbortSignal): Promise<ObjectBytes | null> =>
      this.#store.get(key, { ...asked, signal })
    const { hedging } = this.#retrier
    return this.#retrier.run(
      call,
      hedging === null ? get : (signal) => hedging.run(size, signal, get),
    )
  }

  head(key: string, call: StoreCall & Deadline = {}): Promise<ObjectInfo | null> {
    return this.#retrier.run({ ...call, what: `head ${key}`, bytes: 0 }, (signal) =>
      this.#store.head(key, { signal }),
    )
  }

  list(options: ListOptions & Deadline): Promise<ObjectPage> {
    const { prefix, cursor, limit } = options
    const page = cursor === undefined ? { prefix, limit } : { prefix, cursor, limit }
    return this.#retrier.run({ ...options, what: `list ${prefix}`, bytes: 0 }, (signal) =>
      this.#store.list({ ...page, signal }),
    )
  }

  delete(keys: readonly string[], call: StoreCall & Deadline = {}): Promise<void> {
    const what = `delete ${keys.length} objects, ${keys[0] ?? 'none'} first`
    return this.#retrier.run({ ...call, what, bytes: 0 }, (signal) =>
      this.#store.delete(keys, { signal }),
    )
  }

  close(): Promise<void> {
    return this.#close()
  }

  #dropUploads(prefix: string, beforeMs: number, call: StoreCall & Deadline = {}): Promise<number> {
    const what = `drop uploads below ${prefix}`
    return this.#retrier.run(
      { ...call, what, bytes: 0 },
      async (signal) => (await this.#store.dropUploads?.(prefix, beforeMs, { signal })) ?? 0,
    )
  }

  #sign(key: string, ttlMs: number): Promise<string> {
    return this.#retrier.run({ what: `sign ${key}`, bytes: 0 }, async () =>
      must(await this.#store.sign?.(key, ttlMs), 'A store that can sign goes on to'),
    )
  }
}

/** What of a put's options the port knows. */
const portOptions = ({ condition }: PutOptions): PutOptions =>
  condition === undefined ? {} : { condition }
