import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { leaderEpoch, offset } from '../../src/base/units.ts'
import { BatchFault } from '../../src/log/segment/batch-check.ts'
import {
  scanBytes,
  scanFile,
  startingAt,
  type ScanResult,
} from '../../src/log/segment/batch-scan.ts'
import { markerOf } from '../../src/log/segment/batch-view.ts'
import { crypto, filler, flipped, joined, makeBatch, makeMarker, MemoryFile } from './batches.ts'

const log = (count: number, size = 200): Uint8Array[] =>
  Array.from({ length: count }, (_, i) => makeBatch({ base: i * 3, count: 3, size: size + i }))

function scan(bytes: Uint8Array, gaps = false): ScanResult & { positions: number[] } {
  const positions: number[] = []
  const range = { from: 0, to: bytes.length, ...startingAt(offset(0)), gaps }
  const result = scanBytes(crypto, bytes, range, (_bytes, _at, _length, position) => {
    positions.push(position)
  })
  return { ...result, positions }
}

describe('scanBytes()', () => {
  it('visits every batch and ends clean', () => {
    const parts = log(20)
    const result = scan(joined(parts))
    expect(result).toMatchObject({ outcome: 'clean', batches: 20, nextOffset: 60, fault: null })
    expect(result.end).toBe(joined(parts).length)
    expect(result.positions.length).toBe(20)
  })

  it('is clean when only the zeros of a preallocated file follow', () => {
    const data = joined(log(3))
    const result = scan(joined([data, new Uint8Array(100_000)]))
    expect(result).toMatchObject({ outcome: 'clean', end: data.length, batches: 3 })
  })

  it('calls every cut inside a batch a torn tail at the end of the batch before', () => {
    const parts = log(3, 30)
    const bytes = joined(parts)
    const whole = parts[0] as Uint8Array
    const second = whole.length + (parts[1] as Uint8Array).length
    for (let cut = second + 1; cut < bytes.length; cut++) {
      const result = scan(bytes.subarray(0, cut))
      // Base offset 6 has zeros in front, so the first few bytes of the third batch are all zero.
      const zeros = cut <= second + 7
      expect(result.outcome).toBe(zeros ? 'clean' : 'torn')
      expect(result.end).toBe(second)
      expect(result.nextOffset).toBe(6)
    }
  })

  it('tells corruption in the middle from a torn tail, with the exact range', () => {
    const parts = log(5)
    const bytes = joined(parts)
    const from = (parts[0] as Uint8Array).length
    const to = from + (parts[1] as Uint8Array).length
    for (let at = from; at < to; at++) {
      const result = scan(flipped(bytes, at * 8 + (at % 8)))
      if (at >= from + 12 && at < from + 16) continue // the epoch: see the next tests
      expect(result.outcome).toBe('corrupt')
      expect(result.gaps).toEqual([
        expect.objectContaining({ from, to, fromOffset: 3, toOffset: 6 }),
      ])
      expect(result).toMatchObject({
        trustedEnd: from,
        end: bytes.length,
        batches: 4,
        nextOffset: 15,
      })
    }
  })

  it('refuses an epoch that falls', () => {
    const bytes = joined([
      makeBatch({ base: 0, epoch: 5 }),
      makeBatch({ base: 1, epoch: 4 }),
      makeBatch({ base: 2, epoch: 6 }),
    ])
    expect(scan(bytes).gaps[0]).toMatchObject({
      fromOffset: 1,
      toOffset: 2,
      fault: BatchFault.epoch,
    })
  })

  it('never calls a log torn because one epoch in it was damaged', () => {
    const parts = log(6)
    const bytes = joined(parts)
    const second = (parts[0] as Uint8Array).length
    for (let bit = (second + 12) * 8; bit < (second + 16) * 8; bit++) {
      const result = scan(flipped(bytes, bit))
      expect(result).toMatchObject({ outcome: 'corrupt', end: bytes.length, nextOffset: 18 })
      expect(result.gaps.length).toBe(1)
      expect(result.gaps[0]?.fault).toBe(BatchFault.epoch)
      expect(result.batches).toBe(5)
    }
  })

  it('calls a whole last batch in the wrong place torn', () => {
    const bytes = joined([makeBatch({ base: 0 }), makeBatch({ base: 5 })])
    expect(scan(bytes)).toMatchObject({ outcome: 'torn', end: 101, fault: BatchFault.offset })
  })

  it('lists several gaps and goes on behind each', () => {
    const parts = log(30)
    const damaged = parts.map((part, i) => (i % 10 === 4 ? flipped(part, 700) : part))
    const result = scan(joined(damaged))
    expect(result.gaps.map((gap) => gap.fromOffset)).toEqual([12, 42, 72])
    expect(result.batches).toBe(27)
  })

  it('takes gaps of offsets only where compaction may have made them', () => {
    const bytes = joined([makeBatch({ base: 0 }), makeBatch({ base: 7 }), makeBatch({ base: 9 })])
    expect(scan(bytes, true)).toMatchObject({ outcome: 'clean', nextOffset: 10 })
    // Whose base offset is wrong cannot be told, so the stray batch counts as missing itself.
    expect(scan(bytes).gaps[0]).toMatchObject({ fromOffset: 1, toOffset: 9 })
  })

  it('does not take batches inside a damaged batch for the log', () => {
    const inner = makeBatch({ base: 1, count: 1 })
    const parts = [
      makeBatch({ base: 0 }),
      makeBatch({ base: 1, payload: joined([filler(10, 1), inner, filler(50, 2)]) }),
      makeBatch({ base: 2 }),
    ]
    const bytes = joined(parts)
    const result = scan(flipped(bytes, ((parts[0] as Uint8Array).length + 70) * 8))
    expect(result.gaps).toEqual([expect.objectContaining({ fromOffset: 1, toOffset: 2 })])
  })

  it('never throws, and trusts nothing it should not, on hostile bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.nat(3), (noise, keep) => {
        const good = joined(log(keep, 20))
        const result = scan(joined([good, noise]))
        expect(result.end).toBeGreaterThanOrEqual(good.length)
        expect(result.positions.slice(0, keep).length).toBe(keep)
      }),
      { numRuns: 300 },
    )
  })
})

