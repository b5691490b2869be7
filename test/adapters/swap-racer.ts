// Adds one to the number in an object as many times as it is told, by swaps alone: with others that
// do the same, none of the additions may be lost. Arguments: directory, additions.
import { openLocalStore } from '../../adapters/object-store/local.ts'

const [directory = '', times = '0'] = process.argv.slice(2)
const store = await openLocalStore(directory)
for (let done = 0; done < Number(times);) {
  const got = await store.get('count')
  if (got === null) throw new Error('the object was absent for a moment')
  const next = String(Number(new TextDecoder().decode(got.bytes)) + 1)
  const condition = { kind: 'match', token: got.token } as const
  const { outcome } = await store.put('count', new TextEncoder().encode(next), { condition })
  if (outcome === 'ok') done++
}
await store.close()
