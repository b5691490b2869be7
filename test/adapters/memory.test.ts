import { openMemoryStore } from '../../adapters/object-store/memory.ts'
import { describe, expect, it } from 'vitest'
import { kindOf } from '../contract/disk.ts'
import { objectStoreContract, patterned } from '../contract/object-store.ts'

objectStoreContract('openMemoryStore()', async () => ({
  open: async () => openMemoryStore(),
  joinsConditionally: true,
  tokensAlwaysChange: true,
  close: async () => {},
}))

describe('openMemoryStore()', () => {
  it('refuses what is more than it may hold, and takes it once there is room', async () => {
    const store = openMemoryStore({ bytesMax: 1000 })
    await store.put('a', patterned(600, 1))
    expect(await kindOf(store.put('b', patterned(600, 1)))).toBe('refused')
    await store.put('a', patterned(400, 1))
    await store.put('b', patterned(600, 1))
    await store.delete(['a'])
    await store.put('c', patterned(400, 1))
    await store.close()
  })
})
