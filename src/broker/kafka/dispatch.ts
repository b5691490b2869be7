// From a request's key to its handler and back to a frame. The table of served APIs is the one
// place that says what this broker speaks; what is not in it is not advertised, and asking for it
// closes the connection, as Kafka does. Only ApiVersions is answered in versions it does not have.
import { FormatError, KafkaError } from '../../base/errors.ts'
import { Reader } from '../../base/reader.ts'
import { Writer } from '../../base/writer.ts'
import type { Histogram, Telemetry } from '../../ports/telemetry.ts'
import { LATENCY_BUCKETS_S } from '../../ports/telemetry.ts'
import type { Clock } from '../../ports/clock.ts'
import { decode } from '../../wire/codec.ts'
import { writeResponseFrame } from '../../wire/frame.ts'
import type { RequestHeader } from '../../wire/headers.ts'
import type { Input, Schema } from '../../wire/schema.ts'
import type { RequestContext } from '../handler.ts'

/** One served API. */
export interface ServedApi {
  readonly key: number
  readonly minVersion: number
  readonly maxVersion: number
  /** Decodes, decides and encodes; a promise when deciding takes time. */
  handle(request: DispatchedRequest): Uint8Array | Promise<Uint8Array>
}

/** A request on its way. */
export interface DispatchedRequest {
  readonly header: RequestHeader
  readonly reader: Reader
  readonly context: RequestContext
}

/** Binds tables and a handler to one entry of the served APIs. */
export function serve<Request, Response>(
  api: { readonly key: number; readonly minVersion: number; readonly maxVersion: number },
  request: Schema<Request>,
  response: Schema<Response>,
  handler: (body: Request, context: RequestContext) => Input<Response> | Promise<Input<Response>>,
  /** The body of an answer that fails the whole request, for APIs that have such a field. */
  failure?: (code: number, body: Request) => Input<Response>,
): ServedApi {
  return {
    ...api,
    handle({ header, reader, context }) {
      // Handlers may keep what they decode, and the receive buffer does not last.
      const own = new Reader(Uint8Array.from(reader.raw(reader.left)))
      own.elementsLeft = reader.elementsLeft
      // Bytes behind the body are skipped, as in Kafka: librdkafka 2.16 leaves some in Metadata.
      const body = decode(request, header.apiVersion, own)
      const encode = (answer: Input<Response>): Uint8Array => {
        const writer = new Writer(256)
        const { apiVersion, correlationId } = header
        writeResponseFrame(writer, header.api, {
          schema: response,
          apiVersion,
          correlationId,
          body: answer,
        })
        return writer.bytes()
      }
      const fail = (error: unknown): Uint8Array => {
        if (!(error instanceof KafkaError) || failure === undefined) throw error
        return encode(failure(error.code, body))
      }
      try {
        const answer = handler(body, context)
        return answer instanceof Promise ? answer.then(encode, fail) : encode(answer)
      } catch (error) {
        return fail(error)
      }
    },
  }
}

/** The served APIs by key. */
export class Dispatch {
  readonly #apis = new Map<number, ServedApi>()
  readonly #clock: Clock
  readonly #seconds: Map<number, Histogram> = new Map()

  constructor(apis: readonly ServedApi[], clock: Clock, telemetry: Telemetry) {
    this.#clock = clock
    for (const api of apis) {
      this.#apis.set(api.key, api)
      this.#seconds.set(
        api.key,
        telemetry.histogram(
          'stratalog_request_seconds',
          'Time from a request to its answer, by API key.',
          LATENCY_BUCKETS_S,
          { api: String(api.key) },
        ),
      )
    }
  }

  /** Handles a request; throws FormatError for one that is not served or does not parse. */
  handle(
    header: RequestHeader,
    _frame: Uint8Array,
    reader: Reader,
    context: RequestContext,
  ): Uint8Array | Promise<Uint8Array> {
    const api = this.#apis.get(header.apiKey)
    if (api === undefined) throw new FormatError(`API ${header.apiKey} is not served`)
    const { apiVersion } = header
    const known = apiVersion >= api.minVersion && apiVersion <= api.maxVersion
    if (!known && header.apiKey !== API_VERSIONS) {
      throw new FormatError(`Version ${apiVersion} of ${header.api.name} is not served`)
    }
    const startMs = this.#clock.monotonicMs()
    const answer = api.handle({ header, reader, context })
    const seconds = this.#seconds.get(header.apiKey)
    if (answer instanceof Uint8Array) {
      seconds?.observe((this.#clock.monotonicMs() - startMs) / 1000)
      return answer
    }
    return answer.then((frame) => {
      seconds?.observe((this.#clock.monotonicMs() - startMs) / 1000)
      return frame
    })
  }
}

const API_VERSIONS = 18
