// Memory of pieces: what is given back is used again, and whoever keeps nothing takes no more than
// was asked for.
import { expect, test } from 'vitest'
import { MiB } from '../../../src/base/units.ts'
import { PartMemory } from '../../../src/tier/upload/part-memory.ts'

test('PartMemory.take() gives what came back', () => {
  const memory = new PartMemory(16 * MiB)
  const first = memory.take(100)
  expect(first.length).toBe(100)
  memory.give(first.subarray(10))
  expect(memory.take(5000).buffer).toBe(first.buffer)
  expect(memory.take(100).buffer).not.toBe(first.buffer)
})

test('PartMemory.take() of one that keeps nothing costs about what was asked for', () => {
  const memory = new PartMemory(0)
  const pieces = Array.from({ length: 8 }, () => memory.take(3000))
  expect(pieces.map(({ length }) => length)).toEqual(Array(8).fill(3000))
  const places = new Set(
    pieces.map(({ byteOffset, buffer }) => `${buffer.byteLength} ${byteOffset}`),
  )
  expect(places.size).toBe(8)
  for (const { buffer, byteOffset } of pieces) {
    expect(buffer.byteLength).toBeLessThanOrEqual(MiB)
    expect(byteOffset % 4096).toBe(0)
  }
})
