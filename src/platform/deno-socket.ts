// Connections over Deno's own sockets, one read loop and one write loop each. A read is a promise,
// so that every connection owns a receive buffer while it waits (Node shares one); `receiveInto` is
// honoured. Small parts are gathered into one write, because Deno has no vectored one.
import { asError } from '../base/errors.ts'
import { assert } from '../base/assert.ts'
import { KiB } from '../base/units.ts'
import type { Connection, ConnectionHandler, Listener } from '../ports/network.ts'
import { addressText, connectError, listenError } from './network-error.ts'

/** Receive buffer of one connection: what 10,000 idle ones can afford. */
const RECEIVE_BYTES = 64 * KiB

/** Parts up to this size are copied together into one write. */
const GATHER_BYTES = 64 * KiB

/** How long a connection that we ended keeps reading (and dropping) after its last byte. */
const LINGER_MS = 1000

type Accept = (connection: Connection) => ConnectionHandler

interface Address {
  readonly host: string
  readonly port: number
}

/** What is used of Deno.TcpConn. */
interface TcpConn {
  readonly remoteAddr: { readonly hostname: string; readonly port: number }
  read(into: Uint8Array): Promise<number | null>
  write(bytes: Uint8Array): Promise<number>
  close(): void
  closeWrite(): Promise<void>
  setNoDelay(on: boolean): void
  setKeepAlive(on: boolean): void
}

/** What is used of Deno.Listener. */
interface TcpListener {
  readonly addr: { readonly port: number }
  accept(): Promise<TcpConn>
  close(): void
}

interface DenoNet {
  listen(options: { readonly hostname: string; readonly port: number }): TcpListener
  connect(options: { readonly hostname: string; readonly port: number }): Promise<TcpConn>
}

const deno = (): DenoNet => {
  const runtime = (globalThis as { Deno?: DenoNet }).Deno
  assert(runtime !== undefined, 'Deno sockets are used in Deno only')
  return runtime
}

/** Listens on one address. Throws `refused` or, where the machine lacks the address, `absent`. */
export const denoListen = async (address: Address, accept: Accept): Promise<Listener> => {
  let listener: TcpListener
  try {
    listener = deno().listen({ hostname: address.host, port: address.port })
  } catch (error) {
    throw listenError(address.host, address.port, error)
  }
  let open = true
  const loop = async (): Promise<void> => {
    while (open) {
      try {
        new DenoConnection(await listener.accept()).open(accept)
      } catch (error) {
        // A connection that broke while it was accepted is its peer's affair.
        if (open && error instanceof TypeError) throw error
      }
    }
  }
  void loop()
  const close = async (): Promise<void> => {
    if (!open) return
    open = false
    listener.close()
  }
  return { host: address.host, port: listener.addr.port, close }
}

/** Opens a connection. Throws `retry` when nobody answers. */
export const denoConnect = async (address: Address, open: Accept): Promise<Connection> => {
  let conn: TcpConn
  try {
    conn = await deno().connect({ hostname: address.host, port: address.port })
  } catch (error) {
    throw connectError(address.host, address.port, error)
  }
  const connection = new DenoConnection(conn)
  connection.open(open)
  return connection
}

interface Queued {
  readonly bytes: Uint8Array
  readonly written: (() => void) | undefined
}

class DenoConnection implements Connection {
  readonly peer: string
  readonly #conn: TcpConn
  readonly #memory = new Uint8Array(RECEIVE_BYTES)
  readonly #queue: Queued[] = []
  #gather: Uint8Array | null = null
  #handler: ConnectionHandler | null = null
  #queuedBytes = 0
  #writing = false
  /** Set while paused: continues the read loop. */
  #wake: (() => void) | null = null
  #paused = false
  /** True once nothing more may be written. */
  #ended = false
  #closed = false
  #closesWhenWritten = false
  #linger: ReturnType<typeof setTimeout> | undefined = undefined

  constructor(conn: TcpConn) {
    this.#conn = conn
    this.peer = addressText(conn.remoteAddr.hostname, conn.remoteAddr.port)
  }

  /** Asks for the handler and starts to deliver. */
  open(accept: Accept): void {
    this.#conn.setNoDelay(true)
    this.#conn.setKeepAlive(true)
    this.#handler = accept(this)
    void this.#readLoop()
  }

