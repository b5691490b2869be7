// The leader of a partition on a log whose disk runs full, and on one that is closed meanwhile.
import { expect, test } from 'vitest'
import { must } from '../../src/base/assert.ts'
import { ErrorCode } from '../../src/base/error-codes.ts'
import { leaderEpoch, offset } from '../../src/base/units.ts'
import { Leader } from '../../src/replication/leader.ts'
import { Harness } from '../log/store-harness.ts'
import { RULES, build, plainRecords, tools } from '../record/support.ts'

test('Leader.delayed() fails those who wait for what has no room, and knows a repeat', async () => {
  const harness = await Harness.fresh()
  const log = harness.at(0)
  const { store } = harness
  const deps = { store, log, reader: harness.reader(log), tools, replicaId: 1 }
  const rules = { ...RULES, compression: 'producer' as const, beforeMaxMs: 1e15 }
  const topic = { id: 'a', name: 'a', index: 0 }
  const leader = new Leader(deps, topic, rules, leaderEpoch(0))
  const heard: [string, number][] = []
  const send = (name: string, baseSequence: number): number => {
    const id = { producerId: 7, producerEpoch: 0, baseSequence }
    const { code, endOffset } = leader.append(build(plainRecords(1), id), 9)
    if (code !== 0) return code
    leader.acknowledged(endOffset, Infinity, (late) => heard.push([`${name} all`, late]))
    leader.appended(endOffset, (late) => heard.push([`${name} 1`, late]))
    return 0
  }
  expect(send('a', 0)).toBe(0)
  await harness.settle()

  // The second batch is in the journal, and its sync still runs when the third finds no room.
  expect(send('b', 1)).toBe(0)
  await harness.scheduler.advance(0)
  const makeRoom = harness.disk.faults.fill('journal/')
  expect(send('c', 2)).toBe(0)
  await harness.settle()
  expect(heard).toEqual([
    ['a 1', 0],
    ['a all', 0],
    ['b 1', 0],
    ['c 1', ErrorCode.KAFKA_STORAGE_ERROR],
    ['c all', ErrorCode.KAFKA_STORAGE_ERROR],
    ['b all', 0],
  ])
  expect(send('c', 2)).toBe(ErrorCode.KAFKA_STORAGE_ERROR)
  expect(leader.appendOwn(build(plainRecords(1))).code).toBe(ErrorCode.KAFKA_STORAGE_ERROR)
  expect(leader.offsets.highWatermark).toBe(2)
  const read = await leader.read(offset(0), { maxBytes: 1e6, atLeastOne: true, isolation: 0 })
  expect(read.nextOffset).toBe(2)

  makeRoom()
  await harness.scheduler.advance(1_500)
  heard.length = 0
  expect(send('c', 2)).toBe(0)
  expect(send('d', 3)).toBe(0)
  await harness.settle()
  expect(heard.every(([, code]) => code === 0)).toBe(true)
  expect(must(heard.at(-1), 'answer')).toEqual(['d all', 0])
  expect(leader.offsets.highWatermark).toBe(4)
})

test('Leader.deleteRecords() promises nothing that was not durable when its log was closed', async () => {
  const harness = await Harness.fresh()
  const log = harness.at(0)
  const { store } = harness
  const deps = { store, log, reader: harness.reader(log), tools, replicaId: 1 }
  const rules = { ...RULES, compression: 'producer' as const, beforeMaxMs: 1e15 }
  const leader = new Leader(deps, { id: 'a', name: 'a', index: 0 }, rules, leaderEpoch(0))
  for (let i = 0; i < 3; i++) leader.append(build(plainRecords(1)), 9)
  await harness.settle()

  const begun = leader.deleteRecords(offset(1))
  const waiting = leader.deleteRecords(offset(2))
  await harness.scheduler.advance(0)
  const outcomes = await harness.run(Promise.all([begun, waiting, log.abandon()]))
  expect(outcomes[0]).toMatchObject({ code: 0, logStart: 1 })
  expect(outcomes[1]).toEqual({ code: ErrorCode.NOT_LEADER_OR_FOLLOWER, logStart: -1 })
})
