// A seeded life of three clients that retry over one faulty bucket: they append to a shared object
// by compare-and-swap, create, overwrite, read, list and delete objects of their own. What each was
// told is checked against the bucket at the end: nothing confirmed is missing or there twice, no
// call outlives its deadline or its attempts. A flaw can be planted, to show that it is found.
import { OperatingError } from '../../../src/base/errors.ts'
import { Prng } from '../../../src/base/prng.ts'
import type { ObjectStore } from '../../../src/ports/object-store.ts'
import { retrying } from '../../../src/tier/store/retrying.ts'
import type { RetryingOptions, RetryingStore } from '../../../src/tier/store/retrying.ts'
import { QuietTelemetry } from '../../log/store-harness.ts'
import { Scheduler, SimClock } from '../../sim/clock.ts'
import { SimBucket } from '../../sim/object-store.ts'

/** A mistake that a life must bring to light. */
export type Flaw = 'none' | 'believes its repeat' | 'never gives up' | 'does not read again'

/** What a life came to. */
export interface Life {
  readonly violations: readonly string[]
  readonly bucket: SimBucket
  readonly calls: number
  readonly hedges: number
  readonly failed: number
  /** Refused puts of which an earlier attempt was the one. */
  readonly own: number
}

export const LIMITS = {
  attemptsMax: 5,
  baseMs: 20,
  maxMs: 1000,
  attemptMs: 2000,
  callMs: 8000,
  bytesPerSecondMin: 1024 * 1024,
  hedge: { firstMs: 200, leastMs: 20, shareMax: 0.05 },
} as const

const encode = (value: string): Uint8Array => new TextEncoder().encode(value)
const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

/** Lives once. */
export async function live(seed: number, flaw: Flaw = 'none'): Promise<Life> {
  const scheduler = new Scheduler({ shuffle: new Prng(seed + 1) })
  const prng = new Prng(seed)
  const kind = (['s3', 'gcs', 'azure'] as const)[prng.below(3)] ?? 's3'
  const shortPages = prng.float() * 0.3
  const bucket = new SimBucket(scheduler, prng.fork(), { traits: { kind }, shortPages })
  const temper = prng.float() * 0.12
  const rate = (): number => prng.float() * temper
  const late = prng.chance(0.5) ? prng.float() : 0
  bucket.faults.rates = {
    before: rate(),
    throttle: rate(),
    lost: rate(),
    hang: rate() / 2,
    mute: rate() / 2,
    conflict: rate(),
    drop: rate(),
    slow: rate(),
    late,
  }
  for (const window of ['outage', 'silence'] as const) {
    if (!prng.chance(0.5)) continue
    const fromMs = prng.below(20_000)
    bucket.faults.window(window, fromMs, fromMs + prng.below(20_000))
  }
  const lives = [0, 1, 2].map((index) => new Client(bucket, scheduler, prng.fork(), index, flaw))
  await scheduler.settle(Promise.all(lives.map((client) => client.run(late > 0))))
  await scheduler.runUntilIdle()
  const sum = (of: (client: Client) => number): number =>
    lives.reduce((total, client) => total + of(client), 0)
  return {
    violations: [...lives.flatMap((client) => client.violations), ...judge(bucket, lives)],
    bucket,
    calls: sum((client) => client.calls),
    failed: sum((client) => client.failed),
    hedges: sum((client) => client.store.counts.hedges.value),
    own: sum((client) => client.own),
  }
}

/** What is wrong with the shared object. */
function judge(bucket: SimBucket, clients: readonly Client[]): string[] {
  const wrong: string[] = []
  const lines = decode(bucket.peek('head') ?? new Uint8Array(0))
    .split('\n')
    .filter((line) => line !== '')
  const times = (line: string): number => lines.filter((other) => other === line).length
  for (const client of clients) {
    for (const line of client.confirmed) {
      if (times(line) !== 1) wrong.push(`${line} was confirmed and is there ${times(line)} times`)
    }
    for (const line of client.tried) {
      if (times(line) > 1) wrong.push(`${line} was tried and is there ${times(line)} times`)
    }
    if (client.inFlight() > 0) wrong.push('a request outlived its call')
  }
  const tried = new Set(clients.flatMap((client) => client.tried))
  for (const line of lines) if (!tried.has(line)) wrong.push(`${line} came from nowhere`)
  return wrong
}

class Client {
  readonly violations: string[] = []
  readonly confirmed: string[] = []
  readonly tried: string[] = []
  readonly store: RetryingStore
  readonly inFlight: () => number
  calls = 0
  failed = 0
  own = 0
  readonly #prng: Prng
  readonly #scheduler: Scheduler
  readonly #name: string
  readonly #flaw: Flaw
  /** Requests that the store below was sent since the last call began. */
  #sent = 0
  #late = false
  /** What the client knows of its own objects. */
  readonly #objects = new Map<string, string>()

  constructor(bucket: SimBucket, scheduler: Scheduler, prng: Prng, index: number, flaw: Flaw) {
    const below = bucket.connect()
    this.inFlight = () => below.inFlight
    this.#prng = prng
    this.#scheduler = scheduler
    this.#name = `c${index}`
    this.#flaw = flaw
    const endless = flaw === 'never gives up' ? { attemptMs: 1e9, callMs: 1e9 } : {}
    const options: RetryingOptions = {
      ...LIMITS,
      ...endless,
      clock: new SimClock(scheduler),
      random: () => prng.float(),
      telemetry: new QuietTelemetry(),
      name: 'sim',
    }
    const counted: ObjectStore = {
      traits: below.traits,
      put: (...given) => this.#count(() => below.put(...given)),
      get: (...given) => this.#count(() => below.get(...given)),
      head: (...given) => this.#count(() => below.head(...given)),
      list: (...given) => this.#count(() => below.list(...given)),
      delete: (...given) => this.#count(() => below.delete(...given)),
      close: () => below.close(),
    }
    this.store = retrying(counted, options)
  }

