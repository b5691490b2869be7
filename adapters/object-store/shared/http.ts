// One HTTP request and its whole answer, as the stores over REST need it: brokers send it by
// node:http, Workers by fetch. Redirects are not followed: a signature holds for one host.
import type { GetOptions, ObjectMemory } from '../../../src/ports/object-store.ts'

/** A request. `body` is sent piece after piece; the pieces must not change until it settles. */
export interface HttpRequest {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE'
  readonly url: string
  /** By lower-case name; without host and content-length. */
  readonly headers: Readonly<Record<string, string>>
  readonly body?: readonly Uint8Array[]
  /** Of a GET. */
  readonly into?: Into
}

/** Where an answer may come to lie, if it is no larger than `bytesMax`. */
export interface Into {
  readonly memory: ObjectMemory
  readonly bytesMax: number
}

/** An answer, of whatever status. Its bytes belong to who asked. */
export interface HttpAnswer {
  readonly status: number
  header(name: string): string | null
  readonly bytes: Uint8Array
}

/** What sends requests. Throws what the network throws, and AnswerError for a torn answer. */
export interface Http {
  send(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer>
  close(): void
}

/** Where the answer to a read may come to lie. */
export const intoOf = ({ memory, range }: GetOptions): Into | undefined =>
  memory === undefined || range === undefined
    ? undefined
    : { memory, bytesMax: range.to - range.from }

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** UTF-8 bytes of a text. */
export const utf8 = (text: string): Uint8Array<ArrayBuffer> => encoder.encode(text)

/** The text of an answer. */
export const textOfAnswer = (answer: HttpAnswer): string => decoder.decode(answer.bytes)

/** Lengths of all pieces together. */
export const bodyLength = (body: readonly Uint8Array[]): number =>
  body.reduce((sum, piece) => sum + piece.length, 0)

/** A key as a path of a URL: every segment encoded, slashes kept. */
export const pathOf = (key: string): string => key.split('/').map(encodeStrictly).join('/')

/** As RFC 3986 has it: signatures are made over this form. */
export const encodeStrictly = (text: string): string =>
  encodeURIComponent(text).replace(
    /[!'()*]/g,
    (found) => `%${found.charCodeAt(0).toString(16).toUpperCase()}`,
  )

/** Parameters as a query, in the order given. */
export const queryOf = (parameters: Readonly<Record<string, string | number>>): string =>
  Object.entries(parameters)
    .map(([name, value]) => `${encodeStrictly(name)}=${encodeStrictly(String(value))}`)
    .join('&')

/** Bytes as base64. */
export function base64(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += String.fromCharCode(byte)
  return btoa(text)
}

/** Bytes of base64; throws where it is none. */
export const unbase64 = (text: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(text), (char) => char.charCodeAt(0))

/** Bytes in hexadecimal digits. */
export const hex = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')

/** Milliseconds since 1970 of a time as HTTP or ISO 8601 writes it; -1 for anything else. */
export const millisOf = (text: string | null | undefined): number => {
  const ms = Date.parse(text ?? '')
  return Number.isNaN(ms) ? -1 : ms
}
