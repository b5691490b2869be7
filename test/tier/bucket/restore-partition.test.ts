// A partition that is brought back has on disk what was archived, byte for byte, or nothing.
import { afterEach, describe, expect, it } from 'vitest'
import { openMemoryStore } from '../../../adapters/object-store/memory.ts'
import { must } from '../../../src/base/assert.ts'
import { asError } from '../../../src/base/errors.ts'
import { MiB } from '../../../src/base/units.ts'
import { createMemoryDisk } from '../../../src/platform/memory-disk.ts'
import type { ObjectStore } from '../../../src/ports/object-store.ts'
import {
  restorePartition,
  type RestoredPartition,
} from '../../../src/tier/bucket/restore-partition.ts'
import { crypto } from '../../log/batches.ts'
import { Bed, endBeds } from '../bed.ts'

afterEach(endBeds)

/** What a bucket holds in which three segments are archived. */
async function archivedObjects(bed: Bed): Promise<Map<string, Uint8Array>> {
  for (let i = 0; i < 3; i++) await bed.segment()
  await bed.quiesce()
  return bed.bucket().snapshot()
}

async function holding(objects: ReadonlyMap<string, Uint8Array>): Promise<ObjectStore> {
  const store = openMemoryStore()
  for (const [key, bytes] of objects) await store.put(key, bytes)
  return store
}

const restored = (bed: Bed, store: ObjectStore): Promise<RestoredPartition | null> =>
  restorePartition(
    { disk: createMemoryDisk(8 * MiB), store, crypto, generation: 1 },
    bed.tier.owner,
  )

describe('restorePartition()', () => {
  it('brings back an archive, and nothing where there is none', async () => {
    const bed = await Bed.fresh()
    const objects = await archivedObjects(bed)
    expect(await restored(bed, await holding(objects))).toMatchObject({ records: 18 })
    expect(await restored(bed, openMemoryStore())).toBeNull()
  })

  it('notices any byte of the newest segment that was altered', async () => {
    const bed = await Bed.fresh()
    const objects = await archivedObjects(bed)
    const newest = must(
      [...objects.keys()]
        .filter((key) => key.endsWith('.seg'))
        .sort()
        .at(-1),
      'One',
    )
    const bytes = must(objects.get(newest), 'Its bytes')
    const dataLength = must(bed.tier.manifest?.entries.at(-1), 'Its entry').dataLength
    const places = Array.from({ length: 40 }, (_, i) => Math.floor((i * dataLength) / 40))
    for (let at = dataLength; at < bytes.length; at++) places.push(at)
    for (const at of places) {
      const altered = Uint8Array.from(bytes)
      altered[at] = (altered[at] ?? 0) ^ 0x10
      const store = await holding(new Map([...objects, [newest, altered]]))
      const error = await restored(bed, store).catch(asError)
      expect([at, error]).toMatchObject([at, { kind: 'corrupt' }])
    }
  })
})
