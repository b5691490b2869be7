// What the buckets of a partition have, looked at from outside: past the stores, their faults and
// everything that the code under test remembers.
import { auditPartition } from '../../../src/tier/audit/audit-partition.ts'
import { headKey, parseKey } from '../../../src/tier/keys.ts'
import { decodeHead } from '../../../src/tier/manifest/head.ts'
import type { Manifest } from '../../../src/tier/manifest/manifest.ts'
import { crypto } from '../../log/batches.ts'
import type { SimBucket } from '../../sim/object-store.ts'
import type { Bed } from '../bed.ts'

/** The manifest that a bucket has of the bed's partition; null without one. */
export function manifestIn(bed: Bed, name: string): Manifest | null {
  const bytes = bed.bucket(name).peek(headKey(bed.tier.owner))
  return bytes === null ? null : decodeHead(crypto, bytes)
}

/** Everything that is wrong with a bucket's archive, orphans included. */
export async function faultsIn(bed: Bed, name: string): Promise<string[]> {
  const manifest = manifestIn(bed, name)
  if (manifest === null) return ['no manifest']
  const store = bed.bucket(name).connect()
  const faults: string[] = []
  const audit = auditPartition({ store, crypto }, manifest, { depth: 'bytes' })
  for (;;) {
    const next = await bed.run(audit.next())
    if (next.done === true) return faults
    faults.push(`${next.value.fault} ${next.value.key} ${next.value.text}`)
  }
}

/** Keys of the segments that a bucket has. */
export const segmentsIn = (bucket: SimBucket): string[] =>
  bucket.keys().filter((key) => parseKey(key)?.kind === 'segment')
