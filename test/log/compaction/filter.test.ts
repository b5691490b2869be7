// What is left of one batch, field by field.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { must } from '../../../src/base/assert.ts'
import { filterBatch, horizonOf } from '../../../src/log/compaction/filter.ts'
import type { FilteredBatch, KeepRules } from '../../../src/log/compaction/filter.ts'
import { CODECS } from '../../../src/ports/compression.ts'
import type { BatchOptions, NewRecord } from '../../../src/record/builder.ts'
import * as header from '../../../src/record/header.ts'
import { NOW, anyRecords, build, readAll, tools, utf8 } from '../../record/support.ts'

const NONE = { get: () => -1 }

const rules = (change: Partial<KeepRules> = {}): KeepRules => ({
  newest: NONE,
  mapEnd: 1_000_000,
  nowMs: NOW,
  horizonMs: NOW + 5_000,
  mustStay: () => false,
  ...change,
})

const filtered = (batch: Uint8Array, change: Partial<KeepRules> = {}): FilteredBatch =>
  filterBatch(batch, 0, batch.length, rules(change), tools)

const bytesOf = (left: FilteredBatch): Uint8Array => must(left.bytes, 'a batch that stays')

const crcHolds = (bytes: Uint8Array): boolean =>
  tools.crypto.crc32c(bytes.subarray(header.Field.attributes)) === header.crc(bytes, 0)

/** Every offset of a batch at 100 but those in `gone` is the newest of its key. */
const without = (...gone: number[]): KeepRules['newest'] => {
  const names = new Set(gone.map((offset) => `k${offset}`))
  return { get: (key) => (names.has(new TextDecoder().decode(key)) ? 10_000 : -1) }
}

const batch = (count: number, options: BatchOptions = {}, tombstones: number[] = []): Uint8Array =>
  build(
    Array.from({ length: count }, (_, i): NewRecord => ({
      timestampMs: NOW - 1_000 + i,
      key: utf8(`k${100 + i}`),
      value: tombstones.includes(100 + i) ? null : utf8(`v${i}`.repeat(20)),
      headers: [{ key: utf8('h'), value: utf8(`${i}`) }],
    })),
    { baseOffset: 100, leaderEpoch: 7, ...options },
  )

