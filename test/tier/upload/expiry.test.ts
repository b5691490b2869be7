import { describe, expect, it } from 'vitest'
import { must } from '../../../src/base/assert.ts'
import { Prng } from '../../../src/base/prng.ts'
import { offset, type Offset } from '../../../src/base/units.ts'
import { trimmed, withSegments, withSpilled } from '../../../src/tier/manifest/change.ts'
import type { SegmentEntry } from '../../../src/tier/manifest/entry.ts'
import type { Manifest } from '../../../src/tier/manifest/manifest.ts'
import { Page, encodePage, type PageRef } from '../../../src/tier/manifest/page.ts'
import { expiredTo, type ExpirySegment } from '../../../src/tier/upload/expiry.ts'
import { crypto } from '../../log/batches.ts'
import { bare, entryAt } from '../support.ts'

const NOW = 2_000_000
const pages = new Map<string, Uint8Array>()
let loads = 0

const load = async (ref: PageRef): Promise<Page> => {
  loads++
  return Page.open(crypto, must(pages.get(ref.hash), 'a page'))
}

/** An archive of `times.length` segments of 10 offsets and 100 bytes; the first go to pages. */
function archive(times: readonly number[], spilled: readonly number[] = []): Manifest {
  const all = times.map((time, i) => timed(entryAt(i * 10, 10, { dataLength: 100 }), time))
  let manifest = withSegments(bare(), all)
  for (const count of spilled) {
    const { ref, bytes } = encodePage(crypto, manifest.entries.slice(0, count))
    pages.set(ref.hash, bytes)
    manifest = withSpilled(manifest, count, ref)
  }
  return manifest
}

const timed = (entry: SegmentEntry, time: number): SegmentEntry => ({
  ...entry,
  minTimestamp: time,
  maxTimestamp: time,
})

const local = (base: number, end: number, maxTimestamp: number): ExpirySegment => ({
  base: offset(base),
  end: offset(end),
  dataLength: 100,
  maxTimestamp,
})

/** Looks again and again, as retention does, until nothing moves any more. */
async function settled(
  manifest: Manifest,
  segments: readonly ExpirySegment[],
  settings: { retentionMs?: number; retentionBytes?: number },
): Promise<Offset> {
  let start = manifest.logStart
  let now = manifest
  const given = { retentionMs: -1, retentionBytes: -1, ...settings }
  for (;;) {
    const next = await expiredTo(now, segments, given, NOW, start, load)
    if (next === start) return start
    start = next
    now = trimmed(now, start).manifest
  }
}

const OLD = 1_000
const NEW = NOW - 10

