// A real broker and a client that knows nothing but the wire tables: any API in any version, many
// requests in flight, bytes that are not requests. Tests above it see what a client on a socket
// sees and nothing of the broker's inside.
import * as fs from 'node:fs'
import * as net from 'node:net'
import * as os from 'node:os'
import * as path from 'node:path'
import { must } from '../../src/base/assert.ts'
import { Reader } from '../../src/base/reader.ts'
import { Writer } from '../../src/base/writer.ts'
import { Broker } from '../../src/broker/broker.ts'
import type { BrokerPorts } from '../../src/broker/broker.ts'
import { Settings } from '../../src/config/settings.ts'
import { startBroker } from '../../src/main.ts'
import type { RunningBroker, StartBrokerOptions } from '../../src/main.ts'
import { createClock } from '../../src/platform/clock.ts'
import { createCompression } from '../../src/platform/compression.ts'
import { createCrypto } from '../../src/platform/crypto.ts'
import { createMemoryDisk } from '../../src/platform/memory-disk.ts'
import { createNetwork } from '../../src/platform/network.ts'
import { createTelemetry } from '../../src/platform/telemetry.ts'
import type { ObjectStore } from '../../src/ports/object-store.ts'
import type { BatchOptions, NewRecord } from '../../src/record/builder.ts'
import * as header from '../../src/record/header.ts'
import { decode } from '../../src/wire/codec.ts'
import { writeRequestFrame } from '../../src/wire/frame.ts'
import { readResponseHeader } from '../../src/wire/headers.ts'
import { apiOf } from '../../src/wire/registry.ts'
import type { Input, Schema } from '../../src/wire/schema.ts'
import { build, readAll, utf8 } from '../record/support.ts'

/** A broker in this process on ports of the caller's; the others are the platform's. */
export const openBroker = (
  { store, ...ports }: Partial<BrokerPorts> & { readonly store?: ObjectStore },
  settings: Settings = new Settings(new Map([['listeners', 'PLAINTEXT://127.0.0.1:0']])),
): Promise<Broker> =>
  Broker.open(
    {
      disk: createMemoryDisk(1 << 30),
      network: createNetwork(),
      clock: createClock(),
      crypto: createCrypto(),
      compression: createCompression(),
      telemetry: createTelemetry({ level: 'error', processMetrics: false }),
      openStore: store === undefined ? null : () => Promise.resolve(store),
      ...ports,
    },
    {
      settings,
      dataDirectory: 'memory:',
      hostName: 'localhost',
      onFailure: () => undefined,
    },
  )

/** The tables of one API. */
export interface Pair<Q, R> {
  readonly request: Schema<Q>
  readonly response: Schema<R>
}

interface Pending {
  readonly correlationId: number
  settle(frame: Uint8Array): void
  fail(error: Error): void
}

/** How a request is sent. */
export interface SendOptions {
  readonly clientId?: string | null
  readonly correlationId?: number
}

/** One connection to a broker. */
export class Client {
  readonly #socket: net.Socket
  #pending: Pending[] = []
  #bytes = new Uint8Array(0)
  #nextId = 1
  /** Correlation ids in the order in which their answers came. */
  readonly order: number[] = []
  /** Resolves when the connection is gone. */
  readonly closed: Promise<void>
  isClosed = false

