// Signed URLs of Google Cloud Storage, version 4: a canonical request, hashed, signed by the RSA
// key of a service account, wherever that key lies.
// https://cloud.google.com/storage/docs/authentication/signatures
import { encodeStrictly, hex, queryOf, utf8 } from '../shared/http.ts'

/** A service account that signs. */
export interface GcsSigner {
  /** Its e-mail address. */
  readonly account: string
  /** RSASSA-PKCS1-v1_5 with SHA-256. */
  sign(text: string): Promise<Uint8Array>
}

/** A URL that reads one object for a while; `url` is that of the object, without a query. */
export async function signedUrl(
  signer: GcsSigner,
  url: string,
  ttlSeconds: number,
): Promise<string> {
  const { host, pathname } = new URL(url)
  const time = new Date().toISOString().replace(/[:-]|\.\d{3}/g, '')
  const scope = `${time.slice(0, 8)}/auto/storage/goog4_request`
  const query = queryOf({
    'X-Goog-Algorithm': 'GOOG4-RSA-SHA256',
    'X-Goog-Credential': `${signer.account}/${scope}`,
    'X-Goog-Date': time,
    'X-Goog-Expires': ttlSeconds,
    'X-Goog-SignedHeaders': 'host',
  })
  const request = ['GET', pathname, query, `host:${host}`, '', 'host', 'UNSIGNED-PAYLOAD']
  const digest = await crypto.subtle.digest('SHA-256', utf8(request.join('\n')))
  const text = ['GOOG4-RSA-SHA256', time, scope, hex(new Uint8Array(digest))].join('\n')
  const signature = hex(await signer.sign(text))
  return `${url}?${query}&X-Goog-Signature=${encodeStrictly(signature)}`
}
