import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AssertionError } from '../../src/base/assert.ts'
import { FormatError } from '../../src/base/errors.ts'
import { Reader } from '../../src/base/reader.ts'
import { leaderEpoch, offset } from '../../src/base/units.ts'
import { Writer } from '../../src/base/writer.ts'
import { Lineage } from '../../src/log/state/lineage.ts'

const lineageOf = (...entries: readonly (readonly [number, number])[]): Lineage => {
  const lineage = new Lineage()
  for (const [epoch, start] of entries) lineage.append(leaderEpoch(epoch), offset(start))
  return lineage
}
const flat = (lineage: Lineage): number[][] => lineage.entries().map((e) => [e.epoch, e.start])

const anyEntries = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 5 }), fc.nat(20)), { maxLength: 20 })
  .map((steps) => {
    let epoch = -1
    let start = 0
    return steps.map(([rise, length]) => {
      const entry = [(epoch += rise), start] as const
      start += length
      return entry
    })
  })

describe('Lineage', () => {
  const lineage = lineageOf([2, 0], [3, 10], [5, 10], [9, 25])

  it('endOfEpoch() gives the largest epoch at or below and where the next one begins [E2]', () => {
    const end = (epoch: number): unknown => lineage.endOfEpoch(leaderEpoch(epoch), offset(40))
    expect(end(2)).toEqual({ epoch: 2, end: 10 })
    expect(end(3)).toEqual({ epoch: 3, end: 10 })
    expect(end(4)).toEqual({ epoch: 3, end: 10 })
    expect(end(8)).toEqual({ epoch: 5, end: 25 })
    expect(end(9)).toEqual({ epoch: 9, end: 40 })
    expect(end(1)).toEqual({ epoch: 1, end: 0 })
    expect(end(10)).toBe(null)
    expect(end(-1)).toBe(null)
    expect(new Lineage().endOfEpoch(leaderEpoch(0), offset(0))).toBe(null)
  })

  it('append() takes a newer epoch once and nothing older', () => {
    const fresh = lineageOf([4, 0])
    expect(fresh.append(leaderEpoch(4), offset(9))).toBe(false)
    expect(fresh.append(leaderEpoch(6), offset(9))).toBe(true)
    expect(() => fresh.append(leaderEpoch(5), offset(9))).toThrow(AssertionError)
    expect(() => fresh.append(leaderEpoch(7), offset(8))).toThrow(AssertionError)
  })

  it('truncates from both ends', () => {
    const cut = lineageOf([2, 0], [3, 10], [5, 10], [9, 25])
    cut.truncateFromEnd(offset(25))
    expect(flat(cut)).toEqual([
      [2, 0],
      [3, 10],
      [5, 10],
    ])
    cut.truncateFromStart(offset(4))
    expect(flat(cut)).toEqual([
      [2, 4],
      [3, 10],
      [5, 10],
    ])
    cut.truncateFromStart(offset(12))
    expect(flat(cut)).toEqual([[5, 12]])
    cut.truncateFromEnd(offset(0))
    expect(cut.latestEpoch).toBe(null)
  })

  it('slice() of adjoining ranges, put together, is the whole', () => {
    fc.assert(
      fc.property(anyEntries, fc.nat(200), (entries, at) => {
        const whole = lineageOf(...entries)
        const end = offset(1_000)
        const parts = [whole.slice(offset(0), offset(at)), whole.slice(offset(at), end)]
        const rebuilt = new Lineage()
        for (const part of parts) {
          for (const entry of part.entries()) rebuilt.append(entry.epoch, entry.start)
        }
        expect(flat(rebuilt)).toEqual(flat(whole))
        for (const probe of [0, at - 1, at, at + 1]) {
          if (probe < 0) continue
          const part = probe < at ? parts[0] : parts[1]
          expect(part?.epochAt(offset(probe))).toBe(whole.epochAt(offset(probe)))
        }
      }),
    )
  })

  it('decode() gives back what encode() wrote, and refuses anything cut short', () => {
    fc.assert(
      fc.property(anyEntries, (entries) => {
        const to = new Writer()
        lineageOf(...entries).encode(to)
        expect(flat(Lineage.decode(new Reader(to.bytes())))).toEqual(entries.map((e) => [...e]))
        for (let cut = 0; cut < to.at; cut++) {
          expect(() => Lineage.decode(new Reader(to.bytes(), 0, cut))).toThrow(FormatError)
        }
      }),
      { numRuns: 50 },
    )
  })

  it('decode() refuses epochs and offsets out of order, and a count that lies', () => {
    for (const entries of [
      [5, 0, 5, 1],
      [5, 0, 4, 1],
      [5, 9, 6, 8],
      [-2, 0],
    ]) {
      const to = new Writer()
      to.uint32(entries.length / 2)
      for (let i = 0; i < entries.length; i += 2) {
        to.int32(entries[i] as number)
        to.int64(entries[i + 1] as number)
      }
      expect(() => Lineage.decode(new Reader(to.bytes()))).toThrow(FormatError)
    }
    expect(() => Lineage.decode(new Reader(Uint8Array.of(255, 255, 255, 255)))).toThrow(FormatError)
  })
})
