// The answers of one connection, in the order of its requests. A slot is taken when a request is
// read and filled whenever its answer is known; what leaves the connection is the filled front of
// the queue, once a turn, in as few writes as there are gaps between records that are sent from
// where they lie. Slots are reused: an acknowledged produce costs no allocation but its bytes.
import { assert, must } from '../../base/assert.ts'
import type { ProduceAck } from '../../wire/fast/produce-response.ts'
import { produceAckBytes, writeProduceAck } from '../../wire/fast/produce-response.ts'

const EMPTY = new Uint8Array(0)

/** One answer: nothing yet, an acknowledged partition, or bytes. */
export class ResponseSlot implements ProduceAck {
  /** What it holds: 0 not known yet, 1 the acknowledgement in its fields, 2 `parts`. */
  state: 0 | 1 | 2 = 0
  source: Uint8Array = EMPTY
  start = 0
  end = 0
  version = 0
  correlationId = 0
  partition = 0
  baseOffset = -1
  logAppendTimeMs = -1
  logStartOffset = -1
  throttleTimeMs = 0
  parts: readonly Uint8Array[] = []
  /** Gives back the memory of `parts` once they were sent or dropped. */
  release: (() => void) | null = null
}

/** Slots kept for reuse, of all connections. */
const SPARE_MAX = 4096
const spare: ResponseSlot[] = []

/** The queue of one connection. */
export class ResponseQueue {
  #slots: ResponseSlot[] = []
  #head = 0

  /** Requests read and not yet answered. */
  get length(): number {
    return this.#slots.length - this.#head
  }

  /** The slot of the next request. */
  take(version: number, correlationId: number): ResponseSlot {
    const slot = spare.pop() ?? new ResponseSlot()
    slot.state = 0
    slot.version = version
    slot.correlationId = correlationId
    this.#slots.push(slot)
    return slot
  }

  /** Whether the oldest request is answered, so that a flush would send something. */
  get ready(): boolean {
    return this.#head < this.#slots.length && must(this.#slots[this.#head], 'slot').state !== 0
  }

  /**
   * Takes the answered front of the queue as parts to be written. `releases` receives what must be
   * called once they were sent.
   */
  drain(parts: Uint8Array[], releases: (() => void)[]): void {
    let acks = 0
    let from = this.#head
    let at = this.#head
    for (; at < this.#slots.length; at++) {
      const slot = must(this.#slots[at], 'slot')
      if (slot.state === 0) break
      if (slot.state === 1) {
        acks += produceAckBytes(slot.version, slot.end - slot.start)
        continue
      }
      if (acks > 0) parts.push(this.#writeAcks(from, at, acks))
      acks = 0
      from = at + 1
      for (const part of slot.parts) parts.push(part)
      if (slot.release !== null) releases.push(slot.release)
    }
    if (acks > 0) parts.push(this.#writeAcks(from, at, acks))
    for (let i = this.#head; i < at; i++) recycle(must(this.#slots[i], 'slot'))
    this.#head = at
    if (at === this.#slots.length) {
      this.#slots.length = 0
      this.#head = 0
    } else if (at > 256 && at * 2 > this.#slots.length) {
      this.#slots = this.#slots.slice(at)
      this.#head = 0
    }
  }

  /**
   * Drops everything: the connection is gone. Slots not yet answered are left to whoever fills
   * them.
   */
  clear(): void {
    for (let i = this.#head; i < this.#slots.length; i++) {
      const slot = must(this.#slots[i], 'slot')
      slot.release?.()
      slot.release = null
    }
    this.#slots.length = 0
    this.#head = 0
  }

  #writeAcks(from: number, to: number, size: number): Uint8Array {
    const bytes = new Uint8Array(size)
    let at = 0
    for (let i = from; i < to; i++) {
      at = writeProduceAck(bytes, at, must(this.#slots[i], 'slot'))
    }
    assert(at === size, 'Acknowledgements are as long as was measured')
    return bytes
  }
}

function recycle(slot: ResponseSlot): void {
  slot.parts = []
  slot.release = null
  slot.source = EMPTY
  if (spare.length < SPARE_MAX) spare.push(slot)
}
