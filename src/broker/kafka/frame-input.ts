// Cuts one connection's bytes into frames. A frame that lies whole in the receive buffer is handed
// out where it is; one in pieces is gathered in a room of FrameMemory, into which the transport
// writes directly once the room is there. The consumer may stop between frames; what is left of the
// receive buffer is then kept aside. A bad length is a FormatError before anything is allocated.
// Room goes back whatever becomes of its frame: a frame that fails must not cost the others.
import { assert } from '../../base/assert.ts'
import { FormatError, OperatingError } from '../../base/errors.ts'
import { KiB } from '../../base/units.ts'
import { FRAME_ROOM_MIN } from './frame-memory.ts'
import type { FrameMemory } from './frame-memory.ts'

const PREFIX_BYTES = 4
/** A room at least this much short of its frame is worth receiving into. */
const DIRECT_BYTES_MIN = 16 * KiB
/** Room given at once to a peer that has completed a frame of such a size before. */
const GROWTH = 4
/** Where all connections receive while memory is short; consumed before the next read. */
const smallPieces = new Uint8Array(8 * KiB)

/** What becomes of a frame: `more` to go on, `stop` to keep the rest for `resume`. */
export type FrameTaker = (bytes: Uint8Array, at: number, end: number) => 'more' | 'stop'

/** The frames of one connection. */
export class FrameInput {
  readonly #memory: FrameMemory
  readonly #bytesMax: number
  readonly #take: FrameTaker
  #room: Uint8Array | null = null
  #have = 0
  /** Bytes of prefix and frame; 4 while the prefix is incomplete, 0 with nothing pending. */
  #want = 0
  /** The largest frame this peer has completed. */
  #largest = 0
  #rest: Uint8Array | null = null
  #stopped = false
  /** Waits for frame memory: the transport should be paused. */
  starved = false

  constructor(memory: FrameMemory, bytesMax: number, take: FrameTaker) {
    this.#memory = memory
    this.#bytesMax = bytesMax
    this.#take = take
  }

  /** Whether bytes are kept aside because the consumer stopped. */
  get stopped(): boolean {
    return this.#stopped
  }

