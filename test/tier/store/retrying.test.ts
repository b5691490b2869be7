import { describe, expect, it } from 'vitest'
import { OperatingError } from '../../../src/base/errors.ts'
import { Prng } from '../../../src/base/prng.ts'
import type { ObjectSource, ObjectStore } from '../../../src/ports/object-store.ts'
import { SharedSource } from '../../../src/tier/store/attempt.ts'
import { retrying } from '../../../src/tier/store/retrying.ts'
import type { RetryingOptions, RetryingStore } from '../../../src/tier/store/retrying.ts'
import { kindOf } from '../../contract/disk.ts'
import { QuietTelemetry } from '../../log/store-harness.ts'
import { Scheduler, SimClock } from '../../sim/clock.ts'
import { SimBucket } from '../../sim/object-store.ts'
import { LIMITS, live } from './retry-life.ts'
import type { Flaw } from './retry-life.ts'

interface Rig {
  readonly scheduler: Scheduler
  readonly bucket: SimBucket
  readonly store: RetryingStore
  readonly below: ObjectStore
}

const make = (change: Partial<RetryingOptions> = {}, below?: ObjectStore): Rig => {
  const scheduler = new Scheduler()
  const prng = new Prng(1)
  const bucket = new SimBucket(scheduler, prng.fork())
  const under = below ?? bucket.connect()
  const store = retrying(under, {
    ...LIMITS,
    hedge: null,
    clock: new SimClock(scheduler),
    random: () => prng.float(),
    telemetry: new QuietTelemetry(),
    name: 'sim',
    ...change,
  })
  return { scheduler, bucket, store, below: under }
}

/** A store with nothing that is optional, and nothing in it. */
const bare = (): ObjectStore => ({
  traits: make().bucket.traits,
  put: async () => ({ outcome: 'exists' }),
  get: async () => null,
  head: async () => null,
  list: async () => ({ objects: [], next: null }),
  delete: async () => {},
  close: async () => {},
})

const text = (value: string): Uint8Array => new TextEncoder().encode(value)
const absent = { condition: { kind: 'absent' } } as const

