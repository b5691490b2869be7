// A client without manners: one socket whose bytes the test writes as it likes, and whose answers
// it reads or leaves unread. Frames of real requests are made with the wire tables.
import * as net from 'node:net'
import { must } from '../../../src/base/assert.ts'
import { Reader } from '../../../src/base/reader.ts'
import { Writer } from '../../../src/base/writer.ts'
import { decode } from '../../../src/wire/codec.ts'
import { FrameAssembler, writeRequestFrame } from '../../../src/wire/frame.ts'
import { readResponseHeader } from '../../../src/wire/headers.ts'
import type { FetchRequest } from '../../../src/wire/messages/01-fetch.ts'
import { fetchRequest, fetchResponse } from '../../../src/wire/messages/01-fetch.ts'
import type { ProduceRequest } from '../../../src/wire/messages/00-produce.ts'
import { produceRequest, produceResponse } from '../../../src/wire/messages/00-produce.ts'
import type { Api } from '../../../src/wire/registry.ts'
import { apiOf } from '../../../src/wire/registry.ts'
import type { Input, Schema } from '../../../src/wire/schema.ts'

const FRAME_MAX = 0x7fffffff

/** The frame of one request. */
export function frameOf<T>(
  schema: Schema<T>,
  apiVersion: number,
  body: Input<T>,
  correlationId = 1,
): Uint8Array {
  const writer = new Writer(256)
  const head = { schema, apiVersion, correlationId, clientId: 'hostile' }
  writeRequestFrame(writer, apiFor(schema), { ...head, body })
  return writer.bytes()
}

/** A frame with a length of its own around `payload`. */
export function rawFrame(payload: Uint8Array, length: number = payload.length): Uint8Array {
  const frame = new Uint8Array(4 + payload.length)
  new DataView(frame.buffer).setInt32(0, length)
  frame.set(payload, 4)
  return frame
}

const apiFor = (schema: Schema<unknown>): Api => must(apiOf(schema.key ?? -1), 'api')

/** One socket to the broker. */
export class HostileClient {
  readonly socket: net.Socket
  /** Resolves once the socket is closed, by whichever side. */
  readonly closed: Promise<void>
  isClosed = false
  received = 0
  readonly #frames: Uint8Array[] = []
  readonly #waiting: ((frame: Uint8Array | null) => void)[] = []

  private constructor(socket: net.Socket) {
    this.socket = socket
    const assembler = new FrameAssembler(FRAME_MAX)
    socket.on('error', () => undefined)
    socket.on('data', (bytes: Uint8Array) => {
      this.received += bytes.length
      assembler.push(bytes, (frame) => {
        const copy = Uint8Array.from(frame)
        const waiting = this.#waiting.shift()
        if (waiting === undefined) this.#frames.push(copy)
        else waiting(copy)
      })
    })
    this.closed = new Promise((resolve) =>
      socket.once('close', () => {
        this.isClosed = true
        for (const waiting of this.#waiting.splice(0)) waiting(null)
        resolve()
      }),
    )
  }

  static async connect(port: number): Promise<HostileClient> {
    const socket = net.connect({ host: '127.0.0.1', port, noDelay: true })
    const client = new HostileClient(socket)
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
    return client
  }

  send(...frames: readonly Uint8Array[]): void {
    for (const frame of frames) this.socket.write(frame)
  }

  /** Answers whole; null when the connection closed instead. */
  next(): Promise<Uint8Array | null> {
    const frame = this.#frames.shift()
    if (frame !== undefined) return Promise.resolve(frame)
    if (this.isClosed) return Promise.resolve(null)
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** Sends one request and decodes its answer; null when the connection closed instead. */
  async ask<Request, Response>(
    request: Schema<Request>,
    response: Schema<Response>,
    apiVersion: number,
    body: Input<Request>,
  ): Promise<Response | null> {
    this.send(frameOf(request, apiVersion, body))
    const frame = await this.next()
    if (frame === null) return null
    const reader = new Reader(frame)
    readResponseHeader(reader, apiFor(request), apiVersion)
    return decode(response, apiVersion, reader)
  }

  close(): void {
    this.socket.destroy()
  }
}

const PRODUCE_VERSION = 9
const FETCH_VERSION = 12

/** Body of a produce request with one batch. */
export const produceBody = (
  topic: string,
  records: Uint8Array,
  index = 0,
): Input<ProduceRequest> => ({
  transactionalId: null,
  acks: -1,
  timeoutMs: 10_000,
  topicData: [{ name: topic, partitionData: [{ index, records }] }],
})

/** Produces one batch; the error code, or null when the connection closed. */
export async function produce(
  client: HostileClient,
  topic: string,
  records: Uint8Array,
): Promise<number | null> {
  const body = produceBody(topic, records)
  const answer = await client.ask(produceRequest, produceResponse, PRODUCE_VERSION, body)
  return answer?.responses[0]?.partitionResponses[0]?.errorCode ?? null
}

/** The frame of a fetch of one partition. */
export const fetchFrame = (
  topic: string,
  from: { readonly offset: number; readonly maxBytes: number; readonly maxWaitMs?: number },
): Uint8Array => frameOf(fetchRequest, FETCH_VERSION, fetchBody(topic, from))

const fetchBody = (
  topic: string,
  from: { readonly offset: number; readonly maxBytes: number; readonly maxWaitMs?: number },
): Input<FetchRequest> => ({
  maxWaitMs: from.maxWaitMs ?? 0,
  minBytes: 1,
  maxBytes: from.maxBytes,
  topics: [
    {
      topic,
      partitions: [{ partition: 0, fetchOffset: from.offset, partitionMaxBytes: from.maxBytes }],
    },
  ],
})

/** Fetches once; null when the connection closed. */
export async function fetchOnce(
  client: HostileClient,
  topic: string,
  from: { readonly offset: number; readonly maxBytes: number; readonly maxWaitMs?: number },
): Promise<{ readonly code: number; readonly bytes: number } | null> {
  const answer = await client.ask(
    fetchRequest,
    fetchResponse,
    FETCH_VERSION,
    fetchBody(topic, from),
  )
  const partition = answer?.responses[0]?.partitions[0]
  if (partition === undefined) return null
  return { code: partition.errorCode, bytes: partition.records?.length ?? 0 }
}
