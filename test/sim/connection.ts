// One end of a simulated connection. Bytes wait in this end's queue until the window lets them go,
// travel in pieces, and wait at the other end while it is paused. The bytes are copied when they
// leave the queue, which is when `written` may be called, so that a caller who changes them too
// early is found out by whoever checks the bytes.
//
//   open ──end()──▶ ending ──queue empty──▶ finished ──peer finished──▶ closed
//   any state ──destroy(), fail()──▶ closed            (vanish(): gone without a word)
import { assert } from '../../src/base/assert.ts'
import type { Connection, ConnectionHandler } from '../../src/ports/network.ts'

/** What a connection needs of the network. */
export interface Link {
  readonly options: { readonly windowBytes: number }
  carry(from: string, to: string, arrive: () => void): void
  soon(run: () => void): void
  piece(length: number): number
  forget(connection: SimConnection): void
}

interface Queued {
  readonly bytes: Uint8Array
  readonly written: (() => void) | undefined
}

/** Size of the simulated transport's own receive buffer. */
const RECEIVE_BYTES = 64 * 1024

/** One end of a connection. */
export class SimConnection implements Connection {
  readonly host: string
  readonly peerHost: string
  readonly peer: string
  /** The other end; null once that has vanished or closed. */
  other: SimConnection | null = null
  readonly #link: Link
  #handler: ConnectionHandler | null = null
  readonly #queue: Queued[] = []
  /** Bytes of the queue's head that have left. */
  #headDone = 0
  #queuedBytes = 0
  #windowLeft: number
  /** `written` calls that are due, in order. */
  readonly #tells: (() => void)[] = []
  /** What is under way to the other end, in order. */
  readonly #way: (() => void)[] = []
  readonly #arrived: Uint8Array[] = []
  readonly #memory = new Uint8Array(RECEIVE_BYTES)
  #paused = false
  #delivering = false
  #ended = false
  #finished = false
  #peerFinished = false
  #closed = false
  #vanished = false
  #backlogged = false

  constructor(link: Link, host: string, peerHost: string, peer: string) {
    this.#link = link
    this.host = host
    this.peerHost = peerHost
    this.peer = peer
    this.#windowLeft = link.options.windowBytes
  }

  /** Names the other end. */
  join(other: SimConnection): void {
    this.other = other
  }

  /** Asks for the handler. */
  open(accept: (connection: Connection) => ConnectionHandler): void {
    this.#handler = accept(this)
  }

  get queuedBytes(): number {
    return this.#queuedBytes
  }

  write(parts: readonly Uint8Array[], written?: () => void): void {
    if (this.#ended || this.#closed) {
      this.#tell(written)
      return
    }
    const last = parts.length - 1
    for (const [index, bytes] of parts.entries()) {
      this.#queuedBytes += bytes.length
      this.#queue.push({ bytes, written: index === last ? written : undefined })
    }
    if (last < 0 && written !== undefined) this.#queue.push({ bytes: new Uint8Array(0), written })
    this.#send()
    this.#backlogged = this.#queuedBytes > 0
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#link.soon(() => this.#deliver())
  }

