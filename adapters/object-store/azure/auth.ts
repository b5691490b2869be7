// How a request to Azure Blob Storage says who sends it: by the account's key, by a shared access
// signature that somebody made before, or by a token of Entra ID. By WebCrypto alone, so that it
// also runs in Workers. https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key
import type { HttpRequest } from '../shared/http.ts'
import { base64, bodyLength, queryOf, unbase64, utf8 } from '../shared/http.ts'

/** Version of the protocol that is spoken. */
export const AZURE_VERSION = '2023-11-03'

/** Who asks. */
export type AzureCredentials =
  | { readonly kind: 'key'; readonly account: string; readonly key: string }
  /** A query without `?`. */
  | { readonly kind: 'sas'; readonly sas: string }
  | { readonly kind: 'token'; readonly token: (signal: AbortSignal) => Promise<string> }

/** The request with what proves who sends it. */
export async function authorize(
  credentials: AzureCredentials,
  request: HttpRequest,
  signal: AbortSignal,
): Promise<HttpRequest> {
  const headers = {
    ...request.headers,
    'x-ms-version': AZURE_VERSION,
    'x-ms-date': new Date().toUTCString(),
  }
  if (credentials.kind === 'sas') {
    const url = `${request.url}${request.url.includes('?') ? '&' : '?'}${credentials.sas}`
    return { ...request, url, headers }
  }
  if (credentials.kind === 'token') {
    const token = await credentials.token(signal)
    return { ...request, headers: { ...headers, authorization: `Bearer ${token}` } }
  }
  const text = textToSign(credentials.account, { ...request, headers })
  const signature = await hmac(credentials.key, text)
  const authorization = `SharedKey ${credentials.account}:${signature}`
  return { ...request, headers: { ...headers, authorization } }
}

const SIGNED_HEADERS = [
  ...['content-encoding', 'content-language', 'content-length', 'content-md5', 'content-type'],
  ...['date', 'if-modified-since', 'if-match', 'if-none-match', 'if-unmodified-since', 'range'],
]

function textToSign(account: string, request: HttpRequest): string {
  const url = new URL(request.url)
  const length = bodyLength(request.body ?? [])
  const headers: Record<string, string> = {
    ...request.headers,
    'content-length': length === 0 ? '' : String(length),
  }
  const own = Object.keys(headers).filter((name) => name.startsWith('x-ms-'))
  const parameters = [...url.searchParams].map(([name, value]) => `${name.toLowerCase()}:${value}`)
  return [
    request.method,
    ...SIGNED_HEADERS.map((name) => headers[name] ?? ''),
    ...own.sort().map((name) => `${name}:${headers[name] ?? ''}`),
    `/${account}${url.pathname}`,
    ...parameters.sort(),
  ].join('\n')
}

/** A URL that reads one blob for a while: a service SAS, made by the account's key. */
export async function signedUrl(
  { account, key }: { readonly account: string; readonly key: string },
  blob: { readonly url: string; readonly container: string; readonly name: string },
  ttlMs: number,
): Promise<string> {
  const expiry = new Date(Date.now() + ttlMs).toISOString().replace(/\.\d+Z$/, 'Z')
  const resource = `/blob/${account}/${blob.container}/${blob.name}`
  const spr = blob.url.startsWith('https:') ? 'https' : 'https,http'
  const fields = ['r', '', expiry, resource, '', '', spr, AZURE_VERSION, 'b', '', '', '', '', '']
  const sig = await hmac(key, [...fields, '', ''].join('\n'))
  return `${blob.url}?${queryOf({ sv: AZURE_VERSION, spr, se: expiry, sr: 'b', sp: 'r', sig })}`
}

/** The last key, imported: a store has one, and importing costs more than signing. */
let imported: { readonly key: string; readonly crypto: Promise<CryptoKey> } | null = null

async function hmac(key: string, text: string): Promise<string> {
  if (imported?.key !== key) {
    const algorithm = { name: 'HMAC', hash: 'SHA-256' }
    const made = crypto.subtle.importKey('raw', unbase64(key), algorithm, false, ['sign'])
    imported = { key, crypto: made }
  }
  const signer = await imported.crypto
  return base64(new Uint8Array(await crypto.subtle.sign('HMAC', signer, utf8(text))))
}
