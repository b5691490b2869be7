import { describe, expect, it } from 'vitest'
import { Prng } from '../../src/base/prng.ts'
import type { DiskFile } from '../../src/ports/disk.ts'
import { diskContract, kindOf } from '../contract/disk.ts'
import { Scheduler } from './clock.ts'
import { SimDisk } from './disk.ts'
import { SECTOR } from './disk-nodes.ts'
import type { SimDiskOptions } from './disk.ts'

for (const seed of [1, 2]) {
  diskContract(`SimDisk with seed ${seed}`, async () => {
    const scheduler = new Scheduler({ shuffle: new Prng(seed) })
    const disk = new SimDisk(scheduler, new Prng(seed))
    return {
      disk,
      run: (promise) => scheduler.settle(promise),
      openFiles: () => disk.openFiles,
      close: async () => {},
    }
  })
}

const make = (seed = 1, options: SimDiskOptions = {}): { scheduler: Scheduler; disk: SimDisk } => {
  const scheduler = new Scheduler()
  return { scheduler, disk: new SimDisk(scheduler, new Prng(seed), options) }
}

/** A file whose name and first content are durable. */
const durable = async (disk: SimDisk, path: string, content: Uint8Array): Promise<DiskFile> => {
  const file = await disk.open(path, { mode: 'create' })
  file.writeNow(0, [content])
  await file.sync()
  await disk.syncDirectory('')
  return file
}

const sectorsOf = (bytes: Uint8Array): string => {
  let kinds = ''
  for (let at = 0; at < bytes.length; at += SECTOR) {
    const sector = bytes.subarray(at, at + SECTOR)
    kinds += sector.every((byte) => byte === sector[0]) ? String(sector[0]) : '?'
  }
  return kinds
}

