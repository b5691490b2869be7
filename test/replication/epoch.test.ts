// Promises, seals and lineages: rules as sentences, and chains of failovers that lose nothing.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { leaderEpoch, offset } from '../../src/base/units.ts'
import type { AppendPlace, PromiseState } from '../../src/replication/epoch.ts'
import {
  EMPTY_REPLICA,
  SealTally,
  afterAppend,
  afterCut,
  agreement,
  judgeAppend,
  lastEpochOf,
  promise,
} from '../../src/replication/epoch.ts'

const place = (epoch: number, previousEpoch: number, from: number, to: number): AppendPlace => ({
  epoch: leaderEpoch(epoch),
  previousEpoch: leaderEpoch(previousEpoch),
  from: offset(from),
  to: offset(to),
})

const replica = (lineage: readonly (readonly [number, number])[], end: number, hw = 0) => ({
  promised: leaderEpoch(lineage.at(-1)?.[0] ?? -1),
  lineage: lineage.map(([epoch, start]) => ({ epoch: leaderEpoch(epoch), start: offset(start) })),
  end: offset(end),
  highWatermark: offset(hw),
})

describe('A replica', () => {
  test('takes an epoch’s start, then its records in order', () => {
    let state: PromiseState = EMPTY_REPLICA
    expect(judgeAppend(state, place(0, -1, 0, 5))).toBe('gap')
    state = afterAppend(state, place(0, -1, 0, 0))
    state = afterAppend(state, place(0, 0, 0, 5))
    expect(judgeAppend(state, place(0, 0, 7, 9))).toBe('gap')
    expect(judgeAppend(state, place(0, 0, 0, 5))).toBe('duplicate')
    state = afterAppend(state, place(1, 0, 5, 5))
    state = afterAppend(state, place(1, 1, 5, 8))
    expect(state.end).toBe(8)
    expect(state.lineage).toEqual([
      { epoch: 0, start: 0 },
      { epoch: 1, start: 5 },
    ])
  })

  test('refuses epochs older than its promise, and keeps the promise (INV-24)', () => {
    const state = replica([[1, 0]], 10, 4)
    const promised = promise(state, leaderEpoch(3))
    if (promised === null) throw new Error('The promise was refused')
    expect(promised.answer).toEqual({ lastEpoch: 1, end: 10, highWatermark: 4 })
    expect(judgeAppend(promised.state, place(1, 1, 10, 12))).toBe('fenced')
    expect(judgeAppend(promised.state, place(2, 1, 10, 10))).toBe('fenced')
    expect(judgeAppend(promised.state, place(3, 1, 10, 10))).toBe('take')
    expect(promise(promised.state, leaderEpoch(2))).toBe(null)
    // The answer may have been lost: the same promise is answered again, the same way.
    expect(promise(promised.state, leaderEpoch(3))?.answer).toEqual(promised.answer)
  })

  test('does not promise an epoch that has begun', () => {
    expect(promise(replica([[3, 0]], 10), leaderEpoch(3))).toBe(null)
  })

  test('tells a missing epoch start from another one at the same place', () => {
    const state = replica([[1, 0]], 10)
    expect(judgeAppend(state, place(3, 2, 10, 10))).toBe('gap')
    const other = replica(
      [
        [1, 0],
        [2, 10],
      ],
      10,
    )
    expect(judgeAppend(other, place(3, 1, 10, 10))).toBe('diverged')
    expect(judgeAppend(other, place(3, 2, 8, 8))).toBe('diverged')
  })

  test('cuts by lineage: the diverging tail, and an epoch start without width', () => {
    const leader = replica(
      [
        [1, 0],
        [3, 10],
      ],
      20,
    )
    const tail = replica([[1, 0]], 15, 8)
    expect(agreement(tail, leader)).toEqual({ end: 10, epochs: 1 })
    expect(afterCut(tail, agreement(tail, leader)).end).toBe(10)
    const otherStart = replica(
      [
        [1, 0],
        [2, 10],
      ],
      10,
    )
    const cut = afterCut(otherStart, agreement(otherStart, leader))
    expect(cut.lineage).toEqual([{ epoch: 1, start: 0 }])
    expect(judgeAppend(cut, place(3, 1, 10, 10))).toBe('take')
    const shared = replica(
      [
        [1, 0],
        [3, 10],
      ],
      10,
    )
    expect(agreement(shared, leader)).toEqual({ end: 10, epochs: 2 })
    expect(afterCut(shared, agreement(shared, leader))).toEqual(shared)
  })
})

