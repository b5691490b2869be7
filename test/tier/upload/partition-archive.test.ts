import { describe, expect, it } from 'vitest'
import { must } from '../../../src/base/assert.ts'
import { OperatingError } from '../../../src/base/errors.ts'
import { Prng } from '../../../src/base/prng.ts'
import { leaderEpoch, offset } from '../../../src/base/units.ts'
import type { ObjectStore } from '../../../src/ports/object-store.ts'
import { headKey } from '../../../src/tier/keys.ts'
import { trimmed, withSegments } from '../../../src/tier/manifest/change.ts'
import { encodeHead, decodeHead } from '../../../src/tier/manifest/head.ts'
import { archiveEnd, type Manifest } from '../../../src/tier/manifest/manifest.ts'
import { PageCache } from '../../../src/tier/read/pages.ts'
import { PartitionArchive } from '../../../src/tier/upload/partition-archive.ts'
import { crypto, flipped } from '../../log/batches.ts'
import { Scheduler } from '../../sim/clock.ts'
import { SimBucket } from '../../sim/object-store.ts'
import { bare, entryAt, ORDERS, seeded } from '../support.ts'

const KEY = headKey(ORDERS)

/** A bucket and leaders of one partition that archive into it. */
class Rig {
  readonly scheduler = new Scheduler()
  readonly bucket: SimBucket
  #leaders = 0

  constructor(seed = 1, options: ConstructorParameters<typeof SimBucket>[2] = {}) {
    this.bucket = new SimBucket(this.scheduler, new Prng(seed), options)
  }

