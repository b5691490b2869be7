// A history of a million segments: the head stays small, pages few, look-ups fast, and the work of
// keeping it so does not grow with the history. `STRATALOG_MANIFEST_SEGMENTS` sets how many large
// segments are told of, whose tables are most of the bytes.
import { describe, expect, it } from 'vitest'
import { must } from '../../../src/base/assert.ts'
import { Prng } from '../../../src/base/prng.ts'
import { MiB, offset } from '../../../src/base/units.ts'
import { withSegments } from '../../../src/tier/manifest/change.ts'
import type { SegmentEntry } from '../../../src/tier/manifest/entry.ts'
import { HEAD_BYTES_MAX, encodeHead } from '../../../src/tier/manifest/head.ts'
import { archiveSize } from '../../../src/tier/manifest/manifest.ts'
import type { Page, PageRef } from '../../../src/tier/manifest/page.ts'
import { locateOffset, locateTime } from '../../../src/tier/read/locate.ts'
import { crypto } from '../../log/batches.ts'
import { bare, entryAt } from '../support.ts'
import { Book } from './book.ts'

const OFFSETS = 1_000
const PER_CHANGE = 16
const FIRST_MS = 1_700_000_000_000

interface Told {
  readonly segments: number
  readonly headBytesMax: number
  readonly pages: number
  readonly pageBytesMax: number
  readonly writtenPerByte: number
  readonly changeMs: readonly number[]
  readonly byOffsetMs: number
  readonly byTimeMs: number
  readonly memoryMiB: number
}

/** Archives `count` segments like `one`, 16 a change, and looks some of them up. */
async function history(count: number, one: SegmentEntry): Promise<Told> {
  const book = new Book(crypto, bare())
  let headBytesMax = 0
  const quarterMs = [0, 0, 0, 0]
  const before = process.memoryUsage().rss
  for (let i = 0; i < count; i += PER_CHANGE) {
    const added = Array.from({ length: PER_CHANGE }, (_, at) => segment(one, i + at))
    const { manifest: last, spills } = book
    const began = performance.now()
    book.change((now) => withSegments(now, added))
    // It is largest when the next change spills.
    const largest = book.spills > spills ? encodeHead(crypto, last).length : 0
    headBytesMax = Math.max(headBytesMax, largest)
    const quarter = Math.floor((4 * i) / count)
    quarterMs[quarter] = must(quarterMs[quarter], 'a quarter') + performance.now() - began
  }
  const { manifest } = book
  const memoryMiB = (process.memoryUsage().rss - before) / MiB
  const size = archiveSize(manifest)
  expect(size.segments).toBe(count)
  expect(size.records).toBe(count * OFFSETS)
  const opened = new Map<PageRef, Page>(manifest.pages.map((ref) => [ref, book.page(ref)]))
  const loadPage = async (ref: PageRef): Promise<Page> => must(opened.get(ref), 'a page')
  const prng = new Prng(3)
  const looks = 2_000
  const wanted = Array.from({ length: looks }, () => prng.below(count * OFFSETS))
  let began = performance.now()
  for (const at of wanted) {
    const found = await locateOffset(manifest, offset(at), loadPage)
    if (found?.base !== at - (at % OFFSETS)) expect.unreachable(`offset ${at}`)
  }
  const byOffsetMs = (performance.now() - began) / looks
  began = performance.now()
  for (const at of wanted) {
    const found = await locateTime(manifest, FIRST_MS + at, offset(0), loadPage)
    if (found?.base !== at - (at % OFFSETS)) expect.unreachable(`time ${at}`)
  }
  const byTimeMs = (performance.now() - began) / looks
  const pagesBytes = manifest.pages.reduce((sum, { pageBytes }) => sum + pageBytes, 0)
  const told = {
    segments: count,
    headBytesMax,
    pages: manifest.pages.length,
    pageBytesMax: Math.max(...manifest.pages.map(({ pageBytes }) => pageBytes)),
    writtenPerByte: book.writtenBytes / pagesBytes,
    changeMs: quarterMs.map((ms) => ms / (count / PER_CHANGE / 4)),
    byOffsetMs,
    byTimeMs,
    memoryMiB,
  }
  console.info(JSON.stringify(told))
  return told
}

/** The `i`th segment: of `OFFSETS` offsets, a millisecond each. */
function segment(one: SegmentEntry, i: number): SegmentEntry {
  const base = i * OFFSETS
  return {
    ...one,
    base: offset(base),
    end: offset(base + OFFSETS),
    objectBase: offset(base),
    nonce: i.toString(16).padStart(16, '0'),
    minTimestamp: FIRST_MS + base,
    maxTimestamp: FIRST_MS + base + OFFSETS - 1,
  }
}

function expectSmall(told: Told): void {
  expect(told.headBytesMax).toBeLessThanOrEqual(HEAD_BYTES_MAX)
  expect(told.pages).toBeLessThanOrEqual(1_000)
  expect(told.writtenPerByte).toBeLessThan(4)
  expect(told.byOffsetMs).toBeLessThan(1)
  expect(told.byTimeMs).toBeLessThan(1)
  // Not quadratic: what is added last costs about what was added first.
  const [first = 0, , , last = 0] = told.changeMs
  expect(last).toBeLessThan(first * 5 + 1)
}

describe('a manifest of a long history', () => {
  it('of a million small segments', async () => {
    expectSmall(await history(1_000_000, entryAt(0, OFFSETS)))
  }, 600_000)

  it('of large segments', async () => {
    const count = Number(process.env['STRATALOG_MANIFEST_SEGMENTS'] ?? 50_000)
    expectSmall(await history(count, entryAt(0, OFFSETS, { dataLength: 16 * MiB })))
  }, 600_000)
})
