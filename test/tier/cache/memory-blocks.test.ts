import { describe, expect, it } from 'vitest'
import { MiB } from '../../../src/base/units.ts'
import { createTelemetry } from '../../../src/platform/telemetry.ts'
import { CacheMetrics } from '../../../src/tier/cache/cache-metrics.ts'
import { MemoryBlocks } from '../../../src/tier/cache/memory-blocks.ts'
import { blockCacheContract, blockOf } from '../../contract/block-cache.ts'
import { QuietTelemetry } from '../../log/store-harness.ts'
import { parseMetrics } from '../../platform/exposition-parser.ts'

const make = (bytesMax: number, metrics = new CacheMetrics(new QuietTelemetry())): MemoryBlocks =>
  new MemoryBlocks({ bytesMax, metrics, name: 'memory' })

blockCacheContract('MemoryBlocks', async (bytesMax) => {
  const cache = make(bytesMax)
  return { cache, run: (promise) => promise, idle: async () => {}, close: () => cache.close() }
})

describe('MemoryBlocks', () => {
  it('gives the same bytes again without a copy, and copies what pins a larger buffer', () => {
    const cache = make(4 * MiB)
    const block = blockOf(1)
    cache.put('own', block)
    expect(cache.get('own')).toBe(block)
    cache.put('part', new Uint8Array(4 * MiB).subarray(10, 20))
    expect(cache.get('part')?.buffer.byteLength).toBe(10)
  })

  it('counts hits, misses, bytes and evictions', () => {
    const telemetry = createTelemetry({ level: 'error', processMetrics: false, write: () => true })
    const cache = make(2 * MiB, new CacheMetrics(telemetry))
    for (let i = 0; i < 3; i++) cache.put(`k${i}`, blockOf(i))
    cache.get('k2')
    cache.get('none')
    const families = parseMetrics(telemetry.render('text'), 'text')
    const value = (name: string): number | undefined =>
      families.get(`stratalog_block_cache_${name}`)?.samples[0]?.value
    expect(['hits_total', 'misses_total', 'evictions_total'].map(value)).toEqual([1, 1, 1])
    expect([value('hit_bytes_total'), value('used_bytes')]).toEqual([MiB, 2 * MiB])
  })

  it('takes no block that is larger than itself', () => {
    const cache = make(1000)
    cache.put('k', blockOf(1, 1001))
    expect([cache.get('k'), cache.usedBytes]).toEqual([null, 0])
    cache.put('k', blockOf(1, 1000))
    expect(cache.usedBytes).toBe(1000)
  })
})
