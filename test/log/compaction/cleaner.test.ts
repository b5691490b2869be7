// Rounds over one partition: what is left, what readers see, what is on disk.
import { describe, expect, test } from 'vitest'
import { must } from '../../../src/base/assert.ts'
import { Prng } from '../../../src/base/prng.ts'
import { offset } from '../../../src/base/units.ts'
import { SLOT_BYTES } from '../../../src/log/compaction/offset-map.ts'
import { verifySegment } from '../../../src/log/segment/segment-verify.ts'
import { findMaxTimestamp, findTimestamp } from '../../../src/log/timestamp-search.ts'
import { CODECS } from '../../../src/ports/compression.ts'
import * as header from '../../../src/record/header.ts'
import { crypto, joined, MemoryFile } from '../batches.ts'
import { CompactedBed, all, cleanerTools, compacted, recordsOf, split } from './bed.ts'

/** Offsets that can be read. */
const offsets = async (bed: CompactedBed): Promise<number[]> =>
  (await bed.records()).map((record) => record.offset)

/** Sealed segments of one batch each that all write the same keys. */
async function fill(bed: CompactedBed, count: number, keys = ['a', 'b', 'c']): Promise<void> {
  for (let i = 0; i < count; i++) {
    bed.append(keys.map((key) => [key, `${key}${i}`.repeat(30)] as const))
    await bed.roll()
  }
}

