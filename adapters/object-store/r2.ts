// Cloudflare R2 by the binding of a Worker: no requests to sign, no XML, no credentials. Puts carry
// the SHA-256 of their bytes, which R2 compares. Parts are joined without a condition, so the
// object is looked at just before. R2 forgets uploads after a week, and signs nothing here. It
// takes about one write a second to the same key.
import { OperatingError } from '../../src/base/errors.ts'
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
} from '../../src/ports/object-store.ts'
import { Calls } from './shared/calls.ts'
import { storeError, AnswerError } from './shared/failure.ts'
import { assertKey, assertListing, isEmptyRange } from './shared/keys.ts'
import { eachPart, sourceOf, wholeBody } from './shared/parts.ts'

/** What R2 tells of an object, as far as it is used here. */
export interface R2Info {
  readonly key: string
  readonly size: number
  readonly etag: string
  readonly uploaded: Date
}

/** Conditions of a put. */
export interface R2Conditions {
  readonly etagMatches?: string
  readonly etagDoesNotMatch?: string
}

/** An upload in parts, as far as it is used here. */
export interface R2Upload {
  uploadPart(number: number, bytes: Uint8Array): Promise<R2UploadedPart>
  complete(parts: R2UploadedPart[]): Promise<R2Info>
  abort(): Promise<void>
}

/** A part that was put. */
export interface R2UploadedPart {
  readonly partNumber: number
  readonly etag: string
}

/** The part of a bucket's binding that is used here; Cloudflare's `R2Bucket` is one. */
export interface R2Binding {
  /** Null where the conditions did not hold. */
  put(
    key: string,
    bytes: Uint8Array,
    options: { readonly onlyIf?: R2Conditions; readonly sha256?: Uint8Array },
  ): Promise<R2Info | null>
  get(
    key: string,
    options?: { readonly range?: { readonly offset: number; readonly length: number } },
  ): Promise<(R2Info & { arrayBuffer(): Promise<ArrayBuffer> }) | null>
  head(key: string): Promise<R2Info | null>
  list(options: {
    readonly prefix: string
    readonly limit: number
    readonly cursor?: string
  }): Promise<{ readonly objects: R2Info[]; readonly truncated: boolean; readonly cursor?: string }>
  delete(keys: string[]): Promise<void>
  createMultipartUpload(key: string): Promise<R2Upload>
}

const PARTS = { partBytes: 8 << 20, atOnce: 2, partsMax: 10_000 }
const KEYS_PER_DELETE = 1_000
const REWRITE_MS = 1_000

/** The store of a bucket that is bound to a Worker; `name` is for messages. */
export function openR2Store(bucket: R2Binding, name: string): ObjectStore {
  return new R2Store(bucket, name)
}

class R2Store implements ObjectStore {
  readonly traits: StoreTraits
  readonly #bucket: R2Binding
  readonly #calls = new Calls()

  constructor(bucket: R2Binding, name: string) {
    this.#bucket = bucket
    this.traits = {
      kind: 'r2',
      url: `r2://${name}`,
      createsOnlyIfAbsent: true,
      swapsByToken: true,
      rewriteMs: REWRITE_MS,
    }
  }

