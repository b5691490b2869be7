import { describe, expect, it } from 'vitest'
import { asError } from '../../../src/base/errors.ts'
import { offset } from '../../../src/base/units.ts'
import type { AbortedSpan } from '../../../src/log/state/aborted.ts'
import { AbortedLists } from '../../../src/tier/read/aborted.ts'
import { crypto, makeBatch } from '../../log/batches.ts'
import { sealedFileOf } from '../upload/segments.ts'
import { ArchiveBed } from './archive.ts'

const span = (producerId: number, first: number, last: number, stable: number): AbortedSpan => ({
  producerId,
  firstOffset: offset(first),
  lastOffset: offset(last),
  lastStableOffset: offset(stable),
})

const SPANS = [
  [span(1, 2, 5, 3), span(2, 3, 8, 9)],
  [],
  [span(3, 12, 25, 26)],
  [span(4, 31, 33, 34)],
]

/** Segments of ten offsets with those transactions. */
async function filled(): Promise<ArchiveBed> {
  const bed = new ArchiveBed()
  for (const [i, aborted] of SPANS.entries()) {
    const batches = [0, 5].map((at) => makeBatch({ base: i * 10 + at, count: 5, size: 100 }))
    const shape = i === 1 ? { aborted, open: 12 } : { aborted }
    await bed.addFile(sealedFileOf(i * 10, batches, shape))
  }
  return bed
}

describe('AbortedLists.collect()', () => {
  it('finds what a look at every transaction finds', async () => {
    const bed = await filled()
    const lists = new AbortedLists(crypto, bed.reader)
    for (let from = 0; from < 40; from++) {
      for (let to = from + 1; to <= 40; to++) {
        const work = lists.collect(bed.manifest, offset(from), offset(to))
        const expected = SPANS.flat().filter(
          (one) => one.lastOffset >= from && one.firstOffset < to,
        )
        expect(await bed.run(work)).toEqual(expected)
      }
    }
  })

  it('asks for each list once, and for none of a segment without', async () => {
    const bed = await filled()
    const lists = new AbortedLists(crypto, bed.reader)
    for (let i = 0; i < 3; i++) {
      await bed.run(lists.collect(bed.manifest, offset(0), offset(40)))
    }
    expect(bed.asked.length).toBe(3)
  })

  it('tells a trailer that is not what was archived', async () => {
    for (const fault of ['truncate', 'flip'] as const) {
      for (let nth = 0; nth < 20; nth++) {
        const bed = await filled()
        for (let i = 0; i < nth; i++) bed.bucket.prng.uint32()
        const lists = new AbortedLists(crypto, bed.reader)
        bed.bucket.faults.failNth('get', 1, fault)
        const work = lists.collect(bed.manifest, offset(0), offset(10))
        const outcome = await bed.run(work.catch(asError))
        // Bytes of other sections do not matter.
        if (Array.isArray(outcome)) expect(outcome).toEqual(SPANS[0])
        else expect(outcome).toMatchObject({ kind: 'corrupt' })
      }
    }
  })
})
