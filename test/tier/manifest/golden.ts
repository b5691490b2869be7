// A head and a page that were written when their formats were fixed, and what they say. Each has
// everything that the formats know: aborted transactions, objects that begin below their entries,
// blocks in which no batch begins, epochs, pages, records without timestamps.
import { readFileSync } from 'node:fs'
import { leaderEpoch, offset } from '../../../src/base/units.ts'
import { BLOCK_BYTES, BlockTableBuilder } from '../../../src/tier/manifest/block-table.ts'
import type { SegmentEntry } from '../../../src/tier/manifest/entry.ts'
import type { Manifest } from '../../../src/tier/manifest/manifest.ts'
import { encodePage } from '../../../src/tier/manifest/page.ts'
import { bare, entryAt, seeded } from '../support.ts'

/** The bytes of a file beside the tests. */
export const goldenBytes = (name: 'head' | 'page'): Uint8Array =>
  Uint8Array.from(readFileSync(new URL(`../../golden/tier/${name}.bin`, import.meta.url)))

/** Two blocks and a bit: a batch of 1.5 MiB, so that none begins in the second. */
function threeBlocks(): SegmentEntry {
  const dataLength = 2 * BLOCK_BYTES + 300
  const builder = new BlockTableBuilder(dataLength, 5_000)
  builder.batch(0, 0, 5_500)
  builder.batch(700_000, 20, 5_100)
  builder.batch(2 * BLOCK_BYTES + 100, 70, 9_000)
  for (let i = 0; i < 3; i++) builder.hash(i, new Uint8Array(32).fill(0xa0 + i))
  return entryAt(1_040, 60, {
    objectBase: offset(1_000),
    epoch: leaderEpoch(3),
    nonce: '0123456789abcdef',
    dataLength,
    objectBytes: dataLength + 4_321,
    minTimestamp: 5_000,
    maxTimestamp: 9_000,
    hasAborted: true,
    stable: offset(1_020),
    blocks: builder.finish(),
  })
}

/** The segments of the golden page. */
export const goldenEntries = (): SegmentEntry[] => [
  entryAt(1_000, 40, { minTimestamp: -1, maxTimestamp: -1, recordCount: 40 }),
  threeBlocks(),
  entryAt(1_100, 300, { epoch: leaderEpoch(4), dataLength: 70_000 }),
]

/** The manifest of the golden head. */
export const goldenManifest = (): Manifest =>
  bare({
    topicName: 'órders',
    writerEpoch: leaderEpoch(5),
    sequence: 300,
    logStart: offset(1_010),
    pages: [encodePage(seeded(1), goldenEntries()).ref],
    entries: [entryAt(1_400, 5, { epoch: leaderEpoch(5) }), entryAt(1_405, 1_000_000)],
    lineage: [
      { epoch: leaderEpoch(3), start: offset(0) },
      { epoch: leaderEpoch(4), start: offset(1_100) },
      { epoch: leaderEpoch(5), start: offset(1_400) },
    ],
  })
