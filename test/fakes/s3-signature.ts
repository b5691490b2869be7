// Whether a request to the fake S3 is signed by its keys: what was signed is signed again by
// aws4fetch, and the hash of the body is compared. The SDK's own signer thereby meets another one.
import { hash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { AwsV4Signer } from 'aws4fetch'

interface Keys {
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

/** Checks the header `Authorization`, or the query of a signed URL. */
export async function isSigned(
  keys: Keys,
  request: {
    readonly method: string
    readonly headers: IncomingMessage['headers']
    readonly body: Uint8Array
  },
  url: URL,
): Promise<boolean> {
  return url.searchParams.has('X-Amz-Signature')
    ? isSignedUrl(keys, request.method, url)
    : isSignedRequest(keys, request, url)
}

async function isSignedRequest(
  keys: Keys,
  { method, headers, body }: Parameters<typeof isSigned>[1],
  url: URL,
): Promise<boolean> {
  const given = /Credential=(\S+?), ?SignedHeaders=(\S+?), ?Signature=(\w+)$/.exec(
    headers.authorization ?? '',
  )
  const [, credential = '', names = '', signature = ''] = given ?? []
  const [accessKeyId, , region = ''] = credential.split('/')
  if (accessKeyId !== keys.accessKeyId) return false
  const sum = headers['x-amz-content-sha256']
  if (sum !== 'UNSIGNED-PAYLOAD' && sum !== hash('sha256', body)) return false
  const signed = names.split(';').filter((name) => name !== 'host')
  const signer = new AwsV4Signer({
    ...keys,
    ...{ method, region, service: 's3', allHeaders: true },
    url: url.href,
    datetime: String(headers['x-amz-date']),
    headers: Object.fromEntries(signed.map((name) => [name, String(headers[name])])),
  })
  return (await signer.signature()) === signature
}

async function isSignedUrl(keys: Keys, method: string, url: URL): Promise<boolean> {
  const bare = new URL(url)
  const take = (name: string): string => {
    const value = bare.searchParams.get(name) ?? ''
    bare.searchParams.delete(name)
    return value
  }
  const signature = take('X-Amz-Signature')
  const datetime = take('X-Amz-Date')
  const [accessKeyId, , region = ''] = take('X-Amz-Credential').split('/')
  take('X-Amz-Algorithm')
  take('X-Amz-SignedHeaders')
  if (accessKeyId !== keys.accessKeyId) return false
  const iso = datetime.replace(/(....)(..)(..)T(..)(..)(..)Z/, '$1-$2-$3T$4:$5:$6Z')
  const seconds = Number(bare.searchParams.get('X-Amz-Expires'))
  if (!(Date.parse(iso) + seconds * 1000 > Date.now())) return false
  const options = { method, region, service: 's3', signQuery: true, datetime }
  const signer = new AwsV4Signer({ ...keys, ...options, url: bare.href })
  return (await signer.signature()) === signature
}
