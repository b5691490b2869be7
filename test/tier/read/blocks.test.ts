import { beforeEach, describe, expect, it } from 'vitest'
import { must } from '../../../src/base/assert.ts'
import { asError, OperatingError } from '../../../src/base/errors.ts'
import { MiB } from '../../../src/base/units.ts'
import { placeKey } from '../../../src/tier/read/blocks.ts'
import type { Block } from '../../../src/tier/read/read-memory.ts'
import { AllCache, ArchiveBed, type ArchiveShape } from './archive.ts'

/** Twelve blocks and a bit. */
const PLANS = Array.from({ length: 25 }, () => ({ size: MiB / 2, count: 2 }))

let cache: AllCache
let bed: ArchiveBed

const fresh = async (shape: ArchiveShape = {}): Promise<ArchiveBed> => {
  cache = new AllCache()
  const made = new ArchiveBed({ cache, ...shape })
  await made.add(PLANS)
  return made
}

beforeEach(async () => {
  bed = await fresh()
})

/** Looks at blocks, and lets them go. */
const expectBlocks = (blocks: readonly Block[], from: number): void => {
  const data = bed.bucket.peek(placeKey(bed.place(0))) ?? new Uint8Array(0)
  const { dataLength } = bed.place(0).entry
  blocks.forEach(({ bytes, piece }, i) => {
    const at = (from + i) * MiB
    expect(Buffer.compare(bytes, data.subarray(at, Math.min(at + MiB, dataLength)))).toBe(0)
    piece.release()
  })
}

/** Nothing is kept or on its way, and nobody looks at anything. */
const expectIdle = (): void => {
  expect(bed.memory.out).toBe(0)
  expect([bed.blocks.heldBlocks, bed.blocks.aheadBytes, bed.lane.free]).toEqual([0, 0, 64 * MiB])
}

const kindOf = async (work: Promise<unknown>): Promise<string> => {
  const error = await work.then(() => null, asError)
  return error instanceof OperatingError ? error.kind : String(error)
}

