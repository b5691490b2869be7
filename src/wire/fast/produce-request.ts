// A Produce request read where it lies: a cursor that is made once per connection and reset for
// each request. Topics come as ranges of bytes, to be compared with known names without decoding
// them, and records as ranges to be appended. `reset` walks the whole body first, so a request
// that does not parse is refused before anything of it is appended; stepping through it after
// that cannot fail. It accepts and refuses exactly what the table codec does.
import { assert } from '../../base/assert.ts'
import { FormatError } from '../../base/errors.ts'
import { Reader } from '../../base/reader.ts'
import { STRING_BYTES_MAX } from '../read-plan.ts'

const FIRST_FLEXIBLE = 9
const FIRST_TOPIC_ID = 13

/** Steps through the topics and partitions of one Produce request, versions 3 to 13. */
export class ProduceRequestCursor {
  version = 0
  acks = 0
  timeoutMs = 0
  /** The transactional id is bytes[at, end); at is -1 for null. */
  transactionalIdAt = -1
  transactionalIdEnd = -1
  /** Topics in the request. */
  topicCount = 0
  /** Partitions in all topics. */
  partitionCount = 0
  /** Bytes of records in all partitions. */
  recordsBytes = 0
  /** The current topic's name, or its 16-byte id from version 13 on, is bytes[at, end). */
  topicAt = 0
  topicEnd = 0
  /** Partitions in the current topic. */
  topicPartitionCount = 0
  /** The current partition. */
  partition = 0
  /** The current partition's records are bytes[at, end); at is -1 for null. */
  recordsAt = -1
  recordsEnd = -1

  #bytes: Uint8Array = new Uint8Array(0)
  #at = 0
  #end = 0
  #flexible = false
  #inTopic = false
  #topicsLeft = 0
  #partitionsLeft = 0

  /** Whose bytes the ranges are of: those given to `reset`, borrowed until the next one. */
  get bytes(): Uint8Array {
    return this.#bytes
  }

  /**
   * Takes the body bytes[at, end) of a request, checks all of it and stands before its first
   * topic. Returns where the body ends; what is behind is the caller's. Throws FormatError.
   */
  reset(bytes: Uint8Array, at: number, end: number, version: number): number {
    assert(version >= 3, 'Produce is read in a version below its range')
    assert(version <= 13, 'Produce is read in a version above its range')
    this.#bytes = bytes
    this.#at = at
    this.#end = end
    this.#flexible = version >= FIRST_FLEXIBLE
    this.version = version
    const length = this.#flexible ? this.#uvarint() - 1 : this.#int16()
    if (length > STRING_BYTES_MAX) throw new FormatError('A string is longer than 32767 bytes')
    this.transactionalIdAt = length < 0 ? -1 : this.#take(length)
    this.transactionalIdEnd = length < 0 ? -1 : this.#at
    this.acks = this.#int16()
    this.timeoutMs = this.#int32()
    this.topicCount = this.#count(version >= FIRST_TOPIC_ID ? 18 : this.#flexible ? 3 : 6)
    const topicsAt = this.#at
    const bodyEnd = this.#check()
    this.#at = topicsAt
    this.#topicsLeft = this.topicCount
    return bodyEnd
  }

  #check(): number {
    this.#inTopic = false
    this.#topicsLeft = this.topicCount
    this.partitionCount = 0
    this.recordsBytes = 0
    while (this.nextTopic()) {
      this.partitionCount += this.topicPartitionCount
      while (this.nextPartition()) this.recordsBytes += this.recordsEnd - this.recordsAt
    }
    if (this.#flexible) this.#skipTags()
    assert(!this.#inTopic, 'A Produce request ends inside a topic')
    return this.#at
  }

  /** The transactional id as text: made anew at each call. */
  transactionalId(): string | null {
    if (this.transactionalIdAt < 0) return null
    const reader = new Reader(this.#bytes, this.transactionalIdAt, this.transactionalIdEnd)
    return reader.text(reader.left)
  }

  /** Steps to the next topic, past what is left of the current one; false when there is none. */
  nextTopic(): boolean {
    if (this.#inTopic) {
      while (this.nextPartition());
      if (this.#flexible) this.#skipTags()
      this.#inTopic = false
    }
    if (this.#topicsLeft === 0) return false
    this.#topicsLeft--
    this.#inTopic = true
    const length =
      this.version >= FIRST_TOPIC_ID ? 16 : this.#flexible ? this.#uvarint() - 1 : this.#int16()
    if (length < 0) throw new FormatError('A topic name is null')
    if (length > STRING_BYTES_MAX) throw new FormatError('A string is longer than 32767 bytes')
    this.topicAt = this.#take(length)
    this.topicEnd = this.#at
    this.topicPartitionCount = this.#count(this.#flexible ? 6 : 8)
    this.#partitionsLeft = this.topicPartitionCount
    return true
  }

  /** Steps to the next partition of the current topic; false when there is none. */
  nextPartition(): boolean {
    if (this.#partitionsLeft === 0) return false
    this.#partitionsLeft--
    this.partition = this.#int32()
    const length = this.#flexible ? this.#uvarint() - 1 : this.#int32()
    this.recordsAt = length < 0 ? -1 : this.#take(length)
    this.recordsEnd = length < 0 ? -1 : this.#at
    if (this.#flexible) this.#skipTags()
    return true
  }

  /** A number of elements, held against what is left before it is believed. */
  #count(least: number): number {
    const count = this.#flexible ? this.#uvarint() - 1 : this.#int32()
    if (count < 0) throw new FormatError('A list that must not be null is null')
    if (count * least > this.#end - this.#at) {
      throw new FormatError('A list is longer than the message')
    }
    return count
  }

  #take(count: number): number {
    const at = this.#at
    if (count > this.#end - at) throw new FormatError('Bytes end inside a field')
    this.#at = at + count
    return at
  }

  #int16(): number {
    const at = this.#take(2)
    return (((this.#bytes[at] as number) << 24) >> 16) | (this.#bytes[at + 1] as number)
  }

  #int32(): number {
    const at = this.#take(4)
    const bytes = this.#bytes
    return (
      ((bytes[at] as number) << 24) |
      ((bytes[at + 1] as number) << 16) |
      ((bytes[at + 2] as number) << 8) |
      (bytes[at + 3] as number)
    )
  }

  #uvarint(): number {
    let value = 0
    let scale = 1
    for (let i = 0; i < 5; i++) {
      const byte = this.#bytes[this.#take(1)] as number
      value += (byte & 0x7f) * scale
      if (byte < 0x80) {
        if (value > 0xffffffff) break
        return value
      }
      scale *= 128
    }
    throw new FormatError('A varint is longer than 32 bits')
  }

  #skipTags(): void {
    for (let count = this.#uvarint(); count > 0; count--) {
      this.#uvarint()
      this.#take(this.#uvarint())
    }
  }
}
