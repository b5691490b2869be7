// What any Compression must do: give back what went in, refuse what is malformed or too large with
// a FormatError and nothing else, and accept what other writers of the same formats make.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FormatError } from '../../src/base/errors.ts'
import { CODECS, type Codec, type Compression } from '../../src/ports/compression.ts'

const text = new TextEncoder()
const hex = (digits: string): Uint8Array =>
  Uint8Array.from(digits.replaceAll(' ', '').match(/../g) ?? [], (pair) =>
    Number.parseInt(pair, 16),
  )

/** Streams that other programs made of `hello hello hello hello`, and of nothing. */
export const FOREIGN: readonly (readonly [string, Codec, Uint8Array, string])[] = [
  ['raw Snappy, one literal', 'snappy', hex('05 10 68656c6c6f'), 'hello'],
  [
    'raw Snappy with a copy',
    'snappy',
    hex('17 14 68656c6c6f20 42 0600'),
    'hello hello hello hello',
  ],
  ['raw Snappy, empty', 'snappy', hex('00'), ''],
  [
    'xerial Snappy in two chunks',
    'snappy',
    hex('82534e4150505900 00000001 00000001 00000007 0510 68656c6c6f 00000007 0510 68656c6c6f'),
    'hellohello',
  ],
  [
    'xerial Snappy streams one after another',
    'snappy',
    hex(
      '82534e4150505900 00000001 00000001 00000007 0510 68656c6c6f' +
        '82534e4150505900 00000001 00000001 00000007 0510 68656c6c6f',
    ),
    'hellohello',
  ],
  [
    'LZ4 frame with a plain block',
    'lz4',
    hex('04224d18 60 40 82 05000080 68656c6c6f 00000000'),
    'hello',
  ],
  [
    'LZ4 frame with the header checksum of old Java clients (KIP-57)',
    'lz4',
    hex('04224d18 60 40 1a 05000080 68656c6c6f 00000000'),
    'hello',
  ],
  [
    'LZ4 frame with a match',
    'lz4',
    hex('04224d18 60 40 82 0a000000 6e 68656c6c6f20 0600 00 00000000'),
    'hello hello hello hello ',
  ],
]

/** Bytes of several kinds: repetitive, random, tiny, empty, with long and short matches. */
function samples(): [string, Uint8Array][] {
  const lines = Array.from(
    { length: 3000 },
    (_, i) => `{"id":${i},"name":"user-${(i * 7919) % 97}"}`,
  )
  let state = 1
  const noise = Uint8Array.from({ length: 100_000 }, () => {
    state = Math.imul(state, 1103515245) + 12345
    return state >>> 16
  })
  return [
    ['nothing', new Uint8Array(0)],
    ['one byte', Uint8Array.of(7)],
    ['text', text.encode(lines.join('\n'))],
    ['noise', noise],
    ['zeros', new Uint8Array(300_000)],
    ['a short period', Uint8Array.from({ length: 70_000 }, (_, i) => i % 3)],
  ]
}

const isFormatError = (run: () => unknown): boolean => {
  try {
    run()
    return false
  } catch (error) {
    if (error instanceof FormatError) return true
    throw error
  }
}

