// Azure Blob Storage for Workers: REST by fetch, signatures by WebCrypto. A SAS that reads and
// writes one container is what a Worker should have; an account's key works as well. MD5 is used
// where the runtime has it, which Workers do; elsewhere puts are unchecked.
import type { ObjectStore } from '../../src/ports/object-store.ts'
import { restApi, type AzurePlace } from './azure/rest.ts'
import { azureStore, type AzureStoreOptions } from './azure/store.ts'
import { fetchHttp } from './shared/fetch-http.ts'

/** Opens a container; nothing is sent yet. */
export function openFetchAzureStore(options: AzurePlace & AzureStoreOptions): ObjectStore {
  let hasMd5 = true
  const md5 = async (bytes: Uint8Array): Promise<Uint8Array | null> => {
    if (!hasMd5) return null
    try {
      return new Uint8Array(await crypto.subtle.digest('MD5', bytes as Uint8Array<ArrayBuffer>))
    } catch {
      hasMd5 = false // not one of the algorithms that every runtime must have
      return null
    }
  }
  return azureStore(restApi({ http: fetchHttp(), md5 }, options), options, options)
}
