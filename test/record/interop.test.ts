// Agreement with two other encoders of record batches, kafkajs's and @platformatic/kafka's: what
// they make validates and reads back equal, and they read what we make.
import { createRequire } from 'node:module'
import { Reader, createRecordsBatch, readRecordsBatch } from '@platformatic/kafka'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CODECS } from '../../src/ports/compression.ts'
import type { NewRecord } from '../../src/record/builder.ts'
import type { BatchRecord } from '../../src/record/reader.ts'
import { NOW, anyRecords, build, judge, readAll, utf8 } from './support.ts'

const require = createRequire(import.meta.url)

interface KafkaJsRecord {
  offset: string
  timestamp: string
  key: Buffer | null
  value: Buffer | null
  headers: Record<string, Buffer | Buffer[]>
}

const kafkajs = {
  Record: require('kafkajs/src/protocol/recordBatch/record/v0/index.js') as (
    fields: object,
  ) => object,
  batch: require('kafkajs/src/protocol/recordBatch/v0/index.js') as {
    RecordBatch: (fields: object) => Promise<{ buffer: Buffer }>
  },
  Decoder: require('kafkajs/src/protocol/decoder.js') as new (bytes: Buffer) => object,
  decode: require('kafkajs/src/protocol/recordBatch/v0/decoder.js') as (
    decoder: object,
  ) => Promise<{ records: KafkaJsRecord[] }>,
}

const buffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes)
const orNull = (bytes: Uint8Array | null): Buffer | null => (bytes === null ? null : buffer(bytes))

/** Records with keys, values and single string headers, which all three can write. */
const common: fc.Arbitrary<NewRecord[]> = fc.array(
  fc.record({
    timestampMs: fc.integer({ min: NOW - 1_000_000, max: NOW }),
    key: fc.option(fc.uint8Array({ minLength: 1, maxLength: 20 }), { nil: null }),
    value: fc.uint8Array({ minLength: 1, maxLength: 90 }),
    headers: fc
      .uniqueArray(fc.stringMatching(/^[a-z]{1,6}$/), { maxLength: 3 })
      .map((keys) => keys.map((key) => ({ key: utf8(key), value: utf8(`${key}!`) }))),
  }),
  { minLength: 1, maxLength: 30 },
)

const comparable = (records: readonly (NewRecord | BatchRecord)[]): object[] =>
  records.map(({ timestampMs, key, value, headers }) => ({
    timestampMs,
    key: orNull(key),
    value: orNull(value),
    headers: (headers ?? []).map((h) => [buffer(h.key), orNull(h.value)]),
  }))

describe('kafkajs', () => {
  test.each(['none', 'gzip'] as const)('makes what we accept and read: %s', async (codec) => {
    await fc.assert(
      fc.asyncProperty(common, async (records) => {
        const base = records[0]?.timestampMs ?? 0
        const made = await kafkajs.batch.RecordBatch({
          compression: CODECS.indexOf(codec),
          firstTimestamp: base,
          maxTimestamp: Math.max(...records.map((record) => record.timestampMs)),
          lastOffsetDelta: records.length - 1,
          records: records.map((record, offsetDelta) =>
            kafkajs.Record({
              offsetDelta,
              timestampDelta: record.timestampMs - base,
              key: orNull(record.key),
              value: orNull(record.value),
              headers: Object.fromEntries(
                (record.headers ?? []).map((h) => [buffer(h.key).toString(), orNull(h.value)]),
              ),
            }),
          ),
        })
        const bytes = Uint8Array.from(made.buffer)
        expect(judge(bytes)).toMatchObject({ code: 0, maxTimestampDiffers: false })
        expect(comparable(readAll(bytes))).toEqual(comparable(records))
        if (codec === 'none') {
          const ours = build(records, { leaderEpoch: 0, producerEpoch: 0, baseSequence: 0 })
          expect(ours).toEqual(bytes)
        }
      }),
      { numRuns: 40 },
    )
  })

  test.each(['none', 'gzip'] as const)('reads what we make: %s', async (codec) => {
    await fc.assert(
      fc.asyncProperty(common, async (records) => {
        const decoder = new kafkajs.Decoder(buffer(build(records, { codec, baseOffset: 70 })))
        const read = (await kafkajs.decode(decoder)).records
        const seen = read.map((record) => ({
          timestampMs: Number(record.timestamp),
          key: record.key,
          value: record.value,
          headers: Object.entries(record.headers).map(([key, value]) => [Buffer.from(key), value]),
        }))
        expect(seen).toEqual(comparable(records))
        expect(read.map((record) => Number(record.offset))).toEqual(records.map((_, i) => 70 + i))
      }),
      { numRuns: 40 },
    )
  })
})

describe('@platformatic/kafka', () => {
  test.each(CODECS)('makes what we accept and read: %s', (codec) => {
    fc.assert(
      fc.property(common, (records) => {
        const made = createRecordsBatch(
          records.map((record) => ({
            topic: 't',
            timestamp: BigInt(record.timestampMs),
            value: buffer(record.value ?? new Uint8Array(0)),
            ...(record.key === null ? {} : { key: buffer(record.key) }),
            headers: new Map(
              (record.headers ?? []).map((h) => [buffer(h.key), buffer(h.value ?? h.key)]),
            ),
          })),
          { compression: codec, producerId: 5n, producerEpoch: 2 },
        )
        const bytes = Uint8Array.from(made.dynamicBuffer.buffer)
        expect(judge(bytes)).toMatchObject({ code: 0, producerId: 5, maxTimestampDiffers: false })
        expect(comparable(readAll(bytes))).toEqual(comparable(records))
      }),
      { numRuns: 40 },
    )
  })

  test.each(CODECS)('reads what we make, null and empty apart: %s', (codec) => {
    fc.assert(
      fc.property(anyRecords, (records) => {
        const bytes = build(records, { codec, baseOffset: 70 })
        const read = readRecordsBatch(Reader.from(buffer(bytes)))
        expect(read.crc).toBe(new DataView(bytes.buffer).getUint32(17))
        const seen = read.records.map((record) => ({
          timestampMs: Number(read.firstTimestamp + record.timestampDelta),
          key: record.key,
          value: record.value,
          headers: record.headers,
        }))
        expect(seen).toEqual(comparable(records))
      }),
      { numRuns: 40 },
    )
  })
})
