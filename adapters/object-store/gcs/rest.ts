// Google Cloud Storage by its JSON API, for Workers, where Google's SDK does not run. Who sends the
// requests, and by which tokens, comes from outside.
import { encodeStrictly, pathOf, queryOf, textOfAnswer } from '../shared/http.ts'
import type { Http, HttpAnswer, HttpRequest } from '../shared/http.ts'
import { gcsFailure, type GcsApi, type GcsObject } from './api.ts'
import { signedUrl, type GcsSigner } from './sign.ts'
import { putResumably, putWhole, type GcsUpload } from './upload.ts'

/** Which bucket, and how it is reached. */
export interface GcsPlace {
  readonly bucket: string
  /** `https://storage.googleapis.com` if absent. */
  readonly endpoint?: string
}

/** What the requests are sent by. */
export interface GcsParts {
  readonly http: Http
  /** A token that is good for a while; null where nobody asks for one. */
  token(signal: AbortSignal): Promise<string | null>
  crc32c(bytes: Uint8Array, seed: number): number
  /** Who signs URLs; absent where nobody can. */
  readonly signer?: () => Promise<GcsSigner>
}

const FIELDS = 'name,size,generation,updated'

/** The requests over `parts.http`. */
export function restApi(parts: GcsParts, place: GcsPlace): GcsApi {
  const { http, signer } = parts
  const { bucket } = place
  const endpoint = (place.endpoint ?? 'https://storage.googleapis.com').replace(/\/$/, '')
  const objects = `${endpoint}/storage/v1/b/${bucket}/o`
  const urlOf = (key: string): string => `${objects}/${encodeStrictly(key)}`
  const send = async (request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> => {
    const token = await parts.token(signal)
    const proof = token === null ? {} : { authorization: `Bearer ${token}` }
    const headers = { ...request.headers, ...proof }
    const answer = await http.send({ ...request, headers }, signal)
    // 308 asks for the next part of a resumable upload.
    if ((answer.status >= 200 && answer.status < 300) || answer.status === 308) return answer
    throw answerFailure(answer)
  }
  const uploadTo = (
    key: string,
    condition: string | undefined,
    signal: AbortSignal,
  ): GcsUpload => ({
    url: `${endpoint}/upload/storage/v1/b/${bucket}/o`,
    key,
    condition: condition === undefined ? {} : { ifGenerationMatch: condition },
    send: (request, other = signal) => send(request, other),
  })
  return {
    crc32c: (bytes, seed) => parts.crc32c(bytes, seed),
    putWhole: (key, bytes, { crc32c, condition }, signal) =>
      putWhole(uploadTo(key, condition, signal), bytes, crc32c),
    putParts: (key, source, how, signal) =>
      putResumably(uploadTo(key, how.condition, signal), source, how, signal),
    get: async (key, range, signal) => {
      const asked = range && { range: `bytes=${String(range.from)}-${String(range.to - 1)}` }
      const url = `${urlOf(key)}?alt=media`
      const answer = await send({ method: 'GET', url, headers: asked ?? {} }, signal)
      return { bytes: answer.bytes, generation: answer.header('x-goog-generation') ?? '' }
    },
    head: async (key, signal) => {
      const url = `${urlOf(key)}?fields=${FIELDS}`
      const answer = await send({ method: 'GET', url, headers: {} }, signal)
      return JSON.parse(textOfAnswer(answer)) as GcsObject
    },
    list: async ({ prefix, cursor, limit }, signal) => {
      const query = queryOf({
        ...{ prefix, maxResults: limit, fields: `items(${FIELDS}),nextPageToken` },
        ...(cursor === undefined ? {} : { pageToken: cursor }),
      })
      const url = `${objects}?${query}`
      const answer = await send({ method: 'GET', url, headers: {} }, signal)
      const page = JSON.parse(textOfAnswer(answer)) as {
        readonly items?: readonly GcsObject[]
        readonly nextPageToken?: string
      }
      return { objects: page.items ?? [], next: page.nextPageToken ?? null }
    },
    delete: async (key, generation, signal) => {
      const query = generation === undefined ? '' : `?ifGenerationMatch=${generation}`
      await send({ method: 'DELETE', url: `${urlOf(key)}${query}`, headers: {} }, signal)
    },
    ...(signer !== undefined && {
      // Anybody with a signature reads at the address of the XML API.
      sign: async (key, seconds) =>
        signedUrl(await signer(), `${endpoint}/${bucket}/${pathOf(key)}`, seconds),
    }),
    close: () => http.close(),
  }
}

/** What an answer that is no success means. */
export function answerFailure(answer: HttpAnswer): Error {
  const message = textOfAnswer(answer)
  let reason = ''
  try {
    const told = JSON.parse(message) as { error?: { errors?: readonly { reason?: unknown }[] } }
    const first = told.error?.errors?.[0]?.reason
    if (typeof first === 'string') reason = first
  } catch {
    // Not every answer is JSON: a proxy's, or that of a download.
  }
  return gcsFailure({ status: answer.status, reason, message })
}
