// Asks a handler as a client would: the request is encoded and decoded in its version, and so is
// the answer, so that a handler that says what a version cannot carry is found out.
import type { Handler, RequestContext } from '../../../src/broker/handler.ts'
import { controllerPolicy } from '../../../src/broker/config-view.ts'
import { Controller } from '../../../src/cluster/controller.ts'
import type { NewTopic } from '../../../src/cluster/decide-topics.ts'
import { Settings } from '../../../src/config/settings.ts'
import { Reader } from '../../../src/base/reader.ts'
import { Writer } from '../../../src/base/writer.ts'
import { decode, encode } from '../../../src/wire/codec.ts'
import type { Input, Schema } from '../../../src/wire/schema.ts'
import { cluster, TestLog, uuid } from '../../cluster/support.ts'

/** An API: its tables and the handler under test. */
export interface Served<Q, R> {
  readonly request: Schema<Q>
  readonly response: Schema<R>
  readonly handler: Handler<Q, Input<R>>
}

const roundTrip = <T>(schema: Schema<T>, version: number, value: Input<T>): T => {
  const writer = new Writer()
  encode(schema, version, value, writer)
  const reader = new Reader(writer.bytes())
  const back = decode(schema, version, reader)
  if (reader.left > 0) throw new Error('A message leaves bytes over')
  return back
}

/** The address under which broker 1 of the test cluster is advertised. */
export const ADVERTISED = { host: 'b1', port: 9092 }

/** Sends one request and gives the answer as the client decodes it. */
export const ask = async <Q, R>(
  { request, response, handler }: Served<Q, R>,
  version: number,
  body: Input<Q>,
  advertised: RequestContext['advertised'] = ADVERTISED,
): Promise<R> => {
  const context: RequestContext = {
    apiKey: request.key ?? -1,
    version,
    clientId: 'test',
    connectionId: 1,
    peer: '127.0.0.1:5000',
    advertised,
  }
  return roundTrip(response, version, await handler(roundTrip(request, version, body), context))
}

/** All versions of an API. */
export const versions = <Q>({ min, max }: Schema<Q>): readonly number[] =>
  Array.from({ length: max - min + 1 }, (_, i) => min + i)

/** A cluster with a controller, real settings, and what handlers take. */
export const world = (options: { brokers?: number; statics?: Record<string, string> } = {}) => {
  const { brokers = 1, statics = {} } = options
  const log = new TestLog(cluster(brokers))
  const settings = new Settings(new Map(Object.entries(statics)))
  let ids = 0
  const controller = new Controller(
    log,
    controllerPolicy(settings, () => uuid(++ids)),
  )
  const image = () => log.image()
  const create = async (name: string, changes: Partial<NewTopic> = {}) => {
    const base = { name, partitions: 2, replicas: -1, assignments: [], configs: [] }
    const [made] = await controller.createTopics([{ ...base, ...changes }], false)
    if (made?.code !== 0) throw new Error(made?.message ?? 'not created')
    return made
  }
  return { log, settings, controller, image, create, selfId: 1 }
}
