// S3 as an object store, whoever sends its requests: conditions, ranges, uploads in parts, and how
// S3-compatible servers differ. Three differences matter.
//
// Ceph takes an ETag of If-Match only without quotes, others may want them: when a swap fails
// although the object has the token, the other form is tried, and kept if it works. Ceph ignores
// conditions when parts are joined: the object is looked at just before, which leaves a moment
// that only unique keys close. Some delete only one object at a time: then it is one at a time.
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
import { intoOf } from '../shared/http.ts'
import { assertKey, assertListing, isEmptyRange } from '../shared/keys.ts'
import { eachPart, sourceOf, wholeBody, type PartLimits } from '../shared/parts.ts'
import type { S3Api, S3Conditions, S3Head, S3Part, S3UploadId } from './api.ts'

/** How an S3 store behaves; all has a default. */
export interface S3StoreOptions {
  /** Bytes of a part of an upload, a multiple of 1 MiB and at least 5 MiB; 8 MiB if absent. */
  readonly partBytes?: number
  /** Parts that are sent at the same time; 2 if absent. */
  readonly partsAtOnce?: number
  /** Whether the bucket says itself that puts were checked: yes if absent. */
  readonly checksPuts?: boolean
}

const PARTS_MAX = 10_000
const KEYS_PER_DELETE = 1_000
const DELETES_AT_ONCE = 16
/** Longest that a signed URL of S3 may hold, in seconds. */
const SIGN_SECONDS_MAX = 604_800

/** The store over `api`, a bucket called `bucket`. */
export function s3Store(
  api: S3Api,
  bucket: string,
  options: S3StoreOptions & { readonly credentials: string },
): ObjectStore {
  return new S3Store(api, bucket, options)
}

class S3Store implements ObjectStore {
  readonly traits: StoreTraits
  readonly #api: S3Api
  readonly #words: StoreWords
  readonly #limits: PartLimits
  readonly #checked: boolean
  readonly #calls = new Calls()
  /** Whether If-Match wants the ETag's quotes. */
  #quotes = false
  #deletesMany = true

