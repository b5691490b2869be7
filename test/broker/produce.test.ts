// Produce over the wire: every version, every reason to refuse a batch, and what stands in the log
// afterwards. A refusal is always checked against the log: nothing of the batch may be in it.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { must } from '../../src/base/assert.ts'
import { ErrorCode } from '../../src/base/error-codes.ts'
import { CODECS } from '../../src/ports/compression.ts'
import { buildBatch } from '../../src/record/builder.ts'
import * as header from '../../src/record/header.ts'
import { altered, readAll, tools, utf8 } from '../record/support.ts'
import type { Client } from './harness.ts'
import { batchesIn, batchOf, Lab, recordsIn, valuesIn, versionsOf } from './harness.ts'
import type { TopicRef } from './requests.ts'
import { Api, createTopic, fetch, produce, produceBody } from './requests.ts'

let lab: Lab
let client: Client
let topic: TopicRef

beforeAll(async () => {
  lab = await Lab.memory()
  client = await lab.client()
  topic = await createTopic(client)
})
afterAll(() => lab.close())

const endOf = async (of: TopicRef): Promise<number> =>
  must((await fetch(client, of, 0)).highWatermark, 'end')

/** The answer to a batch that must be refused and leave no trace. */
const refused = async (
  batch: Uint8Array | null,
  options: Parameters<typeof produce>[3] & { readonly topic?: TopicRef } = {},
) => {
  const to = options.topic ?? topic
  const before = await endOf(to)
  const answer = await produce(client, to, batch, options)
  expect(await endOf(to)).toBe(before)
  expect([answer.baseOffset, answer.logAppendTimeMs]).toEqual([-1, -1])
  return answer
}

