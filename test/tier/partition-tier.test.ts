// The archive of a real log: on a simulated disk, in a simulated bucket, under virtual time.
import { afterEach, describe, expect, it } from 'vitest'
import { must } from '../../src/base/assert.ts'
import { asError } from '../../src/base/errors.ts'
import { offset } from '../../src/base/units.ts'
import { BATCH_HEADER_BYTES } from '../../src/log/segment/batch-view.ts'
import { verifySegment } from '../../src/log/segment/segment-verify.ts'
import { saveCopy } from '../../src/tier/bucket/manifest-copy.ts'
import { parseKey } from '../../src/tier/keys.ts'
import { crypto, MemoryFile } from '../log/batches.ts'
import { build, plainRecords, tools } from '../record/support.ts'
import { Bed, endBeds } from './bed.ts'

afterEach(endBeds)

describe('PartitionTier', () => {
  it('archives what is sealed and below its limit, so that the bucket alone is enough', async () => {
    const bed = await Bed.fresh()
    for (let i = 0; i < 6; i++) await bed.segment()
    await bed.step(24)
    expect(bed.tier.archivedEnd).toBe(24)
    await bed.step()
    expect(bed.tier.archivedEnd).toBe(36)
    expect(Buffer.compare(await bed.readAll(), bed.appended(0, 36))).toBe(0)
    const segments = bed
      .bucket()
      .keys()
      .filter((key) => parseKey(key)?.kind === 'segment')
    expect(segments.length).toBe(6)
    for (const key of segments) {
      const file = new MemoryFile(bed.bucket().peek(key) ?? new Uint8Array(0))
      expect(await verifySegment(crypto, file)).toEqual([])
    }
  })

  it('vouches for nothing before the store has told it', async () => {
    let bed = await Bed.fresh()
    expect([bed.tier.archivedEnd, bed.tier.manifest]).toEqual([null, null])
    for (let i = 0; i < 3; i++) await bed.segment()
    await bed.step()
    bed = await bed.restarted()
    // The copy beside the segments says what may be asked for, and nothing of what may go.
    expect(bed.tier.manifest?.entries.length).toBe(3)
    expect(bed.tier.archivedEnd).toBeNull()
    bed.bucket().faults.window('outage', bed.harness.scheduler.nowMs)
    expect(await bed.step().catch(asError)).toMatchObject({ kind: 'retry' })
    expect(bed.tier.archivedEnd).toBeNull()
    bed.bucket().faults.clear()
    await bed.step()
    expect(bed.tier.archivedEnd).toBe(18)
  })

  it('goes on where another has stopped, and names what has arrived although something failed', async () => {
    let bed = await Bed.fresh()
    for (let i = 0; i < 8; i++) await bed.segment()
    bed.bucket().faults.failNth('put', 4, 'before', '/seg/')
    expect(await bed.step().catch(asError)).toMatchObject({ kind: 'retry' })
    const end = bed.tier.archivedEnd ?? 0
    expect([6, 12, 18, 24, 30]).toContain(end)
    expect(Buffer.compare(await bed.readAll(), bed.appended(0, end))).toBe(0)
    bed = await bed.restarted(2)
    await bed.step()
    expect(bed.tier.archivedEnd).toBe(48)
    expect(Buffer.compare(await bed.readAll(), bed.appended(0, 48))).toBe(0)
  })

  it('archives no damaged segment, and nothing behind it', async () => {
    const bed = await Bed.fresh()
    for (let i = 0; i < 4; i++) await bed.segment()
    const segment = bed.harness.at(0).segments[1]
    const file = await bed.run(bed.harness.disk.open(segment?.path ?? '', { mode: 'write' }))
    await bed.run(file.writeBehind(3_000, Uint8Array.of(1, 2, 3)))
    await bed.run(file.close())
    const error = await bed.step().catch(asError)
    expect(error).toMatchObject({ kind: 'corrupt' })
    expect((error as Error).message).toContain(segment?.path)
    expect(bed.tier.archivedEnd).toBe(6)
  })

  it('reads back what a store has not checked', async () => {
    const bed = await Bed.fresh({ bucket: { checked: false } })
    await bed.segment()
    bed.bucket().faults.failNth('get', 1, 'flip', '/seg/')
    expect(await bed.step().catch(asError)).toMatchObject({ kind: 'retry' })
    expect(bed.tier.archivedEnd).toBeNull()
    await bed.step()
    expect(bed.tier.archivedEnd).toBe(6)
  })

  it('knows transactions whose records are archived and whose abort is only here', async () => {
    const bed = await Bed.fresh()
    const open = { attributes: 0x10, producerEpoch: 0, sequence: 0, count: 2, size: 300 }
    const first = bed.append({ ...open, producerId: 7 })
    await bed.roll()
    const second = bed.append({ ...open, producerId: 8 })
    await bed.roll()
    const marker = bed.abort(7)
    await bed.roll()
    // Producer 8 has not ended: what is stable ends where it began, and with it what is archived.
    expect(bed.harness.at(0).state.lastStable(offset(marker + 1))).toBe(second)
    await bed.step(second)
    expect(bed.tier.archivedEnd).toBe(second)
    const spans = (): Promise<unknown[]> => bed.run(bed.tier.aborted(offset(first), offset(second)))
    const expected = [expect.objectContaining({ producerId: 7, firstOffset: first })]
    expect(await spans()).toEqual(expected)
    // Once its marker is archived too, it is told once.
    bed.abort(8)
    await bed.roll()
    await bed.step()
    expect(bed.tier.archivedEnd).toBe(marker + 2)
    expect(await spans()).toEqual(expected)
  })

  it('tells the epochs of what is archived and of what is here as they were', async () => {
    let bed = await Bed.fresh()
    await bed.segment()
    bed.harness.startEpoch(0)
    await bed.segment(1)
    for (let i = 0; i < 4; i++) await bed.segment()
    await bed.step()
    const told = (): unknown[] =>
      bed.tier
        .lineage()
        .entries()
        .map(({ epoch, start }) => [epoch, start])
    const before = told()
    expect(before).toEqual([
      [1, 0],
      [2, 6],
    ])
    await bed.run(bed.harness.at(0).dropArchivedBelow(offset(20)))
    expect(bed.harness.at(0).localStart).toBe(20)
    bed = await bed.restarted(2)
    await bed.step()
    expect(told()).toEqual(before)
    await bed.segment()
    await bed.step()
    expect(told()).toEqual(before)
    expect(bed.tier.manifest?.lineage.map(({ start }) => start)).toEqual([0, 6])
  })

  it('takes a copy that ends below what is here for an old one', async () => {
    let bed = await Bed.fresh()
    for (let i = 0; i < 3; i++) await bed.segment()
    await bed.step()
    const old = must(bed.tier.manifest, 'a manifest')
    const payload = build(plainRecords(1)).subarray(BATCH_HEADER_BYTES)
    const shape = { producerId: 7, producerEpoch: 0, sequence: 0, attributes: 0x10 }
    const base = bed.append({ ...shape, time: 9e12, payload })
    bed.abort(7)
    await bed.roll()
    bed.append({ count: 2 })
    await bed.roll()
    await bed.step()
    await bed.run(bed.harness.at(0).dropArchivedBelow(offset(20)))
    bed = await bed.restarted(2)
    // As a power cut may leave it, which a copy need not outlive.
    await bed.run(saveCopy({ disk: bed.harness.disk, crypto }, old))
    const forget = async (): Promise<Bed['tier']> => {
      await bed.reopen(2)
      expect(bed.tier.manifest?.entries.length).toBe(3)
      return bed.tier
    }
    const { localStart } = bed.harness.at(0)
    expect(localStart).toBeGreaterThanOrEqual(20)
    expect(await bed.run((await forget()).findTimestamp(tools, 8e12))).toMatchObject({
      offset: base,
    })
    expect(await bed.run((await forget()).aborted(offset(0), localStart))).toMatchObject([
      { producerId: 7, firstOffset: base },
    ])
  })

  it('removes what the log start passes while something is on its way', async () => {
    const bed = await Bed.fresh()
    for (let i = 0; i < 4; i++) await bed.segment()
    await bed.step()
    await bed.segment()
    const log = bed.harness.at(0)
    const step = bed.tier.step(log.nextOffset)
    await bed.pass(20)
    await bed.run(log.advanceLogStart(offset(13)))
    await bed.run(step)
    await bed.quiesce()
    const keys = bed.bucket().keys()
    const bases = keys.flatMap((key) => {
      const parsed = parseKey(key)
      return parsed?.kind === 'segment' ? [Number(parsed.name.base)] : []
    })
    expect(bases).toEqual([12, 18, 24])
  })
})
