import { describe, expect, it } from 'vitest'
import { asError } from '../../../src/base/errors.ts'
import { Prng } from '../../../src/base/prng.ts'
import { MiB, offset } from '../../../src/base/units.ts'
import { withSegments } from '../../../src/tier/manifest/change.ts'
import { joined } from '../../log/batches.ts'
import { entryAt } from '../support.ts'
import { sealedFile, type BatchPlan } from '../upload/segments.ts'
import { ArchiveBed, type ArchiveShape, type Known } from './archive.ts'

/** A batch of 61 bytes and these. */
const of = (...sizes: number[]): BatchPlan[] => sizes.map((size) => ({ size, count: 3 }))

const concat = (batches: readonly Known[]): Uint8Array => joined(batches.map(({ bytes }) => bytes))

/** Segments of every kind: tiny, of many blocks, with batches larger than one, at other borders. */
async function variety(bed: ArchiveBed): Promise<void> {
  await bed.add(of(10, 2_000, 0, 500))
  await bed.add(of(900_000, 300_000, 61, 1_500_000, 2_600_000, 40, 40, 700_000))
  await bed.add(of(...Array.from({ length: 40 }, (_, i) => 50_000 + ((i * 37) % 11) * 9_000)))
  // A new leader has other borders: the first of its batches are archived already.
  const end = bed.known.at(-1)?.end ?? 0
  await bed.addFile(sealedFile(end - 12, of(800_000, 400_000, 90, 90, 1_200_000, 50)), end)
  await bed.add(of(MiB - 61, MiB - 61, 100))
}

