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
  readonly meter: MeteredStore
  image(): ClusterImage
  /** Manifests of the partitions led here, as far as they are known. */
  manifests(): Iterable<Manifest>
}

/** Registers the metrics; does nothing for a store without prices. */
export function registerCosts(telemetry: Telemetry, sources: CostSources): void {
  const { meter } = sources
  const id = PRICED[meter.traits.kind]
  if (id === undefined) return
  const prices = PRICES[id]
  telemetry.gauge(
    'stratalog_tier_storage_dollars_per_month',
    'What the archived bytes of a topic cost in a month, by list prices.',
    () => {
      const bytes = new Map<string, number>()
      for (const manifest of sources.manifests()) {
        const { objectBytes } = archiveSize(manifest)
        const { topicName } = manifest
        bytes.set(topicName, (bytes.get(topicName) ?? 0) + objectBytes)
      }
      return Array.from(bytes, ([topic, sum]) => [{ topic }, storageCost(sum, prices)] as const)
    },
  )
  telemetry.gauge(
    'stratalog_tier_request_dollars',
    'What requests to the object store have cost since the start, by list prices.',
    () => {
      const rows: (readonly [Labels, number])[] = []
      for (const [scope, counts] of meter.scopes()) {
        const topic = sources.image().topicById(scope)?.name ?? scope
        // Within the region; what leaves it costs egress on top, which only its owner knows.
        const { puts, gets } = usageCost(counts, prices, 0)
        rows.push([{ topic, what: 'puts' }, puts], [{ topic, what: 'gets' }, gets])
      }
      return rows
    },
  )
}
