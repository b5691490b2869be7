// The storage of term, vote, log and snapshots under crashes, torn ends, rot and missing files.
import { describe, expect, test } from 'vitest'
import { OperatingError } from '../../src/base/errors.ts'
import { term } from '../../src/base/units.ts'
import type { Recovered } from '../../src/cluster/raft/raft-storage.ts'
import { RaftStorage } from '../../src/cluster/raft/raft-storage.ts'
import { STATE_BLOCK } from '../../src/cluster/raft/raft-format.ts'
import type { Entry, HardState, Snapshot } from '../../src/raft/messages.ts'
import { CrashDisk, testCrypto } from './crash-disk.ts'
import { ALONE, entry, openStorage, storageOptions } from './raft-support.ts'

const kindOf = (error: unknown): string =>
  error instanceof OperatingError ? error.kind : `unexpected ${String(error)}`

const open = async (disk: CrashDisk): Promise<Recovered> =>
  (await openStorage(storageOptions(disk))).recovered

const outcomeOf = async (disk: CrashDisk): Promise<Recovered | string> =>
  open(disk).catch((error: unknown) => kindOf(error))

const hard = (at: number, vote: number, commit = 0): HardState => ({ term: term(at), vote, commit })

const write = (entries: readonly Entry[], hardState: HardState | null = null) => ({
  hardState,
  snapshot: null,
  entries,
})

const snapshotAt = (index: number, at: number, fill: number): Snapshot => ({
  index,
  term: term(at),
  membership: ALONE.members,
  data: new Uint8Array(40).fill(fill),
})

/** Three batches, the last of two entries, on a fresh disk; not closed, as after a crash. */
async function threeBatches(): Promise<{ disk: CrashDisk; storage: RaftStorage }> {
  const disk = new CrashDisk()
  const { storage } = await openStorage(storageOptions(disk))
  await storage.persist(write([entry(1, 1, 11)], hard(1, 1)))
  await storage.persist(write([entry(2, 1, 22)]))
  await storage.persist(write([entry(3, 1, 33), entry(4, 1, 44)]))
  return { disk, storage }
}

const LOG = 'raft/log-0000000000000001.wal'

