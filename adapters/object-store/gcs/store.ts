// Google Cloud Storage as an object store, whoever sends its requests: the SDK for brokers, our own
// REST for Workers, both behind the GcsApi. The token of an object is its generation, 0 when there
// is none.
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
import { base64, intoOf, millisOf } from '../shared/http.ts'
import { assertKey, assertListing, isEmptyRange } from '../shared/keys.ts'
import { sourceOf, wholeBody } from '../shared/parts.ts'
import type { GcsApi, GcsObject } from './api.ts'

/** How a store behaves; all has a default. */
export interface GcsStoreOptions {
  /** Bytes that are sent at once, a multiple of 1 MiB; 8 MiB if absent. */
  readonly partBytes?: number
}

const DELETES_AT_ONCE = 16
const REWRITE_MS = 1_000
const SIGN_SECONDS_MAX = 604_800

/** The store over `api`, a bucket called `bucket`. */
export function gcsStore(api: GcsApi, bucket: string, options: GcsStoreOptions): ObjectStore {
  const store = new GcsStore(api, bucket, options)
  const sign = api.sign?.bind(api)
  return sign === undefined ? store : withSign(store, sign)
}

/** Without somebody who signs, the store has no `sign` at all. */
function withSign(store: GcsStore, sign: NonNullable<GcsApi['sign']>): ObjectStore {
  return {
    traits: store.traits,
    put: (key, body, options) => store.put(key, body, options),
    get: (key, options) => store.get(key, options),
    head: (key, call) => store.head(key, call),
    list: (options) => store.list(options),
    delete: (keys, call) => store.delete(keys, call),
    sign: (key, ttlMs) => {
      assertKey(key)
      const seconds = Math.min(Math.max(1, Math.ceil(ttlMs / 1000)), SIGN_SECONDS_MAX)
      return store.run('sign', key, undefined, () => sign(key, seconds))
    },
    close: () => store.close(),
  }
}

class GcsStore implements ObjectStore {
  readonly traits: StoreTraits
  readonly #api: GcsApi
  readonly #partBytes: number
  readonly #words: StoreWords
  readonly #calls = new Calls()

  constructor(api: GcsApi, bucket: string, options: GcsStoreOptions) {
    const url = `gs://${bucket}`
    this.#api = api
    this.#partBytes = options.partBytes ?? 8 << 20
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
        const whole = await wholeBody(body, this.#partBytes, signal)
        const generation =
          whole === null
            ? await this.#putParts(key, sourceOf(body), condition, signal)
            : await this.#putWhole(key, whole, condition, signal)
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
      try {
        if (!isEmptyRange(range)) {
          const into = intoOf(options)
          const { bytes, generation } = await this.#api.get(key, range, signal, into)
          return { bytes, token: generation }
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
      const page = await this.#api.list({ prefix, cursor, limit }, signal)
      const objects = page.objects.map((found) => ({ key: found.name, ...infoOf(found) }))
      return { objects, next: page.next }
    })
  }

  delete(keys: readonly string[], call?: StoreCall): Promise<void> {
    for (const key of keys) assertKey(key)
    return this.run('delete', keys[0] ?? '', call, async (signal) => {
      const rest = keys.values()
      const worker = async (): Promise<void> => {
        for (const key of rest) {
          await this.#api.delete(key, undefined, signal).catch((error: unknown) => {
            if (!isAbsent(error)) throw error
          })
        }
      }
      await Promise.all(Array.from({ length: Math.min(DELETES_AT_ONCE, keys.length) }, worker))
    })
  }

  async close(): Promise<void> {
    await this.#calls.close()
    this.#api.close()
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

  async #find(key: string, signal: AbortSignal): Promise<ObjectInfo | null> {
    try {
      return infoOf(await this.#api.head(key, signal))
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
  ): Promise<string> {
    const crc32c = crcText(this.#api.crc32c(bytes, 0))
    const how = { crc32c, condition: generationOf(condition) }
    return this.#verified(key, await this.#api.putWhole(key, bytes, how, signal), crc32c)
  }

  async #putParts(
    key: string,
    source: ObjectSource,
    condition: PutCondition | undefined,
    signal: AbortSignal,
  ): Promise<string> {
    let crc = 0
    const how = {
      partBytes: this.#partBytes,
      condition: generationOf(condition),
      taken: (bytes: Uint8Array) => {
        crc = this.#api.crc32c(bytes, crc)
      },
    }
    const object = await this.#api.putParts(key, source, how, signal)
    return this.#verified(key, object, crcText(crc))
  }

  /** The generation of an object that has our bytes; another one is deleted again. */
  async #verified(key: string, object: GcsObject, crc32c: string): Promise<string> {
    const generation = String(object.generation)
    if (object.crc32c === crc32c) return generation
    await this.#api.delete(key, generation, AbortSignal.timeout(10_000)).catch(() => {})
    throw new AnswerError({ status: 0, code: 'ChecksumMismatch' })
  }
}

const infoOf = ({ size, generation, updated }: GcsObject): ObjectInfo => ({
  size: Number(size ?? 0),
  token: String(generation),
  modifiedMs: millisOf(updated),
})

const generationOf = (condition: PutCondition | undefined): string | undefined =>
  condition?.kind === 'absent' ? '0' : condition?.token

/** Big-endian bytes of a CRC, in base64. */
function crcText(crc: number): string {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, crc)
  return base64(bytes)
}

const isAbsent = (error: unknown): boolean =>
  error instanceof AnswerError && error.status === 404 && error.code !== 'NoSuchBucket'

/** What is missing when an object is put or a bucket listed can only be the bucket. */
function missing(action: StoreAction, error: unknown): unknown {
  const isBucket = error instanceof AnswerError && error.status === 404 && error.code === 'notFound'
  if (!isBucket || action === 'read' || action === 'delete') return error
  return new AnswerError({ status: 404, code: 'NoSuchBucket' }, error)
}
