// Several stores that have the same objects, read as one: from the first that is well, and from the
// next one when that has no answer, no object, or none in time. A store that has failed is asked
// last for a while. Only reads are shared; whatever else is done is done to the first.
import { must } from '../../base/assert.ts'
import { OperatingError, asError } from '../../base/errors.ts'
import type { Cancel, Clock } from '../../ports/clock.ts'
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

/** How long a store that has failed is asked last, in ms. */
const ILL_MS = 30_000
/** How long the first store may take before the next is asked too, in ms. */
const HEDGE_MS = 1_000

/** Whether a store answers; one for all who use it. */
export class StoreHealth {
  #illUntilMs = -Infinity

  /** Whether it has failed lately. */
  isIll(nowMs: number): boolean {
    return nowMs < this.#illUntilMs
  }

  failed(nowMs: number): void {
    this.#illUntilMs = nowMs + ILL_MS
  }

  answered(): void {
    this.#illUntilMs = -Infinity
  }
}

/** One of several stores. */
export interface Replica {
  readonly name: string
  readonly store: ObjectStore
  readonly health: StoreHealth
}

/** What reads of several stores work with. */
export interface FailoverDeps {
  readonly clock: Clock
  /** The stores, the one with the original first; asked at every read. */
  replicas(): readonly Replica[]
  /** A store lacks an object that another has, or has other bytes of it. */
  damaged(name: string, key: string): void
}

/** Several stores as one. */
export class FailoverStore implements ObjectStore {
  readonly #deps: FailoverDeps

  constructor(deps: FailoverDeps) {
    this.#deps = deps
  }

  get traits(): StoreTraits {
    return this.#first.traits
  }

  get #first(): ObjectStore {
    return must(this.#deps.replicas()[0], 'A first store').store
  }

  /** Reads from whichever store has it; null when none has. Throws what the first one said. */
  async get(key: string, options: GetOptions = {}): Promise<ObjectBytes | null> {
    const replicas = this.#inOrder()
    const first = must(replicas[0], 'A first store')
    if (replicas.length === 1) return first.store.get(key, options)
    return this.#race(key, replicas, options)
  }

  /**
   * Reads again what was not sound: from each store in turn, until `isSound` takes what one has;
   * null when none has it.
   */
  async getSound(
    key: string,
    options: GetOptions,
    isSound: (bytes: Uint8Array) => Promise<boolean>,
  ): Promise<ObjectBytes | null> {
    const unsound: string[] = []
    const replicas = this.#inOrder()
    if (replicas.length === 1) return null
    for (const { name, store, health } of replicas) {
      try {
        const found = await store.get(key, options)
        if (found !== null && (await isSound(found.bytes))) {
          for (const bad of unsound) this.#deps.damaged(bad, key)
          return found
        }
        unsound.push(name)
      } catch (error) {
        if (!this.#isPassing(error, health)) throw error
      }
    }
    return null
  }

  put(key: string, body: Uint8Array | ObjectSource, options?: PutOptions): Promise<PutResult> {
    return this.#first.put(key, body, options)
  }

  head(key: string, call?: StoreCall): Promise<ObjectInfo | null> {
    return this.#first.head(key, call)
  }

  list(options: ListOptions): Promise<ObjectPage> {
    return this.#first.list(options)
  }

  delete(keys: readonly string[], call?: StoreCall): Promise<void> {
    return this.#first.delete(keys, call)
  }

  /** The stores belong to others. */
  close(): Promise<void> {
    return Promise.resolve()
  }

  #inOrder(): Replica[] {
    const nowMs = this.#deps.clock.monotonicMs()
    const replicas = this.#deps.replicas()
    const ill = replicas.filter(({ health }) => health.isIll(nowMs))
    return [...replicas.filter((one) => !ill.includes(one)), ...ill]
  }

  /** Whether another store may do better; remembers that this one did not. */
  #isPassing(error: unknown, health: StoreHealth): boolean {
    if (!(error instanceof OperatingError) || error.kind === 'closed') return false
    if (error.kind === 'retry' || error.kind === 'refused') {
      health.failed(this.#deps.clock.monotonicMs())
    }
    return true
  }

  /** Asks one after the other, the next as soon as one fails or is late; the first answer wins. */
  #race(
    key: string,
    replicas: readonly Replica[],
    options: GetOptions,
  ): Promise<ObjectBytes | null> {
    const { clock } = this.#deps
    const enough = new AbortController()
    const signal =
      options.signal === undefined
        ? enough.signal
        : AbortSignal.any([options.signal, enough.signal])
    const absent: string[] = []
    let failure: Error | null = null
    let asked = 0
    let answers = 0
    let late: Cancel = () => undefined
    const { promise, resolve, reject } = Promise.withResolvers<ObjectBytes | null>()
    const settle = (end: () => void): void => {
      late()
      enough.abort()
      end()
    }
    const askNext = (): void => {
      late()
      const replica = replicas[asked]
      if (replica === undefined) return
      asked++
      if (asked < replicas.length) late = clock.after(HEDGE_MS, askNext)
      const { name, store, health } = replica
      store.get(key, { ...options, signal }).then(
        (found) => {
          health.answered()
          answers++
          if (found !== null) {
            settle(() => resolve(found))
            for (const bad of absent) this.#deps.damaged(bad, key)
            return
          }
          absent.push(name)
          failed()
        },
        (error: unknown) => {
          answers++
          if (enough.signal.aborted) return
          if (!this.#isPassing(error, health)) {
            settle(() => reject(asError(error)))
            return
          }
          failure ??= asError(error)
          failed()
        },
      )
    }
    const failed = (): void => {
      if (asked < replicas.length) askNext()
      else if (answers === asked) settle(() => (failure === null ? resolve(null) : reject(failure)))
    }
    askNext()
    return promise
  }
}
