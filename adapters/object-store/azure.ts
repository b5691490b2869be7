// Azure Blob Storage for brokers, by Microsoft's SDK: it signs, sends and reads; MD5 is made by
// OpenSSL and compared by the service. The SDK does not repeat anything: who asks knows how long
// there is. Its connections are given an agent of this store's own, so that `close()` ends them.
//
// Identities of Entra ID come from azure/identity.ts as a TokenCredential: Microsoft's package for
// them is larger than everything else here together.
import * as crypto from 'node:crypto'
import * as http from 'node:http'
import * as https from 'node:https'
import type { Readable } from 'node:stream'
import {
  AnonymousCredential,
  BlobSASPermissions,
  ContainerClient,
  RestError,
  SASProtocol,
  StorageSharedKeyCredential,
  newPipeline,
  type BlockBlobClient,
  type Pipeline,
} from '@azure/storage-blob'
import { UsageError } from '../../src/base/errors.ts'
import type { ObjectStore } from '../../src/ports/object-store.ts'
import { bareEtag, type AzureApi, type AzureConditions } from './azure/api.ts'
import type { AzureCredentials } from './azure/auth.ts'
import { credentialsOf, parseConnectionString, type Environment } from './azure/identity.ts'
import type { AzurePlace } from './azure/rest.ts'
import { azureStore, type AzureStoreOptions } from './azure/store.ts'
import { collect } from './shared/collect.ts'
import { AnswerError, bareCause } from './shared/failure.ts'
import { nodeHttp } from './shared/node-http.ts'

const SOCKETS_MAX = 128
/** After so long a token is asked for again; those that are kept hold for five minutes more. */
const TOKEN_MS = 4 * 60_000

/** Opens a container; nothing is sent yet. */
export function openAzureStore(options: AzurePlace & AzureStoreOptions): ObjectStore {
  return azureStore(sdkApi(options), options, options)
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

/** The requests by the SDK. */
function sdkApi({ account, container, endpoint, credentials }: AzurePlace): AzureApi {
  const limits = { keepAlive: true, maxSockets: SOCKETS_MAX }
  const agents = { plain: new http.Agent(limits), tls: new https.Agent(limits) }
  const service = (endpoint ?? `https://${account}.blob.core.windows.net`).replace(/\/$/, '')
  const proof = credentials.kind === 'sas' ? `?${credentials.sas}` : ''
  const client = new ContainerClient(
    `${service}/${container}${proof}`,
    pipelineOf(credentials, service.startsWith('https:') ? agents.tls : agents.plain),
  )
  const at = (key: string): BlockBlobClient => client.getBlockBlobClient(key)
  return {
    md5: async (bytes) => crypto.hash('md5', bytes, 'buffer'),
    put: async (key, bytes, { md5, conditions }, abortSignal) => {
      const { etag } = await told(
        at(key).upload(bytes, bytes.length, {
          ...{ abortSignal, conditions: headersOf(conditions) },
          ...(md5 && { transactionalContentMD5: md5 }),
        }),
      )
      return bareEtag(etag)
    },
    putBlock: async (key, { id, bytes, md5 }, abortSignal) => {
      const checked = md5 && { transactionalContentMD5: md5 }
      await told(at(key).stageBlock(id, bytes, bytes.length, { abortSignal, ...checked }))
    },
    commit: async (key, ids, conditions, abortSignal) => {
      const how = { abortSignal, conditions: headersOf(conditions) }
      return bareEtag((await told(at(key).commitBlockList([...ids], how))).etag)
    },
    get: async (key, range, abortSignal, into) => {
      const { from, to } = range ?? { from: 0, to: 0 }
      const count = range === undefined ? undefined : to - from
      const answer = await told(at(key).download(from, count, { abortSignal, maxRetryRequests: 0 }))
      // A stream that the SDK has made of the socket's: its chunks are not copied on their way.
      const body = answer.readableStreamBody as Readable
      return {
        bytes: await collect(body, answer.contentLength, abortSignal, into),
        etag: bareEtag(answer.etag),
      }
    },
    head: async (key, abortSignal) => {
      const found = await told(at(key).getProperties({ abortSignal }))
      return {
        size: found.contentLength ?? 0,
        etag: bareEtag(found.etag),
        modifiedMs: found.lastModified?.getTime() ?? -1,
      }
    },
    list: async ({ prefix, cursor, limit }, abortSignal) => {
      const pages = client
        .listBlobsFlat({ abortSignal, ...(prefix !== '' && { prefix }) })
        .byPage({ maxPageSize: limit, ...(cursor !== undefined && { continuationToken: cursor }) })
      const turn = await told(pages.next())
      if (turn.done === true) return { objects: [], next: null }
      const page = turn.value
      const objects = page.segment.blobItems.map(({ name, properties }) => ({
        key: name,
        size: properties.contentLength ?? 0,
        etag: bareEtag(properties.etag),
        modifiedMs: properties.lastModified.getTime(),
      }))
      const next = page.continuationToken ?? ''
      return { objects, next: next === '' ? null : next }
    },
    delete: async (key, abortSignal) => {
      await told(at(key).delete({ abortSignal }))
    },
    ...(credentials.kind === 'key' && {
      sign: (key, ttlMs) =>
        at(key).generateSasUrl({
          permissions: BlobSASPermissions.parse('r'),
          expiresOn: new Date(Date.now() + ttlMs),
          protocol: service.startsWith('https:') ? SASProtocol.Https : SASProtocol.HttpsAndHttp,
        }),
    }),
    close: () => {
      agents.plain.destroy()
      agents.tls.destroy()
    },
  }
}

/** The SDK's pipeline: our agent, our credentials, one try. */
function pipelineOf(credentials: AzureCredentials, agent: http.Agent): Pipeline {
  const pipeline = newPipeline(sdkCredential(credentials), { retryOptions: { maxTries: 1 } })
  pipeline.factories.push({
    create: (next) => ({
      sendRequest: (request) => {
        request.agent = agent
        return next.sendRequest(request)
      },
    }),
  })
  return pipeline
}

function sdkCredential(credentials: AzureCredentials): Parameters<typeof newPipeline>[0] {
  if (credentials.kind === 'key') {
    return new StorageSharedKeyCredential(credentials.account, credentials.key)
  }
  if (credentials.kind === 'sas') return new AnonymousCredential()
  return {
    getToken: async (_scopes, options) => {
      const signal = options?.abortSignal as AbortSignal | undefined
      const token = await credentials.token(signal ?? new AbortController().signal)
      return { token, expiresOnTimestamp: Date.now() + TOKEN_MS }
    },
  }
}

const headersOf = ({ ifNoneMatch, ifMatch }: AzureConditions): AzureConditions => ({
  ...(ifNoneMatch && { ifNoneMatch }),
  ...(ifMatch !== undefined && { ifMatch: `"${ifMatch}"` }),
})

/** What the SDK throws, as an answer; what our credentials throw passes. */
async function told<T>(request: Promise<T>): Promise<T> {
  try {
    return await request
  } catch (error) {
    if (!(error instanceof RestError)) throw error
    const { statusCode = 0, code = '', details } = error
    const { errorCode = code } = (details ?? {}) as { readonly errorCode?: string }
    throw new AnswerError({ status: statusCode, code: errorCode }, bareCause(error))
  }
}
