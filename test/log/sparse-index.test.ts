import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FormatError } from '../../src/base/errors.ts'
import { offset } from '../../src/base/units.ts'
import { SegmentBuilder } from '../../src/log/segment/segment-builder.ts'
import {
  INDEX_ENTRY_BYTES,
  INDEX_INTERVAL_BYTES,
  SparseIndex,
} from '../../src/log/segment/sparse-index.ts'
import { crypto, joined, makeBatch } from './batches.ts'

interface Placed {
  readonly base: number
  readonly position: number
  readonly maxTime: number
  readonly bytes: Uint8Array
}

/** Random batches, and where each stands. */
const anyBatches = fc
  .array(
    fc.record({ count: fc.integer({ min: 1, max: 9 }), size: fc.nat(300), time: fc.nat(50) }),
    {
      minLength: 1,
      maxLength: 60,
    },
  )
  .map((shapes) => {
    let base = 1_000
    let position = 0
    return shapes.map(({ count, size, time }): Placed => {
      const bytes = makeBatch({ base, count, size, time })
      const placed = { base, position, maxTime: time, bytes }
      base += count
      position += bytes.length
      return placed
    })
  })

function built(batches: readonly Placed[], interval: number): SegmentBuilder {
  const builder = new SegmentBuilder(offset(1_000), crypto, interval)
  for (const batch of batches) builder.append(batch.bytes, 0, batch.bytes.length)
  builder.settle()
  return builder
}

describe('SparseIndex', () => {
  it('floor() agrees with a linear search: the interval holds the batch with the offset', () => {
    fc.assert(
      fc.property(anyBatches, fc.integer({ min: 62, max: 2_000 }), (batches, interval) => {
        const { index, endOffset, dataLength } = built(batches, interval)
        for (let target = 1_000; target < endOffset; target++) {
          const batch = batches.findLast((one) => one.base <= target) as Placed
          const i = index.floor(offset(target))
          expect(index.positionAt(i)).toBeLessThanOrEqual(batch.position)
          expect(index.endOf(i, dataLength)).toBeGreaterThan(batch.position)
          expect(index.floorPosition(batch.position)).toBe(i)
        }
        expect(index.floor(offset(5))).toBe(0)
      }),
      { numRuns: 50 },
    )
  })

  it('firstReaching() leads to the first batch with the time, in any order of times [L9]', () => {
    fc.assert(
      fc.property(anyBatches, fc.integer({ min: 62, max: 2_000 }), (batches, interval) => {
        const { index, dataLength } = built(batches, interval)
        for (let time = 0; time <= 51; time++) {
          const first = batches.find((one) => one.maxTime >= time)
          const i = index.firstReaching(time)
          if (first === undefined) expect(i).toBe(-1)
          else {
            expect(index.positionAt(i)).toBeLessThanOrEqual(first.position)
            expect(index.endOf(i, dataLength)).toBeGreaterThan(first.position)
          }
        }
      }),
      { numRuns: 50 },
    )
  })

  it('has a prefix CRC over exactly the first 21 bytes of each batch of its interval', () => {
    fc.assert(
      fc.property(anyBatches, fc.integer({ min: 62, max: 6_000 }), (batches, interval) => {
        const { index, dataLength } = built(batches, interval)
        for (let i = 0; i < index.length; i++) {
          const from = index.positionAt(i)
          const to = index.endOf(i, dataLength)
          const inside = batches.filter((one) => one.position >= from && one.position < to)
          const prefixes = joined(inside.map((one) => one.bytes.subarray(0, 21)))
          expect(index.prefixCrcAt(i)).toBe(crypto.crc32c(prefixes))
        }
      }),
      { numRuns: 50 },
    )
  })

  it('costs at most 0.2 % of the data on disk and 24 bytes an entry in memory', () => {
    const builder = new SegmentBuilder(offset(0), crypto)
    for (let base = 0; base < 4_000; base++) {
      const bytes = makeBatch({ base, size: 16_000 })
      builder.append(bytes, 0, bytes.length)
    }
    expect(builder.index.length).toBeGreaterThan(700)
    expect(builder.index.entryBytes().length).toBeLessThan(builder.dataLength * 0.002)
    expect(builder.index.memoryBytes).toBeLessThanOrEqual(builder.index.length * 24)
    const tiny = built(
      [{ base: 1_000, position: 0, maxTime: 1, bytes: makeBatch({ base: 1_000 }) }],
      62,
    )
    expect(tiny.index.memoryBytes).toBeLessThanOrEqual(16 * INDEX_ENTRY_BYTES)
    expect(INDEX_INTERVAL_BYTES * 0.002).toBeGreaterThan(INDEX_ENTRY_BYTES)
  })

  it('keeps times from before 1970 and beyond 2^32 apart', () => {
    const index = new SparseIndex(offset(0))
    index.add({ offset: offset(0), position: 0 })
    index.raise(-1)
    expect(index.maxTimestampAt(0)).toBe(-1)
    index.raise(Number.MAX_SAFE_INTEGER)
    expect(index.maxTimestampAt(0)).toBe(Number.MAX_SAFE_INTEGER)
    expect(index.firstReaching(Number.MAX_SAFE_INTEGER)).toBe(0)
  })

  it('decode() gives back the entries, and refuses damage that breaks their order', () => {
    fc.assert(
      fc.property(anyBatches, (batches) => {
        const { index, dataLength } = built(batches, 100)
        const bytes = Uint8Array.from(index.entryBytes())
        const decoded = SparseIndex.decode(offset(1_000), bytes, dataLength)
        expect(decoded.entryBytes()).toEqual(bytes)
        expect(decoded.memoryBytes).toBe(bytes.length)
        const refused = (damaged: Uint8Array): void =>
          expect(() => SparseIndex.decode(offset(0), damaged, dataLength)).toThrow(FormatError)
        refused(bytes.subarray(0, bytes.length - 1))
        refused(joined([bytes, bytes]))
        refused(joined([Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 9), bytes.subarray(8)]))
      }),
      { numRuns: 50 },
    )
  })
})