  get queuedBytes(): number {
    return this.#closed ? 0 : this.#queuedBytes
  }

  write(parts: readonly Uint8Array[], written?: () => void): void {
    if (this.#ended) {
      if (written !== undefined) queueMicrotask(written)
      return
    }
    const last = parts.length - 1
    for (let i = 0; i <= last; i++) {
      const bytes = parts[i] as Uint8Array
      this.#queuedBytes += bytes.length
      this.#queue.push({ bytes, written: i === last ? written : undefined })
    }
    if (last < 0 && written !== undefined) {
      this.#queue.push({ bytes: this.#memory.subarray(0, 0), written })
    }
    if (!this.#writing) void this.#writeLoop()
  }

  pause(): void {
    if (!this.#ended) this.#paused = true
  }

  resume(): void {
    this.#paused = false
    const wake = this.#wake
    this.#wake = null
    wake?.()
  }

  end(): void {
    if (this.#ended) return
    this.#ended = true
    this.resume()
    if (!this.#writing) this.#finish()
  }

  destroy(): void {
    this.#close(undefined)
  }

  async #readLoop(): Promise<void> {
    while (!this.#closed) {
      if (this.#paused) await new Promise<void>((resolve) => (this.#wake = resolve))
      const wanted = this.#ended ? null : (this.#handler?.receiveInto?.() ?? null)
      const memory = wanted === null || wanted.length === 0 ? this.#memory : wanted
      let count: number | null
      try {
        count = await this.#conn.read(memory)
      } catch (error) {
        this.#close(asError(error))
        return
      }
      if (count === null) {
        this.#peerEnded()
        return
      }
      if (!this.#ended) this.#handler?.onBytes(memory.subarray(0, count))
    }
  }

  /** The peer has ended: what is queued still goes out, then the connection closes. */
  #peerEnded(): void {
    this.#ended = true
    if (!this.#writing) this.#close(undefined)
    else this.#closesWhenWritten = true
  }

  async #writeLoop(): Promise<void> {
    this.#writing = true
    // What is written in this turn goes out together.
    await Promise.resolve()
    let backlogged = false
    while (this.#queue.length > 0) {
      const [bytes, items] = this.#next()
      try {
        for (let done = 0; done < bytes.length;) {
          const count = await this.#conn.write(done === 0 ? bytes : bytes.subarray(done))
          done += count
          this.#queuedBytes -= count
          if (this.#closed) return
        }
      } catch (error) {
        for (const item of items) item.written?.()
        this.#close(asError(error))
        return
      }
      backlogged = true
      for (const item of items) item.written?.()
    }
    this.#writing = false
    if (this.#closed) return
    if (this.#closesWhenWritten) this.#close(undefined)
    else if (this.#ended) this.#finish()
    else if (backlogged) this.#handler?.onDrain()
  }

  /** The next bytes to write and the items they come from, which leave the queue. */
  #next(): readonly [Uint8Array, readonly Queued[]] {
    const first = this.#queue[0] as Queued
    let count = 0
    let length = 0
    for (const item of this.#queue) {
      if (length + item.bytes.length > GATHER_BYTES) break
      length += item.bytes.length
      count++
    }
    if (count <= 1) return [first.bytes, this.#queue.splice(0, 1)]
    this.#gather ??= new Uint8Array(GATHER_BYTES)
    const items = this.#queue.splice(0, count)
    let at = 0
    for (const item of items) {
      this.#gather.set(item.bytes, at)
      at += item.bytes.length
    }
    return [this.#gather.subarray(0, length), items]
  }

  /** Tells the peer that no more comes, and waits a moment for it to end too. */
  #finish(): void {
    void this.#conn.closeWrite().catch((error: unknown) => this.#close(asError(error)))
    this.#linger = setTimeout(() => this.#close(undefined), LINGER_MS)
  }

  #close(error: Error | undefined): void {
    if (this.#closed) return
    this.#closed = true
    this.#ended = true
    clearTimeout(this.#linger)
    this.#conn.close()
    this.resume()
    const handler = this.#handler
    this.#handler = null
    const dropped = this.#queue.splice(0)
    // Never from inside the caller's own call.
    queueMicrotask(() => {
      for (const item of dropped) item.written?.()
      handler?.onClose(error)
    })
  }
}
