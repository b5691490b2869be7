import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import { parseConnectionString } from '../../adapters/object-store/azure/identity.ts'
import { openMemoryStore } from '../../adapters/object-store/memory.ts'
import { openObjectStore } from '../../adapters/object-store/open.ts'
import { AnswerError, storeError } from '../../adapters/object-store/shared/failure.ts'
import { prefixed } from '../../adapters/object-store/shared/prefixed.ts'
import { OperatingError, UsageError } from '../../src/base/errors.ts'

const words = {
  url: 's3://b/p',
  bucket: 'bucket',
  credentials: 'check them',
  permission: { write: 's3:PutObject on it', read: 'r', list: 'l', delete: 'd', sign: 's' },
} as const

describe('openObjectStore()', () => {
  it.each([
    ['memory:', {}, 'memory', 'memory:'],
    ['s3://b', {}, 's3', 's3://b'],
    ['s3://b/a/c?region=eu-west-1', {}, 's3', 's3://b/a/c'],
    ['s3://b/a/?endpoint=http://h:1&pathStyle=true', {}, 's3', 's3://b/a'],
    ['gs://b/a?endpoint=http://h:1', {}, 'gcs', 'gs://b/a'],
    ['az://acc/con/a', { AZURE_STORAGE_KEY: 'a2V5' }, 'azure', 'az://acc/con/a'],
  ])('opens %s', async (url, environment, kind, shown) => {
    const store = await openObjectStore(url, environment)
    expect(store.traits).toMatchObject({ kind, url: shown })
    await store.close()
  })

  it('opens a directory, whose name may need encoding', async () => {
    const directory = join(fs.mkdtempSync(join(tmpdir(), 'store-')), 'a b')
    const store = await openObjectStore(pathToFileURL(directory).href, {})
    await store.put('c', new Uint8Array(1))
    await store.close()
    expect(fs.existsSync(join(directory, 'c'))).toBe(true)
    fs.rmSync(join(directory, '..'), { recursive: true })
  })

  it.each([
    ['', 'write file:///directory, memory:, s3://bucket/prefix'],
    ['bucket', 'write file:///directory'],
    ['S3://bucket', 'write file:///directory'],
    ['ftp://bucket', 'write file:///directory'],
    ['memory:x', 'write memory:'],
    ['file://host/dir', 'write file:///directory'],
    ['file:dir', 'write file:///directory'],
    ['s3:///prefix', 'it names no bucket'],
    ['s3://b?regoin=x', 'it has no parameter regoin; there are: endpoint, region, pathStyle'],
    ['s3://b?pathStyle=yes', 'pathStyle is true or false'],
    ['s3://b?endpoint=localhost:9000', 'its endpoint must be like https://host:port'],
    ['s3://b/a%20b', 'its prefix must be ASCII without blanks'],
    ['s3://b#x', 'leave out #x'],
    ['gs://b?region=x', 'there are: endpoint'],
    ['az://account', 'it names no container'],
    ['memory:?a=b', 'it has no parameter a; there are: none'],
  ])('refuses %s with a sentence', async (url, why) => {
    const opened = openObjectStore(url, {})
    await expect(opened).rejects.toThrow(UsageError)
    await expect(opened).rejects.toThrow(why)
  })

  it('refuses credentials in the URL, and does not repeat them', async () => {
    for (const url of ['s3://key:secret@b', 'az://account:secret@c/d', 's3://b?secret=secret']) {
      const error = await openObjectStore(url, {}).catch((caught: unknown) => caught)
      expect(error).toBeInstanceOf(UsageError)
      expect(String(error).replace('parameter secret', '')).not.toContain('secret')
    }
  })

  it('refuses half of the credentials', async () => {
    await expect(openObjectStore('s3://b', { AWS_ACCESS_KEY_ID: 'a' })).rejects.toThrow('set both')
    const environment = { AZURE_STORAGE_CONNECTION_STRING: 'AccountName=other;AccountKey=a2V5' }
    await expect(openObjectStore('az://acc/con', environment)).rejects.toThrow('make them agree')
    const google = { GOOGLE_APPLICATION_CREDENTIALS: '/of/somebody/else' }
    await expect(openObjectStore('gs://b', google)).rejects.toThrow('for the whole process')
  })

  it('loads no SDK for stores that need none', () => {
    const script = `
      import { registerHooks } from 'node:module'
      const loaded = []
      registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) })
      const { openObjectStore } = await import(process.argv[1])
      for (const url of ['memory:', process.argv[2]]) await (await openObjectStore(url, {})).close()
      console.log(loaded.filter((url) => url.includes('node_modules')).join())
    `
    const open = join(import.meta.dirname, '../../adapters/object-store/open.ts')
    const flags = ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', script]
    const directory = fs.mkdtempSync(join(tmpdir(), 'store-'))
    const parameters = [...flags, open, pathToFileURL(directory).href]
    expect(execFileSync(process.execPath, parameters, { encoding: 'utf8' })).toBe('\n')
    fs.rmSync(directory, { recursive: true })
  })
})

