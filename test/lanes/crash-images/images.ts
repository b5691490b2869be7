// One of several processes that share the crash images: lives the seeds `first`, `first + step`, …
// until it has recovered `wanted` images or its time is over, and prints what it did as JSON.
// `node images.ts WANTED FIRST STEP SECONDS`
import { Prng } from '../../../src/base/prng.ts'
import { COMPACTED_SHAPE, liveCompacted, noCompactedCounts } from '../../log/compaction/life.ts'
import { SHAPE, live, noCounts } from '../../log/crash-checks.ts'

const [wanted = 1, first = 1, step = 1, seconds = Infinity] = process.argv.slice(2).map(Number)
const counts = noCounts()
const compacted = noCompactedCounts()
const failed: string[] = []
const endMs = performance.now() + seconds * 1000
const images = (): number => counts.images + compacted.images
for (let seed = first; images() < wanted && performance.now() < endMs; seed += step) {
  try {
    await live(new Prng(seed), SHAPE, counts)
  } catch (error) {
    failed.push(`seed ${seed}: ${String(error)}`)
  }
  try {
    await liveCompacted(new Prng(seed), COMPACTED_SHAPE, compacted)
  } catch (error) {
    failed.push(`seed ${seed}, compacted: ${String(error)}`)
  }
}
const { rounds, removed } = compacted
console.log(JSON.stringify({ ...counts, images: images(), rounds, removed, failed }))