  end(): void {
    if (this.#ended) return
    this.#ended = true
    this.#link.soon(() => this.#finishIfSent())
  }

  destroy(): void {
    if (this.#closed) return
    if (!this.#finished) this.#toOther((other) => other.#peerIsDone())
    this.#close(undefined)
  }

  /** The connection breaks. */
  fail(error: Error): void {
    this.#close(error)
  }

  /** The process of this end is gone: its handler hears nothing, the peer does not know. */
  vanish(): void {
    this.#vanished = true
    this.#handler = null
    this.#queue.length = 0
    this.#close(undefined)
  }

  #toOther(arrive: (other: SimConnection) => void): void {
    const other = this.other
    if (other === null) return
    // Whatever the delays are, what left first arrives first.
    this.#way.push(() => arrive(other))
    this.#link.carry(this.host, this.peerHost, () => this.#way.shift()?.())
  }

  /** Moves bytes from the queue onto the way while the window lets them. */
  #send(): void {
    while (this.#queue.length > 0 && !this.#closed) {
      const head = this.#queue[0] as Queued
      const left = head.bytes.length - this.#headDone
      if (left > 0) {
        // Small openings of the window are let pass (RFC 1122, silly window syndrome).
        if (this.#windowLeft < Math.min(left, this.#link.options.windowBytes / 4)) return
        const count = this.#link.piece(Math.min(left, this.#windowLeft))
        const chunk = new Uint8Array(head.bytes.subarray(this.#headDone, this.#headDone + count))
        this.#headDone += count
        this.#queuedBytes -= count
        this.#windowLeft -= count
        this.#toOther((other) => other.#arrive(chunk))
        if (count < left) continue
      }
      this.#queue.shift()
      this.#headDone = 0
      this.#tell(head.written)
    }
  }

  #tell(written: (() => void) | undefined): void {
    if (written === undefined) return
    this.#tells.push(written)
    this.#link.soon(() => {
      const next = this.#tells.shift()
      if (!this.#vanished) next?.()
    })
  }

  #arrive(chunk: Uint8Array): void {
    if (this.#closed) return
    this.#arrived.push(chunk)
    this.#deliver()
  }

  #deliver(): void {
    if (this.#delivering) return
    this.#delivering = true
    while (this.#arrived.length > 0 && !this.#paused && !this.#closed) {
      this.#deliverOne(this.#arrived.shift() as Uint8Array)
    }
    this.#delivering = false
    if (this.#peerFinished && this.#arrived.length === 0) this.#peerIsDone()
  }

  #deliverOne(chunk: Uint8Array): void {
    const wanted = this.#ended ? null : (this.#handler?.receiveInto?.() ?? null)
    const memory = wanted === null || wanted.length === 0 ? this.#memory : wanted
    const count = Math.min(chunk.length, memory.length)
    memory.set(chunk.subarray(0, count))
    if (count < chunk.length) this.#arrived.unshift(chunk.subarray(count))
    // Room at this end is room in the other's window; the way back is not simulated.
    const other = this.other
    this.#link.soon(() => {
      if (other !== null) other.#granted(count)
    })
    if (!this.#ended) this.#handler?.onBytes(memory.subarray(0, count))
    // What was handed out is borrowed: a handler that keeps it finds this instead.
    if (memory === this.#memory) memory.fill(0xee, 0, count)
  }

  #granted(count: number): void {
    if (this.#closed) return
    this.#windowLeft += count
    assert(this.#windowLeft <= this.#link.options.windowBytes, 'A window is not overfilled')
    this.#send()
    if (this.#queuedBytes > 0) return
    if (this.#ended) this.#finishIfSent()
    else if (this.#backlogged) {
      this.#backlogged = false
      this.#handler?.onDrain()
    }
  }

  #finishIfSent(): void {
    if (this.#finished || this.#closed || this.#queue.length > 0) return
    this.#finished = true
    this.#toOther((other) => other.#peerIsDone())
    if (this.#peerFinished) this.#close(undefined)
  }

  /** The peer's end has come; it is heard once all its bytes were taken. */
  #peerIsDone(): void {
    this.#peerFinished = true
    if (this.#closed || (this.#arrived.length > 0 && !this.#ended)) return
    this.#ended = true
    this.#finishIfSent()
    if (this.#finished) this.#close(undefined)
  }

  #close(error: Error | undefined): void {
    if (this.#closed) return
    this.#closed = true
    this.#ended = true
    this.#link.forget(this)
    if (this.other !== null) this.other.other = null
    const handler = this.#handler
    this.#handler = null
    for (const item of this.#queue.splice(0)) this.#tell(item.written)
    this.#queuedBytes = 0
    this.#arrived.length = 0
    this.#link.soon(() => {
      handler?.onClose(error)
    })
  }
}
