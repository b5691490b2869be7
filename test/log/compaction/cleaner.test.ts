// Rounds over one partition: what is left, what readers see, what is on disk.
import { describe, expect, test } from 'vitest'
import { CompactedBed, compacted } from './bed.ts'

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
    expect((await bed.records()).map(({ offset }) => offset)).toEqual([5])
    expect(bed.log.sizeBytes).toBeLessThan(100)
  })
})
