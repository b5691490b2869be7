// An object store in memory that behaves as badly as a real one may: requests take virtual time,
// answers are lost, what was given up still happens, listings lag, credentials go. Reads of keys
// are strong, as S3, GCS and Azure promise. A SimBucket is the far end, which checkers look into;
// each simulated process has a SimObjectStore of its own, and may die.
import { assert } from '../../src/base/assert.ts'
import { asError, OperatingError } from '../../src/base/errors.ts'
import type { OperatingErrorKind } from '../../src/base/errors.ts'
import type { Prng } from '../../src/base/prng.ts'
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
} from '../../src/ports/object-store.ts'
import { BucketState } from './bucket.ts'
import type { Scheduler } from './clock.ts'
import { StoreFaults } from './store-faults.ts'
import type { StoreFate, StoreOperation, StoreRequest } from './store-faults.ts'

/** How a simulated store is. */
export interface SimBucketOptions {
  /** What it can and cannot do; by default all, like S3. */
  readonly traits?: Partial<StoreTraits>
  /** Milliseconds of a request without its bytes: uniform in [least, most). */
  readonly requestMs?: readonly [number, number]
  /** Bytes that a connection carries in a millisecond. */
  readonly bytesPerMs?: number
  /** What a slow request takes besides: uniform in [least, most). */
  readonly slowMs?: readonly [number, number]
  /** When the store closes a connection on which it never answers. */
  readonly hangMs?: number
  /** Listings show a put or a delete up to so many ms late. */
  readonly listLagMs?: number
  /** Chance that a page of a listing ends before its limit. */
  readonly shortPages?: number
  /** Whether puts answer that the store compared a checksum. */
  readonly checked?: boolean
  /** Whether `trace` is kept. */
  readonly traced?: boolean
  /** The store's wall time at virtual time 0. */
  readonly wallMs?: number
}

/** Bytes of one part of an upload; a source that is larger goes up in several. */
const PART_BYTES = 8 * 1024 * 1024

const DEFAULT_TRAITS: StoreTraits = {
  kind: 's3',
  url: 'sim://bucket',
  createsOnlyIfAbsent: true,
  swapsByToken: true,
  rewriteMs: 0,
}

const DEFAULTS = {
  requestMs: [10, 80],
  bytesPerMs: 100 * 1024,
  slowMs: [500, 5000],
  hangMs: 600_000,
  listLagMs: 0,
  shortPages: 0,
  checked: true,
  traced: false,
  wallMs: Date.UTC(2026, 0, 1),
} as const

type Settled = Required<Omit<SimBucketOptions, 'traits'>>

/** One bucket, and all that happens to it. */
export class SimBucket {
  readonly faults: StoreFaults
  readonly traits: StoreTraits
  readonly options: Settled
  readonly state: BucketState
  /** Requests that reached the store, or would have. */
  readonly requests: Record<StoreOperation, number> = {
    put: 0,
    get: 0,
    head: 0,
    list: 0,
    delete: 0,
    dropUploads: 0,
  }
  /** Every effect and answer, with its time; empty unless asked for. */
  readonly trace: string[] = []
  readonly scheduler: Scheduler
  readonly prng: Prng
  #clients = 0

  constructor(scheduler: Scheduler, prng: Prng, options: SimBucketOptions = {}) {
    this.scheduler = scheduler
    this.prng = prng
    this.traits = { ...DEFAULT_TRAITS, ...options.traits }
    this.options = { ...DEFAULTS, ...options }
    this.faults = new StoreFaults(prng.fork())
    this.state = new BucketState(prng.fork(), {
      traits: this.traits,
      listLagMs: this.options.listLagMs,
      wallMs: this.options.wallMs,
    })
  }