  private constructor(socket: net.Socket) {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.on('data', (chunk) => this.#onData(chunk))
    socket.on('error', () => undefined)
    this.closed = new Promise((resolve) => {
      socket.on('close', () => {
        this.isClosed = true
        const pending = this.#pending
        this.#pending = []
        for (const one of pending) one.fail(new Error('The connection was closed'))
        resolve()
      })
    })
  }

  static async connect(address: { host: string; port: number }): Promise<Client> {
    const socket = net.connect(address.port, address.host)
    const client = new Client(socket)
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
    return client
  }

  /** Bytes that came and are no whole answer. */
  get unread(): number {
    return this.#bytes.length
  }

  /** The frame of a request. */
  frame<Q, R>(api: Pair<Q, R>, version: number, body: Input<Q>, options: SendOptions = {}) {
    const writer = new Writer()
    writeRequestFrame(writer, must(apiOf(api.request.key ?? -1), 'api'), {
      schema: api.request,
      apiVersion: version,
      correlationId: options.correlationId ?? this.#nextId++,
      clientId: options.clientId === undefined ? 'test' : options.clientId,
      body,
    })
    return writer.copy()
  }

  /** Sends a request; resolves with the decoded answer, rejects when the connection closes. */
  call<Q, R>(
    api: Pair<Q, R>,
    version: number,
    body: Input<Q>,
    options: SendOptions = {},
  ): Promise<R> {
    const correlationId = options.correlationId ?? this.#nextId++
    const frame = this.frame(api, version, body, { ...options, correlationId })
    const answer = this.expect(correlationId).then((bytes) => decodeAnswer(api, version, bytes))
    this.write(frame)
    return answer
  }

  /** Sends a request that gets no answer. */
  send<Q, R>(api: Pair<Q, R>, version: number, body: Input<Q>, options: SendOptions = {}): void {
    this.write(this.frame(api, version, body, options))
  }

  /** The next answer that nobody waits for yet, as a frame without its length. */
  expect(correlationId: number): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      if (this.isClosed) reject(new Error('The connection was closed'))
      else this.#pending.push({ correlationId, settle: resolve, fail: reject })
    })
  }

  write(bytes: Uint8Array): void {
    this.#socket.write(bytes)
  }

  async close(): Promise<void> {
    this.#socket.destroy()
    await this.closed
  }

  #onData(chunk: Uint8Array): void {
    const joined = new Uint8Array(this.#bytes.length + chunk.length)
    joined.set(this.#bytes)
    joined.set(chunk, this.#bytes.length)
    let at = 0
    while (joined.length - at >= 4) {
      const length = new DataView(joined.buffer).getInt32(at)
      if (joined.length - at - 4 < length) break
      this.#answer(Uint8Array.from(joined.subarray(at + 4, at + 4 + length)))
      at += 4 + length
    }
    this.#bytes = joined.subarray(at)
  }

  #answer(frame: Uint8Array): void {
    const id = new DataView(frame.buffer).getInt32(0)
    this.order.push(id)
    const next = this.#pending.shift()
    if (next === undefined) throw new Error('An answer came that nobody asked for')
    if (next.correlationId === id) next.settle(frame)
    else next.fail(new Error(`Answer ${id} came in place of ${next.correlationId}`))
  }
}

function decodeAnswer<Q, R>({ response }: Pair<Q, R>, version: number, frame: Uint8Array): R {
  const reader = new Reader(frame)
  readResponseHeader(reader, must(apiOf(response.key ?? -1), 'api'), version)
  const body = decode(response, version, reader)
  if (reader.left > 0) throw new Error(`${reader.left} bytes are left behind an answer`)
  return body
}

/** Every version of an API. */
export const versionsOf = ({ request: { min, max } }: Pair<unknown, unknown>): number[] =>
  Array.from({ length: max - min + 1 }, (_, i) => min + i)

/** A broker with everybody who talks to it. */
export class Lab {
  broker: RunningBroker
  readonly #options: StartBrokerOptions
  readonly #clients: Client[] = []
  readonly directory: string | null

  private constructor(
    broker: RunningBroker,
    options: StartBrokerOptions,
    directory: string | null,
  ) {
    this.broker = broker
    this.#options = options
    this.directory = directory
  }

  /** A broker whose data is in memory. */
  static async memory(settings: Readonly<Record<string, string>> = {}): Promise<Lab> {
    const options: StartBrokerOptions = { memory: true, settings, logLevel: 'error' }
    return new Lab(await startBroker(options), options, null)
  }

