// S3 for Workers: requests by fetch, signatures by aws4fetch, answers by our own reader of XML.
// Nothing of Node. Every request carries the SHA-256 of its bytes, which the server compares.
import { AwsClient } from 'aws4fetch'
import type { ObjectStore } from '../../src/ports/object-store.ts'
import { bareEtag, type S3Api, type S3Conditions, type S3PutPart } from './s3/api.ts'
import { s3Store, type S3StoreOptions } from './s3/store.ts'
import { AnswerError } from './shared/failure.ts'
import { fetchHttp } from './shared/fetch-http.ts'
import {
  hex,
  millisOf,
  pathOf,
  queryOf,
  textOfAnswer,
  utf8,
  base64,
  type HttpAnswer,
  type HttpRequest,
} from './shared/http.ts'
import { childrenOf, escapeXml, parseXml, textOf, type XmlElement } from './shared/xml.ts'

/** Which bucket, and how it is reached. */
export interface FetchS3Options extends S3StoreOptions {
  readonly bucket: string
  readonly region: string
  /** Of another server than AWS's, whose bucket is then named in the path. */
  readonly endpoint?: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
}

/** Opens a bucket; nothing is sent yet. */
export function openFetchS3Store(options: FetchS3Options): ObjectStore {
  return s3Store(new FetchApi(options), options.bucket, {
    ...options,
    credentials: 'check the access key and its secret',
  })
}

class FetchApi implements S3Api {
  readonly #client: AwsClient
  readonly #base: string
  readonly #http = fetchHttp()

