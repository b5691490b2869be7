// One of several processes that share the crash images: lives the seeds `first`, `first + step`, …
// until it has recovered `wanted` images or its time is over, and prints what it did as JSON.
// `node images.ts WANTED FIRST STEP SECONDS`
import { Prng } from '../../../src/base/prng.ts'
import { live } from '../../log/crash-checks.ts'
import type { LifeCounts } from '../../log/crash-checks.ts'

const [wanted = 1, first = 1, step = 1, seconds = Infinity] = process.argv.slice(2).map(Number)
const counts: LifeCounts = {
  images: 0,
  batches: 0,
  acked: 0,
  rolls: 0,
  recycled: 0,
  lost: 0,
  full: 0,
}
const failed: string[] = []
const endMs = performance.now() + seconds * 1000
for (let seed = first; counts.images < wanted && performance.now() < endMs; seed += step) {
  try {
    await live(new Prng(seed), { lives: 3, acts: 120, images: 24 }, counts)
  } catch (error) {
    failed.push(`seed ${seed}: ${String(error)}`)
  }
}
console.log(JSON.stringify({ ...counts, failed }))
