// Which produced batches are accepted, and with which error the others are refused.
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ErrorCode } from '../../src/base/error-codes.ts'
import { CODECS } from '../../src/ports/compression.ts'
import { Attribute, Field, HEADER_BYTES } from '../../src/record/header.ts'
import { BAD_INDEXES_MAX, BatchVerdict, validateBatch } from '../../src/record/validate.ts'
import {
  NOW,
  RULES,
  altered,
  anyRecords,
  build,
  judge,
  plainRecords,
  tools,
  utf8,
} from './support.ts'

const { CORRUPT_MESSAGE, INVALID_RECORD, INVALID_TIMESTAMP, MESSAGE_TOO_LARGE } = ErrorCode
const { UNSUPPORTED_COMPRESSION_TYPE } = ErrorCode
const good = build(plainRecords(5))
const refusal = (bytes: Uint8Array): number => judge(bytes).code

describe('validateBatch() accepts', () => {
  test.each(CODECS)('a batch in codec %s and tells what is in it', (codec) => {
    const options = {
      codec,
      producerId: 77,
      producerEpoch: 3,
      baseSequence: 40,
      transactional: true,
    }
    expect(judge(build(plainRecords(5), options))).toMatchObject({
      code: 0,
      message: null,
      badIndexes: [],
      lastOffsetDelta: 4,
      codec,
      maxTimestamp: NOW,
      maxTimestampDelta: 4,
      maxTimestampDiffers: false,
      producerId: 77,
      producerEpoch: 3,
      baseSequence: 40,
      transactional: true,
    })
  })

  test('whatever the builder makes', () => {
    fc.assert(
      fc.property(anyRecords, fc.constantFrom(...CODECS), (records, codec) => {
        const verdict = judge(build(records, { codec }))
        expect(verdict.message).toBeNull()
        const times = records.map((record) => record.timestampMs)
        expect(verdict.maxTimestamp).toBe(Math.max(...times))
        expect(verdict.maxTimestampDelta).toBe(times.indexOf(Math.max(...times)))
        expect(verdict.maxTimestampDiffers).toBe(false)
      }),
      { numRuns: 100 },
    )
  })

  test('a batch after one that was refused, with the same verdict object', () => {
    const verdict = new BatchVerdict()
    expect(validateBatch(new Uint8Array(3), RULES, tools, verdict)).toBe(false)
    expect(validateBatch(good, RULES, tools, verdict)).toBe(true)
    expect(verdict).toMatchObject({ code: 0, message: null, badIndexes: [] })
  })
})

describe('validateBatch() wants one batch of magic 2 [P1]', () => {
  test('and refuses none, a part of one, and several', () => {
    expect(refusal(new Uint8Array(0))).toBe(INVALID_RECORD)
    expect(refusal(good.subarray(0, good.length - 1))).toBe(INVALID_RECORD)
    expect(refusal(new Uint8Array([...good, ...good]))).toBe(INVALID_RECORD)
    expect(refusal(new Uint8Array([...good, 0]))).toBe(INVALID_RECORD)
  })

  test.each([
    [0, INVALID_RECORD],
    [1, INVALID_RECORD],
    [3, CORRUPT_MESSAGE],
    [-1, CORRUPT_MESSAGE],
  ])('and answers magic %i with %i', (magic, code) => {
    expect(refusal(altered(good, (view) => view.setInt8(Field.magic, magic)))).toBe(code)
  })

  test.each([-1, 0, 13, 48])('and answers length %i with CORRUPT_MESSAGE', (length) => {
    const wrong = altered(good, (view) => view.setInt32(Field.length, length))
    expect(refusal(wrong)).toBe(CORRUPT_MESSAGE)
  })

  test('and zstd only from produce version 7', () => {
    const zstd = build(plainRecords(2), { codec: 'zstd' })
    expect(judge(zstd, { produceVersion: 6 }).code).toBe(UNSUPPORTED_COMPRESSION_TYPE)
    expect(judge(zstd, { produceVersion: 7 }).code).toBe(0)
  })

  test.each([5, 6, 7])('and no codec %i', (codec) => {
    const wrong = altered(good, (view) => view.setInt16(Field.attributes, codec))
    expect(refusal(wrong)).toBe(UNSUPPORTED_COMPRESSION_TYPE)
  })
})

