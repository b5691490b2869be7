import { readFileSync, writeFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FormatError, OperatingError } from '../../src/base/errors.ts'
import { leaderEpoch, offset } from '../../src/base/units.ts'
import { BATCH_BYTES_MAX, checkBatch } from '../../src/log/segment/batch-check.ts'
import { scanBytes } from '../../src/log/segment/batch-scan.ts'
import { baseOffsetOf, maxTimestampOf } from '../../src/log/segment/batch-view.ts'
import { IndexCache, SealedSegment, sealTrailer } from '../../src/log/segment/sealed-segment.ts'
import { SegmentBuilder } from '../../src/log/segment/segment-builder.ts'
import {
  FOOTER_BYTES,
  SectionKind,
  decodeFooter,
  sectionOf,
} from '../../src/log/segment/segment-format.ts'
import { hashFile } from '../../src/log/segment/segment-hash.ts'
import { verifySegment } from '../../src/log/segment/segment-verify.ts'
import { crypto, flipped, joined, makeBatch, MemoryFile } from './batches.ts'
import { LIMITS, buildSegment, emptyParts, sealedBytes } from './segments.ts'

const open = (bytes: Uint8Array, cache = new IndexCache(1e6)): Promise<SealedSegment> =>
  SealedSegment.open(crypto, new MemoryFile(bytes), cache)

describe('SealedSegment', () => {
  const built = buildSegment({ base: 700, count: 60, size: 900, interval: 4096 })
  const bytes = sealedBytes(built)

  it.each([false, true])(
    'opens with one read and gives back what was sealed (direct: %s)',
    async (direct) => {
      const file = new MemoryFile(bytes, direct)
      const segment = await SealedSegment.open(crypto, file, new IndexCache(1e6))
      expect(file.reads).toBe(1)
      expect(segment.footer).toMatchObject({
        baseOffset: 700,
        endOffset: 880,
        dataLength: built.data.length,
        batchCount: 120,
        recordCount: 180,
        maxEpoch: 29,
        minTimestamp: 10_000,
        compacted: false,
        indexInterval: 4096,
      })
      expect((await segment.lineage()).entries()).toEqual(built.lineage.entries())
      expect((await segment.producers(LIMITS)).describe()).toEqual(built.producers.describe())
      expect((await segment.load()).aborted.spans).toEqual(built.aborted.spans)
      expect(await verifySegment(crypto, file)).toEqual([])
    },
  )

  it('finds the interval of every offset and of every time [L9]', async () => {
    const segment = await open(bytes)
    const inside = (range: { from: number; to: number }): Uint8Array[] => {
      const batches: Uint8Array[] = []
      const to = { from: range.from, to: range.to, gaps: true }
      const start = { nextOffset: offset(0), epoch: leaderEpoch(-1) }
      scanBytes(crypto, built.data, { ...to, ...start }, (data, at, length) => {
        batches.push(data.subarray(at, at + length))
      })
      return batches
    }
    for (const batch of built.batches) {
      const range = await segment.positionOf(baseOffsetOf(batch, 0))
      expect(inside(range).map((one) => baseOffsetOf(one, 0))).toContain(baseOffsetOf(batch, 0))
      expect(range.to - range.from).toBeLessThan(4096 + 1_100)
    }
    for (let time = 9_999; time <= 10_100; time++) {
      const first = built.batches.find((batch) => maxTimestampOf(batch, 0) >= time)
      const range = await segment.positionOfTimestamp(time)
      if (first === undefined) expect(range).toBe(null)
      else {
        const hit = inside(range as { from: number; to: number }).find(
          (batch) => maxTimestampOf(batch, 0) >= time,
        )
        expect(hit).toEqual(first)
      }
    }
  })

  it('loads its index once, however many ask at once, and again after it was dropped', async () => {
    const file = new MemoryFile(bytes)
    const segment = await SealedSegment.open(crypto, file, new IndexCache(1e6))
    await Promise.all([segment.load(), segment.load(), segment.positionOf(offset(701))])
    expect(file.reads).toBe(3)
    await segment.load()
    expect(file.reads).toBe(3)
    segment.close()
    await segment.load()
    expect(file.reads).toBe(5)
  })

  it('refuses a damaged index section instead of using it', async () => {
    const place = sectionOf((await open(bytes)).footer, SectionKind.index)
    const segment = await open(flipped(bytes, ((place?.position ?? 0) + 21) * 8))
    await expect(segment.load()).rejects.toThrow(FormatError)
  })

  it('says which file is cut short', async () => {
    const file = new MemoryFile(bytes)
    const segment = await SealedSegment.open(crypto, file, new IndexCache(1e6))
    file.bytes = bytes.subarray(0, 100)
    await expect(segment.load()).rejects.toThrow(OperatingError)
  })

  it('is as it was when its format was fixed (golden bytes)', async () => {
    const small = buildSegment({ base: 5, count: 3, size: 30, interval: 256 })
    const hashes = await hashFile(crypto, new MemoryFile(small.data), small.data.length)
    const sealed = sealedBytes(small, hashes)
    const path = new URL('../golden/log/segment.seg', import.meta.url)
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(path, sealed)
    expect(Uint8Array.from(readFileSync(path))).toEqual(sealed)
    expect(await verifySegment(crypto, new MemoryFile(sealed))).toEqual([])
  })

  it('costs at most 0.2 % of its data, aborted transactions and producers aside', () => {
    const parts = emptyParts(0)
    for (let base = 0; base < 1_000; base++) {
      const batch = makeBatch({ base, size: 16_384 })
      parts.builder.append(batch, 0, batch.length)
    }
    const trailer = sealTrailer(crypto, parts)
    expect(trailer.length).toBeLessThan(parts.builder.dataLength * 0.002)
  })

  it('is sound without a batch, and with the offsets that compaction left out', async () => {
    const empty = emptyParts(9)
    const range20 = { endOffset: offset(20), cleanedTo: offset(9), maxEpoch: leaderEpoch(3) }
    const nothing = sealTrailer(crypto, { ...empty, compacted: range20 })
    expect(await verifySegment(crypto, new MemoryFile(nothing))).toEqual([])
    const segment = await open(nothing)
    expect(await segment.positionOf(offset(12))).toEqual({ from: 0, to: 0 })
    expect(await segment.positionOfTimestamp(0)).toBe(null)

    const parts = emptyParts(9)
    const batches = [makeBatch({ base: 11, count: 2, delta: 5 }), makeBatch({ base: 30 })]
    for (const batch of batches) parts.builder.append(batch, 0, batch.length)
    const range40 = { endOffset: offset(40), cleanedTo: offset(40), maxEpoch: leaderEpoch(0) }
    const seal = sealTrailer(crypto, { ...parts, compacted: range40 })
    const file = new MemoryFile(joined([...batches, seal]))
    expect(await verifySegment(crypto, file)).toEqual([])
    const range = await (await open(file.bytes)).positionOf(offset(9))
    expect(range.from).toBe(0)
  })
})

