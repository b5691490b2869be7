// Google Cloud Storage over its JSON API as an object store; who sends the requests, and by which
// tokens, comes from outside. The token of an object is its generation, 0 when there is none.
//
// Small bodies go in one request with their CRC-32C, which Google compares. Large ones go through
// a resumable upload, one part after the other while the next is read; the object then says its
// CRC-32C, and one that is not ours is deleted again. Google forgets uploads after a week, and
// takes about one write a second to the same key.
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
import { encodeStrictly, millisOf, pathOf, queryOf, textOfAnswer } from '../shared/http.ts'
import type { Http, HttpAnswer, HttpRequest } from '../shared/http.ts'
import { assertKey, assertListing, isEmptyRange } from '../shared/keys.ts'
import { sourceOf, wholeBody } from '../shared/parts.ts'
import { signedUrl, type GcsSigner } from './sign.ts'
import { putResumably, putWhole, type GcsObject } from './upload.ts'

/** Which bucket, and how it is reached. */
export interface GcsStoreOptions {
  readonly bucket: string
  /** `https://storage.googleapis.com` if absent. */
  readonly endpoint?: string
  /** Bytes that are sent at once, a multiple of 1 MiB; 8 MiB if absent. */
  readonly partBytes?: number
}

/** What the store is made of. */
export interface GcsParts {
  readonly http: Http
  /** A token that is good for a while; null where nobody asks for one. */
  token(signal: AbortSignal): Promise<string | null>
  /** CRC-32C of bytes, continued from `seed`. */
  crc32c(bytes: Uint8Array, seed: number): number
  /** Who signs URLs; absent where nobody can. */
  readonly signer?: () => Promise<GcsSigner>
}

const DELETES_AT_ONCE = 16
const REWRITE_MS = 1_000
const SIGN_SECONDS_MAX = 604_800

/** The store over the JSON API. */
export function gcsStore(parts: GcsParts, options: GcsStoreOptions): ObjectStore {
  const store = new GcsStore(parts, options)
  return parts.signer === undefined ? store : new SigningGcsStore(store, parts.signer)
}

class GcsStore implements ObjectStore {
  readonly traits: StoreTraits
  readonly #parts: GcsParts
  readonly #options: GcsStoreOptions
  readonly #endpoint: string
  readonly #words: StoreWords
  readonly #calls = new Calls()

