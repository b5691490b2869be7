// What every BlockCache must do, run against memory and against disks, real and simulated.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Prng } from '../../src/base/prng.ts'
import { MiB } from '../../src/base/units.ts'
import { blockKey } from '../../src/tier/cache/blocks.ts'
import type { BlockCache } from '../../src/tier/cache/blocks.ts'

/** One cache under test. */
export interface BlockCacheRig {
  readonly cache: BlockCache & { readonly usedBytes: number }
  /** Lets time pass until the promise settles. */
  run<T>(promise: Promise<T>): Promise<T>
  /** Resolves once what was put is where it stays. */
  idle(): Promise<void>
  close(): Promise<void>
}

/** A block that no other seed gives. */
export const blockOf = (seed: number, length: number = MiB): Uint8Array => {
  const block = new Uint8Array(length).fill(seed & 0xff)
  block.set(new Prng(seed).bytes(Math.min(64, length)))
  return block
}

/** Whether two blocks are the same, without the cost of a deep comparison. */
export const same = (one: Uint8Array | null, other: Uint8Array | null): boolean =>
  one !== null && other !== null && Buffer.compare(one, other) === 0

/** Declares the suite for one implementation; `make` gives a cache of so many bytes. */
export const blockCacheContract = (
  name: string,
  make: (bytesMax: number) => Promise<BlockCacheRig>,
): void => {
  describe(`${name} holds the BlockCache contract`, () => {
    let rig: BlockCacheRig
    beforeEach(async () => {
      rig = await make(8 * MiB)
    })
    afterEach(() => rig.close())

    const spec = (
      criterion: string,
      body: (cache: BlockCacheRig['cache']) => Promise<void>,
    ): void => {
      it(criterion, () => rig.run(body(rig.cache)))
    }

    spec('get() of what was never put is null', async (cache) => {
      expect(await cache.get('none#0')).toBe(null)
    })

    spec('get() gives what was put, at once and later, of every length', async (cache) => {
      for (const length of [1, 4095, 4096, 4097, MiB - 1, MiB]) {
        const block = blockOf(length, length)
        cache.put(`of#${length}`, block)
        expect(same(await cache.get(`of#${length}`), block)).toBe(true)
        await rig.idle()
        expect(same(await cache.get(`of#${length}`), block)).toBe(true)
      }
      expect(same(await cache.get('of#1'), blockOf(1, 1))).toBe(true)
      expect(await cache.get('of#')).toBe(null)
    })

    spec('put() replaces a block of the same key', async (cache) => {
      cache.put('k#0', blockOf(1))
      cache.put('k#0', blockOf(2, 5000))
      expect(same(await cache.get('k#0'), blockOf(2, 5000))).toBe(true)
      await rig.idle()
      cache.put('k#0', blockOf(3))
      expect(same(await cache.get('k#0'), blockOf(3))).toBe(true)
      await rig.idle()
      expect(same(await cache.get('k#0'), blockOf(3))).toBe(true)
      expect(cache.usedBytes).toBeLessThanOrEqual(MiB)
    })

    spec('a block that is part of a larger buffer is kept as it is', async (cache) => {
      const large = new Prng(5).bytes(100_000)
      cache.put('k#0', large.subarray(30_000, 40_000))
      await rig.idle()
      expect(same(await cache.get('k#0'), large.subarray(30_000, 40_000))).toBe(true)
    })

    spec('what is lent is kept as it was, and let go of once', async (cache) => {
      const lent = Array.from({ length: 24 }, (_, i) => ({ bytes: blockOf(i, 50_000), done: 0 }))
      for (const [i, one] of lent.entries()) {
        // The last ones replace others, of which one may be on its way to the disk.
        cache.put(`k#${i % 20}`, one.bytes, () => {
          one.done++
          one.bytes.fill(0xdb)
        })
        if (i === 7) cache.drop('k#5')
        if (i === 11) await rig.idle()
      }
      cache.put('passing', blockOf(99))
      for (let i = 0; i < 20; i++) {
        const found = await cache.get(`k#${i}`)
        if (found !== null) expect(same(found, blockOf(i < 4 ? i + 20 : i, 50_000))).toBe(true)
      }
      await rig.idle()
      for (let i = 0; i < 20; i++) {
        const found = await cache.get(`k#${i}`)
        if (found !== null) expect(same(found, blockOf(i < 4 ? i + 20 : i, 50_000))).toBe(true)
      }
      expect(lent.map(({ done }) => done)).toEqual(lent.map(() => 1))
    })

    spec('drop() forgets what begins like its prefix, and nothing else', async (cache) => {
      const keys = [blockKey('a/1.seg', 0), blockKey('a/1.seg', 1), blockKey('a/10.seg', 0)]
      for (const [i, key] of keys.entries()) cache.put(key, blockOf(i, 1000))
      // Some are written by now, some may not be.
      expect(await cache.get(keys[0] ?? '')).not.toBe(null)
      cache.drop('a/1.seg#')
      expect(await cache.get(keys[0] ?? '')).toBe(null)
      expect(await cache.get(keys[1] ?? '')).toBe(null)
      await rig.idle()
      expect(await cache.get(keys[0] ?? '')).toBe(null)
      expect(await cache.get(keys[1] ?? '')).toBe(null)
      expect(same(await cache.get(keys[2] ?? ''), blockOf(2, 1000))).toBe(true)
      cache.put(keys[0] ?? '', blockOf(9, 1000))
      await rig.idle()
      expect(same(await cache.get(keys[0] ?? ''), blockOf(9, 1000))).toBe(true)
      cache.drop('')
      expect(await cache.get(keys[2] ?? '')).toBe(null)
      expect(cache.usedBytes).toBe(0)
    })

    spec('it stays within its bytes, and keeps as many blocks as it may', async (cache) => {
      for (let i = 0; i < 40; i++) {
        cache.put(`k#${i}`, blockOf(i))
        await rig.idle()
        expect(cache.usedBytes).toBeLessThanOrEqual(8 * MiB)
      }
      let found = 0
      for (let i = 0; i < 40; i++) {
        const block = await cache.get(`k#${i}`)
        if (block !== null && same(block, blockOf(i))) found++
        else expect(block).toBe(null)
      }
      expect(found).toBe(8)
    })

    spec('a backfill does not wash out what others come back for', async (cache) => {
      const read = async (key: string, seed: number): Promise<boolean> => {
        if ((await cache.get(key)) !== null) return true
        cache.put(key, blockOf(seed))
        await rig.idle()
        return false
      }
      let hits = 0
      for (let i = 0; i < 60; i++) {
        // Its reader takes each block in three pieces.
        for (let piece = 0; piece < 3; piece++) await read(`backfill#${i}`, i)
        for (let hot = 0; hot < 3; hot++) if (await read(`hot#${hot}`, 1000 + hot)) hits++
      }
      expect(hits).toBeGreaterThan(165)
    })

    spec('after close() it is empty for ever', async (cache) => {
      cache.put('k#0', blockOf(1))
      await cache.close()
      await cache.close()
      expect(await cache.get('k#0')).toBe(null)
      cache.put('k#1', blockOf(2))
      expect(await cache.get('k#1')).toBe(null)
      cache.drop('k')
    })

    it('never gives anything but what was put last, in seeded lives', async () => {
      for (let seed = 1; seed <= 20; seed++) {
        const life = await make(6 * MiB)
        await life.run(live(life, new Prng(seed)))
        await life.close()
      }
    })
  })
}

/** Puts, gets and drops at random, beside each other, and judges every answer. */
async function live({ cache, idle }: BlockCacheRig, prng: Prng): Promise<void> {
  const last = new Map<string, Uint8Array>()
  let hits = 0
  const get = async (key: string): Promise<void> => {
    const before = last.get(key)
    const got = await cache.get(key)
    if (got === null) return
    // What was put meanwhile may be given as well.
    expect([before, last.get(key)].some((block) => same(block ?? null, got))).toBe(true)
    hits++
  }
  for (let i = 0; i < 80; i++) {
    const key = blockKey(`o${prng.below(3)}`, prng.below(5))
    const what = prng.below(10)
    if (what < 4) {
      const block = blockOf(i, 1 + prng.below(prng.chance(0.5) ? MiB : 9000))
      last.set(key, block)
      cache.put(key, block)
    } else if (what < 8) await Promise.all([get(key), get(blockKey('o1', prng.below(5)))])
    else if (what < 9) await idle()
    else {
      const prefix = prng.chance(0.5) ? key : 'o2'
      for (const known of [...last.keys()]) if (known.startsWith(prefix)) last.delete(known)
      cache.drop(prefix)
    }
  }
  expect(hits).toBeGreaterThan(2)
}
