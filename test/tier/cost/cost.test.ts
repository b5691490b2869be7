import { describe, expect, it } from 'vitest'
import { GiB, MiB } from '../../../src/base/units.ts'
import { MONTH_MS, planCost, requestsOfUpload } from '../../../src/tier/cost/cost.ts'
import { storageCost, usageCost } from '../../../src/tier/cost/cost.ts'
import type { CostPlan, Usage } from '../../../src/tier/cost/cost.ts'
import { PRICES } from '../../../src/tier/cost/prices.ts'

const none: Usage = { putRequests: 0, get: 0, head: 0, list: 0, bytesUp: 0, bytesDown: 0 }
const DAY_MS = 86_400_000

describe('PRICES', () => {
  it('has a source and a date in every row, and no negative figure', () => {
    for (const [id, row] of Object.entries(PRICES)) {
      expect(row.id).toBe(id)
      expect(row.source).toMatch(/^https:\/\//)
      expect(row.asOf).toMatch(/^20\d\d-\d\d$/)
      const figures = Object.values(row).filter((value) => typeof value === 'number')
      expect(Math.min(...figures)).toBeGreaterThanOrEqual(0)
      expect(row.storedGbMonth).toBeLessThan(0.2)
    }
  })
})

describe('usageCost() and storageCost()', () => {
  it("come to the sum of Google's own example", () => {
    const usage = { ...none, putRequests: 9000, list: 1000, get: 50_000, bytesDown: GiB }
    const cost = usageCost(usage, PRICES.gcs, 1)
    expect(cost.puts).toBeCloseTo(0.05, 10)
    expect(cost.gets).toBeCloseTo(0.02, 10)
    expect(cost.egress).toBeCloseTo(0.12, 10)
    expect(cost.total + storageCost(50 * GiB, PRICES.gcs)).toBeCloseTo(1.19, 10)
  })

  it("come to the sum of Amazon's own example for Express", () => {
    const usage = {
      ...none,
      putRequests: 1e6,
      get: 9e6,
      bytesUp: 1e6 * 10 * 1024,
      bytesDown: 9e6 * 10 * 1024,
    }
    const { puts, gets, total } = usageCost(usage, PRICES['s3-express'], 0)
    expect(puts).toBeCloseTo(1.13 + 0.03, 2)
    expect(gets).toBeCloseTo(0.27 + 0.05, 2)
    expect(total + storageCost(10 * GiB, PRICES['s3-express'])).toBeCloseTo(2.58, 2)
  })

  it('charge egress for the share that leaves, in the gigabytes of the store', () => {
    const usage = { ...none, bytesDown: 4e9 }
    expect(usageCost(usage, PRICES.s3, 0.5).egress).toBeCloseTo((2e9 / GiB) * 0.09, 10)
    expect(usageCost(usage, PRICES.s3, 0).total).toBe(0)
    expect(usageCost(usage, PRICES.r2, 1).total).toBe(0)
    expect(storageCost(1e9, PRICES.r2)).toBeCloseTo(0.015, 10)
  })

  it('count heads like gets, and nothing for nothing', () => {
    expect(usageCost({ ...none, head: 1000 }, PRICES.s3, 1).gets).toBeCloseTo(0.0004, 10)
    expect(usageCost(none, PRICES.s3, 1).total).toBe(0)
  })
})

describe('planCost()', () => {
  const plan: CostPlan = {
    bytesPerSecond: MiB,
    retentionMs: 7 * DAY_MS,
    segmentBytes: 128 * MiB,
    readFraction: 1,
    store: 's3',
  }

  it('estimates a month of 1 MiB a second by hand', () => {
    const { chosen } = planCost(plan)
    const seconds = 730 * 3600
    expect(chosen.storedBytes).toBe(7 * 86_400 * MiB)
    expect(chosen.storage).toBeCloseTo(((7 * 86_400) / 1024) * 0.023, 8)
    // 20,531 segments of eight parts, a beginning, an end, and a head.
    expect(chosen.putRequests).toBeCloseTo((seconds / 128) * (8 + 2 + 1), 4)
    expect(chosen.puts).toBeCloseTo((chosen.putRequests / 1000) * 0.005, 8)
    expect(chosen.getRequests).toBeCloseTo(seconds + seconds / 128, 4)
    expect(chosen.egress).toBeCloseTo((seconds / 1024) * 0.09, 6)
    const { storage, puts, gets, egress, total } = chosen
    expect(total).toBeCloseTo(storage + puts + gets + egress, 10)
  })

  it('ranks the other stores by what they would cost', () => {
    const { chosen, others } = planCost(plan)
    expect(chosen.store).toBe('s3')
    expect(new Set([chosen, ...others].map(({ store }) => store)).size).toBe(5)
    expect(others[0]?.store).toBe('r2')
    expect(others.map(({ total }) => total)).toEqual(
      others.map(({ total }) => total).toSorted((a, b) => a - b),
    )
  })

  it('takes egress out for readers in the region, which is most of the cost', () => {
    const inside = planCost({ ...plan, egressFraction: 0 }).chosen
    const outside = planCost(plan).chosen
    expect(inside.egress).toBe(0)
    expect(outside.total / inside.total).toBeGreaterThan(5)
  })

  it('counts what many quiet partitions make of an upload lag', () => {
    const quiet = { ...plan, partitions: 1000, uploadLagMs: 60_000, egressFraction: 0 }
    const { chosen } = planCost(quiet)
    expect(chosen.putRequests).toBeCloseTo(((1000 * MONTH_MS) / 60_000) * 2, 2)
    expect(chosen.puts).toBeGreaterThan(planCost({ ...plan, egressFraction: 0 }).chosen.total)
    expect(planCost({ ...quiet, bytesPerSecond: 0 }).chosen.total).toBe(0)
  })

  it('grows with rate, retention and reads, in every store', () => {
    const rows = (change: Partial<CostPlan>): Map<string, number> => {
      const { chosen, others } = planCost({ ...plan, ...change })
      return new Map([chosen, ...others].map(({ store, total }) => [store, total]))
    }
    const base = rows({})
    for (const change of [
      { bytesPerSecond: 2 * MiB },
      { retentionMs: 8 * DAY_MS },
      { readFraction: 2 },
      { segmentBytes: MiB },
    ]) {
      for (const [store, total] of rows(change)) {
        expect([store, total > (base.get(store) ?? Infinity)]).toEqual([store, true])
      }
    }
  })

  it('takes a table of its own', () => {
    const free = { ...PRICES.s3, storedGbMonth: 0, putsPer1000: 0, getsPer1000: 0, egressGb: 0 }
    expect(planCost({ ...plan, prices: { ...PRICES, s3: free } }).chosen.total).toBe(0)
  })
})

describe('requestsOfUpload()', () => {
  it('is one put up to a part, and beginning, parts and end beyond', () => {
    expect([0, 10, 11, 20, 21].map((size) => requestsOfUpload(size, 10))).toEqual([1, 1, 4, 4, 5])
  })
})
