// Manifests, entries and references to pages at random, as far as their formats go: what is drawn
// here must come back from its bytes exactly.
import fc from 'fast-check'
import { leaderEpoch, offset } from '../../../src/base/units.ts'
import { BLOCK_BYTES, BlockTableBuilder } from '../../../src/tier/manifest/block-table.ts'
import type { SegmentEntry } from '../../../src/tier/manifest/entry.ts'
import type { Manifest } from '../../../src/tier/manifest/manifest.ts'
import type { PageRef } from '../../../src/tier/manifest/page.ts'

const bytesOf = (length: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: length, maxLength: length })
const hexOf = (digits: number): fc.Arbitrary<string> =>
  bytesOf(digits / 2).map((bytes) => Buffer.from(bytes).toString('hex'))

const small = fc.nat(100_000)
const large = fc.maxSafeNat()
const positive = (most: number): fc.Arbitrary<number> => fc.integer({ min: 1, max: most })
const span = fc.oneof(positive(3), positive(2 ** 31 - 1))
const epoch = fc.oneof(fc.nat(5), fc.nat(2 ** 31 - 1)).map(leaderEpoch)
const time = fc.oneof(fc.constant(-1), fc.maxSafeInteger())

/** Where batches of up to five blocks begin, at which offset, and how late they are. */
const batches = fc.array(
  fc.record({
    length: fc.integer({ min: 61, max: 2 * BLOCK_BYTES }),
    offsets: fc.nat(1000),
    time: fc.oneof(fc.nat(10_000), fc.nat(2 ** 48)),
  }),
  { maxLength: 5 },
)

/** What an entry has besides its offsets. */
const segment = fc.record({
  count: positive(1_000_000),
  back: fc.oneof(fc.constant(0), fc.nat(1000)),
  epoch,
  nonce: hexOf(16),
  batches,
  hash: bytesOf(32),
  trailer: small,
  recordCount: fc.nat(2 ** 31),
  minTimestamp: time,
  maxTimestamp: time,
  hasAborted: fc.boolean(),
  open: fc.oneof(fc.constant(0), fc.nat(1_000), fc.maxSafeNat()),
  root: bytesOf(32),
})

type Drawn = typeof segment extends fc.Arbitrary<infer T> ? T : never

function entryOf({ batches: given, hash, trailer, ...rest }: Drawn, from: number): SegmentEntry {
  const { count, back, open, ...fields } = rest
  const dataLength = given.reduce((sum, { length }) => sum + length, 0)
  const builder = new BlockTableBuilder(dataLength, 0)
  let position = 0
  let delta = 0
  for (const { length, offsets, time: after } of given) {
    builder.batch(position, delta, after)
    position += length
    delta += offsets
  }
  for (let i = 0; i * BLOCK_BYTES < dataLength; i++) builder.hash(i, hash)
  return {
    ...fields,
    base: offset(from),
    end: offset(from + count),
    objectBase: offset(Math.max(from - back, 0)),
    stable: offset(Math.max(from + count - open, 0)),
    dataLength,
    objectBytes: dataLength + trailer,
    blocks: builder.finish(),
  }
}

const page = fc.record({
  span,
  minTimestamp: time,
  maxTimestamp: time,
  count: positive(2 ** 32 - 1),
  pageBytes: fc.nat(2 ** 32 - 1),
  dataBytes: large,
  objectBytes: large,
  recordCount: large,
  hash: hexOf(32),
})

/** Segments of a partition from some offset on, ascending and without a gap. */
export const entryRun = (base: number, least = 0): fc.Arbitrary<SegmentEntry[]> =>
  fc.array(segment, { minLength: least, maxLength: 6 }).map((drawn) => {
    let next = base
    return drawn.map((one) => {
      const from = next
      next += one.count
      return entryOf(one, from)
    })
  })

const pageRun = (base: number): fc.Arbitrary<PageRef[]> =>
  fc.array(page, { maxLength: 5 }).map((drawn) => {
    let next = base
    return drawn.map(({ span: length, ...rest }) => {
      const from = next
      next += length
      return { base: offset(from), end: offset(next), ...rest }
    })
  })

const lineage = fc.array(fc.tuple(fc.nat(1000), span), { maxLength: 6 }).map((drawn) => {
  let last = -1
  let start = 0
  return drawn.map(([rise, length]) => {
    last += 1 + rise
    start += length
    return { epoch: leaderEpoch(last), start: offset(start) }
  })
})

/** Any manifest. */
export const anyManifest: fc.Arbitrary<Manifest> = fc
  .record({
    start: fc.oneof(fc.nat(1000), fc.nat(2 ** 50)),
    topicId: fc.uuid(),
    partition: fc.nat(2 ** 31 - 1),
    topicName: fc.string({ unit: 'binary', maxLength: 60 }),
    writerEpoch: epoch,
    nonce: hexOf(32),
    sequence: large,
    logStart: large.map(offset),
    lineage,
  })
  .chain(({ start, ...rest }) =>
    pageRun(start).chain((pages) =>
      entryRun(pages.at(-1)?.end ?? start).map((entries) => ({ ...rest, pages, entries })),
    ),
  )