describe('a batch is taken', () => {
  test.each(versionsOf(Api.produce))('by version %i, for any acks [P12]', async (version) => {
    const own = await createTopic(client)
    for (const [i, acks] of [-1, 1].entries()) {
      const answer = await produce(client, own, batchOf(['a', 'b']), { version, acks })
      expect(answer).toMatchObject({
        index: 0,
        errorCode: 0,
        baseOffset: i * 2,
        logAppendTimeMs: -1,
        logStartOffset: version >= 5 ? 0 : -1,
        recordErrors: [],
        errorMessage: null,
      })
    }
    expect(recordsIn((await fetch(client, own, 0)).records)).toEqual([
      [0, 'a'],
      [1, 'b'],
      [2, 'a'],
      [3, 'b'],
    ])
  })

  test('byte for byte but for base offset and leader epoch [P10, P21]', async () => {
    const own = await createTopic(client)
    const empty = new Uint8Array(0)
    const key = utf8('h')
    const batch = buildBatch(
      [
        { timestampMs: 5, key: null, value: null },
        { timestampMs: 5, key: empty, value: empty },
        {
          timestampMs: 7,
          key: utf8('k'),
          value: utf8('v'),
          headers: [
            { key, value: null },
            { key, value: empty },
            { key: empty, value: key },
            { key, value: utf8('2') },
          ],
        },
      ],
      {},
      tools,
    )
    await produce(client, own, batchOf(['first']))
    await produce(client, own, batch)
    const seen = must(batchesIn((await fetch(client, own, 1)).records)[0], 'batch')
    expect(seen.baseOffset).toBe(1)
    const expected = Uint8Array.from(batch)
    header.stamp(expected, 0, {
      baseOffset: header.baseOffset(seen.bytes, 0),
      leaderEpoch: header.leaderEpoch(seen.bytes, 0),
    })
    expect(seen.bytes).toEqual(expected)
    const [bare, blank, full] = readAll(seen.bytes)
    expect([bare?.key, bare?.value, blank?.key, blank?.value]).toEqual([null, null, empty, empty])
    expect(full?.headers.map(({ key, value }) => [key.length, value?.length])).toEqual([
      [1, undefined],
      [1, 0],
      [0, 1],
      [1, 1],
    ])
  })

  test.each(CODECS)('in codec %s as it came [P7, P18]', async (codec) => {
    const own = await createTopic(client)
    const batch = batchOf(['x'.repeat(500), 'y'.repeat(500)], { codec })
    expect((await produce(client, own, batch)).errorCode).toBe(0)
    const [seen] = batchesIn((await fetch(client, own, 0)).records)
    expect(seen?.bytes.subarray(header.Field.attributes)).toEqual(
      batch.subarray(header.Field.attributes),
    )
  })

  test.each(CODECS)('and recompressed for compression.type=%s [P18]', async (codec) => {
    const name = codec === 'none' ? 'uncompressed' : codec
    const own = await createTopic(client, { configs: { 'compression.type': name } })
    for (const from of CODECS) {
      const batch = batchOf(['z'.repeat(300)], { codec: from })
      expect((await produce(client, own, batch)).errorCode).toBe(0)
    }
    const seen = batchesIn((await fetch(client, own, 0)).records)
    expect(seen.map(({ bytes }) => header.codec(bytes, 0))).toEqual(CODECS.map(() => codec))
    expect(seen.map(({ baseOffset }) => baseOffset)).toEqual(CODECS.map((_, i) => i))
  })

  test('and stamped with LogAppendTime where the topic says so [P10, P12]', async () => {
    const own = await createTopic(client, {
      configs: { 'message.timestamp.type': 'LogAppendTime' },
    })
    const before = Date.now()
    const answer = await produce(client, own, batchOf(['a'], { timestampMs: 1000 }))
    expect(answer.logAppendTimeMs).toBeGreaterThanOrEqual(before)
    const { bytes } = must(batchesIn((await fetch(client, own, 0)).records)[0], 'batch')
    expect(header.timestampType(bytes, 0)).toBe('append')
    expect(header.maxTimestamp(bytes, 0)).toBe(answer.logAppendTimeMs)
    const sum = tools.crypto.crc32c(bytes.subarray(header.Field.attributes))
    expect(header.crc(bytes, 0)).toBe(sum)
  })

  test('and its max timestamp put right [P11]', async () => {
    const own = await createTopic(client)
    const now = Date.now()
    const lying = altered(batchOf(['a'], { timestampMs: now }), (view) => {
      view.setBigInt64(header.Field.maxTimestamp, BigInt(now - 5))
    })
    expect((await produce(client, own, lying)).errorCode).toBe(0)
    const { bytes } = must(batchesIn((await fetch(client, own, 0)).records)[0], 'batch')
    expect(header.maxTimestamp(bytes, 0)).toBe(now)
    const sum = tools.crypto.crc32c(bytes.subarray(header.Field.attributes))
    expect(header.crc(bytes, 0)).toBe(sum)
  })

  test('with timestamp -1 [P9]', async () => {
    const own = await createTopic(client)
    expect((await produce(client, own, batchOf(['a'], { timestampMs: -1 }))).errorCode).toBe(0)
  })
})

