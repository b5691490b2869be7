// The limit that the broker is measured against: a server with the broker's sockets, checksum and
// files, and none of its protocol, offsets, recovery or reads. It receives Produce v7 requests of
// one batch, checks the batch's CRC-32C, gives it to the store and acknowledges. A ratio to it in
// one run says what the broker's own work costs on this machine and this runtime.
import { FormatError, asError } from '../../base/errors.ts'
import { KiB, MiB } from '../../base/units.ts'
import { createCrypto } from '../../platform/crypto.ts'
import { openDisk } from '../../platform/disk.ts'
import { createNetwork } from '../../platform/network.ts'
import type { Crypto } from '../../ports/crypto.ts'
import type { Connection, ConnectionHandler } from '../../ports/network.ts'
import type { HostPort } from '../values.ts'
import { BareStore } from './bare-store.ts'
import type { AckAfter } from './bare-store.ts'
import { ANSWER_CORRELATION_AT, answerTo, shapeOf } from './produce-frame.ts'
import type { AnswerTemplate, ProduceShape } from './produce-frame.ts'

const PREFIX_BYTES = 4
const FRAME_BYTES_MAX = 8 * MiB
/** Receiving into a frame's own memory saves a copy, but ends the read with that frame. */
const DIRECT_BYTES_MIN = 64 * KiB
const CRC_AT = 17
const CRC_FROM = 21

/** A bare server that runs. */
export interface BareServer {
  readonly address: HostPort
  /** Whether segments are written by direct I/O here. */
  readonly direct: boolean
  /** Resolves with the reason when it cannot go on. */
  readonly failed: Promise<Error>
  close(): Promise<void>
}

interface Shared {
  readonly store: BareStore
  readonly crypto: Crypto
  readonly ackAfter: AckAfter
  readonly held: Set<Connection>
}

/** Starts a bare server with its files in the new or empty directory `directory`. */
export async function startBareServer(options: {
  readonly directory: string
  readonly listen: HostPort
  readonly ackAfter: AckAfter
}): Promise<BareServer> {
  let fail: (error: Error) => void = () => undefined
  const failed = new Promise<Error>((resolve) => {
    fail = resolve
  })
  const held = new Set<Connection>()
  const open = new Set<Connection>()
  const store = await BareStore.open(await openDisk(options.directory), {
    onRoom: () => {
      for (const connection of held) connection.resume()
      held.clear()
    },
    onFailure: (error) => fail(asError(error)),
  })
  const shared: Shared = { store, crypto: createCrypto(), ackAfter: options.ackAfter, held }
  const listener = await createNetwork().listen(options.listen, (connection) => {
    open.add(connection)
    const producer = new BareConnection(connection, shared, () => open.delete(connection))
    return producer
  })
  return {
    address: { host: listener.host, port: listener.port },
    direct: store.direct,
    failed,
    close: async () => {
      await listener.close()
      for (const connection of open) connection.destroy()
      await store.close()
    },
  }
}

/** Cuts one connection's bytes into frames; all batches of one read are one commit. */
class BareConnection implements ConnectionHandler {
  readonly #connection: Connection
  readonly #shared: Shared
  readonly #gone: () => void
  /** A frame in pieces, prefix included: [0, have) has come, `want` is its whole length or 4. */
  #room = new Uint8Array(64 * 1024)
  #have = 0
  #want = 0
  #shape: ProduceShape | null = null
  #answer: AnswerTemplate | null = null
  #frameLength = 0
  /** Answers that wait for the commit: correlation id and partition of each, as they came. */
  #ids: number[] = []

  constructor(connection: Connection, shared: Shared, gone: () => void) {
    this.#connection = connection
    this.#shared = shared
    this.#gone = gone
  }

  receiveInto(): Uint8Array | null {
    const left = this.#want - this.#have
    return left < DIRECT_BYTES_MIN ? null : this.#room.subarray(this.#have, this.#want)
  }

