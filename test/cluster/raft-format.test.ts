// The bytes under raft/: golden, round trip, hostile.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { term } from '../../src/base/units.ts'
import * as format from '../../src/cluster/raft/raft-format.ts'
import { membership } from '../../src/raft/membership.ts'
import type { Entry } from '../../src/raft/messages.ts'
import { run } from '../fuzz/targets/raft-storage.ts'
import { crc32c } from './crash-disk.ts'

const hex = (bytes: Uint8Array): string =>
  [...bytes].map((b) => b.toString(16).padStart(2, '0')).join('')

const joined = (parts: readonly Uint8Array[]): Uint8Array =>
  Uint8Array.from(parts.flatMap((part) => [...part]))

const entries = fc.array(
  fc.record({
    index: fc.nat(),
    term: fc.nat().map(term),
    kind: fc.constantFrom<Entry['kind']>('data', 'empty', 'membership'),
    data: fc.uint8Array({ maxLength: 50 }),
  }),
  { minLength: 1, maxLength: 5 },
)

describe('The files of the metadata quorum', () => {
  test('crc32c() of the tests is Castagnoli’s', () => {
    expect(crc32c(new TextEncoder().encode('123456789'))).toBe(0xe3069283)
  })

  test('encodeStateHeader() and encodeSlot() write these bytes', () => {
    const header = format.encodeStateHeader(crc32c, { nodeId: 3, diskId: 0xabcdef01 })
    expect(hex(header)).toBe(
      '53525354000100000000000000000003abcdef01' +
        crc32c(header.subarray(0, 20)).toString(16).padStart(8, '0'),
    )
    const slot = { sequence: 1, term: term(2), vote: 3, commit: 4, batch: 5 }
    const bytes = format.encodeSlot(crc32c, slot)
    const numbers = [1, 2, 3, 4, 5].map((n) => n.toString(16).padStart(16, '0')).join('')
    expect(hex(bytes)).toBe(numbers + crc32c(bytes.subarray(0, 40)).toString(16).padStart(8, '0'))
    expect(format.decodeSlot(crc32c, bytes)).toEqual(slot)
  })

  test('encodeLogHeader(), encodeBatch() and encodeSnapshot() write these bytes', () => {
    const header = {
      sequence: 2,
      baseIndex: 9,
      baseTerm: term(4),
      reset: true,
      firstBatch: 7,
      nonce: 0x01020304,
      diskId: 5,
    }
    expect(hex(format.encodeLogHeader(crc32c, header)).slice(0, 96)).toBe(
      '53524c470001000100000000000000020000000000000009' +
        '000000000000000400000000000000070102030400000005',
    )
    const entry: Entry = { index: 10, term: term(4), kind: 'data', data: Uint8Array.of(0xaa, 0xbb) }
    const batch = format.encodeBatch(crc32c, [entry], { nonce: 0x01020304, at: 52, batch: 7 })
    expect(hex(batch)).toBe(
      '00000017000000010000000000000007' +
        hex(batch.subarray(16, 24)) +
        '000000000000000a00000000000000040000000002aabb',
    )
    const body = crc32c(batch.subarray(24), 0x01020304 + 52)
    expect(hex(batch.subarray(16, 20))).toBe(body.toString(16).padStart(8, '0'))
    const snapshot = format.encodeSnapshot(crc32c, {
      index: 6,
      term: term(2),
      membership: membership([{ id: 1, disk: 77 }], [2]),
      data: Uint8Array.of(1, 2, 3),
    })
    expect(hex(joined(snapshot)).slice(0, 72)).toBe(
      '5352534e000100000000000000000006000000000000000200000019' + '0000000000000003',
    )
    expect(hex(joined(snapshot.slice(1)))).toBe(
      '010001000100000000000000010000004d0000000000000002' + '010203',
    )
  })

  test('decodeBatch() gives back what encodeBatch() took, at its place only', () => {
    fc.assert(
      fc.property(entries, fc.nat(), fc.nat(1000), (list, nonce, at) => {
        const bytes = format.encodeBatch(crc32c, list, { nonce, at, batch: 3 })
        const file = new Uint8Array(at + bytes.length)
        file.set(bytes, at)
        const header = format.decodeBatchHeader(crc32c, file, { nonce, at })
        if (header === null) throw new Error('The header was not read')
        expect(format.decodeBatch(crc32c, 'x', file, { nonce, at, header })).toEqual(list)
        expect(format.decodeBatchHeader(crc32c, file, { nonce: nonce + 1, at })).toBe(null)
        const moved = new Uint8Array(at + 1 + bytes.length)
        moved.set(bytes, at + 1)
        expect(format.decodeBatchHeader(crc32c, moved, { nonce, at: at + 1 })).toBe(null)
      }),
      { numRuns: 100 },
    )
  })

  test('decodeSnapshot() gives back what encodeSnapshot() took', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), fc.uint8Array({ maxLength: 200 }), (index, at, data) => {
        const members = membership([{ id: 4, disk: 1 }], [9])
        const snapshot = { index, term: term(at), membership: members, data }
        const bytes = joined(format.encodeSnapshot(crc32c, snapshot))
        const found = format.decodeSnapshot(crc32c, 'x', bytes)
        expect({ ...found, data: [...found.data] }).toEqual({ ...snapshot, data: [...data] })
      }),
      { numRuns: 100 },
    )
  })

  test('no reader throws anything but a refusal on hostile bytes', () => {
    fc.assert(
      fc.property(fc.nat(9), fc.uint8Array({ maxLength: 200 }), (target, bytes) => {
        run(Uint8Array.of(target, ...bytes))
      }),
      { numRuns: 4000 },
    )
  })
})