  leader(epoch: number): PartitionArchive {
    const mine = seeded(++this.#leaders)
    const pages = new PageCache(crypto, 1 << 24)
    return new PartitionArchive(
      { store: this.bucket.connect(), crypto: mine, pages },
      { ...ORDERS, topicName: 'orders', epoch: leaderEpoch(epoch) },
    )
  }

  run<T>(work: Promise<T>): Promise<T> {
    return this.scheduler.settle(work)
  }

  /** Archives `count` segments of 10 offsets behind what there is; returns the new end. */
  async add(archive: PartitionArchive, count = 1): Promise<number> {
    return archiveEnd(await this.run(archive.change((manifest) => more(manifest, count))))
  }

  /** The manifest as the bucket has it. */
  stored(): Manifest {
    return decodeHead(crypto, must(this.bucket.peek(KEY), 'a head'))
  }

  /** Replaces the head by something else, behind everybody's back. */
  async plant(bytes: Uint8Array): Promise<void> {
    await this.run(this.bucket.connect().put(KEY, bytes))
  }

  /** What `work` fails with; the bucket is the same afterwards. */
  async refused(work: () => Promise<unknown>): Promise<OperatingError> {
    const before = this.bucket.snapshot()
    const error = await this.run(
      work().then(
        () => null,
        (caught: unknown) => caught,
      ),
    )
    expect(this.bucket.snapshot()).toEqual(before)
    expect(error).toBeInstanceOf(OperatingError)
    return error as OperatingError
  }
}

const more = (manifest: Manifest, count = 1): Manifest => {
  const end = archiveEnd(manifest)
  const added = Array.from({ length: count }, (_, i) => entryAt(end + i * 10, 10))
  return withSegments(manifest, added)
}

describe('PartitionArchive', () => {
  it('replaces the manifest, and knows it from then on', async () => {
    const rig = new Rig()
    const archive = rig.leader(3)
    expect(await rig.add(archive)).toBe(10)
    expect(await rig.add(archive)).toBe(20)
    expect(rig.stored()).toEqual(archive.manifest)
    expect(rig.stored()).toMatchObject({ sequence: 2, writerEpoch: 3, topicName: 'orders' })
    expect(rig.bucket.requests).toMatchObject({ get: 1, put: 2 })
    expect(await rig.run(archive.change(() => null))).toEqual(rig.stored())
    expect(rig.bucket.requestsInAll).toBe(3)
  })

  it.each(['lost', 'hang', 'drop', 'before', 'mute', 'conflict'] as const)(
    'loses nothing and does nothing twice when a replacement meets %s',
    async (fault) => {
      const rig = new Rig()
      const archive = rig.leader(3)
      await rig.add(archive)
      rig.bucket.faults.failNth('put', 1, fault)
      const failure = await rig.run(
        archive.change(more).then(
          () => null,
          (error: unknown) => error,
        ),
      )
      if (fault === 'conflict') expect(failure).toBeNull()
      else expect(failure).toMatchObject({ kind: 'retry' })
      const happened = ['lost', 'hang', 'conflict'].includes(fault)
      expect(archiveEnd(rig.stored())).toBe(happened ? 20 : 10)
      // Whoever continues has to look first.
      const end = archiveEnd(await rig.run(archive.load()))
      expect(end).toBe(happened ? 20 : 10)
      expect(await rig.add(archive)).toBe(end + 10)
      expect(rig.stored()).toEqual(archive.manifest)
    },
  )

  it('knows its own success from a rival when a repeat below is refused', async () => {
    const rig = new Rig()
    const inner = rig.bucket.connect()
    const repeating: ObjectStore = {
      traits: inner.traits,
      get: (...given) => inner.get(...given),
      head: (...given) => inner.head(...given),
      list: (...given) => inner.list(...given),
      delete: (...given) => inner.delete(...given),
      close: () => inner.close(),
      put: async (...given) => {
        await inner.put(...given)
        return inner.put(...given)
      },
    }
    const archive = new PartitionArchive(
      { store: repeating, crypto: seeded(7), pages: new PageCache(crypto, 1 << 20) },
      { ...ORDERS, topicName: 'orders', epoch: leaderEpoch(1) },
    )
    expect(await rig.add(archive)).toBe(10)
    expect(await rig.add(archive)).toBe(20)
    expect(rig.stored().sequence).toBe(2)
  })

  it('of an older epoch stops for good once a newer one has written', async () => {
    const rig = new Rig()
    const old = rig.leader(3)
    await rig.add(old)
    const next = rig.leader(4)
    expect(await rig.add(next)).toBe(20)
    const error = await rig.refused(() => old.change(more))
    expect(error.kind).toBe('fenced')
    expect(error.message).toContain('epoch 3: a leader of epoch 4 has taken over')
    expect(old.fenced).toBe(error)
    const requests = rig.bucket.requestsInAll
    expect(await rig.refused(() => old.change(more))).toBe(error)
    expect((await rig.refused(() => old.confirm())).kind).toBe('fenced')
    expect(rig.bucket.requests.put).toBe(2 + 1)
    expect(rig.bucket.requestsInAll).toBe(requests + 1)
    // It may read on.
    expect(archiveEnd(await rig.run(old.load()))).toBe(20)
  })

  it('takes over from an older epoch, whatever that is doing', async () => {
    const rig = new Rig()
    const old = rig.leader(3)
    const next = rig.leader(4)
    await rig.add(old)
    await rig.run(next.load())
    await rig.add(old)
    expect(await rig.add(next)).toBe(30)
    expect(rig.stored().writerEpoch).toBe(4)
  })

  it('races with another of the same epoch, and neither loses a segment', async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const rig = new Rig(seed)
      rig.bucket.faults.rates = { lost: 0.1, before: 0.1, conflict: 0.1, slow: 0.2 }
      const sums = [0, 0]
      const lives = [rig.leader(5), rig.leader(5)].map(async (archive, i) => {
        for (let turn = 0; turn < 15; turn++) {
          const mine = `${i}a${turn}`.padStart(16, '0')
          const named = (manifest: Manifest): boolean =>
            manifest.entries.some(({ nonce }) => nonce === mine)
          const apply = (manifest: Manifest): Manifest | null => {
            if (named(manifest)) return null
            return withSegments(manifest, [entryAt(archiveEnd(manifest), 10, { nonce: mine })])
          }
          for (;;) {
            const done = await archive.change(apply).catch((error: unknown) => {
              if (!(error instanceof OperatingError) || error.kind !== 'retry') throw error
              return null
            })
            if (done === null) continue
            expect(named(done)).toBe(true)
            sums[i] = (sums[i] ?? 0) + 1
            break
          }
        }
      })
      await rig.run(Promise.all(lives))
      const { entries, sequence } = rig.stored()
      expect(entries.length).toBe(30)
      expect(new Set(entries.map(({ nonce }) => nonce)).size).toBe(30)
      expect(sequence).toBe(30)
    }
  })

