import { objectStoreContract } from '../contract/object-store.ts'
import { openOverFetch } from '../stores/over-fetch.ts'
import { serverRig } from '../stores/rig.ts'

objectStoreContract('openAzureStore() on Azurite', () => serverRig('azurite'))

objectStoreContract('openFetchAzureStore() on Azurite', async () => ({
  ...(await serverRig('azurite', openOverFetch)),
  manyKeys: 120,
}))
