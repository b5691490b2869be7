// One of several processes that share the lives: lives the seeds `first`, `first + step`, … until
// it has lived `wanted` of them or its time is over, and prints what happened as JSON; how far it
// is goes to stderr.
// `node lives.ts WANTED FIRST STEP SECONDS`
import { live } from '../../tier/chaos/life.ts'
import { noChaosCounts } from '../../tier/chaos/counts.ts'

const [wanted = 1, first = 1, step = 1, seconds = Infinity] = process.argv.slice(2).map(Number)
const counts = noChaosCounts()
const failed: string[] = []
const endMs = performance.now() + seconds * 1000
let lives = 0
const TOLD_EVERY = 250
for (let seed = first; lives < wanted && performance.now() < endMs; seed += step) {
  lives++
  try {
    await live(seed, counts)
  } catch (error) {
    failed.push(`seed ${seed}: ${String(error)}`)
    console.error(`FAILED ${failed.at(-1)}`)
  }
  if (lives % TOLD_EVERY === 0) console.error(`${lives} of ${wanted}, ${failed.length} failed`)
}
console.log(JSON.stringify({ lives, counts, failed }))
