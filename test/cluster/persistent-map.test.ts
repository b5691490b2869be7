import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PersistentMap } from '../../src/cluster/persistent-map.ts'

type Step =
  | { readonly op: 'set'; readonly key: string; readonly value: number }
  | { readonly op: 'delete'; readonly key: string }
  | { readonly op: 'freeze' }

// Few keys, so that steps meet; 'siblings' and 'teheran' and the like only matter to weak hashes.
const key = fc.oneof(fc.integer({ min: 0, max: 40 }).map(String), fc.string({ maxLength: 3 }))

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ op: fc.constant('set' as const), key, value: fc.integer() }),
  fc.record({ op: fc.constant('delete' as const), key }),
  fc.record({ op: fc.constant('freeze' as const) }),
)

describe('PersistentMap', () => {
  it('does what Map does, and versions that were frozen never change', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const model = new Map<string, number>()
        const versions: [PersistentMap<string, number>, Map<string, number>][] = []
        let draft = PersistentMap.empty<string, number>().draft()
        for (const s of steps) {
          if (s.op === 'set') {
            model.set(s.key, s.value)
            draft.set(s.key, s.value)
          } else if (s.op === 'delete') expect(draft.delete(s.key)).toBe(model.delete(s.key))
          else {
            const map = draft.freeze()
            versions.push([map, new Map(model)])
            // Going on with the draft and beginning a new one must come to the same.
            if (versions.length % 2 === 0) draft = map.draft()
          }
        }
        versions.push([draft.freeze(), model])
        for (const [map, expected] of versions) {
          expect(map.size).toBe(expected.size)
          expect(new Map([...map.keys()].map((k) => [k, map.get(k)]))).toEqual(expected)
          expect([...map.values()].sort()).toEqual([...expected.values()].sort())
        }
      }),
    )
  })

  it('keeps keys apart whose whole hash is the same', () => {
    // Integers hash to themselves modulo 2^32, so these three clash.
    const clash = [5, 5 + 2 ** 32, 5 + 2 ** 33]
    const draft = PersistentMap.empty<number, string>().draft()
    for (const k of [...clash, 6, 37]) draft.set(k, `v${k}`)
    const map = draft.freeze()
    for (const k of [...clash, 6, 37]) expect(map.get(k)).toBe(`v${k}`)
    for (const k of clash) draft.delete(k)
    expect([...draft.freeze().keys()].sort()).toEqual([37, 6])
    expect(map.size).toBe(5)
  })

  it('gives back the same map when nothing was changed', () => {
    const draft = PersistentMap.empty<number, string>().draft()
    draft.set(1, 'a')
    const map = draft.freeze()
    expect(map.draft().freeze()).toBe(map)
  })

  it('shares structure: a thousand changes cost far less than a thousand copies', () => {
    const draft = PersistentMap.empty<number, number>().draft()
    const size = 200_000
    for (let i = 0; i < size; i++) draft.set(i, i)
    let map = draft.freeze()
    const began = performance.now()
    for (let i = 0; i < 1000; i++) {
      const next = map.draft()
      next.set(i, -1)
      map = next.freeze()
    }
    // A thousand copies of 200,000 entries take tens of seconds.
    expect(performance.now() - began).toBeLessThan(2000)
    expect(map.get(999)).toBe(-1)
    expect(map.get(size - 1)).toBe(size - 1)
  })
})
