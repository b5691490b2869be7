// The log of group state where a full disk keeps appends waiting.
import { expect, test } from 'vitest'
import { offsetsLog } from '../../src/broker/offsets-log.ts'
import type { Partitions } from '../../src/broker/partitions.ts'
import { Leader } from '../../src/replication/leader.ts'
import { leaderEpoch } from '../../src/base/units.ts'
import { Harness } from '../log/store-harness.ts'
import { RULES, build, plainRecords, tools } from '../record/support.ts'

test('read() waits until it is settled whether the last append is part of the log', async () => {
  const harness = await Harness.fresh()
  const { store } = harness
  const log = harness.at(0)
  const leader = new Leader(
    { store, log, reader: harness.reader(log), tools, replicaId: 1 },
    { id: 'a', name: '__consumer_offsets', index: 0 },
    { ...RULES, compression: 'producer' },
    leaderEpoch(0),
  )
  const found = { byName: () => ({}), lead: () => Promise.resolve(leader) }
  const offsets = offsetsLog(found as unknown as Partitions, harness.clock, () => 5000)
  const readAll = async (): Promise<number> => {
    let bytes = 0
    for await (const chunk of offsets.read(0, 0)) bytes += chunk.length
    return bytes
  }
  const append = (): Promise<unknown> => harness.run(offsets.append(0, build(plainRecords(1))))
  await append()
  const one = await harness.run(readAll())
  expect(one).toBeGreaterThan(0)

  const makeRoom = harness.disk.faults.fill('journal/')
  await expect(append()).rejects.toMatchObject({ kind: 'retry' })
  await expect(harness.run(readAll())).rejects.toMatchObject({ kind: 'retry' })
  makeRoom()
  await harness.scheduler.advance(1_500)
  expect(await harness.run(readAll())).toBe(2 * one)
})