describe('Cleaner', () => {
  test('keeps the last record of each key, with its offset and time [D1]', async () => {
    const bed = await CompactedBed.fresh()
    bed.append([
      ['a', '1'],
      ['b', '1'],
      ['a', '2'],
    ])
    await bed.roll()
    bed.append([
      ['b', '2'],
      ['c', '1'],
    ])
    await bed.roll()
    bed.append([['c', '2']])
    const stats = await bed.compact()
    expect((await bed.records()).map(({ offset, key, value }) => [offset, key, value])).toEqual([
      [2, 'a', '2'],
      [3, 'b', '2'],
      [4, 'c', '1'],
      [5, 'c', '2'],
    ])
    expect(stats).toMatchObject({ recordsRemoved: 2, cleanedTo: 5 })
    await bed.check()
    expect(bed.log.logStart).toBe(0)
    expect(await bed.files()).toEqual(['00000000000000000000.seg'])
    expect(bed.plan()).toMatchObject({ firstDirty: 5, due: false, dirtyRatio: 0 })
  })

  test('gives the next batch for an offset in a hole, also at a segment end [F12]', async () => {
    const bed = await CompactedBed.fresh(compacted({ segmentBytes: 100 }))
    for (let i = 0; i < 6; i++) {
      bed.append([['k', `${i}`]])
      await bed.roll()
    }
    await bed.compact()
    expect(bed.log.segments.length).toBeGreaterThan(3)
    for (let from = 0; from < 6; from++) {
      const { bytes, nextOffset } = await bed.harness.read(0, from)
      expect([bytes.length > 0, nextOffset]).toEqual([true, 6])
    }
    expect(await offsets(bed)).toEqual([5])
    expect(bed.log.sizeBytes).toBeLessThan(100)
  })

  test('brings readers to the end of the offsets when the last records are gone [F12]', async () => {
    const bed = await CompactedBed.fresh()
    bed.append([['a', '1']])
    bed.append([
      [null, 'from before the policy'],
      [null, 'and another'],
    ])
    await bed.roll()
    await bed.compact()
    expect(await offsets(bed)).toEqual([0])
    for (let from = 0; from < 3; from++) {
      expect((await bed.harness.read(0, from)).nextOffset).toBe(3)
    }
    bed.append([['a', '2']])
    await bed.roll()
    await bed.compact()
    expect(split(await bed.bytes())).toHaveLength(1)
  })

  test('puts small neighbours into one file that verifies, over a restart too', async () => {
    const bed = await CompactedBed.fresh(compacted({ segmentBytes: 2_000 }))
    await fill(bed, 9, ['a', 'b', 'c', 'd', 'e'])
    bed.append([['active', '1']])
    await bed.compact()
    await bed.check()
    expect(bed.log.segments.length).toBeLessThan(6)
    const before = await bed.bytes()
    for (const name of await bed.files()) {
      if (!name.endsWith('.seg') || name.startsWith('00000000000000000045')) continue
      const path = `topics/00000000-0000-4000-8000-0000000000aa/0/${name}`
      expect(await verifySegment(crypto, new MemoryFile(bed.disk.peek(path)))).toEqual([])
    }
    await bed.harness.close()
    const { scheduler } = bed.harness
    const { settings } = bed.log
    const again = await CompactedBed.on({ scheduler, disk: bed.disk }, settings, bed.all, true)
    expect(await again.bytes()).toEqual(before)
    expect(again.plan()).toMatchObject({ firstDirty: 45, dirtyRatio: 0 })
    await again.harness.close()
  })

  test('goes as far as the map has room, and on from there the next time', async () => {
    const bed = await CompactedBed.fresh(compacted({ segmentBytes: 1 }))
    const keys = Array.from({ length: 10 }, (_, i) => `k${i}`)
    bed.append([['x6', 'old']])
    await fill(bed, 6, keys)
    bed.append([1, 2, 3, 4, 5, 6, 7].map((i) => [`x${i}`, '1'] as const))
    await fill(bed, 1, keys)
    const cleaned: number[] = []
    while (bed.plan().due) {
      cleaned.push((await bed.compact({ mapBytesMax: 16 * SLOT_BYTES })).cleanedTo)
      await bed.check()
    }
    // Fourteen keys fit: the ten, x6 and three more of the batch, in the middle of which it ends.
    expect([cleaned[0], cleaned.at(-1)]).toEqual([64, 78])
    expect(await offsets(bed)).toEqual(Array.from({ length: 17 }, (_, i) => 61 + i))
  })

  test('knows the frames of a segment that went into another, in a journal that has them', async () => {
    const bed = await CompactedBed.fresh(compacted({ segmentBytes: 2_000 }))
    await fill(bed, 4)
    await bed.compact()
    expect(bed.log.segments).toHaveLength(2)
    bed.append([['only', 'in the journal']])
    await bed.harness.settle()
    expect(await bed.files()).toHaveLength(1)
    bed.harness.clock.kill()
    const { scheduler } = bed.harness
    for (const image of bed.disk.crashImages(3)) {
      const again = await CompactedBed.on({ scheduler, disk: image }, bed.log.settings, bed.all)
      expect(await offsets(again)).toEqual([9, 10, 11, 12])
      await again.harness.close()
    }
  })

  test('keeps the last batch of a producer, whose sequence goes on', async () => {
    const bed = await CompactedBed.fresh()
    const producer = { producerId: 7, producerEpoch: 0 }
    bed.append([['a', '1']], { ...producer, baseSequence: 0 })
    bed.append([['a', '2']], { ...producer, baseSequence: 1 })
    bed.append([['a', '3']])
    await bed.roll()
    await bed.compact()
    const batches = split(await bed.bytes())
    const described = batches.map((batch) => [
      header.baseOffset(batch, 0),
      header.baseSequence(batch, 0),
      header.recordCount(batch, 0),
    ])
    expect(described).toEqual([
      [1, 1, 0],
      [2, -1, 1],
    ])
    const next = { producerId: 7, producerEpoch: 0, transactional: false, maxTimestamp: 0 }
    const check = (baseSequence: number): unknown =>
      bed.log.state.producers.check({ ...next, baseSequence, lastOffsetDelta: 0 }, false)
    expect(check(2)).toMatchObject({ code: 0, duplicate: false })
    expect(check(1)).toMatchObject({ code: 0, duplicate: true, baseOffset: 1 })
  })

  test('keeps lineage and the newest epoch when the batches of it are gone', async () => {
    const bed = await CompactedBed.fresh(compacted({ segmentBytes: 160 }))
    const epochs = [1, 1, 2, 3, 3, 3]
    for (const [i, epoch] of epochs.entries()) {
      if (epoch !== epochs[i - 1]) bed.harness.startEpoch(0)
      bed.append([[i < 2 ? 'z' : 'a', `${i}`]])
    }
    await bed.roll()
    expect(bed.log.segments.map(({ base }) => base)).toEqual([0, 2, 4, 6])
    const before = bed.log.state.lineage.entries()
    await bed.compact()
    expect(await offsets(bed)).toEqual([1, 5])
    const footer = must(bed.log.segments[1]?.sealed, 'a sealed segment').footer
    expect(footer).toMatchObject({ maxEpoch: 3, batchCount: 0, endOffset: 4, cleanedTo: 4 })
    await bed.harness.close()
    const { scheduler } = bed.harness
    const { settings } = bed.log
    const again = await CompactedBed.on({ scheduler, disk: bed.disk }, settings, bed.all, true)
    expect(again.log.state.lineage.entries()).toEqual(before)
    await again.harness.close()
  })

  test.each([true, false])(
    'lets whoever reads an old file go on, and serves nothing of it for the new (cold %s)',
    async (cold) => {
      const bed = await CompactedBed.fresh(compacted({ segmentBytes: 1_500 }))
      await fill(bed, 12)
      await bed.harness.close()
      const { scheduler } = bed.harness
      const { settings } = bed.log
      const again = await CompactedBed.on({ scheduler, disk: bed.disk }, settings, bed.all, true)
      const { log, harness } = again
      const job = again.job()
      let isDone = false
      const working = all(job).finally(() => {
        isDone = true
      })
      const reads: Promise<void>[] = []
      while (!isDone) {
        for (const segment of [...log.segments]) {
          if (!cold || segment.sealed === null) continue
          harness.store.diskReader.forget(segment.readKey)
          segment.sealed.close()
          // Twice: a file that was read lately stays open the first time.
          await segment.relax()
          await segment.relax()
        }
        for (let from = 0; from < 36; from += 3) {
          const limits = { end: offset(36), maxBytes: 200, atLeastOne: true }
          const check = async (): Promise<void> => {
            const read = await harness.reader(log).read(offset(from), limits)
            const seen = recordsOf(joined(read.parts))
            read.release()
            if (seen.length === 0) throw new Error(`Nothing was read from ${from}`)
            for (const record of seen) expect(again.all[record.offset]).toEqual(record)
            expect(must(seen.at(-1), 'a record').offset).toBeGreaterThanOrEqual(from)
          }
          reads.push(check())
          await scheduler.advance(0.02)
        }
      }
      await working
      await harness.run(Promise.all(reads))
      expect(reads.length).toBeGreaterThan(100)
      expect(await offsets(again)).toEqual([33, 34, 35])
      await harness.close()
    },
  )

  test('gives way to retention that takes what it replaces, at whatever moment', async () => {
    for (let delay = 0; delay < 40; delay++) {
      const bed = await CompactedBed.fresh(compacted({ segmentBytes: 700 }))
      await fill(bed, 6)
      const job = bed.job()
      const working = all(job).catch(() => undefined)
      await bed.harness.scheduler.advance(delay * 0.6)
      await bed.harness.run(Promise.all([bed.log.advanceLogStart(offset(4)), working]))
      await bed.harness.run(job.abort())
      await bed.check(18)
      const sealed = bed.log.segments.slice(0, -1)
      const names = sealed.map(({ base }) => `${String(base).padStart(20, '0')}.seg`)
      const files = (await bed.files()).filter((name) => name.endsWith('.seg'))
      expect(files).toEqual(names)
      await bed.harness.close()
    }
  })

  test('finds records by time as before [D1]', async () => {
    const bed = await CompactedBed.fresh(compacted({ segmentBytes: 300 }))
    for (let i = 0; i < 9; i++) {
      bed.append([[`k${i % 3}`, `${i}`.repeat(50)]], { timestampMs: 10_000 + i })
      await bed.roll()
    }
    await bed.compact()
    const { log } = bed
    const reader = bed.harness.reader(log)
    const find = async (time: number): Promise<number | undefined> =>
      (await bed.harness.run(findTimestamp(log, reader, cleanerTools, time, offset(9))))?.offset
    expect(await find(0)).toBe(6)
    expect(await find(10_006)).toBe(6)
    expect(await find(10_007)).toBe(7)
    expect(await find(10_009)).toBe(undefined)
    const newest = await bed.harness.run(findMaxTimestamp(log, reader, cleanerTools, offset(9)))
    expect(newest).toMatchObject({ offset: 8, timestampMs: 10_008 })
  })

  test('never loses the last value of a key, whatever is appended and when it runs', async () => {
    for (let seed = 1; seed <= 5; seed++) {
      const prng = new Prng(seed)
      const given = compacted(
        { segmentBytes: 500 + prng.below(3_000) },
        { deleteRetentionMs: prng.below(200) },
      )
      const bed = await CompactedBed.fresh(given)
      let rounds = 0
      for (let i = 0; i < 80; i++) {
        const pairs = Array.from({ length: 1 + prng.below(6) }, () => {
          const value = prng.chance(0.2) ? null : `${prng.uint32()}`.repeat(prng.below(30))
          return [prng.chance(0.05) ? null : `key ${prng.below(15)}`, value] as const
        })
        const options = prng.chance(0.2) ? { logAppendTimeMs: 5_000 + i } : {}
        bed.append(pairs, { ...options, codec: must(CODECS[prng.below(5)], 'a codec') })
        if (prng.chance(0.3)) await bed.roll()
        if (prng.chance(0.2)) await bed.harness.scheduler.advance(prng.below(100))
        if (!prng.chance(0.15) || !bed.plan().due) continue
        const mapBytesMax = prng.chance(0.3) ? 16 * SLOT_BYTES : 1 << 20
        await bed.compact({ mapBytesMax })
        rounds++
        await bed.check()
      }
      expect(rounds).toBeGreaterThan(2)
    }
  })

  test('compacts nothing of transactions', async () => {
    const bed = await CompactedBed.fresh()
    bed.append([['a', '1']], {
      transactional: true,
      producerId: 1,
      producerEpoch: 0,
      baseSequence: 0,
    })
    bed.append([['a', '2']])
    await bed.roll()
    await bed.compact()
    expect(await offsets(bed)).toEqual([0, 1])
  })
})
