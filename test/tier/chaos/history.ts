// A partition that has been archived for long: just so many segments that the next few go to a page
// of the manifest, and none that is worth to be merged, because every seventh begins in the middle
// of its object, as after a change of leaders. Made once a process; lives that begin with it
// restore it to an empty disk.
import { must } from '../../../src/base/assert.ts'
import { leaderEpoch, offset } from '../../../src/base/units.ts'
import { sealTrailer } from '../../../src/log/segment/sealed-segment.ts'
import { SegmentBuilder } from '../../../src/log/segment/segment-builder.ts'
import { AbortedList } from '../../../src/log/state/aborted.ts'
import { Lineage } from '../../../src/log/state/lineage.ts'
import { Producers } from '../../../src/log/state/producers.ts'
import { CLUSTER_KEY, headKey, segmentKey } from '../../../src/tier/keys.ts'
import { encodeOwner } from '../../../src/tier/bucket/claim.ts'
import type { SegmentEntry } from '../../../src/tier/manifest/entry.ts'
import { encodeHead } from '../../../src/tier/manifest/head.ts'
import { emptyManifest } from '../../../src/tier/manifest/manifest.ts'
import { SegmentObject } from '../../../src/tier/upload/segment-object.ts'
import { MemoryFile, crypto, joined } from '../../log/batches.ts'
import { build } from '../../record/support.ts'
import type { ChaosPartition } from './parts.ts'
import type { KnownBatch } from './truth.ts'
import type { World } from './world.ts'

const SEGMENTS = 998
const START_MS = Date.UTC(2026, 0, 1) - 3_600_000

interface History {
  readonly batches: readonly KnownBatch[]
  readonly objects: readonly { readonly entry: SegmentEntry; readonly bytes: Uint8Array }[]
}

let known: Promise<History> | null = null

/** Puts a long history of `partition` into the bucket, and into the truth. */
export async function giveHistory(world: World, partition: ChaosPartition): Promise<void> {
  known ??= make()
  const { batches, objects } = await known
  const { state } = world.bucket
  const { identity, truth } = partition
  truth.begin(batches)
  for (const { entry, bytes } of objects) {
    const { objectBase: base, epoch, nonce } = entry
    state.put(0, segmentKey(identity, { base, epoch, nonce }), bytes, undefined)
  }
  const head = encodeHead(crypto, {
    ...emptyManifest(identity, 'chaos'),
    writerEpoch: leaderEpoch(1),
    nonce: '1'.repeat(32),
    sequence: 1,
    entries: objects.map(({ entry }) => entry),
    lineage: [{ epoch: leaderEpoch(1), start: offset(0) }],
  })
  state.put(0, headKey(identity), head, undefined)
  const owner = { clusterId: 'chaos', life: '1'.repeat(32), generation: 0 }
  state.put(0, CLUSTER_KEY, encodeOwner(owner), undefined)
}

async function make(): Promise<History> {
  const batches: KnownBatch[] = []
  const objects: { entry: SegmentEntry; bytes: Uint8Array }[] = []
  for (let i = 0; i < SEGMENTS; i++) {
    const base = i * 2
    const times = [START_MS + i * 10, START_MS + i * 10 + 5]
    const bytes = build(
      times.map((timestampMs) => ({ timestampMs, key: null, value: null })),
      { baseOffset: base, leaderEpoch: 1 },
    )
    const before = i % 7 === 6 ? [must(batches.at(-1), 'A batch before')] : []
    const batch = { base, end: base + 2, bytes, times }
    batches.push(batch)
    objects.push(await objectOf([...before, batch], base, i))
  }
  return { batches, objects }
}

/** An object of `batches` of which what lies at `base` and above is read. */
async function objectOf(
  batches: readonly KnownBatch[],
  base: number,
  i: number,
): Promise<{ readonly entry: SegmentEntry; readonly bytes: Uint8Array }> {
  const builder = new SegmentBuilder(offset(must(batches[0], 'A batch').base), crypto)
  for (const { bytes } of batches) builder.append(bytes, 0, bytes.length)
  const lineage = new Lineage()
  lineage.append(leaderEpoch(1), offset(0))
  const trailer = sealTrailer(crypto, {
    builder,
    aborted: new AbortedList(),
    lineage,
    producers: new Producers({ producersMax: 1, expirationMs: 1 }),
  })
  const file = new MemoryFile(joined([...batches.map(({ bytes }) => bytes), trailer]))
  const object = await SegmentObject.open(crypto, file)
  const bytes = await object.read(0, object.size)
  const nonce = i.toString(16).padStart(16, '0')
  return { bytes, entry: object.entry({ epoch: leaderEpoch(1), nonce, base: offset(base) }) }
}