  constructor(parts: GcsParts, options: GcsStoreOptions) {
    const url = `gs://${options.bucket}`
    this.#parts = parts
    this.#options = options
    this.#endpoint = (options.endpoint ?? 'https://storage.googleapis.com').replace(/\/$/, '')
    this.#words = {
      url,
      bucket: 'bucket',
      credentials: 'check GOOGLE_APPLICATION_CREDENTIALS or the service account',
      permission: {
        write: 'storage.objects.create and storage.objects.delete on the bucket',
        read: 'storage.objects.get on the bucket',
        list: 'storage.objects.list on the bucket',
        delete: 'storage.objects.delete on the bucket',
        sign: 'iam.serviceAccounts.signBlob on its service account',
      },
    }
    const conditions = { createsOnlyIfAbsent: true, swapsByToken: true }
    this.traits = { kind: 'gcs', url, ...conditions, rewriteMs: REWRITE_MS }
  }

  put(key: string, body: Uint8Array | ObjectSource, options: PutOptions = {}): Promise<PutResult> {
    assertKey(key)
    return this.run('write', key, options, async (signal) => {
      const { condition } = options
      if (condition?.kind === 'match' && !/^[1-9]\d*$/.test(condition.token)) {
        return { outcome: 'conflict' }
      }
      try {
        const partBytes = this.#options.partBytes ?? 8 << 20
        const whole = await wholeBody(body, partBytes, signal)
        const upload = {
          url: `${this.#endpoint}/upload/storage/v1/b/${this.#options.bucket}/o`,
          key,
          condition: generationOf(condition),
          crc32c: (bytes: Uint8Array, seed: number) => this.#parts.crc32c(bytes, seed),
          send: (request: HttpRequest) => this.#send(request, signal),
          drop: (generation: string) => this.#drop(key, generation),
        }
        const { generation } =
          whole === null
            ? await putResumably(upload, sourceOf(body), partBytes, signal)
            : await putWhole(upload, whole)
        return { outcome: 'ok', token: generation, checked: true }
      } catch (error) {
        if (condition !== undefined && error instanceof AnswerError && error.status === 412) {
          return { outcome: condition.kind === 'absent' ? 'exists' : 'conflict' }
        }
        throw error
      }
    })
  }

  get(key: string, options: GetOptions = {}): Promise<ObjectBytes | null> {
    assertKey(key)
    return this.run('read', key, options, async (signal) => {
      const { range } = options
      const asked = range && { range: `bytes=${String(range.from)}-${String(range.to - 1)}` }
      try {
        if (!isEmptyRange(range)) {
          const url = `${this.#urlOf(key)}?alt=media`
          const answer = await this.#send({ method: 'GET', url, headers: asked ?? {} }, signal)
          const token = answer.header('x-goog-generation') ?? ''
          return { bytes: answer.bytes, token }
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
    return this.run('read', key, call, (signal) => this.#find(key, signal))
  }

  list(options: ListOptions): Promise<ObjectPage> {
    assertListing(options)
    const { prefix, cursor, limit } = options
    return this.run('list', prefix, options, async (signal) => {
      const query = queryOf({
        ...{ prefix, maxResults: limit },
        fields: 'items(name,size,generation,updated),nextPageToken',
        ...(cursor === undefined ? {} : { pageToken: cursor }),
      })
      const url = `${this.#endpoint}/storage/v1/b/${this.#options.bucket}/o?${query}`
      const answer = await this.#send({ method: 'GET', url, headers: {} }, signal)
      const page = JSON.parse(textOfAnswer(answer)) as {
        readonly items?: readonly GcsObject[]
        readonly nextPageToken?: string
      }
      const objects = (page.items ?? []).map((found) => ({ key: found.name, ...infoOf(found) }))
      return { objects, next: page.nextPageToken ?? null }
    })
  }

  delete(keys: readonly string[], call?: StoreCall): Promise<void> {
    for (const key of keys) assertKey(key)
    return this.run('delete', keys[0] ?? '', call, async (signal) => {
      const rest = keys.values()
      const worker = async (): Promise<void> => {
        for (const key of rest) {
          const request = { method: 'DELETE', url: this.#urlOf(key), headers: {} } as const
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

  /** Where anybody with a signature reads an object: the XML API's address. */
  readUrl(key: string): string {
    return `${this.#endpoint}/${this.#options.bucket}/${pathOf(key)}`
  }

  /** Runs one operation, with its failures in the port's words. */
  run<T>(
    action: StoreAction,
    key: string,
    call: StoreCall | undefined,
    task: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    return this.#calls.run(doing(this.#words, action, key), call, (signal) =>
      task(signal).catch((error: unknown) => {
        throw storeError(this.#words, action, key, missing(action, error))
      }),
    )
  }

  #urlOf(key: string): string {
    return `${this.#endpoint}/storage/v1/b/${this.#options.bucket}/o/${encodeStrictly(key)}`
  }

  async #send(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
    const token = await this.#parts.token(signal)
    const proof = token === null ? {} : { authorization: `Bearer ${token}` }
    const headers = { ...request.headers, ...proof }
    const answer = await this.#parts.http.send({ ...request, headers }, signal)
    // 308 asks for the next part of a resumable upload.
    if ((answer.status >= 200 && answer.status < 300) || answer.status === 308) return answer
    throw new AnswerError({ status: answer.status, code: reasonOf(answer) })
  }

  async #find(key: string, signal: AbortSignal): Promise<ObjectInfo | null> {
    try {
      const url = `${this.#urlOf(key)}?fields=name,size,generation,updated`
      const answer = await this.#send({ method: 'GET', url, headers: {} }, signal)
      return infoOf(JSON.parse(textOfAnswer(answer)) as GcsObject)
    } catch (error) {
      if (isAbsent(error)) return null
      throw error
    }
  }

  async #drop(key: string, generation: string): Promise<void> {
    const url = `${this.#urlOf(key)}?${queryOf({ ifGenerationMatch: generation })}`
    const signal = AbortSignal.timeout(10_000)
    await this.#send({ method: 'DELETE', url, headers: {} }, signal).catch(() => {})
  }
}

/** The same with signed URLs. */
class SigningGcsStore implements ObjectStore {
  readonly traits: StoreTraits
  readonly #store: GcsStore
  readonly #signer: () => Promise<GcsSigner>

  constructor(store: GcsStore, signer: () => Promise<GcsSigner>) {
    this.traits = store.traits
    this.#store = store
    this.#signer = signer
  }

  put(key: string, body: Uint8Array | ObjectSource, options?: PutOptions): Promise<PutResult> {
    return this.#store.put(key, body, options)
  }

  get(key: string, options?: GetOptions): Promise<ObjectBytes | null> {
    return this.#store.get(key, options)
  }

  head(key: string, call?: StoreCall): Promise<ObjectInfo | null> {
    return this.#store.head(key, call)
  }

  list(options: ListOptions): Promise<ObjectPage> {
    return this.#store.list(options)
  }

  delete(keys: readonly string[], call?: StoreCall): Promise<void> {
    return this.#store.delete(keys, call)
  }

  sign(key: string, ttlMs: number): Promise<string> {
    assertKey(key)
    return this.#store.run('sign', key, undefined, async () => {
      const seconds = Math.min(Math.max(1, Math.ceil(ttlMs / 1000)), SIGN_SECONDS_MAX)
      return signedUrl(await this.#signer(), this.#store.readUrl(key), seconds)
    })
  }

  close(): Promise<void> {
    return this.#store.close()
  }
}

const infoOf = ({ size, generation, updated }: GcsObject): ObjectInfo => ({
  size: Number(size ?? 0),
  token: generation,
  modifiedMs: millisOf(updated),
})

function generationOf(condition: PutCondition | undefined): Readonly<Record<string, string>> {
  if (condition === undefined) return {}
  return { ifGenerationMatch: condition.kind === 'absent' ? '0' : condition.token }
}

const isAbsent = (error: unknown): boolean =>
  error instanceof AnswerError && error.status === 404 && error.code !== 'NoSuchBucket'

/** What is missing when an object is put or a bucket listed can only be the bucket. */
function missing(action: StoreAction, error: unknown): unknown {
  const isBucket = error instanceof AnswerError && error.status === 404 && error.code === 'notFound'
  if (!isBucket || action === 'read' || action === 'delete') return error
  return new AnswerError({ status: 404, code: 'NoSuchBucket' }, error)
}

/** Google's reason; a bucket that is absent is told apart from an object only by the message. */
function reasonOf(answer: HttpAnswer): string {
  const text = textOfAnswer(answer)
  if (answer.status === 404 && /bucket (\S+ )?(does not exist|not found)/i.test(text)) {
    return 'NoSuchBucket'
  }
  try {
    const told = JSON.parse(text) as { error?: { errors?: readonly { reason?: unknown }[] } }
    const reason = told.error?.errors?.[0]?.reason
    return typeof reason === 'string' ? reason : ''
  } catch {
    return ''
  }
}
