import { describe, expect, it } from 'vitest'
import { Prng } from '../../src/base/prng.ts'
import { offset } from '../../src/base/units.ts'
import { LogBounds, decodeLogStart, loadLogStart, saveLogStart } from '../../src/log/log-start.ts'
import type { LogStarts } from '../../src/log/log-start.ts'
import { Scheduler } from '../sim/clock.ts'
import { SimDisk } from '../sim/disk.ts'
import { flipped } from './batches.ts'

const starts = (log: number, local: number = log): LogStarts => ({
  log: offset(log),
  local: offset(local),
})

/** Bounds that begin at 0, and what was written of them; writes fail while `broken`. */
class Rig {
  readonly written: [number, number][] = []
  broken = false
  readonly bounds = new LogBounds(starts(0), async ({ log, local }) => {
    await Promise.resolve()
    if (this.broken) throw new Error('broken')
    this.written.push([log, local])
  })
}

describe('LogBounds', () => {
  it('writes what is higher, and nothing that is not', async () => {
    const { bounds, written } = new Rig()
    await bounds.save(starts(0, 10))
    expect([bounds.log, bounds.local]).toEqual([0, 0])
    bounds.raise(starts(0, 10))
    expect([bounds.log, bounds.local]).toEqual([0, 10])
    await bounds.save(starts(0, 10))
    await bounds.save(starts(0, 5))
    expect(written).toEqual([[0, 10]])
    await bounds.save(starts(4))
    bounds.raise(starts(4))
    expect([bounds.log, bounds.local]).toEqual([4, 10])
    await bounds.save(starts(20))
    bounds.raise(starts(20))
    expect([bounds.log, bounds.local]).toEqual([20, 20])
    expect(written).toEqual([
      [0, 10],
      [4, 10],
      [20, 20],
    ])
  })

  it('never writes lower ones after higher, whenever they are raised', async () => {
    const { bounds, written } = new Rig()
    await Promise.all([
      bounds.save(starts(10)),
      bounds.save(starts(5, 20)),
      bounds.save(starts(7)),
      bounds.save(starts(10, 15)),
    ])
    expect(written).toEqual([
      [10, 10],
      [10, 20],
    ])
  })

  it('writes again what could not be written', async () => {
    const rig = new Rig()
    rig.broken = true
    const failed = rig.bounds.save(starts(3))
    const behind = rig.bounds.save(starts(2, 9))
    await expect(failed).rejects.toThrow('broken')
    await expect(behind).rejects.toThrow('broken')
    await rig.bounds.settle()
    rig.broken = false
    await rig.bounds.save(starts(3))
    expect(rig.written).toEqual([[3, 3]])
  })

  it('only ever rises, whatever is saved and raised', async () => {
    const prng = new Prng(5)
    for (let round = 0; round < 100; round++) {
      const rig = new Rig()
      const work: Promise<void>[] = []
      for (let i = 0; i < 12; i++) {
        const log = prng.below(100)
        const to = starts(log, prng.chance(0.5) ? log : log + prng.below(100))
        work.push(
          rig.bounds.save(to).then(async () => {
            if (prng.chance(0.5)) await Promise.resolve()
            rig.bounds.raise(to)
          }),
        )
        if (prng.chance(0.3)) await Promise.resolve()
      }
      await Promise.all(work)
      rig.written.forEach(([log, local], i) => {
        const [lastLog = 0, lastLocal = 0] = rig.written[i - 1] ?? []
        expect(log).toBeGreaterThanOrEqual(lastLog)
        expect(local).toBeGreaterThanOrEqual(lastLocal)
        expect(local).toBeGreaterThanOrEqual(log)
      })
      expect([rig.bounds.log, rig.bounds.local]).toEqual(rig.written.at(-1))
    }
  })
})

describe('saveLogStart()', () => {
  const at = async (disk: SimDisk): Promise<LogStarts> =>
    loadLogStart(disk, 'p', await disk.list('p'))

  it('is read back, from every state that a power cut leaves', async () => {
    const scheduler = new Scheduler()
    const disk = new SimDisk(scheduler, new Prng(2), { garbage: true })
    await scheduler.settle(disk.makeDirectory('p'))
    await scheduler.settle(disk.syncDirectory('p'))
    await scheduler.settle(disk.syncDirectory(''))
    const history = [starts(0), starts(3), starts(3, 9), starts(7, 9), starts(12)]
    for (const [i, next] of history.entries()) {
      if (i === 0) continue
      const saving = saveLogStart(disk, 'p', next)
      for (let turn = 0; turn < 6; turn++) {
        await scheduler.advance(0.4)
        for (const image of disk.crashImages(8)) {
          expect([history[i - 1], next]).toContainEqual(await scheduler.settle(at(image)))
        }
      }
      await scheduler.settle(saving)
      for (const image of disk.crashImages(8)) {
        expect(await scheduler.settle(at(image))).toEqual(next)
      }
    }
  })

  it.each([starts(5), starts(5, 77)])('is refused with any bit turned over: %o', async (saved) => {
    const scheduler = new Scheduler()
    const disk = new SimDisk(scheduler, new Prng(2))
    await scheduler.settle(disk.makeDirectory('p'))
    await scheduler.settle(saveLogStart(disk, 'p', saved))
    const bytes = disk.peek('p/log-start')
    expect(decodeLogStart(bytes)).toEqual(saved)
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      expect(decodeLogStart(flipped(bytes, bit))).toBeNull()
    }
    for (let size = 0; size < bytes.length; size++) {
      expect(decodeLogStart(bytes.subarray(0, size))).toBeNull()
    }
  })
})