describe('expiredTo()', () => {
  it('takes the oldest segments whose records are all too old', async () => {
    const retentionMs = 500_000
    expect(await settled(archive([OLD, OLD, NEW, OLD]), [], { retentionMs })).toBe(20)
    expect(await settled(archive([NEW, OLD]), [], { retentionMs })).toBe(0)
    expect(await settled(archive([OLD, OLD]), [], { retentionMs })).toBe(20)
    expect(await settled(archive([OLD, OLD]), [], {})).toBe(0)
  })

  it('takes the oldest while the rest holds enough bytes', async () => {
    const manifest = archive([NEW, NEW, NEW])
    expect(await settled(manifest, [], { retentionBytes: 300 })).toBe(0)
    expect(await settled(manifest, [], { retentionBytes: 299 })).toBe(0)
    expect(await settled(manifest, [], { retentionBytes: 200 })).toBe(10)
    expect(await settled(manifest, [], { retentionBytes: 0 })).toBe(30)
  })

  it('counts what is archived once, although it is still here, and leaves the active segment', async () => {
    const manifest = archive([OLD, NEW])
    const here = [local(0, 10, OLD), local(10, 20, NEW), local(20, 30, OLD), local(30, 35, OLD)]
    expect(await settled(manifest, here, { retentionBytes: 300 })).toBe(10)
    expect(await settled(manifest, here, { retentionBytes: 0 })).toBe(30)
    expect(await settled(archive([OLD, OLD]), here, { retentionMs: 500_000 })).toBe(30)
  })

  it('counts what lies below the base of an entry only where it is read from', async () => {
    // Both objects begin at 0; of the second, offsets from 10 on are read.
    const first = entryAt(0, 10, { dataLength: 100 })
    const second = timed(
      entryAt(0, 20, { base: offset(10), end: offset(20), dataLength: 200, nonce: '1'.repeat(16) }),
      NEW,
    )
    for (const retentionBytes of [1, 50, 100, 199]) {
      const manifest = withSegments(bare(), [timed(first, NEW), second])
      expect(await settled(manifest, [], { retentionBytes })).toBe(0)
    }
    // How much of a local segment lies behind the archive is not known.
    const here = [local(0, 15, NEW), local(15, 25, NEW)]
    const manifest = archive([NEW])
    expect(await settled(manifest, here, { retentionBytes: 150 })).toBe(0)
    expect(await settled(manifest, here, { retentionBytes: 100 })).toBe(15)
  })

  it('takes a page of any length, although it looks at a part of it at once', async () => {
    const manifest = archive(Array<number>(1_000).fill(OLD).concat(NEW), [750])
    expect(await settled(manifest, [], { retentionMs: 500_000 })).toBe(10_000)
    expect(await settled(manifest, [], { retentionBytes: 1_000 })).toBe(9_910)
  })

  it('looks at no page that lies below the log start', async () => {
    const manifest = archive(Array<number>(50).fill(NEW), [10, 10, 10])
    loads = 0
    const settings = { retentionMs: -1, retentionBytes: 1_000 }
    const start = await expiredTo(manifest, [], settings, NOW, offset(200), load)
    expect(start).toBe(400)
    expect(loads).toBe(1)
  })

  it('takes a segment without times for as old as the next that has some', async () => {
    const retentionMs = 500_000
    expect(await settled(archive([-1, OLD, NEW]), [], { retentionMs })).toBe(20)
    expect(await settled(archive([-1, -1, NEW]), [], { retentionMs })).toBe(0)
    expect(await settled(archive([-1, -1]), [], { retentionMs })).toBe(0)
    expect(await settled(archive([-1, NEW]), [], { retentionBytes: 100 })).toBe(10)
  })

  it('agrees with a look at all segments in a row', async () => {
    const prng = new Prng(9)
    for (let round = 0; round < 200; round++) {
      const times = Array.from({ length: 1 + prng.below(12) }, () => {
        return prng.chance(0.15) ? -1 : prng.chance(0.7) ? OLD : NEW
      })
      const spilled = prng.chance(0.5) && times.length > 3 ? [1 + prng.below(3)] : []
      const here = [0, 1, 2].map((i) => {
        const base = (times.length - 1 + i) * 10
        return local(base, base + 10, prng.chance(0.5) ? OLD : NEW)
      })
      const settings = {
        retentionMs: prng.chance(0.5) ? 500_000 : -1,
        retentionBytes: prng.chance(0.5) ? prng.below(1_200) : -1,
      }
      const all = [...times.map((time, i) => local(i * 10, i * 10 + 10, time)), ...here.slice(1)]
      const expected = naive(all, settings)
      expect(await settled(archive(times, spilled), here, settings)).toBe(expected)
    }
  })
})

/** What goes of `all`, of which the last is active. */
function naive(
  all: readonly ExpirySegment[],
  { retentionMs, retentionBytes }: { retentionMs: number; retentionBytes: number },
): number {
  let count = 0
  let bytes = all.length * 100
  while (retentionBytes >= 0 && count < all.length - 1 && bytes - 100 >= retentionBytes) {
    count++
    bytes -= 100
  }
  for (;;) {
    const dated = all.slice(0, -1).findIndex((one, i) => i >= count && one.maxTimestamp >= 0)
    const time = all[dated]?.maxTimestamp ?? NOW
    if (retentionMs < 0 || NOW - time <= retentionMs) break
    count = dated + 1
  }
  return count * 10
}
