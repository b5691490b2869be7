// A partition whose files are damaged is set aside at the start while the others go on, and what
// the journal had of it outlives the journal: once the files are restored, nothing is missing.
import { describe, expect, it } from 'vitest'
import { must } from '../../src/base/assert.ts'
import { OperatingError } from '../../src/base/errors.ts'
import { FILE_HEADER_BYTES } from '../../src/log/journal/journal-format.ts'
import type { SimDisk } from '../sim/disk.ts'
import { Harness, TINY, partition } from './store-harness.ts'

const KIB = 1024
const DIRECTORY = 'topics/00000000-0000-4000-8000-0000000000aa/0'
const SEGMENT = `${DIRECTORY}/00000000000000000000.seg`
const SIDE = `${DIRECTORY}/unapplied.wal`

type SimHarness = Harness & { readonly disk: SimDisk }

/** The next process on the disk of `old`; partition 0 is not opened unless `opens` says so. */
async function next(old: SimHarness, how = { clean: false, opens: false }): Promise<SimHarness> {
  old.clock.kill()
  old.disk.kill()
  const left = how.opens ? [] : [0]
  const at = { scheduler: old.scheduler, disk: old.disk }
  return (await Harness.open(at, old.models, TINY, how.clean, left)) as SimHarness
}

/** Two partitions with more data than the journal still holds. */
async function lived(): Promise<SimHarness> {
  const big = { segmentBytes: 4096 * KIB }
  const harness = await Harness.fresh({ settings: [big, big] })
  for (let i = 0; i < 120; i++) {
    while (harness.store.pressed) await harness.scheduler.advance(1)
    harness.append(i % 2, { size: 6_000, producerId: 1 })
    if (i % 4 === 0) await harness.scheduler.advance(2)
  }
  await harness.settle()
  expect(harness.models[0]?.acked).toBe(60)
  return harness
}

const failsToOpen = async (harness: SimHarness): Promise<void> => {
  const model = must(harness.models[0], 'model')
  const opening = harness.store.open(partition(0), model.settings)
  await expect(harness.run(opening)).rejects.toMatchObject({ kind: 'corrupt' })
}

const listed = (harness: SimHarness): Promise<readonly string[]> =>
  harness.run(harness.disk.list(DIRECTORY))

async function overwrite(
  { scheduler, disk }: Pick<SimHarness, 'scheduler' | 'disk'>,
  path: string,
  bytes: Uint8Array,
): Promise<void> {
  const file = await scheduler.settle(disk.open(path, { mode: 'write' }))
  await scheduler.settle(file.truncate(0))
  file.writeNow(0, [bytes])
  await scheduler.settle(file.sync())
  await scheduler.settle(file.close())
}

