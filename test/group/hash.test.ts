import { describe, expect, test } from 'vitest'
import { javaHash, partitionFor } from '../../src/group/hash.ts'

describe('partitionFor()', () => {
  test('is Java’s String.hashCode without its sign, modulo the partitions [G18]', () => {
    expect(javaHash('')).toBe(0)
    expect(javaHash('hello')).toBe(99162322)
    expect(javaHash('polygenelubricants')).toBe(-2147483648)
    expect(javaHash('ä😀')).toBe((228 * 31 + 0xd83d) * 31 + 0xde00)
    expect(partitionFor('hello', 50)).toBe(22)
    expect(partitionFor('polygenelubricants', 50)).toBe(0)
  })
})
