// Google Cloud Storage for brokers: the JSON API by node:http, with tokens and signatures from
// Google's own library, which knows every way to get them: a key file, the machine's account, the
// identity of another cloud. Checksums are native where that loads.
import { sign } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { crc32c as plainCrc32c } from '../../src/base/crc32c.ts'
import type { ObjectStore } from '../../src/ports/object-store.ts'
import type { GcsSigner } from './gcs/sign.ts'
import { gcsStore, type GcsStoreOptions } from './gcs/store.ts'
import { AnswerError } from './shared/failure.ts'
import { unbase64, utf8 } from './shared/http.ts'
import { nodeHttp } from './shared/node-http.ts'

/** Which bucket, and how it is reached. */
export interface GcsOptions extends GcsStoreOptions {
  /** Path of a service account's key; where Google's tools would look if absent. */
  readonly keyFile?: string
}

/** Where tokens and signatures come from. */
interface Identity {
  token(): Promise<string | null>
  readonly signer?: () => Promise<GcsSigner>
}

const SCOPE = 'https://www.googleapis.com/auth/devstorage.read_write'

/** Opens a bucket; nothing is sent yet. An endpoint without a key file is asked without a token. */
export async function openGcsStore(options: GcsOptions): Promise<ObjectStore> {
  const { keyFile, endpoint } = options
  const isDefault =
    keyFile === undefined || keyFile === process.env['GOOGLE_APPLICATION_CREDENTIALS']
  const identity =
    endpoint !== undefined && keyFile === undefined
      ? { token: async () => null }
      : isDefault
        ? await defaultIdentity()
        : await keyIdentity(keyFile)
  return gcsStore({ http: nodeHttp(), crc32c: await fastCrc32c(), ...identity }, options)
}

/** Whatever Google's library finds: a file that the environment names, or who the machine is. */
async function defaultIdentity(): Promise<Identity> {
  const { GoogleAuth } = await import('google-auth-library')
  const auth = new GoogleAuth({ scopes: SCOPE })
  return {
    token: () => known(async () => (await auth.getAccessToken()) ?? null),
    signer: () =>
      known(async () => {
        const { client_email: account } = await auth.getCredentials()
        if (account === undefined) throw new Error('there is no service account')
        return { account, sign: async (text) => unbase64(await auth.sign(text)) }
      }),
  }
}

/** A service account by its key, which is read when it is needed first. */
async function keyIdentity(file: string): Promise<Identity> {
  const { JWT } = await import('google-auth-library')
  const read = async (): Promise<{ readonly email: string; readonly key: string }> => {
    const told = JSON.parse(await readFile(file, 'utf8')) as Readonly<Record<string, unknown>>
    const { client_email: email, private_key: key } = told
    if (typeof email === 'string' && typeof key === 'string') return { email, key }
    throw new Error('the file is no key of a service account')
  }
  let client: Promise<InstanceType<typeof JWT>> | null = null
  return {
    token: () =>
      known(async () => {
        client ??= read().then((found) => new JWT({ ...found, scopes: SCOPE }))
        return (await (await client).getAccessToken()).token ?? null
      }),
    signer: () =>
      known(async () => {
        const { email, key } = await read()
        return { account: email, sign: async (text) => sign('sha256', utf8(text), key) }
      }),
  }
}

/** Runs what may fail for want of credentials. */
async function known<T>(task: () => Promise<T>): Promise<T> {
  try {
    return await task()
  } catch (error) {
    throw unknown(error)
  }
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
