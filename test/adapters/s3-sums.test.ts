// Parts of uploads go with a sum where the store compares it, and with the hash of their bytes
// where it does not, or refuses, or where somebody could alter them on their way.
import { afterEach, describe, expect, it } from 'vitest'
import { openS3Store } from '../../adapters/object-store/s3.ts'
import { isSafeWay } from '../../adapters/object-store/s3/part-sums.ts'
import { patterned } from '../contract/object-store.ts'
import { startFakeS3, type FakeS3 } from '../fakes/s3-server.ts'

const MiB = 1 << 20
const KEYS = { accessKeyId: 'a', secretAccessKey: 's' }

let fake: FakeS3 | null = null
afterEach(() => fake?.stop())

describe('openS3Store()', () => {
  it.each([
    ['compared', { summed: 6, hashed: 0 }],
    // All that are on their way when it shows are sent again.
    ['ignored', { summed: 2, hashed: 6 }],
    ['refused', { summed: 2, hashed: 6 }],
  ] as const)('puts parts on a store where sums are %s', async (sums, expected) => {
    const counts = { summed: 0, hashed: 0 }
    fake = await startFakeS3({
      ...KEYS,
      sums,
      heard: ({ method, headers, query }) => {
        if (method !== 'PUT' || !query.has('partNumber')) return
        const isHashed = headers['x-amz-content-sha256'] !== 'UNSIGNED-PAYLOAD'
        counts[isHashed ? 'hashed' : 'summed']++
      },
    })
    const store = await openS3Store({
      ...{ bucket: 'bucket', region: 'us-east-1', pathStyle: true },
      ...{ endpoint: fake.endpoint, credentials: KEYS, partBytes: 5 * MiB, partsAtOnce: 2 },
    })
    const body = patterned(15 * MiB - 9, 3)
    const source = {
      size: body.length,
      read: (from: number, to: number) => Promise.resolve(body.slice(from, to)),
    }
    for (const key of ['a', 'b']) {
      expect(await store.put(key, source)).toMatchObject({ outcome: 'ok', checked: true })
      expect(Buffer.compare((await store.get(key))?.bytes ?? new Uint8Array(0), body)).toBe(0)
    }
    expect(counts).toEqual(expected)
    await store.close()
  })
})

describe('isSafeWay()', () => {
  it.each([
    [undefined, true],
    ['https://s3.example.org', true],
    ['http://127.0.0.1:9000', true],
    ['http://localhost:9000', true],
    ['http://[::1]:9000', true],
    ['http://10.0.0.1:9000', false],
    ['http://localhost.example.org', false],
    ['http://127.0.0.1.example.org', false],
  ])('of %s is %s', (endpoint, isSafe) => {
    expect(isSafeWay(endpoint)).toBe(isSafe)
  })
})
