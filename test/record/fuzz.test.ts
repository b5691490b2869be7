// A short turn of the fuzz targets on every test run; the fuzz lane runs them for long.
import fc from 'fast-check'
import { test } from 'vitest'
import { CODECS } from '../../src/ports/compression.ts'
import * as compression from '../fuzz/targets/compression.ts'
import * as record from '../fuzz/targets/record.ts'
import { anyRecords, build, tools } from './support.ts'

/** Bytes with up to five of them changed. */
const damage = (bytes: Uint8Array, hits: readonly (readonly [number, number])[]): Uint8Array => {
  const copy = Uint8Array.from(bytes)
  for (const [where, value] of hits) copy[where % copy.length] = value
  return copy
}
const hits = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 5 })

test('the record target survives damaged batches', () => {
  fc.assert(
    fc.property(anyRecords, fc.constantFrom(...CODECS), hits, (records, codec, where) => {
      record.run(damage(build(records, { codec }), where))
    }),
    { numRuns: 500 },
  )
})

test('the compression target survives damaged streams and noise', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 300 }),
      fc.constantFrom(...CODECS),
      hits,
      (bytes, codec, where) => {
        compression.run(bytes)
        const packed = tools.compression.compress(codec, bytes)
        const pick = CODECS.indexOf(codec)
        compression.run(damage(new Uint8Array([pick, ...packed, 0]), [...where, [0, pick]]))
      },
    ),
    { numRuns: 500 },
  )
})
