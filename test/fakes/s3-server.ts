// S3 in this process, for tests that npm alone must be able to run: signatures, payload hashes,
// conditions, ranges, listings and uploads, in memory. Kept honest by the contract suite, which
// runs the same on Ceph and versitygw; it is no authority on what S3 does.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { hash } from 'node:crypto'
import { crc32c } from '@node-rs/crc32'
import { escapeXml, parseXml, childrenOf, textOf } from '../../adapters/object-store/shared/xml.ts'
import { isSigned } from './s3-signature.ts'

/** A fake that listens. */
export interface FakeS3 {
  readonly endpoint: string
  stop(): Promise<void>
}

interface Held {
  readonly bytes: Uint8Array
  readonly etag: string
  readonly modified: Date
}

interface Upload {
  readonly key: string
  readonly begun: Date
  readonly parts: Map<number, Held>
}

/** A request as it came. */
export interface Asked {
  readonly method: string
  readonly key: string
  readonly query: URLSearchParams
  readonly headers: IncomingMessage['headers']
  readonly body: Uint8Array
}

interface Told {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array | string
}

class Refusal extends Error {
  readonly status: number

  constructor(status: number, code: string) {
    super(code)
    this.status = status
  }
}

/** Starts a fake with one bucket, called `bucket`. */
export async function startFakeS3(keys: {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** How long every answer is held back, in ms: what a store far away takes. */
  readonly delayMs?: number
  /** What it does with sums of parts; it compares them, if absent. */
  readonly sums?: 'compared' | 'ignored' | 'refused'
  /** Hears of every request. */
  readonly heard?: (asked: Omit<Asked, 'key' | 'body'>) => void
}): Promise<FakeS3> {
  const bucket = new Bucket(keys.sums ?? 'compared')
  const { delayMs = 0 } = keys
  const server: Server = createServer((request, response) => {
    void serve(request, response, async (asked, url) => {
      keys.heard?.(asked)
      if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs))
      if (!(await isSigned(keys, asked, url))) throw new Refusal(403, 'SignatureDoesNotMatch')
      const [, name, ...rest] = url.pathname.split('/').map(decodeURIComponent)
      if (name !== 'bucket') throw new Refusal(404, 'NoSuchBucket')
      return bucket.answer({ ...asked, key: rest.join('/') })
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0
  return {
    endpoint: `http://127.0.0.1:${String(port)}`,
    stop: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  answer: (asked: Omit<Asked, 'key'>, url: URL) => Promise<Told>,
): Promise<void> {
  const chunks: Uint8Array[] = []
  try {
    for await (const chunk of request) chunks.push(chunk as Uint8Array)
    const { method = '', headers, url: path = '' } = request
    const url = new URL(path, `http://${headers.host ?? ''}`)
    const asked = { method, headers, query: url.searchParams, body: Buffer.concat(chunks) }
    const told = await answer(asked, url).catch((error: unknown): Told => {
      if (!(error instanceof Refusal)) throw error
      const body = `<Error><Code>${error.message}</Code></Error>`
      return { status: error.status, headers: { 'content-type': 'application/xml' }, body }
    })
    const body = typeof told.body === 'string' ? new TextEncoder().encode(told.body) : told.body
    const length = { 'content-length': String(body?.length ?? 0) }
    response.writeHead(told.status, { ...length, ...told.headers })
    response.end(method === 'HEAD' ? undefined : body)
  } catch {
    response.destroy()
  }
}

class Bucket {
  readonly #sums: 'compared' | 'ignored' | 'refused'
  readonly #objects = new Map<string, Held>()
  readonly #uploads = new Map<string, Upload>()
  #count = 0

  constructor(sums: 'compared' | 'ignored' | 'refused') {
    this.#sums = sums
  }

  async answer(asked: Asked): Promise<Told> {
    const { method, key, query } = asked
    const uploadId = query.get('uploadId')
    if (key === '') {
      if (query.has('delete')) return this.#deleteMany(asked)
      return query.has('uploads') ? this.#listUploads(query) : this.#list(query)
    }
    if (method === 'POST' && query.has('uploads')) return this.#begin(key)
    if (uploadId !== null) return this.#toUpload(asked, uploadId)
    if (method === 'PUT') return this.#put(asked, asked.body, hash('md5', asked.body))
    if (method === 'DELETE') {
      this.#objects.delete(key)
      return { status: 204 }
    }
    return this.#get(asked)
  }

  #put({ key, headers }: Asked, bytes: Uint8Array, etag: string): Told {
    const before = this.#objects.get(key)
    if (headers['if-none-match'] === '*' && before !== undefined) {
      throw new Refusal(412, 'PreconditionFailed')
    }
    const match = headers['if-match']?.replaceAll('"', '')
    if (match !== undefined && before === undefined) throw new Refusal(404, 'NoSuchKey')
    if (match !== undefined && before?.etag !== match) throw new Refusal(412, 'PreconditionFailed')
    this.#objects.set(key, { bytes, etag, modified: new Date() })
    return { status: 200, headers: { etag: `"${etag}"` } }
  }

  #get({ method, key, headers }: Asked): Told {
    const held = this.#objects.get(key)
    if (held === undefined) throw new Refusal(404, method === 'HEAD' ? 'NotFound' : 'NoSuchKey')
    const { bytes, etag, modified } = held
    const about = { etag: `"${etag}"`, 'last-modified': modified.toUTCString() }
    if (method === 'HEAD') {
      return { status: 200, headers: { ...about, 'content-length': String(bytes.length) } }
    }
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '') ?? []
    if (from === undefined) return { status: 200, headers: about, body: bytes }
    if (Number(from) >= bytes.length) throw new Refusal(416, 'InvalidRange')
    const body = bytes.subarray(Number(from), Number(to) + 1)
    const end = Number(from) + body.length - 1
    const range = `bytes ${from}-${String(end)}/${String(bytes.length)}`
    return { status: 206, headers: { ...about, 'content-range': range }, body }
  }

  #list(query: URLSearchParams): Told {
    const after = query.get('continuation-token') ?? ''
    const limit = Number(query.get('max-keys') ?? 1000)
    const prefix = query.get('prefix') ?? ''
    const keys = [...this.#objects.keys()].sort()
    const found = keys.filter((key) => key.startsWith(prefix) && key > after)
    const page = found.filter((_, index) => index < limit)
    const rows = page.map((key) => {
      const { bytes, etag, modified } = this.#objects.get(key) ?? NOTHING
      return (
        `<Contents><Key>${escapeXml(key)}</Key><Size>${String(bytes.length)}</Size>` +
        `<ETag>&quot;${etag}&quot;</ETag><LastModified>${modified.toISOString()}</LastModified>` +
        '</Contents>'
      )
    })
    const isCut = found.length > page.length
    const next = isCut ? escapeXml(page.at(-1) ?? '') : ''
    const token = isCut ? `<NextContinuationToken>${next}</NextContinuationToken>` : ''
    const cut = `<IsTruncated>${String(isCut)}</IsTruncated>${token}`
    return xml(`<ListBucketResult>${cut}${rows.join('')}</ListBucketResult>`)
  }

  #deleteMany({ body }: Asked): Told {
    const objects = childrenOf(parseXml(new TextDecoder().decode(body)), 'Object')
    for (const object of objects) this.#objects.delete(textOf(object, 'Key'))
    return xml('<DeleteResult/>')
  }

  #begin(key: string): Told {
    const id = `upload-${String(++this.#count)}`
    this.#uploads.set(id, { key, begun: new Date(), parts: new Map() })
    const result = `<Key>${escapeXml(key)}</Key><UploadId>${id}</UploadId>`
    return xml(`<InitiateMultipartUploadResult>${result}</InitiateMultipartUploadResult>`)
  }

  #toUpload(asked: Asked, id: string): Told {
    const upload = this.#uploads.get(id)
    if (upload?.key !== asked.key) throw new Refusal(404, 'NoSuchUpload')
    if (asked.method === 'DELETE') {
      this.#uploads.delete(id)
      return { status: 204 }
    }
    if (asked.method === 'PUT') {
      const etag = hash('md5', asked.body)
      const held = { bytes: asked.body, etag, modified: new Date() }
      const headers = { etag: `"${etag}"`, ...this.#summed(asked) }
      upload.parts.set(Number(asked.query.get('partNumber')), held)
      return { status: 200, headers }
    }
    const named = childrenOf(parseXml(new TextDecoder().decode(asked.body)), 'Part')
    const parts = named.map((part) => {
      const held = upload.parts.get(Number(textOf(part, 'PartNumber')))
      if (held?.etag !== textOf(part, 'ETag').replaceAll('"', '')) {
        throw new Refusal(400, 'InvalidPart')
      }
      return held
    })
    const bytes = Buffer.concat(parts.map((part) => part.bytes))
    const etag = `${hash('md5', parts.map((part) => part.etag).join(''))}-${String(parts.length)}`
    this.#put(asked, bytes, etag)
    this.#uploads.delete(id)
    const result = `<ETag>&quot;${etag}&quot;</ETag>`
    return xml(`<CompleteMultipartUploadResult>${result}</CompleteMultipartUploadResult>`)
  }

  /** Compares a sum that was sent, and says that it has. */
  #summed({ headers, body }: Asked): Readonly<Record<string, string>> {
    const told = headers[SUM]
    if (typeof told !== 'string' || this.#sums === 'ignored') return {}
    if (this.#sums === 'refused') throw new Refusal(501, 'NotImplemented')
    const sum = Buffer.alloc(4)
    sum.writeUInt32BE(crc32c(body))
    if (sum.toString('base64') !== told) throw new Refusal(400, 'BadDigest')
    return { [SUM]: told }
  }

  #listUploads(query: URLSearchParams): Told {
    const prefix = query.get('prefix') ?? ''
    const rows = [...this.#uploads].flatMap(([id, { key, begun }]) => {
      if (!key.startsWith(prefix)) return []
      const when = `<Initiated>${begun.toISOString()}</Initiated>`
      const row = `<Key>${escapeXml(key)}</Key><UploadId>${id}</UploadId>${when}`
      return [`<Upload>${row}</Upload>`]
    })
    const cut = '<IsTruncated>false</IsTruncated>'
    return xml(`<ListMultipartUploadsResult>${cut}${rows.join('')}</ListMultipartUploadsResult>`)
  }
}

const SUM = 'x-amz-checksum-crc32c'

const NOTHING: Held = { bytes: new Uint8Array(0), etag: '', modified: new Date(0) }

const xml = (body: string): Told => ({
  status: 200,
  headers: { 'content-type': 'application/xml' },
  body: `<?xml version="1.0" encoding="UTF-8"?>\n${body}`,
})
