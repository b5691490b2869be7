// Memory for what is read: what comes back is used again, what is foreign is left alone, and no
// more is kept than may be.
import { describe, expect, it } from 'vitest'
import { MiB } from '../../../src/base/units.ts'
import { Piece, ReadMemory } from '../../../src/tier/read/read-memory.ts'

describe('ReadMemory', () => {
  it('gives again what came back, to whoever wants about as much', () => {
    const memory = new ReadMemory(16 * MiB)
    const eight = memory.take(8 * MiB - 5)
    expect(eight.length).toBe(8 * MiB - 5)
    memory.give(eight)
    expect(memory.take(MiB).buffer).not.toBe(eight.buffer)
    expect(memory.take(5 * MiB).buffer).toBe(eight.buffer)
    expect(memory.take(5 * MiB).buffer).not.toBe(eight.buffer)
  })

  it('takes a piece back once, and nothing that is not its own', () => {
    const memory = new ReadMemory(16 * MiB)
    const piece = memory.take(2 * MiB)
    memory.give(piece)
    memory.give(piece)
    memory.give(new Uint8Array(MiB))
    expect(memory.freeBytes).toBe(2 * MiB)
  })

  it('keeps no more than it may, those that came last', () => {
    const memory = new ReadMemory(4 * MiB)
    const pieces = Array.from({ length: 6 }, () => memory.take(MiB))
    for (const piece of pieces) memory.give(piece)
    expect(memory.freeBytes).toBe(4 * MiB)
    expect(memory.take(MiB).buffer).toBe(pieces[5]?.buffer)
    memory.give(memory.take(32 * MiB))
    expect(memory.freeBytes).toBe(3 * MiB)
  })
})

describe('Piece', () => {
  it('goes back when the last one has let go', () => {
    const memory = new ReadMemory(4 * MiB)
    const piece = new Piece(memory.take(2 * MiB), memory, 2)
    piece.retain()
    piece.release()
    piece.release()
    expect(memory.freeBytes).toBe(0)
    piece.release()
    expect(memory.freeBytes).toBe(2 * MiB)
    expect(() => piece.release()).toThrow('let go')
    expect(() => piece.retain()).toThrow('not taken again')
  })
})
