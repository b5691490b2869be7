import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { offset } from '../../../src/base/units.ts'
import { planUpload, type LocalSegment, type UploadPlan } from '../../../src/tier/upload/plan.ts'

const SEALED = {}

/** Segments that follow each other from `base` on; a `-` in front marks one that is not sealed. */
const row = (base: number, ...lengths: (number | string)[]): LocalSegment[] => {
  let next = base
  return lengths.map((one) => {
    const from = next
    next += Math.abs(Number(one))
    const sealed = String(one).startsWith('-') ? null : SEALED
    return { base: offset(from), end: offset(next), dataLength: next - from, sealed }
  })
}

const plan = (
  segments: readonly LocalSegment[],
  moment: { logStart?: number; archivedEnd?: number | null; limit?: number; countMax?: number },
): UploadPlan =>
  planUpload(segments, {
    logStart: offset(moment.logStart ?? 0),
    archivedEnd: moment.archivedEnd === undefined ? null : (moment.archivedEnd as null),
    limit: offset(moment.limit ?? 1_000_000),
    countMax: moment.countMax ?? 100,
  })

const nothing = expect.objectContaining({ from: 0, to: 0, hole: null }) as unknown

describe('planUpload()', () => {
  it('takes what is sealed, in order, behind what is archived', () => {
    const segments = row(0, 10, 10, 10, '-5')
    expect(plan(segments, {})).toEqual({ from: 0, to: 3, base: 0, hole: null })
    expect(plan(segments, { archivedEnd: 10 })).toEqual({ from: 1, to: 3, base: 10, hole: null })
    expect(plan(segments, { archivedEnd: 30 })).toEqual(nothing)
    expect(plan(segments, { countMax: 2 })).toMatchObject({ from: 0, to: 2 })
  })

  it('goes no further than the limit', () => {
    const segments = row(0, 10, 10, 10, '-5')
    expect(plan(segments, { limit: 20 })).toMatchObject({ from: 0, to: 2 })
    expect(plan(segments, { limit: 19 })).toMatchObject({ from: 0, to: 1 })
    expect(plan(segments, { limit: 9 })).toMatchObject({ from: 0, to: 0, hole: null })
  })

  it('begins inside of a segment whose borders are others than those of the archive', () => {
    expect(plan(row(0, 10, 10, '-1'), { archivedEnd: 14 })).toMatchObject({ from: 1, base: 14 })
  })

  it('begins at the log start, when that lies behind what is archived', () => {
    const moment = { logStart: 14, archivedEnd: 5 }
    expect(plan(row(0, 10, 10, '-1'), moment)).toMatchObject({ from: 1, to: 2, base: 14 })
    expect(plan(row(0, 10, 10, '-1'), { logStart: 14 })).toMatchObject({ from: 1, base: 14 })
  })

  it('tells of offsets that neither archive nor disk have', () => {
    const segments = row(100, 10, '-1')
    expect(plan(segments, { archivedEnd: 90 }).hole).toEqual({ from: 90, to: 100 })
    expect(plan(segments, { logStart: 50 }).hole).toEqual({ from: 50, to: 100 })
    expect(plan(segments, { logStart: 100, archivedEnd: 90 }).hole).toBeNull()
  })

  it('waits for a segment that is still being sealed, although a later one is', () => {
    expect(plan(row(0, 10, '-500', 10, '-1'), { archivedEnd: 10 })).toEqual(nothing)
    expect(plan(row(0, '-500', 10, '-1'), {})).toEqual(nothing)
  })

  it('gives a run of sealed segments that goes on where the archive ends', () => {
    const lengths = fc.array(
      fc.tuple(fc.integer({ min: 1, max: 9 }), fc.boolean()).map(([n, s]) => (s ? n : `-${n}`)),
      { minLength: 1, maxLength: 8 },
    )
    const any = fc.nat(60)
    fc.assert(
      fc.property(any, lengths, any, fc.option(any), any, (base, given, start, archived, limit) => {
        const segments = row(base, ...given)
        const moment = { logStart: start, archivedEnd: archived, limit, countMax: 3 }
        const { from, to, base: first, hole } = plan(segments, moment)
        const next = Math.max(start, archived ?? 0)
        expect(first).toBe(next)
        const run = segments.slice(from, to)
        expect(run.length).toBeLessThanOrEqual(3)
        for (const { sealed, end } of run) {
          expect(sealed).not.toBeNull()
          expect(end).toBeLessThanOrEqual(limit)
        }
        const [one] = run
        if (one !== undefined) {
          expect(one.base).toBeLessThanOrEqual(next)
          expect(one.end).toBeGreaterThan(next)
        }
        if (hole === null) return
        expect(run).toEqual([])
        for (const { base: low, end } of segments) {
          expect(end <= hole.from || low >= hole.to).toBe(true)
        }
      }),
      { numRuns: 2_000 },
    )
  })
})
