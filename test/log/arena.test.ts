import { describe, expect, it } from 'vitest'
import { MiB } from '../../src/base/units.ts'
import type { Chunk } from '../../src/log/cache/arena.ts'
import { Arena, CHUNK_SIZES } from '../../src/log/cache/arena.ts'

const LARGEST = CHUNK_SIZES.length - 1

/** An owner that only counts, as a segment would hold its chunks. */
class Owner {
  readonly chunks: Chunk[] = []

  evict(chunk: Chunk): void {
    expect(this.chunks[0]).toBe(chunk)
    this.chunks.shift()
  }
}

/** Takes, fills, retires, flushes and hands over one chunk. */
function flushed(arena: Arena, owner: Owner): Chunk | null {
  const chunk = arena.take(LARGEST, owner)
  if (chunk === null) return null
  owner.chunks.push(chunk)
  chunk.fill = chunk.flushed = chunk.bytes.length
  arena.retire(chunk)
  arena.handOver(chunk)
  return chunk
}

describe('Arena', () => {
  it('take() passes over a pinned chunk, and what its owner filled after it can still go', () => {
    const arena = new Arena(8 * MiB)
    const owner = new Owner()
    const first = flushed(arena, owner)
    if (first === null) throw new Error('no chunk')
    arena.pin(first)
    first.bytes.fill(7)
    for (let i = 0; i < 1000; i++) {
      const next = flushed(arena, owner)
      expect(next).not.toBeNull()
      next?.bytes.fill(1)
    }
    expect(first.bytes.every((byte) => byte === 7)).toBe(true)
    expect(arena.pinnedBytes).toBe(MiB)
    expect(arena.usedBytes).toBe(8 * MiB)
    arena.unpin(first)
    expect(arena.pinnedBytes).toBe(0)
    expect(arena.usedBytes).toBe(7 * MiB)
  })

  it('release() of a pinned chunk keeps its memory until the last pin is gone', () => {
    const arena = new Arena(MiB)
    const owner = new Owner()
    const chunk = flushed(arena, owner)
    if (chunk === null) throw new Error('no chunk')
    arena.pin(chunk)
    arena.pin(chunk)
    arena.release(chunk)
    expect(arena.take(0, owner)).toBeNull()
    arena.unpin(chunk)
    expect(arena.take(0, owner)).toBeNull()
    arena.unpin(chunk)
    expect(arena.take(0, owner)).not.toBeNull()
  })

  it('mayPin() allows a quarter of the memory', () => {
    const arena = new Arena(8 * MiB)
    const owner = new Owner()
    expect(arena.mayPin(2 * MiB)).toBe(true)
    expect(arena.mayPin(2 * MiB + 1)).toBe(false)
    const chunk = flushed(arena, owner)
    if (chunk === null) throw new Error('no chunk')
    arena.pin(chunk)
    expect(arena.mayPin(MiB)).toBe(true)
    expect(arena.mayPin(MiB + 1)).toBe(false)
  })

  it('take() is null while every chunk is open or unflushed', () => {
    const arena = new Arena(2 * MiB)
    const owner = new Owner()
    expect(arena.take(LARGEST, owner)).not.toBeNull()
    expect(arena.take(LARGEST, owner)).not.toBeNull()
    expect(arena.take(0, owner)).toBeNull()
    expect(arena.heldBytes).toBe(2 * MiB)
  })
})