  /** A broker on a fresh directory, which can be restarted. */
  static async disk(
    settings: Readonly<Record<string, string>> = {},
    logLevel: 'error' | 'silent' = 'error',
  ): Promise<Lab> {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'stratalog-'))
    const options: StartBrokerOptions = {
      dataDir: directory,
      kafka: { host: '127.0.0.1', port: 0 },
      http: { host: '127.0.0.1', port: 0 },
      logLevel,
      settings: {
        'journal.file.bytes': String(4 * 1024 * 1024),
        'cache.bytes': String(32 * 1024 * 1024),
        'disk.reserve.bytes': '0',
        'group.initial.rebalance.delay.ms': '0',
        'offsets.topic.num.partitions': '2',
        ...settings,
      },
    }
    return new Lab(await startBroker(options), options, directory)
  }

  async client(): Promise<Client> {
    const client = await Client.connect(this.broker.kafka)
    this.#clients.push(client)
    return client
  }

  async #stop(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()))
    this.#clients.length = 0
    await this.broker.close()
  }

  /** Stops the broker and starts it on the same data, with other settings if some are given. */
  async restart(settings: Readonly<Record<string, string>> = {}): Promise<Client> {
    await this.#stop()
    const kept = this.#options.settings
    this.broker = await startBroker({ ...this.#options, settings: { ...kept, ...settings } })
    return this.client()
  }

  /**
   * Another broker on a copy of the data as it lies there now, as if this process had been killed.
   * The caller closes it.
   */
  async killedCopy(change: (directory: string) => void = () => undefined): Promise<Lab> {
    const from = must(this.directory, 'directory')
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'stratalog-'))
    fs.cpSync(from, directory, { recursive: true })
    change(directory)
    const options = { ...this.#options, dataDir: directory }
    return new Lab(await startBroker(options), options, directory)
  }

  async close(): Promise<void> {
    await this.#stop()
    if (this.directory !== null) fs.rmSync(this.directory, { recursive: true, force: true })
  }
}

/** A batch of records with these values, stamped now; null values are null. */
export function batchOf(
  values: readonly (string | null)[],
  options: BatchOptions & { readonly key?: string | null; readonly timestampMs?: number } = {},
): Uint8Array {
  const { key = 'k', timestampMs = Date.now(), ...rest } = options
  const records = values.map((value): NewRecord => ({
    timestampMs,
    key: key === null ? null : utf8(key),
    value: value === null ? null : utf8(value),
  }))
  return build(records, rest)
}

/** One batch as it was read. */
export interface SeenBatch {
  readonly baseOffset: number
  readonly lastOffset: number
  readonly leaderEpoch: number
  readonly bytes: Uint8Array
}

/** The whole batches in the bytes of a fetched partition; throws if there is a fragment. */
export function batchesIn(records: Uint8Array | null): SeenBatch[] {
  const bytes = records ?? new Uint8Array(0)
  const seen: SeenBatch[] = []
  for (let at = 0; at < bytes.length;) {
    const length = header.batchLength(bytes, at)
    if (at + length > bytes.length) throw new Error('A batch is cut')
    const own = Uint8Array.from(bytes.subarray(at, at + length))
    const baseOffset = header.baseOffset(own, 0)
    const view = new DataView(own.buffer)
    seen.push({
      baseOffset,
      lastOffset: baseOffset + view.getInt32(header.Field.lastOffsetDelta),
      leaderEpoch: view.getInt32(header.Field.leaderEpoch),
      bytes: own,
    })
    at += length
  }
  return seen
}

const text = new TextDecoder()

/** Offset and value of every record in the bytes of a fetched partition. */
export const recordsIn = (records: Uint8Array | null): [number, string | null][] =>
  batchesIn(records).flatMap(({ bytes }) =>
    readAll(bytes).map(({ offset, value }): [number, string | null] => [
      offset,
      value === null ? null : text.decode(value),
    ]),
  )

/** Only the values. */
export const valuesIn = (records: Uint8Array | null): (string | null)[] =>
  recordsIn(records).map(([, value]) => value)

/** Asks until `done` says so; fails after five seconds. Nothing waits longer than it must. */
export async function until<T>(ask: () => Promise<T>, done: (value: T) => boolean): Promise<T> {
  const endMs = Date.now() + 5000
  for (;;) {
    const value = await ask()
    if (done(value)) return value
    if (Date.now() > endMs) throw new Error(`Not reached: ${JSON.stringify(value)}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
