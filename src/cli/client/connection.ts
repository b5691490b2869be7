// One connection to one broker: frames out, frames in, answers matched by correlation id. Requests
// are pipelined; the broker answers in order. A connection that fails rejects all that waits and is
// of no more use: whoever owns it opens another. It knows nothing of topics.
import { Socket } from 'node:net'
import { FormatError, OperatingError } from '../../base/errors.ts'
import { Reader } from '../../base/reader.ts'
import { VERSION } from '../../base/version.ts'
import { Writer } from '../../base/writer.ts'
import { decode } from '../../wire/codec.ts'
import { FrameAssembler, writeRequestFrame } from '../../wire/frame.ts'
import { readResponseHeader } from '../../wire/headers.ts'
import type { Input } from '../../wire/schema.ts'
import type { HostPort } from '../values.ts'
import { hostPortText } from '../values.ts'
import { apiVersions } from './apis.ts'
import type { Operation } from './apis.ts'

const CLIENT_ID = 'stratalog-cli'
const CONNECT_MS = 10_000
/** Longer than any wait that a request asks of the broker. */
const REQUEST_MS = 60_000
const FRAME_BYTES_MAX = 128 * 1024 * 1024

interface Waiting {
  readonly finish: (frame: Uint8Array) => void
  readonly fail: (error: unknown) => void
  readonly timer: NodeJS.Timeout
}

/** An open connection whose broker has said which versions it speaks. */
export class BrokerConnection {
  readonly address: HostPort
  readonly #socket: Socket
  readonly #frames = new FrameAssembler(FRAME_BYTES_MAX)
  readonly #waiting = new Map<number, Waiting>()
  readonly #versions = new Map<number, { readonly min: number; readonly max: number }>()
  #correlationId = 0
  #broken: Error | null = null

  private constructor(address: HostPort, socket: Socket) {
    this.address = address
    this.#socket = socket
    socket.on('data', (chunk: Uint8Array) => this.#receive(chunk))
    socket.on('error', (error) => this.#break(error))
    socket.on('close', () => this.#break(new Error('the broker closed the connection')))
  }

  /** Connects and asks for versions. Throws OperatingError `retry` when nobody answers. */
  static async open(address: HostPort): Promise<BrokerConnection> {
    const socket = await connect(address)
    const connection = new BrokerConnection(address, socket)
    const answer = await connection.#send(apiVersions, apiVersions.versionMax, {
      clientSoftwareName: 'stratalog',
      clientSoftwareVersion: VERSION,
    })
    for (const { apiKey, minVersion, maxVersion } of answer.apiKeys) {
      connection.#versions.set(apiKey, { min: minVersion, max: maxVersion })
    }
    return connection
  }

  /** Whether requests can still be sent. */
  get isOpen(): boolean {
    return this.#broken === null
  }

  /**
   * Sends one request and resolves with its answer, whose bytes are borrowed from a frame that
   * nobody else writes to. `body` has been copied when this returns. Rejects with OperatingError:
   * `retry` when the connection fails, `refused` when the broker lacks the API.
   */
  call<Request, Response>(
    operation: Operation<Request, Response>,
    body: Input<Request>,
  ): Promise<Response> {
    const { api, versionMax } = operation
    const served = this.#versions.get(api.key)
    const version = Math.min(versionMax, served?.max ?? -1)
    if (served === undefined || version < Math.max(api.min, served.min)) {
      const where = hostPortText(this.address)
      const text = `The broker at ${where} does not serve ${api.name}`
      return Promise.reject(new OperatingError('refused', text))
    }
    return this.#send(operation, version, body)
  }

  /**
   * Sends one request that the broker does not answer (Produce with acks=0); resolves once it was
   * given to the system.
   */
  tell<Request, Response>(
    operation: Operation<Request, Response>,
    body: Input<Request>,
  ): Promise<void> {
    if (this.#broken !== null) return Promise.reject(this.#failure(this.#broken))
    const served = this.#versions.get(operation.api.key)
    const version = Math.min(operation.versionMax, served?.max ?? operation.versionMax)
    const frame = this.#frame(operation, version, body)
    return new Promise((resolve, reject) => {
      this.#socket.write(frame, (error) => {
        if (error) reject(this.#failure(error))
        else resolve()
      })
    })
  }

  /** Closes at once; what waits is rejected. Idempotent. */
  close(): void {
    this.#break(new Error('the client is closed'))
  }

  #frame<Request, Response>(
    operation: Operation<Request, Response>,
    version: number,
    body: Input<Request>,
  ): Uint8Array {
    this.#correlationId = (this.#correlationId + 1) & 0x7fffffff
    const writer = new Writer(1024)
    writeRequestFrame(writer, operation.api, {
      schema: operation.request,
      apiVersion: version,
      correlationId: this.#correlationId,
      clientId: CLIENT_ID,
      body,
    })
    return writer.bytes()
  }

  #send<Request, Response>(
    operation: Operation<Request, Response>,
    version: number,
    body: Input<Request>,
  ): Promise<Response> {
    if (this.#broken !== null) return Promise.reject(this.#failure(this.#broken))
    const frame = this.#frame(operation, version, body)
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        const seconds = String(REQUEST_MS / 1000)
        this.#break(new Error(`no answer to ${operation.api.name} in ${seconds} s`))
      }, REQUEST_MS)
      this.#waiting.set(this.#correlationId, {
        timer,
        fail: reject,
        finish: (bytes) => {
          const reader = new Reader(bytes)
          readResponseHeader(reader, operation.api, version)
          resolve(decode(operation.response, version, reader))
        },
      })
      this.#socket.write(frame)
    })
  }

  #receive(chunk: Uint8Array): void {
    try {
      this.#frames.push(chunk, (frame) => this.#answer(frame))
    } catch (error) {
      this.#break(error as Error)
    }
  }

  #answer(frame: Uint8Array): void {
    const correlationId = new Reader(frame).int32()
    const waiting = this.#waiting.get(correlationId)
    if (waiting === undefined) throw new FormatError('An answer has an unknown correlation id')
    waiting.finish(frame) // when it throws, the request still waits and fails with the rest
    this.#waiting.delete(correlationId)
    clearTimeout(waiting.timer)
  }

  #break(error: Error): void {
    if (this.#broken !== null) return
    this.#broken = error
    this.#socket.destroy()
    for (const { fail, timer } of this.#waiting.values()) {
      clearTimeout(timer)
      fail(this.#failure(error))
    }
    this.#waiting.clear()
  }

  #failure(cause: Error): OperatingError {
    const where = hostPortText(this.address)
    return new OperatingError('retry', `Lost the broker at ${where}: ${cause.message}`, cause)
  }
}

function connect(address: HostPort): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = new Socket()
    const fail = (cause: Error): void => {
      clearTimeout(timer)
      socket.destroy()
      const where = hostPortText(address)
      const text = `Cannot reach a broker at ${where}: ${reason(cause)}`
      reject(new OperatingError('retry', text, cause))
    }
    const timer = setTimeout(() => fail(new Error('no answer')), CONNECT_MS)
    socket.once('error', fail)
    socket.setNoDelay(true)
    socket.connect({ host: address.host, port: address.port }, () => {
      clearTimeout(timer)
      socket.off('error', fail)
      resolve(socket)
    })
  })
}

/** Node's errors by their code, which says more than their text when several addresses failed. */
function reason(cause: Error): string {
  const code = (cause as NodeJS.ErrnoException).code
  if (code === 'ECONNREFUSED') return 'connection refused; is it running?'
  return code ?? cause.message
}
