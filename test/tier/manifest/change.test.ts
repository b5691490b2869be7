import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Prng } from '../../../src/base/prng.ts'
import { MiB, leaderEpoch, offset } from '../../../src/base/units.ts'
import type { EpochStart } from '../../../src/log/state/lineage.ts'
import {
  entriesToSpill,
  pagesToJoin,
  trimmed,
  withLineage,
  withMerged,
  withSegments,
} from '../../../src/tier/manifest/change.ts'
import { entryBytesMax, type SegmentEntry } from '../../../src/tier/manifest/entry.ts'
import { HEAD_BYTES_MAX, decodeHead, encodeHead } from '../../../src/tier/manifest/head.ts'
import { archiveBase, archiveEnd, archiveSize } from '../../../src/tier/manifest/manifest.ts'
import { encodePage } from '../../../src/tier/manifest/page.ts'
import { crypto } from '../../log/batches.ts'
import { bare, entryAt } from '../support.ts'
import { Book } from './book.ts'

/** What a run has done, so that it can show that it was not idle. */
const counts = { spills: 0, joins: 0, merges: 0, trims: 0 }

/** All that tells segments apart. */
const text = (entries: readonly SegmentEntry[]): string =>
  entries.map(({ base, end, nonce }) => `${base}-${end} ${nonce}`).join('\n')

/** Appends, trims and merges at random; the whole history beside it as one list. */
class Life {
  readonly #prng: Prng
  readonly #book: Book
  /** Every segment whose end lies above the log start, and maybe some below. */
  #all: SegmentEntry[] = []
  #logStart = 0
  #next: number

  constructor(seed: number) {
    this.#prng = new Prng(seed)
    this.#next = this.#prng.below(1000)
    this.#book = new Book(crypto, bare(), 8 + this.#prng.below(3))
  }

  run(acts: number): void {
    for (let i = 0; i < acts; i++) {
      const choice = this.#prng.below(20)
      if (choice < 17 || this.#all.length === 0) this.#append()
      else if (choice < 18) this.#trim()
      else this.#merge()
      if (i % 20 === 19) this.#check()
    }
    counts.spills += this.#book.spills
    counts.joins += this.#book.joins
  }

  #append(): void {
    const prng = this.#prng
    const blocks = prng.chance(0.1) ? 1 + prng.below(24) : prng.chance(0.02) ? 2048 : 1
    const added = Array.from({ length: 1 + prng.below(blocks > 100 ? 6 : 300) }, () => {
      const base = this.#next
      const count = 1 + prng.below(5000)
      this.#next += count
      return entryAt(base, count, { dataLength: blocks * MiB - prng.below(1000) })
    })
    this.#all.push(...added)
    this.#apply((manifest) => withSegments(manifest, added))
  }

  #trim(): void {
    counts.trims++
    const low = Math.max(this.#logStart - 100, 0)
    const to = this.#prng.chance(0.02)
      ? this.#next + this.#prng.below(100)
      : low + this.#prng.below(Math.ceil((this.#next - low) / (this.#prng.chance(0.1) ? 2 : 20)))
    this.#logStart = Math.max(this.#logStart, to)
    const before = this.#book.manifest
    const gone = trimmed(before, offset(to))
    for (const one of [...gone.pages, ...gone.entries]) expect(one.end).toBeLessThanOrEqual(to)
    this.#apply((manifest) => trimmed(manifest, offset(to)).manifest)
    if (this.#logStart >= this.#next) {
      // What is archived next continues the log.
      this.#next = this.#logStart
      this.#all = []
    }
  }

  #merge(): void {
    const { entries } = this.#book.manifest
    if (entries.length < 2) return
    counts.merges++
    const from = this.#prng.below(entries.length - 1)
    const run = entries.slice(from, from + 2 + this.#prng.below(5))
    const [first] = run
    const last = run.at(-1)
    if (first === undefined || last === undefined) return
    const merged = entryAt(first.base, last.end - first.base, {
      dataLength: 2 * MiB,
      nonce: 'ab'.repeat(8),
    })
    const at = this.#all.indexOf(first)
    this.#all.splice(at, run.length, merged)
    this.#apply((manifest) => withMerged(manifest, merged))
  }

