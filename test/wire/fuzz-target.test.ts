// The fuzz target on a few thousand inputs of a fixed seed, so that it stays runnable and quick.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { must } from '../../src/base/assert.ts'
import { Writer } from '../../src/base/writer.ts'
import { encode } from '../../src/wire/codec.ts'
import { apis } from '../../src/wire/registry.ts'
import { name, run } from '../fuzz/targets/wire.ts'
import { messageOf } from './arbitrary.ts'

/** Whole messages of any API, led by the choice bytes of the target. */
function inputs(perApi: number): Uint8Array[] {
  return apis.flatMap((api, i) =>
    Array.from({ length: perApi }, (_, n) => {
      const version = api.min + (n % (api.max - api.min + 1))
      const schema = n % 3 === 0 ? api.response : api.request
      const [value] = fc.sample(messageOf(schema, version), { numRuns: 1, seed: 100 * i + n })
      const writer = new Writer()
      for (const byte of [i, version - api.min, n % 3 === 0 ? 1 : 0]) writer.uint8(byte)
      encode(schema, version, value as Record<string, unknown>, writer)
      return writer.copy()
    }),
  )
}

test(`fuzz target ${name}: no oracle breaks, no input takes 100 ms`, () => {
  let slowest: { readonly ms: number; readonly bytes: Uint8Array } = {
    ms: 0,
    bytes: new Uint8Array(0),
  }
  const timed = (bytes: Uint8Array): number => {
    const started = performance.now()
    run(bytes)
    const ms = performance.now() - started
    if (ms > slowest.ms) slowest = { ms, bytes }
    return ms
  }
  const seeds = inputs(8)
  const damage = fc.tuple(fc.nat(seeds.length - 1), fc.array(fc.tuple(fc.nat(), fc.nat(255))))
  for (const seed of seeds) timed(seed)
  slowest = { ms: 0, bytes: new Uint8Array(0) } // the first pass also made the plans
  fc.assert(
    fc.property(damage, ([index, bites]) => {
      const bytes = Uint8Array.from(must(seeds[index], 'A seed'))
      for (const [at, byte] of bites) bytes[at % bytes.length] = byte
      timed(bytes)
    }),
    { numRuns: 4000, seed: 1 },
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void timed(bytes)),
    { numRuns: 2000, seed: 2 },
  )
  // A busy machine makes any call slow once; slow bytes are slow every time.
  const { bytes } = slowest
  expect(Math.min(...[1, 2, 3, 4, 5].map(() => timed(bytes)))).toBeLessThan(100)
})
