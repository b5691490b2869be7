// A compactor at work on a store: when it compacts, what it tells, how it ends, and what it does
// with a disk that fails.
import { afterEach, describe, expect, test } from 'vitest'
import { OperatingError } from '../../../src/base/errors.ts'
import type { Compactor } from '../../../src/log/compaction/compactor.ts'
import { RetentionSweeper } from '../../../src/log/retention/sweeper.ts'
import type { DiskCall } from '../../sim/disk-faults.ts'
import { partition } from '../store-harness.ts'
import { CompactedBed, compacted } from './bed.ts'

const open: { bed: CompactedBed; compactor: Compactor }[] = []

async function begin(...given: Parameters<typeof CompactedBed.fresh>): Promise<CompactedBed> {
  const bed = await CompactedBed.fresh(...given)
  return bed
}

function start(
  bed: CompactedBed,
  change: Parameters<CompactedBed['compactor']>[0] = {},
): Compactor {
  const compactor = bed.compactor(change)
  open.push({ bed, compactor })
  compactor.start()
  return compactor
}

afterEach(async () => {
  for (const { bed, compactor } of open.splice(0)) {
    await bed.harness.run(compactor.close())
    await bed.harness.close()
    expect(bed.harness.failures).toEqual([])
    expect(bed.disk.openFiles).toBe(0)
  }
})

/** Sealed segments of one batch each that all write the same three keys. */
async function fill(bed: CompactedBed, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    bed.append(['a', 'b', 'c'].map((key) => [key, `${key}${i}`.repeat(30)] as const))
    await bed.roll()
  }
}

const count = (bed: CompactedBed, event: string): number =>
  bed.harness.telemetry.events.filter((line) => line.endsWith(event)).length