describe('SimDisk crash', () => {
  it('keeps what was synced in every image', async () => {
    const { scheduler, disk } = make()
    await scheduler.settle(durable(disk, 'f', new Uint8Array(10_000).fill(7)))
    for (const image of disk.crashImages(50)) {
      expect(image.peek('f').every((byte) => byte === 7)).toBe(true)
      expect(image.peek('f')).toHaveLength(10_000)
    }
  })

  it('leaves unsynced writes kept, lost, torn at sectors and out of order', async () => {
    const { scheduler, disk } = make()
    const file = await scheduler.settle(durable(disk, 'f', new Uint8Array(8192)))
    file.writeNow(0, [new Uint8Array(4096).fill(1)])
    file.writeNow(4096, [new Uint8Array(4096).fill(2)])
    const seen = new Set([...disk.crashImages(300)].map((image) => sectorsOf(image.peek('f'))))
    expect(seen).toContain('0000000000000000')
    expect(seen).toContain('1111111122222222')
    expect([...seen].every((kinds) => /^[01]{8}[02]{8}$/.test(kinds))).toBe(true)
    // The second write without the first, and pages of both old and new sectors.
    expect([...seen].some((kinds) => /^0+2/.test(kinds))).toBe(true)
    expect(seen.size).toBeGreaterThan(50)
  })

  it('begins its images with all lost, then all kept', async () => {
    const { scheduler, disk } = make()
    const file = await scheduler.settle(durable(disk, 'f', Uint8Array.of(1)))
    file.writeNow(0, [Uint8Array.of(2), new Uint8Array(5000).fill(3)])
    const [lost, kept] = [...disk.crashImages(2)]
    expect(lost?.peek('f')).toEqual(Uint8Array.of(1))
    expect(kept?.peek('f')).toEqual(disk.peek('f'))
  })

  it('may lose a created, renamed or removed entry until the directory is synced', async () => {
    const { scheduler, disk } = make()
    const work = async (): Promise<void> => {
      await (await durable(disk, 'old', Uint8Array.of(1))).close()
      const file = await disk.open('new', { mode: 'create' })
      file.writeNow(0, [Uint8Array.of(2)])
      await file.sync()
      await file.close()
      await disk.rename('new', 'old')
    }
    await scheduler.settle(work())
    const look = async (): Promise<Set<string>> => {
      const seen = new Set<string>()
      for (const image of disk.crashImages(60)) {
        const names = await scheduler.settle(image.list(''))
        seen.add(names.map((name) => `${name}=${image.peek(name).join()}`).join(' '))
      }
      return seen
    }
    expect((await look()).has('old=1')).toBe(true)
    expect((await look()).has('old=2')).toBe(true)
    expect((await look()).has('new=2 old=1')).toBe(true)
    await scheduler.settle(disk.syncDirectory(''))
    expect(await look()).toEqual(new Set(['old=2']))
  })

  it('a file that was never synced may be there and empty', async () => {
    const { scheduler, disk } = make()
    const work = async (): Promise<void> => {
      const file = await disk.open('f', { mode: 'create' })
      file.writeNow(0, [Uint8Array.of(1)])
      await disk.syncDirectory('')
    }
    await scheduler.settle(work())
    const sizes = new Set([...disk.crashImages(30)].map((image) => image.peek('f').length))
    expect(sizes).toEqual(new Set([0, 1]))
  })

  it('covers by a sync only what was complete when it began', async () => {
    const { scheduler, disk } = make()
    const file = await scheduler.settle(durable(disk, 'f', new Uint8Array(4096 * 3)))
    file.writeNow(0, [new Uint8Array(4096).fill(1)])
    const syncing = file.sync()
    file.writeNow(4096, [new Uint8Array(4096).fill(2)])
    await scheduler.settle(syncing)
    const [lost] = [...disk.crashImages(1)]
    expect(sectorsOf(lost?.peek('f') ?? new Uint8Array(0))).toBe('111111110000000000000000')
  })

  it('writeThrough() makes its own bytes durable and no others', async () => {
    const { scheduler, disk } = make()
    const file = await scheduler.settle(durable(disk, 'f', new Uint8Array(8192)))
    file.writeNow(0, [new Uint8Array(8192).fill(1)])
    await scheduler.settle(file.writeThrough(0, new Uint8Array(4096).fill(2)))
    const [lost] = [...disk.crashImages(1)]
    expect(sectorsOf(lost?.peek('f') ?? new Uint8Array(0))).toBe('2222222200000000')
  })

  it('a write still under way is not made durable by a sync', async () => {
    const latencies = { transferMs: [50, 50], syncMs: [1, 1], entriesMs: [0, 0] } as const
    const { scheduler, disk } = make(1, { latencies })
    const file = await scheduler.settle(durable(disk, 'f', new Uint8Array(4096)))
    const writing = file.writeBehind(0, new Uint8Array(4096).fill(1))
    await scheduler.settle(file.sync())
    const [lost] = [...disk.crashImages(1)]
    expect(sectorsOf(lost?.peek('f') ?? new Uint8Array(0))).toBe('00000000')
    await scheduler.settle(writing)
    await scheduler.settle(file.sync())
    const [kept] = [...disk.crashImages(1)]
    expect(sectorsOf(kept?.peek('f') ?? new Uint8Array(0))).toBe('11111111')
  })

  it('a failed sync leaves its writes in doubt, whatever syncs come later', async () => {
    const { scheduler, disk } = make()
    const file = await scheduler.settle(durable(disk, 'f', new Uint8Array(8192)))
    file.writeNow(0, [new Uint8Array(4096).fill(1)])
    disk.faults.failNth('sync', 1, 'EIO')
    expect(await scheduler.settle(kindOf(file.sync()))).toBe('broken')
    expect(await scheduler.settle(kindOf(file.sync()))).toBe('broken')
    expect(() => file.writeNow(0, [Uint8Array.of(1)])).toThrow('EIO')
    const again = await scheduler.settle(disk.open('f', { mode: 'write' }))
    again.writeNow(4096, [new Uint8Array(4096).fill(2)])
    await scheduler.settle(again.sync())
    expect(sectorsOf(disk.peek('f'))).toBe('1111111122222222')
    const [lost] = [...disk.crashImages(1)]
    expect(sectorsOf(lost?.peek('f') ?? new Uint8Array(0))).toBe('0000000022222222')
  })

  it('crash() kills the process: nothing it awaits settles, its locks are free', async () => {
    const { scheduler, disk } = make()
    const file = await scheduler.settle(durable(disk, 'f', Uint8Array.of(1)))
    await scheduler.settle(disk.lock('LOCK'))
    let settled = false
    const mark = (): void => {
      settled = true
    }
    file.sync().then(mark, mark)
    disk.crash()
    await scheduler.runUntilIdle()
    expect(settled).toBe(false)
    expect(() => file.writeNow(0, [Uint8Array.of(1)])).toThrow('dead process')
    await scheduler.settle(disk.lock('LOCK'))
    expect(disk.openFiles).toBe(0)
  })

  it('kill() keeps what was written, synced or not', async () => {
    const { scheduler, disk } = make()
    const file = await scheduler.settle(durable(disk, 'f', Uint8Array.of(1)))
    file.writeNow(0, [Uint8Array.of(2)])
    disk.kill()
    expect(disk.peek('f')).toEqual(Uint8Array.of(2))
    const [lost] = [...disk.crashImages(1)]
    expect(lost?.peek('f')).toEqual(Uint8Array.of(1))
  })

  it('kill() does not end a write that the system has been given: a later sync has it', async () => {
    const { scheduler, disk } = make()
    const file = await scheduler.settle(durable(disk, 'f', Uint8Array.of(1)))
    void file.writeBehind(0, Uint8Array.of(2))
    disk.kill()
    const again = await scheduler.settle(disk.open('f', { mode: 'write' }))
    await scheduler.settle(again.sync())
    for (const image of disk.crashImages(10)) expect(image.peek('f')).toEqual(Uint8Array.of(2))
  })

  it('a truncation may be lost, and unwritten room may hold garbage', async () => {
    const { scheduler, disk } = make(3, { garbage: true })
    const file = await scheduler.settle(durable(disk, 'f', new Uint8Array(100).fill(1)))
    await scheduler.settle(file.truncate(0))
    const sizes = new Set([...disk.crashImages(40)].map((image) => image.peek('f').length))
    expect(sizes).toEqual(new Set([0, 100]))
    await scheduler.settle(file.sync())
    file.writeNow(0, [new Uint8Array(40_960).fill(2)])
    const seen = [...disk.crashImages(60)].map((image) => sectorsOf(image.peek('f'))).join('')
    expect(seen).toContain('?')
  })

  it('gives the same images for the same seed', async () => {
    const trace = async (seed: number): Promise<string> => {
      const { scheduler, disk } = make(seed)
      const file = await scheduler.settle(durable(disk, 'f', new Uint8Array(16_384)))
      for (let i = 0; i < 8; i++) file.writeNow(i * 2000, [new Uint8Array(3000).fill(i + 1)])
      const images = [...disk.crashImages(10)].map((image) => image.peek('f').join())
      return `${scheduler.nowMs} ${images.join('|')}`
    }
    expect(await trace(5)).toBe(await trace(5))
    expect(await trace(5)).not.toBe(await trace(6))
  })
})

