import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FormatError } from '../../../src/base/errors.ts'
import { Writer } from '../../../src/base/writer.ts'
import {
  assignedPartitions,
  subscribedTopics,
  unionOfTopics,
} from '../../../src/group/classic/subscription.ts'

const encode = (version: number, topics: readonly string[], rest: Uint8Array): Uint8Array => {
  const writer = new Writer()
  writer.int16(version)
  writer.int32(topics.length)
  for (const topic of topics) {
    const bytes = new TextEncoder().encode(topic)
    writer.int16(bytes.length)
    writer.raw(bytes)
  }
  writer.raw(rest)
  return writer.copy()
}

describe('subscribedTopics()', () => {
  test('reads the topics of any version and ignores what follows [G16]', () => {
    fc.assert(
      fc.property(
        fc.nat({ max: 5 }),
        fc.array(fc.string()),
        fc.uint8Array(),
        (version, topics, rest) => {
          expect(subscribedTopics(encode(version, topics, rest))).toEqual(topics)
        },
      ),
    )
  })

  test('answers null to bytes that are no subscription, and never throws [G16]', () => {
    expect(subscribedTopics(new Uint8Array(0))).toBeNull()
    expect(subscribedTopics(Uint8Array.of(0, 0, 0x7f, 0xff, 0xff, 0xff))).toBeNull()
    expect(subscribedTopics(Uint8Array.of(0, 0, 0, 0, 0, 1, 0, 9, 65))).toBeNull()
    fc.assert(fc.property(fc.uint8Array(), (bytes) => void subscribedTopics(bytes)))
  })

  test('unionOfTopics() knows nothing if one subscription is unreadable', () => {
    const none = new Uint8Array(0)
    const [a, b] = [encode(0, ['x', 'y'], none), encode(3, ['y', 'z'], none)]
    expect(unionOfTopics([a, b])).toEqual(new Set(['x', 'y', 'z']))
    expect(unionOfTopics([a, Uint8Array.of(1)])).toBeNull()
    expect(unionOfTopics([])).toEqual(new Set())
  })
})

describe('assignedPartitions()', () => {
  test('reads topics and partitions', () => {
    const writer = new Writer()
    writer.int16(1)
    writer.int32(1)
    writer.int16(1)
    writer.text('t')
    writer.int32(2)
    writer.int32(4)
    writer.int32(7)
    expect(assignedPartitions(writer.copy())).toEqual([{ topic: 't', partitions: [4, 7] }])
    expect(assignedPartitions(new Uint8Array(0))).toEqual([])
  })

  test('throws FormatError only', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        try {
          assignedPartitions(bytes)
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError)
        }
      }),
    )
  })
})