  it('tells a manifest that has vanished, and writes no other', async () => {
    const rig = new Rig()
    const archive = rig.leader(3)
    await rig.add(archive)
    rig.bucket.lose(KEY)
    for (const work of [
      () => archive.change(more),
      () => archive.refresh(),
      () => archive.load(),
    ]) {
      const error = await rig.refused(work)
      expect(error.kind).toBe('corrupt')
      expect(error.message).toContain('vanished')
    }
  })

  it('tells a manifest that has vanished from what another process has left', async () => {
    const rig = new Rig()
    const earlier = rig.leader(3)
    await rig.add(earlier)
    rig.bucket.lose(KEY)
    const archive = rig.leader(4)
    archive.recall(must(earlier.manifest, 'a manifest'))
    expect((await rig.refused(() => archive.change(more))).message).toContain('vanished')
  })

  it('tells a manifest that is older than one it has read', async () => {
    const rig = new Rig()
    const archive = rig.leader(3)
    await rig.add(archive)
    const older = must(rig.bucket.peek(KEY), 'a head')
    await rig.add(archive)
    await rig.plant(older)
    for (const work of [
      () => archive.change(more),
      () => archive.refresh(),
      () => archive.load(),
    ]) {
      const error = await rig.refused(work)
      expect(error.kind).toBe('corrupt')
      expect(error.message).toContain('older than the one that was read before')
    }
    // Back where it was, all goes on.
    await rig.plant(encodeHead(crypto, must(archive.manifest, 'a manifest')))
    expect(await rig.add(archive)).toBe(30)
  })

  it('overwrites no head that it cannot read', async () => {
    const sound = encodeHead(crypto, more(bare()))
    const newer = flipped(sound, 4 * 8)
    const other = encodeHead(crypto, more(bare({ partition: 8 })))
    const cases: [Uint8Array, string, string][] = [
      [flipped(sound, 700), 'corrupt', 'CRC'],
      [sound.subarray(0, 90), 'corrupt', 'cut short'],
      [new Uint8Array(0), 'corrupt', 'Bytes end'],
      [other, 'corrupt', 'of another partition'],
      [newer, 'refused', 'use the newer Stratalog'],
    ]
    for (const [bytes, kind, text] of cases) {
      const rig = new Rig()
      await rig.plant(bytes)
      const archive = rig.leader(9)
      for (const work of [() => archive.change(more), () => archive.confirm()]) {
        const error = await rig.refused(work)
        expect([error.kind, error.message]).toEqual([kind, expect.stringContaining(text)])
        expect(error.message).toContain(kind === 'corrupt' ? KEY : 'Stratalog')
      }
    }
  })

  it('is not confused by reads that a replacement overtakes', async () => {
    for (let seed = 1; seed <= 30; seed++) {
      const rig = new Rig(seed, { requestMs: [5, 500] })
      const archive = rig.leader(3)
      if (seed % 2 === 0) await rig.add(archive)
      const seen: number[] = []
      const reads = Array.from({ length: 8 }, async () => {
        seen.push(archiveEnd(await archive.refresh()))
      })
      const writes = [archive.change(more), archive.change(more), archive.change(more)]
      await rig.run(Promise.all([...reads, ...writes]))
      expect(archiveEnd(rig.stored())).toBe(seed % 2 === 0 ? 40 : 30)
      expect(archive.manifest).toEqual(rig.stored())
      expect(seen.length).toBe(8)
    }
  })

