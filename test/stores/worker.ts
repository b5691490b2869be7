// A Worker that takes a store through what a gateway does with it, and says how each step came out.
// The contract is held elsewhere; here it is shown that the adapters run without Node.
import { openFetchAzureStore } from '../../adapters/object-store/fetch-azure.ts'
import { openFetchGcsStore } from '../../adapters/object-store/fetch-gcs.ts'
import { openFetchS3Store } from '../../adapters/object-store/fetch-s3.ts'
import { openR2Store, type R2Binding } from '../../adapters/object-store/r2.ts'
import type { ObjectStore } from '../../src/ports/object-store.ts'
import type { WorkerRequest } from './workerd.ts'

const LARGE = 17 * (1 << 20) + 5

const worker = {
  fetch: async (
    request: Request,
    environment: { readonly BUCKET: R2Binding },
  ): Promise<Response> => {
    try {
      const asked = await request.json()
      const store = openStore(asked as WorkerRequest, environment.BUCKET)
      return Response.json(await steps(store))
    } catch (error) {
      const { stack } = error as Error
      return new Response(`${String(error)} ${stack ?? ''}`, { status: 500 })
    }
  },
}

// Workers are found by their default export.
export { worker as default }

function openStore(asked: WorkerRequest, bucket: R2Binding): ObjectStore {
  if (asked.kind === 'r2') return openR2Store(bucket, 'bucket')
  const { options } = asked
  if (asked.kind === 's3')
    return openFetchS3Store(options as Parameters<typeof openFetchS3Store>[0])
  if (asked.kind === 'gcs') {
    return openFetchGcsStore(options as Parameters<typeof openFetchGcsStore>[0])
  }
  return openFetchAzureStore(options as Parameters<typeof openFetchAzureStore>[0])
}

async function steps(store: ObjectStore): Promise<string[]> {
  const said: string[] = []
  const bytes = Uint8Array.from({ length: 1000 }, (_, i) => i & 255)
  const absent = { condition: { kind: 'absent' } } as const
  const first = await store.put('w/a', bytes, absent)
  said.push(`create ${first.outcome} ${first.outcome === 'ok' ? String(first.checked) : ''}`)
  said.push(`again ${(await store.put('w/a', bytes, absent)).outcome}`)
  const token = first.outcome === 'ok' ? first.token : ''
  const match = { condition: { kind: 'match', token } } as const
  said.push(`swap ${(await store.put('w/a', bytes.subarray(1), match)).outcome}`)
  said.push(`stale ${(await store.put('w/a', bytes, match)).outcome}`)
  const got = await store.get('w/a', { range: { from: 10, to: 12 } })
  said.push(`range ${String(got?.bytes)}`)
  said.push(`none ${(await store.get('w/none')) === null ? 'null' : 'there'}`)
  const large = await store.put('w/b', {
    size: LARGE,
    read: async (from, to) => new Uint8Array(to - from).fill((from >> 20) + 1),
  })
  said.push(`parts ${large.outcome}`)
  const end = await store.get('w/b', { range: { from: LARGE - 2, to: LARGE + 9 } })
  said.push(`end ${String(end?.bytes)}`)
  const page = await store.list({ prefix: 'w/', limit: 10 })
  said.push(`list ${page.objects.map(({ key, size }) => `${key}:${String(size)}`).join(' ')}`)
  await store.delete(['w/a', 'w/b', 'w/none'])
  said.push(`head ${(await store.head('w/a')) === null ? 'null' : 'there'}`)
  await store.close()
  return said
}