  put(key: string, body: Uint8Array | ObjectSource, options: PutOptions = {}): Promise<PutResult> {
    assertKey(key)
    return this.#run('write', key, options, async (signal) => {
      const { condition } = options
      const whole = await wholeBody(body, PARTS.partBytes, signal)
      const info =
        whole === null
          ? await this.#putParts(key, sourceOf(body), condition, signal)
          : await this.#bucket.put(key, whole, {
              sha256: await sha256(whole),
              ...(condition && { onlyIf: conditionsOf(condition) }),
            })
      // Parts have no checksum of their own in this binding.
      if (info !== null) return { outcome: 'ok', token: info.etag, checked: whole !== null }
      return { outcome: condition?.kind === 'absent' ? 'exists' : 'conflict' }
    })
  }

  get(key: string, options: GetOptions = {}): Promise<ObjectBytes | null> {
    assertKey(key)
    return this.#run('read', key, options, async () => {
      const { range } = options
      if (range === undefined) return bytesOf(await this.#bucket.get(key))
      const info = await this.#bucket.head(key)
      if (info === null) return null
      if (isEmptyRange(range) || range.from >= info.size) {
        return { bytes: new Uint8Array(0), token: info.etag }
      }
      // R2 refuses a range that ends behind the object.
      const length = Math.min(range.to, info.size) - range.from
      return bytesOf(await this.#bucket.get(key, { range: { offset: range.from, length } }))
    })
  }

  head(key: string, call?: StoreCall): Promise<ObjectInfo | null> {
    assertKey(key)
    return this.#run('read', key, call, async () => {
      const info = await this.#bucket.head(key)
      return info && infoOf(info)
    })
  }

  list(options: ListOptions): Promise<ObjectPage> {
    assertListing(options)
    const { prefix, cursor, limit } = options
    return this.#run('list', prefix, options, async () => {
      const from = cursor === undefined ? {} : { cursor }
      const page = await this.#bucket.list({ prefix, limit, ...from })
      const objects = page.objects.map((info) => ({ key: info.key, ...infoOf(info) }))
      return { objects, next: page.truncated ? (page.cursor ?? null) : null }
    })
  }

  delete(keys: readonly string[], call?: StoreCall): Promise<void> {
    for (const key of keys) assertKey(key)
    return this.#run('delete', keys[0] ?? '', call, async (signal) => {
      for (let at = 0; at < keys.length; at += KEYS_PER_DELETE) {
        if (signal.aborted) throw signal.reason
        await this.#bucket.delete(keys.slice(at, at + KEYS_PER_DELETE))
      }
    })
  }

  close(): Promise<void> {
    return this.#calls.close()
  }

  #run<T>(
    action: 'write' | 'read' | 'list' | 'delete',
    key: string,
    call: StoreCall | undefined,
    task: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const words = {
      url: this.traits.url,
      bucket: 'bucket',
      credentials: 'check the binding of the Worker',
      permission: { ...BINDING, sign: '' },
    } as const
    return this.#calls.run(`${action} ${this.traits.url}/${key}`, call, (signal) =>
      task(signal).catch((error: unknown) => {
        throw storeError(words, action, key, error instanceof OperatingError ? error : told(error))
      }),
    )
  }

  async #putParts(
    key: string,
    source: ObjectSource,
    condition: PutCondition | undefined,
    signal: AbortSignal,
  ): Promise<R2Info | null> {
    const upload = await this.#bucket.createMultipartUpload(key)
    try {
      const parts: R2UploadedPart[] = []
      await eachPart(source, PARTS, signal, async ({ index, bytes }) => {
        parts[index] = await upload.uploadPart(index + 1, bytes)
      })
      const found = condition === undefined ? null : await this.#bucket.head(key)
      const holds = condition?.kind === 'match' ? found?.etag === condition.token : found === null
      if (holds) return await upload.complete(parts)
      await upload.abort()
      return null
    } catch (error) {
      await upload.abort().catch(() => {})
      throw error
    }
  }
}

const BINDING = {
  write: 'a binding to it',
  read: 'a binding to it',
  list: 'a binding to it',
  delete: 'a binding to it',
} as const

const infoOf = ({ size, etag, uploaded }: R2Info): ObjectInfo => ({
  size,
  token: etag,
  modifiedMs: uploaded.getTime(),
})

const conditionsOf = (condition: PutCondition): R2Conditions =>
  condition.kind === 'absent' ? { etagDoesNotMatch: '*' } : { etagMatches: condition.token }

async function bytesOf(
  object: (R2Info & { arrayBuffer(): Promise<ArrayBuffer> }) | null,
): Promise<ObjectBytes | null> {
  if (object === null) return null
  return { bytes: new Uint8Array(await object.arrayBuffer()), token: object.etag }
}

async function sha256(bytes: Uint8Array): Promise<Uint8Array> {
  const digest = await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>)
  return new Uint8Array(digest)
}

/** R2's errors end with their number: `put: The specified bucket does not exist. (10006)`. */
function told(error: unknown): unknown {
  const number = / \((\d{5})\)$/.exec(error instanceof Error ? error.message : '')?.[1]
  const known = number === undefined ? undefined : CODES[number]
  return known === undefined ? error : new AnswerError(known, error)
}

const CODES: Readonly<Record<string, { readonly status: number; readonly code: string }>> = {
  10001: { status: 500, code: 'InternalError' },
  10006: { status: 404, code: 'NoSuchBucket' },
  10024: { status: 404, code: 'NoSuchUpload' },
  10037: { status: 400, code: 'BadDigest' },
  10043: { status: 503, code: 'ServiceUnavailable' },
  10054: { status: 503, code: 'Throttling' },
  10058: { status: 429, code: 'SlowDown' },
}
