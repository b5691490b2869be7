// GETs whose bodies go from the socket straight to where their reader wants them. A client of the
// runtime reads every 64 KiB into memory of its own, hands it through a stream and has it copied:
// at some hundred MB/s that memory alone has the collector run ten times a second. Here the socket
// reads into the reader's memory from the first byte behind the head on.
//
// Only answers that say how long they are can be read like this. Any other makes `get` give null,
// and the connection ends: whoever asked asks again by a client that knows all of HTTP.
//
//   connecting ──▶ head ──length is told──▶ body ──all of it is here──▶ idle ──next GET──▶ head
import * as net from 'node:net'
import * as tls from 'node:tls'
import { AnswerError } from './failure.ts'
import type { Into } from './http.ts'

/** A GET. Headers are those of HTTP by lower-case name; the host is that of the URL, if absent. */
export interface DirectRequest extends Into {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
}

/** An answer of whatever status. */
export interface DirectAnswer {
  readonly status: number
  /** By lower-case name; those that came more than once are joined by commas. */
  readonly headers: ReadonlyMap<string, string>
  readonly bytes: Uint8Array
}

const HEAD_BYTES_MAX = 16 * 1024
const CONNECT_MS = 5_000
/** Longest silence of a connection. */
const SILENCE_MS = 30_000
/** Servers close what is idle for longer, some of them after five seconds. */
const IDLE_MS = 4_000
const IDLE_MAX = 32
/** Below this a body is not worth memory that is used again. */
const POOLED_BYTES_MIN = 64 * 1024

/** Whether this runtime lets a socket read into given memory. */
export const readsDirectly: boolean =
  process.versions['bun'] === undefined && process.versions['deno'] === undefined

/** Connections of one store. */
export class DirectHttp {
  /** Idle connections by origin, the one used last at the end. */
  readonly #idle = new Map<string, Connection[]>()
  readonly #all = new Set<Connection>()
  #closed = false

  /**
   * Sends a GET; its body comes to lie in what `memory` gives. Null when its answer cannot be read
   * here, or is larger than asked for. Throws what the network throws, and AnswerError for an
   * answer that is torn.
   */
  async get(request: DirectRequest, signal: AbortSignal): Promise<DirectAnswer | null> {
    const url = new URL(request.url)
    const text = requestText(url, request.headers)
    for (;;) {
      if (signal.aborted) throw signal.reason
      const { connection, isUsed } = this.#connection(url)
      try {
        const answer = await connection.get(text, request, signal)
        if (connection.isReusable) this.#keep(url.origin, connection)
        else connection.destroy()
        return answer
      } catch (error) {
        connection.destroy()
        // The server had closed what was kept; nothing was answered, and a GET changes nothing.
        if (!isUsed || signal.aborted || connection.hasHeard) throw error
      }
    }
  }

  close(): void {
    this.#closed = true
    for (const connection of this.#all) connection.destroy()
    this.#idle.clear()
  }

  #connection(url: URL): { readonly connection: Connection; readonly isUsed: boolean } {
    const idle = this.#idle.get(url.origin)
    for (let next = idle?.pop(); next !== undefined; next = idle?.pop()) {
      if (next.isReusable) return { connection: next, isUsed: true }
    }
    if (this.#closed) throw torn('ECONNRESET')
    const connection = new Connection(url, () => this.#all.delete(connection))
    this.#all.add(connection)
    return { connection, isUsed: false }
  }

  #keep(origin: string, connection: Connection): void {
    const idle = this.#idle.get(origin) ?? []
    this.#idle.set(origin, idle)
    idle.push(connection)
    connection.rest()
    if (idle.length > IDLE_MAX) idle.shift()?.destroy()
  }
}

/** What a connection reads at present. */
interface Reading extends Into {
  status: number
  headers: ReadonlyMap<string, string>
  /** Null until the head has told how long the body is. */
  body: Uint8Array | null
  filled: number
  readonly resolve: (answer: DirectAnswer | null) => void
  readonly reject: (error: Error) => void
}

/** One connection: one GET at a time. */
class Connection {
  readonly #socket: net.Socket
  readonly #head: Buffer = Buffer.allocUnsafeSlow(HEAD_BYTES_MAX)
  #headFilled = 0
  #reading: Reading | null = null
  #isOpen = true
  #isKept = true
  #heard = false

