// The bytes of heads, pages and entries: round trip, golden, hostile.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FormatError, OperatingError } from '../../../src/base/errors.ts'
import { Reader } from '../../../src/base/reader.ts'
import { Writer } from '../../../src/base/writer.ts'
import { BLOCK_ROW_BYTES } from '../../../src/tier/manifest/block-table.ts'
import {
  decodeEntry,
  encodeEntry,
  entryBytesMax,
  keptBytesMin,
} from '../../../src/tier/manifest/entry.ts'
import { decodeHead, encodeHead, HEAD_BYTES_MAX } from '../../../src/tier/manifest/head.ts'
import { Page, encodePage, pageHash } from '../../../src/tier/manifest/page.ts'
import { crypto, flipped } from '../../log/batches.ts'
import { anyManifest, entryRun } from './arbitrary.ts'
import { goldenBytes, goldenEntries, goldenManifest } from './golden.ts'

/** What reading `bytes` is refused with; null when it is not refused. */
function refusal(read: (bytes: Uint8Array) => unknown, bytes: Uint8Array): Error | null {
  try {
    read(bytes)
  } catch (error) {
    if (error instanceof FormatError || error instanceof OperatingError) return error
    throw error
  }
  return null
}

/** `bytes` with the CRC at their end made right. */
function resummed(bytes: Uint8Array): Uint8Array {
  const at = bytes.length - 4
  new DataView(bytes.buffer).setUint32(at, crypto.crc32c(bytes.subarray(0, at)))
  return bytes
}

const readHead = (bytes: Uint8Array): unknown => decodeHead(crypto, bytes)
const readPage = (bytes: Uint8Array): unknown => Page.open(crypto, bytes)

describe('encodeEntry()', () => {
  it('is read back by decodeEntry(), and takes no more than entryBytesMax()', () => {
    fc.assert(
      fc.property(entryRun(12_345, 1), (entries) => {
        for (const entry of entries) {
          const to = new Writer()
          encodeEntry(to, entry)
          expect(to.at).toBeLessThanOrEqual(entryBytesMax(entry))
          const from = new Reader(to.bytes())
          expect(decodeEntry(from)).toEqual(entry)
          expect(from.left).toBe(0)
        }
      }),
    )
  })
})

describe('decodeEntry()', () => {
  const [, entry] = goldenEntries()
  const to = new Writer()
  if (entry !== undefined) encodeEntry(to, entry)
  const sound = to.copy()
  const table = sound.length - 3 * BLOCK_ROW_BYTES
  const damaged = (at: number, ...bytes: number[]): Error | null => {
    const copy = Uint8Array.from(sound)
    copy.set(bytes, table + at)
    return refusal((all) => decodeEntry(new Reader(all)), copy)
  }

  it('refuses rows that no data has', () => {
    expect(damaged(0)).toBeNull()
    // No batch at the very front, one behind its block, one behind all data.
    expect(damaged(16, 0xff, 0xff, 0xff)).toBeInstanceOf(FormatError)
    expect(damaged(16, 0, 0, 1)).toBeInstanceOf(FormatError)
    expect(damaged(29 + 16, 0x10, 0, 0)).toBeInstanceOf(FormatError)
    expect(damaged(58 + 16, 0, 1, 44)).toBeInstanceOf(FormatError)
    expect(damaged(58 + 16, 0, 1, 43)).toBeNull()
    // Offsets and times that fall.
    expect(damaged(19, 0, 0, 0, 1)).toBeInstanceOf(FormatError)
    expect(damaged(23, 1)).toBeInstanceOf(FormatError)
  })

  it('refuses an entry of no offsets', () => {
    const none = new Writer()
    for (const one of goldenEntries().filter(({ hasAborted }) => hasAborted)) {
      encodeEntry(none, { ...one, end: one.base })
    }
    expect(refusal((all) => decodeEntry(new Reader(all)), none.copy())).toBeInstanceOf(FormatError)
  })
})

describe('encodeHead()', () => {
  it('is read back by decodeHead()', () => {
    fc.assert(
      fc.property(anyManifest, (manifest) => {
        expect(decodeHead(crypto, encodeHead(crypto, manifest))).toEqual(manifest)
      }),
      { numRuns: 200 },
    )
  })

  it('is as it was when its format was fixed (golden bytes)', () => {
    const golden = goldenBytes('head')
    expect(Buffer.from(encodeHead(crypto, goldenManifest())).equals(golden)).toBe(true)
    expect(decodeHead(crypto, golden)).toEqual(goldenManifest())
  })
})

