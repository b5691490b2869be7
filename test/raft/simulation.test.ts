// Hundreds of seeds under the judge, and every planted bug found. STRATALOG_SEED replays one seed,
// STRATALOG_SEEDS sets how many, STRATALOG_VERBOSE prints the counters.
import { describe, expect, test } from 'vitest'
import type { PlantedBug } from '../../src/raft/state.ts'
import type { Counters, DriverBug } from './simulation.ts'
import { simulate } from './simulation.ts'

const only = process.env['STRATALOG_SEED']
const first = only === undefined ? 1 : Number(only)
const seeds = only === undefined ? Number(process.env['STRATALOG_SEEDS'] ?? 300) : 1

const BUGS: readonly (PlantedBug | DriverBug)[] = [
  'count-duplicate-votes',
  'count-lost-disk',
  'commit-old-term',
  'commit-unmatched',
  'small-majority',
  'vote-for-stale-log',
  'forget-vote',
  'ack-before-durable',
  'keep-conflicts',
  'lead-while-cut-off',
  'apply-twice',
  'two-changes-at-once',
  'read-without-round',
  'send-before-persist',
  'reset-log-before-snapshot',
  'reuse-lost-disk',
]

/** The first seed on which a bug is found, or 0; only seeds that are clean without it. */
function huntDown(bug: PlantedBug | DriverBug, limit: number): number {
  for (let seed = 1; seed <= limit; seed++) {
    try {
      simulate(seed, new Set([bug]))
    } catch {
      return seed
    }
  }
  return 0
}

describe('A simulated quorum', () => {
  test('keeps INV-01,03,04,05,06,07,09,10,11,12,13 under loss, crashes and lost disks', () => {
    const sum: Partial<Counters> = {}
    let elections = 0
    let commits = 0
    for (let seed = first; seed < first + seeds; seed++) {
      const run = simulate(seed)
      elections += run.judge.elections
      commits += run.judge.commits
      for (const [name, count] of Object.entries(run.counters) as [keyof Counters, number][]) {
        sum[name] = (sum[name] ?? 0) + count
      }
    }
    if (only !== undefined || process.env['STRATALOG_VERBOSE'])
      console.log({ elections, commits, ...sum })
    if (seeds < 100) return
    expect(elections).toBeGreaterThan(seeds)
    expect(commits).toBeGreaterThan(seeds * 10)
    for (const [name, count] of Object.entries(sum)) {
      expect(count, `the simulation never saw: ${name}`).toBeGreaterThan(0)
    }
  })

  test('runs the same way twice on one seed', () => {
    for (const seed of [1, 7, 23]) {
      expect(simulate(seed).trace).toBe(simulate(seed).trace)
    }
    expect(simulate(1).trace).not.toBe(simulate(2).trace)
  })

  test.each(BUGS)('finds the planted bug %s', (bug) => {
    const seed = huntDown(bug, 300)
    if (process.env['STRATALOG_VERBOSE']) console.log(bug, seed)
    expect(seed).toBeGreaterThan(0)
  })
})
