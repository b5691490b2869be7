// How one input becomes the next: changes that respect what binary protocols are made of, such as
// big-endian integers, lengths that count what follows, varints, and pieces of valid messages.
import type { Prng } from '../../src/base/prng.ts'

const EDGES = [0, 1, -1, 127, 128, 255, 256, 32767, -32768, 65535, 65536, 0x7fffffff, -0x80000000]

/** Changes `bytes` in one to eight steps; `others` are for splicing. At most `sizeMax` bytes. */
export function mutate(
  prng: Prng,
  bytes: Uint8Array,
  others: readonly Uint8Array[],
  sizeMax: number,
): Uint8Array {
  let out = Uint8Array.from(bytes)
  const steps = 1 << prng.below(4)
  for (let i = 0; i < steps; i++) {
    const step = STEPS[prng.below(STEPS.length)] ?? flipBit
    const other = others[prng.below(Math.max(1, others.length))] ?? out
    out = step(prng, out, other)
    if (out.length > sizeMax) out = out.slice(0, sizeMax)
  }
  return out
}

type Bytes = Uint8Array<ArrayBuffer>
type Step = (prng: Prng, bytes: Bytes, other: Uint8Array) => Bytes

const view = (bytes: Bytes): DataView => new DataView(bytes.buffer)
const place = (prng: Prng, bytes: Bytes, room: number): number =>
  prng.below(Math.max(1, bytes.length - room + 1))

function splice(bytes: Bytes, at: number, gone: number, added: Uint8Array): Bytes {
  const end = Math.min(bytes.length, at + gone)
  const out = new Uint8Array(bytes.length - (end - at) + added.length)
  out.set(bytes.subarray(0, at))
  out.set(added, at)
  out.set(bytes.subarray(end), at + added.length)
  return out
}

const flipBit: Step = (prng, bytes) => {
  if (bytes.length === 0) return prng.bytes(1 + prng.below(16)) as Bytes
  const at = prng.below(bytes.length)
  bytes[at] = (bytes[at] as number) ^ (1 << prng.below(8))
  return bytes
}

const setByte: Step = (prng, bytes) => {
  if (bytes.length > 0) bytes[prng.below(bytes.length)] = prng.below(256)
  return bytes
}

const edgeInt: Step = (prng, bytes) => {
  const width = 1 << prng.below(4)
  if (bytes.length < width) return bytes
  const at = place(prng, bytes, width)
  const value = EDGES[prng.below(EDGES.length)] ?? 0
  if (width === 1) view(bytes).setInt8(at, value)
  else if (width === 2) view(bytes).setInt16(at, value)
  else if (width === 4) view(bytes).setInt32(at, value)
  else view(bytes).setBigInt64(at, BigInt(value) << BigInt(prng.below(32)))
  return bytes
}

const addInt: Step = (prng, bytes) => {
  const wide = prng.chance(0.5)
  if (bytes.length < 4) return bytes
  const at = place(prng, bytes, 4)
  const delta = prng.between(-16, 17)
  if (wide) view(bytes).setInt32(at, view(bytes).getInt32(at) + delta)
  else view(bytes).setInt16(at, view(bytes).getInt16(at) + delta)
  return bytes
}

/** Makes four bytes count exactly what follows them. */
const fitLength: Step = (prng, bytes) => {
  if (bytes.length < 4) return bytes
  const at = place(prng, bytes, 4)
  view(bytes).setInt32(at, bytes.length - at - 4 - (prng.chance(0.2) ? prng.below(8) : 0))
  return bytes
}

const varint: Step = (prng, bytes) => {
  let value = prng.chance(0.5) ? prng.below(300) : prng.uint32()
  const encoded: number[] = []
  for (; value > 0x7f; value = Math.floor(value / 128)) encoded.push((value % 128) | 0x80)
  encoded.push(value)
  const at = place(prng, bytes, 0)
  return splice(bytes, at, prng.below(6), Uint8Array.from(encoded))
}

const remove: Step = (prng, bytes) => {
  const at = place(prng, bytes, 0)
  return splice(bytes, at, 1 + prng.below(prng.chance(0.2) ? 64 : 8), new Uint8Array(0))
}

const repeat: Step = (prng, bytes) => {
  const at = place(prng, bytes, 1)
  const piece = bytes.subarray(at, at + 1 + prng.below(32))
  return splice(bytes, at, 0, piece)
}

const insert: Step = (prng, bytes) => {
  const added = prng.chance(0.5)
    ? prng.bytes(1 + prng.below(8))
    : new Uint8Array(1 + prng.below(16)).fill(prng.chance(0.5) ? 0 : 0xff)
  return splice(bytes, place(prng, bytes, 0), 0, added)
}

/** A piece of another input at the same place, or anywhere. */
const cross: Step = (prng, bytes, other) => {
  if (other.length === 0) return bytes
  const from = prng.below(other.length)
  const piece = other.subarray(from, from + 1 + prng.below(Math.min(64, other.length - from)))
  const at = prng.chance(0.5) ? Math.min(from, bytes.length) : place(prng, bytes, 0)
  return splice(bytes, at, prng.chance(0.5) ? piece.length : 0, piece)
}

const cut: Step = (prng, bytes) => bytes.slice(0, prng.below(bytes.length + 1))

const STEPS: readonly Step[] = [
  flipBit,
  flipBit,
  setByte,
  setByte,
  edgeInt,
  edgeInt,
  addInt,
  fitLength,
  varint,
  remove,
  repeat,
  insert,
  cross,
  cross,
  cut,
]
