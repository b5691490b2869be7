// The driver over the real storage: a quorum of one on a disk that loses power
// and quorums of three that talk through queues.
import { describe, expect, test } from 'vitest'
import { OperatingError } from '../../src/base/errors.ts'
import { CrashDisk, testCrypto } from './crash-disk.ts'
import { bytesOf, startAlone } from './raft-support.ts'

const reasonOf = async (promise: Promise<unknown>): Promise<string> => {
  const settled = await promise.then(
    () => 'resolved',
    (error: unknown) => (error instanceof OperatingError ? error.kind : String(error)),
  )
  return settled
}

describe('RaftDriver', () => {
  test('RaftDriver.start() alone leads when it resolves', async () => {
    const seen: boolean[] = []
    const { driver, clock } = await startAlone(new CrashDisk(), {
      onLeadership: (now) => seen.push(now.leading),
    })
    expect(driver.leadership).toEqual({ leading: true, leader: 1, term: 1 })
    expect(seen.at(-1)).toBe(true)
    await driver.close()
    expect(clock.pending).toBe(0)
  })

  test('RaftDriver.propose() resolves when applied, and it survives a restart', async () => {
    const disk = new CrashDisk()
    const first = await startAlone(disk)
    const { index } = await first.driver.propose(bytesOf('a'))
    expect(first.applied).toEqual(['a'])
    expect(first.driver.applied).toBe(index)
    await first.driver.close()
    const second = await startAlone(disk)
    expect(second.applied).toEqual(['a'])
    expect(second.driver.leadership.term).toBe(2)
    await second.driver.close()
  })

  test('RaftDriver.propose() shares one sync among what one turn proposed', async () => {
    const disk = new CrashDisk()
    const { driver, applied } = await startAlone(disk)
    const before = disk.syncs
    const names = Array.from({ length: 50 }, (_, i) => `p${i}`)
    await Promise.all(names.map((name) => driver.propose(bytesOf(name))))
    expect(applied).toEqual(names)
    expect(disk.syncs - before).toBe(1)
    await driver.close()
  })

  test('RaftDriver.propose() joins what arrives during a sync into the next one', async () => {
    const disk = new CrashDisk()
    const { driver, applied } = await startAlone(disk)
    let open: () => void = () => undefined
    disk.gate = new Promise((resolve) => (open = resolve))
    const before = disk.syncs
    const first = driver.propose(bytesOf('first'))
    await Promise.resolve()
    const rest = ['x', 'y', 'z'].map((name) => driver.propose(bytesOf(name)))
    disk.gate = null
    open()
    await Promise.all([first, ...rest])
    expect(applied).toEqual(['first', 'x', 'y', 'z'])
    expect(disk.syncs - before).toBe(2)
    await driver.close()
  })

  test('What RaftDriver.propose() acknowledged survives power cuts at any moment', async () => {
    for (let seed = 1; seed <= 25; seed++) {
      const { random } = testCrypto(seed)
      let disk = new CrashDisk()
      const acknowledged: string[] = []
      for (let life = 0; life < 4; life++) {
        const { driver, applied } = await startAlone(disk, { snapshotAfterBytes: 600 })
        expect(applied.filter((name) => name !== 'unknown')).toEqual(acknowledged)
        for (let i = 0; i < Math.floor(random() * 20); i++) {
          const name = `${life}.${i}`
          await driver.propose(bytesOf(name))
          acknowledged.push(name)
        }
        // The power goes while the last one is on its way.
        const last = driver.propose(bytesOf('unknown')).catch(() => undefined)
        for (let turns = random() * 20; turns > 0; turns--) await Promise.resolve()
        const before = disk
        disk = before.crash(random)
        await last
        await driver.close()
      }
    }
  })

  test('RaftDriver latches a failed sync: no acknowledgement, its owner is told once', async () => {
    const disk = new CrashDisk()
    const { driver, applied, failures } = await startAlone(disk)
    const failure = new OperatingError('broken', 'EIO')
    disk.failNext = failure
    expect(await reasonOf(driver.propose(bytesOf('lost')))).toBe('broken')
    expect(failures).toEqual([failure])
    expect(applied).toEqual([])
    expect(await reasonOf(driver.propose(bytesOf('later')))).toBe('closed')
    await driver.close()
    await driver.close()
    expect(failures.length).toBe(1)
  })

  test('RaftDriver takes snapshots that bound the log and restore the state machine', async () => {
    const disk = new CrashDisk()
    const first = await startAlone(disk, { snapshotAfterBytes: 500, keepEntries: 2 })
    const names = Array.from({ length: 200 }, (_, i) => `name-${i}`)
    for (const name of names) await first.driver.propose(bytesOf(name))
    await first.driver.close()
    const files = await disk.list('raft')
    expect(files.filter((name) => name.endsWith('.snap')).length).toBe(1)
    expect(files.filter((name) => name.endsWith('.wal')).length).toBeLessThanOrEqual(3)
    const second = await startAlone(disk)
    expect(second.applied).toEqual(names)
    await second.driver.close()
  })

  test('RaftDriver.propose() answers retry beyond the bound of what may wait', async () => {
    const disk = new CrashDisk()
    const { driver } = await startAlone(disk)
    const all = Array.from({ length: 200 }, () => reasonOf(driver.propose(new Uint8Array(100))))
    const outcomes = await Promise.all(all)
    expect(outcomes).toContain('retry')
    expect(outcomes).toContain('resolved')
    expect(await reasonOf(driver.propose(bytesOf('again')))).toBe('resolved')
    await driver.close()
  })

  test('RaftDriver.read() resolves with an index that is applied', async () => {
    const { driver } = await startAlone(new CrashDisk())
    const proposed = driver.propose(bytesOf('a'))
    const { index } = await proposed
    expect(await driver.read()).toBe(index)
    await driver.close()
    expect(await reasonOf(driver.read())).toBe('closed')
  })

  test('RaftDriver.close() is idempotent and refuses what comes after it', async () => {
    const { driver, clock } = await startAlone(new CrashDisk())
    await Promise.all([driver.close(), driver.close()])
    expect(await reasonOf(driver.propose(bytesOf('late')))).toBe('closed')
    expect(clock.pending).toBe(0)
  })
})