describe('validateBatch()', () => {
  test.each([1n, -1n, 2n ** 40n])('refuses base offset %i [P2]', (base) => {
    const wrong = altered(good, (view) => view.setBigInt64(0, base))
    expect(refusal(wrong)).toBe(INVALID_RECORD)
  })

  test('refuses a wrong checksum wherever the bit flipped [P3]', () => {
    for (let at = Field.crc; at < good.length; at++) {
      const wrong = Uint8Array.from(good)
      wrong[at] = (wrong[at] as number) ^ 0x40
      const { code } = judge(wrong)
      // Flips in the attributes may name an unknown codec before the checksum is looked at.
      if (at === Field.attributes + 1) expect(code).not.toBe(0)
      else expect(code).toBe(CORRUPT_MESSAGE)
    }
  })

  test.each([
    [0, 4],
    [-1, 4],
    [6, 4],
    [4, 4],
    [5, 3],
    [5, -1],
    [0, -1],
    [-2147483648, 2147483647],
  ])('refuses record count %i with last offset delta %i [P4]', (count, delta) => {
    const wrong = altered(good, (view) => {
      view.setInt32(Field.recordCount, count)
      view.setInt32(Field.lastOffsetDelta, delta)
    })
    expect(refusal(wrong)).toBe(INVALID_RECORD)
  })

  test('refuses control batches, broker times, delete horizons and half producers [P5]', () => {
    const bits = (mask: number): Uint8Array =>
      altered(good, (view) => view.setInt16(Field.attributes, mask))
    expect(refusal(bits(Attribute.control))).toBe(INVALID_RECORD)
    expect(refusal(bits(Attribute.logAppendTime))).toBe(INVALID_TIMESTAMP)
    expect(refusal(bits(Attribute.deleteHorizon))).toBe(INVALID_RECORD)
    expect(refusal(bits(Attribute.transactional))).toBe(INVALID_RECORD)
    expect(refusal(build(plainRecords(1), { producerId: 5, producerEpoch: 0 }))).toBe(
      INVALID_RECORD,
    )
    expect(refusal(build(plainRecords(1), { producerId: 5, baseSequence: 0 }))).toBe(INVALID_RECORD)
    const huge = altered(good, (view) => view.setBigInt64(Field.producerId, 2n ** 60n))
    expect(refusal(huge)).toBe(INVALID_RECORD)
  })

  test('refuses a batch one byte above max.message.bytes, before its checksum [P6]', () => {
    expect(judge(good, { maxBytes: good.length }).code).toBe(0)
    const wrong = Uint8Array.from(good)
    wrong[good.length - 1] = 99
    expect(judge(wrong, { maxBytes: good.length - 1 }).code).toBe(MESSAGE_TOO_LARGE)
  })
})

describe('validateBatch() looks at every record [P7]', () => {
  const sections = {
    plain: (section: Uint8Array): Uint8Array => section,
    gzip: (section: Uint8Array): Uint8Array => gzipSync(section),
  }
  const section = good.subarray(HEADER_BYTES)
  const wrap = (records: Uint8Array, kind: keyof typeof sections): Uint8Array => {
    const packed = sections[kind](records)
    const bytes = new Uint8Array([...good.subarray(0, HEADER_BYTES), ...packed])
    return altered(bytes, (view) => {
      view.setInt32(Field.length, bytes.length - 12)
      view.setInt16(Field.attributes, kind === 'gzip' ? 1 : 0)
    })
  }

  test.each(['plain', 'gzip'] as const)('%s: truncations and trailing bytes', (kind) => {
    expect(refusal(wrap(section, kind))).toBe(0)
    for (let end = 0; end < section.length; end++) {
      expect(refusal(wrap(section.subarray(0, end), kind))).toBe(INVALID_RECORD)
    }
    expect(refusal(wrap(new Uint8Array([...section, 0]), kind))).toBe(INVALID_RECORD)
    expect(refusal(wrap(new Uint8Array([...section, ...section]), kind))).toBe(INVALID_RECORD)
  })

  test.each(['plain', 'gzip'] as const)('%s: a wrong count, with the index at fault', (kind) => {
    const wrong = altered(wrap(section, kind), (view) => {
      view.setInt32(Field.recordCount, 6)
      view.setInt32(Field.lastOffsetDelta, 5)
    })
    expect(judge(wrong)).toMatchObject({ code: INVALID_RECORD, badIndexes: [5] })
  })

  test('offset deltas out of order', () => {
    const records = plainRecords(3).map((record, i) => ({ ...record, offsetDelta: i * 2 }))
    const wrong = altered(build(records), (view) => view.setInt32(Field.lastOffsetDelta, 2))
    expect(judge(wrong)).toMatchObject({ code: INVALID_RECORD, badIndexes: [1] })
  })

  test('records that do not decompress', () => {
    const wrong = altered(good, (view) => view.setInt16(Field.attributes, 4))
    expect(refusal(wrong)).toBe(INVALID_RECORD)
  })

  test.each(CODECS.slice(1))('a %s bomb, within the limit and quickly', (codec) => {
    const value = new Uint8Array(32 * 1024 * 1024)
    const bomb = build([{ timestampMs: NOW, key: null, value }], { codec })
    const start = performance.now()
    const verdict = judge(bomb, { maxBytes: 1 << 26, decompressedMax: 1 << 20 })
    expect(verdict.code).toBe(INVALID_RECORD)
    expect(performance.now() - start).toBeLessThan(200)
  })

  test('every flipped bit is refused or leaves well-formed records', () => {
    for (let bit = HEADER_BYTES * 8; bit < good.length * 8; bit++) {
      const flipped = altered(good, (_view, bytes) => {
        bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7))
      })
      expect([0, INVALID_RECORD, INVALID_TIMESTAMP]).toContain(refusal(flipped))
    }
  })
})

