import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { Prng } from '../../../src/base/prng.ts'
import { MiB } from '../../../src/base/units.ts'
import { Supervisor } from '../../../src/flow/supervisor.ts'
import { createCrypto } from '../../../src/platform/crypto.ts'
import { openDisk } from '../../../src/platform/disk.ts'
import { createMemoryDisk } from '../../../src/platform/memory-disk.ts'
import type { Disk } from '../../../src/ports/disk.ts'
import { CacheMetrics } from '../../../src/tier/cache/cache-metrics.ts'
import { openDiskBlocks } from '../../../src/tier/cache/disk-blocks.ts'
import type { DiskBlocks, DiskBlocksOptions } from '../../../src/tier/cache/disk-blocks.ts'
import { blockCacheContract, blockOf, same } from '../../contract/block-cache.ts'
import { QuietTelemetry } from '../../log/store-harness.ts'
import { Scheduler } from '../../sim/clock.ts'
import { SimDisk } from '../../sim/disk.ts'
import type { SimDiskOptions } from '../../sim/disk.ts'

const crypto = createCrypto()
const failures: unknown[] = []
afterEach(() => expect(failures.splice(0)).toEqual([]))

interface Opened {
  readonly cache: DiskBlocks
  readonly telemetry: QuietTelemetry
}

const open = async (disk: Disk, change: Partial<DiskBlocksOptions> = {}): Promise<Opened> => {
  const telemetry = new QuietTelemetry()
  const cache = await openDiskBlocks({
    disk,
    directory: 'cache',
    bytesMax: 8 * MiB,
    reserveBytes: 0,
    queueMax: 16,
    indexEvery: 4,
    crypto,
    metrics: new CacheMetrics(telemetry),
    name: 'disk',
    telemetry,
    supervisor: new Supervisor((_, error) => failures.push(error)),
    ...change,
  })
  return { cache, telemetry }
}

const simulated = (
  options: SimDiskOptions = {},
  seed = 1,
): { scheduler: Scheduler; disk: SimDisk } => {
  const scheduler = new Scheduler()
  return { scheduler, disk: new SimDisk(scheduler, new Prng(seed), options) }
}

for (const direct of [true, false]) {
  blockCacheContract(`DiskBlocks on a simulated disk, direct: ${direct}`, async (bytesMax) => {
    const { scheduler, disk } = simulated({ direct })
    const { cache } = await scheduler.settle(open(disk, { bytesMax }))
    return {
      cache,
      run: (promise) => scheduler.settle(promise),
      idle: () => cache.idle(),
      close: async () => {
        await scheduler.settle(cache.close())
        expect(disk.openFiles).toBe(0)
      },
    }
  })
}

blockCacheContract('DiskBlocks on a disk in memory', async (bytesMax) => {
  const { cache } = await open(createMemoryDisk(64 * MiB), { bytesMax })
  const idle = (): Promise<void> => cache.idle()
  return { cache, run: (promise) => promise, idle, close: () => cache.close() }
})

blockCacheContract('DiskBlocks on the disk of this machine', async (bytesMax) => {
  const root = fs.mkdtempSync(join(tmpdir(), 'blocks-'))
  const { cache } = await open(await openDisk(root), { bytesMax })
  return {
    cache,
    run: (promise) => promise,
    idle: () => cache.idle(),
    close: async () => {
      await cache.close()
      expect(fs.statSync(join(root, 'cache/blocks')).size).toBeLessThanOrEqual(8 * MiB)
      fs.rmSync(root, { recursive: true })
    },
  }
})

