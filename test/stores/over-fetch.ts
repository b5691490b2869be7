// Opens stores by their URL as a Worker would: with the adapters over fetch.
import { openFetchAzureStore } from '../../adapters/object-store/fetch-azure.ts'
import { openFetchGcsStore } from '../../adapters/object-store/fetch-gcs.ts'
import { openFetchS3Store } from '../../adapters/object-store/fetch-s3.ts'
import { prefixed } from '../../adapters/object-store/shared/prefixed.ts'
import type { OpenStore } from './rig.ts'

/** As `openObjectStore()`, for `s3:`, `gs:` and `az:` with an endpoint. */
export const openOverFetch: OpenStore = async (url, environment) => {
  const { protocol, host, pathname, searchParams } = new URL(url)
  const endpoint = searchParams.get('endpoint') ?? ''
  const path = pathname.split('/').filter((part) => part !== '')
  const below = (parts: readonly string[]): string => parts.map((part) => `${part}/`).join('')
  if (protocol === 'gs:') {
    return prefixed(openFetchGcsStore({ bucket: host, endpoint }), below(path))
  }
  if (protocol === 'az:') {
    const [container = '', ...rest] = path
    const key = environment['AZURE_STORAGE_KEY'] ?? ''
    const credentials = { kind: 'key', account: host, key } as const
    const store = openFetchAzureStore({ account: host, container, endpoint, credentials })
    return prefixed(store, below(rest))
  }
  const store = openFetchS3Store({
    ...{ bucket: host, endpoint, region: searchParams.get('region') ?? '' },
    accessKeyId: environment['AWS_ACCESS_KEY_ID'] ?? '',
    secretAccessKey: environment['AWS_SECRET_ACCESS_KEY'] ?? '',
  })
  return prefixed(store, below(path))
}
