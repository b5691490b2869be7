// The table codec against itself and against hostile bytes, for every message at every version.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FormatError, OperatingError } from '../../src/base/errors.ts'
import { Reader } from '../../src/base/reader.ts'
import { Writer } from '../../src/base/writer.ts'
import { decode, decodeBytes, encode, encodeBytes } from '../../src/wire/codec.ts'
import {
  consumerProtocolAssignment,
  consumerProtocolSubscription,
} from '../../src/wire/messages/internal/consumer-protocol.ts'
import { endTxnMarker } from '../../src/wire/messages/internal/end-txn-marker.ts'
import {
  groupMetadataKey,
  groupMetadataValue,
} from '../../src/wire/messages/internal/group-metadata.ts'
import {
  legacyOffsetCommitKey,
  legacyOffsetCommitValue,
  offsetCommitKey,
  offsetCommitValue,
} from '../../src/wire/messages/internal/offset-commit.ts'
import { producerSnapshot } from '../../src/wire/messages/internal/producer-snapshot.ts'
import {
  transactionLogKey,
  transactionLogValue,
} from '../../src/wire/messages/internal/transaction-log.ts'
import { apis } from '../../src/wire/registry.ts'
import type { Schema } from '../../src/wire/schema.ts'
import { defaultOf, isFlexible, isNullable, isPresent } from '../../src/wire/schema.ts'
import { messageOf, versionsOf } from './arbitrary.ts'

const internal: readonly Schema<unknown>[] = [
  consumerProtocolSubscription,
  consumerProtocolAssignment,
  endTxnMarker,
  groupMetadataKey,
  groupMetadataValue,
  offsetCommitKey,
  offsetCommitValue,
  legacyOffsetCommitKey,
  legacyOffsetCommitValue,
  producerSnapshot,
  transactionLogKey,
  transactionLogValue,
]
const schemas = [...apis.flatMap((api) => [api.request, api.response]), ...internal]
const cases = schemas.flatMap((schema) =>
  versionsOf(schema).map((version) => [schema.name, version, schema] as const),
)

/** Runs `decode` and lets through only FormatError; whether it threw. */
function decodeOrRefuse(schema: Schema<unknown>, version: number, bytes: Uint8Array): unknown {
  try {
    return decodeBytes(schema, version, bytes)
  } catch (error) {
    if (error instanceof FormatError) return error
    throw error
  }
}

describe.for(schemas.map((schema) => [schema.name, schema] as const))('%s', ([, schema]) => {
  test('decode(encode(x)) is x in every version and leaves nothing over [W5]', () => {
    for (const version of versionsOf(schema)) {
      fc.assert(
        fc.property(messageOf(schema, version), (value) => {
          const reader = new Reader(encodeBytes(schema, version, value))
          expect(decode(schema, version, reader)).toStrictEqual(value)
          expect(reader.left).toBe(0)
        }),
        { numRuns: 8 },
      )
    }
  })

  test('decode() refuses every truncation with a FormatError', () => {
    for (const version of versionsOf(schema)) {
      const [value] = fc.sample(messageOf(schema, version), { numRuns: 1, seed: 7 })
      const bytes = encodeBytes(schema, version, value)
      const step = Math.max(1, Math.floor(bytes.length / 150))
      const taken: number[] = []
      for (let end = 0; end < bytes.length; end += step) {
        const outcome = decodeOrRefuse(schema, version, bytes.subarray(0, end))
        if (!(outcome instanceof FormatError)) taken.push(end)
      }
      expect(taken).toEqual([])
    }
  })

  test('decode() of flipped bits gives a value or a FormatError, nothing else', () => {
    for (const version of versionsOf(schema)) {
      const [value] = fc.sample(messageOf(schema, version), { numRuns: 1, seed: 11 })
      const bytes = encodeBytes(schema, version, value)
      if (bytes.length === 0) continue
      fc.assert(
        fc.property(
          fc.array(fc.nat(bytes.length * 8 - 1), { minLength: 1, maxLength: 4 }),
          (bits) => {
            const bad = Uint8Array.from(bytes)
            for (const bit of bits) bad[bit >> 3] = (bad[bit >> 3] as number) ^ (1 << (bit & 7))
            expect(decodeOrRefuse(schema, version, bad)).toBeDefined()
          },
        ),
        { numRuns: 10 },
      )
    }
  })

  test('encode() of nothing writes the defaults, where the version has them', () => {
    for (const version of versionsOf(schema)) {
      const expected = Object.fromEntries(
        schema.fields.map((field) => [field[0], defaultOf(field)]),
      )
      const actual = decodeBytes(schema, version, encodeBytes(schema, version, {}))
      for (const field of schema.fields) {
        const mayDiffer = field[2]?.default === null && isPresent(field, version)
        if (mayDiffer && !isNullable(field, version)) delete expected[field[0]]
      }
      expect(actual).toMatchObject(expected)
    }
  })
})

test('every API and version is covered', () => {
  expect(apis.length).toBe(77)
  expect(cases.length).toBeGreaterThan(400)
})

