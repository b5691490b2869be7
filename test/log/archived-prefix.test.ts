// A log of which the oldest part lies only in the archive: where it starts, here and in all, must
// outlive every stop, and segments that a power cut brings back must not change it.
import { describe, expect, it } from 'vitest'
import { offset } from '../../src/base/units.ts'
import type { SimDisk } from '../sim/disk.ts'
import { Harness, TINY } from './store-harness.ts'

type Bed = Harness & { readonly disk: SimDisk }

/** Ten sealed segments of four records, and an active one of two. */
async function filled(): Promise<Bed> {
  const bed = await Harness.fresh({ disk: { garbage: true } })
  bed.startEpoch(0)
  for (let i = 0; i < 10; i++) {
    for (let j = 0; j < 2; j++) bed.append(0, { size: 500, count: 2, producerId: j })
    bed.at(0).roll()
  }
  bed.append(0, { count: 2 })
  await bed.run(bed.at(0).persist())
  return bed
}

const state = (bed: Harness): unknown => {
  const { logStart, localStart, nextOffset, segments } = bed.at(0)
  return { logStart, localStart, nextOffset, first: segments[0]?.base }
}

/** A store on the same disk, or on an image of it. */
async function reopened(bed: Bed, disk: SimDisk, clean: boolean): Promise<Bed> {
  const { scheduler, models } = bed
  bed.clock.kill()
  if (!clean) bed.disk.kill()
  return (await Harness.open({ scheduler, disk }, models, TINY, clean)) as Bed
}

const segmentFiles = async (bed: Bed): Promise<string[]> => {
  const { topicId } = bed.at(0).identity
  const names = await bed.run(bed.disk.list(`topics/${topicId}/0`))
  return names.filter((name) => name.endsWith('.seg'))
}

describe('a log with an archived prefix', () => {
  it('starts where it did after a clean stop, and after none', async () => {
    for (const clean of [true, false]) {
      const bed = await filled()
      await bed.run(bed.at(0).dropArchivedBelow(offset(18)))
      const expected = { logStart: 0, localStart: 16, nextOffset: 42, first: 16 }
      expect(state(bed)).toEqual(expected)
      expect((await segmentFiles(bed)).length).toBe(7)
      if (clean) await bed.close()
      const again = await reopened(bed, bed.disk, clean)
      expect(state(again)).toEqual(expected)
      await again.verify(0)
      again.append(0, { producerId: 1 })
      await again.run(again.at(0).advanceLogStart(offset(5)))
      expect(state(again)).toEqual({ ...expected, logStart: 5, nextOffset: 43 })
      await again.close()
      const last = await reopened(again, again.disk, true)
      expect(state(last)).toEqual({ ...expected, logStart: 5, nextOffset: 43 })
      last.clock.kill()
    }
  })

  it('is the same from every state that a power cut leaves while segments are dropped', async () => {
    const bed = await filled()
    const dropping = bed.at(0).dropArchivedBelow(offset(28))
    const seen = new Set<number>()
    const leftovers: number[] = []
    for (let turn = 0; turn < 40; turn++) {
      await bed.scheduler.advance(0.5)
      for (const image of bed.disk.crashImages(6)) {
        const { scheduler, models } = bed
        const copies = models.map((model) => model.copy())
        const before = (
          await scheduler.settle(image.list(`topics/${bed.at(0).identity.topicId}/0`))
        ).filter((name) => name.endsWith('.seg')).length
        const next = (await Harness.open({ scheduler, disk: image }, copies, TINY)) as Bed
        const { logStart, localStart, nextOffset } = next.at(0)
        expect([logStart, nextOffset]).toEqual([0, 42])
        expect([0, 28]).toContain(localStart)
        seen.add(localStart)
        await next.verify(0)
        const files = (await segmentFiles(next)).length
        expect(files).toBe(next.at(0).segments.length)
        leftovers.push(before - files)
        next.clock.kill()
      }
    }
    await bed.run(dropping)
    // Both happened, and some came back that had to go again.
    expect([...seen].sort((a, b) => a - b)).toEqual([0, 28])
    expect(Math.max(...leftovers)).toBeGreaterThan(0)
    bed.clock.kill()
  })

  it('loses the prefix when records are deleted above the local start', async () => {
    const bed = await filled()
    await bed.run(bed.at(0).dropArchivedBelow(offset(16)))
    await bed.run(bed.at(0).advanceLogStart(offset(23)))
    const expected = { logStart: 23, localStart: 23, nextOffset: 42, first: 20 }
    expect(state(bed)).toEqual(expected)
    for (const image of bed.disk.crashImages(10)) {
      const { scheduler, models } = bed
      const next = await Harness.open({ scheduler, disk: image }, models, TINY)
      expect(state(next)).toEqual(expected)
      await next.verify(0)
      next.clock.kill()
    }
    // What is archived meanwhile may go from here; the log starts where it did.
    await bed.run(bed.at(0).dropArchivedBelow(offset(32)))
    expect(state(bed)).toEqual({ ...expected, localStart: 32, first: 32 })
    await bed.close()
    const again = await reopened(bed, bed.disk, true)
    expect(state(again)).toEqual({ ...expected, localStart: 32, first: 32 })
    again.clock.kill()
  })

  it('goes on at its local start when all that was behind it is gone', async () => {
    const bed = await filled()
    await bed.run(bed.at(0).dropArchivedBelow(offset(40)))
    await bed.close()
    const { topicId } = bed.at(0).identity
    for (const name of await segmentFiles(bed)) {
      await bed.run(bed.disk.remove(`topics/${topicId}/0/${name}`))
    }
    await bed.run(bed.disk.remove('journal'))
    const again = await reopened(bed, bed.disk, true)
    expect(state(again)).toEqual({ logStart: 0, localStart: 40, nextOffset: 40, first: 40 })
    again.clock.kill()
  })
})
