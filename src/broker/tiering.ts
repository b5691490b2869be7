// The tier as one broker uses it: made from its settings, and fed with the partitions that it
// leads.
import { offset } from '../base/units.ts'
import type { Settings } from '../config/settings.ts'
import { Tier, type TierDeps, type TieredPartition } from '../tier/tier.ts'
import type { ObjectStore } from '../ports/object-store.ts'
import type { Partitions } from './partitions.ts'

/** The tier over the broker's object store; null when it uses none. */
export function openTier(
  ports: Omit<TierDeps, 'store' | 'background' | 'cache'> & { readonly store: ObjectStore | null },
  settings: Settings,
  background: TierDeps['background'],
): Tier | null {
  const { store, disk, clock, crypto, telemetry } = ports
  const values = settings.broker
  if (store === null) return null
  return new Tier(
    { store, disk, clock, crypto, telemetry, background, cache: null },
    {
      checkMs: values.tierCheckMs,
      graceMs: values.tierGraceMs,
      uploadsMax: values.tierUploadsMax,
      readBytesMax: values.tierReadBytesMax,
    },
  )
}

/** The partitions led here whose topics are archived now. */
export function* tieredPartitions(partitions: Partitions): Generator<TieredPartition> {
  for (const leader of partitions.open()) {
    const { tier, log } = leader
    if (tier === null || log.closed || log.settings.archive === null) continue
    const limit = (): ReturnType<TieredPartition['limit']> => {
      const { highWatermark, lastStable } = leader.offsets
      return offset(Math.min(highWatermark, lastStable))
    }
    yield { tier, limit }
  }
}
