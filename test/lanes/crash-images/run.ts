// Recovers many legal crash states of the log store, on all cores: `node run.ts [IMAGES] [SEED]`.
// Exits with 1 and the seeds when one of them loses, invents or refuses what was acknowledged.
import { execFile } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const script = fileURLToPath(new URL('images.ts', import.meta.url))
const [images = 100_000, seed = 1] = process.argv.slice(2).map(Number)
// All of them take some ten minutes on two cores. As one lane of many it takes a share of the time
// that is left, and says how far it came.
const SHARE = 8
const seconds = Number(process.env['LANE_SECONDS'] ?? 7200 * SHARE) / SHARE
const workers = availableParallelism()

interface Outcome {
  readonly images: number
  readonly batches: number
  readonly acked: number
  readonly lost: number
  /** Rounds of compaction, and records that they have removed. */
  readonly rounds: number
  readonly removed: number
  readonly failed: readonly string[]
}

const outcomes = await Promise.all(
  Array.from({ length: workers }, async (_, i): Promise<Outcome> => {
    const args = [Math.ceil(images / workers), seed + i, workers, seconds]
    const { stdout } = await run(process.execPath, [script, ...args.map(String)])
    return JSON.parse(stdout) as Outcome
  }),
)
const sum = (of: (one: Outcome) => number): number =>
  outcomes.reduce((total, one) => total + of(one), 0)
for (const { failed } of outcomes) for (const line of failed) console.log(`FAILED ${line}`)
console.log(
  `${sum((one) => one.images)} crash images recovered (${images} asked for), ` +
    `${sum((one) => one.acked)} acknowledged records checked, ` +
    `${sum((one) => one.lost)} partitions ended below what was appended, ` +
    `${sum((one) => one.rounds)} rounds of compaction removed ` +
    `${sum((one) => one.removed)} records`,
)
const failures = sum((one) => one.failed.length)
console.log(`${failures === 0 ? 1 : 0} passed, ${failures === 0 ? 0 : 1} failed, 0 skipped`)
process.exitCode = failures === 0 ? 0 : 1
