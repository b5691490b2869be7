// Which segments go: by time, size and log start, alone and together, and what never goes.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { offset } from '../../../src/base/units.ts'
import { planRetention } from '../../../src/log/retention/plan.ts'
import type { RetentionPlan, RetentionSegment } from '../../../src/log/retention/plan.ts'

const NOW = 1_000_000

/** Segments of ten offsets each from [bytes, max timestamp]. */
const chain = (...shapes: readonly (readonly [number, number])[]): RetentionSegment[] =>
  shapes.map(([dataLength, maxTimestamp], i) => ({
    base: offset(i * 10),
    end: offset(dataLength === 0 ? i * 10 : i * 10 + 10),
    dataLength,
    maxTimestamp,
  }))

const plan = (
  segments: readonly RetentionSegment[],
  options: {
    ms?: number
    bytes?: number
    deletes?: boolean
    logStart?: number
    limit?: number
    countMax?: number
  },
): RetentionPlan =>
  planRetention(
    segments,
    {
      deletes: options.deletes ?? true,
      retentionMs: options.ms ?? -1,
      retentionBytes: options.bytes ?? -1,
    },
    {
      nowMs: NOW,
      logStart: offset(options.logStart ?? 0),
      limit: offset(options.limit ?? 1e9),
      countMax: options.countMax ?? 1e9,
    },
  )

