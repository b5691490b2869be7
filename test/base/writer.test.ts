import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Reader } from '../../src/base/reader.ts'
import { Writer } from '../../src/base/writer.ts'

describe('Writer.varlong()', () => {
  it('writes the zigzag of every safe integer, in as few bytes as it takes', () => {
    const largest = Number.MAX_SAFE_INTEGER
    fc.assert(
      fc.property(
        fc.oneof(
          fc.maxSafeInteger(),
          fc.integer({ min: -300, max: 300 }),
          fc.constantFrom(largest, -largest, 63, 64, -64, -65, 8191, 8192, -8193),
        ),
        (value) => {
          const to = new Writer()
          to.varlong(value)
          let zigzag = (BigInt(value) << 1n) ^ (BigInt(value) >> 63n)
          const bytes: number[] = []
          for (; zigzag > 0x7fn; zigzag >>= 7n) bytes.push(Number(zigzag & 0x7fn) | 0x80)
          expect([...to.bytes()]).toEqual([...bytes, Number(zigzag)])
          expect(new Reader(to.bytes()).varlong()).toBe(value)
        },
      ),
      { numRuns: 1_000 },
    )
  })
})