describe('decodeHead()', () => {
  const golden = goldenBytes('head')

  it('refuses a head with any bit turned over, and any part of one', () => {
    for (let bit = 0; bit < golden.length * 8; bit++) {
      expect(refusal(readHead, flipped(golden, bit))).not.toBeNull()
    }
    for (let size = 0; size < golden.length; size++) {
      expect(refusal(readHead, golden.subarray(0, size))).toBeInstanceOf(FormatError)
    }
    const longer = new Uint8Array(golden.length + 1)
    longer.set(golden)
    expect(refusal(readHead, longer)).toBeInstanceOf(FormatError)
  })

  it('says what to do with a head of a newer version', () => {
    const error = refusal(readHead, flipped(golden, 4 * 8 + 1))
    expect(error).toMatchObject({ kind: 'refused' })
    expect(error?.message).toBe(
      'Cannot read a manifest of format 513: this version knows up to 1; ' +
        'use the newer Stratalog that wrote it',
    )
  })

  it('refuses version 0, which never was', () => {
    const bytes = resummed(flipped(golden, 5 * 8))
    expect(refusal(readHead, bytes)?.message).toContain('unknown version')
  })

  it('refuses more bytes than any head has before it looks at them', () => {
    const bytes = new Uint8Array(HEAD_BYTES_MAX + 1)
    bytes.set(golden.subarray(0, 8))
    new DataView(bytes.buffer).setUint32(8, bytes.length)
    const blind = { ...crypto, crc32c: () => expect.unreachable('It is not summed') }
    expect(refusal((all) => decodeHead(blind, all), bytes)?.message).toContain('larger')
  })
})

describe('encodePage()', () => {
  it('makes a page that tells of every entry, and a reference with its sums', () => {
    fc.assert(
      fc.property(entryRun(77, 1), (entries) => {
        const { ref, bytes } = encodePage(crypto, entries)
        const page = Page.open(crypto, bytes)
        expect(page.entries()).toEqual(entries)
        expect(page.length).toBe(ref.count)
        expect(ref.pageBytes).toBe(bytes.length)
        expect(ref.hash).toBe(pageHash(crypto, bytes))
        const sum = (of: 'objectBytes' | 'recordCount'): number =>
          entries.reduce((total, entry) => total + entry[of], 0)
        expect([ref.dataBytes, ref.objectBytes, ref.recordCount]).toEqual([
          entries.reduce((total, entry) => total + keptBytesMin(entry), 0),
          sum('objectBytes'),
          sum('recordCount'),
        ])
        expect([ref.base, ref.end]).toEqual([entries[0]?.base, entries.at(-1)?.end])
      }),
    )
  })

  it('finds by offset and by time what a look at every entry finds', () => {
    fc.assert(
      fc.property(entryRun(10, 1), fc.maxSafeInteger(), (entries, any) => {
        const page = Page.open(crypto, encodePage(crypto, entries).bytes)
        for (const { base, end } of entries) {
          for (const at of [base - 1, base, end - 1, end]) {
            const expected = entries.findLastIndex((entry) => entry.base <= at)
            expect(page.floor(at as typeof base)).toBe(expected)
          }
        }
        const times = entries.flatMap(({ maxTimestamp }) => [maxTimestamp, maxTimestamp + 1])
        for (const time of [any, ...times]) {
          if (time < 0 || !Number.isSafeInteger(time)) continue
          const expected = entries.findIndex((entry) => entry.maxTimestamp >= time)
          expect(page.firstReaching(time)).toBe(expected)
        }
      }),
    )
  })

  it('is as it was when its format was fixed (golden bytes)', () => {
    const golden = goldenBytes('page')
    expect(Buffer.from(encodePage(crypto, goldenEntries()).bytes).equals(golden)).toBe(true)
    expect(Page.open(crypto, golden).entries()).toEqual(goldenEntries())
  })
})

describe('Page.open()', () => {
  const golden = goldenBytes('page')

  it('refuses a page with any bit turned over, and any part of one', () => {
    for (let bit = 0; bit < golden.length * 8; bit++) {
      expect(refusal(readPage, flipped(golden, bit))).not.toBeNull()
    }
    for (let size = 0; size < golden.length; size++) {
      expect(refusal(readPage, golden.subarray(0, size))).toBeInstanceOf(FormatError)
    }
  })

  it('says what to do with a page of a newer version', () => {
    const error = refusal(readPage, flipped(golden, 4 * 8 + 1))
    expect(error).toMatchObject({ kind: 'refused' })
    expect(error?.message).toContain('use the newer Stratalog that wrote it')
  })
})