describe('a partition that is damaged when the store opens', () => {
  it('is set aside alone, and has lost nothing once its file is restored', async () => {
    const old = await lived()
    old.disk.crash()
    const sound = old.disk.peek(SEGMENT)
    old.disk.rot(SEGMENT, 3_000)
    const damaged = old.disk.peek(SEGMENT)

    const harness = await next(old)
    await harness.verify(1)
    expect(harness.telemetry.events).toContain('error partition set aside')
    expect(JSON.stringify(harness.telemetry.fields)).toContain(SEGMENT)
    await failsToOpen(harness)
    expect(harness.disk.peek(SEGMENT)).toEqual(damaged)
    // The others write the journal over many times.
    for (let i = 0; i < 200; i++) {
      while (harness.store.pressed) await harness.scheduler.advance(1)
      harness.append(1, { size: 6_000 })
      if (i % 4 === 0) await harness.scheduler.advance(2)
    }
    await harness.settle()
    await overwrite(harness, SEGMENT, sound)
    await harness.log(must(harness.models[0], 'model'))
    await harness.verify(0)
    expect(await listed(harness)).not.toContain('unapplied.wal')
    harness.append(0, { producerId: 1 })
    await harness.settle()
    harness.disk.crash()
    const again = await next(harness, { clean: false, opens: true })
    await again.verify(0)
    await again.verify(1)
  })

  it('is set aside alone when the device cannot read its file, and opens once it can', async () => {
    const old = await lived()
    old.disk.crash()
    old.disk.faults.failNth('read', 1, 'EIO', SEGMENT)
    const harness = await next(old)
    expect(harness.telemetry.events).toContain('error partition set aside')
    await harness.verify(1)
    await harness.log(must(harness.models[0], 'model'))
    await harness.verify(0)
  })

  it('keeps what it has through clean stops and power cuts', async () => {
    const old = await lived()
    old.disk.crash()
    const sound = old.disk.peek(SEGMENT)
    old.disk.rot(SEGMENT, 3_000)
    let harness = await next(old)
    await harness.close()
    harness = await next(harness, { clean: true, opens: false })
    await failsToOpen(harness)
    harness.append(1)
    await harness.settle()
    harness.disk.crash()
    harness = await next(harness)
    await failsToOpen(harness)
    await overwrite(harness, SEGMENT, sound)
    await harness.close()
    const again = await next(harness, { clean: true, opens: true })
    await again.verify(0)
    await again.verify(1)
  })

  it('is found again wherever the start that set it aside was cut short', async () => {
    const old = await lived()
    old.disk.crash()
    const sound = old.disk.peek(SEGMENT)
    old.disk.rot(SEGMENT, 3_000)
    old.clock.kill()
    old.disk.kill()
    const at = { scheduler: old.scheduler }
    let cut = 0
    for (let calls = 1; ; calls++) {
      const [disk] = [...old.disk.crashImages(1)] as [SimDisk]
      const broken = new OperatingError('broken', 'cut')
      let seen = 0
      disk.faults.plan(({ kind }) => {
        if (kind !== 'read' && ++seen === calls) throw broken
        return null
      })
      const started = await Harness.open({ ...at, disk }, old.models, TINY, false, [0]).catch(
        (error: unknown) => {
          expect(String(error)).toContain('cut')
          return null
        },
      )
      if (started !== null) break
      cut++
      for (const [i, image] of [...disk.crashImages(4)].entries()) {
        // Repaired before the next start, or while it runs.
        if (i % 2 === 0) await overwrite({ ...at, disk: image }, SEGMENT, sound)
        const second = await Harness.open({ ...at, disk: image }, old.models, TINY, false, [0])
        if (i % 2 === 1) await overwrite({ ...at, disk: image }, SEGMENT, sound)
        await second.log(must(old.models[0], 'model'))
        await second.verify(0)
        await second.verify(1)
        second.clock.kill()
      }
    }
    expect(cut).toBeGreaterThan(20)
  })

  it('is set aside when its hole is not in the journal', async () => {
    const old = await lived()
    await old.close()
    let harness = await next(old, { clean: true, opens: true })
    harness.startEpoch(0)
    await harness.settle()
    harness.disk.crash()
    const sound = harness.disk.peek(SEGMENT)
    harness.disk.rot(SEGMENT, 3_000)
    const tail = SEGMENT.replace('.seg', '.tail')
    await harness.run(harness.disk.remove(tail))
    harness = await next(harness)
    await failsToOpen(harness)
    await overwrite(harness, SEGMENT, sound)
    await harness.log(must(harness.models[0], 'model'))
    await harness.verify(0)
    expect(harness.at(0).state.lineage.latestEpoch).toBe(1)
  })

  it('gives back all memory and files each time it fails to open', async () => {
    const old = await lived()
    old.disk.crash()
    old.disk.rot(SEGMENT, 3_000)
    const harness = await next(old)
    await failsToOpen(harness)
    const { openFiles } = harness.disk
    const { usedBytes } = harness.store.arena
    for (let i = 0; i < 5; i++) await failsToOpen(harness)
    expect(harness.disk.openFiles).toBe(openFiles)
    expect(harness.store.arena.usedBytes).toBe(usedBytes)
  })

  it('says so when what was kept of it is damaged too', async () => {
    const old = await lived()
    old.disk.crash()
    const sound = old.disk.peek(SEGMENT)
    old.disk.rot(SEGMENT, 3_000)
    const harness = await next(old)
    await overwrite(harness, SEGMENT, sound)
    const kept = harness.disk.peek(SIDE)
    harness.disk.rot(SIDE, FILE_HEADER_BYTES + 500)
    await failsToOpen(harness)
    await overwrite(harness, SIDE, kept.subarray(0, kept.length - 1))
    await failsToOpen(harness)
    await overwrite(harness, SIDE, kept)
    await harness.log(must(harness.models[0], 'model'))
    await harness.verify(0)
  })

  it('takes what was kept with it when it is removed', async () => {
    const old = await lived()
    old.disk.crash()
    old.disk.rot(SEGMENT, 3_000)
    const harness = await next(old)
    expect(await listed(harness)).toContain('unapplied.wal')
    await harness.run(harness.store.remove(partition(0)))
    expect(await listed(harness)).toEqual([])
  })
})
