// A partition in two stores: what one has the other gets, reads go on when one fails, each mends
// the other, and the archive moves between them while it lives.
import { afterEach, describe, expect, it } from 'vitest'
import { asError } from '../../../src/base/errors.ts'
import { offset } from '../../../src/base/units.ts'
import { headKey } from '../../../src/tier/keys.ts'
import { Bed, endBeds, GRACE_MS } from '../bed.ts'
import { faultsIn, manifestIn, segmentsIn } from './look.ts'

afterEach(endBeds)

const two = { stores: ['main', 'cold'], settings: { stores: ['main', 'cold'] } }

describe('a mirror', () => {
  it('has all that the original has, byte for byte, under the same names', async () => {
    const bed = await Bed.fresh(two)
    for (let i = 0; i < 10; i++) await bed.segment()
    await bed.quiesce()
    expect(bed.bucket('cold').keys()).toEqual(bed.bucket('main').keys())
    for (const key of segmentsIn(bed.bucket('main'))) {
      expect(bed.bucket('cold').peek(key)).toEqual(bed.bucket('main').peek(key))
    }
    expect(manifestIn(bed, 'main')).toMatchObject({ isCopy: false })
    expect(manifestIn(bed, 'cold')).toMatchObject({ isCopy: true })
    expect(await faultsIn(bed, 'cold')).toEqual([])
  })

  it('is filled from this disk as long as that has the segment', async () => {
    const bed = await Bed.fresh({ stores: ['main', 'cold'] })
    for (let i = 0; i < 4; i++) await bed.segment()
    await bed.step()
    const before = bed.bucket('main').requests.get
    bed.configure({ stores: ['main', 'cold'] })
    await bed.quiesce()
    expect(segmentsIn(bed.bucket('cold')).length).toBe(4)
    expect(bed.bucket('main').requests.get - before).toBe(0)
  })

  it('is filled from the original when this disk has lost the segment, or has other bytes', async () => {
    const bed = await Bed.fresh({ stores: ['main', 'cold'] })
    for (let i = 0; i < 4; i++) await bed.segment()
    await bed.step()
    const log = bed.harness.at(0)
    await bed.run(log.dropArchivedBelow(log.segments[2]?.base ?? log.localStart))
    const [, damaged] = log.segments
    const file = await bed.run(bed.harness.disk.open(damaged?.path ?? '', { mode: 'write' }))
    await bed.run(file.writeBehind(3_000, Uint8Array.of(1, 2, 3)))
    await bed.run(file.close())
    bed.configure({ stores: ['main', 'cold'] })
    await bed.quiesce()
    expect(await faultsIn(bed, 'cold')).toEqual([])
  })

  it('counts for what may go from disk when as many stores have to have it', async () => {
    const bed = await Bed.fresh({
      stores: ['main', 'cold'],
      settings: { stores: ['main', 'cold'], ackStores: 2 },
    })
    for (let i = 0; i < 3; i++) await bed.segment()
    await bed.step()
    expect(bed.tier.archivedEnd).toBeNull()
    bed.bucket('cold').faults.window('outage', bed.harness.scheduler.nowMs)
    expect((await bed.round()).get('cold')).toMatchObject({ kind: 'retry' })
    expect(bed.tier.archivedEnd).toBeNull()
    bed.bucket('cold').faults.clear()
    await bed.quiesce()
    expect(bed.tier.archivedEnd).toBe(18)
  })

  it('does not hold up the original when its store is away', async () => {
    const bed = await Bed.fresh(two)
    bed.bucket('cold').faults.window('outage', bed.harness.scheduler.nowMs)
    for (let i = 0; i < 3; i++) {
      await bed.segment()
      await bed.round()
    }
    expect(bed.tier.archivedEnd).toBe(18)
    bed.bucket('cold').faults.clear()
    await bed.quiesce()
    expect(await faultsIn(bed, 'cold')).toEqual([])
  })

  it('lets go of what retention and merges have taken from the original', async () => {
    const bed = await Bed.fresh(two)
    for (let i = 0; i < 20; i++) {
      await bed.segment(1)
      await bed.round()
    }
    await bed.run(
      bed.harness.at(0).advanceLogStart(bed.harness.at(0).segments[12]?.base ?? offset(0)),
    )
    await bed.quiesce()
    expect(bed.bucket('cold').keys()).toEqual(bed.bucket('main').keys())
    expect(await faultsIn(bed, 'cold')).toEqual([])
  })

  it('takes up what a copy has left that was cut short, and trusts none of it unread', async () => {
    let bed = await Bed.fresh(two)
    for (let i = 0; i < 6; i++) await bed.segment()
    await bed.step()
    bed.bucket('cold').faults.failNth('put', 4, 'before', '/seg/')
    expect((await bed.round()).get('cold')).toMatchObject({ kind: 'retry' })
    const [half] = segmentsIn(bed.bucket('cold'))
    bed.bucket('cold').flip(half ?? '')
    bed = await bed.restarted()
    await bed.quiesce()
    expect(await faultsIn(bed, 'cold')).toEqual([])
  })

  it('stops for good once a newer leader has written it', async () => {
    const bed = await Bed.fresh(two)
    await bed.segment()
    await bed.quiesce()
    const newer = await bed.restarted(2)
    await newer.segment()
    await newer.quiesce()
    const head = newer.bucket('cold').peek(headKey(bed.tier.owner))
    for (const chore of bed.tier.chores()) {
      expect(await newer.run(chore.step(bed.harness.at(0).nextOffset).catch(asError))).toBeDefined()
    }
    expect(newer.bucket('cold').peek(headKey(bed.tier.owner))).toEqual(head)
  })
})

