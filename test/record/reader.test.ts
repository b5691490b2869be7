// Reading stored batches, looking up by time inside them, and transaction markers.
import { describe, expect, test } from 'vitest'
import { FormatError } from '../../src/base/errors.ts'
import { CODECS } from '../../src/ports/compression.ts'
import { endTransactionMarker, readEndTransaction } from '../../src/record/control.ts'
import * as header from '../../src/record/header.ts'
import { findTimestampInBatch, maxTimestampInBatch, readBatch } from '../../src/record/reader.ts'
import { NOW, altered, build, plainRecords, readAll, source, tools } from './support.ts'

const timed = (times: number[], codec: (typeof CODECS)[number] = 'none'): Uint8Array =>
  build(
    times.map((timestampMs) => ({ timestampMs, key: null, value: null })),
    { codec, baseOffset: 500 },
  )

describe('readBatch()', () => {
  test('refuses every truncation and every lie about lengths and counts', () => {
    const batch = build(plainRecords(3))
    for (let end = 0; end < batch.length; end++) {
      expect(() => readAll(batch.subarray(0, end)), String(end)).toThrow(FormatError)
    }
    const count = (value: number): Uint8Array =>
      altered(batch, (view) => view.setInt32(header.Field.recordCount, value))
    expect(() => readAll(count(2))).toThrow(FormatError)
    expect(() => readAll(count(4))).toThrow(FormatError)
    expect(() => readAll(count(-1))).toThrow(FormatError)
    expect(() => readAll(altered(batch, (view) => view.setInt8(16, 1)))).toThrow(FormatError)
    expect(() => readAll(altered(batch, (view) => view.setInt16(21, 6)))).toThrow(FormatError)
  })

  test('keeps to the bound', () => {
    const batch = build(plainRecords(100), { codec: 'zstd' })
    const tight = { ...source, decompressedMax: 500 }
    expect(() => [...readBatch(batch, 0, tight)]).toThrow(FormatError)
  })

  test('borrows from a plain batch, at any position', () => {
    const batch = build(plainRecords(2))
    const around = new Uint8Array([1, 2, 3, ...batch, 9])
    const records = [...readBatch(around, 3, source)]
    expect(records).toHaveLength(2)
    expect(records[0]?.value?.buffer).toBe(around.buffer)
  })

  test('gives every record of a LogAppendTime batch the append time', () => {
    const batch = build(plainRecords(3), { logAppendTimeMs: NOW + 9 })
    expect(readAll(batch).map((record) => record.timestampMs)).toEqual([NOW + 9, NOW + 9, NOW + 9])
  })
})

describe('findTimestampInBatch()', () => {
  test.each(CODECS)(
    'finds the first record at or after a time, to the record: %s [L5]',
    (codec) => {
      const batch = timed([100, 200, 300], codec)
      const find = (time: number): object | null => findTimestampInBatch(batch, 0, time, source)
      expect(find(0)).toEqual({ offset: 500, timestampMs: 100 })
      expect(find(100)).toEqual({ offset: 500, timestampMs: 100 })
      expect(find(101)).toEqual({ offset: 501, timestampMs: 200 })
      expect(find(300)).toEqual({ offset: 502, timestampMs: 300 })
      expect(find(301)).toBeNull()
    },
  )

  test('finds the earliest offset when times are not in order [L9]', () => {
    const batch = timed([100, 900, 300, 950])
    expect(findTimestampInBatch(batch, 0, 250, source)).toEqual({ offset: 501, timestampMs: 900 })
  })

  test('takes the append time for every record', () => {
    const batch = timed([1, 2])
    header.setLogAppendTime(batch, 0, 77)
    expect(findTimestampInBatch(batch, 0, 50, source)).toEqual({ offset: 500, timestampMs: 77 })
  })
})

describe('maxTimestampInBatch()', () => {
  test('finds the first record that has the maximum [L3]', () => {
    const batch = timed([100, 900, 300, 900])
    expect(maxTimestampInBatch(batch, 0, source)).toEqual({ offset: 501, timestampMs: 900 })
    expect(maxTimestampInBatch(timed([-1, -1]), 0, source)).toBeNull()
    header.setLogAppendTime(batch, 0, 77)
    expect(maxTimestampInBatch(batch, 0, source)).toEqual({ offset: 500, timestampMs: 77 })
  })
})

describe('endTransactionMarker()', () => {
  const options = {
    outcome: 'commit',
    coordinatorEpoch: 12,
    producerId: 4000,
    producerEpoch: 3,
    timestampMs: 1000,
  } as const

  test('gives the bytes of Kafka: both bits, no sequence, versioned key and value [T11]', () => {
    const batch = endTransactionMarker(options, tools)
    expect(Buffer.from(batch).toString('hex')).toBe(
      '0000000000000000' + // base offset
        '00000042' + // length
        'ffffffff' + // leader epoch
        '02' + // magic
        Buffer.from(batch.subarray(17, 21)).toString('hex') +
        '0030' + // transactional and control
        '00000000' + // last offset delta
        '00000000000003e8' + // base timestamp
        '00000000000003e8' + // max timestamp
        '0000000000000fa0' + // producer id
        '0003' + // producer epoch
        'ffffffff' + // base sequence
        '00000001' + // record count
        '20000000' + // length 16, attributes, timestamp delta, offset delta
        '0800000001' + // key: version 0, type 1
        '0c00000000000c' + // value: version 0, coordinator epoch 12
        '00', // headers
    )
    expect(header.crc(batch, 0)).toBe(tools.crypto.crc32c(batch.subarray(21)))
  })

  test.each(['commit', 'abort'] as const)('is read back: %s', (outcome) => {
    const [record] = readAll(endTransactionMarker({ ...options, outcome }, tools))
    if (record === undefined) throw new Error('no record')
    expect(readEndTransaction(record)).toEqual({ outcome, coordinatorEpoch: 12 })
  })

  test('is told from other control records and from noise', () => {
    const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values)
    expect(readEndTransaction({ key: bytes(0, 0, 0, 2), value: bytes() })).toBeNull()
    expect(
      readEndTransaction({ key: bytes(0, 1, 0, 0, 9), value: bytes(0, 1, 0, 0, 0, 5, 7) }),
    ).toEqual({ outcome: 'abort', coordinatorEpoch: 5 })
    for (const key of [null, bytes(), bytes(0, 0, 0), bytes(0xff, 0xff, 0, 0)]) {
      expect(() => readEndTransaction({ key, value: bytes(0, 0, 0, 0, 0, 0) })).toThrow(FormatError)
    }
    for (const value of [null, bytes(), bytes(0, 0, 0, 0, 0), bytes(0xff, 0, 0, 0, 0, 0)]) {
      expect(() => readEndTransaction({ key: bytes(0, 0, 0, 1), value })).toThrow(FormatError)
    }
  })
})
