import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FormatError } from '../../src/base/errors.ts'
import { KiB, MiB } from '../../src/base/units.ts'
import { FrameInput } from '../../src/broker/kafka/frame-input.ts'
import { FrameMemory } from '../../src/broker/kafka/frame-memory.ts'

const LIMIT = 8 * MiB

/** A frame of `size` bytes that starts with its number, and its prefix. */
function frame(size: number, number: number): Uint8Array {
  const bytes = new Uint8Array(4 + size).fill(number & 0xff)
  new DataView(bytes.buffer).setInt32(0, size)
  return bytes
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

/** Feeds bytes as a transport does: into the target when there is one, else into its own memory. */
function deliver(input: FrameInput, bytes: Uint8Array, sizes: readonly number[]): void {
  const shared = new Uint8Array(256 * KiB)
  let at = 0
  for (let i = 0; at < bytes.length; i++) {
    const target = input.target() ?? shared
    const size = Math.max(1, sizes[i % sizes.length] ?? 1)
    const count = Math.min(size, target.length, bytes.length - at)
    target.set(bytes.subarray(at, at + count))
    at += count
    input.push(target.subarray(0, count))
    shared.fill(0xee)
  }
}

/** Takes frames down as copies; stops after those whose index `stops` says. */
function taker(stops: (index: number) => boolean = () => false): {
  readonly frames: Uint8Array[]
  take(bytes: Uint8Array, at: number, end: number): 'more' | 'stop'
} {
  const frames: Uint8Array[] = []
  return {
    frames,
    take(bytes, at, end) {
      frames.push(Uint8Array.from(bytes.subarray(at, end)))
      return stops(frames.length - 1) ? 'stop' : 'more'
    },
  }
}

const anySizes = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.integer({ min: 0, max: 200 }) },
    { weight: 2, arbitrary: fc.integer({ min: 4000, max: 4200 }) },
    { weight: 1, arbitrary: fc.integer({ min: 15 * KiB, max: 200 * KiB }) },
  ),
  { minLength: 1, maxLength: 12 },
)
const anyPieces = fc.array(
  fc.oneof(fc.integer({ min: 1, max: 7 }), fc.integer({ min: 1, max: 300 * KiB })),
  { minLength: 1, maxLength: 6 },
)

const expected = (sizes: readonly number[]): Uint8Array[] =>
  sizes.map((size, i) => frame(size, i + 1).subarray(4))

