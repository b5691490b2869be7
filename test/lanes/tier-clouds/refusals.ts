// How the stores differ where they refuse: who may not delete, what a wrong bucket is called, and
// how a store looks that ignores conditions of writes. Azure's permissions are a real SAS; the
// others' refusals are said by a middlebox in the words of the store.
import {
  ContainerClient,
  ContainerSASPermissions,
  StorageSharedKeyCredential,
} from '@azure/storage-blob'
import { AwsClient } from 'aws4fetch'
import type { StoreServer, StoreServerName } from '../../stores/server.ts'
import type { Answer, Passing, Rule } from './middlebox.ts'
import type { Environment } from './stage.ts'

/** The same bucket for somebody with fewer rights, or behind a worse store. */
export interface Refusal {
  readonly environment: Environment
  readonly rule: Rule
}

const pass: Rule = (passing) => passing

/** The endpoint of a server, which a store's URL has as a parameter. */
export const endpointOf = ({ url }: StoreServer): URL =>
  new URL(new URL(url).searchParams.get('endpoint') ?? '')

/** A URL of a bucket that is not there. */
export const absentBucket = (url: string): string =>
  url.replace(/^az:\/\/(\w+)\/\w+/, 'az://$1/absent').replace(/^(s3|gs):\/\/\w+/, '$1://absent')

/** Azure's permissions for everything but what `without` names, as a token. */
async function sasWithout(server: StoreServer, without: string): Promise<Environment> {
  const signer = new StorageSharedKeyCredential(
    new URL(server.url).host,
    server.environment['AZURE_STORAGE_KEY'] ?? '',
  )
  const permissions = ContainerSASPermissions.parse('racwdl'.replaceAll(without, ''))
  const container = `${endpointOf(server).href.replace(/\/$/, '')}/container`
  const sas = await new ContainerClient(container, signer).generateSasUrl({
    permissions,
    expiresOn: new Date(Date.now() + 3_600_000),
  })
  return { AZURE_STORAGE_SAS_TOKEN: new URL(sas).search.replace('?', '') }
}

/** S3 refuses the removal of many keys one by one, in an answer that is a success. */
function s3WithoutDelete({ method, url, body }: Passing): Answer | null {
  const type = 'application/xml'
  if (method === 'DELETE') {
    return { status: 403, type, text: '<Error><Code>AccessDenied</Code></Error>' }
  }
  if (method !== 'POST' || !/[?&]delete\b/.test(url)) return null
  const keys = new TextDecoder().decode(body).matchAll(/<Key>[^<]*<\/Key>/g)
  const errors = Array.from(keys, ([key]) => `<Error>${key}<Code>AccessDenied</Code></Error>`)
  return { status: 200, type, text: `<DeleteResult>${errors.join('')}</DeleteResult>` }
}

function gcsWithoutDelete({ method }: Passing): Answer | null {
  if (method !== 'DELETE') return null
  const error = { code: 403, message: 'denied', errors: [{ reason: 'forbidden' }] }
  return { status: 403, type: 'application/json', text: JSON.stringify({ error }) }
}

/** A store whose credentials may do all but delete. */
export async function withoutDelete(name: StoreServerName, server: StoreServer): Promise<Refusal> {
  const { environment } = server
  if (name === 'azurite') return { environment: await sasWithout(server, 'd'), rule: pass }
  const refuse = name === 'fake-gcs-server' ? gcsWithoutDelete : s3WithoutDelete
  return { environment, rule: (passing) => refuse(passing) ?? passing }
}

/** A store that takes every write, whatever its condition. */
export async function withoutConditions(
  name: StoreServerName,
  server: StoreServer,
): Promise<Refusal> {
  if (name === 'azurite') {
    // A SAS signs no headers.
    const environment = await sasWithout(server, '')
    return { environment, rule: (passing) => ({ ...passing, ...unconditional(passing) }) }
  }
  const { environment } = server
  if (name === 'fake-gcs-server') {
    const strip = (url: string): string => url.replace(/([?&])ifGenerationMatch=\d+&?/, '$1')
    return { environment, rule: (passing) => ({ ...passing, url: strip(passing.url) }) }
  }
  const client = new AwsClient({
    accessKeyId: environment['AWS_ACCESS_KEY_ID'] ?? '',
    secretAccessKey: environment['AWS_SECRET_ACCESS_KEY'] ?? '',
    service: 's3',
    region: new URL(server.url).searchParams.get('region') ?? '',
  })
  return { environment, rule: (passing) => signedAnew(client, server, passing) }
}

function unconditional({ headers }: Passing): Pick<Passing, 'headers'> {
  const { 'if-match': _, 'if-none-match': __, ...others } = headers
  return { headers: others }
}

/** S3's signatures cover conditions: without them a write is signed anew. */
async function signedAnew(
  client: AwsClient,
  server: StoreServer,
  passing: Passing,
): Promise<Passing> {
  const { method, url, body, headers: sent } = passing
  if (sent['if-match'] === undefined && sent['if-none-match'] === undefined) return passing
  const place = new URL(url, endpointOf(server))
  const signed = await client.sign(place.href, { method, body: Uint8Array.from(body) })
  const headers = Object.fromEntries(signed.headers)
  return {
    ...passing,
    headers: { ...headers, host: place.host, 'content-length': String(body.length) },
  }
}
