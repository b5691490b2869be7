import { describe, expect, it } from 'vitest'
import { Prng } from '../../../src/base/prng.ts'
import { leaderEpoch, offset } from '../../../src/base/units.ts'
import { stampBatch } from '../../../src/log/partition-log.ts'
import { createCompression } from '../../../src/platform/compression.ts'
import { findArchivedTime, newestArchivedMs } from '../../../src/tier/read/time-search.ts'
import { crypto } from '../../log/batches.ts'
import { build, utf8 } from '../../record/support.ts'
import { sealedFileOf } from '../upload/segments.ts'
import { ArchiveBed } from './archive.ts'

const tools = { crypto, compression: createCompression() }

interface Timed {
  readonly offset: number
  readonly timestampMs: number
}

const large = utf8('x'.repeat(100_000))

/** Segments of true records whose times go up and down. */
async function filled(bed: ArchiveBed, prng: Prng, segments: number): Promise<Timed[]> {
  const all: Timed[] = []
  let next = 0
  for (let i = 0; i < segments; i++) {
    const base = next
    const batches = Array.from({ length: 1 + prng.below(12) }, () => {
      const records = Array.from({ length: 1 + prng.below(4) }, () => {
        const timestampMs = 50_000 + next * 100 + (prng.chance(0.2) ? prng.below(20_000) : 0)
        return { timestampMs, key: null, value: prng.chance(0.4) ? large : utf8('small') }
      })
      const batch = build(records, { codec: prng.chance(0.3) ? 'zstd' : 'none' })
      stampBatch(batch, offset(next), leaderEpoch(3))
      for (const [at, { timestampMs }] of records.entries()) {
        all.push({ offset: next + at, timestampMs })
      }
      next += records.length
      return batch
    })
    await bed.addFile(sealedFileOf(base, batches))
  }
  return all
}

describe('findArchivedTime()', () => {
  it('finds the record that a look at all of them finds', async () => {
    const prng = new Prng(11)
    for (let round = 0; round < 6; round++) {
      const bed = new ArchiveBed()
      const all = await filled(bed, prng, 6)
      const last = all.length
      for (let look = 0; look < 60; look++) {
        const from = prng.chance(0.5) ? 0 : prng.below(last)
        const to = prng.chance(0.5) ? last : from + prng.below(last - from + 1)
        const time = 49_000 + prng.below(last * 100 + 25_000)
        const range = { from: offset(from), to: offset(to) }
        const work = findArchivedTime(bed.reader, bed.manifest, tools, time, range)
        const found = await bed.run(work)
        const expected = all.find((one) => {
          return one.offset >= from && one.offset < to && one.timestampMs >= time
        })
        // A batch that begins below the end is looked at as a whole.
        if (expected === undefined && found !== null && found.offset >= to) continue
        expect([found?.offset, found?.timestampMs]).toEqual([
          expected?.offset,
          expected?.timestampMs,
        ])
        if (found !== null) expect(found.leaderEpoch).toBe(3)
      }
      const newest = Math.max(...all.map(({ timestampMs }) => timestampMs))
      expect(newestArchivedMs(bed.manifest, offset(0))).toBe(newest)
    }
  })

  it('needs one request besides the one for the manifest, and seldom another', async () => {
    const bed = new ArchiveBed({ cache: null })
    const prng = new Prng(12)
    const all = await filled(bed, prng, 20)
    const range = { from: offset(0), to: offset(all.length) }
    const wanted = all.filter((_, i) => i % 9 === 0)
    const asked = bed.asked.length
    for (const { timestampMs } of wanted) {
      const before = bed.asked.length
      const work = findArchivedTime(bed.coldReader(), bed.manifest, tools, timestampMs, range)
      const found = await bed.run(work)
      expect(found?.timestampMs).toBeGreaterThanOrEqual(timestampMs)
      expect(bed.asked.length - before).toBeLessThanOrEqual(2)
    }
    expect(bed.asked.length - asked).toBeLessThan(wanted.length * 1.2)
  })
})
