import { describe, expect, it } from 'vitest'
import { Prng } from '../../../src/base/prng.ts'
import { createTelemetry } from '../../../src/platform/telemetry.ts'
import { metered } from '../../../src/tier/store/metered.ts'
import type { MeteredOptions, MeteredStore } from '../../../src/tier/store/metered.ts'
import { StoreMetrics } from '../../../src/tier/store/store-metrics.ts'
import { retrying } from '../../../src/tier/store/retrying.ts'
import { kindOf } from '../../contract/disk.ts'
import { parseMetrics } from '../../platform/exposition-parser.ts'
import { Scheduler, SimClock } from '../../sim/clock.ts'
import { SimBucket } from '../../sim/object-store.ts'
import { LIMITS } from './retry-life.ts'

interface Rig {
  readonly scheduler: Scheduler
  readonly bucket: SimBucket
  readonly store: MeteredStore
  readonly telemetry: ReturnType<typeof createTelemetry>
  /** The value of a sample with exactly these labels, besides the store's. */
  sample(name: string, labels: Record<string, string>): number | undefined
}

const make = (change: Partial<MeteredOptions> = {}): Rig => {
  const scheduler = new Scheduler()
  const bucket = new SimBucket(scheduler, new Prng(1))
  const telemetry = createTelemetry({ level: 'error', processMetrics: false, write: () => true })
  const clock = new SimClock(scheduler)
  const metrics = new StoreMetrics(telemetry)
  const store = metered(bucket.connect(), { clock, metrics, name: 'one', scopesMax: 3, ...change })
  const sample: Rig['sample'] = (name, labels) => {
    const wanted = JSON.stringify(Object.entries({ store: 'one', ...labels }).sort())
    const family = parseMetrics(telemetry.render('text'), 'text').get(
      name.replace(/_(count|sum)$/, ''),
    )
    return family?.samples.find(
      (one) => one.name === name && JSON.stringify(Object.entries(one.labels).sort()) === wanted,
    )?.value
  }
  return { scheduler, bucket, store, telemetry, sample }
}

const absent = { condition: { kind: 'absent' } } as const

describe('metered()', () => {
  it('counts requests, outcomes, bytes and time', async () => {
    const { scheduler, bucket, store, sample } = make()
    bucket.faults.failNth('get', 4, 'before')
    const run = async (): Promise<void> => {
      await store.put('k', new Uint8Array(1000))
      await store.put('k', new Uint8Array(500), absent)
      await store.get('k', { range: { from: 100, to: 300 } })
      await store.get('k')
      await store.get('none')
      await kindOf(store.get('k'))
      await store.head('k')
      await store.list({ prefix: '', limit: 5 })
      await store.delete(['k', 'j'])
      await store.dropUploads?.('', 0)
    }
    await scheduler.settle(run())
    expect(store.counts).toEqual({
      put: 2,
      get: 4,
      head: 1,
      list: 1,
      delete: 1,
      dropUploads: 1,
      putRequests: 2,
      keysDeleted: 2,
      bytesUp: 1500,
      bytesDown: 1200,
      failed: 1,
    })
    const requests = (operation: string, outcome: string): number | undefined =>
      sample('stratalog_store_requests_total', { operation, outcome })
    expect([requests('put', 'ok'), requests('put', 'exists')]).toEqual([1, 1])
    expect(['ok', 'absent', 'retry'].map((word) => requests('get', word))).toEqual([2, 1, 1])
    expect(sample('stratalog_store_bytes_total', { direction: 'down' })).toBe(1200)
    expect(sample('stratalog_store_request_seconds_count', { operation: 'get' })).toBe(4)
    expect(sample('stratalog_store_request_seconds_sum', { operation: 'get' })).toBeGreaterThan(
      0.04,
    )
    for (const [kind, count] of Object.entries(bucket.requests)) {
      expect([kind, store.counts[kind as 'get']]).toEqual([kind, count])
    }
  })

  it('tells how many requests are running', async () => {
    const { scheduler, store, sample } = make()
    const both = Promise.all([store.get('a'), store.get('b')])
    expect([store.running, sample('stratalog_store_requests_running', {})]).toEqual([2, 2])
    await scheduler.settle(both)
    expect([store.running, sample('stratalog_store_requests_running', {})]).toEqual([0, 0])
  })

  it('attributes requests to scopes, of which it knows a bounded number', async () => {
    const { scheduler, store, sample } = make()
    const run = async (): Promise<void> => {
      await store.get('x')
      for (const topic of ['a', 'b', 'c', 'd', 'e']) {
        await store.scoped(topic).put(topic, new Uint8Array(10))
      }
      await store.scoped('a').get('a')
    }
    await scheduler.settle(run())
    expect([...store.scopes()].map(([name, { put, get }]) => [name, put, get])).toEqual([
      ['-', 0, 1],
      ['a', 1, 1],
      ['b', 1, 0],
      ['c', 1, 0],
      ['other', 2, 0],
    ])
    expect(store.counts).toMatchObject({ put: 5, get: 2, bytesUp: 50, bytesDown: 10 })
    const bytes = { scope: 'other', direction: 'up' }
    expect(sample('stratalog_store_scope_bytes_total', bytes)).toBe(20)
    const gets = { scope: 'a', operation: 'get' }
    expect(sample('stratalog_store_scope_requests_total', gets)).toBe(1)
    expect(store.scoped('a')).toBe(store.scoped('a'))
  })

  it('counts the parts that a large put is made of', async () => {
    const { scheduler, store } = make({ requestsOfPut: (size) => Math.ceil(size / 100) + 2 })
    await scheduler.settle(store.put('k', new Uint8Array(250)))
    expect([store.counts.put, store.counts.putRequests]).toEqual([1, 5])
  })

  it('sees every attempt from below what retries, for the right topic', async () => {
    const { scheduler, bucket, store, telemetry } = make()
    const prng = new Prng(2)
    const retried = retrying(store, {
      ...LIMITS,
      clock: new SimClock(scheduler),
      random: () => prng.float(),
      telemetry,
      name: 'one',
    })
    bucket.faults.failNth('get', 1, 'before')
    bucket.faults.failNth('get', 1, 'mute')
    const topic = retried.over(store.scoped('t'))
    await scheduler.settle(topic.get('k'))
    expect(store.counts.get).toBe(bucket.requests.get)
    expect(store.counts.get).toBeGreaterThanOrEqual(3)
    expect([...store.scopes()].at(-1)).toMatchObject(['t', { get: store.counts.get }])
    expect(store.running).toBe(0)
  })

  it('close() closes the store below, that of a scope does not', async () => {
    const { scheduler, store } = make()
    await store.scoped('a').close()
    expect(await scheduler.settle(store.get('k'))).toBe(null)
    await store.close()
    expect(await kindOf(store.scoped('a').get('k'))).toBe('closed')
  })

  it('two stores share one telemetry', async () => {
    const { scheduler, bucket, telemetry } = make()
    const metrics = new StoreMetrics(telemetry)
    const clock = new SimClock(scheduler)
    const stores = ['x', 'y'].map((name) =>
      metered(bucket.connect(), { clock, metrics, name, scopesMax: 3 }),
    )
    const gets = Promise.all(stores.map((store) => store.get('k')))
    const family = parseMetrics(telemetry.render('text'), 'text').get(
      'stratalog_store_requests_running',
    )
    expect(family?.samples.map(({ labels, value }) => [labels['store'], value])).toEqual([
      ['x', 1],
      ['y', 1],
    ])
    await scheduler.settle(gets)
  })
})
