// The walk over produced records: its fast path and its careful path must give one answer.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Writer } from '../../src/base/writer.ts'
import { Reader } from '../../src/base/reader.ts'
import { FormatError } from '../../src/base/errors.ts'
import { RecordCursor } from '../../src/record/cursor.ts'
import { HEADER_BYTES, baseTimestamp } from '../../src/record/header.ts'
import { Walk, varintAt, varintSize, varlongAt, walkRecords } from '../../src/record/walk.ts'
import { anyRecords, build, plainRecords } from './support.ts'

const walk = new Walk()

/** What a slow reading of the same bytes says: the summary, or null when they are malformed. */
function slowly(bytes: Uint8Array, count: number): object | null {
  const cursor = new RecordCursor({ bytes, from: 0, end: bytes.length, count })
  const deltas: number[] = []
  let nullKeyIndex = -1
  try {
    while (cursor.next()) {
      if (cursor.offsetDelta !== cursor.index) return null
      if (cursor.keyLength < 0 && nullKeyIndex < 0) nullKeyIndex = cursor.index
      deltas.push(cursor.timestampDelta)
    }
  } catch (error) {
    if (error instanceof FormatError) return null
    throw error
  }
  const maxDelta = Math.max(...deltas)
  return {
    minDelta: Math.min(...deltas),
    maxDelta,
    maxIndex: deltas.indexOf(maxDelta),
    nullKeyIndex,
  }
}

describe('walkRecords()', () => {
  test('agrees with a slow reading of any records', () => {
    fc.assert(
      fc.property(anyRecords, (records) => {
        const section = build(records).subarray(HEADER_BYTES)
        expect(walkRecords(section, 0, section.length, records.length, walk)).toBe(true)
        expect(walk).toMatchObject(slowly(section, records.length) ?? {})
        expect(walk.fault).toBeNull()
      }),
    )
  })

  test('agrees with a slow reading of any damage', () => {
    let refused = 0
    fc.assert(
      fc.property(anyRecords, fc.nat(), fc.nat(255), (records, where, byte) => {
        const section = Uint8Array.from(build(records).subarray(HEADER_BYTES))
        section[where % section.length] = byte
        const accepted = walkRecords(section, 0, section.length, records.length, walk)
        const expected = slowly(section, records.length)
        expect(accepted).toBe(expected !== null)
        if (expected !== null) expect(walk).toMatchObject(expected)
        else refused++
      }),
      { numRuns: 1000 },
    )
    expect(refused).toBeGreaterThan(100)
  })

  test('keeps to its range of larger bytes and reads nothing behind it', () => {
    const section = build(plainRecords(20)).subarray(HEADER_BYTES)
    const around = new Uint8Array(section.length + 40).fill(0x80)
    around.set(section, 20)
    expect(walkRecords(around, 20, 20 + section.length, 20, walk)).toBe(true)
    for (let end = 20; end < 20 + section.length; end++) {
      expect(walkRecords(around, 20, end, 20, walk)).toBe(false)
    }
    expect(walkRecords(around, 20, 21 + section.length, 20, walk)).toBe(false)
    expect(walk).toMatchObject({ faultIndex: 20, fault: 'A batch has more bytes than its records' })
  })

  test('takes timestamp deltas of every size', () => {
    const times = [2 ** 52, 0, 2 ** 31, 2 ** 28, 5, 2 ** 40]
    const records = times.map((timestampMs) => ({ timestampMs, key: null, value: null }))
    const batch = build(records)
    expect(walkRecords(batch, HEADER_BYTES, batch.length, times.length, walk)).toBe(true)
    expect(baseTimestamp(batch, 0) + walk.minDelta).toBe(0)
    expect(baseTimestamp(batch, 0) + walk.maxDelta).toBe(2 ** 52)
    expect(walk).toMatchObject({ maxIndex: 0, nullKeyIndex: 0 })
  })

  test.each([
    ['a length of 0', [0x00], 'A record is shorter than its fields'],
    ['a negative length', [0x01, 0, 0, 0, 0, 0, 0, 0], 'A record is shorter than its fields'],
    ['a length beyond the section', [0x10, 0, 0, 0, 1, 1, 0], 'A record is longer than its batch'],
    ['a key beyond the record', [0x0c, 0, 0, 0, 0x7e, 1, 0], 'A record is shorter than its fields'],
    [
      'a value beyond the record',
      [0x0c, 0, 0, 0, 1, 0x7e, 0],
      'A record is shorter than its fields',
    ],
    ['a key length of -2', [0x0c, 0, 0, 0, 3, 1, 0], 'A record has a negative length'],
    ['a value length of -2', [0x0c, 0, 0, 0, 1, 3, 0], 'A record has a negative length'],
    ['a header count of -1', [0x0c, 0, 0, 0, 1, 1, 1], 'A record has a negative length'],
    ['a header count that lies', [0x0c, 0, 0, 0, 1, 1, 2], 'A record is shorter than its fields'],
    ['a null header key', [0x10, 0, 0, 0, 1, 1, 2, 1, 1], 'A record has a negative length'],
    [
      'a byte behind the headers',
      [0x0e, 0, 0, 0, 1, 1, 0, 0],
      'A record is longer than its fields',
    ],
    ['offset delta 1 first', [0x0c, 0, 0, 2, 1, 1, 0], 'A record is out of order'],
    [
      'an endless number',
      [0x0c, 0, 0x80, 0x80, 0x80, 0x80, 0x80],
      'A record has a malformed number',
    ],
  ])('refuses %s', (_what, bytes, fault) => {
    expect(walkRecords(Uint8Array.from(bytes), 0, bytes.length, 1, walk)).toBe(false)
    expect(walk).toMatchObject({ fault, faultIndex: 0 })
  })

  test('refuses a section of nothing, and takes nothing of nothing', () => {
    expect(walkRecords(new Uint8Array(0), 0, 0, 1, walk)).toBe(false)
    expect(walkRecords(new Uint8Array(0), 0, 0, 0, walk)).toBe(true)
    expect(walk).toMatchObject({ maxIndex: -1, minDelta: 0, maxDelta: 0 })
  })
})