describe('SealTally', () => {
  const answer = (lastEpoch: number, end: number, hw = 0) => ({
    lastEpoch: leaderEpoch(lastEpoch),
    end: offset(end),
    highWatermark: offset(hw),
  })

  test('concludes with R eligible answers, each replica counted once', () => {
    const tally = new SealTally([1, 2, 3], 2)
    tally.answer(1, answer(4, 50, 40), true)
    tally.answer(1, answer(4, 50, 40), true)
    tally.answer(9, answer(9, 90), true)
    tally.answer(3, answer(4, 70), false)
    expect(tally.count).toBe(1)
    expect(tally.outcome()).toBe(null)
    tally.answer(2, answer(4, 60, 30), true)
    expect(tally.outcome()).toEqual({ start: 60, lastEpoch: 4, sources: [2], highWatermark: 40 })
  })

  test('prefers a later epoch over a longer history', () => {
    const tally = new SealTally([1, 2, 3], 2)
    tally.answer(1, answer(4, 90), true)
    tally.answer(2, answer(5, 60), true)
    expect(tally.outcome()).toMatchObject({ start: 60, lastEpoch: 5, sources: [2] })
  })

  test('keeps every acknowledged record through any chain of failovers when W + R > N', () => {
    fc.assert(
      fc.property(chains, (chain) => {
        expect(lostIn(chain)).toBe(0)
      }),
      { numRuns: 400 },
    )
  })

  test('would lose acknowledged records with W + R = N: the check can fail', () => {
    let lost = 0
    fc.assert(
      fc.property(chains, (chain) => {
        lost += lostIn({ ...chain, r: chain.n - chain.w })
      }),
      { numRuns: 400 },
    )
    expect(lost).toBeGreaterThan(0)
  })
})

interface Chain {
  readonly n: number
  readonly w: number
  readonly r: number
  readonly choices: readonly number[]
}

const chains = fc
  .integer({ min: 2, max: 5 })
  .chain((n) => fc.integer({ min: 1, max: n - 1 }).map((w) => ({ n, w, r: n - w + 1 })))
  .chain((sizes) =>
    fc
      .array(fc.nat(1e6), { minLength: 40, maxLength: 160 })
      .map((choices) => ({ ...sizes, choices })),
  )

/**
 * Replicas of one copyset pass through epochs. In each, the leader seals with R random answers,
 * and random replicas follow, each up to a random record; a record that W hold is acknowledged.
 * Returns how many acknowledged records a later epoch's history lacks.
 */
function lostIn({ n, w, r, choices }: Chain): number {
  const logs = Array.from({ length: n }, () => ({ state: EMPTY_REPLICA, records: [] as string[] }))
  const acknowledged = new Map<number, string>()
  const rest = [...choices]
  const choose = (limit: number): number => (rest.pop() ?? 0) % limit
  let lost = 0
  for (let epoch = 0; rest.length > 0; epoch++) {
    const tally = new SealTally(
      logs.map((_, i) => i),
      Math.max(1, r),
    )
    const order = logs.map((_, i) => i).sort(() => choose(3) - 1)
    for (const id of order.slice(0, Math.max(1, r))) {
      const log = logs[id]
      const promised = log === undefined ? null : promise(log.state, leaderEpoch(epoch))
      if (log === undefined || promised === null) continue
      log.state = promised.state
      tally.answer(id, promised.answer, true)
    }
    const outcome = tally.outcome()
    const source = logs[outcome?.sources[0] ?? -1]
    if (outcome === null || source === undefined) continue
    for (const [at, record] of acknowledged) if (source.records[at] !== record) lost += 1
    const leader = { lineage: source.state.lineage, records: [...source.records] }
    const start = place(epoch, lastEpochOf(source.state), outcome.start, outcome.start)
    const history = {
      lineage: [...leader.lineage, { epoch: start.epoch, start: start.from }],
      end: outcome.start,
    }
    const count = choose(5)
    for (let i = 0; i < count; i++) leader.records.push(`${epoch}.${i}`)
    for (const id of order.slice(0, choose(n + 1))) {
      const log = logs[id]
      if (log === undefined || start.epoch < log.state.promised) continue
      // The replica follows: cuts what differs, copies what it lacks, then takes the epoch.
      const shared = agreement(log.state, { lineage: leader.lineage, end: outcome.start })
      log.state = { ...afterCut({ ...log.state, highWatermark: offset(0) }, shared) }
      log.records = leader.records.slice(0, outcome.start)
      log.state = { ...log.state, lineage: leader.lineage, end: outcome.start }
      expect(judgeAppend(log.state, start)).toBe('take')
      log.state = afterAppend(log.state, start)
      expect(log.state.lineage).toEqual(history.lineage)
      const held = choose(count + 1)
      if (held === 0) continue
      const records = place(epoch, epoch, outcome.start, outcome.start + held)
      log.state = afterAppend(log.state, records)
      log.records = leader.records.slice(0, outcome.start + held)
    }
    // With W copies of the start and all before it, what W hold is acknowledged.
    for (let at = 0; at < leader.records.length; at++) {
      const record = leader.records[at]
      const holders = logs.filter(
        (log) => lastEpochOf(log.state) === epoch && log.records[at] === record,
      )
      if (record !== undefined && holders.length >= w) acknowledged.set(at, record)
    }
  }
  return lost
}