describe('planRetention()', () => {
  test('drops by the largest timestamp of a segment, on segment bounds [D2]', () => {
    const segments = chain([100, NOW - 501], [100, NOW - 501], [100, NOW - 500], [100, NOW])
    expect(plan(segments, { ms: 500 })).toEqual({
      count: 2,
      dropBelow: 20,
      roll: false,
      reasons: { start: 0, size: 0, time: 2 },
    })
  })

  test('drops a segment of which compaction has left nothing, with what is old behind it [D3]', () => {
    const [, old, young] = chain([0, -1], [100, NOW - 501], [100, NOW])
    const empty = { base: offset(0), end: offset(10), dataLength: 0, maxTimestamp: -1 }
    const segments = [empty, old as RetentionSegment, young as RetentionSegment]
    expect(plan(segments, { ms: 500 })).toMatchObject({ count: 2, dropBelow: 20 })
    expect(plan(segments, { ms: 502 })).toMatchObject({ count: 0 })
  })

  test('stops at the first segment that is young, whatever comes behind it [D2]', () => {
    const segments = chain([100, NOW], [100, NOW - 9_999], [100, NOW - 9_999])
    expect(plan(segments, { ms: 500 })).toMatchObject({ count: 0, dropBelow: 0, roll: false })
  })

  test('keeps everything at -1, and with neither limit [D2]', () => {
    const segments = chain([1e9, 1], [1e9, 1], [1e9, 1])
    expect(plan(segments, { ms: -1, bytes: -1 })).toMatchObject({ count: 0, dropBelow: 0 })
  })

  test('drops by size while the rest still holds as much as is asked for [D2]', () => {
    const segments = chain([100, NOW], [100, NOW], [100, NOW], [50, NOW])
    const counts = [350, 349, 251, 250, 249, 151, 150, 51, 50].map(
      (bytes) => plan(segments, { bytes }).count,
    )
    expect(counts).toEqual([0, 0, 0, 1, 1, 1, 2, 2, 3])
    expect(plan(segments, { bytes: 150 }).reasons).toEqual({ start: 0, size: 2, time: 0 })
  })

  test('rolls an active segment whose records have all expired, so that it goes [D2]', () => {
    const segments = chain([100, 1], [100, 1])
    expect(plan(segments, { ms: 500 })).toMatchObject({ count: 2, dropBelow: 20, roll: true })
    expect(plan(segments, { bytes: 0 })).toMatchObject({ count: 2, dropBelow: 20, roll: true })
  })

  test('never drops an empty active segment', () => {
    expect(plan(chain([0, -1]), { ms: 0, bytes: 0 })).toMatchObject({ count: 0, roll: false })
    expect(plan(chain([9, 1], [0, -1]), { ms: 0 })).toMatchObject({
      count: 1,
      dropBelow: 10,
      roll: false,
    })
  })

  test('never drops above the high watermark', () => {
    const segments = chain([100, 1], [100, 1], [100, 1])
    expect(plan(segments, { ms: 0, limit: 19 })).toMatchObject({ count: 1, dropBelow: 10 })
    expect(plan(segments, { bytes: 0, limit: 20 })).toMatchObject({ count: 2, dropBelow: 20 })
    expect(plan(segments, { bytes: 0, limit: 9 })).toMatchObject({ count: 0 })
  })

  test('drops what lies below the log start, if compacted too, but not the active one', () => {
    const segments = chain([100, NOW], [100, NOW], [100, NOW])
    const expected = { count: 1, dropBelow: 15, roll: false }
    expect(plan(segments, { deletes: false, logStart: 15 })).toMatchObject(expected)
    expect(plan(segments, { deletes: false, logStart: 10 })).toMatchObject({ dropBelow: 10 })
    expect(plan(segments, { deletes: false, logStart: 30 })).toMatchObject({
      count: 2,
      roll: false,
    })
    expect(plan(segments, { deletes: false, ms: 0, bytes: 0 }).count).toBe(0)
  })

  test('takes the reasons one after the other: start, size, time', () => {
    const segments = chain([100, 1], [100, 1], [100, 1], [100, NOW])
    expect(plan(segments, { logStart: 12, bytes: 200, ms: 10 })).toEqual({
      count: 3,
      dropBelow: 30,
      roll: false,
      reasons: { start: 1, size: 1, time: 1 },
    })
  })

  test('judges a segment without timestamps by the next that has some, or keeps it', () => {
    expect(plan(chain([1, -1], [1, -1], [1, 5], [1, NOW]), { ms: 500 }).count).toBe(3)
    expect(plan(chain([1, -1], [1, NOW], [1, 5]), { ms: 500 }).count).toBe(0)
    expect(plan(chain([1, -1], [1, -1]), { ms: 0 }).count).toBe(0)
    expect(plan(chain([1, -1], [1, -1]), { bytes: 1 }).count).toBe(1)
  })

  test('does no more at once than it is allowed', () => {
    const segments = chain([1, 1], [1, 1], [1, 1])
    expect(plan(segments, { ms: 0, countMax: 2 })).toMatchObject({ count: 2, roll: false })
    expect(plan(segments, { ms: 0, countMax: 0 })).toMatchObject({ count: 0, dropBelow: 0 })
  })

  test('holds its promises for any chain and any settings', () => {
    const shape = fc.tuple(fc.integer({ min: 1, max: 1_000 }), fc.integer({ min: -1, max: NOW }))
    const settings = fc.record({
      ms: fc.integer({ min: -1, max: NOW }),
      bytes: fc.integer({ min: -1, max: 10_000 }),
      deletes: fc.boolean(),
      logStart: fc.integer({ min: 0, max: 30 }),
      limit: fc.integer({ min: 30, max: 300 }),
      countMax: fc.integer({ min: 0, max: 40 }),
    })
    fc.assert(
      fc.property(fc.array(shape, { minLength: 3, maxLength: 20 }), settings, (shapes, options) => {
        const segments = chain(...shapes)
        const made = plan(segments, options)
        const { count, dropBelow, roll, reasons } = made
        expect(reasons.start + reasons.size + reasons.time).toBe(count)
        expect(count).toBeLessThanOrEqual(options.countMax)
        expect(roll).toBe(count === segments.length)
        expect(dropBelow).toBeGreaterThanOrEqual(options.logStart)
        const judged = segments.slice(reasons.start, count)
        for (const segment of judged) expect(segment.end).toBeLessThanOrEqual(options.limit)
        const left = segments.slice(count)
        const bytes = left.reduce((sum, { dataLength }) => sum + dataLength, 0)
        if (reasons.time === 0 && reasons.size > 0) {
          expect(bytes).toBeGreaterThanOrEqual(options.bytes)
        }
        for (const { maxTimestamp } of segments.slice(reasons.start + reasons.size, count)) {
          expect(maxTimestamp).toBeLessThan(NOW - options.ms)
        }
        // Doing it again in the state it leaves changes nothing more, if it was not held back.
        if (count < options.countMax && left.length > 0) {
          const again = planRetention(
            left,
            { deletes: options.deletes, retentionMs: options.ms, retentionBytes: options.bytes },
            { nowMs: NOW, logStart: dropBelow, limit: offset(options.limit), countMax: 99 },
          )
          expect(again.count).toBe(0)
        }
      }),
    )
  })
})
