import { describe, expect, it } from 'vitest'
import { Prng } from '../../src/base/prng.ts'
import { offset } from '../../src/base/units.ts'
import { createMemoryDisk } from '../../src/platform/memory-disk.ts'
import { Scheduler } from '../sim/clock.ts'
import { SimDisk } from '../sim/disk.ts'
import { crypto, joined } from './batches.ts'
import { Harness, MODES, Model, TINY, partition, settings } from './store-harness.ts'

const KIB = 1024

/** Opens another store on the same disk, as the next process does. */
async function reopened(old: Harness, clean: boolean): Promise<Harness> {
  old.clock.kill()
  if (old.disk instanceof SimDisk) old.disk.kill()
  return Harness.open({ scheduler: old.scheduler, disk: old.disk }, old.models, TINY, clean)
}

describe('LogStore', () => {
  it.each(MODES)('acknowledges, reads back and reopens cleanly after %s appends', async (mode) => {
    const harness = await Harness.fresh({ settings: [{ ackAfter: mode }] })
    for (let i = 0; i < 40; i++) harness.append(0, { size: 500 * (i % 9), count: 1 + (i % 3) })
    await harness.settle()
    expect(harness.models[0]?.acked).toBe(harness.models[0]?.end)
    await harness.verify(0)
    await harness.close()
    const again = await reopened(harness, true)
    await again.verify(0)
    expect(again.telemetry.events).toEqual([])
  })

  it('acknowledges fsync appends only once the journal is durable', async () => {
    const harness = await Harness.fresh()
    harness.append(0)
    await harness.run(Promise.resolve())
    expect(harness.models[0]?.acked).toBe(0)
    await harness.settle()
    expect(harness.models[0]?.acked).toBe(1)
  })

  it.each(MODES)(
    'lives through journals and caches far smaller than its data (%s)',
    async (mode) => {
      const small = { ackAfter: mode, segmentBytes: 300 * KIB, flushBytes: 16 * KIB }
      const harness = await Harness.fresh({ settings: [small, small, small] })
      const prng = new Prng(5)
      for (let i = 0; i < 250; i++) {
        while (harness.store.pressed) await harness.scheduler.advance(1)
        const index = i % 3
        if (!harness.append(index, { size: prng.below(20_000) })) await harness.scheduler.advance(5)
        if (i % 10 === 0) await harness.scheduler.advance(1)
      }
      await harness.settle()
      for (const model of harness.models) {
        expect(model.acked).toBe(model.end)
        expect(harness.at(model.index).segments.length).toBeGreaterThan(2)
        await harness.verify(model.index)
        await harness.verify(model.index, 30_000)
      }
      expect(harness.failures).toEqual([])
      expect(harness.store.pressed).toBe(false)
      await harness.close()
      const again = await reopened(harness, true)
      for (const model of again.models) await again.verify(model.index)
    },
  )

  it('runs on a disk in memory', async () => {
    const scheduler = new Scheduler()
    const disk = createMemoryDisk(64 * 1024 * KIB)
    const harness = await Harness.open({ scheduler, disk }, [new Model(0, settings())])
    for (let i = 0; i < 100; i++) harness.append(0, { size: 9_000 })
    await harness.settle()
    await harness.verify(0)
    await harness.close()
    const again = await reopened(harness, true)
    await again.verify(0)
  })

  it('recovers appends of many partitions from the journal alone after a power cut', async () => {
    const harness = await Harness.fresh({ settings: Array.from({ length: 20 }, () => ({})) })
    for (let i = 0; i < 200; i++) harness.append(i % 20, { size: 300 })
    await harness.settle()
    harness.disk.crash()
    const again = await reopened(harness, false)
    for (const model of again.models) await again.verify(model.index)
    expect(again.telemetry.events).toContain('info journal replayed')
  })

  it('replays more partitions than the cache has chunks', async () => {
    const harness = await Harness.fresh({
      settings: Array.from({ length: 150 }, () => ({})),
      options: { cacheBytes: 8 * 1024 * KIB },
    })
    for (let i = 0; i < 300; i++) harness.append(i % 150, { size: 200 })
    await harness.settle()
    harness.disk.crash()
    const again = await reopened(harness, false)
    for (const model of again.models) await again.verify(model.index)
  })

  it('seals what a roll ends, and reads across segments', async () => {
    const harness = await Harness.fresh()
    for (let i = 0; i < 5; i++) {
      for (let k = 0; k < 5; k++) harness.append(0, { size: 4_000 })
      harness.at(0).roll()
    }
    await harness.settle()
    const sealed = harness.at(0).segments.map((segment) => segment.sealed !== null)
    expect(sealed).toEqual([true, true, true, true, true, false])
    await harness.verify(0)
    await harness.verify(0, 1)
  })

  it('reads from files what the cache no longer has, within the limits asked for', async () => {
    const harness = await Harness.fresh({ settings: [{ segmentBytes: 8 * 1024 * KIB }] })
    for (let i = 0; i < 300; i++) {
      while (harness.store.pressed) await harness.scheduler.advance(1)
      if (!harness.append(0, { size: 10_000 })) await harness.scheduler.advance(3)
      if (i % 5 === 0) await harness.scheduler.advance(1)
    }
    await harness.settle()
    expect(harness.at(0).active.bytes.cachedFrom).toBeGreaterThan(0)
    const cold = await harness.read(0, 0, { maxBytes: 25_000 })
    expect(cold.synchronous).toBe(false)
    expect(cold.nextOffset).toBe(2)
    const one = await harness.read(0, 3, { maxBytes: 1 })
    expect(one.nextOffset).toBe(4)
    const none = await harness.read(0, 3, { maxBytes: 1, atLeastOne: false })
    expect(none.bytes.length).toBe(0)
    const bounded = await harness.read(0, 0, { end: 1 })
    expect(bounded.nextOffset).toBe(1)
    const hot = await harness.read(0, harness.at(0).nextOffset - 1)
    expect(hot.synchronous).toBe(true)
    await harness.verify(0)
  })

  it('reads a batch that begins in the file and ends in the cache', async () => {
    const harness = await Harness.fresh({ settings: [{ segmentBytes: 8 * 1024 * KIB }, {}] })
    for (let i = 0; i < 60; i++) {
      harness.append(0, { size: 9_001 })
      await harness.scheduler.advance(1)
    }
    // Another partition pushes the older chunks out.
    for (let i = 0; i < 60; i++) {
      while (harness.store.pressed) await harness.scheduler.advance(1)
      harness.append(1, { size: 9_000 })
      await harness.scheduler.advance(1)
    }
    await harness.verify(0, 1)
    await harness.verify(1, 1)
  })

  it('keeps a log start that was promised, and drops the segments below it', async () => {
    const harness = await Harness.fresh()
    for (let i = 0; i < 12; i++) {
      harness.append(0, { size: 1_000 })
      if (i % 4 === 3) harness.at(0).roll()
    }
    await harness.settle()
    await harness.run(harness.at(0).advanceLogStart(offset(6)))
    expect(harness.at(0).segments[0]?.base).toBe(4)
    harness.disk.crash()
    const again = await reopened(harness, false)
    expect(again.at(0).logStart).toBe(6)
    await again.verify(0)
  })

  it('never gives an offset twice when every segment was dropped', async () => {
    const harness = await Harness.fresh()
    for (let i = 0; i < 3; i++) harness.append(0)
    await harness.settle()
    harness.at(0).roll()
    await harness.settle()
    await harness.run(harness.at(0).advanceLogStart(offset(3)))
    harness.disk.crash()
    const again = await reopened(harness, false)
    expect(again.at(0).nextOffset).toBe(3)
    expect(again.at(0).logStart).toBe(3)
  })

  it('concurrent deletions end at the highest start', async () => {
    const harness = await Harness.fresh()
    for (let i = 0; i < 9; i++) harness.append(0)
    await harness.settle()
    const log = harness.at(0)
    await harness.run(Promise.all([2, 7, 4].map((to) => log.advanceLogStart(offset(to)))))
    expect(log.logStart).toBe(7)
    harness.disk.crash()
    expect((await reopened(harness, false)).at(0).logStart).toBe(7)
  })

  it('scans a segment whose sidecar makes no sense', async () => {
    const harness = await Harness.fresh()
    for (let i = 0; i < 5; i++) harness.append(0, { size: 2_000 })
    await harness.settle()
    await harness.close()
    const name = 'topics/00000000-0000-4000-8000-0000000000aa/0/00000000000000000000.tail'
    const file = await harness.run(harness.disk.open(name, { mode: 'write' }))
    const bytes = harness.disk.peek(name)
    const view = new DataView(bytes.buffer)
    view.setUint32(84, 7)
    view.setUint32(12, crypto.crc32c(bytes.subarray(16), crypto.crc32c(bytes.subarray(0, 12))))
    file.writeNow(0, [bytes])
    const again = await reopened(harness, true)
    await again.verify(0)
    await again.close()
    await (await reopened(again, true)).verify(0)
  })

  it('removes a partition that has appends in this turn and goes on', async () => {
    const harness = await Harness.fresh({ settings: [{}, {}] })
    harness.append(0)
    harness.append(1)
    await harness.run(harness.store.remove(partition(0)))
    await harness.settle()
    expect(harness.failures).toEqual([])
    expect(harness.models[1]?.acked).toBe(1)
    expect(harness.store.get(partition(0))).toBeUndefined()
    await harness.run(harness.at(1).persist())
    const topic = 'topics/00000000-0000-4000-8000-0000000000aa'
    expect(await harness.run(harness.disk.list(topic))).toEqual(['1/'])
  })

  it('closes cleanly while partitions are removed, whichever comes first', async () => {
    for (let i = 0; i < 24; i++) {
      const harness = await Harness.fresh({ settings: [{}, {}, {}] })
      const { store, scheduler } = harness
      for (let n = 0; n < 30; n++) harness.append(n % 3, { size: 3_000 })
      await harness.settle()
      for (let n = 0; n < 30; n++) harness.append(n % 3, { size: 3_000 })
      const remove = (): Promise<unknown> =>
        Promise.all([0, 1].map((index) => store.remove(partition(index))))
      const begin = [remove, (): Promise<unknown> => store.close()] as const
      const first = begin[i % 2 === 0 ? 0 : 1]()
      await scheduler.advance(i / 8)
      const second = begin[i % 2 === 0 ? 1 : 0]()
      await harness.run(Promise.all([first, second]))
      expect(harness.failures).toEqual([])
      const topic = 'topics/00000000-0000-4000-8000-0000000000aa'
      expect(await harness.run(harness.disk.list(topic))).toEqual(['2/'])
    }
  })

  it('removes a partition that has rolled in this turn before its memory is used again', async () => {
    const harness = await Harness.fresh({ settings: [{}, { segmentBytes: 4096 * KIB }] })
    harness.append(0, { size: 6_000 })
    harness.at(0).roll()
    const removing = harness.store.remove(partition(0))
    for (let i = 0; i < 20; i++) await Promise.resolve()
    while (harness.append(1, { size: 9_000 }));
    await harness.run(removing)
    await harness.settle()
    harness.append(1)
    await harness.settle()
    expect(harness.models[1]?.acked).toBe(harness.models[1]?.end)
    harness.disk.crash()
    const again = await reopened(harness, false)
    await again.verify(1)
  })

  it('removes a partition while it persists', async () => {
    const harness = await Harness.fresh({ settings: [{}, {}] })
    for (let i = 0; i < 30; i++) harness.append(0, { size: 5_000 })
    const persisting = harness
      .at(0)
      .persist()
      .catch(() => undefined)
    await harness.scheduler.advance(0.5)
    await harness.run(harness.store.remove(partition(0)))
    await harness.run(persisting)
    harness.append(1)
    await harness.settle()
    expect(harness.failures).toEqual([])
    expect(harness.models[1]?.acked).toBe(1)
    await harness.close()
  })

  it('goes from memory to fsync without a gap in the journal', async () => {
    const harness = await Harness.fresh({ settings: [{ ackAfter: 'memory' }] })
    for (let i = 0; i < 10; i++) harness.append(0, { size: 3_000 })
    const model = harness.models[0]
    if (model === undefined) throw new Error('no model')
    model.settings = settings()
    harness.at(0).configure(model.settings)
    for (let i = 0; i < 10; i++) {
      harness.append(0, { size: 3_000 })
      await harness.scheduler.advance(1)
    }
    await harness.settle()
    expect(harness.at(0).settings.ackAfter).toBe('fsync')
    harness.append(0)
    await harness.settle()
    harness.disk.crash()
    const again = await reopened(harness, false)
    await again.verify(0)
  })

  it('holds producers back on a full disk, serves reads, and recovers by itself', async () => {
    const harness = await Harness.fresh({
      settings: [{ ackAfter: 'memory' }],
      options: { diskReserveBytes: 100 * KIB },
      disk: { capacityBytes: 900 * KIB },
    })
    await harness.scheduler.advance(1_500)
    expect(harness.store.full).toBe(false)
    for (let i = 0; i < 80 && !harness.store.full; i++) {
      harness.append(0, { size: 10_000 })
      await harness.scheduler.advance(200)
    }
    expect(harness.store.full).toBe(true)
    expect(harness.failures).toEqual([])
    await harness.verify(0)
    harness.at(0).roll()
    await harness
      .run(harness.at(0).advanceLogStart(harness.at(0).nextOffset))
      .catch(() => undefined)
    await harness.scheduler.advance(5_000)
    expect(harness.store.full).toBe(false)
    harness.append(0)
    await harness.settle()
    expect(harness.models[0]?.acked).toBe(harness.models[0]?.end)
  })
})

