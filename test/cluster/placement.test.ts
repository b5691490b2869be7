import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Candidate } from '../../src/cluster/placement.ts'
import { copysets, placePartitions, SCATTER_WIDTH } from '../../src/cluster/placement.ts'

const NONE = { replicas: 0, leaders: 0 }

const brokers = (count: number, racks: number): Candidate[] =>
  Array.from({ length: count }, (_, i) => ({ id: i + 1, rack: `r${i % racks}`, host: `h${i}` }))

describe('copysets()', () => {
  it('gives each broker a place, in sets of the size asked, whatever the order of naming', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 5 }), (n, size) => {
        const all = brokers(n, 3)
        const sets = copysets(all, size)
        if (n < size) {
          expect(sets).toEqual([])
          return
        }
        for (const set of sets) expect(new Set(set).size).toBe(size)
        expect(new Set(sets.flat()).size).toBe(n)
        expect(copysets(all.toReversed(), size)).toEqual(sets)
      }),
    )
  })

  it('are few: no more than the scatter width asks for', () => {
    const sets = copysets(brokers(30, 3), 3)
    const permutations = Math.ceil(SCATTER_WIDTH / 2)
    expect(sets.length).toBeLessThanOrEqual(permutations * 10)
    for (let id = 1; id <= 30; id++) {
      const peers = new Set(sets.filter((set) => set.includes(id)).flat())
      expect(peers.size - 1).toBeLessThanOrEqual(SCATTER_WIDTH)
    }
  })

  it('spread over racks where there are as many of equal size', () => {
    const all = brokers(9, 3)
    for (const set of copysets(all, 3)) {
      expect(new Set(set.map((id) => all[id - 1]?.rack)).size).toBe(3)
    }
  })

  it('never put two replicas on one host while another host is left', () => {
    const all = [1, 2, 3, 4, 5, 6].map((id) => ({ id, rack: null, host: `h${id % 3}` }))
    for (const set of copysets(all, 3)) expect(new Set(set.map((id) => id % 3)).size).toBe(3)
  })
})

describe('placePartitions()', () => {
  it('spreads replicas and leaders evenly', () => {
    const all = brokers(6, 3)
    const load = () => NONE
    const placed = placePartitions({ brokers: all, count: 60, replicas: 3, load }) ?? []
    for (const { id } of all) {
      const held = placed.filter((set) => set.includes(id)).length
      const led = placed.filter((set) => set[0] === id).length
      expect(held).toBeGreaterThanOrEqual(20)
      expect(led).toBeGreaterThanOrEqual(7)
      expect(led).toBeLessThanOrEqual(13)
    }
  })

  it('puts everything on the one broker there is, and refuses two replicas there', () => {
    const options = { brokers: brokers(1, 1), count: 3, load: () => NONE }
    expect(placePartitions({ ...options, replicas: 1 })).toEqual([[1], [1], [1]])
    expect(placePartitions({ ...options, replicas: 2 })).toBeNull()
  })
})
