import { objectStoreContract } from '../../contract/object-store.ts'
import { openOverFetch } from '../../stores/over-fetch.ts'
import { serverRig } from '../../stores/rig.ts'

objectStoreContract('openGcsStore() on fake-gcs-server', () => serverRig('fake-gcs-server'))
objectStoreContract('openFetchGcsStore() on fake-gcs-server', () =>
  serverRig('fake-gcs-server', openOverFetch),
)