  /** Whether it holds part of a frame in shared memory, or waits for such memory. */
  get gathering(): boolean {
    return this.starved || (this.#room !== null && this.#room.length > FRAME_ROOM_MIN)
  }

  /** Where the transport may put the next bytes; null for its own buffer. */
  target(): Uint8Array | null {
    const room = this.#room
    if (room !== null && !this.#stopped && this.#want - this.#have >= DIRECT_BYTES_MIN) {
      const end = Math.min(room.length, this.#want)
      if (end - this.#have >= DIRECT_BYTES_MIN) return room.subarray(this.#have, end)
    }
    return this.#memory.short ? smallPieces : null
  }

  /** Takes bytes that arrived; `view` may be the target. */
  push(view: Uint8Array): void {
    if (this.#stopped || this.starved) {
      this.#keep(view, 0)
      return
    }
    const room = this.#room
    if (
      room !== null &&
      view.buffer === room.buffer &&
      view.byteOffset === room.byteOffset + this.#have
    ) {
      this.#have += view.length
      if (this.#have === this.#want) this.#complete()
      else this.#grow()
      return
    }
    this.#run(view, 0)
  }

  /** Goes on after the consumer stopped or memory was short. */
  resume(): void {
    this.#stopped = false
    this.starved = false
    if (this.#room !== null && this.#want > PREFIX_BYTES && !this.#grow()) return
    const rest = this.#rest
    if (rest === null) return
    this.#rest = null
    this.#memory.takeUp(rest.length)
    this.#run(rest, 0)
  }

  /** Gives all memory back. */
  close(): void {
    if (this.#room !== null) this.#memory.give(this.#room)
    if (this.#rest !== null) this.#memory.takeUp(this.#rest.length)
    this.#room = null
    this.#rest = null
    this.#stopped = true
  }

  #run(bytes: Uint8Array, from: number): void {
    let at = from
    while (at < bytes.length) {
      if (this.#stopped || this.starved) {
        this.#keep(bytes, at)
        return
      }
      at = this.#room === null ? this.#whole(bytes, at) : this.#gather(bytes, at)
    }
  }

  /** Hands out the frame at `at` if it is all there, else begins to gather it. */
  #whole(bytes: Uint8Array, at: number): number {
    const left = bytes.length - at
    if (left >= PREFIX_BYTES) {
      const length = this.#lengthAt(bytes, at)
      const end = at + PREFIX_BYTES + length
      if (end <= bytes.length) {
        if (this.#take(bytes, at + PREFIX_BYTES, end) === 'stop') this.#stopped = true
        return end
      }
    }
    this.#have = 0
    this.#want = PREFIX_BYTES
    this.#room = this.#memory.take(0)
    return this.#gather(bytes, at)
  }

  #gather(bytes: Uint8Array, from: number): number {
    const room = this.#room
    assert(room !== null, 'A partial frame has a room')
    let at = from
    if (this.#want === PREFIX_BYTES) {
      at = this.#copy(bytes, at)
      if (this.#have < PREFIX_BYTES) return at
      this.#want = PREFIX_BYTES + this.#lengthAt(room, 0)
      if (this.#have < this.#want && !this.#grow()) return at
    }
    at = this.#copy(bytes, at)
    if (this.#have === this.#want) this.#complete()
    else this.#grow()
    return at
  }

  /** Copies as much as the room and the frame take. */
  #copy(bytes: Uint8Array, at: number): number {
    const room = this.#room
    assert(room !== null, 'A partial frame has a room')
    const end = Math.min(room.length, this.#want)
    const count = Math.min(end - this.#have, bytes.length - at)
    room.set(bytes.subarray(at, at + count), this.#have)
    this.#have += count
    return at + count
  }

  /** Makes the room larger when it is full; false, and starved, when there is no memory. */
  #grow(): boolean {
    const room = this.#room
    assert(room !== null, 'A partial frame has a room')
    if (this.#want <= room.length) return true
    const trusted = this.#want <= this.#largest
    if (this.#have < room.length && !trusted) return true
    const size = trusted
      ? this.#want
      : Math.min(this.#want, Math.max(room.length, this.#have) * GROWTH)
    const larger = this.#memory.take(size)
    if (larger === null) {
      if (this.#have < room.length) return true
      this.starved = true
      return false
    }
    larger.set(room.subarray(0, this.#have))
    this.#memory.give(room)
    this.#room = larger
    return true
  }

  #complete(): void {
    const room = this.#room
    assert(room !== null, 'A partial frame has a room')
    const end = this.#want
    this.#room = null
    this.#want = 0
    this.#have = 0
    if (end > this.#largest) this.#largest = end
    try {
      if (this.#take(room, PREFIX_BYTES, end) === 'stop') this.#stopped = true
    } finally {
      this.#memory.give(room)
    }
  }

  #keep(bytes: Uint8Array, at: number): void {
    const left = bytes.subarray(at)
    if (left.length === 0) return
    if (!this.#memory.setAside(left.length)) {
      throw new OperatingError('closed', 'Too many bytes of all connections wait to be handled')
    }
    if (this.#rest === null) {
      this.#rest = Uint8Array.from(left)
      return
    }
    const joined = new Uint8Array(this.#rest.length + left.length)
    joined.set(this.#rest)
    joined.set(left, this.#rest.length)
    this.#rest = joined
  }

  #lengthAt(bytes: Uint8Array, at: number): number {
    const length =
      ((bytes[at] as number) << 24) |
      ((bytes[at + 1] as number) << 16) |
      ((bytes[at + 2] as number) << 8) |
      (bytes[at + 3] as number)
    if (length < 0) throw new FormatError(`A frame has the negative length ${length}`)
    if (length > this.#bytesMax) {
      throw new FormatError(`A frame of ${length} bytes is over the limit of ${this.#bytesMax}`)
    }
    return length
  }
}