describe('Blocks.read()', () => {
  it('gives verified blocks, the last one as short as it is', async () => {
    expectBlocks(await bed.run(bed.blocks.read(bed.place(0), 0, 13)), 0)
    expect(bed.asked).toEqual([{ key: placeKey(bed.place(0)), from: 0, to: 25 * (MiB / 2 + 61) }])
    expectIdle()
  })

  it('makes one request for two who want the same block, and none for one that is cached', async () => {
    const place = bed.place(0)
    const both = [bed.blocks.read(place, 3, 4), bed.blocks.read(place, 3, 4)]
    for (const blocks of await bed.run(Promise.all(both))) expectBlocks(blocks, 3)
    expectBlocks(await bed.run(bed.blocks.read(place, 3, 4)), 3)
    expect(bed.asked.length).toBe(1)
    expectIdle()
  })

  it('asks for missing neighbours at once, and for nothing that is there', async () => {
    const place = bed.place(0)
    expectBlocks(await bed.run(bed.blocks.read(place, 4, 6)), 4)
    expectBlocks(await bed.run(bed.blocks.read(place, 2, 8)), 2)
    const ranges = bed.asked.map(({ from, to }) => [from / MiB, to / MiB])
    expect(ranges).toEqual([
      [4, 6],
      [2, 4],
      [6, 8],
    ])
    const overlapping = [bed.blocks.read(place, 8, 10), bed.blocks.read(place, 9, 11)]
    const [eighth = [], ninth = []] = await bed.run(Promise.all(overlapping))
    expectBlocks(eighth, 8)
    expectBlocks(ninth, 9)
    const others = bed.asked.slice(3).map(({ from, to }) => [from / MiB, to / MiB])
    expect(others.toSorted()).toEqual([
      [10, 11],
      [8, 10],
    ])
    expectIdle()
  })

  it('fetches anew what a cache gives that is not what was archived', async () => {
    const place = bed.place(0)
    expectBlocks(await bed.run(bed.blocks.read(place, 0, 3)), 0)
    const [name = '', short = '', gone = ''] = cache.blocks.keys()
    const spoiled = Uint8Array.from(cache.blocks.get(name) ?? [])
    spoiled[5000] = (spoiled[5000] ?? 0) ^ 1
    cache.blocks.set(name, spoiled)
    cache.blocks.set(short, spoiled.subarray(0, 17))
    cache.blocks.delete(gone)
    expectBlocks(await bed.run(bed.blocks.read(place, 0, 3)), 0)
    expect(bed.asked.length).toBe(2)
    expectBlocks(await bed.run(bed.blocks.read(place, 0, 3)), 0)
    expect(bed.asked.length).toBe(2)
  })

  it('hands out and caches nothing that is not what was archived', async () => {
    const place = bed.place(0)
    const key = placeKey(place)
    for (const fault of ['flip', 'truncate'] as const) {
      bed.bucket.faults.failNth('get', 1, fault)
      expect(await kindOf(bed.run(bed.blocks.read(place, 2, 3)))).toBe('corrupt')
      expect(cache.blocks.has(`${key}#2`)).toBe(false)
    }
    bed.bucket.flip(key, 5 * MiB + 3)
    expect(await kindOf(bed.run(bed.blocks.read(place, 4, 7)))).toBe('corrupt')
    // Its neighbours are sound, and were kept.
    expectBlocks(await bed.run(bed.blocks.read(place, 4, 5)), 4)
    expectBlocks(await bed.run(bed.blocks.read(place, 6, 7)), 6)
    expect(bed.asked.length).toBe(3)
    bed.bucket.lose(key)
    expect(await kindOf(bed.run(bed.blocks.read(place, 9, 10)))).toBe('absent')
    expectIdle()
  })

  it('tells a failure to all who wait, and asks anew for the next', async () => {
    const place = bed.place(0)
    bed.bucket.faults.failNth('get', 1, 'before')
    const three = [0, 1, 2].map(() => kindOf(bed.blocks.read(place, 1, 3)))
    expect(await bed.run(Promise.all(three))).toEqual(['retry', 'retry', 'retry'])
    expectBlocks(await bed.run(bed.blocks.read(place, 1, 3)), 1)
    expect(bed.asked.length).toBe(2)
    expectIdle()
  })

  it('ends a request that nobody waits for, and none that another waits for', async () => {
    const place = bed.place(0)
    const [one, other] = [new AbortController(), new AbortController()]
    const first = kindOf(bed.blocks.read(place, 0, 2, one.signal))
    const second = bed.blocks.read(place, 1, 2, other.signal)
    await bed.scheduler.advance(1)
    one.abort()
    expect(await bed.run(first)).toBe('closed')
    expectBlocks(await bed.run(second), 1)
    expect(bed.meter.counts.failed).toBe(0)
    const third = kindOf(bed.blocks.read(place, 5, 7, one.signal))
    expect(await bed.run(third)).toBe('closed')
    const last = kindOf(bed.blocks.read(place, 7, 9, other.signal))
    await bed.scheduler.advance(1)
    expect(bed.meter.running).toBe(1)
    other.abort()
    expect(await bed.run(last)).toBe('closed')
    expect([bed.meter.running, bed.meter.counts.failed]).toEqual([0, 1])
    // And who comes right after is not told of it.
    expectBlocks(await bed.run(bed.blocks.read(place, 5, 9)), 5)
    expectIdle()
  })

  it('has no more on its way than its lane lets, and ends who waits for the lane', async () => {
    bed = await fresh({ laneBytes: 2 * MiB })
    const place = bed.place(0)
    const gone = new AbortController()
    const reads = [0, 2, 4].map((from) => bed.blocks.read(place, from, from + 2))
    const waiting = kindOf(bed.blocks.read(place, 6, 8, gone.signal))
    await bed.scheduler.advance(1)
    expect(bed.meter.running).toBe(1)
    gone.abort()
    expect(await bed.run(waiting)).toBe('closed')
    for (const [i, blocks] of (await bed.run(Promise.all(reads))).entries()) {
      expectBlocks(blocks, i * 2)
    }
    expect(bed.asked.length).toBe(3)
    expect([bed.lane.free, bed.lane.waiting]).toEqual([2 * MiB, 0])
  })
})

