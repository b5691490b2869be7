// What the archive costs, as metrics: for each topic what its bytes come to in a month, and what
// its requests have come to since this process began, by the list prices of the store's kind. A
// store that nobody sends a bill for has none.
import type { StoreId } from '../../tier/cost/prices.ts'
import { PRICES } from '../../tier/cost/prices.ts'
import { storageCost, usageCost } from '../../tier/cost/cost.ts'
import type { ClusterImage } from '../../cluster/image.ts'
import type { StoreTraits } from '../../ports/object-store.ts'
import type { Labels, Telemetry } from '../../ports/telemetry.ts'
import { archiveSize, type Manifest } from '../../tier/manifest/manifest.ts'
import type { MeteredStore } from '../../tier/store/metered.ts'

const PRICED: Readonly<Partial<Record<StoreTraits['kind'], StoreId>>> = {
  s3: 's3',
  azure: 'azure',
  gcs: 'gcs',
  r2: 'r2',
}

/** What costs are told of. */
export interface CostSources {
  readonly stores: readonly { readonly name: string; readonly meter: MeteredStore }[]
  image(): ClusterImage
  /** Manifests of the partitions led here, by store, as far as they are known. */
  manifests(): Iterable<{ readonly store: string; readonly manifest: Manifest }>
}

/** Registers the metrics of the stores that have prices; does nothing where none has. */
export function registerCosts(telemetry: Telemetry, sources: CostSources): void {
  const priced = sources.stores.flatMap(({ name, meter }) => {
    const id = PRICED[meter.traits.kind]
    return id === undefined ? [] : [{ store: name, meter, prices: PRICES[id] }]
  })
  if (priced.length === 0) return
  telemetry.gauge(
    'stratalog_tier_storage_dollars_per_month',
    'What the archived bytes of a topic cost in a month, by list prices and store.',
    () => {
      const rows: (readonly [Labels, number])[] = []
      for (const { store, prices } of priced) {
        for (const [topic, bytes] of bytesIn(store, sources)) {
          rows.push([{ topic, store }, storageCost(bytes, prices)])
        }
      }
      return rows
    },
  )
  telemetry.gauge(
    'stratalog_tier_request_dollars',
    'What requests to object stores have cost since the start, by list prices.',
    () => {
      const rows: (readonly [Labels, number])[] = []
      for (const { store, meter, prices } of priced) {
        for (const [scope, counts] of meter.scopes()) {
          const topic = sources.image().topicById(scope)?.name ?? scope
          // Within the region; what leaves it costs egress on top, which only its owner knows.
          const { puts, gets } = usageCost(counts, prices, 0)
          rows.push([{ topic, store, what: 'puts' }, puts], [{ topic, store, what: 'gets' }, gets])
        }
      }
      return rows
    },
  )
}

/** Bytes of archived objects in a store, by the topic's name. */
function bytesIn(store: string, sources: CostSources): Map<string, number> {
  const bytes = new Map<string, number>()
  for (const { store: where, manifest } of sources.manifests()) {
    if (where !== store) continue
    const { objectBytes } = archiveSize(manifest)
    const { topicName } = manifest
    bytes.set(topicName, (bytes.get(topicName) ?? 0) + objectBytes)
  }
  return bytes
}
