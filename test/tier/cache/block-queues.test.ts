import { describe, expect, it } from 'vitest'
import { Prng } from '../../../src/base/prng.ts'
import { BlockQueues } from '../../../src/tier/cache/block-queues.ts'

/** A cache of keys; says whether a read was a hit. */
interface Policy {
  read(key: string): boolean
}

const queues = (bytesMax: number): Policy => {
  const policy = new BlockQueues(bytesMax)
  const known = new Set<string>()
  return {
    read: (key) => {
      policy.touch(key)
      if (known.has(key)) return true
      for (const gone of policy.admit(key, 1)) known.delete(gone)
      known.add(key)
      return false
    },
  }
}

const leastRecentlyUsed = (countMax: number): Policy => {
  const known = new Set<string>()
  return {
    read: (key) => {
      const hit = known.delete(key)
      known.add(key)
      for (const oldest of known) {
        if (known.size <= countMax) break
        known.delete(oldest)
      }
      return hit
    },
  }
}

/** Hits of readers with a hot set, beside backfills that take each block in `pieces`. */
const besideBackfill = (policy: Policy, pieces: number, backfills: number): number => {
  const prng = new Prng(3)
  let hits = 0
  let reads = 0
  for (let i = 0; i < 4000; i++) {
    for (let piece = 0; piece < pieces; piece++) {
      for (let b = 0; b < backfills; b++) policy.read(`b${b}#${i}`)
    }
    const hit = policy.read(`hot#${prng.below(60)}`)
    if (i < 1000) continue
    reads++
    if (hit) hits++
  }
  return hits / reads
}

describe('BlockQueues', () => {
  it('keeps a hot set beside a backfill, which the least recently used would lose', () => {
    expect(besideBackfill(queues(100), 3, 4)).toBeGreaterThan(0.95)
    expect(besideBackfill(leastRecentlyUsed(100), 3, 4)).toBeLessThan(0.6)
  })

  it('has nearly all of what fits, whoever reads', () => {
    for (const [backfills, pieces] of [
      [1, 1],
      [1, 9],
      [8, 2],
    ] as const) {
      expect(besideBackfill(queues(100), pieces, backfills)).toBeGreaterThan(0.9)
    }
  })

  it('gives a new hot set the place of an old one', () => {
    const policy = queues(100)
    const prng = new Prng(4)
    let hits = 0
    for (let i = 0; i < 9000; i++) {
      const set = Math.floor(i / 3000)
      policy.read(`scan#${i}`)
      const hit = policy.read(`set${set}#${prng.below(50)}`)
      if (i % 3000 >= 1500 && hit) hits++
    }
    expect(hits / 4500).toBeGreaterThan(0.95)
  })

  it('keeps a block that is asked for again soon after it went', () => {
    const policy = queues(100)
    let scanned = 0
    const scan = (count: number): void => {
      for (let i = 0; i < count; i++) policy.read(`scan#${scanned++}`)
    }
    scan(200)
    policy.read('back')
    scan(150)
    expect(policy.read('back')).toBe(false)
    scan(150)
    expect(policy.read('back')).toBe(true)
  })

  it('counts its bytes whatever comes, in seeded lives', () => {
    for (let seed = 1; seed <= 200; seed++) {
      const prng = new Prng(seed)
      const bytesMax = prng.between(10, 200)
      const policy = new BlockQueues(bytesMax)
      const sizes = new Map<string, number>()
      let limit = bytesMax
      for (let i = 0; i < 300; i++) {
        const key = `k${prng.below(40)}`
        const what = prng.below(10)
        if (what < 6 && !sizes.has(key)) {
          const size = 1 + prng.below(Math.min(limit, 12))
          const gone = policy.admit(key, size)
          for (const name of gone) expect(sizes.delete(name)).toBe(true)
          sizes.set(key, size)
        } else if (what < 8) policy.touch(key)
        else if (what < 9) {
          policy.remove(key)
          sizes.delete(key)
        } else if (prng.chance(0.05) && limit > 12) {
          limit--
          for (const name of policy.shrink(limit)) expect(sizes.delete(name)).toBe(true)
        }
        const bytes = [...sizes.values()].reduce((sum, size) => sum + size, 0)
        const right = policy.count === sizes.size && policy.bytes === bytes && bytes <= limit
        if (!right) throw new Error(`Seed ${seed}: ${policy.bytes} bytes, not ${bytes}`)
      }
      expect([...policy.entries()].map(({ key }) => key).sort()).toEqual([...sizes.keys()].sort())
    }
  })
})