describe('decode()', () => {
  const flexibleCases = cases.filter(([, version, schema]) => isFlexible(schema, version))

  test('steps over unknown tagged fields of every message [W4]', () => {
    for (const [, version, schema] of flexibleCases) {
      const bytes = encodeBytes(schema, version, {})
      // No default is tagged, so the last byte is the count of tagged fields.
      const writer = new Writer()
      writer.raw(bytes.subarray(0, -1))
      writer.uvarint(2)
      for (const [tag, size] of [
        [9001, 0],
        [70000, 300],
      ] as const) {
        writer.uvarint(tag)
        writer.uvarint(size)
        writer.raw(new Uint8Array(size).fill(0xff))
      }
      const reader = new Reader(writer.bytes())
      expect(decode(schema, version, reader)).toStrictEqual(decodeBytes(schema, version, bytes))
      expect(reader.left).toBe(0)
    }
  })

  test('takes tagged fields in any order and encode() sorts them [W4]', () => {
    const value = {
      producerId: 5,
      previousProducerId: 3,
      nextProducerId: 9,
      nextProducerEpoch: 2,
      clientTransactionVersion: 2,
    }
    const bytes = encodeBytes(transactionLogValue, 1, value)
    // Tags 0 and 1 have 10 bytes each, 2 and 3 have 4 each.
    const [plain, tags] = [bytes.subarray(0, -29), bytes.subarray(-28)]
    expect(bytes.at(-29)).toBe(4)
    expect([tags[0], tags[10], tags[20], tags[24]]).toEqual([0, 1, 2, 3])
    const shuffled = new Writer()
    shuffled.raw(plain)
    shuffled.uvarint(4)
    for (const [from, to] of [
      [24, 28],
      [10, 20],
      [0, 10],
      [20, 24],
    ] as const) {
      shuffled.raw(tags.subarray(from, to))
    }
    expect(decodeBytes(transactionLogValue, 1, shuffled.bytes())).toStrictEqual(
      decodeBytes(transactionLogValue, 1, bytes),
    )
  })

  test('refuses a tagged field that does not fill its size', () => {
    const bytes = encodeBytes(transactionLogValue, 1, { producerId: 5, nextProducerEpoch: 2 })
    expect([...bytes.subarray(-5)]).toEqual([1, 3, 2, 0, 2])
    const longer = Uint8Array.of(...bytes.subarray(0, -3), 3, 0, 2, 0)
    expect(() => decodeBytes(transactionLogValue, 1, longer)).toThrow(FormatError)
  })

  test('refuses absurd counts at once, whatever the message', () => {
    const started = process.cpuUsage()
    for (const [, version, schema] of cases) {
      for (const fill of [0xff, 0x7f]) {
        const bytes = new Uint8Array(64).fill(fill)
        bytes.fill(0x0f, 4, 5)
        decodeOrRefuse(schema, version, bytes)
      }
    }
    expect(process.cpuUsage(started).user).toBeLessThan(2_000_000)
  })

  test('holds a count against the smallest element before it makes anything', () => {
    const producers = new Writer()
    producers.uint32(0)
    producers.int32(3)
    producers.raw(new Uint8Array(3 * 43 - 1))
    // An entry has 43 bytes: two of them fit, and the third must not be begun.
    expect(() => decodeBytes(producerSnapshot, 1, producers.bytes())).toThrow('A list is longer')
  })

  test('refuses an int64 outside ±2^53 and null where there is none', () => {
    const far = new Writer()
    far.bigInt64(2n ** 53n)
    expect(() => decodeBytes(legacyOffsetCommitValue, 0, far.bytes())).toThrow(FormatError)
    const none = new Writer()
    none.int16(-1)
    expect(() => decodeBytes(groupMetadataKey, 0, none.bytes())).toThrow(FormatError)
  })

  test('leaves bytes behind the message to the caller', () => {
    const writer = new Writer()
    encode(groupMetadataKey, 0, { group: 'g' }, writer)
    writer.int32(42)
    const reader = new Reader(writer.bytes())
    decode(groupMetadataKey, 0, reader)
    expect(reader.int32()).toBe(42)
  })
})

describe('encode()', () => {
  test('refuses a string over 32767 bytes and null where the version has none', () => {
    const long = 'é'.repeat(16384)
    expect(() => encodeBytes(groupMetadataKey, 0, { group: long })).toThrow(OperatingError)
    const assignment = { assignedPartitions: [], userData: null }
    expect(() => encodeBytes(consumerProtocolAssignment, 0, assignment)).not.toThrow()
    const offset = { metadata: null } as unknown as { metadata: string }
    expect(() => encodeBytes(offsetCommitValue, 3, offset)).toThrow(OperatingError)
  })

  test('carries 32767 bytes of text and a leading U+FEFF', () => {
    for (const group of ['x'.repeat(32767), '\uFEFFgroup', '\uFEFF' + 'y'.repeat(60)]) {
      const bytes = encodeBytes(groupMetadataKey, 0, { group })
      expect(decodeBytes(groupMetadataKey, 0, bytes)).toStrictEqual({ group })
    }
  })
})
