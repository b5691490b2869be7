// The data quorum against sorting, and its rules as sentences.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { leaderEpoch, offset } from '../../src/base/units.ts'
import type { QuorumEpoch } from '../../src/replication/quorum.ts'
import { DataQuorum, quorumProblem } from '../../src/replication/quorum.ts'

const epochOf = (more: Partial<QuorumEpoch> = {}): QuorumEpoch => ({
  epoch: leaderEpoch(3),
  start: offset(100),
  highWatermark: offset(90),
  copyset: [1, 2, 3],
  writeQuorum: 2,
  sealQuorum: 2,
  consistency: 'safe',
  ...more,
})

/** N, W and R that are safe together, and acknowledgements by members and a stranger. */
const runs = fc.integer({ min: 1, max: 7 }).chain((n) =>
  fc.record({
    n: fc.constant(n),
    w: fc.integer({ min: 1, max: n }),
    acknowledgements: fc.array(
      fc.tuple(fc.integer({ min: 0, max: n }), fc.integer({ min: 80, max: 160 })),
      { maxLength: 60 },
    ),
  }),
)

describe('DataQuorum', () => {
  test('DataQuorum.acknowledge() gives the W-th largest end, as sorting them all does', () => {
    fc.assert(
      fc.property(runs, ({ n, w, acknowledgements }) => {
        const copyset = Array.from({ length: n }, (_, i) => i)
        const quorum = new DataQuorum(epochOf({ copyset, writeQuorum: w, sealQuorum: n - w + 1 }))
        const ends = new Map<number, number>()
        let expected = 90
        for (const [replica, end] of acknowledgements) {
          const got = quorum.acknowledge(replica, offset(end))
          if (replica < n && end >= 100) {
            ends.set(replica, Math.max(end, ends.get(replica) ?? 0))
          }
          const sorted = [...ends.values()].sort((a, b) => b - a)
          expected = Math.max(expected, sorted[w - 1] ?? 0)
          expect(got).toBe(expected)
          expect(quorum.highWatermark).toBe(expected)
          expect(quorum.isOpen).toBe(sorted.length >= w)
        }
      }),
      { numRuns: 500 },
    )
  })

  test('The high watermark stands still in a new epoch until W replicas hold its start', () => {
    const quorum = new DataQuorum(epochOf())
    expect(quorum.acknowledge(1, offset(150))).toBe(90)
    expect(quorum.acknowledge(2, offset(99))).toBe(90)
    expect(quorum.isOpen).toBe(false)
    expect(quorum.acknowledge(2, offset(100))).toBe(100)
    expect(quorum.isOpen).toBe(true)
    expect(quorum.acknowledge(2, offset(120))).toBe(120)
  })

  test('Late, repeated and strangers’ acknowledgements change nothing', () => {
    const quorum = new DataQuorum(epochOf())
    quorum.acknowledge(1, offset(130))
    expect(quorum.acknowledge(1, offset(130))).toBe(90)
    expect(quorum.acknowledge(9, offset(130))).toBe(90)
    expect(quorum.acknowledge(3, offset(130))).toBe(130)
    expect(quorum.acknowledge(1, offset(110))).toBe(130)
    expect(quorum.acknowledgedEnd(1)).toBe(130)
    expect(quorum.acknowledgedEnd(2)).toBe(null)
  })

  test('One replica alone is its own quorum', () => {
    const quorum = new DataQuorum(epochOf({ copyset: [5], writeQuorum: 1, sealQuorum: 1 }))
    expect(quorum.acknowledge(5, offset(99))).toBe(90)
    expect(quorum.acknowledge(5, offset(100))).toBe(100)
    expect(quorum.acknowledge(5, offset(140))).toBe(140)
    expect(quorum.acknowledge(5, offset(120))).toBe(140)
    expect(quorum.acknowledge(6, offset(200))).toBe(140)
    expect(quorum.acknowledgedEnd(5)).toBe(140)
  })

  test('quorumProblem() holds W + R > N unless availability was asked for (INV-26)', () => {
    for (let n = 1; n <= 5; n++) {
      for (let w = 1; w <= n; w++) {
        for (let r = 1; r <= n; r++) {
          const copyset = Array.from({ length: n }, (_, i) => i)
          const sizes = { copyset, writeQuorum: w, sealQuorum: r }
          const problem = quorumProblem({ ...sizes, consistency: 'safe' })
          expect(problem === null).toBe(w + r > n)
          expect(quorumProblem({ ...sizes, consistency: 'available' })).toBe(null)
        }
      }
    }
  })

  test('quorumProblem() names what cannot be', () => {
    const problem = (more: Partial<QuorumEpoch>): string | null => quorumProblem(epochOf(more))
    expect(problem({ copyset: [] })).toContain('1 to 16 replicas, not 0')
    expect(problem({ copyset: [1, 1, 2] })).toContain('twice')
    expect(problem({ writeQuorum: 4 })).toContain('write quorum of 4')
    expect(problem({ writeQuorum: 1.5 })).toContain('write quorum of 1.5')
    expect(problem({ sealQuorum: 0 })).toContain('seal quorum of 0')
    expect(() => new DataQuorum(epochOf({ sealQuorum: 1 }))).toThrow(
      'Cannot open an epoch: 2 + 1 is not more than 3',
    )
  })
})
