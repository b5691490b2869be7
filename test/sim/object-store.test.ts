import { describe, expect, it } from 'vitest'
import { Prng } from '../../src/base/prng.ts'
import type { ObjectPage, ObjectStore, PutResult } from '../../src/ports/object-store.ts'
import { kindOf } from '../contract/disk.ts'
import { Scheduler } from './clock.ts'
import { SimBucket } from './object-store.ts'
import type { SimBucketOptions } from './object-store.ts'

const make = (
  options: SimBucketOptions = {},
  seed = 1,
): { scheduler: Scheduler; bucket: SimBucket } => {
  const scheduler = new Scheduler()
  return { scheduler, bucket: new SimBucket(scheduler, new Prng(seed), options) }
}

const text = (value: string): Uint8Array => new TextEncoder().encode(value)
const absent = { condition: { kind: 'absent' } } as const
const match = (token: string) => ({ condition: { kind: 'match', token } }) as const
const tokenOf = (result: PutResult): string => (result.outcome === 'ok' ? result.token : '-')

describe('SimObjectStore without faults', () => {
  it('puts, reads, tells, lists and deletes', async () => {
    const { scheduler, bucket } = make()
    const store = bucket.connect()
    const run = async (): Promise<void> => {
      expect((await store.put('a/1', text('hello'))).outcome).toBe('ok')
      expect(await store.put('a/1', text('other'), absent)).toEqual({ outcome: 'exists' })
      const got = await store.get('a/1')
      expect(got?.bytes).toEqual(text('hello'))
      expect((await store.get('a/1', { range: { from: 1, to: 3 } }))?.bytes).toEqual(text('el'))
      expect((await store.get('a/1', { range: { from: 3, to: 99 } }))?.bytes).toEqual(text('lo'))
      expect((await store.get('a/1', { range: { from: 9, to: 99 } }))?.bytes).toEqual(text(''))
      expect(await store.head('a/1')).toMatchObject({ size: 5, token: got?.token })
      const swapped = await store.put('a/1', text('again'), match(got?.token ?? ''))
      expect(swapped.outcome).toBe('ok')
      expect(await store.put('a/1', text('x'), match(got?.token ?? ''))).toEqual({
        outcome: 'conflict',
      })
      await store.put('a/2', text('two'))
      await store.put('b', text('three'))
      const first = await store.list({ prefix: 'a/', limit: 1 })
      expect(first.objects.map(({ key }) => key)).toEqual(['a/1'])
      const rest = await store.list({ prefix: 'a/', limit: 9, cursor: first.next ?? '' })
      expect([rest.objects.map(({ key }) => key), rest.next]).toEqual([['a/2'], null])
      await store.delete(['a/1', 'gone'])
      expect(await store.get('a/1')).toBe(null)
      expect(await store.head('a/1')).toBe(null)
    }
    await scheduler.settle(run())
    expect(scheduler.nowMs).toBeGreaterThan(100)
    expect(bucket.keys()).toEqual(['a/2', 'b'])
  })

  it('gives a racing create to one, and a racing swap too', async () => {
    const { scheduler, bucket } = make()
    const stores = Array.from({ length: 8 }, () => bucket.connect())
    const race = (options: Parameters<ObjectStore['put']>[2]): Promise<PutResult[]> =>
      scheduler.settle(
        Promise.all(stores.map((store, i) => store.put('k', text(`by ${i}`), options))),
      )
    const created = await race(absent)
    expect(created.filter(({ outcome }) => outcome === 'ok')).toHaveLength(1)
    const token = created.map(tokenOf).find((found) => found !== '-') ?? ''
    const swapped = await race(match(token))
    expect(swapped.filter(({ outcome }) => outcome === 'ok')).toHaveLength(1)
  })

  it('brings an ETag back with its content on S3, and a generation never on GCS', async () => {
    for (const kind of ['s3', 'gcs'] as const) {
      const { scheduler, bucket } = make({ traits: { kind } })
      const store = bucket.connect()
      const tokens: string[] = []
      for (const value of ['a', 'b', 'a']) {
        tokens.push(tokenOf(await scheduler.settle(store.put('k', text(value)))))
      }
      expect(tokens[0] === tokens[2]).toBe(kind === 's3')
      expect(tokens[0]).not.toBe(tokens[1])
    }
  })

  it('does not hold conditions that it has not, and refuses quick rewrites', async () => {
    const traits = { createsOnlyIfAbsent: false, swapsByToken: false, rewriteMs: 1000 }
    const { scheduler, bucket } = make({ traits })
    const store = bucket.connect()
    await scheduler.settle(store.put('k', text('1')))
    expect(await kindOf(scheduler.settle(store.put('k', text('2'))))).toBe('retry')
    await scheduler.advance(1000)
    expect((await scheduler.settle(store.put('k', text('3'), absent))).outcome).toBe('ok')
    await scheduler.advance(1000)
    expect((await scheduler.settle(store.put('k', text('4'), match('no')))).outcome).toBe('ok')
    expect(bucket.faults.counts.rewrite).toBe(1)
  })

  it('reads a source in parts, and keeps an upload that never ended until it is dropped', async () => {
    const { scheduler, bucket } = make()
    const store = bucket.connect()
    const whole = new Prng(3).bytes(20_000_000)
    const reads: [number, number][] = []
    const source = {
      size: whole.length,
      read: async (from: number, to: number): Promise<Uint8Array> => {
        reads.push([from, to])
        return new Uint8Array(whole.subarray(from, to))
      },
    }
    await scheduler.settle(store.put('big', source))
    expect(Buffer.compare(bucket.peek('big') ?? text(''), whole)).toBe(0)
    expect(reads.map(([from]) => from % 1048576)).toEqual([0, 0, 0])
    bucket.faults.failNth('put', 1, 'before', 'other')
    expect(await kindOf(scheduler.settle(store.put('other', source)))).toBe('retry')
    expect(await scheduler.settle(store.dropUploads('', Infinity))).toBe(1)
    expect(await scheduler.settle(store.dropUploads('', Infinity))).toBe(0)
  })
})

