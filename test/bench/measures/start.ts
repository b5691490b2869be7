// From the start of the process until it says that it serves: with nothing, with ten thousand
// segments, and after SIGKILL in the middle of writing.
import { OUR_SETTINGS, measure, startSystem } from '../bench.ts'
import type { Bench, Row } from '../bench.ts'
import { sleep } from '../process.ts'
import { median } from '../report.ts'
import { startOurs } from '../targets/ours.ts'
import type { Target } from '../targets/target.ts'
import { filesBelow } from './read.ts'

const SEGMENTS = 10_000
const PARTITIONS = 1000
/** Rounds of writing until the segments must be there. */
const ROUNDS_MAX = 60
const EMPTY_MS_MAX = 500
const FULL_MS_MAX = 1000
const UNCLEAN_MS_MAX = 3000

type Prepare = (bench: Bench, target: Target) => Promise<void>

const row = (name: string, title: string, limit: number, prepare: Prepare): Row => ({
  name,
  title,
  run: async (bench) => {
    const first = await startSystem(bench, 'ours', { ackAfter: 'write' })
    if (first === null) return { figures: {}, checks: [], skipped: 'no broker' }
    await prepare(bench, first)
    const isUnclean = name === 'start-unclean'
    await first.stop({ kill: isUnclean })
    const times: number[] = []
    // Once only after a kill: the start that was measured has cleaned up.
    for (let round = 0; round < (isUnclean ? 1 : bench.plan.rounds); round++) {
      const { parent } = bench.plan
      const again = { parent, directory: first.directory, settings: OUR_SETTINGS }
      const target = await startOurs(again)
      times.push(target.readyMs)
      await target.stop()
    }
    await first.remove()
    const check = { what: 'ready after', bound: 'most', limit, unit: 'ms' } as const
    return { figures: {}, checks: [{ ...check, value: median(times) }] }
  },
})

/** Each partition gets one record a round; a segment is rolled once its first record is old. */
const makeSegments: Prepare = async (bench, target) => {
  const topic = 'bench-segments'
  const settings = { 'segment.ms': '1' }
  await target.makeTopic({ name: topic, partitions: PARTITIONS, ackAfter: 'write', settings })
  const load = { topic, partitions: PARTITIONS, connections: 8, depth: 64, records: 1, warmup: 0 }
  const wanted = bench.plan.isQuick ? PARTITIONS : SEGMENTS
  for (let rounds = 0; segmentsOf(target) < wanted; rounds++) {
    if (rounds === ROUNDS_MAX) {
      throw new Error(`Only ${String(segmentsOf(target))} segments were made`)
    }
    await measure(bench, target, 'produce', { ...load, rate: PARTITIONS, seconds: 1.2 })
    await sleep(1000)
  }
  bench.say(`  ${String(segmentsOf(target))} segments`)
}

const segmentsOf = (target: Target): number =>
  filesBelow(target.directory).filter((file) => file.endsWith('.seg')).length

const writeMuch: Prepare = async (bench, target) => {
  const topic = 'bench-unclean'
  await target.makeTopic({ name: topic, partitions: 16, ackAfter: 'write' })
  const load = { topic, partitions: 16, connections: 16, depth: 4 }
  await measure(bench, target, 'produce', load)
}

/** The rows. */
export const startRows: readonly Row[] = [
  row('start-empty', 'start with no data', EMPTY_MS_MAX, () => Promise.resolve()),
  row('start-segments', 'start with 10,000 segments', FULL_MS_MAX, makeSegments),
  row('start-unclean', 'start after SIGKILL under load', UNCLEAN_MS_MAX, writeMuch),
]