describe('ColdReader.read()', () => {
  it('gives what a look at all batches gives, from every offset', async () => {
    const bed = new ArchiveBed()
    await variety(bed)
    const last = bed.known.at(-1)?.end ?? 0
    const prng = new Prng(3)
    for (let from = 0; from < last; from++) {
      const maxBytes = prng.chance(0.3) ? prng.below(2_000) : prng.below(3 * MiB)
      const atLeastOne = prng.chance(0.7)
      const end = prng.chance(0.2) ? from + 1 + prng.below(30) : last
      const read = await bed.read(from, { maxBytes, atLeastOne, end })
      const at = bed.placeOf(from)
      // As many whole batches as there are: fewer only at the border of a segment or of a request.
      let count = 0
      while (concat(bed.known.slice(at, at + count)).length < read.bytes) count++
      const given = bed.known.slice(at, at + count)
      expect(Buffer.compare(read.all, concat(given))).toBe(0)
      expect(read.nextOffset).toBe(given.at(-1)?.end ?? from)
      for (const { base } of given) expect(base).toBeLessThan(end)
      const first = bed.known[at]?.bytes.length ?? 0
      if (read.bytes > maxBytes) expect([atLeastOne, count]).toEqual([true, 1])
      if (read.bytes === 0) expect([atLeastOne, first > maxBytes]).toEqual([false, true])
    }
  })

  it('reads everything in a row, in steps of any size', async () => {
    const bed = new ArchiveBed()
    await variety(bed)
    const all = concat(bed.known)
    for (const maxBytes of [1, 70_000, MiB, 5 * MiB]) {
      const parts: Uint8Array[] = []
      const reader = bed.coldReader()
      for (let at = 0; at < (bed.known.at(-1)?.end ?? 0);) {
        const read = await bed.read(at, { maxBytes }, reader)
        expect(read.nextOffset).toBeGreaterThan(at)
        parts.push(read.all)
        at = read.nextOffset
      }
      expect(Buffer.compare(joined(parts), all)).toBe(0)
    }
  })

  it('needs two requests the first time, one when it knows the manifest, none when cached', async () => {
    const bed = new ArchiveBed()
    await variety(bed)
    const reader = bed.coldReader()
    const before = { ...bed.meter.counts }
    const requests = (): number => bed.meter.counts.get - before.get
    await bed.read(5, {}, reader)
    expect(requests()).toBe(2)
    await bed.read(60, {}, reader)
    expect(requests()).toBe(3)
    await bed.read(60, {}, reader)
    expect(requests()).toBe(3)
    expect(bed.meter.counts.head + bed.meter.counts.list).toBe(0)
  })

  it('needs three when the offset is on a spilled page, and two for the next on it', async () => {
    const bed = new ArchiveBed()
    await bed.add(of(1_000))
    await bed.add(of(1_000))
    const end = bed.known.at(-1)?.end ?? 0
    const more = Array.from({ length: 1_200 }, (_, i) => entryAt(end + i * 10, 10))
    await bed.run(bed.archive.change((manifest) => withSegments(manifest, more)))
    expect(bed.manifest.pages.length).toBe(1)
    const reader = bed.coldReader()
    const { get } = bed.meter.counts
    await bed.read(1, {}, reader)
    expect(bed.meter.counts.get - get).toBe(3)
    await bed.read(4, {}, reader)
    expect(bed.meter.counts.get - get).toBe(4)
  })

  it('asks for the manifest again where it ends, and says when that is all', async () => {
    const bed = new ArchiveBed()
    await bed.add(of(10, 10))
    const reader = bed.coldReader()
    await bed.read(0, {}, reader)
    const { get } = bed.meter.counts
    expect(await bed.read(6, {}, reader)).toMatchObject({ bytes: 0, nextOffset: 6 })
    expect(bed.meter.counts.get - get).toBe(1)
    await bed.add(of(10))
    expect((await bed.read(6, {}, reader)).nextOffset).toBe(9)
  })

  it('steps over what compaction has removed', async () => {
    const bed = new ArchiveBed()
    const gap = (size: number, left: number): BatchPlan => ({ size, count: 2, gap: left })
    await bed.add([gap(10, 5), gap(MiB - 71, 0), gap(900_000, 7), gap(300, 40)], { end: 100 })
    // One with nothing left, one whose batches end below its end, one as it was written.
    await bed.add([], { end: 150 })
    await bed.add([gap(2 * MiB - 61, 0), gap(30, 4)], { end: 200 })
    await bed.add(of(50))
    const batches = bed.known.map(({ base, bytes }) => ({
      base,
      end: base + new DataView(bytes.buffer, bytes.byteOffset).getInt32(23) + 1,
      bytes,
    }))
    for (const reader of [bed.coldReader(), bed.reader]) {
      for (let from = 0; from < 203; from++) {
        const expected = batches.find(({ end }) => end > from)
        const { all, nextOffset } = await bed.read(from, { maxBytes: 1 }, reader)
        expect(nextOffset).toBe(expected?.end)
        expect(Buffer.compare(all, expected?.bytes ?? new Uint8Array(1))).toBe(0)
      }
    }
    const parts: Uint8Array[] = []
    for (let at = 0; at < 203;) {
      const read = await bed.read(at, { maxBytes: 1_500_000 })
      parts.push(read.all)
      at = read.nextOffset
    }
    expect(Buffer.compare(joined(parts), concat(batches))).toBe(0)
  })

  it('steps to the end of an archive whose last batches were compacted away', async () => {
    const bed = new ArchiveBed()
    await bed.add([{ size: 10, count: 2 }], { end: 30 })
    expect(await bed.read(2)).toMatchObject({ bytes: 0, nextOffset: 30 })
  })

  it('gives what it has found although what follows cannot be told', async () => {
    const bed = new ArchiveBed()
    for (let i = 0; i < 3; i++) await bed.add(of(1_000))
    const end = bed.known.at(-1)?.end ?? 0
    const more = Array.from({ length: 1_200 }, (_, i) => entryAt(end + i * 10, 10))
    await bed.run(bed.archive.change((manifest) => withSegments(manifest, more.slice(0, 600))))
    await bed.run(bed.archive.change((manifest) => withSegments(manifest, more.slice(600))))
    const reader = bed.coldReader()
    await bed.read(0, {}, reader)
    bed.bucket.faults.window('outage', bed.scheduler.nowMs)
    const failed = await bed.read(5, {}, reader).then(() => null, asError)
    expect(failed).toMatchObject({ kind: 'retry' })
    bed.bucket.faults.clear()
    expect((await bed.read(5, {}, reader)).nextOffset).toBe(6)
  })

  it('tells an object that is gone, damage, and a reader that has', async () => {
    const bed = new ArchiveBed()
    await bed.add(of(10, 10))
    await bed.add(of(10, 10))
    const [first = '', second = ''] = bed.bucket.keys().filter((key) => key.includes('/seg/'))
    bed.bucket.lose(first)
    bed.bucket.flip(second, 30)
    const kindOf = async (from: number, signal?: AbortSignal): Promise<unknown> => {
      const limits = signal === undefined ? {} : { signal }
      return bed.read(from, limits).then(
        () => 'ok',
        (error: unknown) => (error as { kind: string }).kind,
      )
    }
    expect(await kindOf(0)).toBe('absent')
    expect(await kindOf(7)).toBe('corrupt')
    expect(await kindOf(7, AbortSignal.abort())).toBe('closed')
    expect(bed.blocks.heldBlocks).toBe(0)
  })
})

