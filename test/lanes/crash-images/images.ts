// One of several processes that share the crash images: lives the seeds `first`, `first + step`, …
// until it has recovered `wanted` images or its time is over, and prints what it did as JSON.
// `node images.ts WANTED FIRST STEP SECONDS`
import { Prng } from '../../../src/base/prng.ts'
import { SHAPE, live, noCounts } from '../../log/crash-checks.ts'

const [wanted = 1, first = 1, step = 1, seconds = Infinity] = process.argv.slice(2).map(Number)
const counts = noCounts()
const failed: string[] = []
const endMs = performance.now() + seconds * 1000
for (let seed = first; counts.images < wanted && performance.now() < endMs; seed += step) {
  try {
    await live(new Prng(seed), SHAPE, counts)
  } catch (error) {
    failed.push(`seed ${seed}: ${String(error)}`)
  }
}
console.log(JSON.stringify({ ...counts, failed }))
