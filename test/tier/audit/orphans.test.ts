// What nobody names goes, but only after its grace, and only when nobody can name it any more.
import { describe, expect, it } from 'vitest'
import { asError } from '../../../src/base/errors.ts'
import { Prng } from '../../../src/base/prng.ts'
import { leaderEpoch, offset } from '../../../src/base/units.ts'
import { Orphans } from '../../../src/tier/audit/orphans.ts'
import { segmentKey } from '../../../src/tier/keys.ts'
import { trimmed, withSegments } from '../../../src/tier/manifest/change.ts'
import type { SegmentEntry } from '../../../src/tier/manifest/entry.ts'
import { PageCache } from '../../../src/tier/read/pages.ts'
import { PartitionArchive } from '../../../src/tier/upload/partition-archive.ts'
import { crypto } from '../../log/batches.ts'
import { Scheduler, SimClock } from '../../sim/clock.ts'
import { SimBucket } from '../../sim/object-store.ts'
import { entryAt, ORDERS, seeded } from '../support.ts'

const GRACE_MS = 60_000

/** A bucket, and whoever leads the partition in some epoch. */
class Rig {
  readonly scheduler = new Scheduler()
  readonly bucket = new SimBucket(this.scheduler, new Prng(1))
  readonly clock = new SimClock(this.scheduler)
  readonly pending = new Set<string>()

  leader(epoch: number): { archive: PartitionArchive; orphans: Orphans } {
    const { clock } = this
    const store = this.bucket.connect()
    const pages = new PageCache(crypto, 1 << 24)
    const archive = new PartitionArchive(
      { store, crypto: seeded(epoch), pages },
      { ...ORDERS, topicName: 'orders', epoch: leaderEpoch(epoch) },
    )
    const loadPage = (): never => {
      throw new Error('These archives have no pages')
    }
    const isPending = (key: string): boolean => this.pending.has(key)
    const orphans = new Orphans({ store, clock, archive, loadPage, isPending }, GRACE_MS)
    return { archive, orphans }
  }

  /** Puts the object of an entry; returns its key. */
  async put({ base, epoch, nonce }: SegmentEntry): Promise<string> {
    const key = segmentKey(ORDERS, { base, epoch, nonce })
    await this.run(this.bucket.connect().put(key, new Uint8Array(3)))
    return key
  }

  run<T>(work: Promise<T>): Promise<T> {
    return this.scheduler.settle(work)
  }
}

describe('Orphans', () => {
  it('removes what two looks have found unnamed, a grace apart', async () => {
    const rig = new Rig()
    const { orphans } = rig.leader(3)
    const key = await rig.put(entryAt(0, 10))
    expect(await rig.run(orphans.found([key]))).toBe(0)
    await rig.scheduler.advance(GRACE_MS - 1_000)
    expect(await rig.run(orphans.found([key]))).toBe(0)
    await rig.scheduler.advance(2_000)
    expect(await rig.run(orphans.found([key]))).toBe(1)
    expect(rig.bucket.keys()).not.toContain(key)
  })

  it('counts the grace anew for what was not found in between', async () => {
    const rig = new Rig()
    const { orphans } = rig.leader(3)
    const key = await rig.put(entryAt(0, 10))
    await rig.run(orphans.found([key]))
    await rig.run(orphans.found([]))
    await rig.scheduler.advance(GRACE_MS + 1_000)
    expect(await rig.run(orphans.found([key]))).toBe(0)
    expect(rig.bucket.keys()).toContain(key)
  })

  it('lets nobody before us name what it has found', async () => {
    const rig = new Rig()
    const [old, now] = [rig.leader(1), rig.leader(2)]
    const entry = { ...entryAt(0, 10), epoch: leaderEpoch(1) }
    await rig.run(old.archive.load())
    const key = await rig.put(entry)
    await rig.run(now.orphans.found([key]))
    const named = old.archive.change((manifest) => withSegments(manifest, [entry]))
    expect(await rig.run(named.catch(asError))).toMatchObject({ kind: 'fenced' })
    await rig.scheduler.advance(GRACE_MS + 1_000)
    expect(await rig.run(now.orphans.found([key]))).toBe(1)
  })

  it('gives what an old leader named until the last moment its whole grace', async () => {
    const rig = new Rig()
    const [old, now] = [rig.leader(1), rig.leader(2)]
    const entry = { ...entryAt(0, 10), epoch: leaderEpoch(1) }
    const key = await rig.put(entry)
    // The listing is of before, the look comes after.
    await rig.run(old.archive.change((manifest) => withSegments(manifest, [entry])))
    expect(await rig.run(now.orphans.found([key]))).toBe(0)
    await rig.run(now.archive.change((manifest) => trimmed(manifest, offset(10)).manifest))
    await rig.scheduler.advance(GRACE_MS / 2)
    expect(await rig.run(now.orphans.found([key]))).toBe(0)
    await rig.scheduler.advance(GRACE_MS - 1_000)
    expect(await rig.run(now.orphans.found([key]))).toBe(0)
    await rig.scheduler.advance(2_000)
    expect(await rig.run(now.orphans.found([key]))).toBe(1)
  })

  it('leaves alone what is about to be named, what is named, and what a newer leader put', async () => {
    const rig = new Rig()
    const { archive, orphans } = rig.leader(3)
    const named = entryAt(0, 10)
    const keys = [
      await rig.put(named),
      await rig.put(entryAt(10, 10)),
      await rig.put({ ...entryAt(20, 10), epoch: leaderEpoch(4) }),
    ]
    rig.pending.add(keys[1] ?? '')
    await rig.run(archive.change((manifest) => withSegments(manifest, [named])))
    for (let look = 0; look < 3; look++) {
      expect(await rig.run(orphans.found(keys))).toBe(0)
      await rig.scheduler.advance(GRACE_MS + 1_000)
    }
    expect(rig.bucket.keys()).toEqual(expect.arrayContaining(keys))
  })
})
