// Three drivers over three real storages, with queues for a network: what a quorum of one cannot
// show. Time passes only by `fire`, so nothing here waits.
import { expect, test } from 'vitest'
import { OperatingError } from '../../src/base/errors.ts'
import type { RaftDriverOptions } from '../../src/cluster/raft/raft-driver.ts'
import { RaftDriver } from '../../src/cluster/raft/raft-driver.ts'
import { RaftStorage } from '../../src/cluster/raft/raft-storage.ts'
import { membership } from '../../src/raft/membership.ts'
import { CrashDisk } from './crash-disk.ts'
import { TestClock, bytesOf, storageOptions } from './raft-support.ts'

interface Peer {
  readonly driver: RaftDriver
  readonly applied: string[]
  readonly disk: CrashDisk
}

const IDS = [1, 2, 3]
const text = new TextDecoder()

class Trio {
  readonly peers = new Map<number, Peer>()
  readonly clock = new TestClock()
  readonly cut = new Set<number>()

  async start(id: number, disk = new CrashDisk(), more: Partial<RaftDriverOptions> = {}) {
    const options = storageOptions(disk)
    const members = membership(IDS.map((voter) => ({ id: voter, disk: voter * 10 })))
    if (!(await disk.list('raft')).includes('state')) {
      await RaftStorage.format(options, { nodeId: id, diskId: id * 10, members })
    }
    const opened = await RaftStorage.open(options)
    if (opened === null) throw new Error('The directory was formatted and is not there')
    const applied: string[] = []
    const driver = new RaftDriver({
      raft: {
        seed: id * 31,
        electionTicks: 10,
        heartbeatTicks: 1,
        snapshotTicks: 20,
        appendBytesMax: 4096,
        inflightMax: 8,
        uncommittedBytesMax: 1e6,
        readsMax: 16,
      },
      ...opened,
      clock: this.clock,
      tickMs: 15,
      snapshotAfterBytes: 1e6,
      keepEntries: 2,
      send: (message) => {
        if (this.cut.has(message.from) || this.cut.has(message.to)) return
        queueMicrotask(() => this.peers.get(message.to)?.driver.receive(message))
      },
      apply: (entry) => applied.push(text.decode(entry.data)),
      restore: (snapshot) => {
        applied.splice(0, applied.length, ...(JSON.parse(text.decode(snapshot.data)) as string[]))
      },
      takeSnapshot: () => bytesOf(JSON.stringify(applied)),
      onLeadership: () => undefined,
      onFailure: (error) => {
        throw error
      },
      ...more,
    })
    this.peers.set(id, { driver, applied, disk })
    await driver.start()
  }

  peer(id: number): Peer {
    const found = this.peers.get(id)
    if (found === undefined) throw new Error(`Peer ${id} is not there`)
    return found
  }

  /** Ticks all nodes until `holds`; every tick is followed by enough turns for its messages. */
  async until(holds: () => boolean): Promise<void> {
    for (let ticks = 0; ticks < 300; ticks++) {
      for (let turns = 0; turns < 100; turns++) await Promise.resolve()
      if (holds()) return
      this.clock.fire()
    }
    throw new Error('It never came to hold')
  }

  leader(): number {
    const found = [...this.peers].find(
      ([id, { driver }]) => driver.leadership.leading && !this.cut.has(id),
    )
    return found?.[0] ?? 0
  }

  async close(): Promise<void> {
    for (const { driver } of this.peers.values()) await driver.close()
  }
}

async function three(more: Partial<RaftDriverOptions> = {}): Promise<Trio> {
  const trio = new Trio()
  for (const id of IDS) await trio.start(id, new CrashDisk(), more)
  await trio.until(() => trio.leader() !== 0)
  return trio
}

test('Three RaftDrivers elect one leader and apply the same entries', async () => {
  const trio = await three()
  const { driver } = trio.peer(trio.leader())
  await driver.propose(bytesOf('a'))
  await driver.propose(bytesOf('b'))
  await trio.until(() => [...trio.peers.values()].every(({ applied }) => applied.length === 2))
  for (const { applied } of trio.peers.values()) expect(applied).toEqual(['a', 'b'])
  await trio.close()
})

test('RaftDriver.propose() on a follower answers retry and names the leader', async () => {
  const trio = await three()
  const leader = trio.leader()
  const follower = trio.peer(IDS.find((id) => id !== leader) ?? 0)
  await trio.until(() => follower.driver.leadership.leader === leader)
  await expect(follower.driver.propose(bytesOf('x'))).rejects.toThrow(`node ${leader} leads`)
  await trio.close()
})

test('A RaftDriver cut off rejects what waits as fenced; the others elect and go on', async () => {
  const trio = await three()
  const old = trio.leader()
  trio.cut.add(old)
  const lost = trio.peer(old).driver.propose(bytesOf('lost'))
  let outcome = 'waiting'
  void lost.then(
    () => (outcome = 'resolved'),
    (error: unknown) => (outcome = error instanceof OperatingError ? error.kind : 'other'),
  )
  await trio.until(() => trio.leader() !== 0 && trio.leader() !== old)
  await trio.peer(trio.leader()).driver.propose(bytesOf('kept'))
  await trio.until(() => outcome !== 'waiting')
  expect(outcome).toBe('fenced')
  trio.cut.clear()
  await trio.until(() => trio.peer(old).applied.length === 1)
  expect(trio.peer(old).applied).toEqual(['kept'])
  await trio.close()
})

test('A RaftDriver far behind is sent the snapshot and what follows', async () => {
  const trio = await three({ snapshotAfterBytes: 300 })
  const leader = trio.leader()
  const slow = IDS.find((id) => id !== leader) ?? 0
  trio.cut.add(slow)
  const names = Array.from({ length: 40 }, (_, i) => `n${i}`)
  for (const name of names) await trio.peer(leader).driver.propose(bytesOf(name))
  trio.cut.clear()
  await trio.until(() => trio.peer(slow).applied.length === names.length)
  expect(trio.peer(slow).applied).toEqual(names)
  // And it comes back with it from its own disk.
  const { driver, disk } = trio.peer(slow)
  await driver.close()
  await trio.start(slow, disk)
  await trio.until(() => trio.peer(slow).applied.length === names.length)
  expect(trio.peer(slow).applied).toEqual(names)
  await trio.close()
})

test('RaftDriver.read() on a follower waits until it has applied the leader’s commit', async () => {
  const trio = await three()
  const leader = trio.leader()
  const follower = IDS.find((id) => id !== leader) ?? 0
  await trio.until(() => trio.peer(follower).driver.leadership.leader === leader)
  const { index } = await trio.peer(leader).driver.propose(bytesOf('fresh'))
  const at = await trio.peer(follower).driver.read()
  expect(at).toBeGreaterThanOrEqual(index)
  expect(trio.peer(follower).applied).toEqual(['fresh'])
  await trio.close()
})

test('RaftDriver.transferLeadership() hands over without a gap in terms', async () => {
  const trio = await three()
  const leader = trio.leader()
  const next = IDS.find((id) => id !== leader) ?? 0
  expect(trio.peer(leader).driver.transferLeadership(next)).toBe(true)
  await trio.until(() => trio.leader() === next)
  expect(trio.peer(next).driver.leadership.leading).toBe(true)
  await trio.close()
})