  constructor(
    api: S3Api,
    bucket: string,
    options: S3StoreOptions & { readonly credentials: string },
  ) {
    const url = `s3://${bucket}`
    this.#api = api
    this.#checked = options.checksPuts ?? true
    this.#limits = {
      partBytes: options.partBytes ?? 8 << 20,
      atOnce: options.partsAtOnce ?? 2,
      partsMax: PARTS_MAX,
    }
    this.#words = {
      url,
      bucket: 'bucket',
      credentials: options.credentials,
      permission: {
        write: 's3:PutObject and s3:AbortMultipartUpload on it',
        read: 's3:GetObject on it and s3:ListBucket on the bucket',
        list: 's3:ListBucket and s3:ListBucketMultipartUploads on the bucket',
        delete: 's3:DeleteObject on it',
        sign: 's3:GetObject on it',
      },
    }
    this.traits = { kind: 's3', url, createsOnlyIfAbsent: true, swapsByToken: true, rewriteMs: 0 }
  }

  put(key: string, body: Uint8Array | ObjectSource, options: PutOptions = {}): Promise<PutResult> {
    assertKey(key)
    return this.#run('write', key, options, async (signal) => {
      const { condition } = options
      try {
        const whole = await wholeBody(body, this.#limits.partBytes, signal)
        const token =
          whole === null
            ? await this.#putParts(key, sourceOf(body), condition, signal)
            : await this.#conditionally(key, condition, signal, (conditions) =>
                this.#api.put(key, whole, conditions, signal),
              )
        return { outcome: 'ok', token, checked: this.#checked }
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
      const asked = range && `bytes=${String(range.from)}-${String(range.to - 1)}`
      try {
        if (!isEmptyRange(range)) {
          const { bytes, etag } = await this.#api.get(key, asked, signal, intoOf(options))
          return { bytes, token: etag }
        }
      } catch (error) {
        if (isAbsent(error)) return null
        if (!(error instanceof AnswerError && error.status === 416)) throw error
      }
      const found = await this.#find(key, signal)
      return found === null ? null : { bytes: new Uint8Array(0), token: found.etag }
    })
  }

  head(key: string, call?: StoreCall): Promise<ObjectInfo | null> {
    assertKey(key)
    return this.#run('read', key, call, async (signal) => {
      const found = await this.#find(key, signal)
      return found && { size: found.size, token: found.etag, modifiedMs: found.modifiedMs }
    })
  }

  list(options: ListOptions): Promise<ObjectPage> {
    assertListing(options)
    const { prefix, cursor, limit } = options
    return this.#run('list', prefix, options, async (signal) => {
      const page = await this.#api.list({ prefix, cursor, limit }, signal)
      const objects = page.objects.map(({ key, size, etag, modifiedMs }) => {
        return { key, size, token: etag, modifiedMs }
      })
      return { objects, next: page.next }
    })
  }

  delete(keys: readonly string[], call?: StoreCall): Promise<void> {
    for (const key of keys) assertKey(key)
    return this.#run('delete', keys[0] ?? '', call, async (signal) => {
      for (let at = 0; at < keys.length; at += KEYS_PER_DELETE) {
        await this.#deletePage(keys.slice(at, at + KEYS_PER_DELETE), signal)
      }
    })
  }

  dropUploads(prefix: string, beforeMs: number, call?: StoreCall): Promise<number> {
    return this.#run('list', prefix, call, async (signal) => {
      let count = 0
      let page = await this.#api.listUploads(prefix, null, signal)
      for (;;) {
        for (const upload of page.uploads) {
          if (upload.begunMs >= beforeMs || !upload.key.startsWith(prefix)) continue
          await this.#api.abortUpload(upload, signal).catch(unlessAbsent)
          count++
        }
        if (page.next === null) return count
        page = await this.#api.listUploads(prefix, page.next, signal)
      }
    })
  }

  sign(key: string, ttlMs: number): Promise<string> {
    assertKey(key)
    return this.#run('sign', key, undefined, () => {
      const seconds = Math.min(Math.max(1, Math.ceil(ttlMs / 1000)), SIGN_SECONDS_MAX)
      return this.#api.sign(key, seconds)
    })
  }

  async close(): Promise<void> {
    await this.#calls.close()
    this.#api.close()
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

  async #find(key: string, signal: AbortSignal): Promise<S3Head | null> {
    try {
      return await this.#api.head(key, signal)
    } catch (error) {
      if (isAbsent(error)) return null
      throw error
    }
  }

  /** Sends a request under a condition, with the ETag in the form that this store takes. */
  async #conditionally(
    key: string,
    condition: PutCondition | undefined,
    signal: AbortSignal,
    send: (conditions: S3Conditions) => Promise<string>,
  ): Promise<string> {
    if (condition === undefined) return send({})
    if (condition.kind === 'absent') return send({ ifNoneMatch: '*' })
    const { token } = condition
    const form = (quotes: boolean): S3Conditions => ({ ifMatch: quotes ? `"${token}"` : token })
    const quotes = this.#quotes
    try {
      return await send(form(quotes))
    } catch (error) {
      if (!isLost(error, condition)) throw error
      if ((await this.#find(key, signal))?.etag !== token) throw error
      const etag = await send(form(!quotes))
      this.#quotes = !quotes
      return etag
    }
  }

  async #putParts(
    key: string,
    source: ObjectSource,
    condition: PutCondition | undefined,
    signal: AbortSignal,
  ): Promise<string> {
    const uploadId = await this.#api.beginUpload(key, signal)
    const upload = { key, uploadId }
    try {
      const parts: S3Part[] = []
      await eachPart(source, this.#limits, signal, async ({ index, bytes }) => {
        const number = index + 1
        parts.push({ number, ...(await this.#api.putPart(upload, number, bytes, signal)) })
      })
      parts.sort((a, b) => a.number - b.number)
      return await this.#join(upload, parts, condition, signal)
    } catch (error) {
      // The signal may be what ended it: parts that nobody will join cost money all the same.
      await this.#api.abortUpload(upload, AbortSignal.timeout(10_000)).catch(() => {})
      throw error
    }
  }

  async #join(
    upload: S3UploadId,
    parts: readonly S3Part[],
    condition: PutCondition | undefined,
    signal: AbortSignal,
  ): Promise<string> {
    const { key } = upload
    if (condition !== undefined) {
      const found = await this.#find(key, signal)
      const holds = condition.kind === 'absent' ? found === null : found?.etag === condition.token
      if (!holds) throw new AnswerError({ status: 412, code: 'PreconditionFailed' })
    }
    const etag = await this.#conditionally(key, condition, signal, (conditions) =>
      this.#api.completeUpload(upload, parts, conditions, signal),
    )
    if (etag !== '') return etag
    return (await this.#api.head(key, signal)).etag
  }

  async #deletePage(keys: readonly string[], signal: AbortSignal): Promise<void> {
    if (this.#deletesMany && keys.length > 1) {
      try {
        await this.#api.deleteMany(keys, signal)
        return
      } catch (error) {
        if (!(error instanceof AnswerError && isUnknownRequest(error))) throw error
        this.#deletesMany = false
      }
    }
    const rest = keys.values()
    const worker = async (): Promise<void> => {
      for (const key of rest) await this.#api.deleteOne(key, signal).catch(unlessAbsent)
    }
    await Promise.all(Array.from({ length: Math.min(DELETES_AT_ONCE, keys.length) }, worker))
  }
}

/** The object is not there; what is missing may also be its bucket, which is another matter. */
const isAbsent = (error: unknown): boolean =>
  error instanceof AnswerError && error.status === 404 && error.code !== 'NoSuchBucket'

/** Whether a condition did not hold: S3 says 412, or 409 while another request is under way. */
const isLost = (error: unknown, condition: PutCondition): boolean =>
  error instanceof AnswerError &&
  (error.status === 412 ||
    error.code === 'ConditionalRequestConflict' ||
    (condition.kind === 'match' && error.code === 'NoSuchKey'))

/** Whether a server does not know the request that deletes many at once. */
const isUnknownRequest = ({ status, code }: AnswerError): boolean =>
  status === 501 || status === 405 || code === 'NotImplemented' || code === 'MissingContentMD5'

const unlessAbsent = (error: unknown): void => {
  if (!(error instanceof AnswerError && error.status === 404)) throw error
}
