// What every ObjectStore must do, run against memory, directories, emulators and real servers. One
// store serves the whole suite, because servers start slowly; each test keeps to keys of its own.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { must } from '../../src/base/assert.ts'
import { OperatingError } from '../../src/base/errors.ts'
import type { ObjectSource, ObjectStore, PutResult } from '../../src/ports/object-store.ts'
import { SpoiledMemory } from '../tier/support.ts'
import { kindOf } from './disk.ts'

/** A store under test, and what its server is known to do. */
export interface StoreRig {
  /** A bucket, or a prefix, that is empty. May be called several times for the same bucket. */
  open(): Promise<ObjectStore>
  /** The same with credentials that are wrong; absent where there are none. */
  openWrong?(): Promise<ObjectStore>
  /** The same over a network that alters asterisks; `altered` counts. Absent without a network. */
  openTampered?(): Promise<{ readonly store: ObjectStore; readonly altered: () => number }>
  /** A bucket that there is not; absent where a store makes its own. */
  openAbsent?(): Promise<ObjectStore>
  /** Whether reading tells an absent bucket from an absent object; yes if absent. */
  readonly tellsBucketWhenRead?: boolean
  /** Whether bodies of several parts are created under a condition by the store itself. */
  readonly joinsConditionally: boolean
  /** Whether the same bytes put again have another token. */
  readonly tokensAlwaysChange: boolean
  /** Whether who loses a race of swaps may hear that the store is busy. */
  readonly swapsMayBeBusy?: boolean
  /** Whether a signed URL is checked; absent where nothing is signed. */
  readonly signed?: 'checked' | 'unchecked'
  /** Whether a folder takes the name of an object, as in a directory. */
  readonly foldersAreFiles?: boolean
  /** Keys that are put to be listed; 1,200 if absent, fewer where a put takes long. */
  readonly manyKeys?: number
  close(): Promise<void>
}

const MiB = 1 << 20
const LARGE = 20 * MiB + 12_345

/** Bytes that differ at every position and for every seed. */
export const patterned = (length: number, seed: number): Uint8Array => {
  const words = new Uint32Array(Math.ceil(length / 4))
  for (let i = 0; i < words.length; i++) words[i] = Math.imul(i + 1, 2654435761) ^ (seed * 40503)
  return new Uint8Array(words.buffer, 0, length)
}

const same = (a: Uint8Array | undefined, b: Uint8Array): boolean =>
  a !== undefined && Buffer.compare(a, b) === 0

/** The token of a put that must have gone well. */
const tokenOf = (result: PutResult): string => {
  if (result.outcome !== 'ok') throw new Error(`the put came out as ${result.outcome}`)
  return result.token
}

interface WatchedSource extends ObjectSource {
  readonly reads: readonly (readonly [number, number])[]
  /** Most bytes that were asked for at the same time. */
  readonly pendingMax: () => number
}

/** A source over bytes that remembers how it was read. */
const watched = (body: Uint8Array, failAt = Infinity): WatchedSource => {
  const reads: [number, number][] = []
  let pending = 0
  let most = 0
  return {
    size: body.length,
    reads,
    pendingMax: () => most,
    read: async (from, to) => {
      reads.push([from, to])
      pending += to - from
      most = Math.max(most, pending)
      await new Promise((resolve) => setImmediate(resolve))
      pending -= to - from
      if (to > failAt) throw new Error('the disk has lost these bytes')
      return Uint8Array.from(body.subarray(from, to))
    },
  }
}

/** Runs tasks a few at a time, as a client of a store does. */
const crowd = async (count: number, task: (index: number) => Promise<unknown>): Promise<void> => {
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < count) await task(next++)
  }
  await Promise.all(Array.from({ length: 24 }, worker))
}

/** Every key below a prefix, page by page. */
const keysOf = async (store: ObjectStore, prefix: string, limit: number): Promise<string[]> => {
  const keys: string[] = []
  let cursor: string | undefined
  for (;;) {
    const page = await store.list({ prefix, limit, ...(cursor === undefined ? {} : { cursor }) })
    expect(page.objects.length).toBeLessThanOrEqual(limit)
    keys.push(...page.objects.map((found) => found.key))
    if (page.next === null) return keys
    expect(page.next).not.toBe(cursor)
    cursor = page.next
  }
}