describe('parseConnectionString()', () => {
  it('reads accounts, keys, signatures and endpoints', () => {
    expect(parseConnectionString('AccountName=a;AccountKey=b2s=;')).toEqual({
      ...{ account: 'a', key: 'b2s=', endpoint: 'https://a.blob.core.windows.net' },
    })
    const sas = 'BlobEndpoint=http://h/a;SharedAccessSignature=?sv=1&sig=x%3D'
    expect(parseConnectionString(sas)).toEqual({ endpoint: 'http://h/a', sas: 'sv=1&sig=x%3D' })
    expect(() => parseConnectionString('AccountKey=a')).toThrow(UsageError)
  })
})

describe('storeError()', () => {
  it.each([
    [403, 'AccessDenied', 'refused', 'access denied (AccessDenied); give the credentials s3:Put'],
    [403, 'InvalidAccessKeyId', 'refused', 'the store does not accept the credentials (Inv'],
    [401, '', 'refused', 'the store does not accept the credentials (status 401); check them'],
    [403, 'RequestTimeTooSkewed', 'refused', 'the clocks differ'],
    [403, 'userRateLimitExceeded', 'retry', 'the store is busy'],
    [404, 'NoSuchBucket', 'refused', 'there is no such bucket (NoSuchBucket); create it'],
    [301, 'PermanentRedirect', 'refused', 'the bucket is elsewhere'],
    [400, 'BadDigest', 'retry', 'the bytes were altered on their way'],
    [404, 'NoSuchUpload', 'retry', 'its upload is gone'],
    [503, 'SlowDown', 'retry', 'the store is busy (SlowDown)'],
    [500, '', 'retry', 'the store is busy (status 500)'],
    [403, 'AuthorizationFailure', 'refused', 'access denied (AuthorizationFailure); check cred'],
    [0, 'ECONNREFUSED', 'retry', 'the store cannot be reached (ECONNREFUSED)'],
    [400, 'InvalidArgument', 'refused', 'the store refuses it (InvalidArgument); check'],
  ])('tells %i %s as %s', (status, code, kind, why) => {
    const error = storeError(words, 'write', 'k', new AnswerError({ status, code }))
    expect(error).toBeInstanceOf(OperatingError)
    expect((error as OperatingError).kind).toBe(kind)
    expect(String(error)).toContain(`Cannot write s3://b/p/k: ${why}`)
  })

  it('finds the code of a failed call however deep it lies', () => {
    const inner = Object.assign(new Error('connect'), { code: 'ENOTFOUND' })
    const error = storeError(words, 'read', 'k', new TypeError('fetch', { cause: inner }))
    expect(String(error)).toContain('the store cannot be reached (ENOTFOUND)')
  })
})

describe('prefixed()', () => {
  it('keeps a folder of a bucket apart from the rest', async () => {
    const bucket = openMemoryStore()
    await bucket.put('outside', new Uint8Array(1))
    const store = prefixed(bucket, 'a/b/')
    expect(store.traits.url).toBe('memory:/a/b')
    for (const key of ['x', 'y/z', 'a/b/w']) await store.put(key, new Uint8Array(2))
    const keys: string[] = []
    for (let cursor: string | undefined; ;) {
      const page = await store.list({ prefix: '', limit: 1, ...(cursor && { cursor }) })
      keys.push(...page.objects.map(({ key }) => key))
      if (page.next === null) break
      cursor = page.next
    }
    expect(keys).toEqual(['a/b/w', 'x', 'y/z'])
    await store.delete(['x', 'outside'])
    expect(await bucket.head('outside')).not.toBeNull()
    expect(await bucket.head('a/b/x')).toBeNull()
    expect((await store.get('y/z'))?.bytes.length).toBe(2)
    expect(prefixed(bucket, '')).toBe(bucket)
    await store.close()
  })
})
