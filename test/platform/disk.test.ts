import { spawn } from 'node:child_process'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openDisk } from '../../src/platform/disk.ts'
import { diskError } from '../../src/platform/disk-error.ts'
import { PlatformFile } from '../../src/platform/disk-file.ts'
import { createMemoryDisk } from '../../src/platform/memory-disk.ts'
import type { Disk } from '../../src/ports/disk.ts'
import { startHolder } from './lock-holder-process.ts'
import { diskContract, kindOf } from '../contract/disk.ts'

const temporary = (parent = tmpdir()): string => fs.mkdtempSync(join(parent, 'disk-'))

const openBelow = (root: string): number => {
  let count = 0
  for (const fd of fs.readdirSync('/proc/self/fd')) {
    try {
      if (fs.readlinkSync(`/proc/self/fd/${fd}`).startsWith(root)) count++
    } catch {
      // The descriptor of this very listing is gone.
    }
  }
  return count
}

const contractOn = (name: string, parent: string): void => {
  diskContract(name, async () => {
    const root = temporary(parent)
    return {
      disk: await openDisk(root),
      run: (promise) => promise,
      openFiles: () => openBelow(root),
      close: async () => fs.rmSync(root, { recursive: true }),
    }
  })
}

contractOn('openDisk()', tmpdir())
if (fs.existsSync('/dev/shm')) contractOn('openDisk() on tmpfs', '/dev/shm')

diskContract('createMemoryDisk()', async () => ({
  disk: createMemoryDisk(64 * 1024 * 1024),
  run: (promise) => promise,
  openFiles: () => 0,
  close: async () => {},
}))

describe('openDisk()', () => {
  let root: string
  let disk: Disk
  beforeEach(async () => {
    root = temporary()
    disk = await openDisk(join(root, 'made', 'on the way'))
  })
  afterEach(() => fs.rmSync(root, { recursive: true }))

  it('refuses a root that is a file', async () => {
    fs.writeFileSync(join(root, 'file'), '')
    expect(await kindOf(openDisk(join(root, 'file')))).toBe('refused')
  })

  it('lock() holds between processes, names the holder, and dies with it', async () => {
    const path = join(root, 'made', 'on the way')
    const first = startHolder(path)
    expect(await first.line).toBe('locked')
    await expect(disk.lock('LOCK')).rejects.toThrow(`held by process ${first.child.pid}`)
    const dead = new Promise((resolve) => first.child.once('exit', resolve))
    first.child.kill('SIGKILL')
    await dead
    const release = await disk.lock('LOCK')
    const second = startHolder(path)
    expect(await second.line).toContain(`held by process ${process.pid}`)
    await release()
  })

  it('lock() lets exactly one of many processes in', async () => {
    const path = join(root, 'made', 'on the way')
    const racers = Array.from({ length: 3 }, () => startHolder(path))
    const lines = await Promise.all(racers.map(({ line }) => line))
    expect(lines.filter((line) => line === 'locked')).toHaveLength(1)
    expect(lines.filter((line) => line.includes('Cannot lock'))).toHaveLength(2)
    for (const { child } of racers) child.kill('SIGKILL')
  })
})

describe('PlatformFile', () => {
  it('sync() that fails breaks the file for ever, and is not retried', async () => {
    // A pipe cannot be synced: the one failure of fdatasync that needs no broken device.
    const child = spawn('cat', { stdio: ['pipe', 'ignore', 'ignore'] })
    const path = join(tmpdir(), `fifo-${process.pid}`)
    await new Promise((resolve) => spawn('mkfifo', [path]).once('exit', resolve))
    const fd = fs.openSync(path, fs.constants.O_RDWR)
    const file = new PlatformFile({ path: 'pipe', full: 'pipe', fd, direct: false })
    expect(await kindOf(file.sync())).toBe('broken')
    const again = file.sync()
    expect(await kindOf(again)).toBe('broken')
    expect(() => file.writeNow(0, [Uint8Array.of(1)])).toThrow('Cannot sync pipe')
    expect(await kindOf(file.writeBehind(0, Uint8Array.of(1)))).toBe('broken')
    await file.close()
    fs.rmSync(path)
    child.kill()
  })

  it('writeNow() on a full device says full, and the file goes on', async () => {
    const fd = fs.openSync('/dev/full', 'r+')
    const file = new PlatformFile({ path: 'full', full: 'full', fd, direct: false })
    let kind = ''
    try {
      file.writeNow(0, [Uint8Array.of(1), Uint8Array.of(2)])
    } catch (error) {
      kind = String((error as { kind?: string }).kind)
    }
    expect(kind).toBe('full')
    expect(await kindOf(file.writeBehind(0, Uint8Array.of(1)))).toBe('full')
    await file.close()
  })

  it('close() while an operation runs is a bug', async () => {
    const fd = fs.openSync('/dev/zero', 'r')
    const file = new PlatformFile({ path: 'zero', full: 'zero', fd, direct: false })
    const reading = file.read(0, new Uint8Array(100))
    expect(() => file.close()).toThrow('closed while')
    await reading
    await file.close()
  })
})

describe('createMemoryDisk()', () => {
  it('is full at its bound, and removal frees', async () => {
    const disk = createMemoryDisk(1000)
    const file = await disk.open('f', { mode: 'create' })
    file.writeNow(0, [new Uint8Array(900)])
    expect(() => file.writeNow(900, [new Uint8Array(101)])).toThrow('no room')
    expect(await disk.freeBytes()).toBe(100)
    await file.truncate(100)
    expect(await disk.freeBytes()).toBe(900)
    await disk.remove('f')
    expect(await disk.freeBytes()).toBe(1000)
    await file.close()
  })
})

describe('diskError()', () => {
  it('maps errno to what the caller should do', () => {
    const kind = (code: string): string =>
      diskError('write to f', Object.assign(new Error(code), { code })).kind
    expect(['ENOENT', 'ENOSPC', 'EDQUOT', 'EIO', 'EACCES', 'EEXIST', 'EMFILE'].map(kind)).toEqual([
      'absent',
      'full',
      'full',
      'broken',
      'refused',
      'refused',
      'retry',
    ])
    expect(kind('ENEVERSEEN')).toBe('broken')
    const cause = Object.assign(new Error('x'), { code: 'EIO' })
    expect(diskError('sync f', cause)).toMatchObject({ message: 'Cannot sync f: EIO', cause })
  })
})
