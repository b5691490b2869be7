// One Kafka client's connection: cuts frames, hands requests to their handlers, and sends answers
// in request order. Produce requests are pipelined; any other request that does not answer at once
// holds back the ones behind it, as Kafka does. It stops reading when too many requests are
// unanswered, when the client does not read, or when the log asks producers to wait. Bytes that do
// not parse close the connection; a handler that throws closes it too, and nobody else notices.
// What a client had sent whole before it closed is still done: acks=0 and leaving rely on it.
import { FormatError, KafkaError } from '../../base/errors.ts'
import { Reader } from '../../base/reader.ts'
import { KiB, MiB } from '../../base/units.ts'
import type { Connection, ConnectionHandler } from '../../ports/network.ts'
import type { ClientIdCache } from '../../wire/headers.ts'
import { clientIdCache, readRequestHeader } from '../../wire/headers.ts'
import { FrameInput } from './frame-input.ts'
import type { RequestContext } from '../handler.ts'
import type { ResponseSlot } from './response-queue.ts'
import { ResponseQueue } from './response-queue.ts'
import type { ConnectionHost } from './connection-host.ts'

const PRODUCE = 0
const FETCH = 1
/** Bytes of a request header up to and including the client id's length. */
const FIXED_HEADER_BYTES = 10
const FIRST_FLEXIBLE_PRODUCE = 9
/**
 * Largest request that is decoded, in bytes and in elements of all its lists; all but Produce are
 * decoded. The largest honest ones are the assignments of big groups, and fetches of as many
 * partitions as one broker can lead.
 */
export const DECODED_REQUEST_BYTES_MAX: number = 8 * MiB
export const DECODED_ELEMENTS_MAX = 250_000
/** Bytes of answers made for one client in one turn, so that the others get theirs. */
const TURN_BYTES_MAX = 256 * KiB
/** Bytes that a client may leave unread, while the broker is crowded, before reading stops. */
const CROWDED_QUEUED_BYTES_MAX = 64 * KiB
/** While others wait for memory: how long a client may take none of its answers. */
const STALLED_MS = 10_000
/**
 * While any wait for memory: how long the parts of one frame may take, waiting included, so that
 * those who came before the shortage go all at once and those who came after are served.
 */
const FRAME_MS = 5000

/** The connection of one client. */
export class KafkaConnection implements ConnectionHandler {
  readonly id: number
  readonly #host: ConnectionHost
  readonly #connection: Connection
  readonly #input: FrameInput
  readonly responses: ResponseQueue = new ResponseQueue()
  readonly #clientIds: ClientIdCache = clientIdCache()
  #flushing = false
  #waitingForLog = false
  /** A request that is not answered yet and lets no other begin. */
  #muted = false
  #closed = false
  #ending = false
  /** Closed, and nothing that was received is left to do. */
  #done = false
  /** Coarse time of the last request, for the idle limit. */
  lastRequestMs: number
  /** A produce frame whose partitions are being opened. */
  #held: Uint8Array | null = null
  /** It has produced: it stops when the log asks producers to wait. Consumers go on. */
  #produces = false
  /** Bytes of answers that wait for the end of the turn, but those of Produce and Fetch. */
  #unsentBytes = 0
  /** Of this connection's queue, what the memory of answers knows. */
  #countedBytes = 0
  #writtenBytes = 0
  #sentBytes = 0
  /** When the peer was last seen to take an answer, or to complete a frame. */
  #sentMs: number
  #frameMs: number
  readonly #onMemory = (): void => this.#memoryFreed()

