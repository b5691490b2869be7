// Connections over node:net (Node and Bun). On Node, bytes are received into one buffer that all
// connections of the process share, or straight into the frame that a handler is waiting for: no
// allocation and no stream machinery per read. That is what `onread` does for outgoing sockets; an
// accepted one is taken apart and its handle given to a new socket with the same option, which is
// undocumented, hence probed once and given up for 'data' events where it does not work.
//
// The shared buffer is safe because libuv reads and calls back in one step, and `onBytes` consumes
// before it returns. An exception from a handler is a bug and is not caught here.
import * as net from 'node:net'
import { assert } from '../base/assert.ts'
import { KiB } from '../base/units.ts'
import type { Connection, ConnectionHandler, Listener } from '../ports/network.ts'
import { addressText, connectError, listenError } from './network-error.ts'

/** One read takes at most this much; larger reads gain nothing (measured: 64 KiB loses 10 %). */
const RECEIVE_BYTES = 256 * KiB

/** Connections that the kernel completes before they are accepted; more are refused by it. */
const BACKLOG = 1024

/** Idle seconds after which the kernel asks the peer whether it is still there. */
const KEEP_ALIVE_MS = 60_000

/**
 * How long a connection that we ended keeps reading (and dropping) after its last byte went out.
 * Closing at once would make the kernel reset it, and the peer would lose what it had not yet read.
 */
const LINGER_MS = 1000

const isBun = 'Bun' in globalThis

let receiveMemory: Uint8Array | null = null
const sharedMemory = (): Uint8Array => (receiveMemory ??= new Uint8Array(RECEIVE_BYTES))

type Accept = (connection: Connection) => ConnectionHandler

interface Address {
  readonly host: string
  readonly port: number
}

/** Listens on one address. Throws `refused` or, where the machine lacks the address, `absent`. */
export const nodeListen = (address: Address, accept: Accept): Promise<Listener> =>
  new Promise((resolve, reject) => {
    const server = net.createServer({ pauseOnConnect: !isBun, noDelay: true })
    const fail = (error: Error): void => reject(listenError(address.host, address.port, error))
    server.once('error', fail)
    server.on('connection', (accepted) => new SocketConnection(adopt(accepted)).open(accept))
    server.listen({ ...address, backlog: BACKLOG }, () => {
      server.off('error', fail)
      // Failures to accept (too many open files) leave the listener as it is.
      server.on('error', ignore)
      const bound = server.address()
      assert(bound !== null && typeof bound === 'object', 'A listening server has an address')
      resolve({ host: address.host, port: bound.port, close: () => closeServer(server) })
    })
  })

/** Resolves once no more connections are accepted; open ones do not hold it up. */
const closeServer = (server: net.Server): Promise<void> => {
  server.close()
  return Promise.resolve()
}

/** Opens a connection. Throws `retry` when nobody answers. */
export const nodeConnect = (address: Address, open: Accept): Promise<Connection> =>
  new Promise((resolve, reject) => {
    const receiver: Receiver = { connection: null }
    const socket = net.connect({
      ...address,
      noDelay: true,
      ...(isBun ? {} : { onread: onread(receiver) }),
      ...socketOptions,
    })
    const fail = (error: Error): void => reject(connectError(address.host, address.port, error))
    socket.once('error', fail)
    socket.once('connect', () => {
      socket.off('error', fail)
      const connection = new SocketConnection({ socket, receiver: isBun ? null : receiver })
      connection.open(open)
      resolve(connection)
    })
  })

const ignore = (): void => {}

/** The smallest mark, so that 'drain' tells of every time the queue has emptied. */
const socketOptions = { writableHighWaterMark: 1 }

/** What the receiving callbacks of a socket reach their connection through. */
interface Receiver {
  connection: SocketConnection | null
}

const onread = (receiver: Receiver): net.OnReadOpts => ({
  // The type asks for a Buffer; the code takes any Uint8Array.
  buffer: () => receiver.connection?.receiveMemory() ?? sharedMemory(),
  callback: (count, memory) => {
    receiver.connection?.received(count, memory)
    return true
  },
})

interface Received {
  readonly socket: net.Socket
  /** Null: the socket gives 'data' events. */
  readonly receiver: Receiver | null
}

