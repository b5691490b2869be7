// The platform's Compression: the contract, agreement with libraries, and zstd frame bounds.
import { constants, gzipSync, zstdCompressSync } from 'node:zlib'
import {
  lz4Compress,
  lz4Decompress,
  snappyCompress,
  snappyDecompress,
} from '@platformatic/wasm-utils'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FormatError } from '../../src/base/errors.ts'
import { xxhash32 } from '../../src/base/xxhash32.ts'
import { createCompression } from '../../src/platform/compression.ts'
import { zstdFrames } from '../../src/platform/zstd-frames.ts'
import { compressionContract } from '../contract/compression.ts'

compressionContract('platform', createCompression)

const compression = createCompression()

/** Bytes with matches of many lengths and distances. */
const matching = fc
  .array(fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.nat(30)), { maxLength: 60 })
  .map((runs) => {
    const repeated = runs.flatMap(([bytes, times]) => Array<Uint8Array>(times + 1).fill(bytes))
    return Uint8Array.from(repeated.flatMap((bytes) => [...bytes]))
  })

describe('createCompression()', () => {
  test('reads what the LZ4 and Snappy library writes', () => {
    fc.assert(
      fc.property(matching, (bytes) => {
        const lz4 = lz4Compress(Buffer.from(bytes))
        expect(Buffer.compare(compression.decompress('lz4', lz4, bytes.length), bytes)).toBe(0)
        const raw = snappyCompress(Buffer.from(bytes))
        expect(Buffer.compare(compression.decompress('snappy', raw, bytes.length), bytes)).toBe(0)
      }),
    )
  })

  test('writes what the LZ4 and Snappy library reads', () => {
    const bytes = Uint8Array.from({ length: 20_000 }, (_, i) => (i * i) >> 5)
    const lz4 = compression.compress('lz4', bytes)
    expect(Buffer.compare(lz4Decompress(Buffer.from(lz4)), bytes)).toBe(0)
    const framed = compression.compress('snappy', bytes)
    expect(Buffer.compare(snappyDecompress(Buffer.from(framed.subarray(20))), bytes)).toBe(0)
  })

  test('reads LZ4 frames with linked blocks and all checksums', () => {
    // Two linked blocks: "abcdefgh", then a match that reaches back into it.
    const content = new TextEncoder().encode('abcdefghabcdefghz')
    const header = [0x5c, 0x40, ...u64(content.length)]
    const one = [0x80, ...content.subarray(0, 8)]
    const two = [0x04, 0x08, 0x00, 0x10, 0x7a]
    const frame = [
      ...[0x04, 0x22, 0x4d, 0x18, ...header],
      (hash(header) >>> 8) & 0xff,
      ...[...u32(one.length), ...one, ...u32(hash(one))],
      ...[...u32(two.length), ...two, ...u32(hash(two))],
      ...[...u32(0), ...u32(hash([...content]))],
    ]
    const plain = compression.decompress('lz4', Uint8Array.from(frame), content.length)
    expect(new TextDecoder().decode(plain)).toBe('abcdefghabcdefghz')
    for (let at = 0; at < frame.length; at++) {
      const wrong = Uint8Array.from(frame)
      wrong[at] = (wrong[at] as number) ^ 0x10
      expect(() => compression.decompress('lz4', wrong, 1000), String(at)).toThrow(FormatError)
    }
  })

  test('reads gzip members whose last is shorter than the first, and a false size', () => {
    const members = Buffer.concat([gzipSync(new Uint8Array(50_000)), gzipSync(Uint8Array.of(1))])
    expect(compression.decompress('gzip', members, 50_001)).toHaveLength(50_001)
    expect(() => compression.decompress('gzip', members, 50_000)).toThrow(FormatError)
  })

  test.each([1, 3, 19, 22])(
    'reads zstd of level %i with and without size and checksum',
    (level) => {
      const bytes = Uint8Array.from({ length: 300_000 }, (_, i) => (i * i) >> 7)
      for (const flag of [0, 1]) {
        const packed = zstdCompressSync(bytes, {
          params: {
            [constants.ZSTD_c_compressionLevel]: level,
            [constants.ZSTD_c_contentSizeFlag]: flag,
            [constants.ZSTD_c_checksumFlag]: flag,
          },
        })
        const plain = compression.decompress('zstd', packed, bytes.length)
        expect(Buffer.compare(plain, bytes)).toBe(0)
      }
    },
  )

  test('refuses thousands of zstd frames', () => {
    const frame = zstdCompressSync(new Uint8Array(0))
    const many = Buffer.concat(Array<Buffer>(5000).fill(frame))
    expect(() => compression.decompress('zstd', many, 1000)).toThrow('too many frames')
  })

  test('goes on after the library met empty input, grown memory and refusals', () => {
    for (const size of [0, 3_000_000, 0, 10]) {
      const bytes = new Uint8Array(size)
      for (const codec of ['lz4', 'snappy'] as const) {
        const packed = compression.compress(codec, bytes)
        expect(compression.decompress(codec, packed, size)).toHaveLength(size)
      }
    }
  })
})

describe('zstdFrames()', () => {
  test('finds every frame and knows the declared size', () => {
    const one = zstdCompressSync(new Uint8Array(1000), { pledgedSrcSize: 1000 })
    const frames = zstdFrames(Buffer.concat([one, one]))
    expect(frames.map(({ from, end }) => [from, end])).toEqual([
      [0, one.length],
      [one.length, 2 * one.length],
    ])
    expect(frames[0]?.declared === true ? frames[0].sizeMax : 1000).toBe(1000)
  })
})

const hash = (bytes: number[]): number => xxhash32(Uint8Array.from(bytes), 0, bytes.length)
const u32 = (value: number): number[] =>
  [value, value >>> 8, value >>> 16, value >>> 24].map((b) => b & 0xff)
const u64 = (value: number): number[] => [...u32(value), 0, 0, 0, 0]
