import { describe, expect, it } from 'vitest'
import { OperatingError, asError } from '../../../src/base/errors.ts'
import { Prng } from '../../../src/base/prng.ts'
import { MiB, leaderEpoch, offset } from '../../../src/base/units.ts'
import { sealTrailer } from '../../../src/log/segment/sealed-segment.ts'
import { hashFile } from '../../../src/log/segment/segment-hash.ts'
import { verifySegment } from '../../../src/log/segment/segment-verify.ts'
import { BLOCK_BYTES } from '../../../src/tier/manifest/block-table.ts'
import type { SegmentEntry } from '../../../src/tier/manifest/entry.ts'
import { SegmentObject } from '../../../src/tier/upload/segment-object.ts'
import { crypto, flipped, joined, makeBatch, MemoryFile } from '../../log/batches.ts'
import { buildSegment, emptyParts, sealedBytes } from '../../log/segments.ts'
import { Scheduler } from '../../sim/clock.ts'
import { SimDisk } from '../../sim/disk.ts'
import { sealedFile } from './segments.ts'

const small = sealedBytes(buildSegment({ base: 90, count: 40, size: 100, interval: 1_500 }))
const large = sealedFile(
  1_000,
  [300, 1_400_000, 20, 900_000, 2_500_000, 60_000, 11].map((size) => ({ size, count: 5 })),
)
const NAME = { epoch: leaderEpoch(4), nonce: '00112233aabbccdd', base: offset(1_007) }

const open = (bytes: Uint8Array, direct = false): Promise<SegmentObject> =>
  SegmentObject.open(crypto, new MemoryFile(bytes, direct))

/** The whole object, read `step` bytes at once. */
async function whole(object: SegmentObject, step = object.size): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  for (let at = 0; at < object.size; at += step) {
    parts.push(await object.read(at, Math.min(at + step, object.size)))
  }
  return joined(parts)
}

/** What `work` fails with, as text; null when it does not. */
const failureOf = (work: Promise<unknown>): Promise<string | null> => work.then(() => null, String)