describe('DiskBlocks', () => {
  it('finds its blocks again after a clean stop, with what was come back for', async () => {
    const { scheduler, disk } = simulated()
    const fill = async (): Promise<void> => {
      const { cache } = await open(disk)
      for (let i = 0; i < 7; i++) cache.put(`k#${i}`, blockOf(i, 1000 + i))
      await cache.idle()
      await cache.close()
    }
    await scheduler.settle(fill())
    const look = async (): Promise<void> => {
      const { cache } = await open(disk)
      for (let i = 0; i < 7; i++) {
        expect(same(await cache.get(`k#${i}`), blockOf(i, 1000 + i))).toBe(true)
      }
      // The slots of what it found are not given to others.
      cache.put('new#0', blockOf(90))
      await cache.idle()
      expect(same(await cache.get('k#0'), blockOf(0, 1000))).toBe(true)
      await cache.close()
    }
    await scheduler.settle(look())
    const smaller = async (): Promise<void> => {
      const { cache } = await open(disk, { bytesMax: 3 * MiB })
      expect(cache.usedBytes).toBeLessThanOrEqual(3 * MiB)
      expect(disk.peek('cache/blocks').length).toBeLessThanOrEqual(3 * MiB)
      await cache.close()
    }
    await scheduler.settle(smaller())
    expect(disk.openFiles).toBe(0)
  })

  it('gives the right bytes or none after power cuts and kills, in 300 seeded lives', async () => {
    let hits = 0
    let torn = 0
    for (let seed = 1; seed <= 300; seed++) {
      const prng = new Prng(seed)
      const garbage = prng.chance(0.5)
      const { scheduler, disk } = simulated({ garbage, direct: prng.chance(0.5) }, seed)
      const known = new Map<string, Uint8Array>()
      for (let life = 0; life < 3; life++) {
        const { cache } = await scheduler.settle(
          open(disk, { bytesMax: 3 * MiB, indexEvery: 1 + prng.below(4) }),
        )
        const run = async (): Promise<void> => {
          for (const [key, block] of known) {
            const got = await cache.get(key)
            if (got === null) continue
            expect(same(got, block)).toBe(true)
            hits++
          }
          for (let i = 0; i < 6; i++) {
            // An object's bytes never change, so a key's block has the same in all lives.
            const key = `k#${prng.below(12)}`
            const block = blockOf(key.length * 1000 + Number(key.slice(2)), 2000)
            known.set(key, block)
            cache.put(key, block)
            if (prng.chance(0.7)) await cache.idle()
          }
        }
        await scheduler.settle(run())
        if (disk.peek('cache/blocks').length > 0) {
          if (prng.chance(0.3)) disk.rot('cache/blocks')
        }
        torn += cache.counts.torn.value
        const end = prng.below(3)
        if (end === 0) await scheduler.settle(cache.close())
        else if (end === 1) disk.kill()
        else disk.crash()
      }
    }
    expect(hits).toBeGreaterThan(300)
    expect(torn).toBeGreaterThan(10)
  })

  it('a slot that an old index tells wrongly of is a miss', async () => {
    const { scheduler, disk } = simulated()
    const options = { bytesMax: 2 * MiB, indexEvery: 1000 }
    const first = (await scheduler.settle(open(disk, options))).cache
    const fill = async (cache: DiskBlocks, name: string): Promise<void> => {
      for (let i = 0; i < 2; i++) {
        cache.put(`${name}#${i}`, blockOf(i + name.length, 900))
        await cache.idle()
      }
    }
    await scheduler.settle(fill(first, 'old'))
    await scheduler.settle(first.close())
    const second = (await scheduler.settle(open(disk, options))).cache
    await scheduler.settle(fill(second, 'newer'))
    // Killed: the index is still the first one.
    disk.kill()
    const { cache, telemetry } = await scheduler.settle(open(disk, options))
    for (const key of ['old#0', 'old#1', 'newer#0', 'newer#1']) {
      expect(await scheduler.settle(cache.get(key))).toBe(null)
    }
    expect([cache.counts.torn.value, cache.isOn, telemetry.events]).toEqual([2, true, []])
    await scheduler.settle(cache.close())
  })

  it('a bit that rots makes a miss, and an index that rots an empty cache', async () => {
    const { scheduler, disk } = simulated()
    const first = (await scheduler.settle(open(disk))).cache
    first.put('k#0', blockOf(1))
    await scheduler.settle(first.idle())
    disk.rot('cache/blocks')
    expect(await scheduler.settle(first.get('k#0'))).toBe(null)
    first.put('k#0', blockOf(1))
    await scheduler.settle(first.idle())
    expect(await scheduler.settle(first.get('k#0'))).not.toBe(null)
    await scheduler.settle(first.close())
    disk.rot('cache/index')
    const { cache, telemetry } = await scheduler.settle(open(disk))
    expect(await scheduler.settle(cache.get('k#0'))).toBe(null)
    expect([cache.usedBytes, cache.isOn, telemetry.events]).toEqual([0, true, []])
    await scheduler.settle(cache.close())
  })

  it.each(['readEio', 'writeEio', 'writeEnospc'] as const)(
    'turns off with one warning when the disk fails with %s, and fails no read',
    async (rate) => {
      const { scheduler, disk } = simulated()
      const { cache, telemetry } = await scheduler.settle(open(disk))
      cache.put('k#0', blockOf(1))
      await scheduler.settle(cache.idle())
      disk.faults.rates = { [rate]: 1 }
      const use = async (): Promise<void> => {
        const reads = [cache.get('k#0'), cache.get('k#0'), cache.get('k#1')]
        cache.put('k#1', blockOf(2))
        cache.put('k#2', blockOf(3))
        await Promise.all(reads)
        await cache.idle()
        for (const key of ['k#0', 'k#1', 'k#2']) expect(await cache.get(key)).toBe(null)
        cache.put('k#3', blockOf(3))
        expect(await cache.get('k#3')).toBe(null)
      }
      await scheduler.settle(use())
      expect(telemetry.events).toEqual(['warn block cache is off'])
      expect([cache.isOn, cache.usedBytes]).toEqual([false, 0])
      await scheduler.settle(cache.close())
      expect(disk.openFiles).toBe(0)
    },
  )

  it('is off when its files cannot be opened, and leaves none open', async () => {
    for (let nth = 1; nth <= 6; nth++) {
      const { scheduler, disk } = simulated()
      disk.faults.failNth('entries', nth, 'EIO', 'cache')
      disk.faults.failNth('open', nth, 'EIO', 'cache')
      const { cache, telemetry } = await scheduler.settle(open(disk))
      cache.put('k#0', blockOf(1))
      await scheduler.settle(cache.idle())
      if (!cache.isOn) expect(telemetry.events).toEqual(['warn block cache is off'])
      if (nth === 1) expect(cache.isOn).toBe(false)
      await scheduler.settle(cache.close())
      expect(disk.openFiles).toBe(0)
    }
  })

  it('does not grow into the room that is left to others', async () => {
    const { scheduler, disk } = simulated({ capacityBytes: 10 * MiB })
    const { cache, telemetry } = await scheduler.settle(open(disk, { reserveBytes: 7 * MiB }))
    const fill = async (): Promise<void> => {
      for (let i = 0; i < 9; i++) {
        cache.put(`k#${i}`, blockOf(i))
        await cache.idle()
      }
      expect(same(await cache.get('k#8'), blockOf(8))).toBe(true)
    }
    await scheduler.settle(fill())
    expect([cache.usedBytes, cache.isOn]).toEqual([3 * MiB, true])
    expect(telemetry.events).toEqual(['info block cache stops growing'])
    await scheduler.settle(cache.close())

    const full = simulated({ capacityBytes: 4 * MiB })
    const none = await full.scheduler.settle(open(full.disk, { reserveBytes: 8 * MiB }))
    for (let i = 0; i < 3; i++) none.cache.put(`k#${i}`, blockOf(i))
    await full.scheduler.settle(none.cache.idle())
    expect(none.cache.usedBytes).toBe(0)
    expect(none.telemetry.events).toEqual(['info block cache stops growing'])
    await full.scheduler.settle(none.cache.close())
  })

  it('refuses what comes while enough waits to be written', async () => {
    const { scheduler, disk } = simulated()
    const { cache } = await scheduler.settle(open(disk, { queueMax: 3 }))
    for (let i = 0; i < 50; i++) cache.put(`k#${i}`, blockOf(i, 5000))
    expect(cache.counts.refused.value).toBe(47)
    await scheduler.settle(cache.idle())
    expect(cache.usedBytes).toBe(3 * MiB)
    cache.put('k#9', blockOf(9, 5000))
    await scheduler.settle(cache.idle())
    expect(cache.usedBytes).toBe(4 * MiB)
    await scheduler.settle(cache.close())
  })

  it('does not write again what it has', async () => {
    const { scheduler, disk } = simulated()
    const { cache } = await scheduler.settle(open(disk))
    cache.put('k#0', blockOf(1))
    await scheduler.settle(cache.idle())
    disk.faults.rates = { writeEio: 1 }
    cache.put('k#0', blockOf(1))
    await scheduler.settle(cache.idle())
    expect(cache.isOn).toBe(true)
    disk.faults.rates = {}
    await scheduler.settle(cache.close())
  })

  it('close() waits for reads and the write that runs', async () => {
    const latencies = { transferMs: [50, 60], syncMs: [1, 2], entriesMs: [0.1, 0.2] } as const
    const { scheduler, disk } = simulated({ latencies })
    const { cache } = await scheduler.settle(open(disk))
    cache.put('k#0', blockOf(1))
    await scheduler.settle(cache.idle())
    const reads = Array.from({ length: 20 }, () => cache.get('k#0'))
    cache.put('k#1', blockOf(2))
    await scheduler.settle(cache.close())
    expect(disk.openFiles).toBe(0)
    await scheduler.settle(Promise.all(reads))
  })
})