  onBytes(view: Uint8Array): void {
    try {
      if (this.#want > PREFIX_BYTES && view.buffer === this.#room.buffer) {
        this.#have += view.length
        this.#completeIfWhole()
      } else this.#cut(view)
    } catch (error) {
      // The connection's wall: a peer that does not speak the one request is let go.
      if (!(error instanceof FormatError)) throw error
      this.#connection.destroy()
      return
    }
    if (this.#ids.length > 0) this.#commit()
  }

  onDrain(): void {
    // Answers are small: nothing waits for the queue.
  }

  onClose(): void {
    this.#shared.held.delete(this.#connection)
    this.#gone()
  }

  #cut(view: Uint8Array): void {
    let at = 0
    while (at < view.length) {
      if (this.#want === 0 && view.length - at >= PREFIX_BYTES) {
        const end = at + frameBytes(view, at)
        if (end <= view.length) {
          this.#take(view, at + PREFIX_BYTES, end)
          at = end
          continue
        }
      }
      if (this.#want === 0) this.#want = PREFIX_BYTES
      const count = Math.min(this.#want - this.#have, view.length - at)
      this.#room.set(view.subarray(at, at + count), this.#have)
      this.#have += count
      at += count
      this.#completeIfWhole()
    }
  }

  #completeIfWhole(): void {
    if (this.#have < this.#want) return
    if (this.#want === PREFIX_BYTES) {
      this.#want = frameBytes(this.#room, 0)
      if (this.#room.length < this.#want) this.#room = new Uint8Array(this.#want)
      return
    }
    const end = this.#want
    this.#have = this.#want = 0
    this.#take(this.#room, PREFIX_BYTES, end)
  }

  /** One whole frame, [from, end) of `bytes`. */
  #take(bytes: Uint8Array, from: number, end: number): void {
    const frame = bytes.subarray(from, end)
    // A generator's requests are alike; where the batch lies is read once for each length.
    if (this.#shape === null || this.#frameLength !== frame.length) {
      this.#shape = shapeOf(new DataView(frame.buffer, frame.byteOffset, frame.length))
      this.#answer = answerTo(frame, this.#shape)
      this.#frameLength = frame.length
    }
    const batch = frame.subarray(this.#shape.batchAt)
    const crc = this.#shared.crypto.crc32c(batch.subarray(CRC_FROM))
    if (crc !== uint32(batch, CRC_AT)) throw new FormatError('A batch fails its CRC')
    this.#shared.store.add(batch)
    const acks = frame[this.#shape.acksAt + 1]
    if (acks !== 0) this.#ids.push(uint32(frame, 4), uint32(frame, this.#shape.partitionAt))
    else this.#ids.push(-1, 0)
  }

  #commit(): void {
    const ids = this.#ids
    this.#ids = []
    this.#shared.store.commit(this.#shared.ackAfter, () => this.#acknowledge(ids))
    if (this.#shared.store.pressed) {
      this.#connection.pause()
      this.#shared.held.add(this.#connection)
    }
  }

  #acknowledge(ids: readonly number[]): void {
    const template = this.#answer
    if (template === null || ids[0] === -1) return
    const { length } = template.bytes
    const out = new Uint8Array((ids.length / 2) * length)
    for (let i = 0, at = 0; i < ids.length; i += 2, at += length) {
      out.set(template.bytes, at)
      putUint32(out, at + ANSWER_CORRELATION_AT, ids[i] as number)
      putUint32(out, at + template.partitionAt, ids[i + 1] as number)
    }
    this.#connection.write([out])
  }
}

/** Length of the frame at `at`, prefix included. */
function frameBytes(bytes: Uint8Array, at: number): number {
  const length = uint32(bytes, at)
  if (length > FRAME_BYTES_MAX) throw new FormatError('A frame is over the limit')
  return PREFIX_BYTES + length
}

function uint32(bytes: Uint8Array, at: number): number {
  const low =
    ((bytes[at + 1] as number) << 16) | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number)
  return (bytes[at] as number) * 0x1000000 + low
}

function putUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
}