describe('a batch is refused', () => {
  const two = new Uint8Array([...batchOf(['a']), ...batchOf(['b'])])
  test.each([
    ['none', null],
    ['an empty set', new Uint8Array(0)],
    ['two', two],
    ['one of magic 1', altered(batchOf(['a']), (view) => view.setInt8(16, 1))],
    ['one of magic 0', altered(batchOf(['a']), (view) => view.setInt8(16, 0))],
  ])('when there is not exactly one of magic 2 but %s [P1]', async (_, records) => {
    for (const version of [3, 8, 9, 13]) {
      expect((await refused(records, { version })).errorCode).toBe(ErrorCode.INVALID_RECORD)
    }
  })

  test('when it is zstd before version 7 [P1]', async () => {
    const batch = batchOf(['a'.repeat(100)], { codec: 'zstd' })
    for (const version of [3, 6]) {
      const { errorCode } = await refused(batch, { version })
      expect(errorCode).toBe(ErrorCode.UNSUPPORTED_COMPRESSION_TYPE)
    }
    expect((await produce(client, topic, batch, { version: 7 })).errorCode).toBe(0)
  })

  test('when its base offset is not 0 [P2]', async () => {
    const batch = batchOf(['a'], { baseOffset: 1 })
    expect((await refused(batch)).errorCode).toBe(ErrorCode.INVALID_RECORD)
  })

  test('when its checksum is wrong [P3]', async () => {
    const batch = batchOf(['abc'])
    for (const at of [header.Field.crc, header.Field.attributes + 1, batch.length - 1]) {
      const spoiled = Uint8Array.from(batch)
      spoiled.fill((batch[at] ?? 0) ^ 0x40, at, at + 1)
      expect((await refused(spoiled)).errorCode).toBe(ErrorCode.CORRUPT_MESSAGE)
    }
  })

  test.each([
    ['too many records', (view: DataView) => view.setInt32(header.Field.recordCount, 3)],
    ['no records', (view: DataView) => view.setInt32(header.Field.recordCount, 0)],
    ['a negative count', (view: DataView) => view.setInt32(header.Field.recordCount, -1)],
    ['a lying last offset', (view: DataView) => view.setInt32(header.Field.lastOffsetDelta, 5)],
  ])('when its header tells %s [P4, P7]', async (_, lie) => {
    expect((await refused(altered(batchOf(['a', 'b']), lie))).errorCode).toBe(
      ErrorCode.INVALID_RECORD,
    )
  })

  test('when it is control, claims LogAppendTime or has half a producer [P5]', async () => {
    const bits = (mask: number): Uint8Array =>
      altered(batchOf(['a']), (view) => view.setInt16(header.Field.attributes, mask))
    expect((await refused(bits(0x20))).errorCode).toBe(ErrorCode.INVALID_RECORD)
    expect((await refused(bits(0x30))).errorCode).toBe(ErrorCode.INVALID_RECORD)
    expect((await refused(bits(0x08))).errorCode).toBe(ErrorCode.INVALID_TIMESTAMP)
    const half = batchOf(['a'], { producerId: 5, producerEpoch: 0, baseSequence: -1 })
    expect((await refused(half)).errorCode).toBe(ErrorCode.INVALID_RECORD)
  })

  test('when it is larger than max.message.bytes, header included [P6]', async () => {
    const own = await createTopic(client, { configs: { 'max.message.bytes': '1000' } })
    const bare = batchOf(['']).length
    // The value's length and the record's each take one more byte of varint above 63.
    const fits = batchOf(['x'.repeat(1000 - bare - 2)])
    expect(fits.length).toBe(1000)
    expect((await produce(client, own, fits)).errorCode).toBe(0)
    const large = batchOf(['x'.repeat(1000 - bare - 1)])
    expect((await refused(large, { topic: own })).errorCode).toBe(ErrorCode.MESSAGE_TOO_LARGE)
    const packed = batchOf(['x'.repeat(5000)], { codec: 'gzip' })
    expect((await produce(client, own, packed)).errorCode).toBe(0)
  })

  test('when recompression makes it too large [P18]', async () => {
    const own = await createTopic(client, {
      configs: { 'max.message.bytes': '1000', 'compression.type': 'uncompressed' },
    })
    const packed = batchOf(['x'.repeat(5000)], { codec: 'gzip' })
    expect((await refused(packed, { topic: own })).errorCode).toBe(ErrorCode.MESSAGE_TOO_LARGE)
  })

  test.each(['gzip', 'snappy', 'lz4', 'zstd'] as const)(
    'when its %s does not hold what the header says [P7]',
    async (codec) => {
      const batch = batchOf(['aaaa'.repeat(50), 'bbbb'.repeat(50)], { codec })
      const fewer = altered(batch, (view) => {
        view.setInt32(header.Field.recordCount, 1)
        view.setInt32(header.Field.lastOffsetDelta, 0)
      })
      const more = altered(batch, (view) => {
        view.setInt32(header.Field.recordCount, 3)
        view.setInt32(header.Field.lastOffsetDelta, 2)
      })
      const noise = altered(batch, (_, bytes) => bytes.fill(0xa5, header.HEADER_BYTES))
      for (const lie of [fewer, more, noise]) {
        expect((await refused(lie)).errorCode).toBe(ErrorCode.INVALID_RECORD)
      }
    },
  )

  test('whole when one record has no key in a compacted topic [P8]', async () => {
    const own = await createTopic(client, { configs: { 'cleanup.policy': 'compact' } })
    const batch = buildBatch(
      [
        { timestampMs: Date.now(), key: utf8('k'), value: utf8('1') },
        { timestampMs: Date.now(), key: null, value: utf8('2') },
      ],
      {},
      tools,
    )
    for (const version of versionsOf(Api.produce)) {
      const answer = await refused(batch, { topic: own, version })
      expect(answer.errorCode).toBe(ErrorCode.INVALID_RECORD)
      const told = version >= 8
      expect(answer.recordErrors.map(({ batchIndex }) => batchIndex)).toEqual(told ? [1] : [])
      expect(answer.errorMessage === null).toBe(!told)
    }
  })

  test('when a record is an hour ahead, and the record is named [P9]', async () => {
    const batch = buildBatch(
      [0, 3_700_000].map((ahead) => ({
        timestampMs: Date.now() + ahead,
        key: null,
        value: utf8('t'),
      })),
      {},
      tools,
    )
    const answer = await refused(batch)
    expect(answer.errorCode).toBe(ErrorCode.INVALID_TIMESTAMP)
    expect(answer.recordErrors.map(({ batchIndex }) => batchIndex)).toEqual([1])
    const strict = await createTopic(client, {
      configs: { 'message.timestamp.before.max.ms': '1000' },
    })
    const old = batchOf(['old'], { timestampMs: Date.now() - 60_000 })
    expect((await refused(old, { topic: strict })).errorCode).toBe(ErrorCode.INVALID_TIMESTAMP)
  })

  test('when it is transactional: nobody could end its transaction', async () => {
    const batch = batchOf(['t'], {
      producerId: 900,
      producerEpoch: 0,
      baseSequence: 0,
      transactional: true,
    })
    expect((await refused(batch)).errorCode).toBe(ErrorCode.INVALID_TXN_STATE)
    const body = { ...produceBody(topic, batch), transactionalId: 'tx' }
    const answer = await client.call(Api.produce, 13, body)
    expect(answer.responses[0]?.partitionResponses[0]?.errorCode).toBe(ErrorCode.INVALID_TXN_STATE)
    const { highWatermark, lastStableOffset } = await fetch(client, topic, 0)
    expect(lastStableOffset).toBe(highWatermark)
  })
})