describe('reads of two stores', () => {
  it('go on while either is away', async () => {
    const bed = await Bed.fresh(two)
    for (let i = 0; i < 6; i++) await bed.segment()
    await bed.quiesce()
    for (const name of ['main', 'cold']) {
      const next = await bed.restarted()
      next.bucket(name).faults.window('outage', next.harness.scheduler.nowMs)
      expect(Buffer.compare(await next.readAll(), next.appended(0, 36))).toBe(0)
      next.bucket(name).faults.clear()
      Object.assign(bed, next)
    }
  })

  it('go on after any object of one is lost or altered, and mend it', async () => {
    for (const harm of ['lose', 'flip'] as const) {
      for (const name of ['main', 'cold']) {
        let bed = await Bed.fresh(two)
        for (let i = 0; i < 3; i++) await bed.segment()
        await bed.quiesce()
        const keys = segmentsIn(bed.bucket(name))
        for (const key of keys) bed.bucket(name)[harm](key)
        bed = await bed.restarted()
        await bed.round()
        expect(Buffer.compare(await bed.readAll(), bed.appended(0, 18))).toBe(0)
        for (const { tier, key } of keys.map((one) => ({ tier: bed.tier, key: one }))) {
          for (const archive of tier.scrubbed)
            if (archive.name.includes(name)) archive.damaged?.(key)
        }
        await bed.quiesce()
        expect(await faultsIn(bed, name)).toEqual([])
      }
    }
  })

  it('are mended from what reads have met, without a scrubber', async () => {
    const bed = await Bed.fresh(two)
    for (let i = 0; i < 3; i++) await bed.segment()
    await bed.quiesce()
    for (const key of segmentsIn(bed.bucket('main'))) bed.bucket('main').flip(key, 100)
    expect(Buffer.compare(await bed.readAll(), bed.appended(0, 18))).toBe(0)
    await bed.quiesce()
    expect(await faultsIn(bed, 'main')).toEqual([])
  })

  it('say what is wrong when no store has it', async () => {
    const bed = await Bed.fresh(two)
    await bed.segment()
    await bed.quiesce()
    for (const name of ['main', 'cold']) {
      for (const key of segmentsIn(bed.bucket(name))) bed.bucket(name).flip(key, 100)
    }
    expect(await bed.readAll().catch(asError)).toMatchObject({ kind: 'corrupt' })
  })
})

