// Lives many partitions with an archive through faults, kills, rivals and restores, on all cores:
// `node run.ts [LIVES] [SEED]`. Exits with 1 and the seeds when one of them breaks a promise, or
// when something that should happen in so many lives has not happened at all.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { text } from 'node:stream/consumers'
import { addCounts, idle, noChaosCounts, type ChaosCounts } from '../../tier/chaos/counts.ts'

const script = fileURLToPath(new URL('lives.ts', import.meta.url))
const [wanted = 10_000, seed = 1] = process.argv.slice(2).map(Number)
// All of them take half an hour on one core. As one lane of many it takes a share of the time that
// is left, and says how far it came.
const SHARE = 8
const seconds = Number(process.env['LANE_SECONDS'] ?? 7200 * SHARE) / SHARE
const workers = Number(process.env['LANE_WORKERS'] ?? availableParallelism())
/** Lives after which everything must have happened once. */
const ENOUGH = 200

interface Outcome {
  readonly lives: number
  readonly counts: ChaosCounts
  readonly failed: readonly string[]
}

const outcomes = await Promise.all(
  Array.from({ length: workers }, async (_, i): Promise<Outcome> => {
    const args = [Math.ceil(wanted / workers), seed + i, workers, seconds]
    const stdio = ['ignore', 'pipe', 'inherit'] as const
    const child = spawn(process.execPath, [script, ...args.map(String)], { stdio: [...stdio] })
    const [printed] = await Promise.all([text(child.stdout), once(child, 'close')])
    return JSON.parse(printed) as Outcome
  }),
)
const lives = outcomes.reduce((total, one) => total + one.lives, 0)
const total = noChaosCounts()
for (const { counts } of outcomes) addCounts(total, counts)
const failed = outcomes.flatMap((one) => one.failed)
if (lives >= ENOUGH) for (const name of idle(total)) failed.push(`${name} never happened`)
for (const line of failed) console.log(`FAILED ${line}`)
console.log(`${lives} lives (${wanted} asked for): ${JSON.stringify(total)}`)
console.log(
  `${failed.length === 0 ? 1 : 0} passed, ${failed.length === 0 ? 0 : 1} failed, 0 skipped`,
)
process.exitCode = failed.length === 0 ? 0 : 1
