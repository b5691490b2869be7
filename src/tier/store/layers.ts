// A store as the tier uses it: counted, by topic, and repeated where that may help. The numbers are
// of the kind that object stores ask of their clients; nothing else of the program knows them.
import { MiB } from '../../base/units.ts'
import type { Clock } from '../../ports/clock.ts'
import type { ObjectStore } from '../../ports/object-store.ts'
import type { Telemetry } from '../../ports/telemetry.ts'
import { requestsOfUpload } from '../cost/cost.ts'
import { metered, type MeteredStore } from './metered.ts'
import { retrying, type RetryingStore } from './retrying.ts'
import type { StoreMetrics } from './store-metrics.ts'

/** Topics whose requests are counted apart. */
const SCOPES_MAX = 1_000
/** What adapters send in one part of a large object. */
const PART_BYTES = 8 * MiB

/** A store with all that stands before it. */
export interface LayeredStore {
  /** For what belongs to no topic. */
  readonly store: RetryingStore
  /** Every request that was really made. */
  readonly meter: MeteredStore
  /** The same store for the objects of one topic. */
  storeOf(topicId: string): ObjectStore
}

/** Puts counting and repeating before `raw`, which is closed with it. */
export function layered(
  raw: ObjectStore,
  ports: {
    readonly clock: Clock
    readonly telemetry: Telemetry
    readonly metrics: StoreMetrics
    /** Label of the store in metrics. */
    readonly name: string
    readonly random: () => number
  },
): LayeredStore {
  const { clock, telemetry, metrics, name, random } = ports
  const meter = metered(raw, {
    clock,
    metrics,
    name,
    scopesMax: SCOPES_MAX,
    requestsOfPut: (size) => requestsOfUpload(size, PART_BYTES),
  })
  const store = retrying(meter, {
    clock,
    random,
    telemetry,
    name,
    attemptsMax: 5,
    baseMs: 50,
    maxMs: 2_000,
    attemptMs: 10_000,
    callMs: 30_000,
    bytesPerSecondMin: MiB / 2,
    hedge: { firstMs: 500, leastMs: 20, shareMax: 0.05 },
  })
  return { store, meter, storeOf: (topicId) => store.over(meter.scoped(topicId)) }
}
