// Frames and headers, whole and in pieces, and what the registry says of versions.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { must } from '../../src/base/assert.ts'
import { FormatError } from '../../src/base/errors.ts'
import { Reader } from '../../src/base/reader.ts'
import { Writer } from '../../src/base/writer.ts'
import { decode } from '../../src/wire/codec.ts'
import {
  FrameAssembler,
  frameLength,
  writeRequestFrame,
  writeResponseFrame,
} from '../../src/wire/frame.ts'
import {
  clientIdCache,
  readRequestHeader,
  readResponseHeader,
  writeRequestHeader,
  writeResponseHeader,
} from '../../src/wire/headers.ts'
import { apiVersionsRequest, apiVersionsResponse } from '../../src/wire/messages/18-api-versions.ts'
import type { Api } from '../../src/wire/registry.ts'
import {
  apiOf,
  apis,
  isKnown,
  requestHeaderVersion,
  responseHeaderVersion,
} from '../../src/wire/registry.ts'

const apiAt = (key: number): Api => must(apiOf(key), 'The API is registered')
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const bytesOf = (text: string): Uint8Array =>
  Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'))

describe('readRequestHeader()', () => {
  test('takes the client id as an int16 string in header v1 and v2 alike [W2]', () => {
    const v1 = new Reader(bytesOf('0003 0008 00000007 0004 6b636174 ff'))
    expect(readRequestHeader(v1)).toMatchObject({
      apiKey: 3,
      apiVersion: 8,
      correlationId: 7,
      clientId: 'kcat',
    })
    expect(v1.left).toBe(1)
    const v2 = new Reader(bytesOf('0003 0009 80000000 0004 6b636174 00 ff'))
    expect(readRequestHeader(v2)).toMatchObject({
      apiVersion: 9,
      correlationId: -2147483648,
      clientId: 'kcat',
    })
    expect(v2.left).toBe(1)
  })

  test('takes a null client id for "" [W12]', () => {
    expect(readRequestHeader(new Reader(bytesOf('0012 0000 00000007 ffff'))).clientId).toBe('')
    expect(readRequestHeader(new Reader(bytesOf('0012 0000 00000007 0000'))).clientId).toBe('')
  })

  test('steps over tagged fields that it does not know [W4]', () => {
    const reader = new Reader(bytesOf('0003 0009 00000001 ffff 02 00 03 aabbcc 8101 00 ff'))
    readRequestHeader(reader)
    expect(reader.left).toBe(1)
  })

  test('refuses a key that no broker listener has, such as those gone with 4.0 [W6]', () => {
    for (const key of ['0004', '0005', '0006', '0007', '0034', '7fff', 'ffff']) {
      const reader = new Reader(bytesOf(`${key} 0000 00000001 ffff 00`))
      expect(() => readRequestHeader(reader)).toThrow(FormatError)
    }
  })

  test('reads an ApiVersions request of a version from the future, up to its body [V1]', () => {
    const reader = new Reader(bytesOf('0012 0063 00000007 0001 61 00 ffffff'))
    expect(readRequestHeader(reader)).toMatchObject({ apiKey: 18, apiVersion: 99, clientId: 'a' })
    expect(isKnown(18, 99)).toBe(false)
  })

  test('refuses every truncation', () => {
    const whole = bytesOf('0003 0009 00000001 0004 6b636174 01 05 02 aabb')
    for (let end = 0; end < whole.length; end++) {
      expect(() => readRequestHeader(new Reader(whole.subarray(0, end)))).toThrow(FormatError)
    }
  })

  test('gives the same client ids with a cache as without', () => {
    const cache = clientIdCache()
    fc.assert(
      fc.property(
        fc.option(fc.string({ unit: 'binary', maxLength: 4 })),
        fc.nat(),
        (clientId, correlationId) => {
          const writer = new Writer()
          writeRequestHeader(writer, apiAt(3), { apiVersion: 12, correlationId, clientId })
          const reader = new Reader(writer.bytes())
          expect(readRequestHeader(reader, cache)).toMatchObject({
            correlationId,
            clientId: clientId ?? '',
          })
          expect(reader.left).toBe(0)
        },
      ),
    )
  })
})

describe('response headers', () => {
  test('have tagged fields from the flexible versions on [W3]', () => {
    const writer = new Writer()
    writeResponseHeader(writer, apiAt(3), { apiVersion: 8, correlationId: 5 })
    expect(hex(writer.bytes())).toBe('00000005')
    writer.reset()
    writeResponseHeader(writer, apiAt(3), { apiVersion: 9, correlationId: 5 })
    expect(hex(writer.bytes())).toBe('0000000500')
    const reader = new Reader(bytesOf('00000005 01 07 01 ff aa'))
    expect(readResponseHeader(reader, apiAt(3), 9)).toBe(5)
    expect(reader.left).toBe(1)
  })

  test('are always v0 for ApiVersions [W3]', () => {
    for (const version of [0, 1, 2, 3, 4, 99])
      expect(responseHeaderVersion(apiAt(18), version)).toBe(0)
    expect(requestHeaderVersion(apiAt(18), 3)).toBe(2)
  })

  test('an ApiVersions answer in v0 has error 35 and the entry of key 18 alone [V1]', () => {
    const writer = new Writer()
    const body = { errorCode: 35, apiKeys: [{ apiKey: 18, minVersion: 0, maxVersion: 4 }] }
    const head = { apiVersion: 0, correlationId: 7 }
    writeResponseFrame(writer, apiAt(18), { schema: apiVersionsResponse, ...head, body })
    expect(hex(writer.bytes())).toBe('00000010000000070023000000010012' + '00000004')
  })
})

