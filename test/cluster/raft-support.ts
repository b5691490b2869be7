// A single-node metadata quorum over the test disk, with a clock whose turns are microtasks.
import { term } from '../../src/base/units.ts'
import type { RaftDriverOptions } from '../../src/cluster/raft/raft-driver.ts'
import { RaftDriver } from '../../src/cluster/raft/raft-driver.ts'
import type { RaftStorageOptions, Recovered } from '../../src/cluster/raft/raft-storage.ts'
import { RaftStorage } from '../../src/cluster/raft/raft-storage.ts'
import type { Disk } from '../../src/ports/disk.ts'
import { membership } from '../../src/raft/membership.ts'
import type { Entry } from '../../src/raft/messages.ts'
import { testCrypto } from './crash-disk.ts'

export const storageOptions = (
  disk: Disk,
  more: Partial<RaftStorageOptions> = {},
): RaftStorageOptions => ({
  disk,
  crypto: testCrypto(1),
  directory: 'raft',
  logFileBytes: 1024,
  ...more,
})

export const entry = (index: number, at: number, ...data: number[]): Entry => ({
  index,
  term: term(at),
  kind: 'data',
  data: Uint8Array.from(data),
})

export const ALONE = { nodeId: 1, diskId: 77, members: membership([{ id: 1, disk: 77 }]) }

export async function openStorage(
  options: RaftStorageOptions,
): Promise<{ readonly storage: RaftStorage; readonly recovered: Recovered }> {
  const found = await RaftStorage.open(options)
  if (found !== null) return found
  await RaftStorage.format(options, ALONE)
  const made = await RaftStorage.open(options)
  if (made === null) throw new Error('The directory was formatted and is not there')
  return made
}

/** A clock that only the test moves; turns run as microtasks. */
export class TestClock {
  #timers: { run: () => void; cancelled: boolean }[] = []

  after(_delayMs: number, run: () => void): () => void {
    const timer = { run, cancelled: false }
    this.#timers.push(timer)
    return () => {
      timer.cancelled = true
    }
  }

  turn(run: () => void): void {
    queueMicrotask(run)
  }

  /** Fires every timer that is set now. */
  fire(): void {
    const due = this.#timers
    this.#timers = []
    for (const timer of due) if (!timer.cancelled) timer.run()
  }

  get pending(): number {
    return this.#timers.filter((timer) => !timer.cancelled).length
  }
}

/** A driver whose state machine is the list of payloads it applied, as text. */
export async function startAlone(
  disk: Disk,
  more: Partial<RaftDriverOptions> = {},
): Promise<{ driver: RaftDriver; applied: string[]; clock: TestClock; failures: unknown[] }> {
  const { storage, recovered } = await openStorage(storageOptions(disk))
  const clock = new TestClock()
  const applied: string[] = []
  const failures: unknown[] = []
  const text = new TextDecoder()
  const driver = new RaftDriver({
    raft: {
      seed: 1,
      electionTicks: 10,
      heartbeatTicks: 1,
      snapshotTicks: 100,
      appendBytesMax: 1024,
      inflightMax: 8,
      uncommittedBytesMax: 4096,
      readsMax: 16,
    },
    storage,
    recovered,
    clock,
    tickMs: 15,
    snapshotAfterBytes: 1e6,
    keepEntries: 4,
    send: () => undefined,
    apply: (committed) => applied.push(text.decode(committed.data)),
    restore: (snapshot) => {
      applied.length = 0
      applied.push(...(JSON.parse(text.decode(snapshot.data)) as string[]))
    },
    takeSnapshot: () => new TextEncoder().encode(JSON.stringify(applied)),
    onLeadership: () => undefined,
    onFailure: (error) => failures.push(error),
    ...more,
  })
  await driver.start()
  return { driver, applied, clock, failures }
}

export const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)