  constructor(url: URL, gone: () => void) {
    const isPlain = url.protocol === 'http:'
    const host = url.hostname.replace(/^\[|\]$/g, '')
    const place = { host, port: Number(url.port) || (isPlain ? 80 : 443) }
    const onread = {
      buffer: () => this.#target(),
      callback: (count: number) => this.#arrived(count),
    }
    // Both take `onread`; only the types of net say so.
    const options = { ...place, onread, noDelay: true }
    const secured = { ...options, ...(net.isIP(host) === 0 && { servername: host }) }
    this.#socket = isPlain ? net.connect(options) : tls.connect(secured)
    this.#socket.setTimeout(CONNECT_MS, () => this.#fail(torn('ETIMEDOUT')))
    this.#socket.on('connect', () => this.#socket.setTimeout(SILENCE_MS))
    this.#socket.on('error', (error) => this.#fail(error))
    this.#socket.on('end', () => this.#fail(torn('ECONNRESET')))
    this.#socket.on('close', () => {
      this.#fail(torn('ECONNRESET'))
      gone()
    })
  }

  /** Whether another GET may be sent. */
  get isReusable(): boolean {
    return this.#isOpen && this.#isKept && this.#reading === null
  }

  /** Whether anything of an answer to the last GET has come. */
  get hasHeard(): boolean {
    return this.#heard
  }

  /** Sends a GET, given as it goes to the wire. */
  async get(
    text: string,
    { memory, bytesMax }: DirectRequest,
    signal: AbortSignal,
  ): Promise<DirectAnswer | null> {
    const abandon = (): void => this.#fail(signal.reason as Error)
    signal.addEventListener('abort', abandon)
    try {
      return await new Promise((resolve, reject) => {
        const headers = new Map<string, string>()
        const answer = { status: 0, headers, body: null, filled: 0 }
        this.#reading = { memory, bytesMax, ...answer, resolve, reject }
        this.#heard = false
        this.#headFilled = 0
        if (!this.#socket.connecting) this.#socket.setTimeout(SILENCE_MS)
        this.#socket.ref()
        this.#socket.write(text, 'latin1')
      })
    } finally {
      signal.removeEventListener('abort', abandon)
    }
  }

  /** Waits for the next GET, not for long, and keeps no process from its end. */
  rest(): void {
    this.#socket.setTimeout(IDLE_MS)
    this.#socket.unref()
  }

  destroy(): void {
    this.#isOpen = false
    this.#socket.destroy()
  }

  /** Where the socket is to read to next. */
  #target(): Uint8Array {
    const reading = this.#reading
    if (reading?.body === null || reading === null) return this.#head.subarray(this.#headFilled)
    return reading.body.subarray(reading.filled)
  }

  /** So many bytes have come to where `#target` said. */
  #arrived(count: number): boolean {
    const reading = this.#reading
    if (reading === null) {
      // Nobody has asked for anything.
      this.destroy()
      return false
    }
    this.#heard = true
    if (reading.body !== null) reading.filled += count
    else {
      this.#headFilled += count
      this.#parse(reading)
    }
    if (reading.body !== null && reading.filled === reading.body.length) this.#done(reading)
    return true
  }

  /** Takes the head apart once it is whole; what follows it is the beginning of the body. */
  #parse(reading: Reading): void {
    const end = this.#head.subarray(0, this.#headFilled).indexOf('\r\n\r\n')
    if (end < 0) {
      if (this.#headFilled === HEAD_BYTES_MAX) this.#fail(torn('HeadTooLarge'))
      return
    }
    const head = parseHead(this.#head.toString('latin1', 0, end))
    if (head === null) {
      this.#fail(torn('NoHttp'))
      return
    }
    const { status, headers, length, isKept } = head
    this.#isKept = isKept
    if (length === null || length > Math.max(reading.bytesMax, POOLED_BYTES_MIN)) {
      this.#isKept = false
      this.#reading = null
      reading.resolve(null)
      return
    }
    const rest = this.#head.subarray(end + 4, this.#headFilled)
    if (rest.length > length) {
      this.#fail(torn('TooManyBytes'))
      return
    }
    const body = length < POOLED_BYTES_MIN ? new Uint8Array(length) : reading.memory.take(length)
    body.set(rest)
    Object.assign(reading, { status, headers, body, filled: rest.length })
  }

  #done(reading: Reading): void {
    const { status, headers, body } = reading
    this.#reading = null
    this.#headFilled = 0
    reading.resolve({ status, headers, bytes: body ?? new Uint8Array(0) })
  }

  #fail(error: Error): void {
    this.destroy()
    const reading = this.#reading
    if (reading === null) return
    this.#reading = null
    // A socket that is destroyed reads nothing more.
    if (reading.body !== null && reading.body.length >= POOLED_BYTES_MIN) {
      reading.memory.give(reading.body)
    }
    reading.reject(error)
  }
}

const torn = (code: string): AnswerError => new AnswerError({ status: 0, code })

/** What a head says; null when it is none of HTTP/1. Its length is null where that is not told. */
function parseHead(text: string): {
  readonly status: number
  readonly headers: ReadonlyMap<string, string>
  readonly length: number | null
  readonly isKept: boolean
} | null {
  const [first = '', ...lines] = text.split('\r\n')
  const [, minor, code] = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: |$)/.exec(first) ?? []
  if (code === undefined) return null
  const headers = new Map<string, string>()
  for (const line of lines) {
    const colon = line.indexOf(':')
    if (colon <= 0 || /^\s/.test(line)) return null
    const name = line.slice(0, colon).toLowerCase()
    const value = line.slice(colon + 1).trim()
    const before = headers.get(name)
    headers.set(name, before === undefined ? value : `${before}, ${value}`)
  }
  const status = Number(code)
  const told = headers.get('content-length') ?? ''
  const isPlain = !headers.has('transfer-encoding') && !headers.has('content-encoding')
  const length = isPlain && status >= 200 && /^\d{1,15}$/.test(told) ? Number(told) : null
  const isKept = minor === '1' && !/\bclose\b/i.test(headers.get('connection') ?? '')
  return { status, headers, length, isKept }
}

/** A GET as it goes to the wire. */
function requestText(url: URL, headers: Readonly<Record<string, string>>): string {
  // A signature holds for the host as it was signed, which may name a port that is the usual one.
  const lines = { host: url.host, ...headers }
  let text = `GET ${url.pathname}${url.search} HTTP/1.1\r\n`
  for (const [name, value] of Object.entries(lines)) {
    if (/^connection$/i.test(name)) continue
    if (!/^[\w-]+$/.test(name) || /[\r\n\0]/.test(value)) {
      throw torn('ERR_INVALID_CHAR')
    }
    text += `${name}: ${value}\r\n`
  }
  return `${text}\r\n`
}