describe('FrameInput', () => {
  it('push() hands out every frame once and in order, however the bytes are cut', () => {
    fc.assert(
      fc.property(anySizes, anyPieces, (sizes, pieces) => {
        // Big frames in pieces of a few bytes take long and show nothing new.
        const total = sizes.reduce((sum, size) => sum + size, 0)
        const cut = total > 50_000 ? pieces.map((piece) => Math.max(piece, 997)) : pieces
        const memory = new FrameMemory(64 * MiB)
        const { frames, take } = taker()
        const input = new FrameInput(memory, LIMIT, take)
        deliver(input, joined(sizes.map((size, i) => frame(size, i + 1))), cut)
        expect(frames.length).toBe(sizes.length)
        for (const [i, bytes] of expected(sizes).entries()) {
          expect(Buffer.compare(frames[i] as Uint8Array, bytes)).toBe(0)
        }
        expect(memory.usedBytes).toBe(0)
      }),
      { numRuns: 60 },
    )
  })

  it('push() hands out three small frames the same at every pair of cuts', () => {
    const bytes = joined([frame(3, 1), frame(0, 2), frame(5, 3)])
    for (let a = 1; a < bytes.length; a++) {
      for (let b = a; b < bytes.length; b++) {
        const { frames, take } = taker()
        const input = new FrameInput(new FrameMemory(MiB), LIMIT, take)
        for (const part of [bytes.subarray(0, a), bytes.subarray(a, b), bytes.subarray(b)]) {
          input.push(Uint8Array.from(part))
        }
        expect(frames).toEqual(expected([3, 0, 5]))
      }
    }
  })

  it('resume() goes on where a stopped consumer left off, and loses and doubles nothing', () => {
    fc.assert(
      fc.property(anySizes, anyPieces, fc.integer({ min: 1, max: 4 }), (sizes, pieces, every) => {
        const memory = new FrameMemory(64 * MiB)
        const { frames, take } = taker((index) => index % every === 0)
        const input = new FrameInput(memory, LIMIT, take)
        const cut = pieces.map((piece) => Math.max(piece, 997))
        deliver(input, joined(sizes.map((size, i) => frame(size, i + 1))), cut)
        for (let tries = 0; input.stopped && tries < 100; tries++) input.resume()
        expect(frames.length).toBe(sizes.length)
        for (const [i, bytes] of expected(sizes).entries()) {
          expect(Buffer.compare(frames[i] as Uint8Array, bytes)).toBe(0)
        }
        expect(memory.usedBytes).toBe(0)
        expect(memory.asideBytes).toBe(0)
      }),
      { numRuns: 60 },
    )
  })

  it('starves without memory, keeps what came, and finishes once memory has come back', () => {
    const memory = new FrameMemory(MiB)
    const { frames, take } = taker()
    const bytes = joined([frame(900 * KiB, 1), frame(10, 2)])
    const inputs = Array.from({ length: 5 }, () => new FrameInput(memory, LIMIT, take))
    let waiting = 0
    for (const input of inputs) {
      const again = (): void => {
        input.resume()
        if (input.starved) memory.onFreed(again)
      }
      for (let at = 0; at < bytes.length; at += 100 * KiB) {
        input.push(Uint8Array.from(bytes.subarray(at, at + 100 * KiB)))
        if (input.starved) memory.onFreed(again)
      }
      if (input.starved) waiting++
      else expect(input.stopped).toBe(false)
    }
    // All data came at once, so whoever could finish has; the others follow as memory comes back.
    const filler = memory.take(8 * KiB)
    if (filler !== null) memory.give(filler)
    expect(waiting).toBeLessThan(5)
    expect(frames.filter((one) => one.length === 900 * KiB)).toHaveLength(5)
    expect(frames.filter((one) => one.length === 10)).toHaveLength(5)
    expect(memory.usedBytes).toBe(0)
    expect(memory.asideBytes).toBe(0)
  })

  it('half frames that fill the budget starve others, who finish when one of them goes', () => {
    const memory = new FrameMemory(MiB)
    const { frames, take } = taker()
    const hogs = Array.from({ length: 8 }, () => new FrameInput(memory, LIMIT, take))
    for (const hog of hogs) {
      for (let i = 0; i < 8 && !hog.starved; i++) {
        hog.push(i === 0 ? frame(7 * MiB, 9).subarray(0, 64 * KiB) : new Uint8Array(64 * KiB))
      }
    }
    const honest = new FrameInput(memory, LIMIT, take)
    const bytes = frame(40 * KiB, 1)
    honest.push(Uint8Array.from(bytes.subarray(0, 20 * KiB)))
    honest.push(Uint8Array.from(bytes.subarray(20 * KiB)))
    expect(honest.starved).toBe(true)
    memory.onFreed(() => honest.resume())
    for (const hog of hogs) hog.close()
    expect(frames).toHaveLength(1)
    expect(memory.usedBytes).toBe(0)
    expect(memory.asideBytes).toBe(0)
    expect(memory.starving).toBe(false)
  })

  it('gives its room back when the frame fails', () => {
    const memory = new FrameMemory(MiB)
    const input = new FrameInput(memory, LIMIT, () => {
      throw new FormatError('bad')
    })
    const bytes = frame(100 * KiB, 1)
    input.push(Uint8Array.from(bytes.subarray(0, 50 * KiB)))
    expect(memory.usedBytes).toBeGreaterThan(0)
    expect(() => input.push(Uint8Array.from(bytes.subarray(50 * KiB)))).toThrow(FormatError)
    input.close()
    expect(memory.usedBytes).toBe(0)
  })

  it.each([-1, -2147483648, LIMIT + 1, 0x7fffffff])('refuses the length %d at once', (length) => {
    const memory = new FrameMemory(MiB)
    const input = new FrameInput(memory, LIMIT, () => 'more')
    const bytes = new Uint8Array(4)
    new DataView(bytes.buffer).setInt32(0, length)
    input.push(bytes.subarray(0, 3))
    expect(() => input.push(bytes.subarray(3))).toThrow(FormatError)
    expect(memory.usedBytes).toBe(0)
  })

  it('announced bytes cost no memory', () => {
    const memory = new FrameMemory(MiB)
    const inputs = Array.from({ length: 5000 }, () => new FrameInput(memory, LIMIT, () => 'more'))
    for (const input of inputs) input.push(frame(0, 0).fill(0).subarray(0, 3))
    for (const input of inputs) input.push(new Uint8Array([0]))
    const announcers = inputs.map(() => new FrameInput(memory, LIMIT, () => 'more'))
    const prefix = new Uint8Array(4)
    new DataView(prefix.buffer).setInt32(0, LIMIT)
    for (const input of announcers) input.push(Uint8Array.from(prefix))
    expect(memory.usedBytes).toBe(0)
  })

  it('bytes set aside have a limit, and closing gives them back', () => {
    const memory = new FrameMemory(MiB)
    const inputs: FrameInput[] = []
    let refused = 0
    for (let i = 0; i < 40; i++) {
      const input = new FrameInput(memory, LIMIT, () => 'stop')
      inputs.push(input)
      try {
        input.push(joined([frame(10, 1), new Uint8Array(200 * KiB)]))
      } catch {
        refused++
      }
    }
    expect(memory.asideBytes).toBeLessThanOrEqual(4 * MiB)
    expect(refused).toBe(20)
    for (const input of inputs) input.close()
    expect(memory.asideBytes).toBe(0)
  })

  it('target() asks for small pieces while memory is short', () => {
    const memory = new FrameMemory(MiB)
    const input = new FrameInput(memory, LIMIT, () => 'more')
    expect(input.target()).toBeNull()
    const room = memory.take(900 * KiB)
    expect(input.target()?.length).toBe(8 * KiB)
    if (room !== null) memory.give(room)
    expect(input.target()).toBeNull()
  })
})
