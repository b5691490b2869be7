// From requests and bytes to money: what was asked of a store, what lies in it for a month, and an
// estimate before anything is deployed. Pure functions over a price table; amounts are in US
// dollars, not rounded. Rounding and tables are for whoever prints them.
import { assert, must } from '../../base/assert.ts'
import { MiB } from '../../base/units.ts'
import { PRICES } from './prices.ts'
import type { StoreId, StorePrices } from './prices.ts'

/** Milliseconds in the month that prices are for: 730 hours, as the stores reckon. */
export const MONTH_MS: number = 730 * 3_600_000

/** Requests and bytes to be paid. The counts of a metered store are of this shape. */
export interface Usage {
  /** Requests that puts were made of, parts included. */
  readonly putRequests: number
  readonly get: number
  readonly head: number
  readonly list: number
  readonly bytesUp: number
  readonly bytesDown: number
}

/** What is paid, by what for. */
export interface Cost {
  /** For bytes that lie there. */
  readonly storage: number
  /** For puts, parts and listings, and for bytes put where they cost. */
  readonly puts: number
  /** For gets and heads, and for bytes got where they cost. */
  readonly gets: number
  /** For bytes that leave the region. */
  readonly egress: number
  readonly total: number
}

const costOf = (parts: Omit<Cost, 'total'>): Cost => ({
  ...parts,
  total: parts.storage + parts.puts + parts.gets + parts.egress,
})

/**
 * What `usage` costs, without storage. `egressFraction` of the bytes that were read, in [0, 1],
 * have left the store's region.
 */
export function usageCost(usage: Usage, prices: StorePrices, egressFraction: number): Cost {
  assert(egressFraction >= 0, 'A share is not negative')
  assert(egressFraction <= 1, 'A share is at most all')
  const upGb = usage.bytesUp / prices.gigabyte
  const downGb = usage.bytesDown / prices.gigabyte
  return costOf({
    storage: 0,
    puts: ((usage.putRequests + usage.list) / 1000) * prices.putsPer1000 + upGb * prices.putGb,
    gets: ((usage.get + usage.head) / 1000) * prices.getsPer1000 + downGb * prices.gotGb,
    egress: downGb * egressFraction * prices.egressGb,
  })
}

/** What it costs that `bytes` lie in the store for a month. */
export const storageCost = (bytes: number, prices: StorePrices): number =>
  (bytes / prices.gigabyte) * prices.storedGbMonth

/** What is to be estimated. */
export interface CostPlan {
  /** Bytes that producers write in a second, all partitions together, as they are stored. */
  readonly bytesPerSecond: number
  /** How long they are kept, in ms. */
  readonly retentionMs: number
  /** Size at which a segment is sealed and uploaded. */
  readonly segmentBytes: number
  /** How often a byte is read from the store on average: 1 is once, 0 never. */
  readonly readFraction: number
  readonly store: StoreId
  /** Share in [0, 1] of the bytes read that leave the region; all of them if absent. */
  readonly egressFraction?: number
  /** Partitions that the bytes are spread over evenly; 1 if absent. */
  readonly partitions?: number
  /** Age in ms at which a segment is uploaded though it is not full; never if absent. */
  readonly uploadLagMs?: number
  /** Bytes of one part of a large upload; 16 MiB if absent. */
  readonly partBytes?: number
  /** Bytes that one read asks for; 1 MiB if absent. */
  readonly readBytes?: number
  /** The table; the built-in one if absent. */
  readonly prices?: Readonly<Record<StoreId, StorePrices>>
}

/** What a store would cost in a month, once as much lies in it as ever will. */
export interface CostRow extends Cost {
  readonly store: StoreId
  readonly name: string
  /** When the prices were looked up: year and month. */
  readonly asOf: string
  /** Bytes that lie there. */
  readonly storedBytes: number
  /** Requests in a month: puts, parts and head swaps; gets of readers and of checks. */
  readonly putRequests: number
  readonly getRequests: number
}

/** An estimate, and what the same would cost elsewhere. */
export interface CostEstimate {
  readonly chosen: CostRow
  /** The other stores, the cheapest first. */
  readonly others: readonly CostRow[]
}

/** Requests that one upload of `size` bytes makes: begin, parts and end, or a single put. */
export const requestsOfUpload = (size: number, partBytes: number): number =>
  size <= partBytes ? 1 : Math.ceil(size / partBytes) + 2

/**
 * Estimates a month. Of each segment: the upload, one swap of the partition's head and one request
 * that checks it. Reads come in pieces of `readBytes`; those that a cache spares are to be left out
 * of `readFraction`.
 */
export function planCost(plan: CostPlan): CostEstimate {
  for (const value of [plan.bytesPerSecond, plan.retentionMs, plan.readFraction]) {
    assert(Number.isFinite(value), 'A plan has finite figures')
    assert(value >= 0, 'A plan has no negative figures')
  }
  assert(plan.segmentBytes > 0, 'A segment has a size')
  const usage = monthOf(plan)
  const storedBytes = (plan.bytesPerSecond * plan.retentionMs) / 1000
  const rowOf = (prices: StorePrices): CostRow => {
    const spent = usageCost(usage, prices, plan.egressFraction ?? 1)
    return {
      ...costOf({ ...spent, storage: storageCost(storedBytes, prices) }),
      store: prices.id,
      name: prices.name,
      asOf: prices.asOf,
      storedBytes,
      putRequests: usage.putRequests,
      getRequests: usage.get + usage.head,
    }
  }
  const rows = Object.values(plan.prices ?? PRICES).map(rowOf)
  return {
    chosen: must(
      rows.find(({ store }) => store === plan.store),
      'A plan is for a store of the table',
    ),
    others: rows
      .filter(({ store }) => store !== plan.store)
      .sort((a, b) => a.total - b.total || (a.store < b.store ? -1 : 1)),
  }
}

/** What a month of a plan asks of its store. */
function monthOf(plan: CostPlan): Usage {
  const bytesUp = (plan.bytesPerSecond * MONTH_MS) / 1000
  const bytesDown = bytesUp * plan.readFraction
  const partitions = plan.partitions ?? 1
  assert(partitions >= 1, 'There is a partition')
  // A quiet partition seals by age, before its segments are full.
  const byAge = plan.bytesPerSecond === 0 ? 0 : (partitions * MONTH_MS) / (plan.uploadLagMs ?? 1e99)
  const segments = Math.max(bytesUp / plan.segmentBytes, byAge)
  const size = segments === 0 ? 0 : bytesUp / segments
  const perSegment = requestsOfUpload(size, plan.partBytes ?? 16 * MiB) + 1
  return {
    putRequests: segments * perSegment,
    get: bytesDown / (plan.readBytes ?? MiB),
    head: segments,
    list: 0,
    bytesUp,
    bytesDown,
  }
}