/** Declares the suite for one implementation. */
export const objectStoreContract = (name: string, makeRig: () => Promise<StoreRig>): void => {
  describe(`${name} holds the ObjectStore contract`, () => {
    let rig: StoreRig
    let store: ObjectStore
    let tests = 0
    beforeAll(async () => {
      rig = await makeRig()
      store = await rig.open()
    })
    afterAll(async () => {
      await store?.close()
      await rig?.close()
    })

    /** `at` is a folder of the test's own, with a slash. */
    const spec = (
      criterion: string,
      body: (at: string, context: { skip: (why: string) => void }) => Promise<void>,
    ): void => {
      it(criterion, (context) => body(`t${String(++tests)}/`, context))
    }

    spec('put(), get() and head() give back what was put', async (at) => {
      const body = patterned(100_000, 1)
      const put = await store.put(`${at}a`, body)
      const got = must(await store.get(`${at}a`), 'it is there')
      expect(same(got.bytes, body)).toBe(true)
      expect(got.token).toBe(tokenOf(put))
      const info = must(await store.head(`${at}a`), 'it is there')
      expect(info).toMatchObject({ size: 100_000, token: tokenOf(put) })
      expect(Math.abs(info.modifiedMs - Date.now())).toBeLessThan(60_000)
    })

    spec('get() and head() of an absent key are null', async (at) => {
      expect(await store.get(`${at}none`)).toBeNull()
      expect(await store.get(`${at}none`, { range: { from: 5, to: 9 } })).toBeNull()
      expect(await store.get(`${at}none`, { range: { from: 0, to: 0 } })).toBeNull()
      expect(await store.head(`${at}none`)).toBeNull()
    })

    spec('get() takes ranges: inside, cut at the end, behind the end, empty', async (at) => {
      const body = patterned(10_000, 2)
      const token = tokenOf(await store.put(`${at}a`, body))
      for (const [from, to] of [
        ...[
          [0, 1],
          [0, 10_000],
          [100, 200],
          [9_999, 10_000],
          [9_000, 20_000],
        ],
        ...[
          [10_000, 10_001],
          [10_000, 10_000],
          [0, 0],
          [50, 50],
          [123_456, 200_000],
        ],
      ] as const) {
        const got = must(await store.get(`${at}a`, { range: { from, to } }), 'it is there')
        expect(same(got.bytes, body.subarray(from, to)), `${from}-${to}`).toBe(true)
        expect(got.token).toBe(token)
      }
    })

    spec('an object may be empty', async (at) => {
      const token = tokenOf(await store.put(`${at}a`, new Uint8Array(0)))
      expect(await store.head(`${at}a`)).toMatchObject({ size: 0, token })
      expect(await store.get(`${at}a`)).toEqual({ bytes: new Uint8Array(0), token })
      const range = { from: 0, to: 100 }
      expect(await store.get(`${at}a`, { range })).toEqual({ bytes: new Uint8Array(0), token })
      await store.put(`${at}b`, { size: 0, read: () => Promise.reject(new Error('no bytes')) })
      expect((await store.head(`${at}b`))?.size).toBe(0)
    })

    spec('the bytes of get() belong to the caller', async (at) => {
      const body = patterned(5_000, 3)
      await store.put(`${at}a`, body)
      body.fill(0)
      const first = must(await store.get(`${at}a`), 'it is there')
      first.bytes.fill(1)
      const second = must(await store.get(`${at}a`), 'it is there')
      expect(same(second.bytes, patterned(5_000, 3))).toBe(true)
    })

    spec('put() overwrites without a condition, and the token changes', async (at) => {
      const first = tokenOf(await store.put(`${at}a`, patterned(100, 1)))
      const second = tokenOf(await store.put(`${at}a`, patterned(100, 2)))
      const third = tokenOf(await store.put(`${at}a`, patterned(100, 2)))
      expect(second).not.toBe(first)
      expect(third !== second).toBe(rig.tokensAlwaysChange)
      expect(await store.get(`${at}a`)).toEqual({ bytes: patterned(100, 2), token: third })
    })

    spec('put() creates only once', async (at) => {
      const condition = { kind: 'absent' } as const
      const token = tokenOf(await store.put(`${at}a`, patterned(64, 1), { condition }))
      const second = await store.put(`${at}a`, patterned(64, 2), { condition })
      expect(second).toEqual({ outcome: 'exists' })
      expect(await store.get(`${at}a`)).toEqual({ bytes: patterned(64, 1), token })
      await store.delete([`${at}a`])
      expect((await store.put(`${at}a`, patterned(64, 3), { condition })).outcome).toBe('ok')
    })

    spec('one of ten concurrent creating puts wins', async (at) => {
      const condition = { kind: 'absent' } as const
      const results = await Promise.all(
        Array.from({ length: 10 }, (_, i) =>
          store.put(`${at}a`, patterned(5_000, i), { condition }).catch((error: unknown) => error),
        ),
      )
      const winner = results.findIndex((one) => (one as PutResult).outcome === 'ok')
      const outcomes = results.map((one) => (one as PutResult).outcome ?? String(one)).sort()
      expect(outcomes).toEqual([...Array.from({ length: 9 }, () => 'exists'), 'ok'])
      expect(same((await store.get(`${at}a`))?.bytes, patterned(5_000, winner))).toBe(true)
    })

    spec('put() swaps by token: the right one, a stale one, an absent object', async (at) => {
      const first = tokenOf(await store.put(`${at}a`, patterned(64, 1)))
      const swap = (token: string, seed: number): Promise<PutResult> =>
        store.put(`${at}a`, patterned(64, seed), { condition: { kind: 'match', token } })
      const second = tokenOf(await swap(first, 2))
      expect(second).not.toBe(first)
      expect(await swap(first, 3)).toEqual({ outcome: 'conflict' })
      expect(await store.get(`${at}a`)).toEqual({ bytes: patterned(64, 2), token: second })
      const third = tokenOf(await swap(must((await store.head(`${at}a`))?.token, 'there'), 4))
      await store.delete([`${at}a`])
      expect(await swap(third, 5)).toEqual({ outcome: 'conflict' })
      expect(await store.head(`${at}a`)).toBeNull()
    })

    spec('one of ten concurrent swaps wins', async (at) => {
      const token = tokenOf(await store.put(`${at}a`, patterned(64, 99)))
      const condition = { kind: 'match', token } as const
      const results = await Promise.all(
        Array.from({ length: 10 }, (_, i) =>
          store.put(`${at}a`, patterned(64, i), { condition }).catch((error: unknown) => error),
        ),
      )
      const winner = results.findIndex((one) => (one as PutResult).outcome === 'ok')
      const outcomes = results.map((one) => {
        const isBusy = one instanceof OperatingError && one.kind === 'retry'
        if (isBusy && rig.swapsMayBeBusy === true) return 'conflict'
        return (one as PutResult).outcome ?? String(one)
      })
      expect(outcomes.sort()).toEqual([...Array.from({ length: 9 }, () => 'conflict'), 'ok'])
      expect(same((await store.get(`${at}a`))?.bytes, patterned(64, winner))).toBe(true)
    })

    spec('list() orders by bytes and keeps to its prefix', async (at) => {
      const names = ['a', 'a-b', 'a.b', 'a0', 'a_b', 'ab/c', 'ab/d/e', 'ab0', 'b', 'b-/x', 'b/x']
      names.push('0/0-1', '00000000000000000042-7-q.seg', 'z.z/z_z/z-z/head')
      // A directory cannot hold both an object and a folder of one name; the tier asks for neither.
      const kept = rig.foldersAreFiles === true ? names.filter((one) => one !== 'b') : names
      await crowd(kept.length, (i) => store.put(`${at}${kept[i] ?? ''}`, patterned(i, i)))
      const sorted = kept.map((one) => at + one).sort()
      for (const limit of [1, 2, 5, 1000]) expect(await keysOf(store, at, limit)).toEqual(sorted)
      for (const part of ['a', 'ab', 'ab/', 'ab/d', 'b', 'zz', '0']) {
        const wanted = sorted.filter((key) => key.startsWith(at + part))
        expect(await keysOf(store, at + part, 3), part).toEqual(wanted)
      }
      const page = await store.list({ prefix: `${at}ab/`, limit: 10 })
      for (const found of page.objects) {
        const { key, ...info } = found
        const head = must(await store.head(key), 'it was listed')
        expect(info.size).toBe(head.size)
        expect(info.token).toBe(head.token)
        // Some tell whole seconds in the one and milliseconds in the other.
        expect(Math.abs(info.modifiedMs - head.modifiedMs)).toBeLessThan(1_000)
      }
    })

    spec(
      'list() pages through 1,200 keys, and delete() takes 1,500, absent ones too',
      async (at) => {
        const keys = Array.from(
          { length: rig.manyKeys ?? 1_200 },
          (_, i) => `${at}k/${String(i).padStart(5, '0')}`,
        )
        await crowd(keys.length, (i) => store.put(keys[i] ?? '', Uint8Array.of(i & 255)))
        await store.put(`${at}l`, Uint8Array.of(1))
        expect(await keysOf(store, `${at}k/`, 1_000)).toEqual(keys)
        expect(await keysOf(store, at, Math.ceil(keys.length * 0.6))).toEqual([...keys, `${at}l`])
        const absent = Array.from(
          { length: 1_500 - keys.length },
          (_, i) => `${at}none/${String(i)}`,
        )
        await store.delete([...keys, ...absent])
        expect(await keysOf(store, at, 1_000)).toEqual([`${at}l`])
        await store.delete([])
        await store.delete([`${at}none`])
      },
    )

    spec('put() of a source sends it in parts, read ascending and a few ahead', async (at) => {
      const size = 49 * MiB + 12_345
      const body = patterned(size, 7)
      const source = watched(body)
      const result = await store.put(`${at}a`, source)
      const got = must(await store.get(`${at}a`), 'it is there')
      expect(same(got.bytes, body)).toBe(true)
      expect(got.token).toBe(tokenOf(result))
      const firsts = source.reads.filter(([from], i) => {
        return source.reads.findIndex((other) => other[0] === from) === i
      })
      expect(firsts.map(([from]) => from)).toEqual(
        firsts.map(([from]) => from).sort((a, b) => a - b),
      )
      for (const [from, to] of source.reads) {
        expect(from % MiB).toBe(0)
        expect(to).toBeLessThanOrEqual(size)
      }
      expect(source.pendingMax()).toBeLessThanOrEqual(32 * MiB)
      const range = { from: size - 100, to: size + 100 }
      const end = await store.get(`${at}a`, { range })
      expect(same(end?.bytes, body.subarray(size - 100))).toBe(true)
    })

    spec('put() of a source whose read fails leaves nothing and tells why', async (at) => {
      const body = patterned(LARGE, 8)
      for (const failAt of [0, 17 * MiB]) {
        await expect(store.put(`${at}a`, watched(body, failAt))).rejects.toThrow(
          'the disk has lost these bytes',
        )
        expect(await store.head(`${at}a`)).toBeNull()
      }
      expect(await keysOf(store, at, 10)).toEqual([])
      await store.put(`${at}b`, patterned(10, 1))
      await expect(store.put(`${at}b`, watched(body, 17 * MiB))).rejects.toThrow('lost these')
      expect(same((await store.get(`${at}b`))?.bytes, patterned(10, 1))).toBe(true)
    })

    spec('put() of a source in parts creates once, and swaps by token', async (at) => {
      const [one, two] = [patterned(LARGE, 9), patterned(LARGE, 10)]
      const condition = { kind: 'absent' } as const
      const token = tokenOf(await store.put(`${at}a`, watched(one), { condition }))
      expect(await store.put(`${at}a`, watched(two), { condition })).toEqual({ outcome: 'exists' })
      const wrong = { kind: 'match', token: tokenOf(await store.put(`${at}b`, two)) } as const
      const refused = await store.put(`${at}a`, watched(two), { condition: wrong })
      expect(refused).toEqual({ outcome: 'conflict' })
      const right = { kind: 'match', token } as const
      await store.put(`${at}a`, watched(two), { condition: right })
      expect(same((await store.get(`${at}a`))?.bytes, two)).toBe(true)
    })

    spec('one of three concurrent creating puts of sources wins', async (at, { skip }) => {
      if (!rig.joinsConditionally) skip('the store joins parts without a condition')
      const condition = { kind: 'absent' } as const
      const results = await Promise.all(
        [1, 2, 3].map((i) => store.put(`${at}a`, watched(patterned(LARGE, i)), { condition })),
      )
      const outcomes = results.map((one) => one.outcome).sort()
      expect(outcomes).toEqual(['exists', 'exists', 'ok'])
    })

    spec('dropUploads() leaves what is younger, and what is done', async (at, { skip }) => {
      if (store.dropUploads === undefined) {
        skip('the store forgets uploads by itself')
        return
      }
      await store.put(`${at}a`, watched(patterned(LARGE, 1)))
      const begun = Promise.withResolvers<undefined>()
      const held = Promise.withResolvers<undefined>()
      const body = patterned(LARGE, 2)
      const put = store.put(`${at}b`, {
        size: LARGE,
        read: async (from, to) => {
          begun.resolve(undefined)
          await held.promise
          return body.subarray(from, to)
        },
      })
      const kind = kindOf(put)
      await begun.promise
      expect(await store.dropUploads(at, 0)).toBe(0)
      expect(await store.dropUploads(`${at}c`, Date.now() + 600_000)).toBe(0)
      expect(await store.dropUploads(at, Date.now() + 600_000)).toBe(1)
      expect(await store.dropUploads(at, Date.now() + 600_000)).toBe(0)
      held.resolve(undefined)
      expect(await kind).toBe('retry')
      expect(await keysOf(store, at, 10)).toEqual([`${at}a`])
    })

    spec('an aborted signal ends what runs, soon, with closed', async (at) => {
      const abort = new AbortController()
      const put = store.put(
        `${at}a`,
        { size: LARGE, read: () => new Promise<Uint8Array>(() => abort.abort()) },
        { signal: abort.signal },
      )
      expect(await kindOf(put)).toBe('closed')
      const { signal } = abort
      expect(await kindOf(store.put(`${at}a`, patterned(1, 1), { signal }))).toBe('closed')
      expect(await kindOf(store.get(`${at}a`, { signal }))).toBe('closed')
      expect(await kindOf(store.head(`${at}a`, { signal }))).toBe('closed')
      expect(await kindOf(store.list({ prefix: at, limit: 1, signal }))).toBe('closed')
      expect(await kindOf(store.delete([`${at}a`], { signal }))).toBe('closed')
      expect(await store.head(`${at}a`)).toBeNull()
    })

    spec('a closed store ends what runs and refuses what comes', async (at) => {
      const other = await rig.open()
      const body = patterned(LARGE, 1)
      const reading = Promise.withResolvers<undefined>()
      const put = other.put(`${at}a`, {
        size: LARGE,
        read: async (from, to) => {
          reading.resolve(undefined)
          await new Promise((resolve) => setTimeout(resolve, 50))
          return body.subarray(from, to)
        },
      })
      const kind = kindOf(put)
      await reading.promise
      await other.close()
      expect(await kind).toBe('closed')
      expect(await kindOf(other.get(`${at}a`))).toBe('closed')
      expect(await kindOf(other.put(`${at}a`, patterned(1, 1)))).toBe('closed')
      await other.close()
    })

    spec('keys have every character that the tier uses', async (at) => {
      const key = `${at}0f/abcdefghijklmnopqrstuvwxyz/0123456789._-/-x.y_z-.seg`
      await store.put(key, patterned(100, 1))
      expect(same((await store.get(key))?.bytes, patterned(100, 1))).toBe(true)
      expect(await keysOf(store, `${at}0f/`, 10)).toEqual([key])
      await store.put(`${at}+ok=!$&'()*,;:@~%20%2F`.replace('~', 'x'), patterned(10, 1))
      expect((await keysOf(store, `${at}+`, 10))[0]).toBe(`${at}+ok=!$&'()*,;:@x%20%2F`)
      expect((await store.head(`${at}+ok=!$&'()*,;:@x%20%2F`))?.size).toBe(10)
      await store.delete([key, `${at}+ok=!$&'()*,;:@x%20%2F`])
      expect(await keysOf(store, at, 10)).toEqual([])
    })

    spec('many reads run side by side', async (at) => {
      const body = patterned(3 * MiB, 4)
      await store.put(`${at}a`, body)
      await crowd(100, async (i) => {
        const range = { from: i * 20_000, to: i * 20_000 + 65_536 }
        const got = await store.get(`${at}a`, { range })
        expect(same(got?.bytes, body.subarray(range.from, range.to))).toBe(true)
      })
    })

    spec(
      'put() of a source takes its parts as they come, and gives back what nobody looks at',
      async (at) => {
        const body = patterned(20 * MiB + 3, 9)
        let out = 0
        const source: ObjectSource = {
          size: body.length,
          read: async (from, to) => {
            out++
            // The first parts come last.
            await new Promise((resolve) =>
              setTimeout(resolve, from < 16 * MiB ? 60 - from / MiB : 1),
            )
            return body.slice(from, to)
          },
          recycle: (bytes) => {
            out--
            bytes.fill(0xdb)
          },
        }
        const keys = [`${at}a`, `${at}b`]
        const puts = await Promise.all(keys.map((key) => store.put(key, source)))
        expect(puts.map(({ outcome }) => outcome)).toEqual(['ok', 'ok'])
        for (const key of keys) expect(same((await store.get(key))?.bytes, body)).toBe(true)
        expect(out).toBeGreaterThanOrEqual(0)
      },
    )

    spec('a range may come to lie in memory that is lent', async (at) => {
      const body = patterned(3 * MiB + 5, 8)
      await store.put(`${at}a`, body)
      const memory = new SpoiledMemory(16 * MiB)
      for (const [from, to] of [
        [0, 3 * MiB],
        [MiB, 2 * MiB],
        [7, 200_000],
        [MiB, 4 * MiB],
        [5, 9],
      ]) {
        const range = { from: from ?? 0, to: to ?? 0 }
        const got = must(await store.get(`${at}a`, { range, memory }), 'An object')
        expect(same(got.bytes, body.subarray(range.from, range.to))).toBe(true)
        memory.give(got.bytes)
      }
      const range = { from: 0, to: MiB }
      const reads = Array.from({ length: 4 }, () => store.get(`${at}a`, { range, memory }))
      for (const got of await Promise.all(reads)) {
        expect(same(got?.bytes, body.subarray(0, MiB))).toBe(true)
      }
      expect(await store.get(`${at}none`, { range, memory })).toBeNull()
      const behind = { from: 4 * MiB, to: 5 * MiB }
      expect((await store.get(`${at}a`, { range: behind, memory }))?.bytes.length).toBe(0)
    })

    spec('a read that is given up ends no other', async (at) => {
      const body = patterned(24 * MiB, 6)
      await store.put(`${at}a`, body)
      const reads = Array.from({ length: 8 }, async (_, i) => {
        const abort = new AbortController()
        const read = store.get(`${at}a`, { signal: abort.signal })
        if (i % 2 === 0) return same((await read)?.bytes, body)
        const ended = kindOf(read)
        await store.head(`${at}a`)
        abort.abort()
        return ended
      })
      const ends = await Promise.all(reads)
      expect(ends.filter((_, i) => i % 2 === 0)).toEqual([true, true, true, true])
    })

    spec('sign() gives a URL that reads, and that cannot be altered', async (at, { skip }) => {
      if (store.sign === undefined) {
        skip('the store signs nothing')
        return
      }
      const body = patterned(1_000, 5)
      await store.put(`${at}a.b_c-d`, body)
      await store.put(`${at}other`, body)
      const url = await store.sign(`${at}a.b_c-d`, 60_000)
      const answer = await fetch(url)
      expect(answer.status).toBe(200)
      expect(same(new Uint8Array(await answer.arrayBuffer()), body)).toBe(true)
      const ranged = await fetch(url, { headers: { range: 'bytes=10-19' } })
      expect(same(new Uint8Array(await ranged.arrayBuffer()), body.subarray(10, 20))).toBe(true)
      if (rig.signed === 'unchecked') return
      const altered = [url.replace('a.b_c-d', 'other'), url.replace(/.(?=$|&)/g, '0'), ask(url)]
      for (const one of altered) {
        const refused = await fetch(one)
        await refused.body?.cancel()
        expect(refused.status, 'an altered URL').toBeGreaterThanOrEqual(400)
      }
      const put = await fetch(url, { method: 'PUT', body: 'x' })
      await put.body?.cancel()
      expect(put.status).toBeGreaterThanOrEqual(400)
    })

    spec('wrong credentials are refused with a sentence', async (at, { skip }) => {
      if (rig.openWrong === undefined) {
        skip('the store has no credentials')
        return
      }
      const wrong = await rig.openWrong()
      try {
        for (const attempt of [
          () => wrong.put(`${at}a`, patterned(10, 1)),
          () => wrong.put(`${at}a`, watched(patterned(LARGE, 1))),
          () => wrong.get(`${at}a`),
          () => wrong.head(`${at}a`),
          () => wrong.list({ prefix: at, limit: 1 }),
          () => wrong.delete([`${at}a`]),
        ]) {
          const refused = attempt()
          expect(await kindOf(refused)).toBe('refused')
          await expect(refused).rejects.toThrow(/^Cannot \w+ \w+:\S+: .+; .+/)
        }
      } finally {
        await wrong.close()
      }
    })

    spec(
      'bytes altered on their way are noticed wherever checked is told',
      async (at, { skip }) => {
        if (rig.openTampered === undefined) {
          skip('there is no network')
          return
        }
        const { store: tampered, altered } = await rig.openTampered()
        try {
          const body = new Uint8Array(300_000).fill(0x2a)
          const whole = await store.put(`${at}a`, body)
          const parts = new Uint8Array(LARGE).fill(0x2a)
          const cut = await store.put(`${at}b`, watched(parts))
          for (const [name, bytes, honest] of [
            ['c', body, whole],
            ['d', watched(parts), cut],
          ] as const) {
            const before = altered()
            const put = await tampered.put(`${at}${name}`, bytes).catch((error: unknown) => error)
            expect(altered()).toBeGreaterThan(before)
            const { outcome } = put as PutResult
            if (honest.outcome === 'ok' && honest.checked) {
              expect(outcome, name).toBeUndefined()
              expect(await store.head(`${at}${name}`)).toBeNull()
            } else expect(outcome, name).toBe('ok')
          }
        } finally {
          await tampered.close()
        }
      },
    )

    spec('an absent bucket is refused with a sentence', async (at, { skip }) => {
      if (rig.openAbsent === undefined) {
        skip('the store makes its own')
        return
      }
      const absent = await rig.openAbsent()
      try {
        for (const attempt of [
          () => absent.put(`${at}a`, patterned(10, 1)),
          () => absent.put(`${at}a`, watched(patterned(LARGE, 1))),
          () => absent.list({ prefix: at, limit: 1 }),
          ...(rig.tellsBucketWhenRead === false ? [] : [() => absent.get(`${at}a`)]),
        ]) {
          const refused = attempt()
          expect(await kindOf(refused)).toBe('refused')
          await expect(refused).rejects.toThrow(/^Cannot .+: there is no .+; create it/)
        }
      } finally {
        await absent.close()
      }
    })
  })
}

/** The same URL asking for longer. */
const ask = (url: string): string =>
  url.replace(
    /(X-Amz-Expires=|X-Goog-Expires=|se=)(\d)/,
    (_, name: string, digit: string) => name + (digit === '9' ? '8' : '9'),
  )
