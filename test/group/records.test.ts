import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FormatError } from '../../src/base/errors.ts'
import { decodeRecord, encodeRecord } from '../../src/group/records.ts'
import type { CommittedOffset } from '../../src/group/offsets.ts'
import type { GroupRecord } from '../../src/group/records.ts'
import { bytes } from './classic/harness.ts'

const hex = (value: Uint8Array | null): string | null =>
  value === null ? null : Buffer.from(value).toString('hex')
const unhex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'))

const safe = fc.maxSafeNat()
const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
const nat32 = fc.nat({ max: 2 ** 31 - 1 })
const arbitraryMember = fc.record({
  memberId: fc.string({ unit: 'grapheme' }),
  instanceId: fc.option(fc.string()),
  clientId: fc.string(),
  clientHost: fc.string(),
  rebalanceTimeoutMs: nat32,
  sessionTimeoutMs: nat32,
  subscription: fc.uint8Array(),
  assignment: fc.uint8Array(),
})
const arbitraryGroup: fc.Arbitrary<GroupRecord> = fc
  .record({
    groupId: fc.string({ unit: 'grapheme' }),
    protocolType: fc.string(),
    generation: int32,
    protocol: fc.option(fc.string()),
    leader: fc.option(fc.string()),
    stateTimestampMs: safe,
    members: fc.array(arbitraryMember),
  })
  .map((group) => ({ kind: 'group', groupId: group.groupId, group }))
const arbitraryOffset: fc.Arbitrary<GroupRecord> = fc.record({
  kind: fc.constant('offset' as const),
  groupId: fc.string({ unit: 'grapheme' }),
  topic: fc.string(),
  partition: nat32,
  committed: fc.option<CommittedOffset>(
    fc
      .record({
        offset: safe,
        leaderEpoch: int32,
        metadata: fc.string({ unit: 'grapheme' }),
        commitMs: safe,
        expireMs: fc.oneof(fc.constant(-1), safe),
        topicId: fc.option(fc.uuid()),
      })
      // Version 1 knows neither the leader epoch nor the topic's id.
      .map((one) => (one.expireMs < 0 ? one : { ...one, leaderEpoch: -1, topicId: null })),
  ),
})

const roundTrip = (record: GroupRecord): GroupRecord | null => {
  const { key, value } = encodeRecord(record)
  return decodeRecord(key, value)
}

describe('encodeRecord()', () => {
  test('round-trips every record', () => {
    fc.assert(
      fc.property(fc.oneof(arbitraryGroup, arbitraryOffset), (record) => {
        expect(roundTrip(record)).toEqual(record)
      }),
      { numRuns: 300 },
    )
  })

  test('writes an offset as Kafka does, byte for byte', () => {
    const committed = {
      offset: 42,
      leaderEpoch: 7,
      metadata: 'hi',
      commitMs: 1_700_000_000_000,
      expireMs: -1,
      topicId: null,
    }
    const record = { kind: 'offset', groupId: 'g', topic: 'ab', partition: 3, committed } as const
    const { key, value } = encodeRecord(record)
    expect(hex(key)).toBe('0001' + '000167' + '00026162' + '00000003')
    expect(hex(value)).toBe(
      '0003' + '000000000000002a' + '00000007' + '00026869' + '0000018bcfe56800',
    )
    const legacy = encodeRecord({ ...record, committed: { ...committed, expireMs: 5 } })
    expect(hex(legacy.value)).toBe(
      '0001' + '000000000000002a' + '00026869' + '0000018bcfe56800' + '0000000000000005',
    )
    const topicId = '00112233-4455-6677-8899-aabbccddeeff'
    const flexible = encodeRecord({ ...record, committed: { ...committed, topicId } })
    expect(hex(flexible.value)).toBe(
      '0004' +
        '000000000000002a' +
        '00000007' +
        '036869' +
        '0000018bcfe56800' +
        '010010' +
        '00112233445566778899aabbccddeeff',
    )
    expect(encodeRecord({ ...record, committed: null }).value).toBeNull()
  })

  test('writes a group as Kafka does, byte for byte', () => {
    const record: GroupRecord = {
      kind: 'group',
      groupId: 'g',
      group: {
        groupId: 'g',
        protocolType: 'consumer',
        generation: 9,
        protocol: 'range',
        leader: 'm',
        stateTimestampMs: 1,
        members: [
          {
            memberId: 'm',
            instanceId: null,
            clientId: 'c',
            clientHost: '/h',
            rebalanceTimeoutMs: 2,
            sessionTimeoutMs: 3,
            subscription: bytes('S'),
            assignment: bytes('AA'),
          },
        ],
      },
    }
    const { key, value } = encodeRecord(record)
    expect(hex(key)).toBe('0002' + '000167')
    expect(hex(value)).toBe(
      '0003' +
        `0008${hex(bytes('consumer'))}` +
        '00000009' +
        `0005${hex(bytes('range'))}` +
        '00016d' +
        '0000000000000001' +
        '00000001' +
        '00016d' +
        'ffff' +
        '000163' +
        '00022f68' +
        '00000002' +
        '00000003' +
        '0000000153' +
        '000000024141',
    )
  })
})

describe('decodeRecord()', () => {
  test('reads the versions that older and newer brokers wrote', () => {
    const key = unhex('0000' + '000167' + '000174' + '00000000')
    expect(
      decodeRecord(key, unhex('0000' + '0000000000000005' + '0000' + '0000000000000006')),
    ).toMatchObject({ committed: { offset: 5, metadata: '', commitMs: 6, leaderEpoch: -1 } })
    const group = unhex('0002' + '000167')
    const members0 = '00000001' + '00016d' + '000163' + '000168' + '00000004' + '00000000'.repeat(2)
    expect(
      decodeRecord(group, unhex('0000' + '0000' + '00000001' + 'ffffffff' + members0)),
    ).toMatchObject({
      group: { stateTimestampMs: -1, members: [{ sessionTimeoutMs: 4, rebalanceTimeoutMs: 4 }] },
    })
    const members4 = '02' + '026d' + '00' + '0263' + '0268' + '0000000100000002' + '0101' + '00'
    expect(
      decodeRecord(
        group,
        unhex('0004' + '01' + '00000001' + '0262' + '00' + '0000000000000001' + members4 + '00'),
      ),
    ).toMatchObject({ group: { protocol: 'b', members: [{ memberId: 'm', instanceId: null }] } })
  })

  test('skips kinds it does not know', () => {
    expect(decodeRecord(unhex('0003000167'), unhex('0000'))).toBeNull()
  })

  test('answers hostile bytes with FormatError only', () => {
    const kinds = fc.constantFrom('0000', '0001', '0002')
    fc.assert(
      fc.property(kinds, fc.uint8Array(), fc.uint8Array(), (kind, tail, value) => {
        const key = Uint8Array.from([...unhex(kind), 0, 1, 0x67, ...tail])
        try {
          decodeRecord(key, value)
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError)
        }
      }),
      { numRuns: 500 },
    )
    const lying = unhex('0003' + '0000' + '00000001' + 'ffffffff' + '00'.repeat(8) + '7fffffff')
    expect(() => decodeRecord(unhex('0002000167'), lying)).toThrow(FormatError)
    expect(() => decodeRecord(unhex('0002000167'), unhex('0009'))).toThrow(FormatError)
  })
})
