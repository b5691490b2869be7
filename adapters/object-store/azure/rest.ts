// Azure Blob Storage by its REST protocol, for Workers, where Microsoft's SDK does not run. Who
// sends the requests comes from outside; who asks is proved by WebCrypto.
import { millisOf, pathOf, queryOf, textOfAnswer, utf8 } from '../shared/http.ts'
import { base64, type Http, type HttpAnswer, type HttpRequest } from '../shared/http.ts'
import { AnswerError } from '../shared/failure.ts'
import { childrenOf, parseXml, textOf } from '../shared/xml.ts'
import { bareEtag, type AzureApi, type AzureBlob, type AzureConditions } from './api.ts'
import { authorize, signedUrl, type AzureCredentials } from './auth.ts'

/** Which container, and how it is reached. */
export interface AzurePlace {
  readonly account: string
  readonly container: string
  /** Of the blob service: `https://account.blob.core.windows.net` if absent. */
  readonly endpoint?: string
  readonly credentials: AzureCredentials
}

/** What the requests are sent by. */
export interface AzureParts {
  readonly http: Http
  /** The MD5 of bytes; null where the runtime has none. */
  md5(bytes: Uint8Array): Promise<Uint8Array | null>
}

/** The requests over `http`. */
export function restApi({ http, md5 }: AzureParts, place: AzurePlace): AzureApi {
  const { account, container, credentials } = place
  const endpoint = place.endpoint ?? `https://${account}.blob.core.windows.net`
  const base = `${endpoint.replace(/\/$/, '')}/${container}`
  const urlOf = (key: string): string => `${base}/${pathOf(key)}`
  const send = async (request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> => {
    const answer = await http.send(await authorize(credentials, request, signal), signal)
    if (answer.status >= 200 && answer.status < 300) return answer
    throw new AnswerError({ status: answer.status, code: answer.header('x-ms-error-code') ?? '' })
  }
  return {
    md5,
    put: async (key, bytes, how, signal) => {
      const headers = {
        'x-ms-blob-type': 'BlockBlob',
        'content-type': 'application/octet-stream',
        ...sumHeader(how.md5),
        ...conditionHeaders(how.conditions),
      }
      const request = { method: 'PUT', url: urlOf(key), headers, body: [bytes] } as const
      return etagOf(await send(request, signal))
    },
    putBlock: async (key, { id, bytes, md5 }, signal) => {
      const url = `${urlOf(key)}?${queryOf({ comp: 'block', blockid: id })}`
      await send({ method: 'PUT', url, headers: sumHeader(md5), body: [bytes] }, signal)
    },
    commit: async (key, ids, conditions, signal) => {
      const list = ids.map((id) => `<Uncommitted>${id}</Uncommitted>`).join('')
      const xml = utf8(`<?xml version="1.0" encoding="utf-8"?><BlockList>${list}</BlockList>`)
      const headers = {
        'content-type': 'application/xml',
        'x-ms-blob-content-type': 'application/octet-stream',
        ...conditionHeaders(conditions),
      }
      const url = `${urlOf(key)}?comp=blocklist`
      return etagOf(await send({ method: 'PUT', url, headers, body: [xml] }, signal))
    },
    get: async (key, range, signal) => {
      const asked = range && { 'x-ms-range': `bytes=${String(range.from)}-${String(range.to - 1)}` }
      const request = { method: 'GET', url: urlOf(key), headers: asked ?? {} } as const
      const answer = await send(request, signal)
      return { bytes: answer.bytes, etag: etagOf(answer) }
    },
    head: async (key, signal) => {
      const answer = await send({ method: 'HEAD', url: urlOf(key), headers: {} }, signal)
      return {
        size: Number(answer.header('content-length') ?? 0),
        etag: etagOf(answer),
        modifiedMs: millisOf(answer.header('last-modified')),
      }
    },
    list: async ({ prefix, cursor, limit }, signal) => {
      const query = queryOf({
        ...{ restype: 'container', comp: 'list', maxresults: limit },
        ...(prefix === '' ? {} : { prefix }),
        ...(cursor === undefined ? {} : { marker: cursor }),
      })
      return pageOf(await send({ method: 'GET', url: `${base}?${query}`, headers: {} }, signal))
    },
    delete: async (key, signal) => {
      await send({ method: 'DELETE', url: urlOf(key), headers: {} }, signal)
    },
    ...(credentials.kind === 'key' && {
      sign: (key, ttlMs) => {
        const blob = { url: urlOf(key), container, name: key }
        return signedUrl({ account, key: credentials.key }, blob, ttlMs)
      },
    }),
    close: () => http.close(),
  }
}

function pageOf(answer: HttpAnswer): Awaited<ReturnType<AzureApi['list']>> {
  const root = parseXml(textOfAnswer(answer))
  const blobs = childrenOf(root, 'Blobs').flatMap((blobs) => childrenOf(blobs, 'Blob'))
  const objects = blobs.map((blob): AzureBlob & { readonly key: string } => {
    const [properties = blob] = childrenOf(blob, 'Properties')
    return {
      key: textOf(blob, 'Name'),
      size: Number(textOf(properties, 'Content-Length')),
      etag: bareEtag(textOf(properties, 'Etag')),
      modifiedMs: millisOf(textOf(properties, 'Last-Modified')),
    }
  })
  const next = textOf(root, 'NextMarker')
  return { objects, next: next === '' ? null : next }
}

const etagOf = (answer: HttpAnswer): string => bareEtag(answer.header('etag'))

const sumHeader = (md5: Uint8Array | null): Readonly<Record<string, string>> =>
  md5 === null ? {} : { 'content-md5': base64(md5) }

const conditionHeaders = ({
  ifNoneMatch,
  ifMatch,
}: AzureConditions): Readonly<Record<string, string>> => ({
  ...(ifNoneMatch && { 'if-none-match': ifNoneMatch }),
  ...(ifMatch !== undefined && { 'if-match': `"${ifMatch}"` }),
})
