// Power cuts while partitions are compacted. `STRATALOG_SEED` replays one life; the lane
// `crash-images` lives many more.
import { expect, test } from 'vitest'
import { Prng } from '../../../src/base/prng.ts'
import { COMPACTED_SHAPE, liveCompacted, noCompactedCounts } from './life.ts'

const wanted = Number(process.env['STRATALOG_CRASH_IMAGES'] ?? 60)
const first = Number(process.env['STRATALOG_SEED'] ?? 1)

test('A compacted log recovers from every legal crash state', async () => {
  const counts = noCompactedCounts()
  for (let seed = first; counts.images < wanted; seed++) {
    try {
      await liveCompacted(new Prng(seed), COMPACTED_SHAPE, counts)
    } catch (error) {
      const replay = `STRATALOG_SEED=${seed} npx vitest run test/log/compaction/crash.test.ts`
      throw new Error(`seed ${seed}: ${String(error)}; replay: ${replay}`, { cause: error })
    }
  }
  console.info(JSON.stringify(counts))
  expect(counts.rounds).toBeGreaterThan(3)
  expect(counts.removed).toBeGreaterThan(100)
}, 600_000)

test.each([
  // The log start lay inside a compacted segment, and one that it had replaced came back: the
  // compacted one was taken for removed.
  121, 185,
])('Seed %i, which once lost a compacted segment, recovers', async (seed) => {
  await liveCompacted(new Prng(seed), COMPACTED_SHAPE, noCompactedCounts())
})