  #apply(change: Parameters<Book['change']>[0]): void {
    this.#book.change(change)
    if (this.#prng.chance(0.8)) return
    expect(this.#book.headBytes).toBeLessThanOrEqual(HEAD_BYTES_MAX)
  }

  #check(): void {
    const { manifest } = this.#book
    // Reading a head refuses gaps and overlaps.
    expect(decodeHead(crypto, encodeHead(crypto, manifest)).sequence).toBe(manifest.sequence)
    const named = this.#book.entries()
    named.forEach((entry, i) => {
      const before = named[i - 1]
      if (before !== undefined && before.end !== entry.base) expect.unreachable('a gap')
    })
    const wanted = this.#all.filter((entry) => entry.end > this.#logStart)
    const found = named.slice(Math.max(named.length - wanted.length, 0))
    expect(text(found)).toBe(text(wanted))
    expect(manifest.logStart).toBe(this.#logStart)
    expect(archiveBase(manifest)).toBe(named[0]?.base ?? this.#logStart)
    expect(archiveEnd(manifest)).toBe(named.at(-1)?.end ?? this.#logStart)
    const size = archiveSize(manifest)
    expect(size.segments).toBe(named.length)
    expect(size.dataBytes).toBe(named.reduce((sum, { dataLength }) => sum + dataLength, 0))
    expect(entriesToSpill(manifest)).toBe(0)
  }
}

describe('changes of a manifest', () => {
  it('lose nothing, leave no gap, and keep the head small', () => {
    for (let seed = 1; seed <= 4; seed++) {
      try {
        new Life(seed).run(200)
      } catch (error) {
        throw new Error(`seed ${seed}: ${String(error)}`, { cause: error })
      }
    }
    expect(counts.spills).toBeGreaterThan(50)
    expect(counts.joins).toBeGreaterThan(10)
    expect(counts.merges).toBeGreaterThan(50)
    expect(counts.trims).toBeGreaterThan(20)
  })

  it('keep the head small with as much of everything as there may be', () => {
    const largest = Number.MAX_SAFE_INTEGER
    const { ref } = encodePage(crypto, [entryAt(0, 1)])
    const first = 2 ** 52
    const pages = Array.from({ length: 1_000 }, (_, i) => ({
      ...ref,
      base: offset(first + i * 2 ** 40),
      end: offset(first + (i + 1) * 2 ** 40),
      minTimestamp: -largest,
      maxTimestamp: largest,
      count: 2 ** 32 - 1,
      pageBytes: 2 ** 32 - 1,
      dataBytes: largest,
      objectBytes: largest,
      recordCount: largest,
    }))
    const epochs = Array.from({ length: 10_000 }, (_, i): EpochStart => {
      return { epoch: leaderEpoch(2 ** 31 - 10_000 + i), start: offset(2 ** 52 + i) }
    })
    const end = pages.at(-1)?.end ?? 0
    const nearly = Array.from({ length: 900 }, (_, i) => entryAt(end + i, 1))
    let manifest = bare({ pages, entries: nearly, topicName: 'x'.repeat(249), sequence: largest })
    manifest = withLineage(manifest, epochs)
    const room = 128 * 1024 - nearly.length * entryBytesMax(entryAt(end, 1))
    const blocks = Math.floor((room - 104) / 29)
    manifest = {
      ...manifest,
      entries: [...nearly.slice(1), entryAt(end + 900, 9, { dataLength: blocks * MiB })],
    }
    expect(entriesToSpill(manifest)).toBe(0)
    expect(pagesToJoin(manifest)).toBeNull()
    expect(manifest.lineage.at(-1)).toEqual(epochs.at(-1))
    expect(encodeHead(crypto, manifest).length).toBeLessThanOrEqual(HEAD_BYTES_MAX)
  })
})

describe('withLineage()', () => {
  const of = (...pairs: [number, number][]): EpochStart[] =>
    pairs.map(([epoch, start]) => ({ epoch: leaderEpoch(epoch), start: offset(start) }))
  const joined = (older: EpochStart[], known: EpochStart[]): EpochStart[] => [
    ...withLineage(bare({ lineage: older }), known).lineage,
  ]

  it('adds what is newer, and nothing twice', () => {
    expect(joined([], of([0, 0], [1, 5]))).toEqual(of([0, 0], [1, 5]))
    expect(joined(of([0, 0]), of([0, 0], [1, 5]))).toEqual(of([0, 0], [1, 5]))
    expect(joined(of([0, 0], [1, 5]), of([1, 5], [4, 9]))).toEqual(of([0, 0], [1, 5], [4, 9]))
    expect(joined(of([0, 0], [1, 5]), [])).toEqual(of([0, 0], [1, 5]))
  })

  it('keeps where an epoch began that a log knows only a later part of', () => {
    // After a start the log has but its own segments: the epoch in force at the first of them is
    // stated as beginning there.
    expect(joined(of([0, 0], [1, 100]), of([1, 120], [2, 150]))).toEqual(
      of([0, 0], [1, 100], [2, 150]),
    )
  })

  it('believes the log where it and the archive differ', () => {
    expect(joined(of([0, 0], [2, 100]), of([0, 0], [1, 90], [2, 110]))).toEqual(
      of([0, 0], [1, 90], [2, 110]),
    )
    expect(joined(of([3, 50]), of([1, 20]))).toEqual(of([1, 20]))
  })

  it('is in order whatever it is given', () => {
    const chain = fc.array(fc.tuple(fc.integer({ min: 1, max: 3 }), fc.nat(20))).map((steps) => {
      let epoch = -1
      let start = 0
      return of(
        ...steps.map(([rise, length]): [number, number] => [(epoch += rise), (start += length)]),
      )
    })
    fc.assert(
      fc.property(chain, chain, (older, known) => {
        const lineage = joined(older, known)
        lineage.forEach((one, i) => {
          const before = lineage[i - 1]
          if (before === undefined) return
          expect(one.epoch).toBeGreaterThan(before.epoch)
          expect(one.start).toBeGreaterThanOrEqual(before.start)
        })
        expect(lineage.slice(1 - known.length)).toEqual(
          known.length > 1 ? known.slice(1) : lineage.slice(1 - known.length),
        )
      }),
    )
  })
})