  constructor(host: ConnectionHost, connection: Connection, id: number) {
    this.id = id
    this.#host = host
    this.#connection = connection
    this.lastRequestMs = host.coarseNowMs
    this.#sentMs = host.coarseNowMs
    this.#frameMs = host.coarseNowMs
    this.#input = new FrameInput(host.frames, host.limits.requestBytesMax, (bytes, at, end) =>
      this.#frame(bytes, at, end),
    )
  }

  get closed(): boolean {
    return this.#closed
  }

  get peer(): string {
    return this.#connection.peer
  }

  /** No request is being answered, and the client has all answers. */
  get idle(): boolean {
    return this.responses.length === 0 && this.#connection.queuedBytes === 0
  }

  /**
   * Whether it should be closed: it has been silent, or has taken none of its answers, for longer
   * than `idleMaxMs` (-1 for never), or it keeps memory that others wait for. Asked every second.
   */
  overdue(nowMs: number, idleMaxMs: number): boolean {
    const { frames, answers } = this.#host
    const queued = this.#connection.queuedBytes
    const sent = this.#writtenBytes - queued
    if (queued === 0 || sent !== this.#sentBytes) this.#sentMs = nowMs
    this.#sentBytes = sent
    if (!this.#input.gathering || this.lastRequestMs > this.#frameMs) this.#frameMs = nowMs
    if (answers.crowded && nowMs - this.#sentMs > STALLED_MS) return true
    if (frames.starving && nowMs - this.#frameMs > FRAME_MS) return true
    if (idleMaxMs <= 0) return false
    if (nowMs - this.#sentMs > idleMaxMs) return true
    return this.idle && nowMs - this.lastRequestMs > idleMaxMs
  }

  onBytes(view: Uint8Array): void {
    if (this.#closed || this.#ending) return
    if (this.#input.stopped) this.#connection.pause()
    try {
      this.#input.push(view)
    } catch (error) {
      this.#fail(error)
      return
    }
    if (this.#input.starved) this.#waitForMemory()
  }

  receiveInto(): Uint8Array | null {
    return this.#input.target()
  }

  onDrain(): void {
    this.#recount()
    this.#goOn()
  }

  onClose(): void {
    if (this.#closed) return
    this.#closed = true
    this.responses.clear()
    this.#host.frames.cancel(this.#onMemory)
    this.#host.answers.queued(-this.#countedBytes)
    this.#countedBytes = 0
    this.#host.closed(this)
    this.#goOn()
    this.#finish()
  }

  /** After the close: gives the memory back unless requests that were received still wait. */
  #finish(): void {
    this.responses.clear()
    if (this.#done) return
    if (this.#input.stopped && !this.#input.starved && !this.#ending) return
    this.#done = true
    this.#input.close()
  }

  /** Closes at once; what is queued is dropped. */
  destroy(): void {
    this.#ending = true
    this.#connection.destroy()
  }

  /** Says that a slot was filled: it leaves at the end of this turn. */
  answered(): void {
    if (this.#flushing || this.#closed || !this.responses.ready) return
    this.#flushing = true
    this.#host.clock.turn(() => this.#flush())
  }

  /** Closes after what was answered so far has been sent: how acks=0 is told of an error. */
  closeAfterAnswers(): void {
    this.#ending = true
    if (!this.#flushing) this.#connection.end()
  }

  #flush(): void {
    this.#flushing = false
    if (this.#closed) return
    const parts: Uint8Array[] = []
    const releases: (() => void)[] = []
    this.responses.drain(parts, releases)
    this.#unsentBytes = 0
    if (parts.length > 0) {
      for (const part of parts) this.#writtenBytes += part.length
      if (releases.length === 0) this.#connection.write(parts)
      else {
        this.#connection.write(parts, () => {
          for (const release of releases) release()
        })
      }
      this.#recount()
    }
    if (this.#ending) this.#connection.end()
    else if (this.#input.stopped) this.#goOn()
  }

  /** Tells the memory of answers what the client has not taken. */
  #recount(): void {
    const queued = this.#connection.queuedBytes
    if (queued !== this.#countedBytes) this.#host.answers.queued(queued - this.#countedBytes)
    this.#countedBytes = queued
  }

  /** Whether the next request may be looked at. */
  #mayGoOn(): boolean {
    const { limits, log, answers } = this.#host
    if (this.#muted || this.#held !== null || this.#ending) return false
    if (!this.#closed) {
      if (this.responses.length >= limits.requestsInFlightMax) return false
      const queued = this.#connection.queuedBytes
      if (queued + this.#unsentBytes > limits.queuedBytesMax) return false
      if (this.#unsentBytes > TURN_BYTES_MAX) return false
      if (queued > CROWDED_QUEUED_BYTES_MAX && answers.crowded) return false
    }
    if (this.#produces && log.pressed) {
      if (!this.#waitingForLog) {
        this.#waitingForLog = true
        log.onRelief(() => {
          this.#waitingForLog = false
          this.#goOn()
        })
      }
      return false
    }
    return true
  }

  #goOn(): void {
    if (this.#done || !this.#input.stopped || !this.#mayGoOn()) return
    try {
      this.#input.resume()
    } catch (error) {
      this.#fail(error)
      return
    }
    if (this.#closed) this.#finish()
    else if (this.#input.starved) this.#waitForMemory()
    else if (!this.#input.stopped) this.#connection.resume()
  }

  #waitForMemory(): void {
    this.#connection.pause()
    this.#host.frames.onFreed(this.#onMemory)
  }

  #memoryFreed(): void {
    if (this.#closed || !this.#input.starved) return
    try {
      this.#input.resume()
    } catch (error) {
      this.#fail(error)
      return
    }
    if (this.#input.starved) this.#waitForMemory()
    else if (!this.#input.stopped) this.#connection.resume()
  }

  #frame(bytes: Uint8Array, at: number, end: number): 'more' | 'stop' {
    if (end - at < FIXED_HEADER_BYTES) throw new FormatError('A request is shorter than its header')
    this.lastRequestMs = this.#host.coarseNowMs
    const apiKey = ((bytes[at] as number) << 8) | (bytes[at + 1] as number)
    if (apiKey === PRODUCE) this.#produce(bytes, at, end)
    else this.#request(bytes, at, end)
    return this.#mayGoOn() ? 'more' : 'stop'
  }

  #produce(bytes: Uint8Array, at: number, end: number): void {
    const version = ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number)
    if (version < 3 || version > 13)
      throw new FormatError(`Produce version ${version} is not served`)
    const correlationId =
      ((bytes[at + 4] as number) << 24) |
      ((bytes[at + 5] as number) << 16) |
      ((bytes[at + 6] as number) << 8) |
      (bytes[at + 7] as number)
    const idLength = (((bytes[at + 8] as number) << 24) >> 16) | (bytes[at + 9] as number)
    let body = at + FIXED_HEADER_BYTES + Math.max(0, idLength)
    if (version >= FIRST_FLEXIBLE_PRODUCE && bytes[body] === 0) body++
    else if (version >= FIRST_FLEXIBLE_PRODUCE) {
      const reader = new Reader(bytes, at, end)
      readRequestHeader(reader)
      body = reader.at
    }
    if (body > end) throw new FormatError('A request is shorter than its header')
    this.#produces = true
    const opening = this.#host.produce.handle(this, {
      bytes,
      at,
      body,
      end,
      version,
      correlationId,
    })
    if (opening === null) return
    // The partitions are not open yet: keep the frame, let none behind it pass, and try again.
    const held = Uint8Array.from(bytes.subarray(at, end))
    this.#held = held
    const again = (): void => {
      if (this.#done) return
      this.#held = null
      try {
        this.#frame(held, 0, held.length)
      } catch (error) {
        this.#fail(error)
        return
      }
      this.#goOn()
      if (this.#closed) this.#finish()
    }
    opening.then(again, (error: unknown) => this.#fail(error))
  }

  #request(bytes: Uint8Array, at: number, end: number): void {
    if (end - at > DECODED_REQUEST_BYTES_MAX) {
      throw new FormatError(`A request of ${end - at} bytes is over the limit for its kind`)
    }
    const reader = new Reader(bytes, at, end)
    reader.elementsLeft = DECODED_ELEMENTS_MAX
    const header = readRequestHeader(reader, this.#clientIds)
    const { apiKey, apiVersion, correlationId, clientId } = header
    const context: RequestContext = {
      apiKey,
      version: apiVersion,
      clientId,
      connectionId: this.id,
      peer: this.#connection.peer,
      advertised: this.#host.advertised,
    }
    if (apiKey === FETCH) {
      if (this.#closed) return
      const slot = this.responses.take(apiVersion, correlationId)
      const waiting = this.#host.fetch.handle(this, slot, reader, context)
      if (waiting !== null) this.#mute(waiting)
      return
    }
    const answer = this.#host.dispatch.handle(header, bytes, reader, context)
    const slot = this.responses.take(apiVersion, correlationId)
    if (answer instanceof Uint8Array) this.#fill(slot, answer)
    else {
      this.#mute(
        answer.then((frame) => {
          this.#fill(slot, frame)
        }),
      )
    }
  }

  #fill(slot: ResponseSlot, frame: Uint8Array): void {
    if (this.#closed) return
    this.#unsentBytes += frame.length
    slot.parts = [frame]
    slot.state = 2
    this.answered()
  }

  #mute(waiting: Promise<void>): void {
    this.#muted = true
    waiting.then(
      () => {
        this.#muted = false
        this.#goOn()
      },
      (error: unknown) => {
        this.#muted = false
        this.#fail(error)
      },
    )
  }

  /** The wall of a connection: whatever went wrong ends it and nothing else. */
  #fail(error: unknown): void {
    this.#ending = true
    if (this.#closed) {
      this.#finish()
      return
    }
    const expected = error instanceof FormatError || error instanceof KafkaError
    this.#host.failed(this, error, expected)
    this.#connection.destroy()
  }
}
