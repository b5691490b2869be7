import { openFetchGcsStore } from '../../../adapters/object-store/fetch-gcs.ts'
import { prefixed } from '../../../adapters/object-store/shared/prefixed.ts'
import { objectStoreContract } from '../../contract/object-store.ts'
import { serverRig, type OpenStore } from '../../stores/rig.ts'

objectStoreContract('openGcsStore() on fake-gcs-server', () => serverRig('fake-gcs-server'))

const overFetch: OpenStore = async (url) => {
  const { host: bucket, pathname, searchParams } = new URL(url)
  const store = openFetchGcsStore({ bucket, endpoint: searchParams.get('endpoint') ?? '' })
  const prefix = pathname.split('/').filter((part) => part !== '')
  return prefixed(store, prefix.map((part) => `${part}/`).join(''))
}

objectStoreContract('openFetchGcsStore() on fake-gcs-server', () =>
  serverRig('fake-gcs-server', overFetch),
)
