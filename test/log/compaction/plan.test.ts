// What is due, how far, and what goes together.
import { describe, expect, test } from 'vitest'
import { offset } from '../../../src/base/units.ts'
import {
  firstDirtyOf,
  groupSegments,
  mustRoll,
  planCompaction,
} from '../../../src/log/compaction/plan.ts'
import type { CompactionSegment } from '../../../src/log/compaction/plan.ts'
import { rules } from './bed.ts'

interface Shape {
  readonly clean?: number
  readonly bytes?: number
  readonly time?: number
  readonly sealed?: boolean
  readonly offsets?: number
}

/** Segments of ten offsets each and an active one behind them. */
function chain(...shapes: Shape[]): CompactionSegment[] {
  let base = 0
  const segments = shapes.map((shape): CompactionSegment => {
    const { clean, bytes = 100, time = 1_000, sealed = true, offsets = 10 } = shape
    const footer = {
      compacted: clean !== undefined,
      cleanedTo: offset(clean ?? 0),
      minTimestamp: time,
    }
    const from = base
    base += offsets
    const span = { base: offset(from), end: offset(base), dataLength: bytes, maxTimestamp: time }
    return { ...span, footer: sealed ? footer : null }
  })
  const active = { base: offset(base), end: offset(base + 5), dataLength: 50, maxTimestamp: 9_000 }
  return [...segments, { ...active, footer: null }]
}

const moment = { nowMs: 10_000, limit: offset(1_000) }

describe('planCompaction()', () => {
  test('counts as clean what leads and was compacted to its end', () => {
    expect(firstDirtyOf(chain({ clean: 10 }, { clean: 20 }, {}))).toBe(20)
    expect(firstDirtyOf(chain({ clean: 10 }, { clean: 14 }, {}))).toBe(14)
    expect(firstDirtyOf(chain({}, { clean: 20 }))).toBe(0)
    expect(firstDirtyOf(chain({ clean: 10 }))).toBe(10)
  })

  test('is due when more than the ratio is dirty', () => {
    const segments = chain({ clean: 10, bytes: 300 }, { bytes: 100 })
    const plan = planCompaction(segments, rules({ dirtyRatioMin: 0.24 }), moment)
    expect(plan).toEqual({ firstDirty: 10, end: 20, dirtyRatio: 0.25, overdue: false, due: true })
    expect(planCompaction(segments, rules({ dirtyRatioMin: 0.25 }), moment).due).toBe(false)
  })

  test('is due whatever the ratio when something dirty is too old', () => {
    const segments = chain({ clean: 10, time: 1 }, { bytes: 1, time: 4_000 })
    const late = { dirtyRatioMin: 1, lagMaxMs: 5_999 }
    expect(planCompaction(segments, rules(late), moment)).toMatchObject({
      overdue: true,
      due: true,
    })
    const inTime = rules({ ...late, lagMaxMs: 6_000 })
    expect(planCompaction(segments, inTime, moment)).toMatchObject({ overdue: false, due: false })
  })

  test('ends at the active segment, the high watermark and what is not sealed', () => {
    const end = (segments: CompactionSegment[], limit = 1_000): number =>
      planCompaction(segments, rules(), { ...moment, limit: offset(limit) }).end
    expect(end(chain({}, {}, {}))).toBe(30)
    expect(end(chain({}, {}, {}), 29)).toBe(20)
    expect(end(chain({}, { sealed: false }, {}))).toBe(10)
    expect(planCompaction(chain(), rules(), moment)).toMatchObject({ due: false, end: 0 })
  })

  test('leaves what is young', () => {
    const segments = chain({ time: 1_000 }, { time: 6_000 }, { time: 2_000 })
    expect(planCompaction(segments, rules({ lagMinMs: 4_001 }), moment).end).toBe(10)
    expect(planCompaction(segments, rules({ lagMinMs: 4_000 }), moment).end).toBe(30)
  })
})

describe('mustRoll()', () => {
  test('asks for it when the first record is too old', () => {
    const settings = rules({ lagMaxMs: 100 })
    expect([-1, 900, 901].map((first) => mustRoll(first, settings, 1_000))).toEqual([
      false,
      true,
      false,
    ])
  })
})

describe('groupSegments()', () => {
  const groups = (bytesMax: number, ...shapes: Shape[]): number[][] =>
    groupSegments(chain(...shapes).slice(0, -1), { bytesMax }).map((group) =>
      group.map(({ base }) => base),
    )

  test('puts small neighbours together, up to the size of a segment', () => {
    expect(groups(250, {}, {}, {}, {})).toEqual([
      [0, 10],
      [20, 30],
    ])
    expect(groups(50, {}, {})).toEqual([[0], [10]])
    expect(groups(250, { bytes: 900 }, { bytes: 0 }, {})).toEqual([[0], [10, 20]])
  })

  test('puts together no more offsets than an index holds', () => {
    const wide = { offsets: 2 ** 30 }
    expect(groups(1_000, wide, wide, wide)).toEqual([[0], [2 ** 30], [2 ** 31]])
  })
})
