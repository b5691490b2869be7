// Every state that a power cut may leave must be one from which nothing acknowledged is missing.
// `STRATALOG_CRASH_IMAGES` sets how many states are tried; `STRATALOG_SEED` replays one life.
// The lane `crash-images` tries many more.
import { expect, test } from 'vitest'
import { Prng } from '../../src/base/prng.ts'
import { SHAPE, live, noCounts } from './crash-checks.ts'

const wanted = Number(process.env['STRATALOG_CRASH_IMAGES'] ?? 600)
const first = Number(process.env['STRATALOG_SEED'] ?? 1)

// Removed segments that a power cut brought back in part, and frames that outlived their header.
test.each([42, 233, 321, 326, 409, 966])('LogStore lives through life %i', async (seed) => {
  const counts = noCounts()
  await live(new Prng(seed), SHAPE, counts)
  expect(counts.images).toBeGreaterThan(50)
})

test.each([1, 2, 3, 4, 5, 6])('LogStore lives through life %i on a full disk', async (seed) => {
  const counts = noCounts()
  await live(new Prng(seed), { ...SHAPE, writeEnospc: 0.05 }, counts)
  expect(counts.full).toBeGreaterThan(3)
  expect(counts.acked).toBeGreaterThan(0)
})

test.each([1, 2, 3, 4, 5, 6, 7, 8])(
  'LogStore lives through life %i while archived segments are dropped',
  async (seed) => {
    const counts = noCounts()
    await live(new Prng(seed), { ...SHAPE, acts: 200, archives: true }, counts)
    expect(counts.dropped).toBeGreaterThan(0)
    expect(counts.acked).toBeGreaterThan(0)
  },
)

test('LogStore recovers everything acknowledged from every legal crash state', async () => {
  const counts = noCounts()
  for (let seed = first; counts.images < wanted; seed++) {
    try {
      await live(new Prng(seed), SHAPE, counts)
    } catch (error) {
      const replay = `STRATALOG_SEED=${seed} npx vitest run test/log/crash-images.test.ts`
      throw new Error(`seed ${seed}: ${String(error)}; replay: ${replay}`, { cause: error })
    }
  }
  console.info(JSON.stringify(counts))
  expect(counts.acked).toBeGreaterThan(0)
  expect(counts.lost).toBeGreaterThan(0)
}, 600_000)