describe('SimDisk faults', () => {
  it('strike the chosen call, once, and are counted', async () => {
    const { scheduler, disk } = make()
    const file = await scheduler.settle(durable(disk, 'f', new Uint8Array(100)))
    disk.faults.failNth('read', 2, 'EIO')
    const read = (): Promise<string> => scheduler.settle(kindOf(file.read(0, new Uint8Array(9))))
    expect([await read(), await read(), await read()]).toEqual(['none', 'corrupt', 'none'])
    disk.faults.failNth('write', 1, 'ENOSPC', 'f')
    expect(() => file.writeNow(0, [Uint8Array.of(1)])).toThrow('ENOSPC')
    file.writeNow(0, [Uint8Array.of(1)])
    expect(disk.faults.counts).toMatchObject({ EIO: 1, ENOSPC: 1 })
  })

  it('a disk of bounded capacity is full beyond it and frees what is removed', async () => {
    const { scheduler, disk } = make(1, { capacityBytes: 65_536 })
    const file = await scheduler.settle(durable(disk, 'f', new Uint8Array(60_000).fill(1)))
    expect(() => file.writeNow(60_000, [new Uint8Array(20_000)])).toThrow('ENOSPC')
    await scheduler.settle(file.close())
    await scheduler.settle(disk.remove('f'))
    expect(await scheduler.settle(disk.freeBytes())).toBe(65_536)
  })

  it('a misdirected write lands elsewhere and reports success', async () => {
    const { scheduler, disk } = make()
    const file = await scheduler.settle(durable(disk, 'f', new Uint8Array(40_960)))
    disk.faults.failNth('write', 1, 'misdirect')
    file.writeNow(8192, [new Uint8Array(512).fill(1)])
    const sectors = sectorsOf(disk.peek('f'))
    expect(sectors[16]).toBe('0')
    expect(sectors.split('1')).toHaveLength(2)
  })

  it('rot() flips one bit, now and after a crash', async () => {
    const { scheduler, disk } = make()
    await scheduler.settle(durable(disk, 'f', new Uint8Array(10_000)))
    disk.rot('f', 5000)
    disk.crash()
    const bits = disk
      .peek('f')
      .reduce((sum, byte) => sum + byte.toString(2).replaceAll('0', '').length, 0)
    expect(bits).toBe(1)
    expect(disk.peek('f')[5000]).not.toBe(0)
  })

  it('drawn faults follow their rates', async () => {
    const { scheduler, disk } = make()
    disk.faults.rates = { readEio: 0.3 }
    const file = await scheduler.settle(durable(disk, 'f', new Uint8Array(10)))
    for (let i = 0; i < 200; i++) await scheduler.settle(kindOf(file.read(0, new Uint8Array(1))))
    expect(disk.faults.counts.EIO).toBeGreaterThan(30)
    expect(disk.faults.counts.EIO).toBeLessThan(90)
  })

  it('finds a caller that changes bytes while they are being written', async () => {
    const { scheduler, disk } = make()
    const file = await scheduler.settle(durable(disk, 'f', new Uint8Array(10)))
    const bytes = new Uint8Array(10)
    const writing = file.writeBehind(0, bytes)
    bytes[3] = 1
    await expect(scheduler.settle(writing)).rejects.toThrow('do not change')
  })
})
