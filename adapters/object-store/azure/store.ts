// Azure Blob Storage as an object store of block blobs, whoever sends its requests: the SDK for
// brokers, our own REST for Workers, both behind the AzureApi. The container checks the MD5 of what
// it takes.
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
import { base64, intoOf, utf8 } from '../shared/http.ts'
import { assertKey, assertListing, isEmptyRange } from '../shared/keys.ts'
import { eachPart, sourceOf, wholeBody, type PartLimits } from '../shared/parts.ts'
import type { AzureApi, AzureConditions } from './api.ts'

/** How a store behaves; all has a default. */
export interface AzureStoreOptions {
  /** Bytes of a block, a multiple of 1 MiB; 8 MiB if absent. */
  readonly partBytes?: number
  /** Blocks that are sent at the same time; 2 if absent. */
  readonly partsAtOnce?: number
}

const BLOCKS_MAX = 50_000
const DELETES_AT_ONCE = 16

/** The store over `api`, a container of an account. */
export function azureStore(
  api: AzureApi,
  place: { readonly account: string; readonly container: string },
  options: AzureStoreOptions,
): ObjectStore {
  const store = new AzureStore(api, place, options)
  const sign = api.sign?.bind(api)
  return sign === undefined ? store : withSign(store, sign)
}

/** Only a key can sign; without it the store has no `sign` at all. */
function withSign(store: AzureStore, sign: NonNullable<AzureApi['sign']>): ObjectStore {
  return {
    traits: store.traits,
    put: (key, body, options) => store.put(key, body, options),
    get: (key, options) => store.get(key, options),
    head: (key, call) => store.head(key, call),
    list: (options) => store.list(options),
    delete: (keys, call) => store.delete(keys, call),
    sign: (key, ttlMs) => {
      assertKey(key)
      return store.run('sign', key, undefined, () => sign(key, ttlMs))
    },
    close: () => store.close(),
  }
}

class AzureStore implements ObjectStore {
  readonly traits: StoreTraits
  readonly #api: AzureApi
  readonly #limits: PartLimits
  readonly #words: StoreWords
  readonly #calls = new Calls()

  constructor(
    api: AzureApi,
    { account, container }: { readonly account: string; readonly container: string },
    options: AzureStoreOptions,
  ) {
    const url = `az://${account}/${container}`
    this.#api = api
    this.#limits = {
      partBytes: options.partBytes ?? 8 << 20,
      atOnce: options.partsAtOnce ?? 2,
      partsMax: BLOCKS_MAX,
    }
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

  put(key: string, body: Uint8Array | ObjectSource, options: PutOptions = {}): Promise<PutResult> {
    assertKey(key)
    return this.run('write', key, options, async (signal) => {
      const { condition } = options
      try {
        const whole = await wholeBody(body, this.#limits.partBytes, signal)
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
    return this.run('read', key, options, async (signal) => {
      const { range } = options
      try {
        if (!isEmptyRange(range)) {
          const { bytes, etag } = await this.#api.get(key, range, signal, intoOf(options))
          return { bytes, token: etag }
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
      const objects = page.objects.map(({ key, size, etag, modifiedMs }) => {
        return { key, size, token: etag, modifiedMs }
      })
      return { objects, next: page.next }
    })
  }

  delete(keys: readonly string[], call?: StoreCall): Promise<void> {
    for (const key of keys) assertKey(key)
    return this.run('delete', keys[0] ?? '', call, async (signal) => {
      const rest = keys.values()
      const worker = async (): Promise<void> => {
        for (const key of rest) {
          await this.#api.delete(key, signal).catch((error: unknown) => {
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
        throw storeError(this.#words, action, key, error)
      }),
    )
  }

  async #find(key: string, signal: AbortSignal): Promise<ObjectInfo | null> {
    try {
      const { size, etag, modifiedMs } = await this.#api.head(key, signal)
      return { size, token: etag, modifiedMs }
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
    const how = { md5: await this.#api.md5(bytes), conditions: conditionsOf(condition) }
    return { token: await this.#api.put(key, bytes, how, signal), checked: how.md5 !== null }
  }

  async #putBlocks(
    key: string,
    source: ObjectSource,
    condition: PutCondition | undefined,
    signal: AbortSignal,
  ): Promise<{ readonly token: string; readonly checked: boolean }> {
    const upload = crypto.randomUUID()
    const ids: string[] = []
    let checked = true
    await eachPart(source, this.#limits, signal, async ({ index, bytes }) => {
      const id = base64(utf8(`${upload}-${String(index).padStart(6, '0')}`))
      ids[index] = id
      const md5 = await this.#api.md5(bytes)
      if (md5 === null) checked = false
      await this.#api.putBlock(key, { id, bytes, md5 }, signal)
    })
    try {
      const token = await this.#api.commit(key, ids, conditionsOf(condition), signal)
      return { token, checked }
    } catch (error) {
      return this.#discarded(key, condition, error, signal)
    }
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
}

function conditionsOf(condition: PutCondition | undefined): AzureConditions {
  if (condition === undefined) return {}
  if (condition.kind === 'absent') return { ifNoneMatch: '*' }
  return { ifMatch: condition.token }
}

const isAbsent = (error: unknown): boolean =>
  error instanceof AnswerError && error.status === 404 && error.code !== 'ContainerNotFound'

const LOST = new Set(['ConditionNotMet', 'TargetConditionNotMet', 'BlobAlreadyExists'])

const isLost = (error: unknown, condition: PutCondition): boolean =>
  error instanceof AnswerError &&
  (LOST.has(error.code) || (condition.kind === 'match' && error.code === 'BlobNotFound'))