describe('IndexCache', () => {
  it('holds no more than its bytes, least recently used out first', async () => {
    const cache = new IndexCache(10_000)
    const bytes = sealedBytes(buildSegment({ base: 0, count: 20, size: 900, interval: 512 }))
    const segments = await Promise.all(Array.from({ length: 30 }, () => open(bytes, cache)))
    const first = segments[0] as SealedSegment
    for (const segment of segments) {
      await segment.load()
      await first.load()
      expect(cache.bytes).toBeLessThanOrEqual(10_000)
    }
    expect(cache.get(first)).not.toBe(null)
    expect(cache.size).toBeGreaterThan(2)
    expect(cache.size).toBeLessThan(15)
    for (const segment of segments) segment.close()
    expect(cache.bytes).toBe(0)
  })
})

describe('decodeFooter()', () => {
  const bytes = sealedBytes(buildSegment({ base: 5, count: 3, size: 30 }))

  it('detects every single flipped bit of footer and table', async () => {
    const footer = decodeFooter(crypto, bytes, bytes.length)
    const trailer = bytes.length - footer.trailerLength
    const table = bytes.length - FOOTER_BYTES - footer.sections.length * 24
    for (let bit = table * 8; bit < bytes.length * 8; bit++) {
      expect(() => decodeFooter(crypto, flipped(bytes, bit), bytes.length)).toThrow(FormatError)
    }
    for (let bit = trailer * 8; bit < bytes.length * 8; bit++) {
      const found = await verifySegment(crypto, new MemoryFile(flipped(bytes, bit)))
      expect(found.length).toBeGreaterThan(0)
    }
  })

  it('refuses a file of another length, and arbitrary bytes', () => {
    expect(() => decodeFooter(crypto, bytes, bytes.length + 1)).toThrow(FormatError)
    expect(() => decodeFooter(crypto, bytes.subarray(0, -1), bytes.length - 1)).toThrow(FormatError)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (noise) => {
        expect(() => decodeFooter(crypto, noise, noise.length)).toThrow(FormatError)
      }),
    )
  })

  it('throws nothing but FormatError when every CRC is right and the fields lie', () => {
    fc.assert(
      fc.property(fc.nat(115), fc.nat(255), fc.nat(4_000), (at, value, size) => {
        const lying = Uint8Array.from(bytes)
        const start = lying.length - FOOTER_BYTES
        lying[start + at] = value
        const crc = crypto.crc32c(lying.subarray(start - 4 * 24, start + 116))
        new DataView(lying.buffer).setUint32(start + 116, crc)
        const tail = lying.subarray(Math.max(lying.length - Math.max(size, FOOTER_BYTES + 96), 0))
        try {
          decodeFooter(crypto, tail, bytes.length)
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError)
        }
      }),
      { numRuns: 1_000 },
    )
  })
})

