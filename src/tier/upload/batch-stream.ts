// Follows the batches of a segment while its bytes pass by in pieces of any size: checks every
// batch's CRC without holding more of it than its header, and tells where each one lies. Where a
// batch straddles two pieces its header is put together and its CRC goes on with the next piece.
import { assert } from '../../base/assert.ts'
import { OperatingError } from '../../base/errors.ts'
import type { Crypto } from '../../ports/crypto.ts'
import { BATCH_HEADER_BYTES, batchBytesOf, crcOf } from '../../log/segment/batch-view.ts'

/** Where the bytes begin that a batch's CRC covers. */
const CRC_FROM = 21

/**
 * Called for each batch whose CRC holds: its first 61 bytes, borrowed; its size; where it begins.
 */
export type HeaderVisitor = (headerView: Uint8Array, length: number, position: number) => void

/** Checks a run of batches as it comes. */
export class BatchStream {
  readonly #crypto: Crypto
  readonly #visit: HeaderVisitor
  readonly #header = new Uint8Array(BATCH_HEADER_BYTES)
  /** Bytes of the current batch that have passed, and how many it has; 0 before they are known. */
  #passed = 0
  #length = 0
  #crc = 0
  #position = 0

  constructor(crypto: Crypto, visit: HeaderVisitor) {
    this.#crypto = crypto
    this.#visit = visit
  }

  /** Position behind the last whole batch. */
  get position(): number {
    return this.#position
  }

  /** Takes the next bytes. Throws `corrupt` when a batch is not what its producer sent. */
  push(bytes: Uint8Array): void {
    let at = 0
    while (at < bytes.length) {
      if (this.#passed < BATCH_HEADER_BYTES) {
        const count = Math.min(BATCH_HEADER_BYTES - this.#passed, bytes.length - at)
        this.#header.set(bytes.subarray(at, at + count), this.#passed)
        this.#passed += count
        at += count
        if (this.#passed < BATCH_HEADER_BYTES) return
        this.#length = batchBytesOf(this.#header, 0)
        if (this.#length < BATCH_HEADER_BYTES) throw this.#corrupt('has an impossible length')
        this.#crc = this.#crypto.crc32c(this.#header.subarray(CRC_FROM))
      }
      const count = Math.min(this.#length - this.#passed, bytes.length - at)
      if (count > 0) this.#crc = this.#crypto.crc32c(bytes.subarray(at, at + count), this.#crc)
      this.#passed += count
      at += count
      if (this.#passed === this.#length) this.#end()
    }
  }

  /** Throws `corrupt` unless the last byte that passed was the last of a batch. */
  finish(): void {
    if (this.#passed > 0) throw this.#corrupt('is cut short')
  }

  #end(): void {
    if (this.#crc !== crcOf(this.#header, 0)) throw this.#corrupt('fails its CRC')
    this.#visit(this.#header, this.#length, this.#position)
    this.#position += this.#length
    assert(this.#length >= BATCH_HEADER_BYTES, 'A batch has a header')
    this.#passed = 0
  }

  #corrupt(what: string): OperatingError {
    return new OperatingError('corrupt', `The batch at byte ${this.#position} ${what}`)
  }
}
