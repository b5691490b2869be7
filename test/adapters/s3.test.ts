import { objectStoreContract } from '../contract/object-store.ts'
import { openOverFetch } from '../stores/over-fetch.ts'
import { serverRig } from '../stores/rig.ts'

// The real servers are in test/lanes/stores.
objectStoreContract('openS3Store() on a fake', () => serverRig('fake-s3'))
objectStoreContract('openFetchS3Store() on a fake', () => serverRig('fake-s3', openOverFetch))
