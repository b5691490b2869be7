// A store that counts what is asked of it: requests by operation and outcome, bytes both ways,
// time, and the topic that each was for. It stands below what repeats requests, so that it sees
// those that are paid for. Counts are plain numbers, which tests and the cost report read; the same
// go to the telemetry.
import { assert } from '../../base/assert.ts'
import { OperatingError } from '../../base/errors.ts'
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
import type { OneStoreMetrics, StoreMetrics, StoreOperation } from './store-metrics.ts'

/** The scope of requests that are for no topic. */
export const NO_SCOPE = '-'
/** The scope of topics that came after the table was full. */
export const OTHER_SCOPES = 'other'

/** What was asked of a store, each counted when it was begun. */
export interface StoreCounts {
  readonly put: number
  readonly get: number
  readonly head: number
  readonly list: number
  readonly delete: number
  readonly dropUploads: number
  /** Requests that puts were made of: a large one goes up in parts, each of which is paid for. */
  readonly putRequests: number
  readonly keysDeleted: number
  /** Bytes of objects, of requests that were answered. */
  readonly bytesUp: number
  readonly bytesDown: number
  /** Requests that ended with an error. */
  readonly failed: number
}

type Tally = { -readonly [K in keyof StoreCounts]: StoreCounts[K] }

/** What a metered store is made of. */
export interface MeteredOptions {
  readonly clock: Clock
  readonly metrics: StoreMetrics
  /** Label of this store in metrics, unlike that of any other. */
  readonly name: string
  /** Topics that are told apart; those beyond are counted together. */
  readonly scopesMax: number
  /** Requests that the store below makes of a put of `size` bytes; 1 if absent. */
  readonly requestsOfPut?: (size: number) => number
}

/** A store that counts. */
export interface MeteredStore extends ObjectStore {
  /** All requests of all scopes. They go on counting. */
  readonly counts: StoreCounts
  /** Requests without an answer. */
  readonly running: number
  /**
   * The same store, whose requests are for topic `scope`. The same one when asked again; it lives
   * as long as this, and its `close` does nothing.
   */
  scoped(scope: string): ObjectStore
  /** What each scope has asked for, those without a topic first. */
  scopes(): Iterable<readonly [scope: string, counts: StoreCounts]>
}

/** Counts the requests to `store`, which is closed with it. */
export function metered(store: ObjectStore, options: MeteredOptions): MeteredStore {
  assert(options.scopesMax >= 1, 'At least one topic is told apart')
  const meter = new Meter(options)
  const own = new ScopedView(meter, store, meter.scope(NO_SCOPE), () => store.close())
  const views = new Map<string, ObjectStore>()
  return Object.assign(own, {
    scoped: (name: string): ObjectStore => {
      const known = views.get(name)
      if (known !== undefined) return known
      const scope = views.size < options.scopesMax ? name : OTHER_SCOPES
      const view = new ScopedView(meter, store, meter.scope(scope), async () => {})
      // Views of topics beyond the table are cheap and not kept.
      if (scope === name) views.set(name, view)
      return view
    },
    scopes: () => meter.scopes(),
  })
}

/** What one scope has asked for. */
interface Scope {
  readonly name: string
  readonly tally: Tally
}

const newTally = (): Tally => ({
  put: 0,
  get: 0,
  head: 0,
  list: 0,
  delete: 0,
  dropUploads: 0,
  putRequests: 0,
  keysDeleted: 0,
  bytesUp: 0,
  bytesDown: 0,
  failed: 0,
})

class Meter {
  readonly total = newTally()
  running = 0
  readonly requestsOfPut: (size: number) => number
  readonly #clock: Clock
  readonly #metrics: OneStoreMetrics
  readonly #scopes = new Map<string, Scope>()

  constructor(options: MeteredOptions) {
    this.#clock = options.clock
    this.#metrics = options.metrics.of(options.name, () => this.running)
    this.requestsOfPut = options.requestsOfPut ?? (() => 1)
  }

  scope(name: string): Scope {
    const known = this.#scopes.get(name)
    if (known !== undefined) return known
    const scope = { name, tally: newTally() }
    this.#scopes.set(name, scope)
    return scope
  }

