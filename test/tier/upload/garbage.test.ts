import { describe, expect, it } from 'vitest'
import { Prng } from '../../../src/base/prng.ts'
import { leaderEpoch, offset } from '../../../src/base/units.ts'
import { segmentKey } from '../../../src/tier/keys.ts'
import { withSegments } from '../../../src/tier/manifest/change.ts'
import { archiveEnd } from '../../../src/tier/manifest/manifest.ts'
import { PageCache } from '../../../src/tier/read/pages.ts'
import { Garbage } from '../../../src/tier/upload/garbage.ts'
import { PartitionArchive } from '../../../src/tier/upload/partition-archive.ts'
import { crypto } from '../../log/batches.ts'
import { Scheduler, SimClock } from '../../sim/clock.ts'
import { SimBucket } from '../../sim/object-store.ts'
import { entryAt, ORDERS, seeded } from '../support.ts'

const GRACE_MS = 60_000
/** Time for a few requests, much less than a grace. */
const SOON_MS = 5_000

class Rig {
  readonly scheduler = new Scheduler()
  readonly bucket = new SimBucket(this.scheduler, new Prng(1))
  readonly clock = new SimClock(this.scheduler)
  readonly archive = this.leader(3)
  readonly garbage: Garbage

  constructor() {
    const store = this.bucket.connect()
    const deps = { store, pages: new PageCache(crypto, 1 << 24), clock: this.clock }
    this.garbage = new Garbage(deps, ORDERS, GRACE_MS)
  }

  leader(epoch: number): PartitionArchive {
    return new PartitionArchive(
      {
        store: this.bucket.connect(),
        crypto: seeded(epoch),
        pages: new PageCache(crypto, 1 << 24),
      },
      { ...ORDERS, topicName: 'orders', epoch: leaderEpoch(epoch) },
    )
  }

  /** Archives segments of 10 offsets, objects and all. */
  async add(count: number, archive = this.archive): Promise<void> {
    const store = this.bucket.connect()
    const first = archiveEnd(await this.run(archive.load()))
    const added = Array.from({ length: count }, (_, i) => entryAt(first + i * 10, 10))
    await this.run(archive.change((now) => withSegments(now, added)))
    const puts = added.map(({ base, epoch, nonce }) =>
      store.put(segmentKey(ORDERS, { base, epoch, nonce }), new Uint8Array(3)),
    )
    await this.run(Promise.all(puts))
  }

  run<T>(work: Promise<T>): Promise<T> {
    return this.scheduler.settle(work)
  }

  segments(): number {
    return this.bucket.keys().filter((key) => key.includes('/seg/')).length
  }

  pages(): number {
    return this.bucket.keys().filter((key) => key.includes('/page/')).length
  }
}