  /** `late` says whether a put or delete that was given up may still happen. */
  async run(late: boolean): Promise<void> {
    this.#late = late
    for (let i = 0; i < 14; i++) {
      const what = this.#prng.below(6)
      if (what < 3) await this.#append(`${this.#name}-${i}`)
      else if (what < 4) await this.#write(`${this.#name}/${this.#prng.below(3)}`, `v${i}`)
      else if (what < 5) await this.#create(`${this.#name}/new${i}`, `n${i}`)
      else await this.#remove()
      await this.#list()
    }
    await this.store.close()
  }

  /** One line more in the shared object, once and only once. */
  async #append(line: string): Promise<void> {
    this.tried.push(line)
    for (let round = 0; round < 6; round++) {
      const now = await this.#call(() => this.store.get('head'))
      if (now === 'failed') return
      const text = now === null ? '' : decode(now.bytes)
      const has = text.split('\n').includes(line)
      if (has && this.#flaw !== 'does not read again') {
        this.own++
        this.confirmed.push(line)
        return
      }
      const condition =
        now === null
          ? ({ kind: 'absent' } as const)
          : ({ kind: 'match', token: now.token } as const)
      const put = await this.#call(() =>
        this.store.put('head', encode(`${text}${line}\n`), { condition }),
      )
      if (put === 'failed') return
      const believes = this.#flaw === 'believes its repeat'
      if (put.outcome === 'ok' || (believes && put.mayBeOwn === true)) {
        this.confirmed.push(line)
        return
      }
    }
  }

  async #write(key: string, value: string): Promise<void> {
    const before = this.#objects.get(key) ?? null
    const put = await this.#call(() => this.store.put(key, encode(value)))
    if (put === 'failed' || this.#mayChangeLater()) {
      this.#objects.delete(key)
      return
    }
    if (put.outcome !== 'ok') this.violations.push(`${key} was put and refused`)
    this.#objects.set(key, value)
    await this.#expect(key, value, before)
  }

  async #create(key: string, value: string): Promise<void> {
    const condition = { kind: 'absent' } as const
    const put = await this.#call(() => this.store.put(key, encode(value), { condition }))
    if (put === 'failed') return
    const got = await this.#call(() => this.store.get(key))
    if (got === 'failed') return
    // A store may refuse though nobody was there; what it has is ours or nothing.
    if (got === null && put.outcome === 'ok') this.violations.push(`${key} was created and is gone`)
    if (got !== null && decode(got.bytes) !== value) this.violations.push(`${key} is not ours`)
    if (got !== null && put.outcome !== 'ok') {
      this.own++
      if (put.mayBeOwn !== true) this.violations.push(`${key} was ours, and it was not said`)
    }
  }

  #mayChangeLater(): boolean {
    return this.#late && this.store.counts.timeouts.value > 0
  }

  async #remove(): Promise<void> {
    const key = [...this.#objects.keys()][0]
    if (key === undefined) return
    const done = await this.#call(() => this.store.delete([key, `${this.#name}/none`]))
    this.#objects.delete(key)
    if (done === 'failed' || this.#mayChangeLater()) return
    await this.#expect(key, null, null)
  }

  async #list(): Promise<void> {
    const seen: string[] = []
    let cursor: string | null = ''
    while (cursor !== null) {
      const from: string = cursor
      const options = { prefix: `${this.#name}/`, limit: 3, cursor: from }
      const page = await this.#call(() => this.store.list(options))
      if (page === 'failed') return
      seen.push(...page.objects.map(({ key }) => key))
      cursor = page.next
    }
    if (this.#mayChangeLater()) return
    for (const key of this.#objects.keys()) {
      if (!seen.includes(key)) this.violations.push(`${key} is not listed`)
    }
  }

  async #expect(key: string, value: string | null, before: string | null): Promise<void> {
    const got = await this.#call(() =>
      this.store.get(key, { range: { from: 0, to: value?.length ?? 10 } }),
    )
    if (got === 'failed') return
    const text = got === null ? null : decode(got.bytes)
    if (text !== value) this.violations.push(`${key} is ${text}, not ${value}, was ${before}`)
  }

  /** Makes a call and judges its length; `failed` when it gave up. */
  async #call<T>(run: () => Promise<T>): Promise<T | 'failed'> {
    this.calls++
    this.#sent = 0
    const { nowMs } = this.#scheduler
    const hedges = this.store.counts.hedges.value
    try {
      return await run()
    } catch (error) {
      this.failed++
      const expected = error instanceof OperatingError && error.kind === 'retry'
      if (!expected) this.violations.push(String(error))
      return 'failed'
    } finally {
      const most = LIMITS.attemptsMax + this.store.counts.hedges.value - hedges
      if (this.#sent > most) this.violations.push(`a call made ${this.#sent} attempts`)
      const tookMs = this.#scheduler.nowMs - nowMs
      if (tookMs > LIMITS.callMs + 2000 + 1) this.violations.push(`a call took ${tookMs} ms`)
    }
  }

  #count<T>(send: () => Promise<T>): Promise<T> {
    this.#sent++
    return send()
  }
}