describe('filterBatch()', () => {
  test('gives a batch that loses nothing as the same bytes', () => {
    const whole = batch(3)
    const left = filtered(whole)
    expect(left.removed).toBe(0)
    expect(bytesOf(left).buffer).toBe(whole.buffer)
    expect(bytesOf(left)).toEqual(whole)
  })

  test.each(CODECS)('keeps all of the header but what must change, in %s', (codec) => {
    const producer = { producerId: 9, producerEpoch: 2, baseSequence: 40 }
    const whole = batch(6, { codec, ...producer })
    const left = filtered(whole, { newest: without(100, 103, 105) })
    const bytes = bytesOf(left)
    expect(left.removed).toBe(3)
    expect(crcHolds(bytes)).toBe(true)
    expect(header.batchLength(bytes, 0)).toBe(bytes.length)
    const same = [
      'baseOffset',
      'leaderEpoch',
      'producerId',
      'producerEpoch',
      'baseSequence',
    ] as const
    for (const field of same) expect(header[field](bytes, 0)).toBe(header[field](whole, 0))
    expect([header.codec(bytes, 0), header.lastOffsetDelta(bytes, 0)]).toEqual([codec, 5])
    expect([header.recordCount(bytes, 0), header.maxTimestamp(bytes, 0)]).toEqual([3, NOW - 996])
    expect(header.baseTimestamp(bytes, 0)).toBe(NOW - 999)
    const expected = readAll(whole).filter(({ offset }) => [101, 102, 104].includes(offset))
    expect(readAll(bytes)).toEqual(expected)
  })

  test('keeps the time of a batch that the broker timed', () => {
    const whole = batch(3, { logAppendTimeMs: NOW + 77 })
    const bytes = bytesOf(filtered(whole, { newest: without(102) }))
    expect(header.maxTimestamp(bytes, 0)).toBe(NOW + 77)
    expect(readAll(bytes)).toEqual(readAll(whole).slice(0, 2))
  })

  test('drops an empty batch, or keeps its sequence and offsets where it must stay', () => {
    const whole = batch(3, { producerId: 9, producerEpoch: 2, baseSequence: 40, codec: 'gzip' })
    const newest = without(100, 101, 102)
    expect(filtered(whole, { newest })).toEqual({ bytes: null, removed: 3 })
    const bytes = bytesOf(filtered(whole, { newest, mustStay: () => true }))
    expect([bytes.length, crcHolds(bytes), header.codec(bytes, 0)]).toEqual([61, true, 'none'])
    expect(header.nextOffset(bytes, 0)).toBe(103)
    expect([header.baseSequence(bytes, 0), header.producerId(bytes, 0)]).toEqual([40, 9])
    expect(header.maxTimestamp(bytes, 0)).toBe(header.maxTimestamp(whole, 0))
    expect(readAll(bytes)).toEqual([])
    expect(bytesOf(filtered(bytes, { mustStay: () => true }))).toEqual(bytes)
    expect(filtered(bytes).bytes).toBe(null)
  })

  test('keeps tombstones until the horizon that it sets, with their own times', () => {
    const whole = batch(3, {}, [101])
    expect(horizonOf(whole, 0)).toBe(null)
    const first = bytesOf(filtered(whole, { newest: without(100) }))
    expect([horizonOf(first, 0), crcHolds(first)]).toEqual([NOW + 5_000, true])
    expect(readAll(first)).toEqual(readAll(whole).slice(1))
    // It is set once.
    expect(bytesOf(filtered(first, { nowMs: NOW + 4_999, horizonMs: NOW * 2 }))).toEqual(first)
    const later = filtered(first, { nowMs: NOW + 5_000 })
    expect(later.removed).toBe(1)
    expect(readAll(bytesOf(later))).toEqual(readAll(whole).slice(2))
    expect(horizonOf(bytesOf(later), 0)).toBe(NOW + 5_000)
  })

  test('drops records without key', () => {
    const whole = build([{ timestampMs: NOW, key: null, value: utf8('v') }])
    expect(filtered(whole)).toEqual({ bytes: null, removed: 1 })
  })

  test('touches nothing that the map does not reach', () => {
    const whole = batch(4, {}, [103])
    const bytes = bytesOf(filtered(whole, { newest: without(100, 101, 102, 103), mapEnd: 102 }))
    expect(readAll(bytes).map(({ offset }) => offset)).toEqual([102, 103])
    const beyond = filtered(whole, { newest: without(100), mapEnd: 100 })
    expect(bytesOf(beyond)).toEqual(whole)
  })

  test.each([{ transactional: true }, { transactional: true, control: true }])(
    'leaves %o as it is',
    (options) => {
      const whole = batch(2, { ...options, producerId: 1, producerEpoch: 0, baseSequence: 0 })
      expect(bytesOf(filtered(whole, { newest: without(100, 101) }))).toEqual(whole)
    },
  )

  test('keeps every record but those that are to go, whatever they hold', () => {
    const modes = fc.constantFrom(...CODECS)
    fc.assert(
      fc.property(anyRecords, modes, fc.boolean(), fc.nat(), (records, codec, append, drop) => {
        const time = append ? { logAppendTimeMs: NOW } : {}
        const whole = build(records, { codec, baseOffset: 50, ...time })
        let asked = 0
        const newest = { get: () => (asked++ % 3 === drop % 3 ? 1e6 : -1) }
        const left = filtered(whole, { newest, horizonMs: NOW + drop })
        let keyed = 0
        const expected = readAll(whole).filter(
          ({ key }) => key !== null && keyed++ % 3 !== drop % 3,
        )
        expect(left.removed).toBe(records.length - expected.length)
        if (left.bytes === null) expect(expected).toEqual([])
        else expect(readAll(left.bytes)).toEqual(expected)
      }),
      { numRuns: 60 },
    )
  })
})
