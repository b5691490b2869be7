// Google Cloud Storage for Workers: the JSON API by fetch. A service account's key, as Google hands
// it out, is all that it needs: tokens are asked for with a JWT that WebCrypto signs, and URLs are
// signed by the same key.
import { crc32c } from '../../src/base/crc32c.ts'
import type { ObjectStore } from '../../src/ports/object-store.ts'
import { restApi, type GcsPlace } from './gcs/rest.ts'
import type { GcsSigner } from './gcs/sign.ts'
import { gcsStore, type GcsStoreOptions } from './gcs/store.ts'
import { AnswerError } from './shared/failure.ts'
import { fetchHttp } from './shared/fetch-http.ts'
import { base64, queryOf, textOfAnswer, unbase64, utf8, type Http } from './shared/http.ts'

/** The two fields of a service account's key that matter. */
export interface ServiceAccountKey {
  readonly client_email: string
  /** PKCS #8 in PEM. */
  readonly private_key: string
  /** Where tokens are asked for; Google's if absent. */
  readonly token_uri?: string
}

/** Which bucket, and by whom it is read. */
export interface FetchGcsOptions extends GcsPlace, GcsStoreOptions {
  /** A service account's key, or what gives tokens; absent for a bucket that asks for none. */
  readonly credentials?: ServiceAccountKey | ((signal: AbortSignal) => Promise<string>)
}

const TOKEN_URL = 'https://oauth2.googleapis.com/token'
const SCOPE = 'https://www.googleapis.com/auth/devstorage.read_write'
const TOKEN_SECONDS = 3_600
const EARLY_MS = 5 * 60_000

/** Opens a bucket; nothing is sent yet. */
export function openFetchGcsStore(options: FetchGcsOptions): ObjectStore {
  const http = fetchHttp()
  const { credentials, bucket } = options
  const parts = { http, crc32c }
  if (credentials === undefined) {
    return gcsStore(restApi({ ...parts, token: async () => null }, options), bucket, options)
  }
  if (typeof credentials === 'function') {
    return gcsStore(restApi({ ...parts, token: credentials }, options), bucket, options)
  }
  const signer = signerOf(credentials)
  const token = tokensOf(credentials, signer, http)
  const api = restApi({ ...parts, token, signer: async () => signer }, options)
  return gcsStore(api, bucket, options)
}

function signerOf({ client_email, private_key }: ServiceAccountKey): GcsSigner {
  const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }
  const key = async (): Promise<CryptoKey> => {
    const der = unbase64(private_key.replace(/-----[^-]+-----|\s/g, ''))
    return crypto.subtle.importKey('pkcs8', der, algorithm, false, ['sign'])
  }
  let imported: Promise<CryptoKey> | null = null
  return {
    account: client_email,
    sign: async (text) => {
      try {
        imported ??= key()
        return new Uint8Array(await crypto.subtle.sign(algorithm.name, await imported, utf8(text)))
      } catch (error) {
        throw new AnswerError({ status: 401, code: 'CannotAuthenticate' }, error)
      }
    },
  }
}

function tokensOf(
  key: ServiceAccountKey,
  signer: GcsSigner,
  http: Http,
): (signal: AbortSignal) => Promise<string> {
  let last: { readonly token: string; readonly endsMs: number } | null = null
  const url = key.token_uri ?? TOKEN_URL
  const part = (value: object): string => base64url(utf8(JSON.stringify(value)))
  return async (signal) => {
    if (last !== null && last.endsMs - EARLY_MS > Date.now()) return last.token
    const iat = Math.floor(Date.now() / 1000)
    const claims = { iss: key.client_email, scope: SCOPE, aud: url, iat, exp: iat + TOKEN_SECONDS }
    const unsigned = `${part({ alg: 'RS256', typ: 'JWT' })}.${part(claims)}`
    const assertion = `${unsigned}.${base64url(await signer.sign(unsigned))}`
    const grant_type = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    const body = [utf8(queryOf({ grant_type, assertion }))]
    const answer = await http.send({ method: 'POST', url, headers, body }, signal)
    if (answer.status !== 200) {
      const isBusy = answer.status === 429 || answer.status >= 500
      throw new AnswerError({
        status: isBusy ? answer.status : 401,
        code: isBusy ? '' : 'CannotAuthenticate',
      })
    }
    const told = JSON.parse(textOfAnswer(answer)) as { access_token: string; expires_in: number }
    last = { token: told.access_token, endsMs: Date.now() + told.expires_in * 1000 }
    return last.token
  }
}

const base64url = (bytes: Uint8Array): string =>
  base64(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