describe('a move', () => {
  it('takes the archive to another store while it lives, and empties the first', async () => {
    const bed = await Bed.fresh({ stores: ['main', 'cold'] })
    for (let i = 0; i < 5; i++) await bed.segment()
    await bed.quiesce()
    expect(bed.bucket('cold').keys()).toEqual([])
    bed.configure({ stores: ['cold'] })
    for (let i = 0; i < 5; i++) {
      await bed.segment()
      for (const error of (await bed.round()).values()) throw error
      expect(Buffer.compare(await bed.readAll(), bed.appended(0, bed.tier.archivedEnd ?? 0))).toBe(
        0,
      )
    }
    await bed.quiesce()
    expect(bed.bucket('main').keys()).toEqual([])
    expect(manifestIn(bed, 'cold')).toMatchObject({ isCopy: false })
    expect(bed.tier.archivedEnd).toBe(60)
    expect(await faultsIn(bed, 'cold')).toEqual([])
    expect(Buffer.compare(await bed.readAll(), bed.appended(0, 60))).toBe(0)
  })

  it('keeps the first as a mirror when that is listed behind', async () => {
    let bed = await Bed.fresh(two)
    for (let i = 0; i < 5; i++) await bed.segment()
    await bed.quiesce()
    bed.configure({ stores: ['cold', 'main'] })
    await bed.segment()
    await bed.quiesce()
    expect(manifestIn(bed, 'main')).toMatchObject({ isCopy: true })
    expect(manifestIn(bed, 'cold')).toMatchObject({ isCopy: false })
    expect(await faultsIn(bed, 'main')).toEqual([])
    // Found again by who knows nothing of it, whatever is listed.
    bed = await bed.restarted()
    bed.configure({ stores: [] })
    await bed.segment()
    await bed.quiesce()
    expect(manifestIn(bed, 'cold')).toMatchObject({ isCopy: false })
    expect(bed.tier.archivedEnd).toBe(42)
  })

  it('goes on after it was cut short where no store has the original', async () => {
    for (const fault of ['before', 'mute'] as const) {
      let bed = await Bed.fresh({ stores: ['main', 'cold'] })
      for (let i = 0; i < 3; i++) await bed.segment()
      await bed.quiesce()
      bed.configure({ stores: ['cold'] })
      await bed.round()
      bed.bucket('cold').faults.failNth('put', 1, fault, '/head')
      await bed.round()
      bed = await bed.restarted()
      bed.configure({ stores: ['cold'] })
      await bed.segment()
      await bed.quiesce()
      expect(manifestIn(bed, 'cold')).toMatchObject({ isCopy: false })
      expect(bed.bucket('main').keys()).toEqual([])
      expect(bed.tier.archivedEnd).toBe(24)
      expect(Buffer.compare(await bed.readAll(), bed.appended(0, 24))).toBe(0)
    }
  })

  it('waits for the store that it leaves and for the one that it goes to', async () => {
    for (const name of ['main', 'cold']) {
      const bed = await Bed.fresh({ stores: ['main', 'cold'] })
      await bed.segment()
      await bed.quiesce()
      bed.configure({ stores: ['cold'] })
      bed.bucket(name).faults.window('outage', bed.harness.scheduler.nowMs)
      await bed.segment()
      await bed.round()
      expect(manifestIn(bed, 'main')).toMatchObject({ isCopy: false })
      bed.bucket(name).faults.clear()
      await bed.quiesce()
      expect(manifestIn(bed, 'cold')).toMatchObject({ isCopy: false })
      expect(bed.bucket('main').keys()).toEqual([])
    }
  })
})

describe('a partition whose stores contradict each other', () => {
  it('is not archived while two claim to have the original', async () => {
    let bed = await Bed.fresh({ stores: ['main', 'cold', 'third'] })
    await bed.segment()
    await bed.quiesce()
    const key = headKey(bed.tier.owner)
    const original = bed.bucket('main').peek(key) ?? new Uint8Array(0)
    await bed.run(bed.bucket('cold').connect().put(key, original))
    bed = await bed.restarted()
    bed.configure({ stores: ['third'] })
    await bed.segment()
    const [error] = (await bed.round()).values()
    expect(error).toMatchObject({ kind: 'corrupt' })
    expect((error as Error).message).toContain('sim://main and sim://cold')
    expect(bed.bucket('third').keys()).toEqual([])
  })

  it('is not archived to a copy alone', async () => {
    const bed = await Bed.fresh(two)
    await bed.segment()
    await bed.quiesce()
    const copy = bed.bucket('cold').peek(headKey(bed.tier.owner)) ?? new Uint8Array(0)
    const lone = await Bed.fresh()
    await lone.run(lone.bucket().connect().put(headKey(lone.tier.owner), copy))
    await lone.segment()
    const error = await lone.step().catch(asError)
    expect(error).toMatchObject({ kind: 'refused' })
    expect((error as Error).message).toContain('copy alone')
  })

  it('waits a grace before it removes anything from the store that was left', async () => {
    const bed = await Bed.fresh({ stores: ['main', 'cold'] })
    await bed.segment()
    await bed.quiesce()
    bed.configure({ stores: ['cold'] })
    while (manifestIn(bed, 'main') !== null) await bed.round()
    expect(segmentsIn(bed.bucket('main')).length).toBe(1)
    await bed.pass(GRACE_MS)
    await bed.round()
    expect(segmentsIn(bed.bucket('main'))).toEqual([])
  })
})