describe('varints', () => {
  test('read what the writer writes, and agree with the reader', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), fc.integer(), (long, int) => {
        const writer = new Writer()
        writer.varlong(long)
        const middle = writer.at
        writer.varint(int)
        const bytes = writer.copy()
        expect(varintSize(bytes, 0, bytes.length, 10)).toBe(middle)
        expect(varlongAt(bytes, 0, middle)).toBe(long)
        const size = varintSize(bytes, middle, bytes.length, 5)
        expect(middle + size).toBe(bytes.length)
        expect(varintAt(bytes, middle, size)).toBe(int)
        const reader = new Reader(bytes)
        expect(reader.varlong()).toBe(long)
      }),
      { numRuns: 500 },
    )
  })

  test('are refused when too long, too wide or cut off', () => {
    const size = (bytes: number[], most: number): number =>
      varintSize(Uint8Array.from(bytes), 0, bytes.length, most)
    expect(size([0x80], 5)).toBe(-1)
    expect(size([0xff, 0xff, 0xff, 0xff, 0x0f], 5)).toBe(5)
    expect(size([0xff, 0xff, 0xff, 0xff, 0x1f], 5)).toBe(-1)
    expect(size([0x80, 0x80, 0x80, 0x80, 0x80, 0x00], 5)).toBe(-1)
    expect(size([...Array<number>(9).fill(0xff), 0x01], 10)).toBe(10)
    expect(size([...Array<number>(9).fill(0xff), 0x02], 10)).toBe(-1)
    expect(
      Number.isSafeInteger(varlongAt(Uint8Array.from([...Array<number>(9).fill(0xff), 1]), 0, 10)),
    ).toBe(false)
  })
})