describe('a request', () => {
  test.each([2, -2, 100])('with acks %i fails for every partition [P13]', async (acks) => {
    const { responses } = await client.call(Api.produce, 13, {
      ...produceBody(topic, batchOf(['a']), { acks }),
      topicData: [0, 1].map((index) => ({
        topicId: topic.topicId,
        partitionData: [{ index, records: batchOf(['a']) }],
      })),
    })
    const codes = responses.flatMap((one) => one.partitionResponses.map((p) => p.errorCode))
    expect(codes).toEqual([ErrorCode.INVALID_REQUIRED_ACKS, ErrorCode.INVALID_REQUIRED_ACKS])
  })

  test('never creates a topic, and says what it does not know [P16]', async () => {
    const absent = { name: 'never-made', topicId: '22222222-2222-2222-2222-222222222222' }
    for (const version of versionsOf(Api.produce)) {
      const { errorCode } = await produce(client, absent, batchOf(['a']), { version })
      expect(errorCode).toBe(
        version < 13 ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION : ErrorCode.UNKNOWN_TOPIC_ID,
      )
      const beyond = await produce(client, topic, batchOf(['a']), { version, partition: 7 })
      expect(beyond.errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    }
    const { topics } = await client.call(Api.metadata, 12, { topics: null })
    expect(topics.map(({ name }) => name)).not.toContain('never-made')
  })

  test.each(versionsOf(Api.produce))(
    'in version %i with one bad partition takes the others [P17]',
    async (version) => {
      const own = await createTopic(client, { partitions: 3 })
      const spoiled = batchOf(['b'])
      spoiled.fill(0xff, spoiled.length - 1)
      const answer = await client.call(Api.produce, version, {
        transactionalId: null,
        acks: -1,
        timeoutMs: 5000,
        topicData: [
          {
            ...own,
            partitionData: [
              { index: 0, records: batchOf(['a']) },
              { index: 1, records: spoiled },
              { index: 9, records: batchOf(['c']) },
              { index: 2, records: batchOf(['d']) },
            ],
          },
          { ...topic, partitionData: [{ index: 0, records: batchOf(['e']) }] },
        ],
      })
      const told = answer.responses.map(({ partitionResponses }) =>
        partitionResponses.map(({ index, errorCode }) => [index, errorCode]),
      )
      expect(told).toEqual([
        [
          [0, 0],
          [1, ErrorCode.CORRUPT_MESSAGE],
          [9, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
          [2, 0],
        ],
        [[0, 0]],
      ])
      expect(valuesIn((await fetch(client, own, 0, { partition: 2 })).records)).toEqual(['d'])
    },
  )

  test('without partitions is answered', async () => {
    for (const version of versionsOf(Api.produce)) {
      const body = { transactionalId: null, acks: -1, timeoutMs: 1, topicData: [] }
      expect((await client.call(Api.produce, version, body)).responses).toEqual([])
    }
  })

  test('to an internal topic needs the admin client [P19]', async () => {
    const offsets = { name: '__consumer_offsets', topicId: '' }
    await client.call(Api.findCoordinator, 4, { keyType: 0, coordinatorKeys: ['g'] })
    await expect
      .poll(async () => (await produce(client, offsets, batchOf(['a']), { version: 9 })).errorCode)
      .toBe(ErrorCode.INVALID_TOPIC_EXCEPTION)
    const admin = { version: 9, clientId: '__admin_client' }
    // A record that the coordinator does not know of; its key has a version of the far future.
    const record = batchOf(['x'], { key: '\x7f\xff' })
    expect((await produce(client, offsets, record, admin)).errorCode).toBe(0)
  })

  test('that is acknowledged can be read at once [P14, P20]', async () => {
    const own = await createTopic(client)
    for (let i = 0; i < 20; i++) {
      const { errorCode, baseOffset } = await produce(client, own, batchOf([`${i}`]))
      expect([errorCode, baseOffset]).toEqual([0, i])
      expect((await fetch(client, own, i)).highWatermark).toBe(i + 1)
    }
  })

  test('in flight when its topic is deleted may be retried [P20]', async () => {
    const own = await createTopic(client)
    await produce(client, own, batchOf(['a']))
    const other = await lab.client()
    const sent = Array.from({ length: 20 }, () =>
      produce(client, own, batchOf(['b']), { version: 9 }),
    )
    const gone = other.call(Api.deleteTopics, 6, { topics: [{ name: own.name }], timeoutMs: 1000 })
    const codes = new Set((await Promise.all(sent)).map(({ errorCode }) => errorCode))
    await gone
    for (const code of codes) {
      expect([0, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, ErrorCode.NOT_LEADER_OR_FOLLOWER]).toContain(
        code,
      )
    }
    await other.close()
  })
})