describe('Garbage', () => {
  it('removes nothing before its grace, and all of it after', async () => {
    const rig = new Rig()
    await rig.add(10)
    await rig.run(rig.garbage.trim(rig.archive, offset(45)))
    expect(rig.archive.manifest).toMatchObject({ logStart: 45 })
    expect(rig.archive.manifest?.entries[0]?.base).toBe(40)
    expect([rig.garbage.size, rig.segments()]).toEqual([4, 10])
    await rig.scheduler.advance(GRACE_MS - SOON_MS)
    expect(rig.garbage.isDue()).toBe(false)
    const requests = rig.bucket.requestsInAll
    await rig.run(rig.garbage.collect(rig.archive))
    expect([rig.segments(), rig.bucket.requestsInAll]).toEqual([10, requests])
    await rig.scheduler.advance(SOON_MS)
    expect(rig.garbage.isDue()).toBe(true)
    await rig.run(rig.garbage.collect(rig.archive))
    expect([rig.garbage.size, rig.segments(), rig.garbage.isDue()]).toEqual([0, 6, false])
    for (const { base, epoch, nonce } of rig.archive.manifest?.entries ?? []) {
      expect(rig.bucket.keys()).toContain(segmentKey(ORDERS, { base, epoch, nonce }))
    }
  })

  it('removes what is due and leaves what is not', async () => {
    const rig = new Rig()
    await rig.add(10)
    await rig.run(rig.garbage.trim(rig.archive, offset(20)))
    await rig.scheduler.advance(GRACE_MS / 2)
    await rig.run(rig.garbage.trim(rig.archive, offset(50)))
    await rig.scheduler.advance(GRACE_MS / 2)
    await rig.run(rig.garbage.collect(rig.archive))
    expect([rig.garbage.size, rig.segments()]).toEqual([3, 8])
    await rig.scheduler.advance(GRACE_MS / 2)
    await rig.run(rig.garbage.collect(rig.archive))
    expect([rig.garbage.size, rig.segments()]).toEqual([0, 5])
  })

  it('removes nothing once a newer leader has taken over', async () => {
    const rig = new Rig()
    await rig.add(10)
    await rig.run(rig.garbage.trim(rig.archive, offset(50)))
    await rig.add(1, rig.leader(4))
    await rig.scheduler.advance(GRACE_MS)
    const before = rig.bucket.snapshot()
    await expect(rig.run(rig.garbage.collect(rig.archive))).rejects.toMatchObject({
      kind: 'fenced',
    })
    expect(rig.bucket.snapshot()).toEqual(before)
  })

  it('removes nothing while the manifest cannot be read, or is an older one', async () => {
    const rig = new Rig()
    await rig.add(10)
    const [key = ''] = rig.bucket.keys().filter((one) => one.endsWith('/head'))
    const older = rig.bucket.peek(key) ?? new Uint8Array(0)
    await rig.run(rig.garbage.trim(rig.archive, offset(50)))
    await rig.scheduler.advance(GRACE_MS)
    rig.bucket.faults.failNth('get', 1, 'before')
    await expect(rig.run(rig.garbage.collect(rig.archive))).rejects.toMatchObject({ kind: 'retry' })
    await rig.run(rig.bucket.connect().put(key, older))
    await expect(rig.run(rig.garbage.collect(rig.archive))).rejects.toMatchObject({
      kind: 'corrupt',
    })
    expect([rig.segments(), rig.garbage.size]).toEqual([10, 5])
  })

  it('removes the rest after a removal that failed', async () => {
    const rig = new Rig()
    await rig.add(10)
    await rig.run(rig.garbage.trim(rig.archive, offset(80)))
    await rig.scheduler.advance(GRACE_MS)
    rig.bucket.faults.failNth('delete', 1, 'lost')
    await expect(rig.run(rig.garbage.collect(rig.archive))).rejects.toMatchObject({ kind: 'retry' })
    expect(rig.garbage.size).toBe(8)
    await rig.run(rig.garbage.collect(rig.archive))
    expect([rig.garbage.size, rig.segments()]).toEqual([0, 2])
  })

  it('removes pages, and the segments that only they tell of', async () => {
    const rig = new Rig()
    for (let i = 0; i < 4; i++) await rig.add(700)
    const { pages = [] } = rig.archive.manifest ?? {}
    expect(pages.length).toBeGreaterThan(1)
    const [first] = pages
    const end = first?.end ?? offset(0)
    await rig.run(rig.garbage.trim(rig.archive, offset(end + 15)))
    expect(rig.archive.manifest?.pages.length).toBe(pages.length - 1)
    expect(rig.garbage.size).toBe((first?.count ?? 0) + 1)
    await rig.scheduler.advance(GRACE_MS)
    await rig.run(rig.garbage.collect(rig.archive))
    expect(rig.segments()).toBe(2800 - (first?.count ?? 0))
    expect(rig.pages()).toBe(pages.length - 1)
  })

  it('lets go of a page that is lost, whose segments nobody can tell any more', async () => {
    const rig = new Rig()
    for (let i = 0; i < 4; i++) await rig.add(700)
    const [lost = '', rotten = ''] = rig.bucket.keys().filter((key) => key.includes('/page/'))
    rig.bucket.lose(lost)
    rig.bucket.flip(rotten)
    const end = archiveEnd(await rig.run(rig.archive.load()))
    await rig.run(rig.garbage.trim(rig.archive, offset(end - 5)))
    expect(rig.archive.manifest).toMatchObject({ logStart: end - 5, pages: [] })
    await rig.scheduler.advance(GRACE_MS)
    await rig.run(rig.garbage.collect(rig.archive))
    expect(rig.pages()).toBe(0)
    // A store that does not answer is another thing: then it is tried again.
    await rig.add(2_000)
    await rig.add(2_000)
    rig.bucket.faults.window('outage', rig.scheduler.nowMs)
    await expect(
      rig.run(rig.garbage.trim(rig.archive, offset(end + 39_000))),
    ).rejects.toMatchObject({ kind: 'retry' })
    expect(rig.archive.manifest).toMatchObject({ logStart: end - 5 })
  })

  it('forgets nothing that comes while it removes, without any grace', async () => {
    const rig = new Rig()
    const store = rig.bucket.connect()
    const deps = { store, pages: new PageCache(crypto, 1 << 20), clock: rig.clock }
    const garbage = new Garbage(deps, ORDERS, 0)
    await rig.add(3)
    const [a = '', b = '', c = ''] = rig.bucket.keys().filter((key) => key.includes('/seg/'))
    garbage.add([a])
    const late = [b, c]
    rig.bucket.faults.plan(({ operation }) => {
      if (operation === 'delete') garbage.add(late.splice(0))
      return null
    })
    await rig.run(garbage.collect(rig.archive))
    expect([garbage.size, rig.segments()]).toEqual([2, 2])
    await rig.run(garbage.collect(rig.archive))
    expect([garbage.size, rig.segments()]).toEqual([0, 0])
  })

  it('changes no manifest that names nothing to be let go of', async () => {
    const rig = new Rig()
    await rig.add(3)
    const { put } = rig.bucket.requests
    await rig.run(rig.garbage.trim(rig.archive, offset(9)))
    expect(rig.bucket.requests.put).toBe(put)
  })
})