describe('validateBatch() on compacted topics [P8]', () => {
  const keyed = (keys: readonly (string | null)[]): Uint8Array =>
    build(
      keys.map((key) => ({ timestampMs: NOW, key: key === null ? null : utf8(key), value: null })),
      { codec: 'lz4' },
    )

  test('refuses records without key, and names them', () => {
    const verdict = judge(keyed(['a', null, '', null]), { compacted: true })
    expect(verdict).toMatchObject({ code: INVALID_RECORD, badIndexes: [1, 3] })
    expect(verdict.message).toContain('without key')
    expect(judge(keyed(['a', null])).code).toBe(0)
    expect(judge(keyed(['a', '']), { compacted: true }).code).toBe(0)
  })

  test('names so many and no more', () => {
    const verdict = judge(keyed(Array<null>(1000).fill(null)), { compacted: true })
    expect(verdict.badIndexes).toEqual(Array.from({ length: BAD_INDEXES_MAX }, (_, i) => i))
  })
})

describe('validateBatch() on timestamps [P9]', () => {
  const timed = (...times: number[]): Uint8Array =>
    build(times.map((timestampMs) => ({ timestampMs, key: null, value: null })))
  const bounds = { beforeMaxMs: 1000, afterMaxMs: 500 }

  test('takes both bounds, and refuses a millisecond beyond', () => {
    expect(judge(timed(NOW - 1000, NOW, NOW + 500), bounds).code).toBe(0)
    const verdict = judge(timed(NOW - 1001, NOW, NOW + 501), bounds)
    expect(verdict).toMatchObject({ code: INVALID_TIMESTAMP, badIndexes: [0, 2] })
  })

  test('allows -1', () => {
    expect(judge(timed(-1, NOW, -1), bounds)).toMatchObject({ code: 0, maxTimestamp: NOW })
    expect(judge(timed(-1), bounds)).toMatchObject({ code: 0, maxTimestamp: -1 })
  })

  test('does not judge them on LogAppendTime topics', () => {
    const rules = { ...bounds, timestampType: 'append' as const }
    expect(judge(timed(5, NOW * 2), rules).code).toBe(0)
  })

  test('answers times where they and keys are wrong', () => {
    const verdict = judge(timed(NOW, 5), { ...bounds, compacted: true })
    expect(verdict).toMatchObject({ code: INVALID_RECORD, badIndexes: [0, 1] })
    const mixed = build([
      { timestampMs: NOW, key: null, value: null },
      { timestampMs: 5, key: utf8('k'), value: null },
    ])
    const both = judge(mixed, { ...bounds, compacted: true })
    expect(both).toMatchObject({ code: INVALID_TIMESTAMP, badIndexes: [0, 1] })
  })

  test('refuses what lies outside ±2^53', () => {
    const far = altered(good, (view) => view.setBigInt64(Field.baseTimestamp, 2n ** 62n))
    expect(refusal(far)).toBe(INVALID_TIMESTAMP)
    const edge = altered(good, (view) => view.setBigInt64(Field.baseTimestamp, 2n ** 53n - 1n))
    expect(refusal(edge)).toBe(INVALID_TIMESTAMP)
  })
})

describe('validateBatch() finds the true maximum [P11]', () => {
  test.each([0n, -1n, BigInt(NOW) + 1n, 2n ** 62n])('when the header says %i', (claimed) => {
    const lying = altered(good, (view) => view.setBigInt64(Field.maxTimestamp, claimed))
    expect(judge(lying)).toMatchObject({ code: 0, maxTimestamp: NOW, maxTimestampDiffers: true })
  })
})