/** Runs the suite against the Compression that `make` gives. */
export function compressionContract(name: string, make: () => Compression): void {
  describe(`Compression contract: ${name}`, () => {
    const compression = make()

    describe.each(CODECS)('%s', (codec) => {
      test.each(samples())('gives back %s, at a limit that just fits', (_kind, bytes) => {
        const packed = compression.compress(codec, bytes)
        expect(Buffer.compare(compression.decompress(codec, packed, bytes.length), bytes)).toBe(0)
      })

      test.each(samples().slice(1))('refuses %s one byte above the limit', (_kind, bytes) => {
        const packed = compression.compress(codec, bytes)
        expect(isFormatError(() => compression.decompress(codec, packed, bytes.length - 1))).toBe(
          true,
        )
        expect(isFormatError(() => compression.decompress(codec, packed, 0))).toBe(true)
      })

      test('gives back any bytes, from a view in other bytes', () => {
        fc.assert(
          fc.property(fc.uint8Array({ maxLength: 500 }), (bytes) => {
            const packed = compression.compress(codec, bytes)
            const around = new Uint8Array(packed.length + 20)
            around.set(packed, 10)
            const view = around.subarray(10, 10 + packed.length)
            expect(Buffer.compare(compression.decompress(codec, view, 500), bytes)).toBe(0)
          }),
          { numRuns: 50 },
        )
      })
    })

    const packers = CODECS.filter((codec) => codec !== 'none')
    describe.each(packers)('%s, hostile', (codec) => {
      const bytes = text.encode('a record, another record, a third record; '.repeat(20))
      const packed = compression.compress(codec, bytes)

      test('refuses every truncation', () => {
        for (let end = 0; end < packed.length; end++) {
          const cut = packed.subarray(0, end)
          // Xerial-framed Snappy cut behind its header is whole: it has no chunks.
          if (codec === 'snappy' && end === 16) continue
          expect(
            isFormatError(() => compression.decompress(codec, cut, 10_000)),
            String(end),
          ).toBe(true)
        }
      })

      test('answers every flipped bit with bytes within the limit or a FormatError', () => {
        for (let bit = 0; bit < packed.length * 8; bit++) {
          const flipped = Uint8Array.from(packed)
          flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7))
          isFormatError(() => {
            expect(compression.decompress(codec, flipped, 2000).length).toBeLessThanOrEqual(2000)
          })
        }
        expect(Buffer.compare(compression.decompress(codec, packed, 2000), bytes)).toBe(0)
      })

      test('refuses noise', () => {
        fc.assert(
          fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
            isFormatError(() => {
              expect(compression.decompress(codec, noise, 4096).length).toBeLessThanOrEqual(4096)
            })
          }),
          { numRuns: 300 },
        )
      })

      test('refuses a bomb of 64 MiB quickly and before it takes its memory', () => {
        const bomb = compression.compress(codec, new Uint8Array(64 * 1024 * 1024))
        const before = process.memoryUsage()
        const start = performance.now()
        for (let i = 0; i < 20; i++) {
          expect(isFormatError(() => compression.decompress(codec, bomb, 1024 * 1024))).toBe(true)
        }
        expect((performance.now() - start) / 20).toBeLessThan(100)
        const after = process.memoryUsage()
        expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(48 * 1024 * 1024)
      })
    })

    test.each(['gzip', 'lz4', 'zstd'] as const)('%s takes frames one after another', (codec) => {
      const one = compression.compress(codec, text.encode('first, '))
      const two = compression.compress(codec, text.encode('second'))
      const both = new Uint8Array([...one, ...two])
      const plain = compression.decompress(codec, both, 13)
      expect(new TextDecoder().decode(plain)).toBe('first, second')
      expect(isFormatError(() => compression.decompress(codec, both, 12))).toBe(true)
      const cut = both.subarray(0, both.length - 1)
      expect(isFormatError(() => compression.decompress(codec, cut, 13))).toBe(true)
    })

    test.each(['lz4', 'zstd'] as const)('%s steps over a skippable frame', (codec) => {
      const frame = compression.compress(codec, text.encode('seen'))
      const bytes = new Uint8Array([...hex('502a4d18 03000000 010203'), ...frame])
      expect(new TextDecoder().decode(compression.decompress(codec, bytes, 4))).toBe('seen')
    })

    test.each(FOREIGN)('reads %s', (_kind, codec, bytes, content) => {
      const plain = compression.decompress(codec, bytes, content.length)
      expect(new TextDecoder().decode(plain)).toBe(content)
    })

    test('frames Snappy as Java clients do', () => {
      const packed = compression.compress('snappy', new Uint8Array(40_000))
      expect(Buffer.from(packed.subarray(0, 16)).toString('hex')).toBe(
        '82534e41505059000000000100000001',
      )
    })

    test.each([
      ['a raw Snappy size that lies', 'snappy', hex('ffffff7f 00 61')],
      ['a raw Snappy size of five bytes', 'snappy', hex('ffffffff0f 00 61')],
      ['a Snappy copy before the beginning', 'snappy', hex('08 0061 1d02')],
      [
        'a xerial chunk of negative length',
        'snappy',
        hex('82534e4150505900 00000001 00000001 ffffffff'),
      ],
      ['an LZ4 size that lies', 'lz4', hex('04224d18 68 40 ffffff7f00000000 00 00000000')],
      [
        'an LZ4 match before the beginning',
        'lz4',
        hex('04224d18 60 40 82 05000000 10 61 0500 00 00000000'),
      ],
      [
        'an LZ4 match of distance 0',
        'lz4',
        hex('04224d18 60 40 82 05000000 10 61 0000 00 00000000'),
      ],
      ['a gzip without members', 'gzip', hex('1f8b')],
    ] as const)('refuses %s', (_kind, codec, bytes) => {
      expect(isFormatError(() => compression.decompress(codec, bytes, 1 << 30))).toBe(true)
    })
  })
}
