// A journal that cannot grow holds its turn open: nothing of it is acknowledged, nothing is lost,
// and it goes on by itself once there is room.
import { describe, expect, it } from 'vitest'
import { must } from '../../src/base/assert.ts'
import { Prng } from '../../src/base/prng.ts'
import { Scheduler } from '../sim/clock.ts'
import { SimDisk } from '../sim/disk.ts'
import { Harness, Model, TINY, partition, settings } from './store-harness.ts'

type SimHarness = Harness & { readonly disk: SimDisk }

/** A store with acknowledged records whose journal has run out of room in the next turn. */
async function stalled(count = 1): Promise<{ harness: SimHarness; makeRoom: () => void }> {
  const harness = await Harness.fresh({
    settings: [{}, { ackAfter: 'write', segmentBytes: 4 << 20 }, {}],
  })
  for (let i = 0; i < 9; i++) harness.append(i % 3, { size: 4_000, producerId: 1 })
  await harness.settle()
  const makeRoom = harness.disk.faults.fill('journal/')
  for (let i = 0; i < 3 * count; i++) harness.append(i % 3, { size: 6_000, producerId: 1 })
  await harness.settle()
  return { harness, makeRoom }
}

/** What is found on the disk of `old` by the next process. */
async function recovered(old: SimHarness, disk: SimDisk): Promise<Harness> {
  const models = old.models.map((model) => model.copy())
  const harness = await Harness.open({ scheduler: old.scheduler, disk }, models)
  for (const model of models) {
    const end = harness.at(model.index).nextOffset
    expect(end).toBeGreaterThanOrEqual(model.settings.ackAfter === 'fsync' ? model.acked : 0)
    model.cutTo(end)
    await harness.verify(model.index)
  }
  return harness
}

describe('a journal without room', () => {
  it('acknowledges nothing, tells who waits, serves reads, and goes on when there is room', async () => {
    const { harness, makeRoom } = await stalled()
    expect(harness.store.full).toBe(true)
    expect(harness.models.map(({ acked, written }) => [acked, written])).toEqual([
      [3, 3],
      [3, 3],
      [3, 3],
    ])
    expect(must(harness.models[0], 'model').delays).toBeGreaterThan(0)
    for (const index of [0, 1, 2]) await harness.verify(index)
    await harness.scheduler.advance(5_000)
    expect(harness.failures).toEqual([])
    expect(harness.store.full).toBe(true)
    makeRoom()
    await harness.scheduler.advance(1_500)
    expect(harness.store.full).toBe(false)
    for (const model of harness.models) expect([model.acked, model.end]).toEqual([4, 4])
    for (let i = 0; i < 60; i++) {
      harness.append(i % 3, { size: 5_000 })
      await harness.scheduler.advance(3)
    }
    await harness.settle()
    for (const model of harness.models) expect(model.acked).toBe(model.end)
    harness.clock.kill()
    harness.disk.crash()
    await recovered(harness, harness.disk)
  })

  it.each([1, 3, 12])('loses and invents nothing in a power cut (%i batches)', async (count) => {
    const { harness, makeRoom } = await stalled(count)
    for (const image of harness.disk.crashImages(20)) await recovered(harness, image)
    makeRoom()
    await harness.scheduler.advance(1_500)
    for (const model of harness.models) expect(model.acked).toBe(model.end)
    for (const image of harness.disk.crashImages(20)) await recovered(harness, image)
  })

  it('keeps what waits although its partition and its memory go meanwhile', async () => {
    const { harness, makeRoom } = await stalled()
    await harness.run(harness.store.remove(partition(2)))
    // Others take all the memory that there is, and what they append waits behind.
    let more = 0
    while (harness.append(1, { size: 9_000 })) more++
    expect(more).toBeGreaterThan(50)
    harness.startEpoch(0)
    await harness.settle()
    makeRoom()
    await harness.scheduler.advance(1_500)
    harness.append(0)
    await harness.settle()
    for (const index of [0, 1]) {
      const { acked, end } = must(harness.models[index], 'model')
      expect(acked).toBe(end)
    }
    const gone = must(harness.models.pop(), 'model')
    const [image] = [...harness.disk.crashImages(1)] as [SimDisk]
    const again = await recovered(harness, image)
    expect(again.store.get(partition(gone.index))).toBeUndefined()
  })

  it('takes more partitions than fit in its memory while it waits', async () => {
    const harness = await Harness.fresh({
      settings: Array.from({ length: 40 }, () => ({})),
      options: { cacheBytes: 4 << 20 },
    })
    const makeRoom = harness.disk.faults.fill('journal/')
    for (let i = 0; i < 800; i++) {
      harness.append(i % 40, { size: 700 })
      if (i % 100 === 0) await harness.scheduler.advance(1)
    }
    await harness.settle()
    makeRoom()
    await harness.scheduler.advance(1_500)
    for (const model of harness.models) expect(model.acked).toBe(20)
    harness.clock.kill()
    harness.disk.crash()
    await recovered(harness, harness.disk)
  })

  it('lets the store close; the next start finds what was acknowledged', async () => {
    const { harness, makeRoom } = await stalled()
    harness.at(0).roll()
    const closing = harness.close()
    await expect(closing).rejects.toThrow('Cannot close the log')
    makeRoom()
    harness.clock.kill()
    harness.disk.kill()
    await recovered(harness, harness.disk)
  })

  it('does not close in vain when there is room at last', async () => {
    const { harness, makeRoom } = await stalled()
    makeRoom()
    await harness.close()
    for (const model of harness.models) expect(model.acked).toBe(4)
  })
})

it('a journal that could not make another file tries again when there is room', async () => {
  const scheduler = new Scheduler()
  const disk = new SimDisk(scheduler, new Prng(1))
  const makeRoom = disk.faults.fill('journal/')
  const harness = await Harness.open({ scheduler, disk }, [new Model(0, settings())], TINY)
  await harness.settle()
  expect(disk.faults.counts.ENOSPC).toBe(1)
  makeRoom()
  await harness.scheduler.advance(1_500)
  for (let i = 0; i < 100; i++) {
    while (harness.store.pressed) await harness.scheduler.advance(1)
    harness.append(0, { size: 9_000 })
    await harness.scheduler.advance(5)
  }
  for (const name of await harness.run(disk.list('journal'))) {
    expect(disk.peek(`journal/${name}`).length).toBeLessThan(3 * TINY.journal.fileBytes)
  }
  expect(must(harness.models[0], 'model').acked).toBe(100)
})