describe('durable calls that fail', () => {
  const kinds = ['write', 'sync', 'syncDirectory', 'open', 'entries'] as const
  const cases = kinds.flatMap((kind) => [1, 2, 3, 6].map((nth) => [kind, nth] as const))

  it.each(cases)('no acknowledgement outlives a failing %s number %i', async (kind, nth) => {
    for (const fault of ['EIO', 'ENOSPC'] as const) {
      const harness = await Harness.fresh({ settings: [{ segmentBytes: 30_000 }, {}] })
      await harness.settle()
      harness.disk.faults.failNth(kind, nth, fault)
      for (let i = 0; i < 60; i++) {
        try {
          harness.append(i % 2, { size: 2_000 })
        } catch {
          break
        }
        await harness.scheduler.advance(1)
      }
      await harness.settle()
      const acked = harness.models.map((model) => model.acked)
      const image = [...harness.disk.crashImages(2)][0] as SimDisk
      const at = { scheduler: harness.scheduler, disk: image }
      harness.clock.kill()
      harness.disk.kill()
      const again = await Harness.open(at, harness.models)
      for (const [i, end] of acked.entries()) {
        expect(again.at(i).nextOffset).toBeGreaterThanOrEqual(end)
        const model = harness.models[i] as Model
        const kept = model.batches.filter((batch) => batch.end <= again.at(i).nextOffset)
        expect(Buffer.compare(await again.readAll(i, 0), joined(kept.map((b) => b.bytes)))).toBe(0)
      }
    }
  })

  it('a failed journal sync latches the store and is never tried again', async () => {
    const harness = await Harness.fresh()
    for (let i = 0; i < 4; i++) {
      harness.append(0)
      await harness.settle()
    }
    harness.disk.faults.failNth('sync', 1, 'EIO', 'journal')
    harness.append(0)
    await harness.settle()
    expect(harness.failures).toHaveLength(1)
    const syncs = harness.store.journal.syncs
    harness.append(0)
    await harness.settle()
    expect(harness.store.journal.syncs).toBe(syncs)
    expect(harness.models[0]?.acked).toBe(4)
    await harness.close()
  })
})