  it('gives up after losing too many races, and says so', async () => {
    const rig = new Rig()
    const archive = rig.leader(3)
    await rig.add(archive)
    for (let i = 0; i < 8; i++)
      rig.bucket.faults.plan(({ operation }) => (operation === 'put' ? 'conflict' : null))
    const error = await rig.refused(() => archive.change(more))
    expect(error).toMatchObject({ kind: 'retry' })
    expect(error.message).toContain('others have written it 8 times')
  })
})

describe('PartitionArchive with a long history', () => {
  it('spills into pages that the head names, and reads them back', async () => {
    const rig = new Rig()
    const archive = rig.leader(3)
    for (let i = 0; i < 9; i++) await rig.add(archive, 300)
    const { pages, entries } = rig.stored()
    expect(pages.length).toBeGreaterThan(1)
    expect(entries.length).toBeLessThanOrEqual(1_000)
    expect(archiveEnd(rig.stored())).toBe(9 * 3_000)
    const cache = new PageCache(crypto, 1 << 24)
    let next = 0
    for (const ref of pages) {
      const page = await rig.run(cache.load(rig.bucket.connect(), ORDERS, ref))
      for (const { base, end } of page.entries()) {
        expect(base).toBe(next)
        next = end
      }
    }
    expect(next).toBe(entries[0]?.base)
  })

  it('names no page before it is there', async () => {
    const rig = new Rig()
    const archive = rig.leader(3)
    await rig.add(archive, 900)
    for (const fault of ['before', 'lost', 'mute'] as const) {
      rig.bucket.faults.failNth('put', 1, fault, '/page/')
      const failed = await rig.run(archive.change((now) => more(now, 300)).catch(() => null))
      expect(failed).toBeNull()
      expect(rig.stored().pages).toEqual([])
    }
    await rig.add(archive, 300)
    expect(rig.stored().pages.length).toBe(1)
  })

  it('names no page whose bytes are not what was sent', async () => {
    const rig = new Rig()
    const archive = rig.leader(3)
    await rig.add(archive, 900)
    // The page arrives, the head does not; then the page rots before it is put once more.
    rig.bucket.faults.failNth('put', 1, 'before', '/head')
    await rig.run(archive.change((now) => more(now, 300)).catch(() => null))
    const [key] = rig.bucket.keys().filter((one) => one.includes('/page/'))
    rig.bucket.flip(must(key, 'a page'))
    await rig.add(archive, 300)
    const { pages } = rig.stored()
    const cache = new PageCache(crypto, 1 << 24)
    const page = await rig.run(cache.load(rig.bucket.connect(), ORDERS, must(pages[0], 'a page')))
    expect(page.length).toBe(must(pages[0], 'a page').count)
  })

  it('names no page of a store that does not check, unless it is read back', async () => {
    const rig = new Rig(1, { checked: false })
    const archive = rig.leader(3)
    await rig.add(archive, 900)
    rig.bucket.faults.failNth('get', 1, 'flip', '/page/')
    const failed = await rig.run(
      archive
        .change((now) => more(now, 300))
        .then(
          () => null,
          (error: unknown) => error,
        ),
    )
    expect(failed).toMatchObject({ kind: 'retry' })
    expect(rig.stored().pages).toEqual([])
    await rig.add(archive, 300)
    expect(rig.stored().pages.length).toBe(1)
  })

  it('forgets what retention has passed, page by page', async () => {
    const rig = new Rig()
    const archive = rig.leader(3)
    for (let i = 0; i < 4; i++) await rig.add(archive, 700)
    const first = must(rig.stored().pages[0], 'a page')
    await rig.run(archive.change((now) => trimmed(now, offset(first.end + 5)).manifest))
    expect(rig.stored().logStart).toBe(first.end + 5)
    expect(rig.stored().pages.length).toBeGreaterThan(0)
    expect(rig.stored().pages[0]?.base).toBe(first.end)
  })
})
