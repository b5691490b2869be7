// The straight-line Fetch code against the tables, on good bytes and on bad ones.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { must } from '../../../src/base/assert.ts'
import { FormatError } from '../../../src/base/errors.ts'
import { Reader } from '../../../src/base/reader.ts'
import { Writer } from '../../../src/base/writer.ts'
import { decode, encodeBytes } from '../../../src/wire/codec.ts'
import { decodeFetchRequest } from '../../../src/wire/fast/fetch-request.ts'
import type { Fetched, FetchedPartition } from '../../../src/wire/fast/fetch-response.ts'
import { encodeFetchResponse } from '../../../src/wire/fast/fetch-response.ts'
import { writeResponseFrame } from '../../../src/wire/frame.ts'
import type { FetchResponse } from '../../../src/wire/messages/01-fetch.ts'
import { fetchRequest, fetchResponse } from '../../../src/wire/messages/01-fetch.ts'
import { apiOf } from '../../../src/wire/registry.ts'
import { messageOf, versionsOf } from '../arbitrary.ts'

const api = must(apiOf(1), 'Fetch is registered')
const versions = versionsOf(fetchRequest)

function attempt<T>(act: () => T): T | typeof FormatError {
  try {
    return act()
  } catch (error) {
    if (error instanceof FormatError) return FormatError
    throw error
  }
}

describe.for(versions)('decodeFetchRequest() v%i', (version) => {
  test('gives what the table codec gives', () => {
    fc.assert(
      fc.property(messageOf(fetchRequest, version), (value) => {
        const bytes = encodeBytes(fetchRequest, version, value)
        const reader = new Reader(bytes)
        const fast = decodeFetchRequest(version, reader)
        expect(fast).toStrictEqual(value)
        expect(Object.keys(fast)).toEqual(
          Object.keys(decode(fetchRequest, version, new Reader(bytes))),
        )
        expect(reader.left).toBe(0)
      }),
      { numRuns: 60 },
    )
  })

  test('refuses what the table codec refuses and nothing else', () => {
    const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 3 })
    fc.assert(
      fc.property(messageOf(fetchRequest, version), damage, fc.nat(), (value, bites, cut) => {
        const bytes = encodeBytes(fetchRequest, version, value)
        for (const [at, byte] of bites) bytes[at % bytes.length] = byte
        const bad = cut % 3 === 0 ? bytes.subarray(0, cut % bytes.length) : bytes
        const slow = attempt(() => decode(fetchRequest, version, new Reader(bad)))
        const fast = attempt(() => decodeFetchRequest(version, new Reader(bad)))
        expect(fast).toStrictEqual(slow)
      }),
      { numRuns: 200 },
    )
  })
})

/** A response's value as the fast writer takes it, records torn into two parts. */
function asFetched(value: FetchResponse): Fetched {
  const partition = (
    from: FetchResponse['responses'][number]['partitions'][number],
  ): FetchedPartition => {
    const { records, ...rest } = from
    const bytes = records?.length ?? 0
    const parts =
      records === null || bytes === 0
        ? []
        : [records.subarray(0, bytes >> 1), records.subarray(bytes >> 1)]
    return { ...rest, parts, bytes }
  }
  const topics = value.responses.map((topic) => ({
    ...topic,
    partitions: topic.partitions.map(partition),
  }))
  return { ...value, topics }
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]))
}

const drawn = { records: fc.uint8Array({ maxLength: 300 }) }

describe.for(versions)('encodeFetchResponse() v%i', (version) => {
  test('gives the bytes of the table codec', () => {
    fc.assert(
      fc.property(messageOf(fetchResponse, version, drawn), (value) => {
        const frame = new Writer()
        const head = { apiVersion: version, correlationId: 99 }
        writeResponseFrame(frame, api, { schema: fetchResponse, ...head, body: value })
        const fast = encodeFetchResponse({ version, correlationId: 99 }, asFetched(value))
        expect(join(fast.parts)).toStrictEqual(frame.copy())
        expect(fast.bytes).toBe(frame.at)
      }),
      { numRuns: 60 },
    )
  })

  test('passes the records on without a copy and leaves out what is not told', () => {
    const parts = [Uint8Array.of(1, 2), Uint8Array.of(3)]
    const partition: FetchedPartition = {
      partitionIndex: 0,
      errorCode: 0,
      highWatermark: 3,
      lastStableOffset: 3,
      logStartOffset: 0,
      divergingEpoch: null,
      currentLeader: null,
      snapshotId: null,
      abortedTransactions: null,
      preferredReadReplica: -1,
      parts,
      bytes: 3,
    }
    const topic = {
      topic: 't',
      topicId: '00000000-0000-0000-0000-00000000000a',
      partitions: [partition],
    }
    const fetched = {
      throttleTimeMs: 0,
      errorCode: 0,
      sessionId: 0,
      topics: [topic],
      nodeEndpoints: [],
    }
    const frame = encodeFetchResponse({ version, correlationId: 1 }, fetched)
    expect(frame.parts[1]).toBe(parts[0])
    expect(frame.parts[2]).toBe(parts[1])
    expect(frame.parts.length).toBe(version >= 12 ? 4 : 3)
  })
})

test('encodeFetchResponse() gives an error partition records of length 0, never null [W13]', () => {
  for (const version of versions) {
    const partition = { partitionIndex: 4, errorCode: 3, parts: [], bytes: 0 }
    const told = {
      divergingEpoch: null,
      currentLeader: null,
      snapshotId: null,
      abortedTransactions: null,
    }
    const offsets = {
      highWatermark: -1,
      lastStableOffset: -1,
      logStartOffset: -1,
      preferredReadReplica: -1,
    }
    const topic = {
      topic: 't',
      topicId: '00000000-0000-0000-0000-00000000000a',
      partitions: [{ ...partition, ...told, ...offsets }],
    }
    const fetched = {
      throttleTimeMs: 0,
      errorCode: 0,
      sessionId: 0,
      topics: [topic],
      nodeEndpoints: [],
    }
    const { parts } = encodeFetchResponse({ version, correlationId: 1 }, fetched)
    expect(parts.length).toBe(1)
    const reader = new Reader(join(parts), version >= 12 ? 9 : 8)
    const [answer] = decode(fetchResponse, version, reader).responses
    expect(answer?.partitions[0]?.records).toStrictEqual(new Uint8Array(0))
  }
})
