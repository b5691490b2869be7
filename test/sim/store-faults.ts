// What goes wrong between a client and its bucket, and when: rates drawn from a seed, plans that
// name one request exactly, and windows of virtual time in which nothing gets through. Every fate
// takes the same draws whatever the rates are, and counters tell what really happened, without
// which a run proves nothing.
import type { Prng } from '../../src/base/prng.ts'

/** Operations of the ObjectStore port that go to the store. */
export type StoreOperation = 'put' | 'get' | 'head' | 'list' | 'delete' | 'dropUploads'

/** A request, as faults see it. */
export interface StoreRequest {
  readonly operation: StoreOperation
  /** The key, the first of several, or a prefix. */
  readonly key: string
  /** A put with a condition. */
  readonly conditional: boolean
  readonly atMs: number
}

/**
 * What may befall a request.
 *
 * - `before`: a 5xx, and nothing happened; `throttle` is the same by another name.
 * - `lost`: it happened, and the answer is a 5xx. Of several keys to delete, some are.
 * - `hang`: it happened, and no answer comes, for minutes.
 * - `mute`: it did not happen, and no answer comes, for minutes.
 * - `conflict`: a put with a condition is refused though its condition holds, as S3 does with 409.
 * - `drop`: the connection ends in the middle of the bytes.
 * - `truncate`, `flip`: a get answers with fewer bytes, with a wrong bit, and reports success.
 */
export type StoreFault =
  'before' | 'throttle' | 'lost' | 'hang' | 'mute' | 'conflict' | 'drop' | 'truncate' | 'flip'

/** Chances per request, in [0, 1]; absent is 0. */
export type StoreRates = Readonly<Partial<Record<StoreFault, number>>> & {
  /** The request takes seconds, whatever else befalls it. */
  readonly slow?: number
  /** A request whose caller has given up happens all the same, later. */
  readonly late?: number
}

/** What nothing gets through: answers of 503, no answers at all, answers of 403. */
export type StoreWindow = 'outage' | 'silence' | 'refusal'

/** What was decided about a request. */
export interface StoreFate {
  readonly fault: StoreFault | null
  readonly window: StoreWindow | null
  readonly slow: boolean
  readonly late: boolean
}

const FAULTS: readonly StoreFault[] = [
  'before',
  'throttle',
  'lost',
  'hang',
  'mute',
  'conflict',
  'drop',
  'truncate',
  'flip',
]

/** Decides the fate of each request, and counts. */
export class StoreFaults {
  rates: StoreRates = {}
  /**
   * Faults that happened, by name. `stale` counts listings that showed an older state, `short`
   * pages that were cut short, `rewrite` puts that came too soon after another of the same key.
   */
  readonly counts = {
    before: 0,
    throttle: 0,
    lost: 0,
    hang: 0,
    mute: 0,
    conflict: 0,
    drop: 0,
    truncate: 0,
    flip: 0,
    slow: 0,
    late: 0,
    outage: 0,
    silence: 0,
    refusal: 0,
    stale: 0,
    short: 0,
    rewrite: 0,
  }
  readonly #prng: Prng
  readonly #plans: ((request: StoreRequest) => StoreFault | null)[] = []
  readonly #windows: { kind: StoreWindow; fromMs: number; toMs: number }[] = []

  constructor(prng: Prng) {
    this.#prng = prng
  }

  /** Asks `decide` about each request from now on, until it has answered with a fault once. */
  plan(decide: (request: StoreRequest) => StoreFault | null): void {
    this.#plans.push(decide)
  }

  /** Lets a fault befall the `nth` request (from 1) of a kind, on keys that contain `key`. */
  failNth(operation: StoreOperation, nth: number, fault: StoreFault, key = ''): void {
    let seen = 0
    this.plan((request) =>
      request.operation === operation && request.key.includes(key) && ++seen === nth ? fault : null,
    )
  }

  /** Lets nothing through in virtual time `[fromMs, toMs)`. */
  window(kind: StoreWindow, fromMs: number, toMs = Infinity): void {
    this.#windows.push({ kind, fromMs, toMs })
  }

  /** Ends every window, now and in future. */
  clear(): void {
    this.#windows.length = 0
  }

  /** What happens to `request`. The counters of what shows later are raised later. */
  decide(request: StoreRequest): StoreFate {
    const planned = this.#planned(request)
    const drawn = this.#drawn(request)
    const slow = this.#prng.float() < (this.rates.slow ?? 0)
    const late = this.#prng.float() < (this.rates.late ?? 0)
    const window = this.#window(request.atMs)
    const fault = window === null ? (planned ?? drawn) : null
    if (window !== null) this.counts[window]++
    if (fault !== null) this.counts[fault]++
    if (slow && window === null) this.counts.slow++
    return { fault, window, slow, late }
  }

  /** When the window that is open at `atMs` ends; `atMs` if none is. */
  windowEndMs(atMs: number): number {
    let endMs = atMs
    for (const { fromMs, toMs } of this.#windows) {
      if (fromMs <= atMs && atMs < toMs) endMs = Math.max(endMs, toMs)
    }
    return endMs
  }

  #window(atMs: number): StoreWindow | null {
    for (const { kind, fromMs, toMs } of this.#windows) {
      if (fromMs <= atMs && atMs < toMs) return kind
    }
    return null
  }

  #planned(request: StoreRequest): StoreFault | null {
    for (const [index, decide] of this.#plans.entries()) {
      const fault = decide(request)
      if (fault === null) continue
      this.#plans.splice(index, 1)
      return fault
    }
    return null
  }

  /** One draw for all of them: their rates are shares of the same whole. */
  #drawn(request: StoreRequest): StoreFault | null {
    let draw = this.#prng.float()
    for (const fault of FAULTS) {
      const rate = this.rates[fault] ?? 0
      if (draw < rate) return befalls(fault, request) ? fault : null
      draw -= rate
    }
    return null
  }
}

/** Whether a fault is one that a request of this kind can meet. */
const befalls = (fault: StoreFault, { operation, conditional }: StoreRequest): boolean => {
  if (fault === 'conflict') return conditional
  if (fault === 'drop') return operation === 'get' || operation === 'put'
  if (fault === 'truncate' || fault === 'flip') return operation === 'get'
  return true
}