describe('the registry', () => {
  // Key: first and last version of Apache Kafka 4.3's broker listener.
  const ranges =
    '0:3-13 1:4-18 2:1-11 3:0-13 8:2-10 9:1-10 10:0-6 11:0-9 12:0-4 13:0-5 14:0-5 15:0-6 16:0-5 ' +
    '17:0-1 18:0-4 19:2-7 20:1-6 21:0-2 22:0-5 23:2-4 24:0-5 25:0-4 26:0-5 27:1-2 28:0-5 29:1-3 ' +
    '30:1-3 31:1-3 32:1-4 33:0-2 34:1-2 35:1-5 36:0-2 37:0-3 38:1-3 39:1-2 40:1-2 41:1-3 42:0-2 ' +
    '43:0-2 44:0-1 45:0-1 46:0-0 47:0-0 48:0-1 49:0-1 50:0-0 51:0-0 55:0-2 57:0-2 60:0-2 61:0-0 ' +
    '64:0-0 65:0-0 66:0-2 68:0-1 69:0-1 71:0-0 72:0-0 74:0-1 75:0-0 76:1-1 77:1-1 78:1-2 79:1-2 ' +
    '80:0-1 81:0-0 83:0-0 84:0-0 85:0-1 86:0-0 87:0-1 88:0-0 89:0-0 90:0-1 91:0-0 92:0-0'

  test('has the version ranges of 4.3, without the unstable InitProducerId v6 [V8]', () => {
    expect(apis.map(({ key, min, max }) => `${key}:${min}-${max}`).join(' ')).toBe(ranges)
  })

  test('tells of Produce from version 0 and of nothing else below its range [V3]', () => {
    const below = apis.filter(({ advertisedMin, min }) => advertisedMin !== min)
    expect(below.map(({ key, advertisedMin }) => [key, advertisedMin])).toEqual([[0, 0]])
    expect(isKnown(0, 2)).toBe(false)
    expect(isKnown(0, 3)).toBe(true)
    expect(isKnown(-1, 0)).toBe(false)
  })
})

describe('frames', () => {
  test('frameLength() refuses negative lengths and those over the limit [W1]', () => {
    expect(frameLength(bytesOf('ff 00000010'), 1, 16)).toBe(16)
    expect(() => frameLength(bytesOf('00000011'), 0, 16)).toThrow(FormatError)
    expect(() => frameLength(bytesOf('ffffffff'), 0, 16)).toThrow(FormatError)
    expect(() => frameLength(bytesOf('80000000'), 0, 16)).toThrow(FormatError)
  })

  test('FrameAssembler gives the same frames however the bytes are cut', () => {
    const frames = fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 6 })
    const cuts = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 20 })
    fc.assert(
      fc.property(frames, cuts, (expected, sizes) => {
        const stream = new Writer()
        for (const frame of expected) {
          stream.int32(frame.length)
          stream.raw(frame)
        }
        const assembler = new FrameAssembler(60)
        const got: Uint8Array[] = []
        const all = stream.copy()
        for (let at = 0, i = 0; at < all.length; i++) {
          const end = Math.min(all.length, at + must(sizes[i % sizes.length], 'A size'))
          assembler.push(Uint8Array.from(all.subarray(at, end)), (frame) =>
            got.push(Uint8Array.from(frame)),
          )
          at = end
        }
        expect(got).toStrictEqual(expected)
        expect(assembler.pendingBytes).toBe(0)
      }),
      { numRuns: 300 },
    )
  })

  test('FrameAssembler hands out a view of the chunk when the frame is whole in it', () => {
    const chunk = bytesOf('00000002 aabb 00000000')
    const frames: Uint8Array[] = []
    new FrameAssembler(10).push(chunk, (frame) => frames.push(frame))
    expect(frames.map(hex)).toEqual(['aabb', ''])
    expect(frames[0]?.buffer).toBe(chunk.buffer)
  })

  test('FrameAssembler holds room for what has come, not for what was announced [W1]', () => {
    const assembler = new FrameAssembler(100 * 1024 * 1024)
    const before = process.memoryUsage().arrayBuffers
    const many = Array.from({ length: 64 }, () => {
      const one = new FrameAssembler(100 * 1024 * 1024)
      one.push(bytesOf('06000000 aa'), () => expect.unreachable())
      return one
    })
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(4 * 1024 * 1024)
    expect(many.every((one) => one.pendingBytes === 5)).toBe(true)
    expect(() => assembler.push(bytesOf('ffffffff'), () => expect.unreachable())).toThrow(
      FormatError,
    )
  })

  test('writeRequestFrame() writes length, header and body', () => {
    const writer = new Writer()
    const body = { clientSoftwareName: 'a', clientSoftwareVersion: '1' }
    const head = { apiVersion: 3, correlationId: 1, clientId: 'me' }
    writeRequestFrame(writer, apiAt(18), { schema: apiVersionsRequest, ...head, body })
    expect(hex(writer.bytes())).toBe(
      '00000012' + '0012' + '0003' + '00000001' + '00026d65' + '00' + '0261' + '0231' + '00',
    )
    const reader = new Reader(writer.bytes(), 4)
    readRequestHeader(reader)
    expect(decode(apiVersionsRequest, 3, reader)).toStrictEqual({ ...body })
  })
})
