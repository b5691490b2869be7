// Azure Blob Storage over REST as an object store of block blobs; who sends the requests, and how
// they prove who they are, comes from outside. The container checks the MD5 of what it takes.
//
// A lost race to create is 409, a stale ETag 412. Blocks belong to the blob's name, not to an
// upload: who commits first discards what others have sent, who then find their list invalid.
// Azure forgets blocks that nobody commits after a week, so there are no uploads to drop.
import type {
  GetOptions,
  ListOptions,
  ObjectBytes,
  ObjectInfo,
  ObjectPage,
  ObjectSource,
  ObjectStore,
  PutCondition,
  PutOptions,
  PutResult,
  StoreCall,
  StoreTraits,
} from '../../../src/ports/object-store.ts'
import { Calls } from '../shared/calls.ts'
import {
  AnswerError,
  doing,
  storeError,
  type StoreAction,
  type StoreWords,
} from '../shared/failure.ts'
import { base64, millisOf, pathOf, queryOf, textOfAnswer, utf8 } from '../shared/http.ts'
import type { Http, HttpAnswer, HttpRequest } from '../shared/http.ts'
import { assertKey, assertListing, isEmptyRange } from '../shared/keys.ts'
import { eachPart, sourceOf, wholeBody } from '../shared/parts.ts'
import { childrenOf, parseXml, textOf } from '../shared/xml.ts'
import { authorize, signedUrl, type AzureCredentials } from './auth.ts'

/** Which container, and how it is reached. */
export interface AzureStoreOptions {
  readonly account: string
  readonly container: string
  /** Of the blob service: `https://account.blob.core.windows.net` if absent. */
  readonly endpoint?: string
  readonly credentials: AzureCredentials
  /** Bytes of a block, a multiple of 1 MiB; 8 MiB if absent. */
  readonly partBytes?: number
  /** Blocks that are sent at the same time; 4 if absent. */
  readonly partsAtOnce?: number
}

/** What the store is made of. */
export interface AzureParts {
  readonly http: Http
  /** The MD5 of bytes; null where the runtime has none, and puts are then unchecked. */
  md5(bytes: Uint8Array): Promise<Uint8Array | null>
}

const BLOCKS_MAX = 50_000
const DELETES_AT_ONCE = 16

/** The store over REST. */
export function azureStore(parts: AzureParts, options: AzureStoreOptions): ObjectStore {
  const store = new AzureStore(parts, options)
  const { credentials } = options
  if (credentials.kind !== 'key') return store
  return withSign(store, (key, ttlMs) => {
    assertKey(key)
    const { container, account } = options
    const blob = { url: store.urlOf(key), container, name: key }
    return signedUrl({ account, key: credentials.key }, blob, ttlMs)
  })
}

/** Only a key can sign; without it the store has no `sign` at all. */
function withSign(store: AzureStore, sign: NonNullable<ObjectStore['sign']>): ObjectStore {
  return {
    traits: store.traits,
    put: (key, body, options) => store.put(key, body, options),
    get: (key, options) => store.get(key, options),
    head: (key, call) => store.head(key, call),
    list: (options) => store.list(options),
    delete: (keys, call) => store.delete(keys, call),
    sign,
    close: () => store.close(),
  }
}

class AzureStore implements ObjectStore {
  readonly traits: StoreTraits
  readonly #parts: AzureParts
  readonly #options: AzureStoreOptions
  readonly #base: string
  readonly #words: StoreWords
  readonly #calls = new Calls()