  constructor(options: FetchS3Options) {
    const { accessKeyId, secretAccessKey, sessionToken, region, bucket } = options
    this.#client = new AwsClient({
      ...{ accessKeyId, secretAccessKey, region, service: 's3', retries: 0 },
      ...(sessionToken === undefined ? {} : { sessionToken }),
    })
    this.#base =
      options.endpoint === undefined
        ? `https://${bucket}.s3.${region}.amazonaws.com`
        : `${options.endpoint.replace(/\/$/, '')}/${bucket}`
  }

  async put(
    key: string,
    bytes: Uint8Array,
    conditions: S3Conditions,
    signal: AbortSignal,
  ): Promise<string> {
    const headers = { 'content-type': 'application/octet-stream', ...headersOf(conditions) }
    const request = { method: 'PUT', url: this.#url(key), headers, body: [bytes] } as const
    return etagOf(await this.#send(request, signal))
  }

  async get(
    key: string,
    range: string | undefined,
    signal: AbortSignal,
  ): Promise<{ readonly bytes: Uint8Array; readonly etag: string }> {
    const headers = range === undefined ? {} : { range }
    const answer = await this.#send({ method: 'GET', url: this.#url(key), headers }, signal)
    return { bytes: answer.bytes, etag: etagOf(answer) }
  }

  async head(
    key: string,
    signal: AbortSignal,
  ): Promise<{ readonly size: number; readonly etag: string; readonly modifiedMs: number }> {
    const answer = await this.#send({ method: 'HEAD', url: this.#url(key), headers: {} }, signal)
    return {
      size: Number(answer.header('content-length') ?? 0),
      etag: etagOf(answer),
      modifiedMs: millisOf(answer.header('last-modified')),
    }
  }

  async list(
    listing: { readonly prefix: string; readonly cursor: string | undefined; limit: number },
    signal: AbortSignal,
  ): ReturnType<S3Api['list']> {
    const { prefix, cursor, limit } = listing
    const query = {
      ...{ 'list-type': 2, 'max-keys': limit, prefix },
      ...(cursor === undefined ? {} : { 'continuation-token': cursor }),
    }
    const root = await this.#ask({ method: 'GET', url: this.#url('', query), headers: {} }, signal)
    const objects = childrenOf(root, 'Contents').map((found) => ({
      key: textOf(found, 'Key'),
      size: Number(textOf(found, 'Size')),
      etag: bareEtag(textOf(found, 'ETag')),
      modifiedMs: millisOf(textOf(found, 'LastModified')),
    }))
    const next = textOf(root, 'NextContinuationToken')
    return { objects, next: textOf(root, 'IsTruncated') === 'true' && next !== '' ? next : null }
  }

  async deleteOne(key: string, signal: AbortSignal): Promise<void> {
    await this.#send({ method: 'DELETE', url: this.#url(key), headers: {} }, signal)
  }

  async deleteMany(keys: readonly string[], signal: AbortSignal): Promise<void> {
    const named = keys.map((key) => `<Object><Key>${escapeXml(key)}</Key></Object>`).join('')
    const body = utf8(`<Delete><Quiet>true</Quiet>${named}</Delete>`)
    // Either this or an MD5 is demanded, and WebCrypto has no MD5.
    const sum = base64(new Uint8Array(await crypto.subtle.digest('SHA-256', body)))
    const headers = {
      'content-type': 'application/xml',
      'x-amz-checksum-sha256': sum,
      'x-amz-sdk-checksum-algorithm': 'SHA256',
    }
    const url = this.#url('', { delete: '' })
    const root = await this.#ask({ method: 'POST', url, headers, body: [body] }, signal)
    const codes = childrenOf(root, 'Error').map((failed) => textOf(failed, 'Code'))
    const code = codes.find((one) => one !== 'NoSuchKey')
    if (code === undefined) return
    throw new AnswerError({ status: code === 'AccessDenied' ? 403 : 500, code })
  }

  async beginUpload(key: string, signal: AbortSignal): Promise<string> {
    const headers = { 'content-type': 'application/octet-stream' }
    const url = this.#url(key, { uploads: '' })
    const root = await this.#ask({ method: 'POST', url, headers, body: [utf8('')] }, signal)
    return textOf(root, 'UploadId')
  }

  async putPart(
    { key, uploadId }: { readonly key: string; readonly uploadId: string },
    number: number,
    bytes: Uint8Array,
    signal: AbortSignal,
  ): Promise<S3PutPart> {
    const url = this.#url(key, { partNumber: number, uploadId })
    const answer = await this.#send({ method: 'PUT', url, headers: {}, body: [bytes] }, signal)
    return { etag: etagOf(answer) }
  }

  async completeUpload(
    { key, uploadId }: { readonly key: string; readonly uploadId: string },
    parts: readonly { readonly number: number; readonly etag: string }[],
    conditions: S3Conditions,
    signal: AbortSignal,
  ): Promise<string> {
    const listed = parts.map(({ number, etag }) => {
      return `<Part><PartNumber>${String(number)}</PartNumber><ETag>"${etag}"</ETag></Part>`
    })
    const xml = `<CompleteMultipartUpload>${listed.join('')}</CompleteMultipartUpload>`
    const headers = { 'content-type': 'application/xml', ...headersOf(conditions) }
    const url = this.#url(key, { uploadId })
    const root = await this.#ask({ method: 'POST', url, headers, body: [utf8(xml)] }, signal)
    return bareEtag(textOf(root, 'ETag'))
  }

  async abortUpload(
    { key, uploadId }: { readonly key: string; readonly uploadId: string },
    signal: AbortSignal,
  ): Promise<void> {
    await this.#send({ method: 'DELETE', url: this.#url(key, { uploadId }), headers: {} }, signal)
  }

  async listUploads(
    prefix: string,
    marker: { readonly key: string; readonly uploadId: string } | null,
    signal: AbortSignal,
  ): ReturnType<S3Api['listUploads']> {
    const from = marker && { 'key-marker': marker.key, 'upload-id-marker': marker.uploadId }
    const url = this.#url('', { uploads: '', prefix, ...from })
    const root = await this.#ask({ method: 'GET', url, headers: {} }, signal)
    const uploads = childrenOf(root, 'Upload').map((upload) => ({
      key: textOf(upload, 'Key'),
      uploadId: textOf(upload, 'UploadId'),
      begunMs: millisOf(textOf(upload, 'Initiated')),
    }))
    const key = textOf(root, 'NextKeyMarker')
    const uploadId = textOf(root, 'NextUploadIdMarker')
    const hasMore = textOf(root, 'IsTruncated') === 'true' && key !== ''
    return { uploads, next: hasMore ? { key, uploadId } : null }
  }

  async sign(key: string, ttlSeconds: number): Promise<string> {
    const url = this.#url(key, { 'X-Amz-Expires': ttlSeconds })
    const signed = await this.#client.sign(url, { method: 'GET', aws: { signQuery: true } })
    return signed.url
  }

  close(): void {
    this.#http.close()
  }

  #url(key: string, query: Readonly<Record<string, string | number>> = {}): string {
    const base = key === '' ? this.#base : `${this.#base}/${pathOf(key)}`
    return Object.keys(query).length === 0 ? base : `${base}?${queryOf(query)}`
  }

  async #send(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
    const { method, url, body } = request
    const [bytes = new Uint8Array(0)] = body ?? []
    const digest = await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>)
    const sum = { 'x-amz-content-sha256': hex(new Uint8Array(digest)) }
    // Signed without its body, so that no copy of it is made on the way.
    const signed = await this.#client.sign(url, {
      method,
      headers: { ...request.headers, ...sum },
    })
    const headers = Object.fromEntries(signed.headers)
    const answer = await this.#http.send({ ...request, headers }, signal)
    if (answer.status >= 200 && answer.status < 300) return answer
    throw new AnswerError({ status: answer.status, code: codeOf(answer) })
  }

  /** Sends what is answered with XML; a late failure comes with status 200. */
  async #ask(request: HttpRequest, signal: AbortSignal): Promise<XmlElement> {
    const root = parseXml(textOfAnswer(await this.#send(request, signal)))
    if (root.name !== 'Error') return root
    throw new AnswerError({ status: 500, code: textOf(root, 'Code') })
  }
}

const etagOf = (answer: HttpAnswer): string => bareEtag(answer.header('etag'))

const headersOf = ({ ifNoneMatch, ifMatch }: S3Conditions): Readonly<Record<string, string>> => ({
  ...(ifNoneMatch && { 'if-none-match': ifNoneMatch }),
  ...(ifMatch && { 'if-match': ifMatch }),
})

/** The code in a failure's XML; '' where there is none, as with HEAD or before a proxy. */
function codeOf(answer: HttpAnswer): string {
  try {
    const code = textOf(parseXml(textOfAnswer(answer)), 'Code')
    return /^Unknown(Error)?$/.test(code) ? '' : code
  } catch {
    return ''
  }
}
