// The straight-line Produce code against the tables, on good bytes and on bad ones.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FormatError } from '../../../src/base/errors.ts'
import { Reader } from '../../../src/base/reader.ts'
import { Writer } from '../../../src/base/writer.ts'
import { decode, encodeBytes } from '../../../src/wire/codec.ts'
import { ProduceRequestCursor } from '../../../src/wire/fast/produce-request.ts'
import type { Produced, ProducedPartition } from '../../../src/wire/fast/produce-response.ts'
import {
  produceAckBytes,
  produceResponseBytes,
  writeProduceAck,
  writeProduceResponse,
} from '../../../src/wire/fast/produce-response.ts'
import { writeResponseFrame } from '../../../src/wire/frame.ts'
import type { ProduceRequest, ProduceResponse } from '../../../src/wire/messages/00-produce.ts'
import { produceRequest, produceResponse } from '../../../src/wire/messages/00-produce.ts'
import { apiOf } from '../../../src/wire/registry.ts'
import { ZERO_UUID } from '../../../src/wire/schema.ts'
import { must } from '../../../src/base/assert.ts'
import { messageOf, versionsOf } from '../arbitrary.ts'

const api = must(apiOf(0), 'Produce is registered')
const versions = versionsOf(produceRequest)

/** What the cursor sees, in the shape the table codec gives. */
function throughCursor(cursor: ProduceRequestCursor, version: number): ProduceRequest {
  const { bytes } = cursor
  const topicData: ProduceRequest['topicData'][number][] = []
  while (cursor.nextTopic()) {
    const key = new Reader(bytes, cursor.topicAt, cursor.topicEnd)
    const [name, topicId] = version >= 13 ? ['', key.uuid()] : [key.text(key.left), ZERO_UUID]
    const partitionData: ProduceRequest['topicData'][number]['partitionData'][number][] = []
    while (cursor.nextPartition()) {
      const { partition: index, recordsAt, recordsEnd } = cursor
      const records = recordsAt < 0 ? null : bytes.subarray(recordsAt, recordsEnd)
      partitionData.push({ index, records })
    }
    expect(partitionData.length).toBe(cursor.topicPartitionCount)
    topicData.push({ name, topicId, partitionData })
  }
  const { acks, timeoutMs } = cursor
  return { transactionalId: cursor.transactionalId(), acks, timeoutMs, topicData }
}

/** Its value, or FormatError for bytes that it refuses. */
function attempt<T>(act: () => T): T | typeof FormatError {
  try {
    return act()
  } catch (error) {
    if (error instanceof FormatError) return FormatError
    throw error
  }
}

describe.for(versions)('ProduceRequestCursor v%i', (version) => {
  const cursor = new ProduceRequestCursor()

  test('sees what the table codec sees', () => {
    fc.assert(
      fc.property(messageOf(produceRequest, version), fc.nat(9), (value, lead) => {
        const body = encodeBytes(produceRequest, version, value)
        const bytes = new Uint8Array(lead + body.length + 3)
        bytes.set(body, lead)
        expect(cursor.reset(bytes, lead, bytes.length, version)).toBe(lead + body.length)
        const counts = [cursor.topicCount, cursor.partitionCount, cursor.recordsBytes]
        const partitions = value.topicData.flatMap((topic) => topic.partitionData)
        const recordsBytes = partitions.reduce(
          (sum, { records }) => sum + (records?.length ?? 0),
          0,
        )
        expect(counts).toEqual([value.topicData.length, partitions.length, recordsBytes])
        expect(throughCursor(cursor, version)).toStrictEqual(value)
      }),
      { numRuns: 60 },
    )
  })

  test('refuses what the table codec refuses and nothing else', () => {
    const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 3 })
    fc.assert(
      fc.property(messageOf(produceRequest, version), damage, fc.nat(), (value, bites, cut) => {
        const bytes = encodeBytes(produceRequest, version, value)
        for (const [at, byte] of bites) bytes[at % bytes.length] = byte
        const bad = cut % 3 === 0 ? bytes.subarray(0, cut % bytes.length) : bytes
        const slow = attempt(() => decode(produceRequest, version, new Reader(bad)))
        const fast = attempt(() => {
          cursor.reset(bad, 0, bad.length, version)
          return throughCursor(cursor, version)
        })
        expect(fast).toStrictEqual(slow)
      }),
      { numRuns: 200 },
    )
  })

  test('skips the partitions that were not asked for', () => {
    const topic = (name: string) => ({
      name,
      topicId: `00000000-0000-0000-0000-0000000000${name}`,
      partitionData: [1, 2, 3].map((index) => ({ index, records: Uint8Array.of(index) })),
    })
    const body = encodeBytes(produceRequest, version, { topicData: [topic('0a'), topic('0b')] })
    cursor.reset(body, 0, body.length, version)
    expect([cursor.nextTopic(), cursor.nextPartition(), cursor.partition]).toEqual([true, true, 1])
    expect([cursor.nextTopic(), cursor.nextPartition(), cursor.partition]).toEqual([true, true, 1])
    expect(body[cursor.topicEnd - 1]).toBe(version >= 13 ? 0x0b : 'b'.charCodeAt(0))
    expect(cursor.nextTopic()).toBe(false)
  })
})

