// Azure Blob Storage for brokers: REST by node:http, MD5 by OpenSSL. Credentials come from where
// Microsoft's own tools look: a connection string, the account's key, a SAS, or an identity.
import * as crypto from 'node:crypto'
import { UsageError } from '../../src/base/errors.ts'
import type { ObjectStore } from '../../src/ports/object-store.ts'
import { credentialsOf, parseConnectionString, type Environment } from './azure/identity.ts'
import { azureStore, type AzureStoreOptions } from './azure/store.ts'
import { nodeHttp } from './shared/node-http.ts'

/** Opens a container; nothing is sent yet. */
export function openAzureStore(options: AzureStoreOptions): ObjectStore {
  const md5 = async (bytes: Uint8Array): Promise<Uint8Array> => crypto.hash('md5', bytes, 'buffer')
  return azureStore({ http: nodeHttp(), md5 }, options)
}

/**
 * Opens a container with the credentials of the environment. Throws UsageError where they are of
 * another account.
 */
export function openAzureFromEnvironment(
  place: { readonly account: string; readonly container: string; readonly endpoint?: string },
  environment: Environment,
): ObjectStore {
  const { account } = place
  const text = environment['AZURE_STORAGE_CONNECTION_STRING']
  if (text === undefined) {
    const credentials = credentialsOf(environment, account, nodeHttp())
    return openAzureStore({ ...place, credentials })
  }
  const told = parseConnectionString(text)
  if (told.account !== undefined && told.account !== account) {
    throw new UsageError(
      `AZURE_STORAGE_CONNECTION_STRING is of account ${told.account}, the store of ${account}; ` +
        'make them agree',
    )
  }
  const found =
    told.key !== undefined
      ? { AZURE_STORAGE_KEY: told.key }
      : told.sas !== undefined
        ? { AZURE_STORAGE_SAS_TOKEN: told.sas }
        : environment
  const credentials = credentialsOf(found, account, nodeHttp())
  const endpoint = place.endpoint ?? told.endpoint
  return openAzureStore({ ...place, ...(endpoint && { endpoint }), credentials })
}
