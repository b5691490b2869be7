// Google Cloud Storage for brokers: the JSON API by node:http, with tokens and signatures from
// Google's own library, which knows every way to get them: a key file, the machine's account, the
// identity of another cloud. Checksums are native where that loads.
import { crc32c as plainCrc32c } from '../../src/base/crc32c.ts'
import type { ObjectStore } from '../../src/ports/object-store.ts'
import type { GcsSigner } from './gcs/sign.ts'
import { gcsStore, type GcsStoreOptions } from './gcs/store.ts'
import { AnswerError } from './shared/failure.ts'
import { unbase64 } from './shared/http.ts'
import { nodeHttp } from './shared/node-http.ts'

/** Which bucket, and how it is reached. */
export interface GcsOptions extends GcsStoreOptions {
  /** Path of a service account's key; where Google's tools would look if absent. */
  readonly keyFile?: string
}

/** Opens a bucket; nothing is sent yet. An endpoint without a key file is asked without a token. */
export async function openGcsStore(options: GcsOptions): Promise<ObjectStore> {
  const { GoogleAuth } = await import('google-auth-library')
  const { keyFile, endpoint } = options
  const isAnonymous = endpoint !== undefined && keyFile === undefined
  const auth = new GoogleAuth({
    scopes: 'https://www.googleapis.com/auth/devstorage.read_write',
    ...(keyFile === undefined ? {} : { keyFilename: keyFile }),
  })
  const signer = async (): Promise<GcsSigner> => {
    const { client_email: account } = await auth.getCredentials()
    if (account === undefined) throw unknown(new Error('no service account'))
    return { account, sign: async (text) => unbase64(await auth.sign(text)) }
  }
  return gcsStore(
    {
      http: nodeHttp(),
      crc32c: await fastCrc32c(),
      token: async () => {
        if (isAnonymous) return null
        try {
          return (await auth.getAccessToken()) ?? null
        } catch (error) {
          throw unknown(error)
        }
      },
      ...(isAnonymous ? {} : { signer }),
    },
    options,
  )
}

/** Google's library failed to get a token: nobody has said who this is, or the network is gone. */
function unknown(error: unknown): AnswerError {
  const { code } = error as { readonly code?: unknown }
  const isNetwork = typeof code === 'string' && /^(E[A-Z]+|ETIMEDOUT)$/.test(code)
  const isFile = code === 'ENOENT' || code === 'EACCES'
  if (isNetwork && !isFile) return new AnswerError({ status: 0, code }, error)
  return new AnswerError({ status: 401, code: 'CannotAuthenticate' }, error)
}

async function fastCrc32c(): Promise<(bytes: Uint8Array, seed: number) => number> {
  try {
    const { crc32c } = await import('@node-rs/crc32')
    return (bytes, seed) => crc32c(bytes, seed)
  } catch {
    return plainCrc32c
  }
}