test('ProduceRequestCursor.reset() refuses a whole request for one missing byte [W7]', () => {
  const topicData = [{ name: 't', partitionData: [{ index: 0, records: new Uint8Array(100) }] }]
  const body = encodeBytes(produceRequest, 9, { topicData })
  const cursor = new ProduceRequestCursor()
  expect(() => cursor.reset(body, 0, body.length - 1, 9)).toThrow(FormatError)
})

/** A response's value as the fast writer takes it. */
function asProduced(value: ProduceResponse, version: number): Produced {
  return {
    ...value,
    topics: value.responses.map(({ name, topicId, partitionResponses }) => {
      const key = new Writer()
      key.raw(new Uint8Array(5))
      if (version >= 13) key.uuid(topicId)
      else key.text(name)
      const partitions: ProducedPartition[] = partitionResponses.map((partition, i) => ({
        ...partition,
        currentLeader:
          partition.currentLeader.leaderId === -1 && i % 2 === 0 ? null : partition.currentLeader,
      }))
      return { source: key.copy(), start: 5, end: key.at, partitions }
    }),
  }
}

const drawn = {
  currentLeader: fc.oneof(
    fc.constant({ leaderId: -1, leaderEpoch: -1 }),
    fc.record(
      { leaderId: fc.nat(), leaderEpoch: fc.integer({ min: -1, max: 9 }) },
      { noNullPrototype: true },
    ),
  ),
}

describe.for(versions)('writeProduceResponse() v%i', (version) => {
  test('writes the bytes of the table codec, as many as were measured', () => {
    fc.assert(
      fc.property(messageOf(produceResponse, version, drawn), fc.nat(9), (value, at) => {
        const frame = new Writer()
        const head = { apiVersion: version, correlationId: 77 }
        writeResponseFrame(frame, api, { schema: produceResponse, ...head, body: value })
        const produced = asProduced(value, version)
        const size = produceResponseBytes(version, produced)
        const bytes = new Uint8Array(at + size + 4)
        const end = writeProduceResponse(bytes, at, { version, correlationId: 77 }, produced)
        expect(end).toBe(at + size)
        expect(bytes.subarray(at, end)).toStrictEqual(frame.copy())
        expect(bytes.subarray(end)).toStrictEqual(new Uint8Array(4))
      }),
      { numRuns: 60 },
    )
  })

  test('writeProduceAck() writes the same bytes for one good partition', () => {
    const text = fc.string({ unit: 'binary', maxLength: 200 })
    fc.assert(
      fc.property(text, fc.maxSafeInteger(), fc.nat(), (name, baseOffset, partition) => {
        const key =
          version >= 13 ? new Uint8Array(16).fill(partition) : new TextEncoder().encode(name)
        const where = { source: key, start: 0, end: key.length }
        const ack = {
          ...where,
          version,
          correlationId: partition,
          partition,
          baseOffset,
          logAppendTimeMs: -1,
          logStartOffset: 3,
          throttleTimeMs: 20,
        }
        const bytes = new Uint8Array(produceAckBytes(version, key.length))
        expect(writeProduceAck(bytes, 0, ack)).toBe(bytes.length)
        const outcome: ProducedPartition = {
          index: partition,
          errorCode: 0,
          baseOffset,
          logAppendTimeMs: -1,
          logStartOffset: 3,
          recordErrors: [],
          errorMessage: null,
          currentLeader: null,
        }
        const produced = {
          topics: [{ ...where, partitions: [outcome] }],
          throttleTimeMs: 20,
          nodeEndpoints: [],
        }
        const general = new Uint8Array(produceResponseBytes(version, produced))
        writeProduceResponse(general, 0, { version, correlationId: partition }, produced)
        expect(bytes).toStrictEqual(general)
      }),
      { numRuns: 40 },
    )
  })
})
