// Which APIs there are: key, name, tables, version range. It says what the codec can carry, not
// what this broker serves; that is decided where the handlers are.
import { assert } from '../base/assert.ts'
import { allMessages } from './messages/all.ts'
import type { Schema } from './schema.ts'

/** One API of a broker's listener. */
export interface Api {
  readonly key: number
  readonly name: string
  readonly request: Schema<unknown>
  readonly response: Schema<unknown>
  /** First version that can be decoded, inclusive. */
  readonly min: number
  /** Last version that can be decoded, inclusive. */
  readonly max: number
  /** First version to tell clients of; below `min` for Produce alone. */
  readonly advertisedMin: number
  /** First version with tagged fields and header v2; null where there is none. */
  readonly flexibleFrom: number | null
}

/** The keys that the wire itself must know. */
export const PRODUCE_KEY = 0
export const FETCH_KEY = 1
export const API_VERSIONS_KEY = 18

const byKey: (Api | undefined)[] = []

for (const [name, request, response] of allMessages) {
  const { key, min, max, flexibleFrom } = request
  assert(key !== null, 'A request has no API key')
  // librdkafka takes a Produce range that does not begin at 0 to mean a broker without
  // compression (KAFKA-18659), so versions 0 to 2 are told of though they are refused.
  const advertisedMin = key === PRODUCE_KEY ? 0 : min
  byKey[key] = { key, name, request, response, min, max, advertisedMin, flexibleFrom }
}

/** Every API in the order of their keys. */
export const apis: readonly Api[] = byKey.filter((api) => api !== undefined)

/** The API of `key`; undefined when there is none on a broker's listener. */
export const apiOf = (key: number): Api | undefined => byKey[key]

/** Whether a body of that API and version can be decoded. */
export function isKnown(key: number, version: number): boolean {
  const api = byKey[key]
  return api !== undefined && version >= api.min && version <= api.max
}

/** 2 when the request header ends in tagged fields, else 1. Version 0 went with Kafka 4.0. */
export const requestHeaderVersion = (api: Api, version: number): 1 | 2 =>
  api.flexibleFrom !== null && version >= api.flexibleFrom ? 2 : 1

/**
 * 1 when the response header ends in tagged fields, else 0. Always 0 for ApiVersions, because a
 * client reads its answer before it knows what the broker speaks (KIP-511).
 */
export const responseHeaderVersion = (api: Api, version: number): 0 | 1 =>
  api.key !== API_VERSIONS_KEY && api.flexibleFrom !== null && version >= api.flexibleFrom ? 1 : 0
