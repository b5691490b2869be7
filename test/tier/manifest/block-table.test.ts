import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FormatError } from '../../../src/base/errors.ts'
import { KiB, MiB } from '../../../src/base/units.ts'
import {
  BLOCK_BYTES,
  BLOCK_ROW_BYTES,
  BlockTable,
  BlockTableBuilder,
} from '../../../src/tier/manifest/block-table.ts'

interface Placed {
  readonly position: number
  readonly length: number
  readonly delta: number
  /** Exclusive end of its offsets, counted like `delta`. */
  readonly end: number
  readonly time: number
}

const MIN_TIME = 1_000_000

/** Batches in a row: tiny, about a block, of several blocks, and up to the very border. */
const layout = fc
  .array(
    fc.record({
      length: fc.oneof(
        { weight: 4, arbitrary: fc.integer({ min: 61, max: 5 * KiB }) },
        { weight: 3, arbitrary: fc.integer({ min: 300 * KiB, max: 1200 * KiB }) },
        { weight: 2, arbitrary: fc.integer({ min: MiB, max: 5 * MiB }) },
        { weight: 1, arbitrary: fc.constant('border' as const) },
      ),
      offsets: fc.integer({ min: 1, max: 1000 }),
      gap: fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, fc.nat(500)),
      time: fc.oneof(
        { weight: 6, arbitrary: fc.integer({ min: 0, max: 10_000 }) },
        fc.integer({ min: -5_000_000, max: -1 }),
        fc.constantFrom(2 ** 32, 2 ** 47, 2 ** 48 - 2, 2 ** 48 - 1, 2 ** 48, 2 ** 52),
      ),
    }),
    { minLength: 1, maxLength: 40 },
  )
  .map((shapes) => {
    const batches: Placed[] = []
    let position = 0
    let delta = 0
    for (const { length, offsets, gap, time } of shapes) {
      const left = BLOCK_BYTES - (position % BLOCK_BYTES)
      const whole = length === 'border' ? left + (left < 61 ? BLOCK_BYTES : 0) : length
      delta += gap
      batches.push({ position, length: whole, delta, end: delta + offsets, time })
      position += whole
      delta += offsets
    }
    return { batches, dataLength: position }
  })

type Layout = typeof layout extends fc.Arbitrary<infer T> ? T : never

function build({ batches, dataLength }: Layout): BlockTable {
  const builder = new BlockTableBuilder(dataLength, MIN_TIME)
  for (const { position, delta, time } of batches) builder.batch(position, delta, MIN_TIME + time)
  const count = Math.ceil(dataLength / BLOCK_BYTES)
  for (let i = 0; i < count; i++) builder.hash(i, new Uint8Array(32).fill(i + 1))
  return builder.finish()
}

const blockOf = ({ position }: Placed): number => Math.floor(position / BLOCK_BYTES)
const told = (time: number): number => (time >= 2 ** 48 - 1 ? Infinity : Math.max(time, 0))

describe('BlockTable', () => {
  it('has the rows that its batches give', () => {
    fc.assert(
      fc.property(layout, (given) => {
        const table = build(given)
        expect(table.length).toBe(Math.ceil(given.dataLength / BLOCK_BYTES))
        let delta = 0
        for (let i = 0; i < table.length; i++) {
          const first = given.batches.find((batch) => blockOf(batch) === i)
          const upTo = given.batches.filter((batch) => blockOf(batch) <= i)
          if (first !== undefined) delta = first.delta
          expect(table.startAt(i)).toBe(first?.position ?? -1)
          expect(table.deltaAt(i)).toBe(delta)
          expect(table.timeAt(i)).toBe(Math.max(...upTo.map(({ time }) => told(time))))
          expect(table.hashAt(i)).toEqual(new Uint8Array(16).fill(i + 1))
          const behind = given.batches.find((batch) => blockOf(batch) > i)
          expect(table.startBehind(i, given.dataLength)).toBe(behind?.position ?? given.dataLength)
        }
      }),
      { numRuns: 200 },
    )
  })

  it('floor() leads to the batch of every offset', () => {
    fc.assert(
      fc.property(layout, (given) => {
        const table = build(given)
        for (const [at, batch] of given.batches.entries()) {
          // The last block in which a batch begins at or below the offset.
          for (const target of [batch.delta, batch.end - 1]) {
            const below = given.batches.filter(({ delta }) => delta <= target)
            const starts = below.filter(
              (one) => given.batches.find((other) => blockOf(other) === blockOf(one)) === one,
            )
            const block = table.floor(target)
            expect(block).toBe(blockOf(starts.at(-1) ?? batch))
            expect(table.startAt(block)).toBeGreaterThanOrEqual(0)
            expect(table.startAt(block)).toBeLessThanOrEqual(batch.position)
            // And all of the batch lies before what begins behind the block that it begins in.
            const end = table.startBehind(blockOf(batch), given.dataLength)
            expect(end).toBeGreaterThanOrEqual(batch.position + batch.length)
          }
          if (at === 0) expect(table.floor(batch.delta - 1)).toBe(0)
        }
      }),
      { numRuns: 200 },
    )
  })

  it('firstReaching() leads to the first batch of every time', () => {
    fc.assert(
      fc.property(layout, fc.integer({ min: -1000, max: 12_000 }), (given, any) => {
        const table = build(given)
        for (const time of [any, 0, 1, 2 ** 48, ...given.batches.map((batch) => batch.time)]) {
          const first = given.batches.find((batch) => told(batch.time) >= time)
          expect(table.firstReaching(time)).toBe(first === undefined ? -1 : blockOf(first))
        }
      }),
      { numRuns: 200 },
    )
  })

  it('tells a time of 2^48 - 1 ms and more as too large to tell', () => {
    const builder = new BlockTableBuilder(2 * BLOCK_BYTES, -5)
    builder.batch(0, 0, 2 ** 48 - 7)
    builder.batch(BLOCK_BYTES, 1, 2 ** 48 - 6)
    const table = builder.finish()
    expect([table.timeAt(0), table.timeAt(1)]).toEqual([2 ** 48 - 2, Infinity])
    expect(table.firstReaching(Number.MAX_SAFE_INTEGER)).toBe(1)
  })

  it('of no data has no rows', () => {
    const table = new BlockTableBuilder(0, 0).finish()
    expect(table.length).toBe(0)
    expect(table.firstReaching(0)).toBe(-1)
  })

  it('refuses rows that are cut short', () => {
    fc.assert(
      fc.property(fc.nat(300), (size) => {
        const make = (): BlockTable => new BlockTable(new Uint8Array(size))
        if (size % BLOCK_ROW_BYTES === 0) expect(make().length).toBe(size / BLOCK_ROW_BYTES)
        else expect(make).toThrow(FormatError)
      }),
    )
  })
})
