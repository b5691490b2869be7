// Google Cloud Storage for brokers, by Google's SDK, which knows every way to get credentials: a
// key file, the machine's account, the identity of another cloud. It repeats nothing: who asks
// knows how long there is. Checksums are native where that loads.
//
// Reads, and uploads in parts, are our own requests, by the SDK's credentials. A read that is given
// up makes the SDK (8.4.0, File.createReadStream) destroy the agent that all its requests share,
// with every other request; readers give up all the time. And the SDK keeps what it is handed after
// it has taken it, so that the memory of a part could not be used again. What the SDK has begun to
// send it cannot end: such an operation ends for its caller, and by itself later. Idle connections
// are the SDK's own.
import type { ObjectSource, ObjectStore } from '../../src/ports/object-store.ts'
import { Storage, type Bucket, type File } from '@google-cloud/storage'
import { gcsFailure, type GcsApi, type GcsObject } from './gcs/api.ts'
import { answerFailure, type GcsPlace } from './gcs/rest.ts'
import { gcsStore, type GcsStoreOptions } from './gcs/store.ts'
import { putResumably } from './gcs/upload.ts'
import { AnswerError, bareCause } from './shared/failure.ts'
import { encodeStrictly, type HttpAnswer, type HttpRequest, type Into } from './shared/http.ts'
import { nativeCrc32c, type Crc32c } from './shared/native-crc32c.ts'
import { nodeHttp } from './shared/node-http.ts'
import { SourceError } from './shared/parts.ts'

/** Which bucket, and how it is reached. */
export interface GcsOptions extends GcsPlace, GcsStoreOptions {
  /**
   * Whether it is asked without credentials, as emulators are; no if absent. Credentials are found
   * where Google's tools look: GOOGLE_APPLICATION_CREDENTIALS of the process, then the machine's.
   */
  readonly isAnonymous?: boolean
}

const TYPE = 'application/octet-stream'

/** Opens a bucket; nothing is sent yet. */
export async function openGcsStore(options: GcsOptions): Promise<ObjectStore> {
  return gcsStore(new SdkApi(options, await nativeCrc32c()), options.bucket, options)
}

class SdkApi implements GcsApi {
  readonly crc32c: Crc32c
  readonly sign?: (key: string, seconds: number) => Promise<string>
  readonly #isAnonymous: boolean
  readonly #storage: Storage
  readonly #bucket: Bucket
  readonly #http = nodeHttp()

