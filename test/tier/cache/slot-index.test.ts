import { expect, describe, it } from 'vitest'
import fc from 'fast-check'
import { FormatError } from '../../../src/base/errors.ts'
import { MiB } from '../../../src/base/units.ts'
import { createCrypto } from '../../../src/platform/crypto.ts'
import { decodeIndex, encodeIndex } from '../../../src/tier/cache/slot-index.ts'
import type { SlotEntry } from '../../../src/tier/cache/slot-index.ts'

const crypto = createCrypto()

const entries = fc
  .uniqueArray(
    fc.record({
      key: fc.stringMatching(/^[a-z0-9/#.-]{1,80}$/),
      slot: fc.nat(1000),
      length: fc.integer({ min: 1, max: MiB }),
      crc: fc.nat(0xffffffff),
      kept: fc.boolean(),
    }),
    { selector: ({ key }) => key },
  )
  .map((list) => list.map((entry, slot): SlotEntry => ({ ...entry, slot })))

describe('decodeIndex()', () => {
  it('reads what encodeIndex() wrote', () => {
    fc.assert(
      fc.property(entries, (list) => {
        expect(decodeIndex(encodeIndex(list, crypto), 1000, crypto)).toEqual(list)
      }),
    )
  })

  it('leaves out slots that are not there any more', () => {
    const list = [3, 4, 5].map((slot) => ({ key: `k${slot}`, slot, length: 1, crc: 0, kept: true }))
    const read = decodeIndex(encodeIndex(list, crypto), 5, crypto)
    expect(read.map(({ slot }) => slot)).toEqual([3, 4])
  })

  it('has the golden bytes of version 1', () => {
    const list = [{ key: 'a#0', slot: 2, length: 258, crc: 0xdeadbeef, kept: true }]
    expect(Buffer.from(encodeIndex(list, crypto)).toString('hex')).toBe(
      '534c424301000000010003612330000000020000' + '0102deadbeef01' + '590b842a',
    )
  })

  it('refuses every change and every cut of a file, and never anything but FormatError', () => {
    const list = ['a#0', 'b#1'].map((key, slot) => ({ key, slot, length: 9, crc: 7, kept: false }))
    const whole = encodeIndex(list, crypto)
    for (let at = 0; at < whole.length; at++) {
      const flipped = Uint8Array.from(whole)
      flipped[at] = (flipped[at] ?? 0) ^ 0x10
      expect(() => decodeIndex(flipped, 9, crypto)).toThrow(FormatError)
      expect(() => decodeIndex(whole.subarray(0, at), 9, crypto)).toThrow(FormatError)
    }
    const sealed = (bytes: Uint8Array): Uint8Array => {
      const file = new Uint8Array(bytes.length + 4)
      file.set(bytes)
      new DataView(file.buffer).setUint32(bytes.length, crypto.crc32c(bytes))
      return file
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(40), (noise, at) => {
        const body = Uint8Array.from(whole.subarray(0, -4))
        body.set(noise.subarray(0, Math.max(body.length - at, 0)), Math.min(at, body.length))
        try {
          decodeIndex(sealed(body), 9, crypto)
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError)
        }
      }),
    )
  })

  it('refuses a key or a slot that is there twice, and lengths that no block has', () => {
    const entry = { key: 'a', slot: 0, length: 5, crc: 0, kept: false }
    for (const list of [
      [entry, { ...entry, slot: 1 }],
      [entry, { ...entry, key: 'b' }],
      [{ ...entry, length: 0 }],
      [{ ...entry, length: MiB + 1 }],
    ]) {
      expect(() => decodeIndex(encodeIndex(list, crypto), 9, crypto)).toThrow(FormatError)
    }
  })
})