  *scopes(): Generator<readonly [string, StoreCounts]> {
    for (const { name, tally } of this.#scopes.values()) yield [name, tally]
  }

  /** Adds to a count of the scope and of all. */
  add(scope: Scope, what: keyof StoreCounts, count: number): void {
    scope.tally[what] += count
    this.total[what] += count
  }

  bytes(scope: Scope, direction: 'up' | 'down', count: number): void {
    this.add(scope, direction === 'up' ? 'bytesUp' : 'bytesDown', count)
    this.#metrics.bytes(direction).value += count
    this.#metrics.scopeBytes(scope.name, direction).value += count
  }

  /** Sends a request and counts what comes of it, in the word that `outcome` has for it. */
  async run<T>(
    scope: Scope,
    operation: StoreOperation,
    send: () => Promise<T>,
    outcome: (value: T) => string,
  ): Promise<T> {
    this.add(scope, operation, 1)
    this.#metrics.scopeRequests(scope.name, operation).value++
    this.running++
    const startedMs = this.#clock.monotonicMs()
    let word = 'failed'
    try {
      const value = await send()
      word = outcome(value)
      return value
    } catch (error) {
      if (error instanceof OperatingError) word = error.kind
      this.add(scope, 'failed', 1)
      throw error
    } finally {
      this.running--
      assert(this.running >= 0, 'A request ends once')
      this.#metrics.requests(operation, word).value++
      this.#metrics.seconds(operation).observe((this.#clock.monotonicMs() - startedMs) / 1000)
    }
  }
}

const found = (value: unknown): string => (value === null ? 'absent' : 'ok')
const done = (): string => 'ok'

class ScopedView implements ObjectStore {
  readonly dropUploads?: (prefix: string, beforeMs: number, call?: StoreCall) => Promise<number>
  readonly sign?: (key: string, ttlMs: number) => Promise<string>
  readonly #meter: Meter
  readonly #store: ObjectStore
  readonly #scope: Scope
  readonly #close: () => Promise<void>

  constructor(meter: Meter, store: ObjectStore, scope: Scope, close: () => Promise<void>) {
    this.#meter = meter
    this.#store = store
    this.#scope = scope
    this.#close = close
    const { dropUploads, sign } = store
    if (dropUploads !== undefined) {
      this.dropUploads = (prefix, beforeMs, call) =>
        meter.run(scope, 'dropUploads', () => dropUploads.call(store, prefix, beforeMs, call), done)
    }
    if (sign !== undefined) this.sign = (key, ttlMs) => sign.call(store, key, ttlMs)
  }

  get traits(): StoreTraits {
    return this.#store.traits
  }

  get counts(): StoreCounts {
    return this.#meter.total
  }

  get running(): number {
    return this.#meter.running
  }

  async put(
    key: string,
    body: Uint8Array | ObjectSource,
    options?: PutOptions,
  ): Promise<PutResult> {
    const size = body instanceof Uint8Array ? body.length : body.size
    const [meter, scope] = [this.#meter, this.#scope]
    meter.add(scope, 'putRequests', meter.requestsOfPut(size))
    const send = (): Promise<PutResult> => this.#store.put(key, body, options)
    const result = await meter.run(scope, 'put', send, ({ outcome }) => outcome)
    meter.bytes(scope, 'up', size)
    return result
  }

  async get(key: string, options?: GetOptions): Promise<ObjectBytes | null> {
    const send = (): Promise<ObjectBytes | null> => this.#store.get(key, options)
    const got = await this.#meter.run(this.#scope, 'get', send, found)
    if (got !== null) this.#meter.bytes(this.#scope, 'down', got.bytes.length)
    return got
  }

  head(key: string, call?: StoreCall): Promise<ObjectInfo | null> {
    return this.#meter.run(this.#scope, 'head', () => this.#store.head(key, call), found)
  }

  list(options: ListOptions): Promise<ObjectPage> {
    return this.#meter.run(this.#scope, 'list', () => this.#store.list(options), done)
  }

  async delete(keys: readonly string[], call?: StoreCall): Promise<void> {
    const send = (): Promise<void> => this.#store.delete(keys, call)
    await this.#meter.run(this.#scope, 'delete', send, done)
    this.#meter.add(this.#scope, 'keysDeleted', keys.length)
  }

  close(): Promise<void> {
    return this.#close()
  }
}