describe('scanFile()', () => {
  const big = joined(Array.from({ length: 60 }, (_, i) => makeBatch({ base: i, size: 50_000 })))

  it.each([false, true])(
    'agrees with a scan of memory across windows (direct: %s)',
    async (direct) => {
      for (const bit of [null, 8 * 700_000, 8 * (1_048_576 + 3), 8 * 8, 8 * 50_069 + 4]) {
        const bytes = bit === null ? big : flipped(big, bit)
        const expected = scan(bytes)
        const positions: number[] = []
        const range = { from: 0, to: bytes.length, ...startingAt(offset(0)) }
        const file = new MemoryFile(joined([bytes, new Uint8Array(4096)]), direct)
        const result = await scanFile(crypto, file, range, (_b, _a, _l, position) => {
          positions.push(position)
        })
        expect({ ...result, positions }).toEqual(expected)
      }
    },
  )

  it('reads a batch that is larger than its window', async () => {
    const bytes = joined([makeBatch({ base: 0, size: 3_000_000 }), makeBatch({ base: 1 })])
    const range = { from: 0, to: Number.MAX_SAFE_INTEGER, ...startingAt(offset(0)) }
    const result = await scanFile(crypto, new MemoryFile(bytes), range, () => {})
    expect(result).toMatchObject({ outcome: 'clean', batches: 2 })
  })

  it('begins in the middle and finds the batch behind a damaged length', async () => {
    const parts = log(8_000, 300)
    const first = (parts[0] as Uint8Array).length
    const bytes = flipped(joined(parts), (first + 9) * 8)
    const range = { from: first, to: bytes.length, nextOffset: offset(3), epoch: leaderEpoch(0) }
    const result = await scanFile(crypto, new MemoryFile(bytes), range, () => {})
    expect(result).toMatchObject({ outcome: 'corrupt', batches: 7_998 })
    expect(result.gaps[0]).toMatchObject({ from: first, fromOffset: 3, toOffset: 6 })
  })
})

describe('markerOf()', () => {
  it.each([true, false])('reads a marker (commit: %s) [T11]', (commit) => {
    const bytes = makeMarker({
      base: 9,
      producerId: 4,
      producerEpoch: 1,
      commit,
      coordinatorEpoch: 77,
    })
    expect(markerOf(bytes, 0, bytes.length)).toEqual({ commit, coordinatorEpoch: 77 })
  })

  it('is null for what is no marker, whatever the bytes', () => {
    expect(markerOf(makeBatch({ base: 0, count: 0, delta: 0 }), 0, 101)).toBe(null)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20 }), (payload) => {
        const bytes = makeBatch({ base: 0, payload })
        const marker = markerOf(bytes, 0, bytes.length)
        expect(marker === null || Number.isInteger(marker.coordinatorEpoch)).toBe(true)
      }),
    )
  })
})
