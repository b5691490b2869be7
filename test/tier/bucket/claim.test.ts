// Whose a bucket is: the first to come, in the life that it then has, and nobody else's; a later
// life takes over what an earlier one has left.
import { describe, expect, it } from 'vitest'
import { openMemoryStore } from '../../../adapters/object-store/memory.ts'
import { asError } from '../../../src/base/errors.ts'
import {
  claimBucket,
  decodeOwner,
  encodeOwner,
  readOwner,
  takeOver,
} from '../../../src/tier/bucket/claim.ts'
import { CLUSTER_KEY } from '../../../src/tier/keys.ts'
import { seeded } from '../support.ts'

const crypto = seeded(11)
const MINE = { clusterId: 'mine', life: null, generation: 0 }

describe('claimBucket()', () => {
  it('makes an empty bucket ours, and finds that it is', async () => {
    const store = openMemoryStore()
    const owner = await claimBucket(store, crypto, MINE)
    expect(owner).toMatchObject({ clusterId: 'mine', generation: 0 })
    expect(await claimBucket(store, crypto, owner)).toEqual(owner)
    expect(await claimBucket(store, crypto, MINE)).toEqual(owner)
  })

  it('claims no bucket that does not have what it was given', async () => {
    const conflict = { outcome: 'conflict' } as const
    const put = (): Promise<typeof conflict> => Promise.resolve(conflict)
    const claim = claimBucket(Object.assign(openMemoryStore(), { put }), crypto, MINE)
    expect(await claim.catch(asError)).toMatchObject({
      kind: 'retry',
      message: expect.stringContaining('was given cluster.json and does not have it'),
    })
  })

  it('refuses a bucket of another cluster, and of a life that was begun elsewhere', async () => {
    const store = openMemoryStore()
    const owner = await claimBucket(store, crypto, MINE)
    const other = await claimBucket(store, crypto, { ...MINE, clusterId: 'other' }).catch(asError)
    expect(other).toMatchObject({ kind: 'refused' })
    await takeOver(store, crypto)
    expect(await claimBucket(store, crypto, owner).catch(asError)).toMatchObject({
      kind: 'refused',
      message: expect.stringContaining('was restored from it elsewhere'),
    })
  })

  it('takes over what an earlier life has left in another bucket', async () => {
    const [here, there] = [openMemoryStore(), openMemoryStore()]
    const old = await claimBucket(here, crypto, MINE)
    await claimBucket(there, crypto, old)
    const restored = await takeOver(there, crypto)
    expect(restored.generation).toBe(1)
    expect(await claimBucket(here, crypto, restored)).toEqual(restored)
    expect(await readOwner(here)).toEqual(restored)
    expect(await claimBucket(here, crypto, old).catch(asError)).toMatchObject({ kind: 'refused' })
  })
})

function decoded(bytes: Uint8Array): unknown {
  try {
    return decodeOwner('there', bytes)
  } catch (error) {
    expect(asError(error)).toMatchObject({ name: 'OperatingError' })
    return 'refused'
  }
}

describe('decodeOwner()', () => {
  it('refuses an object of which any bit was turned over', () => {
    const owner = { clusterId: 'mine', life: '0123456789abcdef'.repeat(2), generation: 1 }
    const bytes = encodeOwner(owner)
    expect(decodeOwner('there', bytes)).toEqual(owner)
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const other = Uint8Array.from(bytes)
      other[bit >> 3] = (other[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      // Of blanks nothing depends.
      expect([owner, 'refused']).toContainEqual(decoded(other))
    }
  })

  it('says what to do with a newer format', () => {
    const bytes = new TextEncoder().encode(JSON.stringify({ format: 2 }))
    expect(() => decodeOwner('there', bytes)).toThrow('use the newer Stratalog that wrote it')
  })

  it('is told of by its object alone', async () => {
    const store = openMemoryStore()
    await store.put(CLUSTER_KEY, new TextEncoder().encode('{}'))
    expect(await readOwner(store).catch(asError)).toMatchObject({ kind: 'corrupt' })
  })
})
