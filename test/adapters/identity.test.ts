import { createHash, generateKeyPairSync, verify } from 'node:crypto'
import * as fs from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { credentialsOf } from '../../adapters/object-store/azure/identity.ts'
import { openFetchGcsStore } from '../../adapters/object-store/fetch-gcs.ts'
import { openGcsStore } from '../../adapters/object-store/gcs.ts'
import type { AnswerError } from '../../adapters/object-store/shared/failure.ts'
import { nodeHttp } from '../../adapters/object-store/shared/node-http.ts'
import type { ObjectStore } from '../../src/ports/object-store.ts'
import { kindOf } from '../contract/disk.ts'

interface Asked {
  readonly path: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
}

/** A server that gives tokens, or whatever it is told to. */
let server: Server
let endpoint: string
let asked: Asked[]
let answer: (one: Asked) => { readonly status: number; readonly body: object }

beforeEach(async () => {
  asked = []
  answer = () => ({ status: 200, body: { access_token: 'token', expires_in: 3600 } })
  server = createServer((request, response) => {
    const chunks: Uint8Array[] = []
    request.on('data', (chunk: Uint8Array) => chunks.push(chunk))
    request.on('end', () => {
      const { url: path = '', headers } = request
      const one = { path, headers, body: Buffer.concat(chunks).toString() }
      asked.push(one)
      const { status, body } = answer(one)
      response.writeHead(status, { 'content-type': 'application/json' })
      response.end(JSON.stringify(body))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  endpoint = `http://127.0.0.1:${String(typeof address === 'object' ? address?.port : 0)}`
})

afterEach(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

const tokenFor = async (environment: Readonly<Record<string, string>>): Promise<string[]> => {
  const http = nodeHttp()
  const credentials = credentialsOf(environment, 'account', http)
  if (credentials.kind !== 'token') throw new Error(`credentials of kind ${credentials.kind}`)
  const { signal } = new AbortController()
  try {
    const both = [credentials.token(signal), credentials.token(signal)]
    return [...(await Promise.all(both)), await credentials.token(signal)]
  } finally {
    http.close()
  }
}

describe('credentialsOf() for Azure', () => {
  const client = { AZURE_TENANT_ID: 'tenant', AZURE_CLIENT_ID: 'client' }

  it('asks once with a client secret, and keeps the token', async () => {
    const secret = { AZURE_CLIENT_SECRET: 's&=', AZURE_AUTHORITY_HOST: endpoint }
    expect(await tokenFor({ ...client, ...secret })).toEqual(['token', 'token', 'token'])
    expect(asked.map(({ path }) => path)).toEqual(['/tenant/oauth2/v2.0/token'])
    expect(Object.fromEntries(new URLSearchParams(asked[0]?.body))).toEqual({
      grant_type: 'client_credentials',
      client_id: 'client',
      client_secret: 's&=',
      scope: 'https://storage.azure.com/.default',
    })
  })

  it('reads the token that a cluster has put in a file', async () => {
    const directory = fs.mkdtempSync(join(tmpdir(), 'identity-'))
    const file = join(directory, 'token')
    fs.writeFileSync(file, 'of the cluster\n')
    const federated = { AZURE_FEDERATED_TOKEN_FILE: file, AZURE_AUTHORITY_HOST: endpoint }
    expect((await tokenFor({ ...client, ...federated }))[0]).toBe('token')
    expect(new URLSearchParams(asked[0]?.body).get('client_assertion')).toBe('of the cluster')
    fs.rmSync(directory, { recursive: true })
  })

  it('asks the service that runs it', async () => {
    const identity = { IDENTITY_ENDPOINT: `${endpoint}/msi`, IDENTITY_HEADER: 'header' }
    expect((await tokenFor(identity))[0]).toBe('token')
    expect(asked[0]?.headers['x-identity-header']).toBe('header')
    expect(asked[0]?.path).toContain('resource=https%3A%2F%2Fstorage.azure.com%2F')
  })

  it('asks again before the token ends', async () => {
    answer = () => ({ status: 200, body: { access_token: 'short', expires_in: 60 } })
    const identity = { IDENTITY_ENDPOINT: `${endpoint}/msi`, IDENTITY_HEADER: 'header' }
    await tokenFor(identity)
    expect(asked.length).toBe(2)
  })

  it.each([
    [400, 401],
    [401, 401],
    [503, 503],
  ])('tells a refusal (%i) from a service that is busy', async (status, told) => {
    answer = () => ({ status, body: { error: 'no' } })
    const secret = { AZURE_CLIENT_SECRET: 's', AZURE_AUTHORITY_HOST: endpoint }
    const error = await tokenFor({ ...client, ...secret }).catch((caught: unknown) => caught)
    expect((error as AnswerError).status).toBe(told)
  })
})

describe('service accounts of Google', () => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const key = (): { client_email: string; private_key: string; token_uri: string } => ({
    client_email: 'robot@project',
    private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    token_uri: `${endpoint}/token`,
  })

  /** Whether the URL is signed as Google documents it, read anew from its documents. */
  const isSigned = (signed: string, host = new URL(signed).host): boolean => {
    const url = new URL(signed)
    const signature = url.searchParams.get('X-Goog-Signature') ?? ''
    const query = url.search.replace(/&X-Goog-Signature=.*/, '').replace('?', '')
    const date = url.searchParams.get('X-Goog-Date') ?? ''
    const account = 'robot@project/'
    const scope = (url.searchParams.get('X-Goog-Credential') ?? '').replace(account, '')
    const request = `GET\n${url.pathname}\n${query}\nhost:${host}\n\nhost\nUNSIGNED-PAYLOAD`
    const digest = createHash('sha256').update(request).digest('hex')
    const text = `GOOG4-RSA-SHA256\n${date}\n${scope}\n${digest}`
    const bytes = Buffer.from(signature, 'hex')
    return verify('sha256', Buffer.from(text), publicKey, bytes)
  }

  const check = async (store: ObjectStore): Promise<void> => {
    answer = ({ path }) =>
      path === '/token'
        ? { status: 200, body: { access_token: 'token', expires_in: 3600 } }
        : { status: 200, body: { name: 'k', size: '3', generation: '7' } }
    expect(await store.head('k')).toMatchObject({ size: 3, token: '7' })
    await store.head('k')
    expect(asked.map(({ path }) => path.split('?')[0])).toEqual([
      ...['/token', '/storage/v1/b/bucket/o/k', '/storage/v1/b/bucket/o/k'],
    ])
    expect(asked[1]?.headers['authorization']).toBe('Bearer token')
    const assertion = new URLSearchParams(asked[0]?.body).get('assertion') ?? ''
    const [head = '', claims = '', signature = ''] = assertion.split('.')
    const told = JSON.parse(Buffer.from(claims, 'base64url').toString()) as object
    expect(told).toMatchObject({ iss: 'robot@project' })
    const bytes = Buffer.from(signature, 'base64url')
    expect(verify('sha256', Buffer.from(`${head}.${claims}`), publicKey, bytes)).toBe(true)
    const url = (await store.sign?.('a/b c+d'.replace(' ', '_'), 60_000)) ?? ''
    expect(isSigned(url)).toBe(true)
    expect(isSigned(url.replace('a/b', 'a/c'))).toBe(false)
    expect(url).toContain('X-Goog-Expires=60&')
    await store.close()
  }

  it('openFetchGcsStore() asks for a token and signs by the key alone', async () => {
    await check(openFetchGcsStore({ bucket: 'bucket', endpoint, credentials: key() }))
  })

  it('openGcsStore() does so by a key file', async () => {
    const directory = fs.mkdtempSync(join(tmpdir(), 'identity-'))
    const keyFile = join(directory, 'key.json')
    fs.writeFileSync(keyFile, JSON.stringify({ type: 'service_account', ...key() }))
    process.env['GOOGLE_APPLICATION_CREDENTIALS'] = keyFile
    const store = await openGcsStore({ bucket: 'bucket', endpoint })
    try {
      const url = (await store.sign?.('a/b', 60_000)) ?? ''
      // Google's SDK leaves out a port.
      expect(isSigned(url, '127.0.0.1')).toBe(true)
      expect(isSigned(url.replace('a/b', 'a/c'), '127.0.0.1')).toBe(false)
      expect(url).toContain('X-Goog-Expires=60&')
    } finally {
      await store.close()
      delete process.env['GOOGLE_APPLICATION_CREDENTIALS']
      fs.rmSync(directory, { recursive: true })
    }
  })

  it('refuses what is no key with a sentence', async () => {
    const credentials = { ...key(), private_key: 'nonsense' }
    const store = openFetchGcsStore({ bucket: 'bucket', endpoint, credentials })
    const refused = store.head('k')
    expect(await kindOf(refused)).toBe('refused')
    await expect(refused).rejects.toThrow('does not accept the credentials (CannotAuthenticate)')
    await store.close()
    process.env['GOOGLE_APPLICATION_CREDENTIALS'] = '/nowhere/key.json'
    const absent = await openGcsStore({ bucket: 'bucket', endpoint })
    try {
      for (const attempt of [
        () => absent.head('k'),
        () => absent.get('k'),
        () => absent.put('k', new Uint8Array(1)),
        () => absent.list({ prefix: '', limit: 1 }),
        () => absent.delete(['k']),
      ]) {
        expect(await kindOf(attempt())).toBe('refused')
      }
      await expect(absent.get('k')).rejects.toThrow('does not accept the credentials')
    } finally {
      delete process.env['GOOGLE_APPLICATION_CREDENTIALS']
      await absent.close()
    }
  })
})
