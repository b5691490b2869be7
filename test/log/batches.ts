// Batches for these tests: a true v2 header with a true CRC over opaque bytes, which is all that
// this folder looks at, and real transaction markers, of which it reads the one record.
import { crc32c } from '@node-rs/crc32'
import { createHash } from 'node:crypto'
import { Writer } from '../../src/base/writer.ts'
import type { Crypto } from '../../src/ports/crypto.ts'
import type { DiskFile } from '../../src/ports/disk.ts'

/** The crypto port over npm and node, without randomness: nothing here draws any. */
export const crypto: Crypto = {
  crc32c: (bytes, seed = 0) => crc32c(bytes, seed),
  sha256: (bytes) => Uint8Array.from(createHash('sha256').update(bytes).digest()),
  digest: (bytes) => Promise.resolve(crypto.sha256(bytes)),
  randomBytes: (count) => new Uint8Array(count),
  random: () => 0.5,
  uuid: () => '00000000-0000-4000-8000-000000000000',
}

export interface BatchShape {
  readonly base: number
  readonly epoch?: number
  readonly count?: number
  readonly delta?: number
  readonly attributes?: number
  readonly time?: number
  readonly maxTime?: number
  readonly producerId?: number
  readonly producerEpoch?: number
  readonly sequence?: number
  /** Bytes of payload behind the header. */
  readonly size?: number
  readonly payload?: Uint8Array
}

/** One valid batch. */
export function makeBatch(shape: BatchShape): Uint8Array {
  const count = shape.count ?? 1
  const payload = shape.payload ?? filler(shape.size ?? 40, shape.base)
  const to = new Writer(61 + payload.length)
  to.int64(shape.base)
  to.int32(49 + payload.length)
  to.int32(shape.epoch ?? 0)
  to.int8(2)
  to.uint32(0)
  to.int16(shape.attributes ?? 0)
  to.int32(shape.delta ?? count - 1)
  to.int64(shape.time ?? 1_000)
  to.int64(shape.maxTime ?? shape.time ?? 1_000)
  to.int64(shape.producerId ?? -1)
  to.int16(shape.producerEpoch ?? -1)
  to.int32(shape.sequence ?? -1)
  to.int32(count)
  to.raw(payload)
  to.patchUint32(17, crypto.crc32c(to.bytes().subarray(21)))
  return to.copy()
}

/** A control batch that ends a transaction. */
export function makeMarker(
  shape: BatchShape & { readonly commit: boolean; readonly coordinatorEpoch: number },
): Uint8Array {
  const record = new Writer(32)
  record.int8(0) // attributes
  record.varint(0)
  record.varint(0)
  record.varint(4)
  record.int16(0)
  record.int16(shape.commit ? 1 : 0)
  record.varint(6)
  record.int16(0)
  record.int32(shape.coordinatorEpoch)
  record.varint(0)
  const payload = new Writer(32)
  payload.varint(record.at)
  payload.raw(record.bytes())
  return makeBatch({ ...shape, attributes: 0x30, payload: payload.copy() })
}

/** Bytes that look like nothing and never repeat a batch header; the same for the same seed. */
export function filler(size: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(size)
  let state = (seed * 2654435761 + 12345) >>> 0
  for (let i = 0; i < size; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    bytes[i] = state >>> 24
  }
  return bytes
}

/** All of `parts` in one piece. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

/** A copy of `bytes` with bit `bit` of the whole turned over. */
export function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = Uint8Array.from(bytes)
  copy[bit >>> 3] = (copy[bit >>> 3] as number) ^ (1 << (bit & 7))
  return copy
}

/** A file in memory. `reads` counts what was asked of it. */
export class MemoryFile implements DiskFile {
  readonly path = 'memory'
  readonly direct: boolean
  bytes: Uint8Array
  reads = 0

  constructor(bytes: Uint8Array = new Uint8Array(0), direct = false) {
    this.bytes = Uint8Array.from(bytes)
    this.direct = direct
  }

  writeNow(at: number, parts: readonly Uint8Array[]): void {
    const piece = joined(parts)
    const grown = new Uint8Array(Math.max(this.bytes.length, at + piece.length))
    grown.set(this.bytes)
    grown.set(piece, at)
    this.bytes = grown
  }

  async writeBehind(at: number, bytes: Uint8Array): Promise<void> {
    this.writeNow(at, [bytes])
  }

  async writeThrough(at: number, bytes: Uint8Array): Promise<void> {
    this.writeNow(at, [bytes])
  }

  async read(at: number, into: Uint8Array): Promise<number> {
    this.reads++
    if (this.direct && (at % 4096 !== 0 || into.length % 4096 !== 0)) throw new Error('unaligned')
    const part = this.bytes.subarray(at, at + into.length)
    into.set(part)
    return part.length
  }

  async sync(): Promise<void> {}

  async truncate(size: number): Promise<void> {
    const bytes = new Uint8Array(size)
    bytes.set(this.bytes.subarray(0, size))
    this.bytes = bytes
  }

  async size(): Promise<number> {
    return this.bytes.length
  }

  async close(): Promise<void> {}
}
