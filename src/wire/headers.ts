// Request and response headers. A request header opens with key, version and correlation id, which
// never change their place, then the client id, which is an int16 string even in the flexible
// header v2, because a broker must read it before it knows the version. Whether the version is
// served is not asked here: an ApiVersions request that is too new still gets an answer.
import { FormatError } from '../base/errors.ts'
import type { Reader } from '../base/reader.ts'
import type { Writer } from '../base/writer.ts'
import { skipTags } from './read-plan.ts'
import type { Api } from './registry.ts'
import { apiOf, requestHeaderVersion, responseHeaderVersion } from './registry.ts'

/** A decoded request header. */
export interface RequestHeader {
  readonly api: Api
  readonly apiKey: number
  readonly apiVersion: number
  readonly correlationId: number
  /** "" for null. */
  readonly clientId: string
}

/** Client ids of one connection, which are nearly always the same one: kept to be decoded once. */
export interface ClientIdCache {
  bytes: Uint8Array
  text: string
}

/** An empty cache, for one connection. */
export const clientIdCache = (): ClientIdCache => ({ bytes: new Uint8Array(0), text: '' })

/**
 * Reads a request header and leaves the reader at the body. `cache`, if given, saves decoding the
 * same client id again. Throws FormatError, also for an API key that no broker listener has.
 */
export function readRequestHeader(reader: Reader, cache?: ClientIdCache): RequestHeader {
  const apiKey = reader.int16()
  const apiVersion = reader.int16()
  const correlationId = reader.int32()
  const api = apiOf(apiKey)
  if (api === undefined) throw new FormatError(`There is no API with key ${apiKey}`)
  const clientId = readClientId(reader, cache)
  if (requestHeaderVersion(api, apiVersion) === 2) skipTags(reader)
  return { api, apiKey, apiVersion, correlationId, clientId }
}

function readClientId(reader: Reader, cache: ClientIdCache | undefined): string {
  const length = reader.int16()
  if (length <= 0) return ''
  if (cache === undefined) return reader.text(length)
  const at = reader.at
  if (!isSame(cache.bytes, reader.raw(length))) {
    reader.at = at
    cache.bytes = Uint8Array.from(reader.raw(length))
    reader.at = at
    cache.text = reader.text(length)
  }
  return cache.text
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** Writes a request header, as a client does; a null client id goes out as null. */
export function writeRequestHeader(
  writer: Writer,
  api: Api,
  header: {
    readonly apiVersion: number
    readonly correlationId: number
    readonly clientId: string | null
  },
): void {
  writer.int16(api.key)
  writer.int16(header.apiVersion)
  writer.int32(header.correlationId)
  if (header.clientId === null) {
    writer.int16(-1)
  } else {
    const at = writer.reserve(2)
    const length = writer.text(header.clientId)
    const end = writer.at
    writer.at = at
    writer.int16(length)
    writer.at = end
  }
  if (requestHeaderVersion(api, header.apiVersion) === 2) writer.uvarint(0)
}

/** Writes the header of a response to a request of that API and version. */
export function writeResponseHeader(
  writer: Writer,
  api: Api,
  header: { readonly apiVersion: number; readonly correlationId: number },
): void {
  writer.int32(header.correlationId)
  if (responseHeaderVersion(api, header.apiVersion) === 1) writer.uvarint(0)
}

/** Reads a response header and leaves the reader at the body; returns the correlation id. */
export function readResponseHeader(reader: Reader, api: Api, apiVersion: number): number {
  const correlationId = reader.int32()
  if (responseHeaderVersion(api, apiVersion) === 1) skipTags(reader)
  return correlationId
}
