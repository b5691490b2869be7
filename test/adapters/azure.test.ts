import { openFetchAzureStore } from '../../adapters/object-store/fetch-azure.ts'
import { prefixed } from '../../adapters/object-store/shared/prefixed.ts'
import { objectStoreContract } from '../contract/object-store.ts'
import { serverRig, type OpenStore } from '../stores/rig.ts'

objectStoreContract('openAzureStore() on Azurite', () => serverRig('azurite'))

const overFetch: OpenStore = async (url, environment) => {
  const { host: account, pathname, searchParams } = new URL(url)
  const [container = '', ...prefix] = pathname.split('/').filter((part) => part !== '')
  const store = openFetchAzureStore({
    ...{ account, container, endpoint: searchParams.get('endpoint') ?? '' },
    credentials: { kind: 'key', account, key: environment['AZURE_STORAGE_KEY'] ?? '' },
  })
  return prefixed(store, prefix.map((part) => `${part}/`).join(''))
}

objectStoreContract('openFetchAzureStore() on Azurite', async () => ({
  ...(await serverRig('azurite', overFetch)),
  manyKeys: 120,
}))
