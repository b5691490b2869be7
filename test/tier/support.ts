// What the tests of the tier are made of: a partition, entries of segments that never were, with
// tables as a builder makes them, and crypto whose randomness comes from a seed.
import { Prng } from '../../src/base/prng.ts'
import { leaderEpoch, offset } from '../../src/base/units.ts'
import type { Crypto } from '../../src/ports/crypto.ts'
import type { ArchiveIdentity } from '../../src/tier/keys.ts'
import {
  BLOCK_BYTES,
  BlockTableBuilder,
  type BlockTable,
} from '../../src/tier/manifest/block-table.ts'
import type { SegmentEntry } from '../../src/tier/manifest/entry.ts'
import { emptyManifest, type Manifest } from '../../src/tier/manifest/manifest.ts'
import type { ObjectMemory } from '../../src/ports/object-store.ts'
import { ReadMemory } from '../../src/tier/read/read-memory.ts'
import type { MirrorMetrics } from '../../src/tier/tier-parts.ts'
import { crypto as real } from '../log/batches.ts'
import { simCrypto } from '../sim/crypto.ts'

/** The partition of these tests. */
export const ORDERS: ArchiveIdentity = {
  topicId: '0f5e8b1c-93aa-4c0d-8a51-1b2c3d4e5f60',
  partition: 7,
}

/** Crypto that draws from `seed`. */
export const seeded = (seed: number): Crypto => simCrypto(new Prng(seed), real)

/** A manifest with nothing in it, by the leader of epoch 1. */
export const bare = (change: Partial<Manifest> = {}): Manifest => ({
  ...emptyManifest(ORDERS, 'orders'),
  writerEpoch: leaderEpoch(1),
  nonce: '00112233445566778899aabbccddeeff',
  ...change,
})

const HASHES = Uint8Array.from({ length: 256 }, (_, at) => (at * 167) & 0xff)

/** A table of blocks in which one batch begins at each border, `perBlock` offsets apart. */
export function evenBlocks(dataLength: number, perBlock: number, msPerBlock: number): BlockTable {
  const builder = new BlockTableBuilder(dataLength, 0)
  const count = Math.ceil(dataLength / BLOCK_BYTES)
  for (let i = 0; i < count; i++) {
    builder.batch(i * BLOCK_BYTES, i * perBlock, i * msPerBlock)
    builder.hash(i, HASHES.subarray(i % 200, (i % 200) + 32))
  }
  return builder.finish()
}

/** A segment of `[base, base + count)`, about 1 MiB a block; times rise with offsets. */
export function entryAt(
  base: number,
  count: number,
  change: Partial<SegmentEntry> = {},
): SegmentEntry {
  const dataLength = change.dataLength ?? 1000
  const minTimestamp = change.minTimestamp ?? 1_700_000_000_000 + base
  return {
    base: offset(base),
    end: offset(base + count),
    objectBase: offset(base),
    epoch: leaderEpoch(1),
    nonce: base.toString(16).padStart(16, '0'),
    objectBytes: dataLength + 500,
    dataLength,
    recordCount: count,
    minTimestamp,
    maxTimestamp: minTimestamp + count - 1,
    hasAborted: false,
    stable: change.end ?? offset(base + count),
    root: new Uint8Array(32).fill(base & 0xff),
    blocks: evenBlocks(dataLength, Math.floor(count / Math.ceil(dataLength / BLOCK_BYTES)), 1),
    ...change,
  }
}

/** Memory of which nothing is left when it was given back: whoever still looks at it sees that. */
export class SpoiledMemory implements ObjectMemory {
  readonly #inner: ReadMemory
  readonly #out = new Set<ArrayBufferLike>()

  constructor(bytesMax: number) {
    this.#inner = new ReadMemory(bytesMax)
  }

  /** Pieces that are looked at. */
  get out(): number {
    return this.#out.size
  }

  take(bytes: number): Uint8Array {
    const piece = this.#inner.take(bytes)
    this.#out.add(piece.buffer)
    return piece
  }

  give(bytes: Uint8Array): void {
    if (this.#out.delete(bytes.buffer)) new Uint8Array(bytes.buffer).fill(0xdb)
    this.#inner.give(bytes)
  }
}

/** Counters that nobody reads. */
export const uncounted = (): MirrorMetrics => ({
  segments: { value: 0 },
  bytes: { value: 0 },
  repaired: { value: 0 },
})
