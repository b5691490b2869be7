// Calls a handler the way a connection does: the request is written and read in its version before
// the handler sees it, and so is its answer before the test does.
import type { Handler } from '../../../src/broker/handler.ts'
import { decodeBytes, encodeBytes } from '../../../src/wire/codec.ts'
import type { Input, Schema } from '../../../src/wire/schema.ts'
import type { ManualClock } from '../../group/fakes.ts'

/** Every version of a message. */
export const versionsOf = ({ min, max }: Schema<unknown>): number[] =>
  Array.from({ length: max - min + 1 }, (_, i) => min + i)

/** A call of one API; time stands still but everything due happens. */
export const api =
  <Request, Response>(
    requestSchema: Schema<Request>,
    responseSchema: Schema<Response>,
    handler: Handler<Request, Response>,
  ) =>
  async (version: number, request: Input<Request>, clock: ManualClock): Promise<Response> => {
    const decoded = decodeBytes(
      requestSchema,
      version,
      encodeBytes(requestSchema, version, request),
    )
    const context = {
      apiKey: requestSchema.key ?? -1,
      version,
      clientId: 'client',
      connectionId: 1,
      peer: '127.0.0.1:50000',
      advertised: { host: 'localhost', port: 9092 },
    }
    const answer: { response?: Response } = {}
    void Promise.resolve(handler(decoded, context)).then((response) => {
      answer.response = response
    })
    await clock.pass(0)
    if (answer.response === undefined) throw new Error('the handler has not answered')
    const bytes = encodeBytes(responseSchema, version, answer.response as Input<Response>)
    return decodeBytes(responseSchema, version, bytes)
  }
