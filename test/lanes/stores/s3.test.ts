import { afterAll } from 'vitest'
import { objectStoreContract } from '../../contract/object-store.ts'
import { openOverFetch } from '../../stores/over-fetch.ts'
import { rigOn } from '../../stores/rig.ts'
import { startStoreServer, type StoreServer } from '../../stores/server.ts'

for (const name of ['versitygw', 'rgw'] as const) {
  // Both suites share a server: a cluster takes its time.
  let server: Promise<StoreServer> | null = null
  const shared = async (): Promise<StoreServer> => {
    server ??= startStoreServer(name)
    return { ...(await server), stop: async () => {} }
  }
  objectStoreContract(`openS3Store() on ${name}`, async () => rigOn(name, await shared()))
  objectStoreContract(`openFetchS3Store() on ${name}`, async () =>
    rigOn(name, await shared(), openOverFetch),
  )
  afterAll(async () => {
    await (await server)?.stop()
  })
}