  /** A client of this bucket, for one process. */
  connect(): SimObjectStore {
    return new SimObjectStore(this, ++this.#clients)
  }

  /** All requests of all kinds. */
  get requestsInAll(): number {
    return Object.values(this.requests).reduce((sum, count) => sum + count, 0)
  }

  /** The keys there are, in order. */
  keys(prefix = ''): string[] {
    return [...this.state.objects.keys()].filter((key) => key.startsWith(prefix)).sort()
  }

  /** A copy of an object's bytes; null if there is none. */
  peek(key: string): Uint8Array | null {
    const object = this.state.objects.get(key)
    return object === undefined ? null : new Uint8Array(object.bytes)
  }

  /** A copy of all objects, for comparing later. */
  snapshot(): Map<string, Uint8Array> {
    return new Map(
      [...this.state.objects].map(([key, { bytes }]) => [key, new Uint8Array(bytes)] as const),
    )
  }

  /** Loses an object, as an operator does with a wrong command. */
  lose(key: string): void {
    assert(this.state.objects.has(key), 'Only an object is lost')
    this.state.delete(this.scheduler.nowMs, key)
  }

  /** Flips a bit of an object, as a medium that rots does. */
  flip(key: string, at?: number): void {
    this.state.flip(key, at)
  }

  /** Notes what happened, if asked to. */
  note(what: string): void {
    if (this.options.traced) this.trace.push(`${this.scheduler.nowMs.toFixed(3)} ${what}`)
  }
}

/** An ObjectStore of one simulated process. */
export class SimObjectStore implements ObjectStore {
  readonly #bucket: SimBucket
  readonly #client: number
  readonly #ends = new Set<(error: OperatingError) => void>()
  #closed = false
  #dead = false
  #uploads = 0

  constructor(bucket: SimBucket, client: number) {
    this.#bucket = bucket
    this.#client = client
  }

  get traits(): StoreTraits {
    return this.#bucket.traits
  }

  /** Requests that have not been answered. */
  get inFlight(): number {
    return this.#ends.size
  }

  async put(
    key: string,
    body: Uint8Array | ObjectSource,
    options: PutOptions = {},
  ): Promise<PutResult> {
    checkKey(key)
    const { state, scheduler } = this.#bucket
    const upload = !(body instanceof Uint8Array) && body.size > PART_BYTES
    const id = this.#client * 1e6 + this.#uploads++
    if (upload) state.uploads.set(id, { key, beganMs: state.wallMs(scheduler.nowMs) })
    let bytes: Uint8Array<ArrayBuffer>
    try {
      const whole = body instanceof Uint8Array
      bytes = whole ? new Uint8Array(body) : await this.#read(key, body, options)
    } catch (error) {
      // Its sender is alive and takes back what it began.
      state.uploads.delete(id)
      throw error
    }
    const conditional = options.condition !== undefined
    return this.#request('put', key, bytes.length, { ...options, conditional }, (fate) => {
      if (body instanceof Uint8Array && options.signal?.aborted !== true) {
        const same = Buffer.compare(bytes, body) === 0
        assert(same, 'The bytes of a put do not change before it settles')
      }
      // Either way the store forgets the parts; if it has already, there is nothing to join.
      if (upload && !state.uploads.delete(id)) {
        throw new OperatingError('retry', `Cannot put ${key}: there is no such upload`)
      }
      const refusal = options.condition?.kind === 'absent' ? 'exists' : 'conflict'
      if (fate.fault === 'conflict') return { outcome: refusal }
      const effect = state.put(scheduler.nowMs, key, bytes, options.condition)
      if (effect === 'exists' || effect === 'conflict') return { outcome: effect }
      if (effect !== 'rewrite') {
        return { outcome: 'ok', token: effect.token, checked: this.#bucket.options.checked }
      }
      this.#bucket.faults.counts.rewrite++
      throw new OperatingError('retry', `Cannot put ${key}: it was written just now`)
    })
  }

