import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openLocalStore } from '../../../adapters/object-store/local.ts'
import { openMemoryStore } from '../../../adapters/object-store/memory.ts'
import { OperatingError } from '../../../src/base/errors.ts'
import { createClock } from '../../../src/platform/clock.ts'
import { createCrypto } from '../../../src/platform/crypto.ts'
import type { ObjectStore } from '../../../src/ports/object-store.ts'
import type { Finding } from '../../../src/tier/doctor/finding.ts'
import { probe } from '../../../src/tier/doctor/probe.ts'

const HOUR_MS = 3_600_000
const crypto = createCrypto()

const probing = (store: ObjectStore, stopped = new AbortController().signal) =>
  probe({
    store,
    clock: createClock(),
    prefix: 'doctor-1/',
    randomBytes: (count) => crypto.randomBytes(count),
    stopped,
  })

/** What is not well, by check. */
const found = async (store: ObjectStore): Promise<Readonly<Record<string, string>>> => {
  const findings: Finding[] = []
  for await (const finding of probing(store)) findings.push(finding)
  const ill = findings.filter(({ verdict }) => verdict !== 'ok')
  return Object.fromEntries(ill.map(({ check, verdict, text }) => [check, `${verdict}: ${text}`]))
}

/** A healthy store with something wrong. */
const sick = (ill: (store: ObjectStore) => Partial<ObjectStore>): ObjectStore => {
  const store = openMemoryStore()
  const bound: ObjectStore = {
    traits: store.traits,
    put: (key, body, options) => store.put(key, body, options),
    get: (key, options) => store.get(key, options),
    head: (key, call) => store.head(key, call),
    list: (options) => store.list(options),
    delete: (keys, call) => store.delete(keys, call),
    close: () => store.close(),
  }
  return { ...bound, ...ill(bound) }
}

const refusal = (text: string) => (): Promise<never> =>
  Promise.reject(new OperatingError('refused', text))

describe('probe()', () => {
  it('finds nothing wrong with memory, and leaves nothing', async () => {
    const store = openMemoryStore()
    await store.put('mine', new Uint8Array(1))
    expect(await found(store)).toEqual({})
    const { objects } = await store.list({ prefix: '', limit: 10 })
    expect(objects.map(({ key }) => key)).toEqual(['mine'])
  })

  it('finds nothing wrong with a directory, and leaves nothing', async () => {
    const directory = fs.mkdtempSync(join(tmpdir(), 'doctor-'))
    const store = await openLocalStore(directory)
    expect(await found(store)).toEqual({})
    expect((await store.list({ prefix: '', limit: 10 })).objects).toEqual([])
    await store.close()
    fs.rmSync(directory, { recursive: true })
  })

  it('asks nothing more of a bucket that refuses', async () => {
    let puts = 0
    const store = sick(({ put }) => ({
      list: refusal('Cannot list: there is no such bucket; create it'),
      put: (...parameters) => {
        puts++
        return put(...parameters)
      },
    }))
    expect(await found(store)).toEqual({
      bucket: 'no: Cannot list: there is no such bucket; create it',
    })
    expect(puts).toBe(0)
  })

  it('asks again when the store is busy', async () => {
    let lists = 0
    const store = sick(({ list }) => ({
      list: async (options) => {
        if (lists++ === 0) throw new OperatingError('retry', 'Cannot list: the store is busy')
        return list(options)
      },
    }))
    expect(await found(store)).toEqual({})
  })

  it('sees that conditions are not held', async () => {
    const store = sick(({ put }) => ({ put: (key, body) => put(key, body) }))
    const wrong = await found(store)
    expect(wrong['create once']).toMatch(/^no: 10 of 10 puts that may only create came through/)
    expect(wrong['swap by token']).toMatch(/^no: 10 of 10 puts that have to match a token/)
  })

  it('sees that a stale token passes, though of those who race one wins', async () => {
    let conflicts = 0
    const store = sick(({ put }) => ({
      put: async (key, body, options) => {
        const result = await put(key, body, options)
        if (result.outcome !== 'conflict' || ++conflicts <= 9) return result
        return put(key, body)
      },
    }))
    expect(Object.keys(await found(store))).toEqual(['swap by token'])
  })

  it('sees that nothing may be deleted, and says where the rest lies', async () => {
    const store = sick(() => ({ delete: refusal('Cannot delete: access denied; grant it') }))
    const wrong = await found(store)
    expect(Object.keys(wrong)).toEqual(['delete', 'cleaning up'])
    expect(wrong['delete']).toMatch(/^no: Cannot delete: access denied; grant it; without it/)
    expect(wrong['cleaning up']).toContain('delete memory:/doctor-1/ by other means')
  })

  it('sees a clock that is an hour off', async () => {
    const store = sick(({ head }) => ({
      head: async (key) => {
        const info = await head(key)
        return info && { ...info, modifiedMs: info.modifiedMs + HOUR_MS }
      },
    }))
    const wrong = await found(store)
    expect(wrong['clock']).toMatch(/^warn: its clock is 60 min ahead of ours; set ours right/)
  })

  it('sees bytes that come back wrong', async () => {
    const flip = sick(({ get }) => ({
      get: async (key, options) => {
        const got = await get(key, options)
        if (got !== null && got.bytes.length > 5_000) got.bytes[4_000] = 7 ^ (got.bytes[4_000] ?? 0)
        return got
      },
    }))
    const wrong = await found(flip)
    expect(wrong['put and read']).toBe('no: the bytes that come back are not those that were put')
    expect(wrong['large object']).toBe('no: an object of several parts comes back altered')
  })

  it('sees that ranges are ignored', async () => {
    const store = sick(({ get }) => ({ get: (key) => get(key) }))
    expect((await found(store))['put and read']).toMatch(/^no: a range inside comes back wrong/)
  })

  it('sees listings in another order, and pages that repeat', async () => {
    const reversed = sick(({ list }) => ({
      list: async (options) => {
        const { objects, next } = await list(options)
        return { objects: objects.toReversed(), next }
      },
    }))
    expect((await found(reversed))['list']).toMatch(/^no: listings are not in the order of bytes/)
    const losing = sick(({ list }) => ({
      list: async (options) => {
        const { objects, next } = await list(options)
        return { objects: options.cursor === undefined ? objects : objects.slice(1), next }
      },
    }))
    expect((await found(losing))['list']).toMatch(/^no: a listing of several pages loses/)
  })

  it('sees tokens that differ by how they are asked for', async () => {
    const store = sick(({ head }) => ({
      head: async (key) => {
        const info = await head(key)
        return info && { ...info, token: `"${info.token}"` }
      },
    }))
    const wrong = await found(store)
    expect(wrong['tokens']).toMatch(/^no: put, head, get and list tell different tokens/)
  })

  it('removes what it wrote when it is stopped', async () => {
    const store = openMemoryStore()
    const stop = new AbortController()
    const findings = probing(store, stop.signal)
    await findings.next()
    await findings.next()
    stop.abort()
    await expect(findings.next()).rejects.toThrow('the caller has given it up')
    expect((await store.list({ prefix: '', limit: 10 })).objects).toEqual([])
  })
})
