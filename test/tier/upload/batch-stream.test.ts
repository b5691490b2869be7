import { describe, expect, it } from 'vitest'
import { OperatingError } from '../../../src/base/errors.ts'
import { Prng } from '../../../src/base/prng.ts'
import { BatchStream } from '../../../src/tier/upload/batch-stream.ts'
import { crypto, flipped, joined, makeBatch } from '../../log/batches.ts'

const batches = [0, 1, 40, 0, 700, 61, 3].map((size, i) =>
  makeBatch({ base: i * 3, count: 3, size }),
)
const bytes = joined(batches)

/** What is seen of `data` when it comes in pieces that end at `ends`. */
function pass(data: Uint8Array, ends: readonly number[]): string[] {
  const seen: string[] = []
  const stream = new BatchStream(crypto, (headerView, length, position) => {
    seen.push(`${position} ${length} ${Buffer.from(headerView).toString('hex')}`)
  })
  let at = 0
  for (const end of [...ends, data.length]) {
    stream.push(data.subarray(at, end))
    at = end
  }
  stream.finish()
  expect(stream.position).toBe(data.length)
  return seen
}

let position = 0
const expected = batches.map((batch) => {
  const from = position
  position += batch.length
  return `${from} ${batch.length} ${Buffer.from(batch.subarray(0, 61)).toString('hex')}`
})

describe('BatchStream', () => {
  it('sees the same batches in pieces of any size', () => {
    for (let size = 1; size <= bytes.length; size++) {
      const ends = Array.from(
        { length: Math.ceil(bytes.length / size) - 1 },
        (_, i) => size * (i + 1),
      )
      expect(pass(bytes, ends)).toEqual(expected)
    }
    const prng = new Prng(4)
    for (let i = 0; i < 200; i++) {
      const ends = Array.from({ length: prng.below(20) }, () => prng.below(bytes.length + 1))
      expect(
        pass(
          bytes,
          ends.sort((a, b) => a - b),
        ),
      ).toEqual(expected)
    }
  })

  it('finds every bit that is turned over behind the prefix, and lengths that are', () => {
    const prng = new Prng(5)
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const byte = bit >>> 3
      const inBatch = byte - expectedStart(byte)
      // Base offset, epoch and magic lie outside of a batch's CRC: the index knows them.
      if (inBatch < 8 || (inBatch >= 12 && inBatch < 17)) continue
      const cut = prng.below(bytes.length)
      expect(() => pass(flipped(bytes, bit), [cut])).toThrow(OperatingError)
    }
  })

  it('finds where bytes are missing at the end', () => {
    const borders = new Set(expected.map((line) => Number(line.split(' ')[0])))
    for (let size = 0; size < bytes.length; size++) {
      const cut = (): string[] => pass(bytes.subarray(0, size), [])
      if (borders.has(size)) expect(cut().length).toBeLessThan(batches.length)
      else expect(cut).toThrow('cut short')
    }
  })
})

/** Where the batch begins that has byte `at`. */
function expectedStart(at: number): number {
  return Math.max(...expected.map((line) => Number(line.split(' ')[0])).filter((one) => one <= at))
}
