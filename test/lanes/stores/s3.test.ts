import { afterAll } from 'vitest'
import { openFetchS3Store } from '../../../adapters/object-store/fetch-s3.ts'
import { prefixed } from '../../../adapters/object-store/shared/prefixed.ts'
import { objectStoreContract } from '../../contract/object-store.ts'
import { rigOn, type OpenStore } from '../../stores/rig.ts'
import { startStoreServer } from '../../stores/server.ts'

const overFetch: OpenStore = async (url, environment) => {
  const { host: bucket, pathname, searchParams } = new URL(url)
  const store = openFetchS3Store({
    ...{ bucket, endpoint: searchParams.get('endpoint') ?? '' },
    region: searchParams.get('region') ?? '',
    accessKeyId: environment['AWS_ACCESS_KEY_ID'] ?? '',
    secretAccessKey: environment['AWS_SECRET_ACCESS_KEY'] ?? '',
  })
  const prefix = pathname.split('/').filter((part) => part !== '')
  return prefixed(store, prefix.map((part) => `${part}/`).join(''))
}

for (const name of ['versitygw', 'rgw'] as const) {
  // Both suites share a server: a cluster takes its time.
  const server = startStoreServer(name)
  const shared = async (): ReturnType<typeof startStoreServer> => ({
    ...(await server),
    stop: async () => {},
  })
  objectStoreContract(`openS3Store() on ${name}`, async () => rigOn(name, await shared()))
  objectStoreContract(`openFetchS3Store() on ${name}`, async () =>
    rigOn(name, await shared(), overFetch),
  )
  afterAll(async () => {
    await (await server).stop()
  })
}
