// The map of keys: what it finds, when it is full, how much memory it takes.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { OffsetMap, SLOT_BYTES } from '../../../src/log/compaction/offset-map.ts'
import { utf8 } from '../../record/support.ts'
import { crypto } from '../batches.ts'

const sized = (keysMax: number, bytesMax = 1 << 20): OffsetMap =>
  new OffsetMap(crypto, { bytesMax, keysMax, loadFactor: 0.9 })

describe('OffsetMap', () => {
  test('gives the newest offset of each key, like a Map', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 2 }), { maxLength: 300 }), (keys) => {
        const map = sized(keys.length)
        const model = new Map<string, number>()
        for (const [offset, key] of keys.entries()) {
          expect(map.put(key, offset)).toBe(true)
          model.set(key.join(), offset)
        }
        for (const key of keys) expect(map.get(key)).toBe(model.get(key.join()))
        expect(map.size).toBe(model.size)
        expect(map.get(utf8('none of them'))).toBe(-1)
      }),
      { numRuns: 50 },
    )
  })

  test('refuses a new key when it is full, and takes one that it knows', () => {
    const map = sized(1_000, 100 * SLOT_BYTES)
    expect(map.memoryBytes).toBe(100 * SLOT_BYTES)
    let offset = 0
    while (map.put(utf8(`key ${offset}`), offset)) offset++
    expect(offset).toBe(90)
    expect(map.put(utf8('key 0'), offset)).toBe(true)
    expect([map.get(utf8('key 0')), map.get(utf8('key 90'))]).toEqual([90, -1])
  })

  test('keeps offsets above 2^32', () => {
    const map = sized(10)
    map.put(utf8('k'), 2 ** 45 + 1)
    expect(map.get(utf8('k'))).toBe(2 ** 45 + 1)
  })

  test('takes no more memory than its keys need', () => {
    expect(sized(100).memoryBytes).toBeLessThan(120 * SLOT_BYTES)
    expect(sized(0).memoryBytes).toBe(16 * SLOT_BYTES)
  })
})
