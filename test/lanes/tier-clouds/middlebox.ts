// A middlebox between a broker and its store: passes requests on as they are, or as a rule changes
// them, or answers in the store's place; and can be gone for a while, as a network is. The Host
// header stays what the client sent, because signatures cover it.
import { once } from 'node:events'
import {
  createServer,
  request,
  type IncomingHttpHeaders,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

/** A request on its way. */
export interface Passing {
  readonly method: string
  /** Path and query. */
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: Uint8Array
}

/** What is said in the store's place. */
export interface Answer {
  readonly status: number
  readonly type: string
  readonly text: string
}

/** Decides about a request: another one, or an answer. */
export type Rule = (passing: Passing) => Passing | Answer | Promise<Passing | Answer>

/** A middlebox towards one server of the loopback. */
export class Middlebox {
  /** What becomes of requests; they pass as they are at first. */
  rule: Rule = (passing) => passing
  readonly #towards: number
  readonly #sockets = new Set<Socket>()
  #server: Server | null = null
  #port = 0

  constructor(towards: number) {
    this.#towards = towards
  }

  /** Listens, on the same port each time. */
  async up(): Promise<number> {
    const server = createServer((asked, response) => {
      const chunks: Uint8Array[] = []
      asked.on('data', (chunk: Uint8Array) => chunks.push(chunk))
      asked.on('error', () => response.destroy())
      asked.on('end', () => {
        const { method = 'GET', url = '/', headers } = asked
        const passing = { method, url, headers, body: Buffer.concat(chunks) }
        this.#pass(passing, response).catch(() => response.destroy())
      })
    })
    server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => this.#sockets.delete(socket))
    })
    server.listen(this.#port, '127.0.0.1')
    await once(server, 'listening')
    this.#port = (server.address() as AddressInfo).port
    this.#server = server
    return this.#port
  }

  /** Breaks every connection and takes no more. */
  async down(): Promise<void> {
    const server = this.#server
    this.#server = null
    if (server === null) return
    const closed = once(server, 'close')
    server.close()
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  async #pass(passing: Passing, response: ServerResponse): Promise<void> {
    const ruled = await this.rule(passing)
    if ('status' in ruled) {
      response.writeHead(ruled.status, { 'content-type': ruled.type }).end(ruled.text)
      return
    }
    const { method, url: path, body } = ruled
    const { 'transfer-encoding': _, expect: __, connection: ___, ...headers } = ruled.headers
    const out = request({ host: '127.0.0.1', port: this.#towards, method, path, headers })
    response.on('close', () => out.destroy())
    out.on('error', () => response.destroy())
    out.on('response', (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    })
    out.end(body)
  }
}
