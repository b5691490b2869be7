import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FormatError } from '../../src/base/errors.ts'
import { Reader } from '../../src/base/reader.ts'
import { MiB, offset } from '../../src/base/units.ts'
import {
  SectionKind,
  checkSection,
  decodeFooter,
  encodeTrailer,
  looksSealed,
  sectionOf,
} from '../../src/log/segment/segment-format.ts'
import {
  decodeHashes,
  encodeHashes,
  hashFile,
  hashRoot,
} from '../../src/log/segment/segment-hash.ts'
import { run } from '../fuzz/targets/segment.ts'
import { crypto, filler, flipped, joined, MemoryFile } from './batches.ts'
import { emptyParts } from './segments.ts'

const anyState = fc
  .record({
    base: fc.nat(),
    span: fc.nat(),
    dataLength: fc.nat(3_000),
    batchCount: fc.nat(),
    recordCount: fc.nat(),
    minTimestamp: fc.maxSafeInteger(),
    maxTimestamp: fc.maxSafeInteger(),
    maxEpoch: fc.integer({ min: -1, max: 0x7fffffff }),
  })
  .map(({ base, span, maxEpoch, ...rest }) => {
    const { builder } = emptyParts(base)
    return Object.assign(builder, rest, { endOffset: offset(base + span), maxEpoch })
  })

const anySections = fc.array(
  fc.record({ kind: fc.nat(65_535), bytes: fc.uint8Array({ maxLength: 300 }) }),
  { maxLength: 64 },
)

describe('encodeTrailer()', () => {
  it('is read back by decodeFooter(), unknown kinds of sections too', () => {
    fc.assert(
      fc.property(anyState, anySections, fc.boolean(), (state, sections, compacted) => {
        const cleanedTo = compacted ? state.endOffset : offset(0)
        const parts = { state, sections, compacted, cleanedTo, indexInterval: 65_536 }
        const trailer = encodeTrailer(crypto, parts)
        const file = joined([new Uint8Array(state.dataLength), trailer])
        const footer = decodeFooter(crypto, file.subarray(-4096), file.length)
        const { baseOffset, endOffset, dataLength, batchCount, recordCount, maxEpoch } = state
        const { minTimestamp, maxTimestamp } = state
        expect(footer).toMatchObject({ baseOffset, endOffset, dataLength, batchCount, recordCount })
        expect(footer).toMatchObject({ minTimestamp, maxTimestamp, maxEpoch, compacted, cleanedTo })
        expect(looksSealed(file)).toBe(true)
        expect(footer.sections.length).toBe(sections.length)
        footer.sections.forEach((place, i) => {
          const bytes = file.subarray(place.position, place.position + place.length)
          expect(bytes).toEqual(sections[i]?.bytes)
          expect(place.kind).toBe(sections[i]?.kind)
          checkSection(crypto, place, bytes)
          if (bytes.length === 0) return
          expect(() => checkSection(crypto, place, flipped(bytes, 3))).toThrow(FormatError)
          expect(() => checkSection(crypto, place, bytes.subarray(1))).toThrow(FormatError)
        })
        const hashes = sections.findIndex((section) => section.kind === SectionKind.hashes)
        expect(sectionOf(footer, SectionKind.hashes)).toBe(footer.sections[hashes] ?? null)
      }),
      { numRuns: 60 },
    )
  })
})

describe('hashFile()', () => {
  it('hashes each MiB; its root depends on every block, their order and the length', async () => {
    const data = filler(3 * MiB - 5, 1)
    const hashes = await hashFile(crypto, new MemoryFile(data), data.length)
    expect(hashes.blocks.length).toBe(3)
    expect(hashes.blocks[2]).toEqual(crypto.sha256(data.subarray(2 * MiB)))
    const [a, b, c] = hashes.blocks as [Uint8Array, Uint8Array, Uint8Array]
    const one = Uint8Array.of(1)
    const left = crypto.sha256(joined([one, a, b]))
    const top = crypto.sha256(joined([one, left, c]))
    const shape = Uint8Array.of(0, 0, 0, 0, 0, 0, 0x2f, 0xff, 0xfb, 0, 0, 0, 3)
    expect(hashes.root).toEqual(crypto.sha256(joined([shape, top])))
    expect(hashRoot(crypto, [a, c, b], data.length)).not.toEqual(hashes.root)
    expect(hashRoot(crypto, hashes.blocks, data.length - 1)).not.toEqual(hashes.root)
    expect(hashRoot(crypto, [], 0)).toHaveLength(32)
  })

  it('decodeHashes() reads what encodeHashes() wrote, and refuses another length', async () => {
    const data = filler(MiB + 1, 2)
    const hashes = await hashFile(crypto, new MemoryFile(data), data.length)
    const bytes = encodeHashes(hashes)
    expect(decodeHashes(new Reader(bytes), data.length)).toEqual(hashes)
    expect(() => decodeHashes(new Reader(bytes), MiB)).toThrow(FormatError)
    expect(() => decodeHashes(new Reader(bytes.subarray(1)), data.length)).toThrow(FormatError)
  })
})

describe('every reader of segment bytes', () => {
  it('refuses arbitrary bytes with FormatError and nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400, size: 'max' }), (bytes) => run(bytes)),
      { numRuns: 3_000 },
    )
  })
})