describe('SimObjectStore with faults', () => {
  it.each(['put', 'delete'] as const)('%s may happen though it failed, or not', async (kind) => {
    for (const [fault, happens] of [
      ['before', false],
      ['mute', false],
      ['lost', true],
      ['hang', true],
    ] as const) {
      const { scheduler, bucket } = make()
      const store = bucket.connect()
      await scheduler.settle(store.put('k', text('old')))
      bucket.faults.failNth(kind, 1, fault)
      const call: Promise<unknown> =
        kind === 'put' ? store.put('k', text('new')) : store.delete(['k'])
      expect(await kindOf(scheduler.settle(call))).toBe('retry')
      const now = bucket.peek('k')
      expect(now === null || Buffer.compare(now, text('new')) === 0).toBe(happens)
    }
  })

  it('a swap whose answer was lost is refused when it is repeated', async () => {
    const { scheduler, bucket } = make()
    const store = bucket.connect()
    const token = tokenOf(await scheduler.settle(store.put('k', text('1'))))
    bucket.faults.failNth('put', 1, 'lost')
    expect(await kindOf(scheduler.settle(store.put('k', text('2'), match(token))))).toBe('retry')
    const again = await scheduler.settle(store.put('k', text('2'), match(token)))
    expect(again.outcome).toBe('conflict')
    expect(bucket.peek('k')).toEqual(text('2'))
  })

  it('an abort ends a request at once, which may happen later all the same', async () => {
    for (const late of [0, 1]) {
      const { scheduler, bucket } = make()
      bucket.faults.rates = { late }
      const abort = new AbortController()
      const put = bucket.connect().put('k', text('1'), { signal: abort.signal })
      scheduler.schedule(1, () => abort.abort())
      expect(await kindOf(scheduler.settle(put))).toBe('closed')
      expect([scheduler.nowMs, bucket.peek('k')]).toEqual([1, null])
      await scheduler.runUntilIdle()
      expect([bucket.keys().length, bucket.faults.counts.late]).toEqual([late, late])
    }
  })

  it('shows puts and deletes late in listings, and in their order', async () => {
    const { scheduler, bucket } = make({ listLagMs: 10_000 })
    const store = bucket.connect()
    const keys = Array.from({ length: 30 }, (_, i) => `k${10 + i}`)
    await scheduler.settle(Promise.all(keys.map((key) => store.put(key, text('1')))))
    await scheduler.settle(store.delete(keys.slice(0, 10)))
    const listed = async (): Promise<string[]> =>
      (await scheduler.settle(store.list({ prefix: '', limit: 1000 }))).objects.map((o) => o.key)
    const early = await listed()
    expect(early.length).toBeLessThan(25)
    expect(bucket.faults.counts.stale).toBeGreaterThan(0)
    await scheduler.advance(20_000)
    expect(await listed()).toEqual(keys.slice(10))
    expect(await scheduler.settle(store.get('k10'))).toBe(null)
  })

  it('cuts pages short and goes on from there', async () => {
    const { scheduler, bucket } = make({ shortPages: 0.7 })
    const store = bucket.connect()
    const keys = Array.from({ length: 40 }, (_, i) => `k${10 + i}`)
    for (const key of keys) await scheduler.settle(store.put(key, text('1')))
    const seen: string[] = []
    let cursor: string | null = ''
    while (cursor !== null) {
      const page: ObjectPage = await scheduler.settle(
        store.list({ prefix: 'k', limit: 20, cursor }),
      )
      seen.push(...page.objects.map(({ key }) => key))
      cursor = page.next
    }
    expect(seen).toEqual(keys)
    expect(bucket.faults.counts.short).toBeGreaterThan(0)
  })

  it('lets nothing through in a window, and everything after it', async () => {
    const { scheduler, bucket } = make()
    const store = bucket.connect()
    bucket.faults.window('outage', 0, 1000)
    bucket.faults.window('refusal', 1000, 2000)
    bucket.faults.window('silence', 2000, 50_000)
    expect(await kindOf(scheduler.settle(store.put('k', text('1'))))).toBe('retry')
    await scheduler.advance(1000 - scheduler.nowMs)
    expect(await kindOf(scheduler.settle(store.put('k', text('1'))))).toBe('refused')
    await scheduler.advance(2000 - scheduler.nowMs)
    expect(await kindOf(scheduler.settle(store.put('k', text('1'))))).toBe('retry')
    expect(scheduler.nowMs).toBeGreaterThanOrEqual(50_000)
    expect(bucket.keys()).toEqual([])
    await scheduler.settle(store.put('k', text('1')))
    expect(bucket.faults.counts).toMatchObject({ outage: 1, refusal: 1, silence: 1 })
  })

  it('harms the bytes of a get when asked to, and never those of the bucket', async () => {
    const { scheduler, bucket } = make()
    const store = bucket.connect()
    const whole = new Prng(5).bytes(10_000)
    await scheduler.settle(store.put('k', whole))
    bucket.faults.failNth('get', 1, 'truncate')
    bucket.faults.failNth('get', 1, 'flip')
    bucket.faults.failNth('get', 1, 'drop')
    const short = await scheduler.settle(store.get('k'))
    expect(short?.bytes.length).toBeLessThan(10_000)
    const wrong = await scheduler.settle(store.get('k'))
    expect(wrong?.bytes.filter((byte, i) => byte !== whole[i])).toHaveLength(1)
    expect(await kindOf(scheduler.settle(store.get('k')))).toBe('retry')
    expect((await scheduler.settle(store.get('k')))?.bytes).toEqual(whole)
    bucket.flip('k')
    expect((await scheduler.settle(store.get('k')))?.bytes).not.toEqual(whole)
  })

  it('kill() settles nothing, and what was on its way arrives', async () => {
    const { scheduler, bucket } = make()
    const store = bucket.connect()
    let settled = false
    const mark = (): void => {
      settled = true
    }
    store.put('k', text('1')).then(mark, mark)
    store.kill()
    await scheduler.runUntilIdle()
    expect([settled, bucket.keys()]).toEqual([false, ['k']])
  })

  it('close() ends what runs and what comes', async () => {
    const { scheduler, bucket } = make()
    const store = bucket.connect()
    const put = kindOf(store.put('k', text('1')))
    await store.close()
    expect(await put).toBe('closed')
    expect(await kindOf(store.get('k'))).toBe('closed')
    await scheduler.runUntilIdle()
    expect([store.inFlight, bucket.keys()]).toEqual([0, []])
  })

  it('meets every fault at its rate, and the same seed gives the same trace', async () => {
    const life = async (seed: number): Promise<{ trace: string[]; bucket: SimBucket }> => {
      const traced = { traced: true, listLagMs: 500, shortPages: 0.3, requestMs: [1, 9] } as const
      const { scheduler, bucket } = make({ ...traced, traits: { rewriteMs: 30 } }, seed)
      const chances = ['before', 'throttle', 'lost', 'hang', 'mute', 'conflict', 'drop', 'flip']
      const rates = [...chances, 'truncate'].map((name) => [name, 0.05] as const)
      bucket.faults.rates = { ...Object.fromEntries(rates), slow: 0.1, late: 0.5 }
      for (const [i, kind] of (['outage', 'silence', 'refusal'] as const).entries()) {
        bucket.faults.window(kind, 2000 + i * 1000, 2300 + i * 1000)
      }
      const prng = new Prng(seed + 100)
      const client = async (store: ObjectStore): Promise<void> => {
        for (let i = 0; i < 300; i++) {
          const key = `k${prng.below(6)}`
          const abort = new AbortController()
          const stop = scheduler.schedule(prng.between(5, 400), () => abort.abort())
          const { signal } = abort
          const calls = [
            () => store.put(key, prng.bytes(20), { signal }),
            () => store.put(key, prng.bytes(20), { signal, ...absent }),
            () => store.get(key, { signal }),
            () => store.list({ prefix: '', limit: 4, signal }),
            () => store.delete([key, 'k1'], { signal }),
          ]
          await kindOf(calls[prng.below(calls.length)]?.() ?? Promise.resolve())
          stop()
        }
      }
      await scheduler.settle(
        Promise.all([client(bucket.connect()), client(bucket.connect())]).then(() => undefined),
      )
      await scheduler.runUntilIdle()
      return { trace: bucket.trace, bucket }
    }
    const one = await life(7)
    for (const [name, count] of Object.entries(one.bucket.faults.counts)) {
      expect([name, count > 0]).toEqual([name, true])
    }
    expect(one.trace.length).toBeGreaterThan(500)
    expect((await life(7)).trace).toEqual(one.trace)
    expect((await life(8)).trace).not.toEqual(one.trace)
  })
})
