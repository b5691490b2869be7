// Frames: an int32 length, then that many bytes. A length is judged before a byte of its frame is
// waited for or given room: negative or above the limit is a FormatError and the end of the
// connection. The assembler takes chunks as they come off a socket and hands out whole frames.
import { assert } from '../base/assert.ts'
import { FormatError } from '../base/errors.ts'
import type { Writer } from '../base/writer.ts'
import { encode } from './codec.ts'
import { writeRequestHeader, writeResponseHeader } from './headers.ts'
import type { Api } from './registry.ts'
import type { Input, Schema } from './schema.ts'

/** Bytes of the length in front of a frame. */
export const FRAME_PREFIX_BYTES = 4

/** The least room a frame is given when it comes in pieces; it doubles as bytes arrive. */
const PIECES_BYTES_MIN = 4096

/** The length of the frame whose prefix stands at `at`, not counting the prefix. */
export function frameLength(bytes: Uint8Array, at: number, bytesMax: number): number {
  assert(at + FRAME_PREFIX_BYTES <= bytes.length, 'A frame prefix is read before it is there')
  const [a, b, c, d] = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]
  const length =
    ((a as number) << 24) | ((b as number) << 16) | ((c as number) << 8) | (d as number)
  if (length < 0) throw new FormatError(`A frame has the negative length ${length}`)
  if (length > bytesMax) throw new FormatError(`A frame of ${length} bytes is over ${bytesMax}`)
  return length
}

/**
 * Makes whole frames of chunks. A frame that lies in one chunk is handed out as a view of it; one
 * in pieces is copied together in room that grows with what has arrived, not with what was
 * announced. At most one frame's bytes are held.
 */
export class FrameAssembler {
  /** Limit on a frame's length, inclusive, without the prefix; may be raised between frames. */
  bytesMax: number
  #held: Uint8Array = new Uint8Array(0)
  #heldBytes = 0
  /** Bytes of prefix and frame that are being collected; 0 while the prefix is not complete. */
  #wanted = 0

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax
  }

  /** Bytes held of a frame that is not complete. */
  get pendingBytes(): number {
    return this.#heldBytes
  }

  /**
   * Takes one chunk and calls `onFrame` with each frame it completes, in order, without prefix.
   * The view belongs to whoever the chunk belongs to, or to the callee if the frame came in
   * pieces. Throws FormatError for a bad length; the assembler is then of no more use.
   */
  push(chunk: Uint8Array, onFrame: (frame: Uint8Array) => void): void {
    let at = 0
    while (at < chunk.length) {
      at = this.#heldBytes > 0 ? this.#collect(chunk, at, onFrame) : this.#pass(chunk, at, onFrame)
    }
  }

  /** Hands out a frame that lies whole in the chunk, or begins to hold one that does not. */
  #pass(chunk: Uint8Array, at: number, onFrame: (frame: Uint8Array) => void): number {
    const left = chunk.length - at
    if (left >= FRAME_PREFIX_BYTES) {
      const end = at + FRAME_PREFIX_BYTES + frameLength(chunk, at, this.bytesMax)
      if (end <= chunk.length) {
        onFrame(chunk.subarray(at + FRAME_PREFIX_BYTES, end))
        return end
      }
    }
    this.#wanted = 0
    return this.#collect(chunk, at, onFrame)
  }

  #collect(chunk: Uint8Array, from: number, onFrame: (frame: Uint8Array) => void): number {
    let at = from
    if (this.#wanted === 0) {
      at = this.#hold(chunk, at, FRAME_PREFIX_BYTES)
      if (this.#heldBytes < FRAME_PREFIX_BYTES) return at
      this.#wanted = FRAME_PREFIX_BYTES + frameLength(this.#held, 0, this.bytesMax)
    }
    at = this.#hold(chunk, at, this.#wanted)
    if (this.#heldBytes < this.#wanted) return at
    const frame = this.#held.subarray(FRAME_PREFIX_BYTES, this.#wanted)
    this.#held = new Uint8Array(0)
    this.#heldBytes = 0
    this.#wanted = 0
    onFrame(frame)
    return at
  }

  /** Copies from the chunk until `target` bytes are held or the chunk ends. */
  #hold(chunk: Uint8Array, at: number, target: number): number {
    const count = Math.min(target - this.#heldBytes, chunk.length - at)
    const total = this.#heldBytes + count
    if (total > this.#held.length) {
      const room = Math.max(PIECES_BYTES_MIN, this.#held.length * 2, total)
      const grown = new Uint8Array(this.#wanted === 0 ? room : Math.min(room, this.#wanted))
      grown.set(this.#held.subarray(0, this.#heldBytes))
      this.#held = grown
    }
    this.#held.set(chunk.subarray(at, at + count), this.#heldBytes)
    this.#heldBytes = total
    return at + count
  }
}

/** Writes a whole response frame: length, header, body. Throws what `encode` throws. */
export function writeResponseFrame<T>(
  writer: Writer,
  api: Api,
  response: {
    readonly schema: Schema<T>
    readonly apiVersion: number
    readonly correlationId: number
    readonly body: Input<T>
  },
): void {
  const at = writer.reserve(FRAME_PREFIX_BYTES)
  writeResponseHeader(writer, api, response)
  encode(response.schema, response.apiVersion, response.body, writer)
  writer.patchInt32(at, writer.at - at - FRAME_PREFIX_BYTES)
}

/** Writes a whole request frame, as a client does: length, header, body. */
export function writeRequestFrame<T>(
  writer: Writer,
  api: Api,
  request: {
    readonly schema: Schema<T>
    readonly apiVersion: number
    readonly correlationId: number
    readonly clientId: string | null
    readonly body: Input<T>
  },
): void {
  const at = writer.reserve(FRAME_PREFIX_BYTES)
  writeRequestHeader(writer, api, request)
  encode(request.schema, request.apiVersion, request.body, writer)
  writer.patchInt32(at, writer.at - at - FRAME_PREFIX_BYTES)
}
