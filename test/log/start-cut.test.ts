// A start that is itself cut short, at every one of its calls to the disk, must leave what the next
// start can go on from.
import { expect, it } from 'vitest'
import { OperatingError } from '../../src/base/errors.ts'
import { decodeFileHeader } from '../../src/log/journal/journal-format.ts'
import type { SimDisk } from '../sim/disk.ts'
import { Harness, TINY } from './store-harness.ts'

const OPTIONS = { ...TINY, journal: { fileBytes: 64 * 1024, filesTarget: 5, filesMax: 8 } }

it('LogStore opens after a start that was cut short while it freed the journal', async () => {
  const old = await Harness.fresh({ settings: [{ segmentBytes: 1 << 22 }, {}], options: OPTIONS })
  for (let i = 0; i < 84; i++) {
    old.append(i % 2, { size: 6_000 })
    if (i % 4 === 0) await old.scheduler.advance(2)
  }
  await old.settle()
  old.disk.crash()
  old.clock.kill()
  // The files were recycled: the order of their names is not the order in which they were written.
  const sequences: number[] = []
  for (const name of await old.run(old.disk.list('journal'))) {
    const header = decodeFileHeader(old.disk.peek(`journal/${name}`))
    if (header?.free === false) sequences.push(header.fileSequence)
  }
  expect(sequences).not.toEqual(sequences.toSorted((a, b) => a - b))
  expect(sequences.length).toBeGreaterThan(2)

  for (let calls = 1; ; calls++) {
    const [disk] = [...old.disk.crashImages(1)] as [SimDisk]
    let seen = 0
    disk.faults.plan(({ kind }) => {
      if (kind !== 'read' && ++seen === calls) throw new OperatingError('broken', 'cut')
      return null
    })
    const at = { scheduler: old.scheduler, disk }
    const started = await Harness.open(at, old.models, OPTIONS).catch(() => null)
    if (started !== null) break
    for (const image of disk.crashImages(2)) {
      const next = await Harness.open({ ...at, disk: image }, old.models, OPTIONS)
      await next.verify(0)
      await next.verify(1)
      next.clock.kill()
    }
  }
})

it('LogStore says which journal file is damaged, and what to do', async () => {
  const old = await Harness.fresh({ options: OPTIONS })
  for (let i = 0; i < 30; i++) {
    old.append(0, { size: 6_000 })
    await old.scheduler.advance(2)
  }
  await old.settle()
  old.disk.crash()
  old.clock.kill()
  const [sound] = [...old.disk.crashImages(1)] as [SimDisk]
  const at = { scheduler: old.scheduler }
  const refused = async (damage: (disk: SimDisk) => void | Promise<void>): Promise<string> => {
    const [disk] = [...sound.crashImages(1)] as [SimDisk]
    await damage(disk)
    return Harness.open({ ...at, disk }, old.models, OPTIONS).then(
      () => 'opened',
      (error: unknown) => String(error),
    )
  }
  const rotten = await refused((disk) => disk.rot('journal/00000002.wal', 20_000))
  expect(rotten).toContain('(journal/00000002.wal, byte 16378)')
  expect(rotten).toContain('`stratalog dump` of that file shows')
  expect(rotten).toContain('backup')
  const missing = await refused(async (disk) => {
    await old.scheduler.settle(disk.remove('journal/00000002.wal'))
    disk.kill()
  })
  expect(missing).toContain('(behind journal/00000001.wal, byte ')
})