describe('a reader who goes on', () => {
  const SEGMENT = of(...Array.from({ length: 80 }, () => MiB / 5))

  const long = async (count: number, shape: ArchiveShape = {}): Promise<ArchiveBed> => {
    const bed = new ArchiveBed(shape)
    for (let i = 0; i < count; i++) await bed.add(SEGMENT)
    return bed
  }

  async function readAll(
    bed: ArchiveBed,
    maxBytes: number,
  ): Promise<{ reads: number; ahead: number }> {
    const reader = bed.coldReader()
    const last = bed.known.at(-1)?.end ?? 0
    let reads = 0
    let ahead = 0
    let at = 0
    let place = 0
    while (at < last) {
      const read = await bed.read(at, { maxBytes }, reader)
      reads++
      ahead = Math.max(ahead, bed.blocks.aheadBytes)
      let bytes = 0
      const from = place
      while (bytes < read.bytes) bytes += bed.known[place++]?.bytes.length ?? 0
      expect(Buffer.compare(read.all, concat(bed.known.slice(from, place)))).toBe(0)
      at = read.nextOffset
    }
    expect(place).toBe(bed.known.length)
    return { reads, ahead }
  }

  it.each([
    ['1 MiB at once', 20, MiB, 64],
    ['100 KiB at once', 5, 100 * 1024, 64],
    ['5 MiB at once', 5, 5 * MiB, 64],
    ['with little room', 5, MiB, 10],
    ['with less room than one request likes', 5, MiB, 3],
  ])(
    'asks for about 8 MiB at once and for no block twice: %s',
    async (_, count, maxBytes, room) => {
      const bed = await long(count, { aheadBytesMax: room * MiB })
      const { ahead } = await readAll(bed, maxBytes)
      expect(ahead).toBeLessThanOrEqual(room * MiB)
      const counts = [...bed.blocksAsked().values()]
      expect(Math.max(...counts)).toBe(1)
      const blocks = counts.length
      expect(blocks).toBe(count * 17)
      // Seventeen blocks a segment: a request for eight and one for nine, and some to begin with.
      const perSegment = room >= 64 ? 2 : 17
      expect(bed.asked.length).toBeLessThanOrEqual(count * perSegment + 8)
      expect(bed.blocks.aheadBytes).toBe(0)
      expect(bed.blocks.heldBlocks).toBe(0)
    },
    60_000,
  )

  it('reads no block twice without a cache either, but for where it began', async () => {
    const bed = await long(5, { cache: null })
    await readAll(bed, 700_000)
    const twice = [...bed.blocksAsked().values()].filter((count) => count > 1)
    expect(twice.length).toBeLessThanOrEqual(2)
    expect(bed.asked.length).toBeLessThanOrEqual(5 * 2 + 8)
    expect(bed.blocks.heldBlocks).toBe(0)
  }, 60_000)

  it('asks for nothing that another has read before', async () => {
    const bed = await long(9)
    await readAll(bed, MiB)
    const requests = bed.asked.length
    await readAll(bed, 700_000)
    expect(bed.asked.length).toBe(requests)
  }, 60_000)

  it('shares what it reads with another at its side', async () => {
    const bed = await long(9)
    const limits = { end: offset(1e9), maxBytes: MiB, atLeastOne: true }
    for (let at = offset(0); at < 1_500;) {
      const both = [0, 1].map(() => bed.reader.read(at, limits))
      const [one, other] = await bed.run(Promise.all(both))
      expect(one?.nextOffset).toBe(other?.nextOffset)
      at = one?.nextOffset ?? offset(1_500)
    }
    expect(Math.max(...bed.blocksAsked().values())).toBe(1)
    expect(bed.asked.length).toBeLessThanOrEqual(40)
    for (let i = 0; i < 20; i++) await bed.read(i * 100 + 11)
    expect(bed.blocks.aheadBytes).toBe(0)
  })

  it('is forgotten when it does not come back', async () => {
    const bed = await long(9)
    for (let i = 0; i < 3; i++) {
      let at = i * 700
      for (let turn = 0; turn < 4; turn++) at = (await bed.read(at)).nextOffset
    }
    await bed.scheduler.runUntilIdle()
    expect(bed.blocks.aheadBytes).toBeGreaterThan(3 * MiB)
    for (let i = 0; i < 20; i++) await bed.read(i * 100 + 11)
    await bed.scheduler.runUntilIdle()
    expect(bed.blocks.aheadBytes).toBe(0)
    expect(bed.blocks.heldBlocks).toBe(0)
  })
})
