import { spawn } from 'node:child_process'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openLocalStore } from '../../adapters/object-store/local.ts'
import { kindOf } from '../contract/disk.ts'
import { objectStoreContract, patterned } from '../contract/object-store.ts'

const contractOn = (name: string, parent: string): void =>
  objectStoreContract(name, async () => {
    const root = fs.mkdtempSync(join(parent, 'store-'))
    return {
      open: () => openLocalStore(root),
      joinsConditionally: true,
      tokensAlwaysChange: true,
      foldersAreFiles: true,
      close: async () => {
        // What is left of a suite: its objects, and no upload.
        const left = fs.readdirSync(root, { recursive: true }).map(String)
        fs.rmSync(root, { recursive: true })
        expect(left.filter((name) => /~.+~/.test(name))).toEqual([])
      },
    }
  })

contractOn('openLocalStore()', tmpdir())
if (fs.existsSync('/dev/shm')) contractOn('openLocalStore() on tmpfs', '/dev/shm')

describe('openLocalStore()', () => {
  let root: string
  beforeEach(() => {
    root = fs.mkdtempSync(join(tmpdir(), 'store-'))
  })
  afterEach(() => fs.rmSync(root, { recursive: true, force: true }))

  it('refuses a directory that is a file', async () => {
    fs.writeFileSync(join(root, 'file'), '')
    const refused = openLocalStore(join(root, 'file'))
    expect(await kindOf(refused)).toBe('refused')
    await expect(refused).rejects.toThrow(/^Cannot open file:.+; name another/)
  })

  it('refuses keys that files cannot have', async () => {
    const store = await openLocalStore(root)
    await store.put('a', patterned(1, 1))
    await store.put('b/c', patterned(1, 1))
    const condition = { kind: 'absent' } as const
    for (const key of ['a/b', 'b']) {
      expect(await kindOf(store.put(key, patterned(1, 2)))).toBe('refused')
      expect(await kindOf(store.put(key, patterned(1, 2), { condition }))).toBe('refused')
      expect(await store.get(key)).toBeNull()
      await store.delete([key])
    }
    expect(await store.get('b/c')).not.toBeNull()
    for (const key of ['~lock', 'a/~b', `a/${'x'.repeat(201)}`]) {
      expect(() => store.get(key)).toThrow('rename it')
    }
    for (const key of ['', '/a', 'a/', 'a//b', '.', 'a/../../b', 'a b', 'ä']) {
      expect(() => store.get(key), key).toThrow('A key')
    }
    await store.close()
  })

  it('keeps objects for another that opens the directory, and lists none of its own files', async () => {
    const first = await openLocalStore(root)
    const put = await first.put('a/b', patterned(1000, 1))
    await first.close()
    const second = await openLocalStore(root)
    expect(await second.get('a/b')).toMatchObject({ bytes: patterned(1000, 1) })
    expect((await second.head('a/b'))?.token).toBe(put.outcome === 'ok' ? put.token : '')
    await second.delete(['a/b'])
    expect(await second.list({ prefix: '', limit: 10 })).toEqual({ objects: [], next: null })
    expect(fs.readdirSync(root)).toEqual(['~lock'])
    await second.close()
  })

  it('dropUploads() removes what a process that died has left', async () => {
    const store = await openLocalStore(root)
    await store.put('a/b', patterned(10, 1))
    const left = `~${crypto.randomUUID()}~seg`
    fs.writeFileSync(join(root, 'a', left), 'half')
    expect(await store.dropUploads?.('a/', Date.now() - 60_000)).toBe(0)
    expect(await store.dropUploads?.('a/x', Date.now() + 60_000)).toBe(0)
    expect(await store.dropUploads?.('a/s', Date.now() + 60_000)).toBe(1)
    expect(fs.readdirSync(join(root, 'a'))).toEqual(['b'])
    await store.close()
  })

  it('lets one of two processes swap, again and again', { timeout: 60_000 }, async () => {
    const store = await openLocalStore(root)
    await store.put('count', new TextEncoder().encode('0'))
    const rounds = 100
    const racer = (): Promise<string> => {
      const script = join(import.meta.dirname, 'swap-racer.ts')
      const child = spawn(process.execPath, [script, root, String(rounds)])
      let text = ''
      child.stderr.on('data', (chunk: Uint8Array) => (text += String(chunk)))
      return new Promise((resolve) => child.once('exit', (code) => resolve(`${code} ${text}`)))
    }
    const ended = await Promise.all([racer(), racer()])
    expect(ended.map((one) => one.slice(0, 1))).toEqual(['0', '0'])
    const got = await store.get('count')
    expect(new TextDecoder().decode(got?.bytes)).toBe(String(2 * rounds))
    await store.close()
  })
})
