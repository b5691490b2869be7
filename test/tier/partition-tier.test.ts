// The archive of a real log: on a simulated disk, in a simulated bucket, under virtual time.
import { afterEach, describe, expect, it } from 'vitest'
import { asError } from '../../src/base/errors.ts'
import { KiB, MiB, leaderEpoch, offset } from '../../src/base/units.ts'
import { Semaphore } from '../../src/flow/semaphore.ts'
import { verifySegment } from '../../src/log/segment/segment-verify.ts'
import { parseKey } from '../../src/tier/keys.ts'
import { PartitionTier } from '../../src/tier/partition-tier.ts'
import { Blocks } from '../../src/tier/read/blocks.ts'
import { PartMemory } from '../../src/tier/upload/part-memory.ts'
import { PageCache } from '../../src/tier/read/pages.ts'
import { Prng } from '../../src/base/prng.ts'
import {
  crypto,
  joined,
  makeBatch,
  makeMarker,
  MemoryFile,
  type BatchShape,
} from '../log/batches.ts'
import { Harness, type Model, TINY, partition, settings } from '../log/store-harness.ts'
import { SimBucket } from '../sim/object-store.ts'
import { AllCache } from './read/archive.ts'
import { seeded } from './support.ts'

const ARCHIVE = { localRetentionMs: -1, localRetentionBytes: 0, lagMaxMs: 1e9 }
const SETTINGS = settings({ archive: ARCHIVE, segmentBytes: 64 * KiB })

let harness: Harness | null = null
afterEach(() => {
  harness?.clock.kill()
  harness = null
})

/** A log, its bucket, and the archive that its leader keeps. */
class Bed {
  readonly harness: Harness
  readonly bucket: SimBucket
  tier: PartitionTier

  private constructor(given: Harness, bucket: SimBucket, tier: PartitionTier) {
    this.harness = given
    this.bucket = bucket
    this.tier = tier
    harness = given
  }

  static async fresh(): Promise<Bed> {
    const made = await Harness.fresh({ settings: [SETTINGS] })
    made.startEpoch(0)
    const bucket = new SimBucket(made.scheduler, new Prng(1))
    return new Bed(made, bucket, await openTier(made, bucket, 1))
  }

  /** The same after a clean stop, led in `epoch`; nothing is heard of the store yet. */
  async restarted(epoch = 1): Promise<Bed> {
    const { scheduler, disk, models } = this.harness
    await this.harness.close()
    this.harness.clock.kill()
    const next = await Harness.open({ scheduler, disk }, models, TINY, true)
    return new Bed(next, this.bucket, await openTier(next, this.bucket, epoch))
  }

  /** Appends `count` batches of 2 records and ends the segment. */
  async segment(count = 3): Promise<void> {
    for (let i = 0; i < count; i++) this.harness.append(0, { size: 5_000, count: 2 })
    await this.roll()
  }

  async roll(): Promise<void> {
    const log = this.harness.at(0)
    log.roll()
    await this.run(log.persist())
  }

  /** Appends a batch as it is; returns its base offset. */
  append(shape: Partial<BatchShape>): number {
    const { nextOffset } = this.harness.at(0)
    const base = this.harness.at(0).append(makeBatch({ base: nextOffset, ...shape }), 1_000)
    expect(base).toBe(nextOffset)
    return base
  }

  abort(producerId: number): number {
    const log = this.harness.at(0)
    const marker = { producerId, producerEpoch: 0, commit: false, coordinatorEpoch: 0 }
    return log.append(makeMarker({ base: log.nextOffset, ...marker }), 1_000)
  }

  run<T>(work: Promise<T>): Promise<T> {
    return this.harness.run(work)
  }

  step(limit: number = this.harness.at(0).nextOffset): Promise<unknown> {
    return this.run(this.tier.step(offset(limit)))
  }

  /** Everything archived from `from` on. */
  async readAll(from = 0): Promise<Uint8Array> {
    const parts: Uint8Array[] = []
    for (let at = offset(from); ;) {
      const limits = { end: offset(1e9), maxBytes: 20_000, atLeastOne: true }
      const read = await this.run(this.tier.read(at, limits))
      if (read.bytes === 0) return joined(parts)
      parts.push(...read.parts)
      at = read.nextOffset
    }
  }

  appended(from: number, to: number): Uint8Array {
    const { batches } = this.harness.models[0] as Model
    return joined(
      batches.filter((one) => one.end > from && one.end <= to).map(({ bytes }) => bytes),
    )
  }
}

async function openTier(at: Harness, bucket: SimBucket, seed: number): Promise<PartitionTier> {
  const log = at.at(0)
  const lane = new Semaphore({ unitsMax: 64 * MiB, waitersMax: 100 })
  const store = bucket.connect()
  const parts = {
    disk: at.disk,
    clock: at.clock,
    crypto: seeded(seed),
    pages: new PageCache(crypto, MiB),
    blocks: new Blocks({ crypto, cache: new AllCache(), lane }, { aheadBytesMax: 64 * MiB }),
    slots: new Semaphore({ unitsMax: 4, waitersMax: 100 }),
    memory: new PartMemory(0),
    graceMs: 1_000,
    storeOf: () => store,
  }
  const { topicId, index } = partition(0)
  const owner = { topicId, partition: index, topicName: 'orders', epoch: leaderEpoch(seed) }
  return at.run(PartitionTier.open(parts, owner, log))
}

describe('PartitionTier', () => {
  it('archives what is sealed and below its limit, so that the bucket alone is enough', async () => {
    const bed = await Bed.fresh()
    for (let i = 0; i < 6; i++) await bed.segment()
    await bed.step(24)
    expect(bed.tier.archivedEnd).toBe(24)
    await bed.step()
    expect(bed.tier.archivedEnd).toBe(36)
    expect(Buffer.compare(await bed.readAll(), bed.appended(0, 36))).toBe(0)
    const segments = bed.bucket.keys().filter((key) => parseKey(key)?.kind === 'segment')
    expect(segments.length).toBe(6)
    for (const key of segments) {
      const file = new MemoryFile(bed.bucket.peek(key) ?? new Uint8Array(0))
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
    bed.bucket.faults.window('outage', bed.harness.scheduler.nowMs)
    expect(await bed.step().catch(asError)).toMatchObject({ kind: 'retry' })
    expect(bed.tier.archivedEnd).toBeNull()
    bed.bucket.faults.clear()
    await bed.step()
    expect(bed.tier.archivedEnd).toBe(18)
  })

  it('goes on where another has stopped, and names what has arrived although something failed', async () => {
    let bed = await Bed.fresh()
    for (let i = 0; i < 8; i++) await bed.segment()
    bed.bucket.faults.failNth('put', 4, 'before', '/seg/')
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
    expect(String(error)).toContain(segment?.path)
    expect(bed.tier.archivedEnd).toBe(6)
  })

  it('reads back what a store has not checked', async () => {
    const made = await Harness.fresh({ settings: [SETTINGS] })
    harness = made
    const bucket = new SimBucket(made.scheduler, new Prng(1), { checked: false })
    const tier = await openTier(made, bucket, 1)
    for (let i = 0; i < 3; i++) made.append(0, { size: 5_000 })
    made.at(0).roll()
    await made.run(made.at(0).persist())
    bucket.faults.failNth('get', 1, 'flip', '/seg/')
    expect(await made.run(tier.step(offset(3)).catch(asError))).toMatchObject({ kind: 'retry' })
    expect(tier.archivedEnd).toBeNull()
    await made.run(tier.step(offset(3)))
    expect(tier.archivedEnd).toBe(3)
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
})