describe('Compactor', () => {
  test('compacts what is due, once, and again when more is', async () => {
    const bed = await begin()
    await fill(bed, 4)
    start(bed)
    await bed.harness.scheduler.advance(5_000)
    expect((await bed.records()).map((record) => record.offset)).toEqual([9, 10, 11])
    expect(count(bed, 'partition compacted')).toBe(1)
    await fill(bed, 2)
    await bed.harness.scheduler.advance(5_000)
    expect((await bed.records()).map((record) => record.offset)).toEqual([15, 16, 17])
    const done = count(bed, 'partition compacted')
    expect(done).toBeGreaterThan(1)
    await bed.harness.scheduler.advance(20_000)
    expect(count(bed, 'partition compacted')).toBe(done)
    await bed.check()
  })

  test('ends the active segment so that nothing is older than max.compaction.lag.ms', async () => {
    const bed = await begin(compacted({}, { lagMaxMs: 60_000, dirtyRatioMin: 1 }))
    bed.append([['a', '1']])
    bed.append([['a', '2']])
    start(bed)
    await bed.harness.scheduler.advance(30_000)
    expect(bed.log.segments).toHaveLength(1)
    await bed.harness.scheduler.advance(60_000)
    expect((await bed.records()).map((record) => record.value)).toEqual(['2'])
  })

  test('keeps a tombstone for delete.retention.ms after it was first cleaned [D1]', async () => {
    const bed = await begin(compacted({}, { deleteRetentionMs: 50_000 }))
    bed.append([
      ['a', '1'],
      ['b', '1'],
    ])
    bed.append([['a', null]])
    await bed.roll()
    start(bed)
    const keys = async (): Promise<unknown[]> =>
      (await bed.records()).map(({ key, value }) => [key, value])
    await bed.harness.scheduler.advance(10_000)
    expect(await keys()).toEqual([
      ['b', '1'],
      ['a', null],
    ])
    await bed.harness.scheduler.advance(35_000)
    bed.append([['c', '1']])
    await bed.roll()
    await bed.harness.scheduler.advance(5_000)
    expect(await keys()).toEqual([
      ['b', '1'],
      ['a', null],
      ['c', '1'],
    ])
    await bed.harness.scheduler.advance(10_000)
    bed.append([['c', '2']])
    await bed.roll()
    await bed.harness.scheduler.advance(5_000)
    expect(await keys()).toEqual([
      ['b', '1'],
      ['c', '2'],
    ])
  })

  test('compacts and deletes with both policies [D3]', async () => {
    const given = compacted({ deletes: true, retentionMs: 100_000, segmentBytes: 300 })
    const bed = await begin(given)
    await fill(bed, 4)
    bed.append([['d', 'x'.repeat(200)]])
    await bed.roll()
    start(bed)
    const { clock, telemetry, store } = bed.harness
    const sweeper = new RetentionSweeper(
      {
        clock,
        telemetry,
        background: (name, work) => store.background(name, work),
        partitions: () => [
          {
            log: bed.log,
            limit: () => bed.log.nextOffset,
            archive: null,
            advance: (to) => bed.log.advanceLogStart(to),
          },
        ],
      },
      { checkMs: 1_000 },
    )
    sweeper.start()
    await bed.harness.scheduler.advance(50_000)
    expect((await bed.records()).map((record) => record.offset)).toEqual([9, 10, 11, 12])
    expect(bed.log.logStart).toBe(0)
    bed.append([['e', 'new']])
    await bed.roll()
    await bed.harness.scheduler.advance(60_000)
    await bed.harness.run(sweeper.close())
    expect((await bed.records()).map((record) => record.key)).toEqual(['e'])
    expect(bed.log.logStart).toBe(13)
  })

  test('leaves nothing behind when it is closed in the middle', async () => {
    for (let steps = 1; steps < 14; steps++) {
      const bed = await begin(compacted({ segmentBytes: 600 }))
      await fill(bed, 4)
      const job = bed.job()
      for (let i = 0; i < steps; i++) await bed.harness.run(job.step())
      await bed.harness.run(job.abort())
      expect((await bed.files()).filter((name) => !name.endsWith('.seg'))).toEqual([])
      await bed.check()
      await bed.harness.close()
      expect(bed.disk.openFiles).toBe(0)
    }
  })

  test('ends cleanly when the topic is deleted in the middle', async () => {
    for (let steps = 1; steps < 14; steps++) {
      const bed = await begin(compacted({ segmentBytes: 600 }))
      await fill(bed, 4)
      const job = bed.job()
      for (let i = 0; i < steps; i++) await bed.harness.run(job.step())
      const going = job.step()
      await bed.harness.run(bed.harness.store.remove(partition(0)))
      await going
      expect(await bed.harness.run(job.step())).toBe(false)
      expect(await bed.files()).toEqual([])
      await bed.harness.close()
      expect([bed.disk.openFiles, bed.harness.failures.length]).toEqual([0, 0])
    }
  })

  test('lets a full disk pass, and tries again', async () => {
    const bed = await begin()
    await fill(bed, 4)
    bed.disk.faults.failNth('write', 1, 'ENOSPC', '.cleaned')
    start(bed)
    await bed.harness.scheduler.advance(30_000)
    expect(count(bed, 'partition cannot be compacted')).toBe(1)
    expect(await bed.records()).toHaveLength(12)
    expect((await bed.files()).filter((name) => !name.endsWith('.seg'))).toEqual([])
    bed.append([['z', 'goes on']])
    await bed.harness.scheduler.advance(60_000)
    expect((await bed.records()).map((record) => record.offset)).toEqual([9, 10, 11, 12])
    await bed.check()
  })

  test('leaves a damaged partition alone, and all that can be read of it', async () => {
    const bed = await begin()
    await fill(bed, 4)
    bed.disk.rot('topics/00000000-0000-4000-8000-0000000000aa/0/00000000000000000003.seg', 100)
    start(bed)
    await bed.harness.scheduler.advance(600_000)
    expect(count(bed, 'partition cannot be compacted')).toBe(1)
    expect(await bed.files()).toHaveLength(4)
    bed.append([['z', 'goes on']])
    await bed.harness.settle()
    expect((await bed.records(6)).map((record) => record.offset)).toEqual([6, 7, 8, 9, 10, 11, 12])
  })

  const calls: [DiskCall['kind'], string][] = [
    ['open', '.cleaned'],
    ['write', '.cleaned'],
    ['sync', '.cleaned'],
    ['entries', '.cleaned'],
    ['syncDirectory', '/0'],
    ['read', '.seg'],
    ['entries', '3.seg'],
  ]
  test.each(calls)('loses nothing when %s of %s fails, however often', async (kind, path) => {
    let failed = 0
    for (let nth = 1; nth < 8; nth++) {
      const bed = await begin(compacted({ segmentBytes: 600 }))
      await fill(bed, 5)
      bed.disk.faults.failNth(kind, nth, 'EIO', path)
      await bed.compact().catch((error: unknown) => {
        if (!(error instanceof OperatingError)) throw error
        failed++
      })
      await bed.check()
      bed.append([['z', 'goes on']])
      await bed.harness.settle()
      bed.harness.clock.kill()
      const { scheduler } = bed.harness
      for (const image of bed.disk.crashImages(4)) {
        const again = await CompactedBed.on({ scheduler, disk: image }, bed.log.settings, bed.all)
        await again.check(15)
        await again.harness.close()
      }
    }
    expect(failed).toBeGreaterThan(0)
  })

  test('holds itself back to its share of bytes', async () => {
    const bed = await begin(compacted({ segmentBytes: 4_000_000 }))
    for (let i = 0; i < 6; i++) {
      bed.append([[`k${i}`, 'x'.repeat(200_000)]])
      await bed.harness.settle()
    }
    await bed.roll()
    start(bed, { bytesPerSecondMax: 500_000 })
    await bed.harness.scheduler.advance(3_000)
    expect(count(bed, 'partition compacted')).toBe(0)
    await bed.harness.scheduler.advance(7_000)
    expect(count(bed, 'partition compacted')).toBe(1)
  })
})