describe('Blocks.readAhead()', () => {
  it('keeps what it read until somebody wants it, and counts it', async () => {
    const place = bed.place(0)
    expect(bed.blocks.readAhead(place, 1, 5)).toBe(true)
    expect(bed.blocks.aheadBytes).toBe(4 * MiB)
    await bed.scheduler.runUntilIdle()
    expectBlocks(await bed.run(bed.blocks.read(place, 0, 3)), 0)
    expect(bed.blocks.aheadBytes).toBe(2 * MiB)
    bed.blocks.forget(place, 0, 13)
    await bed.scheduler.runUntilIdle()
    expect(bed.asked.length).toBe(2)
    expectIdle()
  })

  it('asks for nothing that is held, on its way or cached', async () => {
    const place = bed.place(0)
    expectBlocks(await bed.run(bed.blocks.read(place, 2, 4)), 2)
    bed.blocks.readAhead(place, 0, 3)
    bed.blocks.readAhead(place, 1, 8)
    await bed.scheduler.runUntilIdle()
    expect([...bed.blocksAsked().values()].every((count) => count === 1)).toBe(true)
    expectBlocks(await bed.run(bed.blocks.read(place, 0, 8)), 0)
    expect([...bed.blocksAsked().values()].every((count) => count === 1)).toBe(true)
    expectIdle()
  })

  it('reads nothing that its buffer has no room for', async () => {
    bed = await fresh({ aheadBytesMax: 5 * MiB })
    const place = bed.place(0)
    expect(bed.blocks.readAhead(place, 0, 3)).toBe(true)
    expect(bed.blocks.readAhead(place, 2, 6)).toBe(false)
    expect(bed.blocks.readAhead(place, 2, 5)).toBe(true)
    expect(bed.blocks.aheadBytes).toBe(5 * MiB)
    await bed.scheduler.runUntilIdle()
    expect(bed.blocks.readAhead(place, 5, 6)).toBe(false)
    expectBlocks(await bed.run(bed.blocks.read(place, 0, 2)), 0)
    expect(bed.blocks.readAhead(place, 5, 7)).toBe(true)
    expect(bed.blocks.aheadBytes).toBe(5 * MiB)
    expect([...bed.blocksAsked().values()].every((count) => count === 1)).toBe(true)
  })

  it('lets go of what has failed, which is then asked for anew', async () => {
    const place = bed.place(0)
    bed.bucket.faults.failNth('get', 1, 'before')
    bed.blocks.readAhead(place, 0, 4)
    await bed.scheduler.runUntilIdle()
    expectIdle()
    expectBlocks(await bed.run(bed.blocks.read(place, 0, 4)), 0)
  })

  it('ends a request of which everything was forgotten', async () => {
    const place = bed.place(0)
    bed.blocks.readAhead(place, 0, 4)
    await bed.scheduler.advance(1)
    bed.blocks.forget(place, 0, 2)
    expect(bed.meter.running).toBe(1)
    bed.blocks.forget(place, 2, 4)
    await bed.scheduler.runUntilIdle()
    expect([bed.meter.running, bed.meter.counts.failed]).toEqual([0, 1])
    expectIdle()
  })

  it('makes room by what nobody has come for, and not by what somebody has', async () => {
    bed = await fresh({ aheadBytesMax: 4 * MiB })
    const place = bed.place(0)
    bed.blocks.readAhead(place, 0, 4)
    await bed.scheduler.runUntilIdle()
    for (let turn = 0; turn < 50; turn++) {
      expect(bed.blocks.readAhead(place, 0, 4)).toBe(true)
      expect(bed.blocks.readAhead(place, 4, 6)).toBe(false)
    }
    let turns = 0
    while (!bed.blocks.readAhead(place, 4, 6)) expect(++turns).toBeLessThan(20)
    expect(turns).toBeGreaterThan(4)
    expect(bed.blocks.aheadBytes).toBe(4 * MiB)
    await bed.scheduler.runUntilIdle()
    expectBlocks(await bed.run(bed.blocks.read(place, 2, 6)), 2)
    expectIdle()
  })

  it('keeps a block that a reader goes on in, and not the memory around it', async () => {
    bed = await fresh({ cache: null })
    const place = bed.place(0)
    const read = await bed.run(bed.blocks.read(place, 4, 6))
    bed.blocks.keep(place, 5, must(read[1], 'A second block'))
    expect(bed.blocks.aheadBytes).toBe(MiB)
    const again = await bed.run(bed.blocks.read(place, 5, 6))
    expectBlocks(read, 4)
    expect(again[0]?.bytes.buffer.byteLength).toBe(MiB)
    expectBlocks(again, 5)
    expect(bed.asked.length).toBe(1)
    expectIdle()
  })
})