/** Moves an accepted socket's handle to a socket that receives into our memory. */
const adopt = (accepted: net.Socket): Received => {
  if (isBun) return { socket: accepted, receiver: null }
  const donor = accepted as net.Socket & { _handle: { useUserBuffer?: unknown } | null }
  const handle = donor._handle
  if (typeof handle?.useUserBuffer !== 'function') {
    accepted.resume()
    return { socket: accepted, receiver: null }
  }
  const receiver: Receiver = { connection: null }
  // Without its handle the first socket is a shell: destroying it only updates the server's count.
  donor._handle = null
  accepted.destroy()
  // The types know `handle` in one of its uses only.
  const options: unknown = { handle, onread: onread(receiver), noDelay: true, ...socketOptions }
  return { socket: new net.Socket(options as net.SocketConstructorOpts), receiver }
}

class SocketConnection implements Connection {
  readonly peer: string
  readonly #socket: net.Socket
  readonly #receiver: Receiver | null
  #handler: ConnectionHandler | null = null
  #error: Error | undefined = undefined
  /** True from a write that the OS did not take at once until the queue is empty. */
  #backlogged = false
  /** True once nothing more may be written: `end` was called, or the peer has ended. */
  #ended = false
  /** True where 'drain' does not tell of every emptying, so that each write has to. */
  readonly #coarse: boolean

  constructor(received: Received) {
    this.#socket = received.socket
    this.#receiver = received.receiver
    this.#coarse = this.#socket.writableHighWaterMark > 1
    this.peer = addressText(this.#socket.remoteAddress, this.#socket.remotePort)
  }

  /** Asks for the handler and starts to deliver. */
  open(accept: Accept): void {
    const socket = this.#socket
    socket.setKeepAlive(true, KEEP_ALIVE_MS)
    socket.on('error', (error) => {
      this.#error ??= error
    })
    socket.on('drain', () => this.#drained())
    socket.on('end', () => {
      this.#ended = true
    })
    socket.on('close', () => this.#closed())
    this.#handler = accept(this)
    if (this.#receiver !== null) this.#receiver.connection = this
    else socket.on('data', (bytes: Uint8Array) => this.received(bytes.length, bytes))
  }

  /** Where the next bytes go. */
  receiveMemory(): Uint8Array {
    const memory = this.#handler?.receiveInto?.() ?? null
    return memory === null || memory.length === 0 ? sharedMemory() : memory
  }

  /** `count` bytes have come into `memory`. */
  received(count: number, memory: Uint8Array): void {
    // A handler that ended or destroyed the connection hears no more of it but its close.
    if (this.#ended) return
    this.#handler?.onBytes(memory.subarray(0, count))
  }

  get queuedBytes(): number {
    return this.#socket.writableLength
  }

  write(parts: readonly Uint8Array[], written?: () => void): void {
    const socket = this.#socket
    if (this.#ended || socket.destroyed) {
      if (written !== undefined) queueMicrotask(written)
      return
    }
    const done = this.#coarse ? this.#tellingOfDrain(written) : written
    const last = parts.length - 1
    if (last === 0) socket.write(parts[0] as Uint8Array, done)
    else if (last > 0) {
      socket.cork()
      for (let i = 0; i < last; i++) socket.write(parts[i] as Uint8Array)
      socket.write(parts[last] as Uint8Array, done)
      socket.uncork()
    } else if (written !== undefined) socket.write(empty, written)
    this.#backlogged = socket.writableLength > 0
  }

  #tellingOfDrain(written: (() => void) | undefined): () => void {
    return () => {
      written?.()
      if (this.#socket.writableLength === 0) this.#drained()
    }
  }

  pause(): void {
    if (!this.#ended) this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  end(): void {
    if (this.#ended) return
    this.#ended = true
    const socket = this.#socket
    let timer: ReturnType<typeof setTimeout> | undefined
    socket.once('close', () => clearTimeout(timer))
    socket.end(() => {
      if (!socket.destroyed) timer = setTimeout(() => socket.destroy(), LINGER_MS)
    })
    socket.resume()
  }

  destroy(): void {
    this.#ended = true
    this.#socket.destroy()
  }

  #drained(): void {
    if (!this.#backlogged || this.#ended) return
    this.#backlogged = false
    this.#handler?.onDrain()
  }

  /** The one place where the handler is let go, so that nothing reaches it afterwards. */
  #closed(): void {
    const handler = this.#handler
    this.#handler = null
    this.#ended = true
    handler?.onClose(this.#error)
  }
}

const empty = new Uint8Array(0)