describe('RaftStorage', () => {
  test('RaftStorage.open() gives null before format; format refuses a second time', async () => {
    const options = storageOptions(new CrashDisk())
    expect(await RaftStorage.open(options)).toBe(null)
    await RaftStorage.format(options, ALONE)
    await expect(RaftStorage.format(options, ALONE)).rejects.toThrow('holds a node already')
  })

  test('RaftStorage.open() gives back identity, term, vote and entries', async () => {
    const { disk, storage } = await threeBatches()
    await storage.close()
    const found = await open(disk)
    expect(found.nodeId).toBe(1)
    expect(found.diskId).toBe(77)
    expect(found.hardState).toEqual(hard(1, 1))
    expect(found.entries).toEqual([
      entry(1, 1, 11),
      entry(2, 1, 22),
      entry(3, 1, 33),
      entry(4, 1, 44),
    ])
  })

  test('RaftStorage.persist() replaces the tail from its first entry on', async () => {
    const disk = new CrashDisk()
    const { storage } = await openStorage(storageOptions(disk, { logFileBytes: 100 }))
    for (let i = 1; i <= 12; i++) await storage.persist(write([entry(i, 1, i)]))
    await storage.persist(write([entry(5, 2, 55), entry(6, 2, 66)], hard(2, 0)))
    await storage.persist(write([entry(7, 2, 77)]))
    expect(
      (await disk.list('raft')).filter((name) => name.endsWith('.wal')).length,
    ).toBeGreaterThan(2)
    const found = await open(disk.copy())
    expect(found.entries.map((e) => [e.index, e.term])).toEqual([
      [1, 1],
      [2, 1],
      [3, 1],
      [4, 1],
      [5, 2],
      [6, 2],
      [7, 2],
    ])
    // Removing the files before the replacement must not lose what it replaced with.
    await storage.compact(snapshotAt(7, 2, 1), 7)
    await storage.persist(write([entry(8, 2, 88)]))
    const after = await open(disk.copy())
    expect(after.snapshot.index).toBe(7)
    expect(after.entries.filter((e) => e.index > 7)).toEqual([entry(8, 2, 88)])
  })

  test('RaftStorage.persist() of a leader’s snapshot starts the log over after it', async () => {
    const { disk, storage } = await threeBatches()
    const snapshot = snapshotAt(100, 3, 9)
    await storage.persist({ hardState: hard(3, 0), snapshot, entries: [entry(101, 3, 1)] })
    const found = await open(disk)
    expect(found.snapshot).toEqual(snapshot)
    expect(found.entries).toEqual([entry(101, 3, 1)])
    expect((await disk.list('raft')).length).toBe(3)
  })

  test('RaftStorage.open() cuts a batch torn at any byte, and only that', async () => {
    const { disk } = await threeBatches()
    const whole = disk.bytes(LOG)
    const before = (await open(disk.copy())).entries
    const lastBatchAt = whole.length - (24 + 2 * 22)
    for (let size = lastBatchAt; size < whole.length; size++) {
      const torn = disk.copy()
      torn.put(LOG, whole.subarray(0, size))
      expect((await open(torn)).entries).toEqual(before.slice(0, 2))
      // And what was cut is gone for good: the next batch follows what is left.
      expect(torn.bytes(LOG).length).toBe(lastBatchAt)
    }
  })

  test('RaftStorage.open() tells corruption from a torn end by what follows it', async () => {
    const { disk } = await threeBatches()
    const whole = disk.bytes(LOG)
    for (let at = 52; at < whole.length - (24 + 2 * 22); at++) {
      const spoiled = disk.copy()
      const bytes = spoiled.bytes(LOG)
      bytes[at] = (bytes[at] ?? 0) ^ 0x10
      expect(await outcomeOf(spoiled)).toBe('corrupt')
      expect(spoiled.bytes(LOG).length).toBe(whole.length)
    }
  })

  test('RaftStorage.close() makes even the last batch’s corruption certain', async () => {
    const { disk, storage } = await threeBatches()
    await storage.close(hard(1, 1, 4))
    const bytes = disk.bytes(LOG)
    bytes[bytes.length - 1] = 0
    expect(await outcomeOf(disk)).toBe('corrupt')
    disk.put(LOG, bytes.subarray(0, bytes.length - 10))
    expect(await outcomeOf(disk)).toBe('corrupt')
  })

  test('RaftStorage.open() with a bit flipped: right, one write back, or corrupt', async () => {
    const { disk } = await threeBatches()
    const right = await open(disk.copy())
    for (const name of await disk.list('raft')) {
      const path = `raft/${name}`
      for (let at = 0; at < disk.bytes(path).length; at += path.endsWith('state') ? 7 : 1) {
        const spoiled = disk.copy()
        const bytes = spoiled.bytes(path)
        bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8))
        const outcome = await outcomeOf(spoiled)
        if (outcome === 'corrupt' || outcome === 'refused') continue
        const { hardState, entries, snapshot } = outcome as Recovered
        expect(hardState).toEqual(right.hardState)
        expect(snapshot).toEqual(right.snapshot)
        expect(right.entries.slice(0, entries.length)).toEqual(entries)
        expect(entries.length).toBeGreaterThanOrEqual(2)
      }
    }
  })

  test('RaftStorage.open() keeps the vote when one copy is torn, stops when both are', async () => {
    const { disk } = await threeBatches()
    for (const copies of [[1], [2], [1, 2]]) {
      const spoiled = disk.copy()
      for (const copy of copies)
        spoiled.bytes('raft/state').fill(0xee, copy * STATE_BLOCK, copy * STATE_BLOCK + 44)
      const outcome = await outcomeOf(spoiled)
      if (copies.length === 2) expect(outcome).toBe('corrupt')
      else expect((outcome as Recovered).hardState).toEqual(hard(1, 1))
    }
  })

  test('RaftStorage.open() refuses what a newer version wrote, in a sentence', async () => {
    for (const name of ['state', 'log-0000000000000001.wal']) {
      const { disk } = await threeBatches()
      const bytes = disk.bytes(`raft/${name}`)
      bytes[5] = 9
      await expect(open(disk)).rejects.toThrow(
        /^Cannot read raft\/\S+: its format 9 is newer than 1, start the version that wrote it$/,
      )
      expect(await outcomeOf(disk)).toBe('refused')
    }
  })

  test('RaftStorage.open() is corrupt when files are missing that must be there', async () => {
    const { disk, storage } = await threeBatches()
    for (const name of await disk.list('raft')) {
      const without = disk.copy()
      await without.remove(`raft/${name}`)
      expect(await outcomeOf(without)).toBe('corrupt')
    }
    await storage.close()
  })

  test('RaftStorage latches its first failure', async () => {
    const { disk, storage } = await threeBatches()
    const failure = new OperatingError('broken', 'EIO')
    disk.failNext = failure
    await expect(storage.persist(write([entry(5, 1, 5)]))).rejects.toBe(failure)
    await expect(storage.persist(write([entry(5, 1, 5)]))).rejects.toThrow(
      'an earlier write failed',
    )
    await storage.close()
    await storage.close()
    await expect(storage.persist(write([]))).rejects.toThrow('it is closed')
  })

  test('RaftStorage brings back what was persisted, or one step more, after crashes', async () => {
    for (let seed = 1; seed <= 150; seed++) await crashRun(seed)
  })

  test.each(['skipFileSync', 'skipDirectorySync'] as const)(
    'the crashes find the planted bug %s',
    async (bug) => {
      let found = 0
      for (let seed = 1; seed <= 40 && found === 0; seed++) {
        await crashRun(seed, bug).catch(() => {
          found = seed
        })
      }
      expect(found).toBeGreaterThan(0)
    },
  )
})

