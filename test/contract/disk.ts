// What every Disk must do, run against the real file system, the memory disk and the simulator.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { OperatingError } from '../../src/base/errors.ts'
import { DIRECT_ALIGNMENT, pageAlignedMemory } from '../../src/ports/disk.ts'
import type { Disk } from '../../src/ports/disk.ts'

/** One disk under test. */
export interface DiskRig {
  readonly disk: Disk
  /** Lets time pass until the promise settles; the real disk needs no help. */
  run<T>(promise: Promise<T>): Promise<T>
  /** Files the disk holds open; the contract ends with none. */
  openFiles(): number
  close(): Promise<void>
}

/** The kind of a rejection; 'none' when there was none. */
export const kindOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'none',
    (error: unknown) => (error instanceof OperatingError ? error.kind : String(error)),
  )

const bytes = (length: number, seed: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (i * 31 + seed * 17 + (i >> 8)) & 0xff)

const readAll = async (disk: Disk, path: string): Promise<Uint8Array> => {
  const file = await disk.open(path, { mode: 'read' })
  const into = new Uint8Array((await file.size()) + 10)
  const count = await file.read(0, into)
  await file.close()
  return into.subarray(0, count)
}

/** Declares the suite for one implementation. */
export const diskContract = (name: string, makeRig: () => Promise<DiskRig>): void => {
  describe(`${name} holds the Disk contract`, () => {
    let rig: DiskRig
    beforeEach(async () => {
      rig = await makeRig()
    })
    afterEach(async () => {
      expect(rig.openFiles()).toBe(0)
      await rig.close()
    })

    const spec = (criterion: string, body: (disk: Disk) => Promise<void>): void => {
      it(criterion, () => rig.run(body(rig.disk)))
    }

    spec('writeNow() writes many parts one after the other', async (disk) => {
      const file = await disk.open('f', { mode: 'create' })
      const parts = Array.from({ length: 2500 }, (_, i) => bytes(i % 37, i))
      parts.push(bytes(300_000, 1), new Uint8Array(0), bytes(1, 2))
      file.writeNow(3, parts)
      const whole = Buffer.concat([new Uint8Array(3), ...parts])
      expect(await file.size()).toBe(whole.length)
      await file.close()
      expect(Buffer.compare(await readAll(disk, 'f'), whole)).toBe(0)
    })

    spec('writeNow() overwrites in place and keeps the size', async (disk) => {
      const file = await disk.open('f', { mode: 'create' })
      file.writeNow(0, [bytes(10_000, 1)])
      file.writeNow(5000, [Uint8Array.of(1, 2, 3)])
      const expected = bytes(10_000, 1)
      expected.set([1, 2, 3], 5000)
      await file.close()
      expect(Buffer.compare(await readAll(disk, 'f'), expected)).toBe(0)
    })

    spec('writeNow() of nothing changes nothing', async (disk) => {
      const file = await disk.open('f', { mode: 'create' })
      file.writeNow(100, [])
      file.writeNow(100, [new Uint8Array(0)])
      expect(await file.size()).toBe(0)
      await file.close()
    })

    spec('writeBehind() calls at distant positions do not disturb each other', async (disk) => {
      const file = await disk.open('f', { mode: 'create' })
      const pieces = Array.from({ length: 16 }, (_, i) => bytes(70_001, i))
      await Promise.all(pieces.map((piece, i) => file.writeBehind(i * 70_001, piece)))
      await file.sync()
      await file.close()
      expect(Buffer.compare(await readAll(disk, 'f'), Buffer.concat(pieces))).toBe(0)
    })

    spec('writeThrough() writes where it is told, beside what others write', async (disk) => {
      const file = await disk.open('f', { mode: 'create' })
      file.writeNow(0, [bytes(9000, 1)])
      const through = file.writeThrough(4096, bytes(100, 2))
      file.writeNow(9000, [bytes(50, 3)])
      await through
      await file.close()
      const wanted = Buffer.concat([bytes(9000, 1), bytes(50, 3)])
      wanted.set(bytes(100, 2), 4096)
      expect(Buffer.compare(await readAll(disk, 'f'), wanted)).toBe(0)
    })

    spec('read() gives fewer bytes only at the end, and 0 beyond it', async (disk) => {
      const file = await disk.open('f', { mode: 'create' })
      file.writeNow(0, [bytes(1000, 5)])
      const into = new Uint8Array(400)
      expect(await file.read(0, into)).toBe(400)
      expect(into).toEqual(bytes(1000, 5).subarray(0, 400))
      expect(await file.read(700, into)).toBe(300)
      expect(await file.read(1000, into)).toBe(0)
      expect(await file.read(5_000_000, into)).toBe(0)
      await file.close()
    })

    spec('a write beyond the end leaves zeros in between', async (disk) => {
      const file = await disk.open('f', { mode: 'create' })
      file.writeNow(20_000, [Uint8Array.of(9)])
      const into = new Uint8Array(20_001).fill(1)
      expect(await file.read(0, into)).toBe(20_001)
      expect(into.subarray(0, 20_000).every((byte) => byte === 0)).toBe(true)
      expect(into[20_000]).toBe(9)
      await file.close()
    })

    spec('truncate() cuts for good: growth reads as zeros', async (disk) => {
      const file = await disk.open('f', { mode: 'create' })
      file.writeNow(0, [bytes(10_000, 3)])
      await file.truncate(5001)
      await file.truncate(9000)
      const into = new Uint8Array(10_000)
      expect(await file.read(0, into)).toBe(9000)
      expect(into.subarray(0, 5001)).toEqual(bytes(10_000, 3).subarray(0, 5001))
      expect(into.subarray(5001, 9000).every((byte) => byte === 0)).toBe(true)
      await file.close()
    })

    spec('direct files take aligned writes and reads where `direct` says so', async (disk) => {
      const file = await disk.open('f', { mode: 'create', direct: true })
      const memory = pageAlignedMemory(128 * 1024)
      memory.set(bytes(128 * 1024, 7))
      await file.writeBehind(DIRECT_ALIGNMENT, memory)
      await file.writeBehind(0, memory.subarray(0, DIRECT_ALIGNMENT))
      await file.sync()
      memory.fill(0)
      expect(await file.read(DIRECT_ALIGNMENT * 2, memory)).toBe(128 * 1024 - DIRECT_ALIGNMENT)
      expect(memory[0]).toBe(bytes(128 * 1024, 7)[DIRECT_ALIGNMENT])
      await file.close()
    })

    spec('direct reads stop at an end that is not aligned', async (disk) => {
      const plain = await disk.open('f', { mode: 'create' })
      plain.writeNow(0, [bytes(DIRECT_ALIGNMENT * 3 + 77, 1)])
      await plain.sync()
      await plain.close()
      const file = await disk.open('f', { mode: 'read', direct: true })
      expect(await file.read(0, pageAlignedMemory(65536))).toBe(DIRECT_ALIGNMENT * 3 + 77)
      await file.close()
    })

    spec('open() tells absent from taken', async (disk) => {
      expect(await kindOf(disk.open('no', { mode: 'read' }))).toBe('absent')
      expect(await kindOf(disk.open('no', { mode: 'write' }))).toBe('absent')
      expect(await kindOf(disk.open('no/f', { mode: 'create' }))).toBe('absent')
      await (await disk.open('f', { mode: 'create' })).close()
      expect(await kindOf(disk.open('f', { mode: 'create' }))).toBe('refused')
      await disk.makeDirectory('d')
      expect(await kindOf(disk.open('d', { mode: 'write' }))).toBe('refused')
      await expect(disk.open('no', { mode: 'read' })).rejects.toThrow('no')
    })

    spec('a file opened to read refuses writes', async (disk) => {
      await (await disk.open('f', { mode: 'create' })).close()
      const file = await disk.open('f', { mode: 'read' })
      expect(() => file.writeNow(0, [Uint8Array.of(1)])).toThrow(OperatingError)
      expect(await file.size()).toBe(0)
      await file.close()
    })

    spec('close() may be called twice, and nothing works after it', async (disk) => {
      const file = await disk.open('f', { mode: 'create' })
      await file.close()
      await file.close()
      expect(() => file.writeNow(0, [Uint8Array.of(1)])).toThrow('closed')
      await expect(file.sync()).rejects.toThrow('closed')
    })

    spec('directories are made with their parents and list sorted', async (disk) => {
      await disk.makeDirectory('a/b/c')
      await disk.makeDirectory('a/b')
      for (const name of ['z', 'B', 'b']) {
        await (await disk.open(`a/${name === 'b' ? 'bb' : name}`, { mode: 'create' })).close()
      }
      expect(await disk.list('a')).toEqual(['B', 'b/', 'bb', 'z'])
      expect(await disk.list('')).toEqual(['a/'])
      expect(await disk.list('a/b/c')).toEqual([])
      expect(await disk.list('nowhere')).toEqual([])
      await disk.syncDirectory('a')
      await disk.syncDirectory('')
      expect(await kindOf(disk.syncDirectory('nowhere'))).toBe('absent')
      expect(await kindOf(disk.makeDirectory('a/z'))).toBe('refused')
    })

    spec('rename() replaces, moves between directories, and needs a source', async (disk) => {
      await disk.makeDirectory('d')
      for (const [name, byte] of [['one', 1] as const, ['two', 2] as const]) {
        const file = await disk.open(name, { mode: 'create' })
        file.writeNow(0, [Uint8Array.of(byte)])
        await file.close()
      }
      await disk.rename('one', 'two')
      expect(await disk.list('')).toEqual(['d/', 'two'])
      await disk.rename('two', 'd/three')
      expect(await readAll(disk, 'd/three')).toEqual(Uint8Array.of(1))
      expect(await kindOf(disk.rename('one', 'two'))).toBe('absent')
      expect(await kindOf(disk.rename('d/three', 'no/where'))).toBe('absent')
    })

    spec('remove() takes files and whole trees, and an absent path is no error', async (disk) => {
      await disk.makeDirectory('a/b')
      await (await disk.open('a/b/f', { mode: 'create' })).close()
      await disk.remove('a')
      await disk.remove('a')
      await disk.remove('nowhere/at/all')
      expect(await disk.list('')).toEqual([])
    })

    spec('an open file outlives the removal of its name', async (disk) => {
      const file = await disk.open('f', { mode: 'create' })
      file.writeNow(0, [bytes(100, 1)])
      await disk.remove('f')
      const into = new Uint8Array(100)
      expect(await file.read(0, into)).toBe(100)
      expect(into).toEqual(bytes(100, 1))
      await file.close()
    })

    spec('freeBytes() is a positive number', async (disk) => {
      expect(await disk.freeBytes()).toBeGreaterThan(0)
    })

    spec('lock() excludes a second holder until it is released', async (disk) => {
      const release = await disk.lock('LOCK')
      const second = disk.lock('LOCK')
      expect(await kindOf(second)).toBe('refused')
      await release()
      await release()
      const again = await disk.lock('LOCK')
      expect(await kindOf(disk.lock('LOCK'))).toBe('refused')
      await release()
      expect(await kindOf(disk.lock('LOCK'))).toBe('refused')
      await again()
    })

    spec('paths that leave the root are a bug', async (disk) => {
      for (const path of ['/etc/passwd', '../f', 'a/../../f']) {
        await expect(disk.open(path, { mode: 'read' })).rejects.toThrow('disk path')
      }
    })
  })
}