describe('SegmentObject', () => {
  it.each([
    ['a small segment with transactions', small],
    ['a segment of several blocks', large.bytes],
    ['an empty segment', sealedFile(5, [], { end: 9 }).bytes],
    ['a compacted segment', sealedFile(5, [{ size: 50, gap: 3 }, { size: 9 }], { end: 30 }).bytes],
    ['a segment of exactly one block', sealedFile(0, [{ size: MiB - 61 }]).bytes],
    ['a segment of exactly two blocks', sealedFile(0, [{ size: 2 * MiB - 61 }]).bytes],
  ])('is the data and a trailer with hashes, sound to the last byte: %s', async (_, bytes) => {
    const object = await open(bytes)
    const { dataLength } = object.footer
    const all = await whole(object)
    expect(all.length).toBe(object.size)
    expect(Buffer.compare(all.subarray(0, dataLength), bytes.subarray(0, dataLength))).toBe(0)
    expect(await verifySegment(crypto, new MemoryFile(all))).toEqual([])
    // Verified indeed: hashes are looked at.
    const wrong = await verifySegment(crypto, new MemoryFile(withoutHash(all)))
    expect(wrong.length).toBeGreaterThan(0)
  })

  it('tells the manifest where its batches lie and what its blocks hash to', async () => {
    const object = await open(large.bytes)
    await object.complete()
    const entry: SegmentEntry = object.entry(NAME)
    const { root, blocks } = await hashFile(crypto, new MemoryFile(large.bytes), large.data.length)
    expect(entry).toMatchObject({
      base: 1_007,
      end: large.end,
      objectBase: 1_000,
      epoch: 4,
      nonce: NAME.nonce,
      objectBytes: object.size,
      dataLength: large.data.length,
      recordCount: 35,
      minTimestamp: 11_000,
      maxTimestamp: 11_030,
      hasAborted: false,
      stable: large.end,
      root,
    })
    expect(entry.blocks.length).toBe(blocks.length)
    blocks.forEach((hash, i) => {
      expect(entry.blocks.hashAt(i)).toEqual(hash.subarray(0, 16))
      expect(object.hashOf(i)).toEqual(hash)
    })
    const starts = Array.from({ length: blocks.length }, (_, i) => entry.blocks.startAt(i))
    expect(starts).toEqual([0, 1_400_422, 2_300_564, -1, 4_800_625])
  })

  it('tells which transactions were open at its end', async () => {
    const parts = emptyParts(50)
    const batches = [0, 1, 2].map((i) => {
      const batch = makeBatch({ base: 50 + i, producerId: i, producerEpoch: 0, sequence: 0 })
      parts.builder.append(batch, 0, batch.length)
      const identity = { producerId: i, producerEpoch: 0, baseSequence: 0, lastOffsetDelta: 0 }
      const more = { transactional: i > 0, maxTimestamp: 1 }
      parts.producers.update({ ...identity, ...more }, offset(50 + i), 5_000)
      return batch
    })
    const sealed = joined([...batches, sealTrailer(crypto, parts)])
    const object = await open(sealed)
    await object.complete()
    expect(object.entry({ ...NAME, base: offset(50) })).toMatchObject({ end: 53, stable: 51 })
  })

  it('tells whether its trailer lists aborted transactions', async () => {
    const object = await open(small)
    await object.complete()
    expect(object.entry({ ...NAME, base: offset(90) }).hasAborted).toBe(true)
  })

  it.each([false, true])(
    'is the same read in any order, at once and again (direct: %s)',
    async (direct) => {
      const expected = await whole(await open(large.bytes))
      const prng = new Prng(8)
      for (let round = 0; round < 12; round++) {
        const object = await open(large.bytes, direct)
        const blocks = Math.ceil(object.size / BLOCK_BYTES)
        const reads = Array.from({ length: 1 + prng.below(8) }, async () => {
          const from = prng.below(blocks) * BLOCK_BYTES
          const to = Math.min(from + 1 + prng.below(3 * MiB), object.size)
          const part = await object.read(from, to)
          expect(Buffer.compare(part, expected.subarray(from, to))).toBe(0)
          // What was given belongs to whoever asked.
          part.fill(0)
        })
        await Promise.all(reads)
        expect(Buffer.compare(await whole(object, 2 * MiB), expected)).toBe(0)
        await object.complete()
        expect(object.entry(NAME).objectBytes).toBe(expected.length)
      }
    },
  )

  it('is read from a simulated disk with direct I/O', async () => {
    const scheduler = new Scheduler()
    const disk = new SimDisk(scheduler, new Prng(1), { direct: true })
    const run = async (): Promise<Uint8Array> => {
      const file = await disk.open('a.seg', { mode: 'create' })
      await file.writeBehind(0, large.bytes)
      await file.close()
      const direct = await disk.open('a.seg', { mode: 'read', direct: true })
      expect(direct.direct).toBe(true)
      const object = await SegmentObject.open(crypto, direct)
      const all = await whole(object, 2 * MiB)
      await direct.close()
      return all
    }
    const all = await scheduler.settle(run())
    expect(Buffer.compare(all, await whole(await open(large.bytes)))).toBe(0)
  })

  it('fails when any byte of its file is not what was sealed', async () => {
    for (let byte = 0; byte < small.length; byte++) {
      const bytes = flipped(small, byte * 8 + (byte % 8))
      const failure = await open(bytes)
        .then(async (object) => {
          await object.complete()
          return null
        })
        .catch(asError)
      if (failure === null) expect.unreachable(`byte ${byte} was changed and nobody noticed`)
      expect(failure).toBeInstanceOf(OperatingError)
      expect(failure).toMatchObject({ kind: 'corrupt' })
      expect(String(failure)).toContain('memory')
    }
  })

  it('fails for good once it has failed', async () => {
    const object = await open(flipped(large.bytes, 1_000_000 * 8))
    expect(await failureOf(object.read(0, 2 * MiB))).toContain('CRC')
    expect(await failureOf(object.read(0, MiB))).toContain('CRC')
    expect(await failureOf(object.complete())).toContain('CRC')
  })

  it('gives no bytes again that are others than those it has hashed', async () => {
    const file = new MemoryFile(large.bytes)
    const object = await SegmentObject.open(crypto, file)
    await object.read(0, 2 * MiB)
    file.bytes = flipped(large.bytes, 1_500_000 * 8)
    expect(await failureOf(object.read(MiB, 2 * MiB))).toContain('block 1 reads differently')
  })

  it('gives no bytes ahead of their turn that are others than those it hashes then', async () => {
    const file = new MemoryFile(flipped(large.bytes, 3_500_000 * 8))
    const object = await SegmentObject.open(crypto, file)
    await object.read(3 * MiB, 4 * MiB)
    file.bytes = Uint8Array.from(large.bytes)
    expect(await failureOf(object.complete())).toContain('block 3 reads differently')
  })
})

/** An object whose last hash is another. */
function withoutHash(bytes: Uint8Array): Uint8Array {
  const table = bytes.length - 128 - 24
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  const position = Number(view.getBigUint64(table + 8))
  expect(view.getUint16(table)).toBe(5)
  return flipped(bytes, position * 8 + 3)
}