describe('retrying()', () => {
  it('repeats what may succeed later, at most so often, and says how often', async () => {
    const { scheduler, bucket, store } = make()
    bucket.faults.failNth('get', 1, 'before')
    bucket.faults.failNth('get', 1, 'throttle')
    expect(await scheduler.settle(store.get('k'))).toBe(null)
    expect([bucket.requests.get, store.counts.retries.value]).toEqual([3, 2])
    bucket.faults.window('outage', 0)
    const failing = scheduler.settle(store.head('k'))
    await expect(failing).rejects.toThrow('Cannot head k: given up after 5 attempts: Cannot head')
    expect(bucket.requests.head).toBe(5)
  })

  it.each(['refused', 'corrupt', 'closed'] as const)('does not repeat `%s`', async (kind) => {
    let calls = 0
    const get = (): Promise<null> => {
      calls++
      return Promise.reject(new OperatingError(kind, 'no'))
    }
    const { scheduler, store } = make({}, { ...bare(), get })
    expect(await kindOf(scheduler.settle(store.get('k')))).toBe(kind)
    expect(calls).toBe(1)
  })

  it('gives an attempt up that is not answered, even one that ignores its signal', async () => {
    const { scheduler, bucket, store } = make()
    bucket.faults.failNth('get', 1, 'mute')
    await scheduler.settle(store.get('k'))
    expect(scheduler.nowMs).toBeGreaterThan(2000)
    expect(scheduler.nowMs).toBeLessThan(5000)
    expect(store.counts.timeouts.value).toBe(1)

    const deaf = make({}, { ...bare(), head: () => new Promise(() => {}) })
    expect(await kindOf(deaf.scheduler.settle(deaf.store.head('k')))).toBe('retry')
    expect(deaf.store.counts.timeouts.value).toBeGreaterThan(2)
    expect(deaf.scheduler.pending).toBe(0)
  })

  it('gives bytes time to travel', async () => {
    const { scheduler, bucket, store } = make()
    bucket.faults.failNth('put', 1, 'mute')
    await scheduler.settle(store.put('k', new Uint8Array(10 * 1024 * 1024)))
    expect(scheduler.nowMs).toBeGreaterThan(12_000)
  })

  it('ends a call by its deadline, with `retry`', async () => {
    const { scheduler, bucket, store } = make()
    bucket.faults.window('silence', 0)
    expect(await kindOf(scheduler.settle(store.get('k', { deadlineMs: 700 })))).toBe('retry')
    expect(scheduler.nowMs).toBe(700)
    expect(await kindOf(scheduler.settle(store.get('k', { deadlineMs: 600 })))).toBe('retry')
    expect(scheduler.nowMs).toBe(700)
    expect(await kindOf(scheduler.settle(store.list({ prefix: '', limit: 1 })))).toBe('retry')
    expect(scheduler.nowMs).toBeLessThanOrEqual(700 + LIMITS.callMs)
  })

  it('an abort ends a call at once with `closed`, in an attempt and between two', async () => {
    for (const fault of ['mute', 'before'] as const) {
      const { scheduler, bucket, store } = make({ baseMs: 5000, maxMs: 5000, random: () => 0.9 })
      bucket.faults.rates = { [fault]: 1 }
      const abort = new AbortController()
      scheduler.schedule(500, () => abort.abort())
      const { signal } = abort
      expect(await kindOf(scheduler.settle(store.put('k', text('1'), { signal })))).toBe('closed')
      expect(scheduler.nowMs).toBe(500)
      expect(await kindOf(scheduler.settle(store.get('k', { signal })))).toBe('closed')
      expect([scheduler.nowMs, scheduler.pending]).toEqual([500, 0])
    }
  })

  it('close() ends what runs, and refuses what comes, and closes what is below', async () => {
    const { scheduler, bucket, store, below } = make()
    bucket.faults.window('silence', 0)
    const running = kindOf(store.get('k'))
    await scheduler.settle(store.close())
    await scheduler.settle(store.close())
    expect(await running).toBe('closed')
    expect(await kindOf(store.get('k'))).toBe('closed')
    expect(await kindOf(below.get('k'))).toBe('closed')
    expect(scheduler.pending).toBe(0)
  })

  it('over() is the same above another view, whose close() closes nothing', async () => {
    const { scheduler, bucket, store } = make()
    const view = store.over(bucket.connect())
    bucket.faults.failNth('get', 1, 'before')
    await scheduler.settle(view.get('k'))
    expect(store.counts.retries.value).toBe(1)
    await view.close()
    await scheduler.settle(view.get('k'))
    await store.close()
    expect(await kindOf(view.get('k'))).toBe('closed')
  })

  it('says that a refused put may be its own when an attempt was lost, and only then', async () => {
    const { scheduler, bucket, store } = make()
    bucket.faults.failNth('put', 1, 'lost')
    const first = await scheduler.settle(store.put('k', text('1'), absent))
    expect(first).toEqual({ outcome: 'exists', mayBeOwn: true })
    expect(bucket.peek('k')).toEqual(text('1'))
    const second = await scheduler.settle(store.put('k', text('2'), absent))
    expect(second).toEqual({ outcome: 'exists' })
    const condition = { kind: 'match', token: 'old' } as const
    const swap = await scheduler.settle(store.put('k', text('2'), { condition }))
    expect(swap).toEqual({ outcome: 'conflict' })
  })

  it('has `sign` and `dropUploads` when the store below has them', async () => {
    const { scheduler, bucket, store, below } = make()
    bucket.faults.failNth('dropUploads', 1, 'before')
    expect(await scheduler.settle(store.dropUploads?.('', 0) ?? Promise.resolve(-1))).toBe(0)
    let signs = 0
    const sign = async (key: string, ttlMs: number): Promise<string> => {
      if (signs++ === 0) throw new OperatingError('retry', 'busy')
      return `${key} for ${ttlMs}`
    }
    const more = make({}, { ...bare(), sign })
    const url = more.store.sign?.('k', 5) ?? Promise.resolve('')
    expect(await more.scheduler.settle(url)).toBe('k for 5')
    expect(typeof below.dropUploads).toBe('function')
    const less = make({}, bare()).store
    expect([less.sign, less.dropUploads]).toEqual([undefined, undefined])
  })
})

