// How bodies go to Google Cloud Storage over REST: in one request with what describes them, or part
// after part through a resumable upload, whose session takes up where it says it has got to.
import type { ObjectSource } from '../../../src/ports/object-store.ts'
import { AnswerError } from '../shared/failure.ts'
import { queryOf, textOfAnswer, utf8 } from '../shared/http.ts'
import type { HttpAnswer, HttpRequest } from '../shared/http.ts'
import { eachPart } from '../shared/parts.ts'
import type { GcsObject } from './api.ts'

/** One upload: where, of what, and by what means. */
export interface GcsUpload {
  readonly url: string
  readonly key: string
  /** Parameters of its condition. */
  readonly condition: Readonly<Record<string, string>>
  /** Sends a request of the upload, or one that outlives it by another signal. */
  send(request: HttpRequest, signal?: AbortSignal): Promise<HttpAnswer>
}

const TYPE = 'application/octet-stream'
const GIVE_UP_MS = 10_000

/** Puts bytes in one request; Google refuses them if they have another checksum. */
export async function putWhole(
  upload: GcsUpload,
  bytes: Uint8Array,
  crc32c: string,
): Promise<GcsObject> {
  const boundary = `part-${crypto.randomUUID()}`
  const about = JSON.stringify({ name: upload.key, contentType: TYPE, crc32c })
  const head =
    `--${boundary}\r\ncontent-type: application/json\r\n\r\n${about}\r\n` +
    `--${boundary}\r\ncontent-type: ${TYPE}\r\n\r\n`
  const query = queryOf({ uploadType: 'multipart', ...upload.condition })
  const answer = await upload.send({
    method: 'POST',
    url: `${upload.url}?${query}`,
    headers: { 'content-type': `multipart/related; boundary=${boundary}` },
    body: [utf8(head), bytes, utf8(`\r\n--${boundary}--\r\n`)],
  })
  return JSON.parse(textOfAnswer(answer)) as GcsObject
}

/** Puts a body in parts, one after the other, while the next one is read. */
export async function putResumably(
  upload: GcsUpload,
  source: ObjectSource,
  how: { readonly partBytes: number; readonly taken: (bytes: Uint8Array) => void },
  signal: AbortSignal,
): Promise<GcsObject> {
  const query = queryOf({ uploadType: 'resumable', name: upload.key, ...upload.condition })
  const begun = await upload.send({
    method: 'POST',
    url: `${upload.url}?${query}`,
    headers: { 'x-upload-content-type': TYPE, 'x-upload-content-length': String(source.size) },
    body: [],
  })
  const session = begun.header('location') ?? ''
  let last: HttpAnswer | null = null
  const limits = { partBytes: how.partBytes, atOnce: 2, partsMax: Infinity, inOrder: true }
  try {
    await eachPart(source, limits, signal, async ({ from, bytes }) => {
      how.taken(bytes)
      last = await sendPart(upload, session, bytes, { from, size: source.size })
    })
  } catch (error) {
    // Google answers 499 to what is given up; the session would go by itself within a week.
    // The signal may be what ended it.
    const given = { method: 'DELETE', url: session, headers: {} } as const
    await upload.send(given, AbortSignal.timeout(GIVE_UP_MS)).catch(() => {})
    throw error
  }
  if (last === null) throw new AnswerError({ status: 0, code: 'NoParts' })
  return JSON.parse(textOfAnswer(last)) as GcsObject
}

/** Sends one part; the session may take less than all of it, and is then sent the rest. */
async function sendPart(
  upload: GcsUpload,
  session: string,
  bytes: Uint8Array,
  { from, size }: { readonly from: number; readonly size: number },
): Promise<HttpAnswer> {
  const end = from + bytes.length
  for (let at = from; ;) {
    const request = {
      method: 'PUT',
      url: session,
      headers: {
        'content-type': TYPE,
        'content-range': `bytes ${String(at)}-${String(end - 1)}/${String(size)}`,
      },
      body: [bytes.subarray(at - from)],
    } as const
    const answer = await upload.send(request).catch((error: unknown) => {
      const isGone = error instanceof AnswerError && (error.status === 404 || error.status === 410)
      throw isGone ? new AnswerError({ status: error.status, code: 'NoSuchUpload' }, error) : error
    })
    if (answer.status !== 308) return answer
    const taken = /^bytes=0-(\d+)$/.exec(answer.header('range') ?? '')?.[1]
    const next = taken === undefined ? 0 : Number(taken) + 1
    if (next === end && end < size) return answer
    if (next <= at || next > end) throw new AnswerError({ status: 503, code: 'UploadStalled' })
    at = next
  }
}