  constructor(options: GcsOptions, crc32c: Crc32c) {
    const { bucket, endpoint, isAnonymous = false } = options
    this.crc32c = crc32c
    this.#isAnonymous = isAnonymous
    this.#storage = new Storage({
      ...(endpoint !== undefined && { apiEndpoint: endpoint.replace(/\/$/, '') }),
      useAuthWithCustomEndpoint: !isAnonymous,
      retryOptions: { autoRetry: false, maxRetries: 0, retryableErrorFn: () => false },
    })
    this.#bucket = this.#storage.bucket(bucket)
    if (!isAnonymous) this.sign = (key, seconds) => this.#signed(key, seconds)
  }

  async putWhole(
    key: string,
    bytes: Uint8Array,
    { crc32c, condition }: Parameters<GcsApi['putWhole']>[2],
    signal: AbortSignal,
  ): Promise<GcsObject> {
    const file = this.#bucket.file(key)
    const metadata = { contentType: TYPE, crc32c }
    await this.#told(signal, () =>
      // The SDK's own validation would delete whatever has the key when it fails.
      file.save(bytes, { resumable: false, validation: false, metadata, ...matching(condition) }),
    )
    return objectOf(file)
  }

  async putParts(
    key: string,
    source: ObjectSource,
    { partBytes, condition, taken }: Parameters<GcsApi['putParts']>[2],
    signal: AbortSignal,
  ): Promise<GcsObject> {
    const { apiEndpoint } = this.#storage
    const upload = {
      url: `${apiEndpoint}/upload/storage/v1/b/${this.#bucket.name}/o`,
      key,
      condition: condition === undefined ? {} : { ifGenerationMatch: condition },
      send: (request: HttpRequest, other = signal) => this.#send(request, other),
    }
    return putResumably(upload, source, { partBytes, taken }, signal)
  }

  async get(
    key: string,
    range: { readonly from: number; readonly to: number } | undefined,
    signal: AbortSignal,
    into?: Into,
  ): Promise<{ readonly bytes: Uint8Array; readonly generation: string }> {
    const headers = range && { range: `bytes=${String(range.from)}-${String(range.to - 1)}` }
    const object = `storage/v1/b/${this.#bucket.name}/o/${encodeStrictly(key)}`
    const url = `${this.#storage.apiEndpoint}/${object}?alt=media`
    const request = { method: 'GET', url, headers: headers ?? {}, ...(into && { into }) } as const
    const answer = await this.#send(request, signal)
    return { bytes: answer.bytes, generation: answer.header('x-goog-generation') ?? '' }
  }

  async head(key: string, signal: AbortSignal): Promise<GcsObject> {
    const file = this.#bucket.file(key)
    await this.#told(signal, () => file.getMetadata())
    return objectOf(file)
  }

  async list(
    { prefix, cursor, limit }: Parameters<GcsApi['list']>[0],
    signal: AbortSignal,
  ): Promise<{ readonly objects: readonly GcsObject[]; readonly next: string | null }> {
    const fields = 'items(name,size,generation,updated),nextPageToken'
    const [files, next] = await this.#told(signal, () =>
      this.#bucket.getFiles({
        ...{ prefix, fields, maxResults: limit, autoPaginate: false },
        ...(cursor !== undefined && { pageToken: cursor }),
      }),
    )
    const { pageToken } = (next ?? {}) as { readonly pageToken?: string }
    // Where fields are asked for, the SDK hands on what was answered.
    return { objects: files as unknown as readonly GcsObject[], next: pageToken ?? null }
  }

  async delete(key: string, generation: string | undefined, signal: AbortSignal): Promise<void> {
    const { preconditionOpts } = matching(generation)
    await this.#told(signal, () => this.#bucket.file(key).delete({ ...preconditionOpts }))
  }

  close(): void {
    this.#http.close()
  }

  #signed(key: string, seconds: number): Promise<string> {
    const accessibleAt = Math.floor(Date.now() / 1000) * 1000
    const expires = accessibleAt + seconds * 1000
    return this.#proven(async () => {
      const how = { version: 'v4', action: 'read', accessibleAt, expires } as const
      const [url] = await this.#bucket.file(key).getSignedUrl(how)
      return url
    })
  }

  /** A request of our own, by the SDK's credentials. */
  async #send(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
    const proof: Record<string, string> = {}
    if (!this.#isAnonymous) {
      const { authClient } = this.#storage
      const given = await this.#proven(() => authClient.getRequestHeaders(request.url))
      given.forEach((value, name) => {
        proof[name] = value
      })
    }
    const headers = { ...request.headers, ...proof }
    const answer = await this.#http.send({ ...request, headers }, signal)
    // 308 asks for the next part of a resumable upload.
    if ((answer.status >= 200 && answer.status < 300) || answer.status === 308) return answer
    throw answerFailure(answer)
  }

  /**
   * Runs a request of the SDK, with its failures as answers; ends when the signal is aborted,
   * whether or not the request does.
   */
  async #told<T>(signal: AbortSignal, request: () => Promise<T>): Promise<T> {
    // Without this, a failure to get a token could not be told from one of the request.
    if (!this.#isAnonymous) await this.#proven(() => this.#storage.authClient.getAccessToken())
    if (signal.aborted) throw signal.reason
    const aborted = Promise.withResolvers<never>()
    const abandon = (): void => aborted.reject(signal.reason as Error)
    signal.addEventListener('abort', abandon)
    try {
      return await Promise.race([request(), aborted.promise])
    } catch (error) {
      throw signal.aborted ? error : failureOf(error)
    } finally {
      signal.removeEventListener('abort', abandon)
    }
  }

  /** Runs what may fail because nobody has said who this is, or because the network is gone. */
  async #proven<T>(task: () => Promise<T>): Promise<T> {
    try {
      return await task()
    } catch (error) {
      const { code } = (error ?? {}) as { readonly code?: unknown }
      const isSystem = typeof code === 'string' && /^E[A-Z]+$/.test(code)
      if (isSystem && code !== 'ENOENT' && code !== 'EACCES') {
        throw new AnswerError({ status: 0, code }, bareCause(error))
      }
      throw new AnswerError({ status: 401, code: 'CannotAuthenticate' }, bareCause(error))
    }
  }
}

const matching = (
  condition: string | undefined,
): { readonly preconditionOpts: { readonly ifGenerationMatch?: string } } => ({
  preconditionOpts: condition === undefined ? {} : { ifGenerationMatch: condition },
})

function objectOf(file: File): GcsObject {
  const { size, generation, updated, crc32c } = file.metadata
  return {
    ...{ name: file.name, size: size ?? 0, generation: generation ?? '' },
    ...(updated !== undefined && { updated }),
    ...(crc32c !== undefined && { crc32c }),
  }
}

/** What the SDK throws: an ApiError, a GaxiosError, what the network threw, or a bare object. */
function failureOf(error: unknown): unknown {
  if (error instanceof SourceError || error instanceof AnswerError) return error
  const { code, status, errors, message, response } = (error ?? {}) as {
    readonly code?: unknown
    readonly status?: unknown
    readonly errors?: readonly { readonly reason?: unknown }[]
    readonly message?: unknown
    readonly response?: { readonly status?: unknown }
  }
  const found = [status, response?.status, code].map(Number).find((one) => one >= 100)
  const text = typeof message === 'string' ? message : ''
  if (found === undefined) {
    const told = typeof code === 'string' ? code : ''
    return new AnswerError({ status: 0, code: told }, bareCause(error))
  }
  const reason = errors?.[0]?.reason ?? (found === 404 ? 'notFound' : '')
  return gcsFailure(
    { status: found, reason: typeof reason === 'string' ? reason : '', message: text },
    bareCause(error),
  )
}
