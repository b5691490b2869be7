// Built batches: golden bytes, and reading back what was built.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CODECS } from '../../src/ports/compression.ts'
import { recompress } from '../../src/record/builder.ts'
import * as header from '../../src/record/header.ts'
import { NOW, anyRecords, build, judge, plainRecords, readAll, tools, utf8 } from './support.ts'

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

describe('buildBatch()', () => {
  test('gives the bytes of KIP-98 for two records', () => {
    const batch = build([
      { timestampMs: 1000, key: utf8('k'), value: utf8('v') },
      {
        timestampMs: 1300,
        key: null,
        value: new Uint8Array(0),
        headers: [
          { key: utf8('h'), value: utf8('1') },
          { key: utf8('h'), value: null },
        ],
      },
    ])
    expect(hexOf(batch)).toBe(
      [
        '0000000000000000', // base offset
        '00000049', // length
        'ffffffff', // leader epoch
        '02', // magic
        hexOf(batch.subarray(17, 21)), // checksum: see below
        '0000', // attributes
        '00000001', // last offset delta
        '00000000000003e8', // base timestamp
        '0000000000000514', // max timestamp
        'ffffffffffffffff', // producer id
        'ffff', // producer epoch
        'ffffffff', // base sequence
        '00000002', // record count
        '10' + '00' + '00' + '00' + '026b' + '0276' + '00',
        '1c' + '00' + 'd804' + '02' + '01' + '00' + '04' + '0268' + '0231' + '0268' + '01',
      ].join(''),
    )
    expect(header.crc(batch, 0)).toBe(tools.crypto.crc32c(batch.subarray(21)))
  })

  test('round-trips any records in every codec: null, empty, repeated headers, order [P21]', () => {
    fc.assert(
      fc.property(anyRecords, fc.constantFrom(...CODECS), (records, codec) => {
        const batch = build(records, { codec, baseOffset: 1000 })
        const read = readAll(batch)
        expect(
          read.map(({ key, value, headers, timestampMs }) => ({
            timestampMs,
            key,
            value,
            headers,
          })),
        ).toEqual(
          records.map(({ key, value, headers, timestampMs }) => ({
            timestampMs,
            key,
            value,
            headers,
          })),
        )
        expect(read.map((record) => record.offset)).toEqual(records.map((_, i) => 1000 + i))
      }),
      { numRuns: 60 },
    )
  })

  test('keeps gaps and an end behind the last record, as compaction needs', () => {
    const [first, second] = plainRecords(2)
    if (first === undefined || second === undefined) throw new Error('no records')
    const records = [
      { ...first, offsetDelta: 3 },
      { ...second, offsetDelta: 10 },
    ]
    const batch = build(records, { baseOffset: 100, lastOffsetDelta: 20 })
    expect(readAll(batch).map((record) => record.offset)).toEqual([103, 110])
    expect(header.lastOffset(batch, 0)).toBe(120)
    expect(header.recordCount(batch, 0)).toBe(2)
    const empty = build([], { baseOffset: 100, lastOffsetDelta: 20, producerId: 4 })
    expect(readAll(empty)).toEqual([])
    expect(header.nextOffset(empty, 0)).toBe(121)
  })

  test('refuses records out of order', () => {
    const records = plainRecords(2).map((record) => ({ ...record, offsetDelta: 1 }))
    expect(() => build(records)).toThrow('order')
  })
})

describe('recompress()', () => {
  test.each(CODECS.flatMap((from) => CODECS.map((to) => [from, to] as const)))(
    'from %s to %s keeps records and header, with a right checksum [P18]',
    (from, to) => {
      const options = { producerId: 9, producerEpoch: 1, baseSequence: 5, transactional: true }
      const batch = build(plainRecords(50), { ...options, codec: from })
      const made = recompress(batch, to, tools, 1 << 20)
      if (from === to) expect(made).toBe(batch)
      expect(header.codec(made, 0)).toBe(to)
      expect(judge(made)).toMatchObject({
        code: 0,
        producerId: 9,
        baseSequence: 5,
        transactional: true,
      })
      expect(readAll(made)).toEqual(readAll(batch))
    },
  )

  test('from plain is what the builder gives', () => {
    const made = recompress(build(plainRecords(9)), 'zstd', tools, 1 << 20)
    expect(made).toEqual(build(plainRecords(9), { codec: 'zstd' }))
  })

  test('leaves plain control batches alone and refuses bombs', () => {
    const control = build(plainRecords(1), { control: true, producerId: 1, producerEpoch: 0 })
    expect(recompress(control, 'gzip', tools, 1000)).toBe(control)
    const value = new Uint8Array(100_000)
    const bomb = build([{ timestampMs: NOW, key: null, value }], { codec: 'zstd' })
    expect(() => recompress(bomb, 'none', tools, 50_000)).toThrow('larger')
  })
})
