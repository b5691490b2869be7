// Frames that wait for the end of their turn, as the parts of one write: headers and small payloads
// in memory of its own, larger payloads where they lie. Its memory is used again in every turn;
// what must wait longer than that is copied first.
import type { Frame, FramePlace } from './journal-format.ts'
import { FRAME_HEADER_BYTES, writeFrameHeader } from './journal-format.ts'
import { KiB } from '../../base/units.ts'

/**
 * Payloads below this size are copied beside their header; larger ones are written from where they
 * lie.
 */
const COPY_BELOW_BYTES = 4 * KiB
const MEMORY_BYTES = 256 * KiB

/** The frames of one write. */
export class StagedFrames {
  readonly #memory = new Uint8Array(MEMORY_BYTES)
  readonly #view = new DataView(this.#memory.buffer)
  #at = 0
  #runFrom = 0
  #parts: Uint8Array[] = []
  /** How many of the parts are copies that nobody else has. */
  #owned = 0
  #bytes = 0

  /** Bytes of all frames. */
  get bytes(): number {
    return this.#bytes
  }

  /** There is no room for another frame before `clear` or `own`. */
  get crowded(): boolean {
    return this.#at + FRAME_HEADER_BYTES > MEMORY_BYTES
  }

  /** Adds a frame that will stand at `place`. Its parts must not change until `clear` or `own`. */
  add(
    frame: Omit<Frame, 'topicId'> & { readonly topicIdBytes: Uint8Array },
    place: FramePlace,
    parts: readonly Uint8Array[],
  ): void {
    writeFrameHeader(this.#memory, this.#view, this.#at, frame, place)
    this.#at += FRAME_HEADER_BYTES
    this.#bytes += FRAME_HEADER_BYTES
    for (const part of parts) this.#add(part)
  }

  /** What is to be written, in order; valid until the next change. */
  parts(): readonly Uint8Array[] {
    this.#closeRun()
    return this.#parts
  }

  /** Forgets all frames: they were written. */
  clear(): void {
    this.#parts = []
    this.#owned = 0
    this.#bytes = 0
    this.#at = 0
    this.#runFrom = 0
  }

  /** Copies what lies elsewhere: whoever lent it may let go of it. */
  own(): void {
    this.#closeRun()
    const parts = this.#parts
    for (let i = this.#owned; i < parts.length; i++) {
      parts[i] = Uint8Array.from(parts[i] as Uint8Array)
    }
    this.#owned = parts.length
    this.#at = 0
    this.#runFrom = 0
  }

  #add(part: Uint8Array): void {
    this.#bytes += part.length
    if (part.length < COPY_BELOW_BYTES && this.#at + part.length <= MEMORY_BYTES) {
      this.#memory.set(part, this.#at)
      this.#at += part.length
      return
    }
    this.#closeRun()
    this.#parts.push(part)
  }

  /** What was copied since the last run becomes one part. */
  #closeRun(): void {
    if (this.#at === this.#runFrom) return
    this.#parts.push(this.#memory.subarray(this.#runFrom, this.#at))
    this.#runFrom = this.#at
  }
}