describe('verifySegment()', () => {
  const built = buildSegment({ base: 0, count: 34, size: 1_850, interval: 2_000 })
  const sealed = sealedBytes(built)

  it('detects every single flipped bit in 64 KiB of data', () => {
    // What verifySegment() does to a whole file, done to the one interval that the bit lies in.
    const { index, dataLength } = built.builder
    const data = Uint8Array.from(built.data)
    expect(dataLength).toBeGreaterThan(65_536)
    const epochs: number[] = []
    let missed = 0
    let checked = 0
    for (let i = 0; i < index.length; i++) {
      const from = index.positionAt(i)
      const to = index.endOf(i, dataLength)
      const nextOffset = index.offsetAt(i)
      const end = i + 1 < index.length ? index.offsetAt(i + 1) : built.builder.endOffset
      const epoch = leaderEpoch(epochs.at(-1) ?? -1)
      const sound = (): boolean => {
        const rebuilt = new SegmentBuilder(nextOffset, crypto)
        const expected = { nextOffset, epoch, gaps: false, offsetLimit: Infinity }
        for (let at = from; at < to;) {
          const length = checkBatch(crypto, data, at, to, expected, BATCH_BYTES_MAX)
          if (length < 0) return false
          rebuilt.append(data, at, length)
          expected.nextOffset = rebuilt.endOffset
          expected.epoch = rebuilt.maxEpoch
          at += length
        }
        rebuilt.settle()
        return rebuilt.endOffset === end && rebuilt.index.prefixCrcAt(0) === index.prefixCrcAt(i)
      }
      expect(sound()).toBe(true)
      for (let bit = from * 8; bit < to * 8; bit++) {
        const mask = 1 << (bit & 7)
        data[bit >>> 3] = (data[bit >>> 3] as number) ^ mask
        if (sound()) missed++
        data[bit >>> 3] = (data[bit >>> 3] as number) ^ mask
        checked++
      }
      epochs.push(Math.floor((end - 1) / 30))
    }
    expect(checked).toBeGreaterThanOrEqual(524_288)
    expect(missed).toBe(0)
  })

  it('names the part of the file that a flipped bit has hit, wherever it is', async () => {
    const step = 997
    for (let bit = 0; bit < sealed.length * 8; bit += step) {
      const findings = await verifySegment(crypto, new MemoryFile(flipped(sealed, bit)))
      expect(findings.length).toBeGreaterThan(0)
      const at = bit >>> 3
      expect(findings.some((finding) => finding.from <= at && at < finding.to)).toBe(true)
    }
  })

  it('names every count of the footer that the batches contradict', async () => {
    const wrong = emptyParts(0, built.builder.indexInterval).builder
    for (const batch of built.batches) wrong.append(batch, 0, batch.length)
    wrong.recordCount++
    wrong.minTimestamp--
    wrong.endOffset = offset(5_000)
    const trailer = sealTrailer(crypto, { ...built, builder: wrong })
    const findings = await verifySegment(crypto, new MemoryFile(joined([built.data, trailer])))
    expect(findings.map((finding) => finding.text.split(' ').at(-1))).toEqual([
      'recordCount',
      'minTimestamp',
      'endOffset',
    ])
  })

  it('checks block hashes where the segment has them', async () => {
    const hashes = await hashFile(crypto, new MemoryFile(built.data), built.data.length)
    const good = sealedBytes(built, hashes)
    expect(await verifySegment(crypto, new MemoryFile(good))).toEqual([])
    const wrong = { ...hashes, root: new Uint8Array(32) }
    const findings = await verifySegment(crypto, new MemoryFile(sealedBytes(built, wrong)))
    expect(findings.map((finding) => finding.part)).toEqual(['hashes'])
  })
})
