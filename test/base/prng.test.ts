import { describe, expect, it } from 'vitest'
import { Prng } from '../../src/base/prng.ts'

describe('Prng', () => {
  it('repeats a seed exactly, on every runtime', () => {
    const prng = new Prng(42)
    const first = Array.from({ length: 4 }, () => prng.uint32())
    expect(first).toEqual([1959603763, 2423114712, 2466933512, 4144396390])
    expect(new Prng(42).bytes(4)).toEqual(Uint8Array.from(first, (word) => word >>> 24))
  })

  it('gives neighbouring seeds, and seeds that differ above 2^32, unrelated streams', () => {
    const seeds = [0, 1, 2, 2 ** 32, 2 ** 33, Number.MAX_SAFE_INTEGER]
    expect(new Set(seeds.map((seed) => new Prng(seed).uint32())).size).toBe(seeds.length)
  })

  it('below() is even and stays below', () => {
    const prng = new Prng(5)
    const tally = new Array<number>(10).fill(0)
    for (let i = 0; i < 100_000; i++) {
      const value = prng.below(10)
      tally[value] = (tally[value] ?? 0) + 1
    }
    for (const count of tally) expect(Math.abs(count - 10_000)).toBeLessThan(500)
  })

  it('chance(0) draws nothing', () => {
    const [one, other] = [new Prng(1), new Prng(1)]
    expect(one.chance(0)).toBe(false)
    expect(one.uint32()).toBe(other.uint32())
  })

  it('fork() depends on the state and goes its own way', () => {
    const parent = new Prng(1)
    const [first, second] = [parent.fork(), parent.fork()]
    expect(first.uint32()).not.toBe(second.uint32())
  })
})