  constructor(parts: AzureParts, options: AzureStoreOptions) {
    const { account, container } = options
    const url = `az://${account}/${container}`
    const endpoint = options.endpoint ?? `https://${account}.blob.core.windows.net`
    this.#parts = parts
    this.#options = options
    this.#base = `${endpoint.replace(/\/$/, '')}/${container}`
    this.#words = {
      url,
      bucket: 'container',
      credentials: 'check the account and its key, SAS or identity',
      permission: {
        write: 'the role Storage Blob Data Contributor',
        read: 'the role Storage Blob Data Reader',
        list: 'the role Storage Blob Data Reader',
        delete: 'the role Storage Blob Data Contributor',
        sign: 'the role Storage Blob Data Reader',
      },
    }
    const conditions = { createsOnlyIfAbsent: true, swapsByToken: true }
    this.traits = { kind: 'azure', url, ...conditions, rewriteMs: 0 }
  }

  /** Where a blob is reached. */
  urlOf(key: string): string {
    return `${this.#base}/${pathOf(key)}`
  }

  put(key: string, body: Uint8Array | ObjectSource, options: PutOptions = {}): Promise<PutResult> {
    assertKey(key)
    return this.#run('write', key, options, async (signal) => {
      const { condition } = options
      try {
        const partBytes = this.#options.partBytes ?? 8 << 20
        const whole = await wholeBody(body, partBytes, signal)
        const sent =
          whole === null
            ? await this.#putBlocks(key, sourceOf(body), condition, signal)
            : await this.#putWhole(key, whole, condition, signal)
        return { outcome: 'ok', ...sent }
      } catch (error) {
        if (condition !== undefined && isLost(error, condition)) {
          return { outcome: condition.kind === 'absent' ? 'exists' : 'conflict' }
        }
        throw error
      }
    })
  }

  get(key: string, options: GetOptions = {}): Promise<ObjectBytes | null> {
    assertKey(key)
    return this.#run('read', key, options, async (signal) => {
      const { range } = options
      const asked = range && { 'x-ms-range': `bytes=${String(range.from)}-${String(range.to - 1)}` }
      try {
        if (!isEmptyRange(range)) {
          const request = { method: 'GET', url: this.urlOf(key), headers: asked ?? {} } as const
          const answer = await this.#send(request, signal)
          return { bytes: answer.bytes, token: etagOf(answer) }
        }
      } catch (error) {
        if (isAbsent(error)) return null
        if (!(error instanceof AnswerError && error.status === 416)) throw error
      }
      const found = await this.#find(key, signal)
      return found && { bytes: new Uint8Array(0), token: found.token }
    })
  }

  head(key: string, call?: StoreCall): Promise<ObjectInfo | null> {
    assertKey(key)
    return this.#run('read', key, call, (signal) => this.#find(key, signal))
  }

  list(options: ListOptions): Promise<ObjectPage> {
    assertListing(options)
    const { prefix, cursor, limit } = options
    return this.#run('list', prefix, options, async (signal) => {
      const query = queryOf({
        ...{ restype: 'container', comp: 'list', maxresults: limit },
        ...(prefix === '' ? {} : { prefix }),
        ...(cursor === undefined ? {} : { marker: cursor }),
      })
      const url = `${this.#base}?${query}`
      const answer = await this.#send({ method: 'GET', url, headers: {} }, signal)
      const root = parseXml(textOfAnswer(answer))
      const blobs = childrenOf(root, 'Blobs').flatMap((blobs) => childrenOf(blobs, 'Blob'))
      const objects = blobs.map((blob) => {
        const [properties = blob] = childrenOf(blob, 'Properties')
        return {
          key: textOf(blob, 'Name'),
          size: Number(textOf(properties, 'Content-Length')),
          token: textOf(properties, 'Etag').replace(/^"|"$/g, ''),
          modifiedMs: millisOf(textOf(properties, 'Last-Modified')),
        }
      })
      const next = textOf(root, 'NextMarker')
      return { objects, next: next === '' ? null : next }
    })
  }

  delete(keys: readonly string[], call?: StoreCall): Promise<void> {
    for (const key of keys) assertKey(key)
    return this.#run('delete', keys[0] ?? '', call, async (signal) => {
      const rest = keys.values()
      const worker = async (): Promise<void> => {
        for (const key of rest) {
          const request = { method: 'DELETE', url: this.urlOf(key), headers: {} } as const
          await this.#send(request, signal).catch((error: unknown) => {
            if (!isAbsent(error)) throw error
          })
        }
      }
      await Promise.all(Array.from({ length: Math.min(DELETES_AT_ONCE, keys.length) }, worker))
    })
  }

  async close(): Promise<void> {
    await this.#calls.close()
    this.#parts.http.close()
  }

  #run<T>(
    action: StoreAction,
    key: string,
    call: StoreCall | undefined,
    task: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    return this.#calls.run(doing(this.#words, action, key), call, (signal) =>
      task(signal).catch((error: unknown) => {
        throw storeError(this.#words, action, key, error)
      }),
    )
  }

  async #send(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
    const authorized = await authorize(this.#options.credentials, request, signal)
    const answer = await this.#parts.http.send(authorized, signal)
    if (answer.status >= 200 && answer.status < 300) return answer
    throw new AnswerError({
      status: answer.status,
      code: answer.header('x-ms-error-code') ?? '',
    })
  }

  async #find(key: string, signal: AbortSignal): Promise<ObjectInfo | null> {
    try {
      const request = { method: 'HEAD', url: this.urlOf(key), headers: {} } as const
      const answer = await this.#send(request, signal)
      return {
        size: Number(answer.header('content-length') ?? 0),
        token: etagOf(answer),
        modifiedMs: millisOf(answer.header('last-modified')),
      }
    } catch (error) {
      if (isAbsent(error)) return null
      throw error
    }
  }

  async #putWhole(
    key: string,
    bytes: Uint8Array,
    condition: PutCondition | undefined,
    signal: AbortSignal,
  ): Promise<{ readonly token: string; readonly checked: boolean }> {
    const sum = await this.#sum(bytes)
    const headers = {
      'x-ms-blob-type': 'BlockBlob',
      'content-type': 'application/octet-stream',
      ...sum,
      ...conditionHeaders(condition),
    }
    const request = { method: 'PUT', url: this.urlOf(key), headers, body: [bytes] } as const
    const answer = await this.#send(request, signal)
    return { token: etagOf(answer), checked: 'content-md5' in sum }
  }

  async #putBlocks(
    key: string,
    source: ObjectSource,
    condition: PutCondition | undefined,
    signal: AbortSignal,
  ): Promise<{ readonly token: string; readonly checked: boolean }> {
    const { partBytes = 8 << 20, partsAtOnce = 4 } = this.#options
    const limits = { partBytes, atOnce: partsAtOnce, partsMax: BLOCKS_MAX }
    const upload = crypto.randomUUID()
    const ids: string[] = []
    let checked = true
    await eachPart(source, limits, signal, async ({ index, bytes }) => {
      const id = base64(utf8(`${upload}-${String(index).padStart(6, '0')}`))
      ids[index] = id
      const headers = await this.#sum(bytes)
      if (!('content-md5' in headers)) checked = false
      const url = `${this.urlOf(key)}?${queryOf({ comp: 'block', blockid: id })}`
      await this.#send({ method: 'PUT', url, headers, body: [bytes] }, signal)
    })
    const list = ids.map((id) => `<Uncommitted>${id}</Uncommitted>`).join('')
    const xml = utf8(`<?xml version="1.0" encoding="utf-8"?><BlockList>${list}</BlockList>`)
    const headers = {
      'content-type': 'application/xml',
      'x-ms-blob-content-type': 'application/octet-stream',
      ...conditionHeaders(condition),
    }
    const url = `${this.urlOf(key)}?comp=blocklist`
    const request = { method: 'PUT', url, headers, body: [xml] } as const
    const answer = await this.#send(request, signal).catch((error: unknown) =>
      this.#discarded(key, condition, error, signal),
    )
    return { token: etagOf(answer), checked }
  }

  /** Tells a lost race from blocks that are gone: whoever committed has discarded ours. */
  async #discarded(
    key: string,
    condition: PutCondition | undefined,
    error: unknown,
    signal: AbortSignal,
  ): Promise<never> {
    if (!(error instanceof AnswerError && error.code === 'InvalidBlockList')) throw error
    const found = await this.#find(key, signal)
    const isMet = condition?.kind === 'absent' ? found === null : found?.token === condition?.token
    if (condition !== undefined && !isMet) {
      throw new AnswerError({ status: 412, code: 'ConditionNotMet' }, error)
    }
    throw error
  }

  async #sum(bytes: Uint8Array): Promise<Readonly<Record<string, string>>> {
    const sum = await this.#parts.md5(bytes)
    return sum === null ? {} : { 'content-md5': base64(sum) }
  }
}

const etagOf = (answer: HttpAnswer): string => (answer.header('etag') ?? '').replace(/^"|"$/g, '')

function conditionHeaders(condition: PutCondition | undefined): Readonly<Record<string, string>> {
  if (condition === undefined) return {}
  if (condition.kind === 'absent') return { 'if-none-match': '*' }
  return { 'if-match': `"${condition.token}"` }
}

const isAbsent = (error: unknown): boolean =>
  error instanceof AnswerError && error.status === 404 && error.code !== 'ContainerNotFound'

const LOST = new Set(['ConditionNotMet', 'TargetConditionNotMet', 'BlobAlreadyExists'])

const isLost = (error: unknown, condition: PutCondition): boolean =>
  error instanceof AnswerError &&
  (LOST.has(error.code) || (condition.kind === 'match' && error.code === 'BlobNotFound'))
