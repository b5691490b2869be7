import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FormatError } from '../../src/base/errors.ts'
import { Reader } from '../../src/base/reader.ts'
import { offset } from '../../src/base/units.ts'
import { Writer } from '../../src/base/writer.ts'
import { AbortedList, type AbortedSpan } from '../../src/log/state/aborted.ts'

/** Aborted transactions with true last stable offsets, from random beginnings and lengths. */
const anySpans = fc
  .array(fc.tuple(fc.nat(60), fc.integer({ min: 1, max: 40 })), { maxLength: 30 })
  .map((raw) => {
    // No offset is both a first record and a marker, or one of them twice.
    const taken = new Set<number>()
    const spans: { producerId: number; first: number; last: number }[] = []
    raw.forEach(([first, length], producerId) => {
      if (taken.has(first + length) || taken.has(first)) return
      taken.add(first).add(first + length)
      spans.push({ producerId, first, last: first + length })
    })
    spans.sort((a, b) => a.last - b.last)
    return spans.map(({ producerId, first, last }): AbortedSpan => {
      const open = spans.filter((span) => span.first < last && span.last > last)
      const stable = Math.min(last + 1, ...open.map((span) => span.first))
      const [firstOffset, lastOffset] = [offset(first), offset(last)]
      return { producerId, firstOffset, lastOffset, lastStableOffset: offset(stable) }
    })
  })

const listOf = (spans: readonly AbortedSpan[]): AbortedList => {
  const list = new AbortedList()
  for (const span of spans) list.push(span)
  return list
}

describe('AbortedList', () => {
  it('collect() finds every overlap over two segments and stops when none is left [F10]', () => {
    fc.assert(
      fc.property(anySpans, fc.nat(90), fc.nat(30), fc.nat(100), (spans, from, length, border) => {
        const to = from + Math.max(length, 1)
        const older = listOf(spans.filter((span) => span.lastOffset < border))
        const newer = listOf(spans.filter((span) => span.lastOffset >= border))
        const found: AbortedSpan[] = []
        if (!older.collect(offset(from), offset(to), found)) {
          newer.collect(offset(from), offset(to), found)
        }
        const expected = spans.filter((span) => span.lastOffset >= from && span.firstOffset < to)
        expect(found).toEqual(expected)
      }),
      { numRuns: 500 },
    )
  })

  it('truncateFromEnd() forgets markers at or behind the new end', () => {
    const span = (first: number, last: number): AbortedSpan => ({
      producerId: 1,
      firstOffset: offset(first),
      lastOffset: offset(last),
      lastStableOffset: offset(last + 1),
    })
    const list = listOf([span(0, 4), span(5, 9), span(10, 12)])
    list.truncateFromEnd(offset(9))
    expect(list.spans.map((s) => s.lastOffset)).toEqual([4])
  })

  it('decode() reads what encode() wrote, in pieces too, and refuses disorder', () => {
    fc.assert(
      fc.property(anySpans, fc.nat(30), (spans, split) => {
        const list = listOf(spans)
        const first = Math.min(split, spans.length)
        const to = new Writer()
        listOf(spans.slice(0, first)).encode(to)
        list.encode(to, first)
        const decoded = new AbortedList()
        const from = new Reader(to.bytes())
        decoded.decode(from)
        decoded.decode(from)
        expect(decoded.spans).toEqual(spans)
        if (spans.length > 1) {
          const wrong = new Reader(to.bytes())
          const twice = listOf(spans)
          expect(() => {
            twice.decode(wrong)
            twice.decode(wrong)
          }).toThrow(FormatError)
        }
      }),
      { numRuns: 50 },
    )
    const lying = new Reader(Uint8Array.of(255, 255, 255, 255, 0))
    expect(() => new AbortedList().decode(lying)).toThrow(FormatError)
  })
})
