// xxHash32 (Yann Collet's specification, version 0.1.1): the checksum inside LZ4 frames. A plain
// function over a range of bytes, with nothing allocated but four numbers.
import { assert } from './assert.ts'

const P1 = 0x9e3779b1 | 0
const P2 = 0x85ebca77 | 0
const P3 = 0xc2b2ae3d | 0
const P4 = 0x27d4eb2f
const P5 = 0x165667b1

/** xxHash32 of `bytes[at, end)` with `seed`, unsigned. */
export function xxhash32(bytes: Uint8Array, at: number, end: number, seed = 0): number {
  assert(at >= 0 && at <= end, 'Hash range begins outside the bytes')
  assert(end <= bytes.length, 'Hash range ends outside the bytes')
  let i = at
  let hash = (seed + P5) | 0
  if (end - at >= 16) {
    let a = (seed + P1 + P2) | 0
    let b = (seed + P2) | 0
    let c = seed | 0
    let d = (seed - P1) | 0
    for (; i <= end - 16; i += 16) {
      a = round(a, word(bytes, i))
      b = round(b, word(bytes, i + 4))
      c = round(c, word(bytes, i + 8))
      d = round(d, word(bytes, i + 12))
    }
    hash = rotate(a, 1) + rotate(b, 7) + rotate(c, 12) + rotate(d, 18)
  }
  hash = (hash + end - at) | 0
  for (; i <= end - 4; i += 4) {
    hash = Math.imul(rotate((hash + Math.imul(word(bytes, i), P3)) | 0, 17), P4)
  }
  for (; i < end; i++) {
    hash = Math.imul(rotate((hash + Math.imul(bytes[i] as number, P5)) | 0, 11), P1)
  }
  hash = Math.imul(hash ^ (hash >>> 15), P2)
  hash = Math.imul(hash ^ (hash >>> 13), P3)
  return (hash ^ (hash >>> 16)) >>> 0
}

function round(lane: number, input: number): number {
  return Math.imul(rotate((lane + Math.imul(input, P2)) | 0, 13), P1)
}

function rotate(value: number, by: number): number {
  return (value << by) | (value >>> (32 - by))
}

function word(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  )
}