interface Model {
  hardState: HardState
  snapshot: number
  entries: readonly Entry[]
}

/** Random writes over several lives; the power goes in the middle of the last write of each. */
async function crashRun(
  seed: number,
  bug: 'skipFileSync' | 'skipDirectorySync' | null = null,
): Promise<void> {
  const { random } = testCrypto(seed)
  const below = (limit: number): number => Math.floor(random() * limit)
  let disk = new CrashDisk()
  const { storage: first } = await openStorage(storageOptions(disk))
  await first.persist(write([], hard(1, 1)))
  if (bug !== null) disk[bug] = true
  let model: Model = { hardState: hard(1, 1), snapshot: 0, entries: [] }
  for (let life = 0; life < 4; life++) {
    const found = await RaftStorage.open(storageOptions(disk, { logFileBytes: 200 }))
    if (found === null) throw new Error(`seed ${seed}: the directory is gone`)
    const { storage } = found
    for (let i = below(12); i >= 0; i--) {
      const next = change(model, below, random)
      const done = next.run(storage)
      if (i > 0) {
        await done
        model = next.after
        continue
      }
      for (let turns = below(30); turns > 0; turns--) await Promise.resolve()
      const crashed = disk.crash(random)
      await done
      disk = crashed
      const { recovered } = await openStorage(storageOptions(crashed.copy()))
      const got: Model = {
        hardState: hard(recovered.hardState.term, recovered.hardState.vote),
        snapshot: recovered.snapshot.index,
        entries: recovered.entries.filter((e) => e.index > recovered.snapshot.index),
      }
      expect(legal(model, next.after), `seed ${seed}, life ${life}`).toContainEqual(got)
      model = got
    }
  }
}

/** States between two writes: term and vote first, then the snapshot, then the entries. */
function legal(before: Model, after: Model): Model[] {
  const promised = { ...before, hardState: after.hardState }
  const rest = before.entries.filter((e) => e.index > after.snapshot)
  const compacted = { ...after, entries: rest }
  const installed = { ...after, entries: after.entries.filter((e) => e.index <= after.snapshot) }
  return [before, promised, compacted, installed, after]
}

function change(
  model: Model,
  below: (limit: number) => number,
  random: () => number,
): { after: Model; run: (storage: RaftStorage) => Promise<void> } {
  const last = model.entries.at(-1)?.index ?? model.snapshot
  const dice = random()
  if (dice < 0.15 && model.entries.length > 0) {
    const at = model.entries[below(model.entries.length)] ?? model.entries[0]
    if (at === undefined) throw new Error('No entry to compact to')
    const after = {
      ...model,
      snapshot: at.index,
      entries: model.entries.filter((e) => e.index > at.index),
    }
    const snapshot = snapshotAt(at.index, at.term, 3)
    return { after, run: (storage) => storage.compact(snapshot, at.index) }
  }
  const raised = random() < 0.3
  const hardState = raised ? hard(model.hardState.term + 1, below(3)) : model.hardState
  if (dice < 0.25) {
    const snapshot = snapshotAt(last + 1 + below(5), hardState.term, 5)
    const entries = random() < 0.5 ? [] : [entry(snapshot.index + 1, snapshot.term, 1)]
    const after = { hardState, snapshot: snapshot.index, entries }
    return { after, run: (storage) => storage.persist({ hardState, snapshot, entries }) }
  }
  const from = raised && model.entries.length > 0 && random() < 0.5
  const first = from ? (model.entries[below(model.entries.length)]?.index ?? last + 1) : last + 1
  const count = 1 + below(3)
  const entries = Array.from({ length: count }, (_, i) =>
    entry(first + i, hardState.term, ...new Array<number>(below(60)).fill(i)),
  )
  const kept = model.entries.filter((e) => e.index < first)
  const after = { ...model, hardState, entries: [...kept, ...entries] }
  return { after, run: (storage) => storage.persist({ hardState, snapshot: null, entries }) }
}
