import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { offset } from '../../src/base/units.ts'
import { headKey, pageKey, parseKey, segmentKey } from '../../src/tier/keys.ts'

const identity = fc.record({ topicId: fc.uuid(), partition: fc.nat(2 ** 31 - 1) })
const offsets = fc.maxSafeNat().map(offset)
const nonce = fc
  .uint8Array({ minLength: 8, maxLength: 8 })
  .map((bytes) => Buffer.from(bytes).toString('hex'))

describe('parseKey()', () => {
  it('reads every key that is made', () => {
    fc.assert(
      fc.property(
        identity,
        fc.record({ base: offsets, epoch: fc.nat(2 ** 31 - 1), nonce }),
        (who, segment) => {
          expect(parseKey(headKey(who))).toEqual({ kind: 'head', identity: who })
          const name = { base: segment.base, end: segment.base, hash: segment.nonce.repeat(2) }
          const key = pageKey(who, { ...name, minTimestamp: -1, maxTimestamp: 5 })
          expect(parseKey(key)).toEqual({ kind: 'page', identity: who })
          const parsed = parseKey(segmentKey(who, segment))
          expect(parsed).toEqual({ kind: 'segment', identity: who, name: segment })
        },
      ),
    )
  })

  it('takes nothing else for one of ours', () => {
    const id = '0f5e8b1c-93aa-4c0d-8a51-1b2c3d4e5f60'
    const segment = 'seg/00000000000000000001-1-0123456789abcdef.seg'
    expect(parseKey(`0f/${id}/7/${segment}`)).not.toBeNull()
    for (const key of [
      'cluster.json',
      `0f/${id}/7`,
      `0f/${id}/7/`,
      `1f/${id}/7/head`,
      `0f/${id}/07/head`,
      `0f/${id}/7/heads`,
      `0f/${id}/7/${segment}x`,
      `0f/${id}/7/seg/1-1-0123456789abcdef.seg`,
      `0f/${id}/x/head`,
      `0f/${id.toUpperCase()}/7/head`,
    ]) {
      expect(parseKey(key)).toBeNull()
    }
  })

  it('has offsets of different length in the order of their numbers', () => {
    const who = { topicId: '0f5e8b1c-93aa-4c0d-8a51-1b2c3d4e5f60', partition: 0 }
    fc.assert(
      fc.property(offsets, offsets, (a, b) => {
        const of = (base: typeof a): string => segmentKey(who, { base, epoch: 1, nonce: '0' })
        expect(of(a) < of(b)).toBe(a < b)
      }),
    )
  })
})