  get(key: string, options: GetOptions = {}): Promise<ObjectBytes | null> {
    checkKey(key)
    const { range } = options
    assert(range === undefined || (range.from >= 0 && range.to >= range.from), 'A range is one')
    const wanted = range === undefined ? Infinity : range.to - range.from
    const size = Math.min(wanted, this.#bucket.state.objects.get(key)?.bytes.length ?? 0)
    return this.#request('get', key, size, options, (fate) => {
      const object = this.#bucket.state.objects.get(key)
      if (object === undefined) return null
      const asked = object.bytes.subarray(range?.from ?? 0, range?.to)
      let bytes = options.memory?.take(asked.length) ?? new Uint8Array(asked.length)
      bytes.set(asked)
      const { prng } = this.#bucket
      if (fate.fault === 'truncate') bytes = bytes.subarray(0, prng.below(bytes.length + 1))
      if (fate.fault === 'flip' && bytes.length > 0) {
        const at = prng.below(bytes.length)
        bytes[at] = (bytes[at] ?? 0) ^ (1 << prng.below(8))
      }
      return { bytes, token: object.token }
    })
  }

  head(key: string, call: StoreCall = {}): Promise<ObjectInfo | null> {
    checkKey(key)
    return this.#request('head', key, 0, call, () => {
      const object = this.#bucket.state.objects.get(key)
      if (object === undefined) return null
      const { bytes, token, modifiedMs } = object
      return { size: bytes.length, token, modifiedMs }
    })
  }

  list(options: ListOptions): Promise<ObjectPage> {
    const { prefix, cursor = '', limit } = options
    assert(limit >= 1 && limit <= 1000, 'A page has 1 to 1,000 objects')
    const { prng, faults, state, scheduler } = this.#bucket
    return this.#request('list', prefix, limit * 100, options, () => {
      const short = limit > 1 && prng.chance(this.#bucket.options.shortPages)
      const most = short ? 1 + prng.below(limit - 1) : limit
      const { page, stale } = state.list(scheduler.nowMs, { prefix, cursor, limit: most })
      if (short && page.next !== null) faults.counts.short++
      if (stale) faults.counts.stale++
      return page
    })
  }

  async delete(keys: readonly string[], call: StoreCall = {}): Promise<void> {
    for (const key of keys) checkKey(key)
    if (keys.length === 0) return
    await this.#request('delete', keys[0] ?? '', 0, call, (fate) => {
      const count = fate.fault === 'lost' ? 1 + this.#bucket.prng.below(keys.length) : keys.length
      for (const key of keys.slice(0, count)) {
        this.#bucket.state.delete(this.#bucket.scheduler.nowMs, key)
      }
    })
  }

  dropUploads(prefix: string, beforeMs: number, call: StoreCall = {}): Promise<number> {
    return this.#request('dropUploads', prefix, 0, call, () => {
      const { uploads } = this.#bucket.state
      const old = [...uploads].filter(
        ([, { key, beganMs }]) => key.startsWith(prefix) && beganMs < beforeMs,
      )
      for (const [id] of old) uploads.delete(id)
      return old.length
    })
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const end of [...this.#ends]) end(closed('use', this.traits.url))
  }

  /** The process dies: nothing it awaits settles, what is on its way may arrive. */
  kill(): void {
    this.#dead = true
    this.#ends.clear()
  }

  /** Reads all of a source as an uploader does: a few parts side by side, in ascending order. */
  #read(
    key: string,
    source: ObjectSource,
    { signal }: StoreCall,
  ): Promise<Uint8Array<ArrayBuffer>> {
    if (this.#closed || signal?.aborted === true) return Promise.reject(closed('put', key))
    return new Promise((resolve, reject) => {
      const settle = (act: () => void): void => {
        if (!this.#ends.delete(end)) return
        signal?.removeEventListener('abort', abandon)
        act()
      }
      const end = (error: OperatingError): void => settle(() => reject(error))
      const abandon = (): void => end(closed('put', key))
      this.#ends.add(end)
      signal?.addEventListener('abort', abandon)
      const goesOn = (): boolean => this.#ends.has(end)
      readAll(source, goesOn).then(
        (bytes) => settle(() => resolve(bytes)),
        (error: unknown) => settle(() => reject(asError(error))),
      )
    })
  }

  /**
   * One request: it arrives after a half of its time, which is when `effect` happens, and is
   * answered after the other, unless a fault befalls it.
   */
  #request<T>(
    operation: StoreOperation,
    key: string,
    bytes: number,
    call: StoreCall & { readonly conditional?: boolean },
    effect: (fate: StoreFate) => T,
  ): Promise<T> {
    const { signal, conditional = false } = call
    const bucket = this.#bucket
    const { scheduler, prng, options, faults } = bucket
    if (this.#closed || signal?.aborted === true) return Promise.reject(closed(operation, key))
    bucket.requests[operation]++
    const request: StoreRequest = { operation, key, conditional, atMs: scheduler.nowMs }
    const fate = faults.decide(request)
    const [least, most] = options.requestMs
    const restMs = least + prng.float() * (most - least) + bytes / options.bytesPerMs
    const [slowLeast, slowMost] = options.slowMs
    const slowMs = slowLeast + prng.float() * (slowMost - slowLeast)
    const totalMs = restMs + (fate.slow ? slowMs : 0)
    const line = `${operation} ${key} by ${this.#client}`

    return new Promise((resolve, reject) => {
      let cancel = (): void => {}
      const settle = (how: string, act: () => void): void => {
        if (!this.#ends.delete(end)) return
        cancel()
        signal?.removeEventListener('abort', abandon)
        bucket.note(`${line}: ${how}`)
        act()
      }
      const end = (error: OperatingError): void => settle(error.kind, () => reject(error))
      const abandon = (): void => {
        const isLate = fate.late && !arrived && happens(operation, fate)
        end(closed(operation, key))
        if (!isLate) return
        // On its way when its sender gave up: the store takes it all the same.
        scheduler.schedule(slowMs, () => {
          faults.counts.late++
          bucket.note(`${line}: late`)
          attempt(() => effect(fate))
        })
      }
      let arrived = false
      this.#ends.add(end)
      signal?.addEventListener('abort', abandon)

      const answer = (delayMs: number, how: string, act: () => void): void => {
        cancel = scheduler.schedule(delayMs, () => settle(how, act))
      }
      const fail = (delayMs: number, kind: OperatingErrorKind, why: string): void => {
        const error = new OperatingError(kind, `Cannot ${operation} ${key}: ${why}`)
        answer(delayMs, why, () => reject(error))
      }
      const arrive = (): void => {
        arrived = true
        const { window, fault } = fate
        if (window === 'outage') return fail(totalMs / 2, 'retry', 'answer 503')
        if (window === 'refusal') return fail(totalMs / 2, 'refused', 'answer 403')
        if (window === 'silence') {
          const untilMs = Math.max(faults.windowEndMs(scheduler.nowMs) - scheduler.nowMs, 0)
          return fail(Math.min(untilMs, options.hangMs), 'retry', 'connection reset')
        }
        if (fault === 'mute') return fail(options.hangMs, 'retry', 'connection reset')
        if (!happens(operation, fate)) return fail(totalMs / 2, 'retry', `answer 500, ${fault}`)
        const result = attempt(() => effect(fate))
        bucket.note(`${line}: done`)
        if (fault === 'lost') return fail(totalMs / 2, 'retry', 'answer 500')
        if (fault === 'hang') return fail(options.hangMs, 'retry', 'connection reset')
        if (fault === 'drop') return fail(prng.float() * totalMs, 'retry', 'connection reset')
        if ('error' in result) return answer(totalMs / 2, 'error', () => reject(result.error))
        return answer(totalMs / 2, 'ok', () => resolve(result.value))
      }
      cancel = scheduler.schedule(totalMs / 2, () => {
        if (!this.#dead) return arrive()
        // The process is gone, its request is not.
        if (happens(operation, fate)) attempt(() => effect(fate))
      })
    })
  }
}

const readAll = async (
  source: ObjectSource,
  goesOn: () => boolean,
): Promise<Uint8Array<ArrayBuffer>> => {
  const whole = new Uint8Array(source.size)
  for (let at = 0; at < source.size && goesOn(); at += 2 * PART_BYTES) {
    const parts = [at, at + PART_BYTES].filter((from) => from < source.size)
    await Promise.all(
      parts.map(async (from) => {
        const to = Math.min(from + PART_BYTES, source.size)
        const part = await source.read(from, to)
        assert(part.length === to - from, 'A source gives what it is asked for')
        whole.set(part, from)
      }),
    )
  }
  return whole
}

/** Whether a request does what it asks for, whatever is answered. */
const happens = (operation: StoreOperation, { fault, window }: StoreFate): boolean => {
  if (window !== null || (fault === 'drop' && operation === 'put')) return false
  return fault !== 'before' && fault !== 'throttle' && fault !== 'mute'
}

const attempt = <T>(act: () => T): { readonly value: T } | { readonly error: Error } => {
  try {
    return { value: act() }
  } catch (error) {
    if (error instanceof OperatingError) return { error }
    throw error
  }
}

const closed = (action: string, what: string): OperatingError =>
  new OperatingError('closed', `Cannot ${action} ${what}: it was given up`)

/** Keys are ASCII, with no `/` in front, no `.` and no `..`. */
const checkKey = (key: string): void => {
  assert(/^[\x21-\x7e]+$/.test(key), 'A key is ASCII')
  const names = key.split('/')
  assert(!names.some((name) => name === '' || name === '.' || name === '..'), 'A key is a path')
}
