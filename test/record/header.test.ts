// The batch header: every field, stamping, and timing with a mended checksum.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { crc32cRange } from '../../src/base/crc32c.ts'
import { FormatError } from '../../src/base/errors.ts'
import { leaderEpoch, offset } from '../../src/base/units.ts'
import * as header from '../../src/record/header.ts'
import { NOW, build, plainRecords } from './support.ts'

const trueCrc = (bytes: Uint8Array): number =>
  crc32cRange(bytes, header.Field.attributes, bytes.length)

describe('header fields', () => {
  const batch = build(plainRecords(3), {
    baseOffset: 2 ** 40 + 5,
    leaderEpoch: 7,
    codec: 'gzip',
    producerId: 2 ** 35 + 1,
    producerEpoch: 32767,
    baseSequence: 2147483647,
    transactional: true,
  })
  const around = new Uint8Array(batch.length + 9)
  around.set(batch, 9)

  test.each([
    ['batchLength', header.batchLength, batch.length],
    ['baseOffset', header.baseOffset, 2 ** 40 + 5],
    ['lastOffset', header.lastOffset, 2 ** 40 + 7],
    ['nextOffset', header.nextOffset, 2 ** 40 + 8],
    ['leaderEpoch', header.leaderEpoch, 7],
    ['magic', header.magic, 2],
    ['crc', header.crc, trueCrc(batch)],
    ['codec', header.codec, 'gzip'],
    ['timestampType', header.timestampType, 'create'],
    ['isTransactional', header.isTransactional, true],
    ['isControl', header.isControl, false],
    ['lastOffsetDelta', header.lastOffsetDelta, 2],
    ['baseTimestamp', header.baseTimestamp, NOW - 2000],
    ['maxTimestamp', header.maxTimestamp, NOW],
    ['producerId', header.producerId, 2 ** 35 + 1],
    ['producerEpoch', header.producerEpoch, 32767],
    ['baseSequence', header.baseSequence, 2147483647],
    ['recordCount', header.recordCount, 3],
  ])('%s() reads its field at any position', (_name, read, expected) => {
    expect(read(batch, 0)).toBe(expected)
    expect(read(around, 9)).toBe(expected)
  })

  test('absent producer fields are -1', () => {
    const plain = build(plainRecords(1))
    expect(header.producerId(plain, 0)).toBe(-1)
    expect(header.producerEpoch(plain, 0)).toBe(-1)
    expect(header.baseSequence(plain, 0)).toBe(-1)
  })
})

describe('int64At()', () => {
  test('reads every safe integer and refuses every other', () => {
    const edge = 2n ** 53n
    const any = fc.oneof(
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      fc.bigInt({ min: edge - 3n, max: edge + 3n }),
      fc.bigInt({ min: -edge - 3n, max: -edge + 3n }),
      fc.maxSafeInteger().map(BigInt),
    )
    fc.assert(
      fc.property(any, (value) => {
        const bytes = new Uint8Array(8)
        new DataView(bytes.buffer).setBigInt64(0, value)
        const safe = value > -edge && value < edge
        expect(header.isSafeInt64At(bytes, 0)).toBe(safe)
        if (safe) expect(BigInt(header.int64At(bytes, 0))).toBe(value)
        else expect(() => header.int64At(bytes, 0)).toThrow(FormatError)
      }),
      { numRuns: 500 },
    )
  })
})

describe('stamp()', () => {
  test('writes base offset and epoch, and leaves checksum and all other bytes alone [P10]', () => {
    const batch = build(plainRecords(4))
    const stamped = Uint8Array.from(batch)
    header.stamp(stamped, 0, { baseOffset: offset(2 ** 52 + 3), leaderEpoch: leaderEpoch(9) })
    expect(header.baseOffset(stamped, 0)).toBe(2 ** 52 + 3)
    expect(header.leaderEpoch(stamped, 0)).toBe(9)
    expect(header.crc(stamped, 0)).toBe(trueCrc(stamped))
    expect(stamped.subarray(8, 12)).toEqual(batch.subarray(8, 12))
    expect(stamped.subarray(16)).toEqual(batch.subarray(16))
  })
})

describe('setLogAppendTime()', () => {
  test('sets bit 3 and max timestamp and leaves a right checksum [P10]', () => {
    for (const count of [1, 2, 700]) {
      const batch = build(plainRecords(count))
      header.setLogAppendTime(batch, 0, NOW + 5)
      expect(header.timestampType(batch, 0)).toBe('append')
      expect(header.maxTimestamp(batch, 0)).toBe(NOW + 5)
      expect(header.crc(batch, 0)).toBe(trueCrc(batch))
      header.setLogAppendTime(batch, 0, NOW + 6)
      expect(header.crc(batch, 0)).toBe(trueCrc(batch))
    }
  })
})

describe('setMaxTimestamp()', () => {
  test('corrects the maximum, clears bit 3 and leaves a right checksum [P11]', () => {
    const batch = build(plainRecords(3), { logAppendTimeMs: NOW, codec: 'lz4' })
    header.setMaxTimestamp(batch, 0, NOW - 1)
    expect(header.timestampType(batch, 0)).toBe('create')
    expect(header.maxTimestamp(batch, 0)).toBe(NOW - 1)
    expect(header.codec(batch, 0)).toBe('lz4')
    expect(header.crc(batch, 0)).toBe(trueCrc(batch))
  })

  test('does not cover up bytes that rotted before', () => {
    const batch = build(plainRecords(3))
    batch[70] = (batch[70] as number) ^ 1
    header.setMaxTimestamp(batch, 0, NOW)
    expect(header.crc(batch, 0)).not.toBe(trueCrc(batch))
  })

  test('works inside other bytes', () => {
    const batch = build(plainRecords(3))
    const around = new Uint8Array(batch.length + 30).fill(3)
    around.set(batch, 11)
    header.setMaxTimestamp(around, 11, 5)
    const inner = around.subarray(11, 11 + batch.length)
    expect(header.crc(inner, 0)).toBe(trueCrc(inner))
  })
})