describe('retrying() a put from a source', () => {
  const sourceOf = (whole: Uint8Array, read: (from: number) => Promise<void>): ObjectSource => ({
    size: whole.length,
    read: async (from, to) => {
      await read(from)
      return new Uint8Array(whole.subarray(from, to))
    },
  })

  it('reads it again for each attempt', async () => {
    const { scheduler, bucket, store } = make()
    const whole = new Prng(2).bytes(9_000_000)
    bucket.faults.failNth('put', 1, 'before')
    bucket.faults.failNth('put', 1, 'lost')
    const reads: number[] = []
    const source = sourceOf(whole, async (from) => void reads.push(from))
    expect(await scheduler.settle(store.put('k', source))).toMatchObject({ outcome: 'ok' })
    expect(reads).toEqual([0, 8388608, 0, 8388608, 0, 8388608])
    expect(Buffer.compare(bucket.peek('k') ?? text(''), whole)).toBe(0)
  })

  it('lets a store that ignores its signal read no more of it', async () => {
    const refused: string[] = []
    const read = async (source: ObjectSource, from: number): Promise<void> => {
      refused.push(await kindOf(source.read(from, from + 1)))
    }
    const put: ObjectStore['put'] = async (_, body) => {
      if (body instanceof Uint8Array) throw new Error('A source was put')
      await read(body, 0)
      await new Promise<void>((resolve) => {
        scheduler.schedule(1e6, resolve)
      })
      await read(body, 1)
      return { outcome: 'exists' }
    }
    const { scheduler, store } = make({ attemptsMax: 1 }, { ...bare(), put })
    const source = sourceOf(new Uint8Array(10), async () => {})
    expect(await kindOf(scheduler.settle(store.put('k', source)))).toBe('retry')
    await scheduler.runUntilIdle()
    expect(refused).toEqual(['none', 'closed'])
  })

  it('ends at once when it is given up, and its owner can wait for the reads', async () => {
    const { scheduler, store } = make()
    let reading = 0
    let begun = 0
    const source = new SharedSource(
      sourceOf(new Uint8Array(40_000_000), async () => {
        begun++
        reading++
        await new Promise<void>((resolve) => {
          scheduler.schedule(300, resolve)
        })
        reading--
      }),
    )
    const abort = new AbortController()
    scheduler.schedule(100, () => abort.abort())
    const put = store.put('k', source, { signal: abort.signal })
    expect(await kindOf(scheduler.settle(put))).toBe('closed')
    expect([reading, scheduler.nowMs]).toEqual([2, 100])
    await scheduler.settle(source.quiet())
    expect([reading, begun, scheduler.nowMs]).toEqual([0, 2, 300])
    expect(await kindOf(source.read(0, 1))).toBe('closed')
    await scheduler.settle(source.quiet())
    await scheduler.runUntilIdle()
    expect(begun).toBe(2)
  })
})

describe('retrying() over a faulty store, in 400 seeded lives', () => {
  const SEEDS = 400

  it('gives no wrong answer, and ends every call within its limits', async () => {
    const wrong: string[] = []
    const faults = new Map<string, number>()
    const sums = { calls: 0, failed: 0, hedges: 0, own: 0 }
    for (let seed = 1; seed <= SEEDS; seed++) {
      const life = await live(seed)
      for (const violation of life.violations) wrong.push(`seed ${seed}: ${violation}`)
      for (const [name, count] of Object.entries(life.bucket.faults.counts)) {
        faults.set(name, (faults.get(name) ?? 0) + count)
      }
      sums.calls += life.calls
      sums.failed += life.failed
      sums.hedges += life.hedges
      sums.own += life.own
    }
    expect(wrong).toEqual([])
    // A run without faults, or with nothing but failures, would prove nothing.
    for (const name of ['before', 'lost', 'hang', 'mute', 'conflict', 'drop', 'slow', 'late']) {
      expect([name, (faults.get(name) ?? 0) > 100]).toEqual([name, true])
    }
    for (const name of ['outage', 'silence', 'short']) {
      expect([name, (faults.get(name) ?? 0) > 10]).toEqual([name, true])
    }
    expect(sums.calls).toBeGreaterThan(SEEDS * 50)
    expect(sums.failed).toBeGreaterThan(50)
    expect(sums.failed).toBeLessThan(sums.calls / 5)
    expect(sums.hedges).toBeGreaterThan(100)
    expect(sums.own).toBeGreaterThan(100)
  })

  it.each<Flaw>(['believes its repeat', 'never gives up', 'does not read again'])(
    'finds a planted mistake: it %s',
    async (flaw) => {
      let found = 0
      for (let seed = 1; seed <= 40; seed++) found += (await live(seed, flaw)).violations.length
      expect(found).toBeGreaterThan(0)
    },
  )

  it('does the same again for the same seed', async () => {
    const [one, two] = [await live(5), await live(5)]
    expect(two.bucket.snapshot()).toEqual(one.bucket.snapshot())
    expect(two.bucket.requests).toEqual(one.bucket.requests)
    expect(two.bucket.scheduler.nowMs).toBe(one.bucket.scheduler.nowMs)
  })
})
